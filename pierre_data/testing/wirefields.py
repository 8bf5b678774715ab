"""Which fields of the vendor's rows are read, knowingly ignored, or not mentioned."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pierre_data.schema import Table
from pierre_data.spi import Endpoint, ProviderDescriptor, Query, get_path
from pierre_data.testing.findings import Findings, WireFields
from pierre_data.testing.stage import cell_name

_DERIVED = {"provider", "sport_raw", "sport_family", "is_exercise"}


def check_fields(
    descriptor: ProviderDescriptor, table: Table, frames: Mapping[bool, pd.DataFrame], folder: Path, query: Query,
    findings: Findings,
) -> None:  # fmt: skip
    """Look at what is read of the vendor's rows, and whether each promised column is ever filled.

    `frames` are single or list -> what came; the query gives clock and options to functions that find rows.
    """
    both = {False: descriptor.endpoints.get(table), True: descriptor.details.get(table)}
    unseen: dict[str, bool] = {}
    for single, endpoint in both.items():
        if endpoint is None or single not in frames:
            continue
        frame, name = frames[single], cell_name(table, single)
        empty = sorted(c for c in endpoint.produces() - _DERIVED if c in table.columns and frame[c].isna().all())
        if endpoint.plan_with is not None:
            if empty:
                findings.notes.append(f"{name}: these payloads leave empty: {', '.join(empty)}.")
            continue
        rows = _wire_rows(endpoint, folder, query)
        findings.fields[name] = _known_fields(rows, endpoint)
        missing = {path for path in _mapped(endpoint) if all(get_path(row, path) is None for row in rows)}
        for path in _mapped(endpoint):
            unseen[path] = unseen.get(path, True) and path in missing
        for column in empty:
            paths = endpoint.fields[column].paths if column in endpoint.fields else ()
            if set(paths) - missing:  # otherwise the path is the finding
                findings.add(f"{name}.{column} is null in every row, though {paths[0]!r} is not.", column)
    for path in sorted(path for path, missing in unseen.items() if missing):
        findings.add(f"{table.name}: no payload has a value at {path!r}: is it spelled right? If so, add one.", path)
    findings.verified.append(
        "Each wire path that is read, and each column that is promised, has a value in some payload."
    )


def payload_files(endpoint: Endpoint, folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the payload files of an endpoint, and the id each is of: empty for a list, none for a plan of code."""
    if not endpoint.path:
        return
    pattern = re.compile("([^/]+)".join(map(re.escape, endpoint.path.strip("/").replace(":", "/").split("{id}"))))
    for file in sorted(folder.rglob("*.json")):
        if match := pattern.fullmatch(file.relative_to(folder).as_posix().removesuffix(".json")):
            yield file, match[1] if match.groups() else ""


def _wire_rows(endpoint: Endpoint, folder: Path, query: Query) -> list[Any]:
    """Return the rows of all payload files of an endpoint, as the vendor sends them."""
    rows: list[Any] = []
    for file, id in payload_files(endpoint, folder):
        body = json.loads(file.read_text(encoding="utf-8"))
        if callable(endpoint.records):
            rows += endpoint.records(body, Query(query.table, id=id or None, now=query.now, options=query.options))
            continue
        content = get_path(body, endpoint.records)
        rows += content if isinstance(content, list) else [content] if isinstance(content, dict) else []
    return rows


def _known_fields(rows: Sequence[Any], endpoint: Endpoint) -> WireFields:
    """Sort the fields of a vendor's rows into those that are read, ignored and not mentioned."""
    read, ignored, other = set(), set(), set()
    for leaf in {path for row in rows for path in _leaves(row)}:
        if any(_within(path, leaf) or _within(leaf, path) for path in _mapped(endpoint)):
            read.add(leaf)
        elif any(_within(leaf, path) for path in endpoint.ignored):
            ignored.add(leaf)
        else:
            other.add(leaf)
    return WireFields(tuple(sorted(read)), tuple(sorted(ignored)), tuple(sorted(other)))


def _leaves(row: Any, at: str = "") -> Iterator[str]:
    """Yield the dotted path of each value in a row; a list is one value."""
    if isinstance(row, Mapping) and row:
        for key, value in row.items():
            yield from _leaves(value, f"{at}.{key}" if at else str(key))
    elif at:
        yield at


def _mapped(endpoint: Endpoint) -> set[str]:
    return {path for item in endpoint.fields.values() for path in item.paths}


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}.")
