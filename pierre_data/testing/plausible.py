"""What no body and no clock can produce: the traces of a wrong unit, epoch or id."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pandas as pd

from pierre_data.schema import Kind, Table

_SPEEDS = {"run": (0.3, 12.5), "ride": (0.3, 40.0), "walk": (0.05, 8.0)}
_NUMBERED = r"\d+\.0|\d+(?:\.\d+)?[eE]\+?\d+"


def oddities(frame: pd.DataFrame, table: Table, now: dt.datetime) -> Iterator[tuple[str, str]]:
    """Yield the columns with values that cannot be, and a sentence for each; nothing is recorded two days after now."""
    for column in table.columns.values():
        values = frame[column.name].dropna()
        if values.empty:
            continue
        if column.kind is Kind.NUMBER:
            bounds, numbers = column.bounds, values[values != 0]
            if bounds and len(numbers) and not bounds[0] <= float(numbers.median()) <= bounds[1]:
                yield column.name, f"{float(numbers.median()):g} is typical, which cannot be: is the unit right?"
        elif column.kind is Kind.INSTANT:
            yield from _instants(column.name, values, now)
        elif column.kind is Kind.TEXT and (column.name == "id" or column.name.endswith("_id")):
            odd = values[values.str.fullmatch(_NUMBERED)]
            if len(odd):
                yield column.name, f"{odd.iloc[0]!r} was a number on the way: ids are text."
    yield from _clocks(frame)
    yield from _speeds(frame)


def _instants(name: str, values: pd.Series[pd.Timestamp], now: dt.datetime) -> Iterator[tuple[str, str]]:
    early, late = pd.Timestamp("1980-01-01", tz="UTC"), pd.Timestamp(now) + pd.Timedelta(days=2)
    out = values[(values < early) | (values > late)]
    if len(out):
        yield name, f"{out.iloc[0].isoformat()} is no time of a recording: is the epoch or its unit right?"


def _clocks(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Local clock = UTC + offset, wherever a row has all three."""
    columns = ["start_time", "start_time_local", "utc_offset_s"]
    if not set(columns) <= set(frame.columns):
        return
    rows = frame[columns].dropna()
    shift = rows.start_time_local - rows.start_time.dt.tz_localize(None)
    wrong = rows[(shift.dt.total_seconds() - rows.utc_offset_s).abs() > 1]
    if len(wrong):
        row = wrong.iloc[0]
        yield (
            "start_time_local",
            f"{row.start_time_local} is not {row.start_time} plus {row.utc_offset_s:g} s: a zone is wrong.",
        )
    steps = rows.utc_offset_s[rows.utc_offset_s % 900 != 0]
    if len(steps):
        yield "utc_offset_s", f"{steps.iloc[0]:g} is no offset any place has."


def _speeds(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Distance over duration, of whole families: a factor of 60 or 1000 shows, whichever of the two has it."""
    if not {"sport_family", "distance_m", "elapsed_s"} <= set(frame.columns):
        return
    rows = frame[(frame.distance_m > 0) & (frame.elapsed_s > 0)]
    for family, (low, high) in _SPEEDS.items():
        speeds = (rows.distance_m / rows.elapsed_s)[rows.sport_family == family]
        typical = float(np.median(speeds)) if len(speeds) else low
        if not low <= typical <= high:
            yield "distance_m", f"a {family} at {typical:.3g} m/s: the unit of distance_m or elapsed_s is wrong."
