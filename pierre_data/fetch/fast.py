"""A page in one pass: a msgspec decoder built from the same wire names that pydantic checks.

It decodes what is as expected and refuses everything else; a refused page goes to the validator of
`pierre_data.fetch.wire`, which is slower and says what is wrong with which row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from pierre_data.spi.fields import get_path

#: What a page holds: wire name -> values, number of rows, cursor; None when the page is not as expected.
Fast = Callable[[bytes], tuple[dict[str, tuple[Any, ...]], int, Any] | None]

_TYPES: Mapping[str, Any] = {
    "NUMBER": float | None,
    "TEXT": str | int | float | None,
    "FLAG": bool | None,
    "ANY": Any,
}


def fast(modes: Mapping[str, str], records: object, cursor: str | None) -> Fast | None:
    """Return a decoder of pages, or None when rows or cursor are not where it can look.

    Parameters
    ----------
    modes : mapping of str to str
        Wire path -> NUMBER, TEXT, FLAG or ANY.
    records : str or callable
        Where the rows are: it handles the body itself and one step into it.
    cursor : str, optional
        Dotted path of the cursor.
    """
    if not isinstance(records, str) or "." in records or (cursor and cursor.partition(".")[0] == records):
        return None
    row, columns = _row(modes)

    if not records:
        decode_list = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]

        def bare(body: bytes) -> tuple[dict[str, tuple[Any, ...]], int, Any] | None:
            try:
                rows = decode_list(body)
            except msgspec.DecodeError:
                return None
            return columns(rows), len(rows), None

        return bare
    head = cursor.partition(".")[0] if cursor else ""
    fields = [("rows", list[row], ...), *([("cursor", Any, None)] if head else [])]  # type: ignore[valid-type]
    rename = {"rows": records, "cursor": head}
    page = msgspec.defstruct("Page", [f if f[2] is not ... else f[:2] for f in fields], rename=rename, gc=False)
    decode_page = msgspec.json.Decoder(page).decode

    def enveloped(body: bytes) -> tuple[dict[str, tuple[Any, ...]], int, Any] | None:
        try:
            found: Any = decode_page(body)
        except msgspec.DecodeError:
            return None
        mark = get_path({head: found.cursor}, cursor or "") if head else None
        return columns(found.rows), len(found.rows), mark

    return enveloped


def _row(modes: Mapping[str, str]) -> tuple[Any, Callable[[Sequence[Any]], dict[str, tuple[Any, ...]]]]:
    """Return a struct of the first steps of all wire paths, and what takes the columns out of many."""
    heads: dict[str, str] = {}
    for name, mode in modes.items():
        head, _, rest = name.partition(".")
        heads[head] = mode if not rest and heads.get(head, mode) == mode else "ANY"
    slots = {head: f"f{at}" for at, head in enumerate(heads)}
    fields = [(slots[head], _TYPES[mode], None) for head, mode in heads.items()]
    struct = msgspec.defstruct("Row", fields, rename={slot: head for head, slot in slots.items()}, gc=False)
    takes = {head: attrgetter(slot) for head, slot in slots.items()}
    nested = {name: _inner(name.partition(".")[2]) for name in modes if "." in name}

    def columns(rows: Sequence[Any]) -> dict[str, tuple[Any, ...]]:
        if not rows:
            return dict.fromkeys(modes, ())
        # Column by column: one tuple per row took twice as long.
        whole = {head: tuple(map(take, rows)) for head, take in takes.items()}
        return {
            name: tuple(map(nested[name], whole[name.partition(".")[0]])) if name in nested else whole[name]
            for name in modes
        }

    return struct, columns


def _inner(path: str) -> Callable[[Any], Any]:
    if path.isdigit():
        at = int(path)
        return lambda value: value[at] if isinstance(value, list) and at < len(value) else None
    return lambda value: get_path(value, path)
