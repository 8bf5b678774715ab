"""Frames as CSV that a person can read, and what differs between what came and what was expected."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pierre_data.schema import Kind, Table
from pierre_data.testing.findings import Findings

#: Relative difference below which two numbers are the same.
TOLERANCE = 1e-9


def check_expected(frame: pd.DataFrame, table: Table, name: str, folder: Path, write: bool, findings: Findings) -> None:
    """Compare an answer with ``<name>.expected.csv``, or write that file; single objects count together."""
    file = folder / f"{name}.expected.csv"
    frame = frame.drop_duplicates(list(table.key), keep="last")
    if write:
        file.write_text(written(frame, table), encoding="utf-8")
    if not file.exists():
        findings.notes.append(f"{file.name} is not there: write it with check(..., write_expected=True), and read it.")
        return
    for column, text in compare(frame, table, file):
        findings.add(f"{name}: {text}", column)
    findings.verified.append("What comes out equals the expected CSV files.")


def written(frame: pd.DataFrame, table: Table) -> str:
    """Return a conformed frame as CSV, sorted by the table's key, without columns that are null in every row.

    Numbers have up to 12 significant digits; instants end in Z, wall-clock times do not; an empty cell is null.
    """
    names = [n for n in table.columns if frame[n].notna().any()]
    rows = frame.sort_values(list(table.key), kind="stable") if len(frame) else frame
    cells = {name: [_cell(value, table[name].kind) for value in rows[name]] for name in names}
    return pd.DataFrame(cells, columns=names, dtype="str").to_csv(index=False, lineterminator="\n")


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


def compare(frame: pd.DataFrame, table: Table, file: Path) -> Iterator[tuple[str, str]]:
    """Yield the columns that differ from an expected CSV, and a sentence for each; columns stand in any order."""
    actual, expected = _texts(written(frame, table)), _texts(file.read_text(encoding="utf-8"))
    if len(actual) != len(expected):
        yield "", f"{len(actual)} row(s) came, {file.name} has {len(expected)}."
        return
    for name in dict.fromkeys([*expected, *actual]):
        # pandas.testing would do, but says neither which row it was nor how many.
        a, b = (texts[name] if name in texts else pd.Series("", index=actual.index) for texts in (actual, expected))
        x, y = (pd.to_numeric(cells, errors="coerce").to_numpy() for cells in (a, b))
        wrong = np.flatnonzero((a != b) & ~np.isclose(x, y, rtol=TOLERANCE, atol=0))
        if len(wrong):
            at = int(wrong[0])
            row = f"row {at + 1} of {file.name} expects {name} = {b[at]!r}, {a[at]!r} came"
            yield name, f"{row} ({len(wrong)} row(s) differ)."


def _texts(text: str) -> pd.DataFrame:
    """Return the cells of a CSV as they are written."""
    if not text.strip():
        return pd.DataFrame()
    return pd.read_csv(io.StringIO(text), dtype="str", keep_default_na=False, skip_blank_lines=False)
