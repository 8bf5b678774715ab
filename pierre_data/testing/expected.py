"""Frames as CSV that a person can read, and what differs between what came and what was expected."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pierre_data.schema import Kind, Table

#: Relative difference below which two numbers are the same.
TOLERANCE = 1e-9


def written(frame: pd.DataFrame, table: Table) -> str:
    """Return a conformed frame as CSV, sorted by the table's key, without columns that are null in every row.

    Numbers have up to 12 significant digits; instants end in Z, wall-clock times do not; an empty cell is null.

    Examples
    --------
    >>> from pierre_data.schema import GEAR
    >>> print(written(GEAR.conform(pd.DataFrame({"provider": ["a"], "id": ["b1"], "distance_m": [2.5e6]})), GEAR))
    provider,id,distance_m
    a,b1,2500000
    <BLANKLINE>
    """
    names = [n for n in table.columns if frame[n].notna().any()]
    rows = frame.sort_values(list(table.key), kind="stable") if len(frame) else frame
    cells = [[_cell(value, table[name].kind) for value in rows[name]] for name in names]
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(names)
    lines.writerows(zip(*cells, strict=True))
    return out.getvalue()


def compare(frame: pd.DataFrame, table: Table, file: Path) -> Iterator[tuple[str, str]]:
    """Yield the columns that differ from an expected CSV, and a sentence for each.

    Parameters
    ----------
    frame : DataFrame
        What came.
    table : Table
        Which.
    file : Path
        As `written` wrote it, or a person did; its columns may stand in any order.
    """
    got, wanted = _columns(written(frame, table)), _columns(file.read_text(encoding="utf-8"))
    sizes = [len(next(iter(columns.values()), [])) for columns in (got, wanted)]
    if sizes[0] != sizes[1]:
        yield "", f"{sizes[0]} row(s) came, {file.name} has {sizes[1]}."
        return
    nothing = [""] * sizes[0]
    for name in dict.fromkeys([*wanted, *got]):
        pairs = enumerate(zip(got.get(name, nothing), wanted.get(name, nothing), strict=True), start=1)
        wrong = [(at, a, b) for at, (a, b) in pairs if not _same(a, b)]
        if wrong:
            at, a, b = wrong[0]
            yield name, f"row {at} of {file.name} expects {name} = {b!r}, {a!r} came ({len(wrong)} row(s) differ)."


def _columns(text: str) -> dict[str, list[str]]:
    header, *rows = [*csv.reader(io.StringIO(text)), []][: -1 if text else None]
    return {name: [row[at] for row in rows] for at, name in enumerate(header)}


def _cell(value: Any, kind: Kind) -> str:
    if pd.isna(value):
        return ""
    match kind:
        case Kind.NUMBER | Kind.COUNT:
            return f"{value:.12g}"
        case Kind.FLAG:
            return "true" if value else "false"
        case Kind.INSTANT:
            return f"{value.tz_convert(None).isoformat()}Z"
        case Kind.WALL:
            return str(value.isoformat())
        case Kind.TEXT:
            return str(value)


def _same(a: str, b: str) -> bool:
    if a == b:
        return True
    try:
        return math.isclose(float(a), float(b), rel_tol=TOLERANCE)
    except ValueError:
        return False
