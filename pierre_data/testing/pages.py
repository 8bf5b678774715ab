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
    """Return the dotted path of the rows in a body, or None when there is no list to be paged.

    Where a function finds the rows, the body's only list is taken.
    """
    if isinstance(records, str):
        return records if isinstance(get_path(body, records), list) else None
    if isinstance(body, list):
        return ""
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
    if isinstance(paging, PageNumber):
        size = _size(params.get(paging.per_page), paging.size, cap)
        start = (int(params.get(paging.page, paging.start)) - paging.start) * size
        return rows[start : start + size], None
    if isinstance(paging, Offset):
        start = int(params.get(paging.offset, 0))
        return rows[start : start + _size(params.get(paging.limit), paging.size, cap)], None
    if not isinstance(paging, Token | NextLink):
        return rows, None
    if isinstance(paging, Token):
        size, name = _size(params.get(paging.limit), paging.size or len(rows), cap), paging.param
    else:
        size, name = _size(None, len(rows), cap), LINK
    start = _place(params.get(name), path, len(rows))
    end = start + size
    if end >= len(rows):
        return rows[start:end], None
    cursor = _cursor(path, end)
    link = f"{url}{path}?{urlencode({**params, LINK: cursor})}"
    return rows[start:end], cursor if isinstance(paging, Token) else link


def _size(asked: str | None, usual: int, cap: int | None) -> int:
    size = int(asked) if asked else usual
    return max(1, size if cap is None else min(size, cap))


def _cursor(path: str, at: int) -> str:
    """Return a mark that says nothing of the position it stands for."""
    return hashlib.sha256(f"{path} {at}".encode()).hexdigest()[:20]


def _place(cursor: str | None, path: str, rows: int) -> int:
    if cursor is None:
        return 0
    for at in range(1, rows):
        if _cursor(path, at) == cursor:
            return at
    raise ValueError(f"{cursor!r} is no cursor of {path}")
