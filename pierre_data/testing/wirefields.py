"""Which fields of the vendor's rows are read, knowingly ignored, or not mentioned."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pierre_data.spi import Endpoint, Query, get_path
from pierre_data.testing.findings import WireFields


def payload_files(endpoint: Endpoint, folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the payload files of an endpoint, and the id each is of: empty for a list, none for a plan of code."""
    if not endpoint.path:
        return
    pattern = re.compile("([^/]+)".join(map(re.escape, endpoint.path.strip("/").replace(":", "/").split("{id}"))))
    for file in sorted(folder.rglob("*.json")):
        match = pattern.fullmatch(file.relative_to(folder).as_posix().removesuffix(".json"))
        if match:
            yield file, match[1] if match.groups() else ""


def wire_rows(endpoint: Endpoint, folder: Path, query: Query) -> list[Any]:
    """Return the rows of all payload files of an endpoint, as the vendor sends them."""
    rows: list[Any] = []
    for file, id in payload_files(endpoint, folder):
        body = json.loads(file.read_text(encoding="utf-8"))
        if callable(endpoint.records):
            asked = Query(query.table, id=id or None, now=query.now, options=query.options)
            rows += endpoint.records(body, asked)
            continue
        content = get_path(body, endpoint.records)
        rows += content if isinstance(content, list) else [content] if isinstance(content, dict) else []
    return rows


def leaves(row: Any, at: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the dotted path of each value in a row, and whether it is filled; a list is one value."""
    if isinstance(row, Mapping) and row:
        for key, value in row.items():
            yield from leaves(value, f"{at}.{key}" if at else str(key))
    elif at:
        yield at, row is not None


def known_fields(rows: Sequence[Any], endpoint: Endpoint) -> WireFields:
    """Sort the fields of a vendor's rows into those that are read, ignored and not mentioned."""
    paths = {path for item in endpoint.fields.values() for path in item.paths}
    read, ignored, other = set(), set(), set()
    for leaf in {path for row in rows for path, _ in leaves(row)}:
        if any(_within(path, leaf) or _within(leaf, path) for path in paths):
            read.add(leaf)
        elif any(_within(leaf, path) for path in endpoint.ignored):
            ignored.add(leaf)
        else:
            other.add(leaf)
    return WireFields(tuple(sorted(read)), tuple(sorted(ignored)), tuple(sorted(other)))


def unseen_paths(rows: Sequence[Any], endpoint: Endpoint) -> set[str]:
    """Return the wire paths an endpoint reads that are null or missing in every row."""
    paths = {path for item in endpoint.fields.values() for path in item.paths}
    return {path for path in paths if all(get_path(row, path) is None for row in rows)}


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}.")
