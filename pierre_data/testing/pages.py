"""How a vendor cuts a list into pages: the other side of `pierre_data.spi.paging`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pierre_data.spi import NextLink, Offset, PageNumber, Paging, Token, get_path

#: Parameter that carries the cursor of a next link.
LINK = "page_cursor"


def rows_at(body: Any, records: object) -> str | None:
    """Return the dotted path of the rows in a body, or None when there is no list to be paged."""
    if isinstance(records, str):
        return records if isinstance(get_path(body, records), list) else None
    if isinstance(body, list):
        return ""
    # A function finds the rows: they must be the body's only list.
    lists = [key for key, value in body.items() if isinstance(value, list)] if isinstance(body, Mapping) else []
    return lists[0] if len(lists) == 1 else None


def replaced(body: Any, path: str, value: Any) -> Any:
    """Return a copy of a body with another value at a dotted path."""
    head, _, rest = path.partition(".")
    if not head:
        return value
    if isinstance(body, list):
        return [replaced(v, rest, value) if str(at) == head else v for at, v in enumerate(body)]
    whole = dict(body) if isinstance(body, Mapping) else {}
    return {**whole, head: replaced(whole.get(head), rest, value)}


def page_of(
    paging: Paging, rows: Sequence[Any], path: str, params: Mapping[str, str], *, cap: int | None, url: str
) -> tuple[Sequence[Any], str | None]:
    """Return the rows of one page, and the cursor of the page after it: None on the last, and where there is none.

    `cap` is the most rows the vendor puts on a page, whatever was asked.  ValueError: a parameter is no number, or a
    cursor was never given out.
    """

    def page_size(name: str, usual: int) -> int:
        size = int(params.get(name) or usual)
        return max(1, size if cap is None else min(size, cap))

    match paging:
        case PageNumber():
            size = page_size(paging.per_page, paging.size)
            start = (int(params.get(paging.page, paging.start)) - paging.start) * size
            return rows[start : start + size], None
        case Offset():
            start = int(params.get(paging.offset, 0))
            return rows[start : start + page_size(paging.limit, paging.size)], None
        case Token():
            size, name = page_size(paging.limit, paging.size or len(rows)), paging.param
        case NextLink():
            size, name = page_size("", len(rows)), LINK
        case _:
            return rows, None
    # A cursor says nothing of the position it stands for.
    cursors = [hashlib.sha256(f"{path} {at}".encode()).hexdigest()[:20] for at in range(len(rows))]
    start = cursors.index(params[name]) if name in params else 0
    end = start + size
    if end >= len(rows):
        return rows[start:], None
    if isinstance(paging, Token):
        return rows[start:end], cursors[end]
    return rows[start:end], f"{url}{path}?{urlencode({**params, LINK: cursors[end]})}"
