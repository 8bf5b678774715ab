"""What the rows of every answer must keep: shape, ids, sports, and the traces of a wrong unit, epoch or zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pandas as pd

from pierre_data.schema import Kind, Table
from pierre_data.testing.faults import leaks
from pierre_data.testing.findings import Findings
from pierre_data.testing.stage import Outcome, cell_name

#: What a typical distance over duration of a family may be, in m/s.
_SPEEDS = {"run": (0.3, 12.5), "ride": (0.3, 40.0), "walk": (0.05, 8.0)}
_NUMBERED = r"\d+\.0|\d+(?:\.\d+)?[eE]\+?\d+"


def check_rows(outcome: Outcome, table: Table, id: str | None, now: dt.datetime, findings: Findings) -> bool:
    """Look at one answer; returns whether it is a frame of the table at all."""
    name, frame = cell_name(table, id is not None), outcome.frame
    if list(frame.columns) != list(table.columns) or dict(frame.dtypes.astype(str)) != dict(table.dtypes):
        odd = [c for c in table.columns if c not in frame or str(frame[c].dtype) != table.dtypes[c]]
        findings.add(f"{name}: the frame is not conformed; look at {', '.join(odd[:3]) or 'the order of its columns'}.")
        return False
    for column in table.required:
        if frame[column].isna().any():
            findings.add(f"{name}.{column} is required and has missing values.", column)
    if len(frame) and set(frame.provider) != {findings.provider}:
        findings.add(f"{name}: the provider column says {frame.provider.iloc[0]!r}.")
    _check_ids(frame, table, id, name, findings)
    for column, text in [*_odd_values(frame, table, now), *_odd_clocks(frame), *_odd_speeds(frame)]:
        findings.add(f"{name}.{column}: {text}", column, f"{name}.{column}")
    for word, count in outcome.report.unknown_sports.items():
        findings.add(f"{name}: the sport {word!r} ({count} row(s)) is in no table of the provider.", word)
    for bad in outcome.report.rejected:
        findings.add(f"{name}: row {bad.row} was set aside, {bad.field} = {bad.value}.", bad.row, bad.field)
    for column in leaks(frame):
        findings.add(f"{name}.{column} holds the token.")
    findings.verified += [
        "Frames have the table's columns, order and dtypes; required columns are filled.",
        "Ids are text, were never numbers with decimals, and identify rows.",
        "Values are what bodies and clocks can produce: units, epochs, UTC plus offset is local time.",
        "Every sport word of the payloads is in the provider's table, and every row can be read.",
    ]
    return True


def _check_ids(frame: pd.DataFrame, table: Table, id: str | None, name: str, findings: Findings) -> None:
    repeated = int(frame.duplicated(list(table.key)).sum())
    if repeated and repeated == len(frame) - 1:
        findings.add(f"{name}: all {len(frame)} rows have one key, {', '.join(table.key)}.")
    elif repeated:
        findings.notes.append(f"{name}: {repeated} row(s) have a key that came before (the last one counts).")
    column = "id" if "id" in table.columns else "sleep_id"
    if id is not None and column in table.columns and (other := set(frame[column].dropna()) - {id}):
        findings.add(f"{name}: {id!r} was asked for and {column} {sorted(other)[0]!r} came.", column)


def _odd_values(frame: pd.DataFrame, table: Table, now: dt.datetime) -> Iterator[tuple[str, str]]:
    """Yield the columns with values that no body has, and a sentence for each; nothing is of two days after now."""
    early, late = pd.Timestamp("1980-01-01", tz="UTC"), pd.Timestamp(now) + pd.Timedelta(days=2)
    for column in table.columns.values():
        values = frame[column.name].dropna()
        if column.kind is Kind.NUMBER:
            bounds, numbers = column.bounds, values[values != 0]
            if bounds and len(numbers) and not bounds[0] <= float(numbers.median()) <= bounds[1]:
                yield column.name, f"{float(numbers.median()):g} is typical, which cannot be: is the unit right?"
        elif column.kind is Kind.INSTANT:
            out = values[(values < early) | (values > late)]
            if len(out):
                text = f"{out.iloc[0].isoformat()} is no time of a recording: is the epoch or its unit right?"
                yield column.name, text
        elif column.kind is Kind.TEXT and (column.name == "id" or column.name.endswith("_id")):
            odd = values[values.str.fullmatch(_NUMBERED)]
            if len(odd):
                yield column.name, f"{odd.iloc[0]!r} was a number on the way: ids are text."


def _odd_clocks(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Local clock = UTC + offset, wherever a row has all three."""
    columns = ["start_time", "start_time_local", "utc_offset_s"]
    if not set(columns) <= set(frame.columns):
        return
    rows = frame[columns].dropna()
    shift = rows.start_time_local - rows.start_time.dt.tz_localize(None)
    for row in rows[(shift.dt.total_seconds() - rows.utc_offset_s).abs() > 1].head(1).itertuples():
        text = f"{row.start_time_local} is not {row.start_time} plus {row.utc_offset_s:g} s: a zone is wrong."
        yield "start_time_local", text
    for offset in rows.utc_offset_s[rows.utc_offset_s % 900 != 0].head(1):
        yield "utc_offset_s", f"{offset:g} is no offset any place has."


def _odd_speeds(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Distance over duration, of whole families: a factor of 60 or 1000 shows, whichever of the two has it."""
    if not {"sport_family", "distance_m", "elapsed_s"} <= set(frame.columns):
        return
    rows = frame[(frame.distance_m > 0) & (frame.elapsed_s > 0)]
    for family, (low, high) in _SPEEDS.items():
        speeds = (rows.distance_m / rows.elapsed_s)[rows.sport_family == family]
        typical = float(np.median(speeds)) if len(speeds) else low
        if not low <= typical <= high:
            yield "distance_m", f"a {family} at {typical:.3g} m/s: the unit of distance_m or elapsed_s is wrong."
