"""Questions asked in several ways: both window ends, several page sizes, twice the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pandas as pd

from pierre_data.schema import Table
from pierre_data.spi import DateWindows, NextLink, Offset, PageNumber, Single, Token
from pierre_data.testing.findings import Findings
from pierre_data.testing.stage import Outcome, Stage, cell_name

_TICK = dt.timedelta(microseconds=1)
_MARGIN = dt.timedelta(days=2)


def attempt(
    stage: Stage,
    found: Findings,
    table: Table,
    after: dt.datetime | None = None,
    before: dt.datetime | None = None,
    id: str | None = None,
) -> Outcome | None:
    """Ask a question whose answer must not fail; a failure, or a request sent twice, is a finding."""
    name = cell_name(table, id is not None)
    try:
        outcome = stage.fetch(table, after, before, id)
    except Exception as error:  # noqa: BLE001 - whatever an author's code raises is a finding
        found.add(f"{name}: {type(error).__name__}: {error}")
        return None
    asked = [(seen.path, tuple(sorted(seen.params.items())), seen.body) for seen in outcome.requests]
    if len(set(asked)) < len(asked):
        twice = next(one for at, one in enumerate(asked) if one in asked[:at])
        found.add(f"{name}: {twice[0]} was asked twice with the same parameters in one walk.")
    return outcome


def window_times(frame: pd.DataFrame, table: Table) -> pd.Series[pd.Timestamp]:
    """Return the times windows refer to, as aware UTC; a calendar day is its midnight, UTC."""
    times = frame[table.time or ""]
    return times if isinstance(times.dtype, pd.DatetimeTZDtype) else times.dt.tz_localize("UTC")


def keys(frame: pd.DataFrame, table: Table) -> set[tuple[object, ...]]:
    """Return what identifies the rows of a frame."""
    return set(frame[list(table.key)].itertuples(index=False, name=None))


def check_windows(stage: Stage, table: Table, whole: Outcome, found: Findings) -> None:
    """Ask for both sides of the first, a middle and the last row: windows are half-open and lose nothing.

    The windows of a feed mean time of upload: rows of any time may come, and none that the whole does not have.
    """
    if table.time is None or whole.frame.empty:
        return
    times = window_times(whole.frame, table)
    start, end = times.min().to_pydatetime() - _MARGIN, times.max().to_pydatetime() + _MARGIN
    if stage.descriptor.endpoints[table].window_kind == "feed":
        got = attempt(stage, found, table, start, end)
        if got is not None and keys(got.frame, table) - keys(whole.frame, table):
            found.add(f"{table.name}: a question with a start and an end brings rows that one without does not.")
        found.notes.append(f"{table.name}: its windows are time of upload; whoever keeps its rows cuts them.")
        return
    for after, before, end_name in _sides(times, start, end):
        got = attempt(stage, found, table, after, before)
        if got is None:
            return
        wanted = keys(whole.frame[(times >= after) & (times < before)], table)
        came = keys(got.frame, table)
        if came - wanted:
            found.add(f"{table.name}: a row at the {end_name} of a window [after, before) came, and must not.")
        elif wanted - came:
            found.add(f"{table.name}: a row at the {end_name} of a window [after, before) is missing.")
    found.verified.append("Windows are half-open at both ends, and neighbours make a whole.")
    if stage.server is not None and not stage.server.windowed and stage.descriptor.endpoints[table].window:
        found.notes.append(f"{table.name}: give `select=` to verify its window parameters as the vendor reads them.")


def _sides(
    times: pd.Series[pd.Timestamp], start: dt.datetime, end: dt.datetime
) -> Iterator[tuple[dt.datetime, dt.datetime, str]]:
    ordered = times.sort_values(ignore_index=True)
    for at in sorted({0, len(ordered) // 2, len(ordered) - 1}):
        time = ordered[at].to_pydatetime()
        yield start, time, "end"
        yield time, end, "start"
        yield start, time + _TICK, "end"
        yield time + _TICK, end, "start"


def check_pages(stage: Stage, table: Table, whole: Outcome, found: Findings) -> None:
    """Ask with other page sizes: every row comes once, the walk ends, also behind a last page that is full."""
    endpoint = stage.descriptor.endpoints[table]
    paging = endpoint.paging.inner if isinstance(endpoint.paging, DateWindows) else endpoint.paging
    count = len(whole.frame)
    if stage.server is None or isinstance(paging, Single) or endpoint.plan_with is not None:
        return
    if count < 2:
        found.notes.append(f"{table.name}: its paging was not verified: the payload has fewer than two rows.")
        return
    for size in sorted({max(1, count // 3), count}):
        other = stage.paged(table, size)
        _same_rows(other, table, whole, f"pages of {size}", found)
    # A vendor may cap the size it is asked for; a walk that ends at a short page would then lose rows.
    if isinstance(paging, Token | NextLink) or (isinstance(paging, PageNumber | Offset) and paging.until == "empty"):
        stage.server.page_size = max(1, count // 3)
        _same_rows(stage, table, whole, "a vendor that caps its pages", found)
        stage.server.page_size = None
    found.verified.append("Paging delivers every row once, ends, and never asks for a page twice.")


def _same_rows(stage: Stage | None, table: Table, whole: Outcome, how: str, found: Findings) -> None:
    got = attempt(stage, found, table) if stage else None
    if got is None:
        return
    lost = len(keys(whole.frame, table) - keys(got.frame, table))
    if lost or len(got.frame) != len(whole.frame):
        found.add(f"{table.name}: with {how}, {len(got.frame)} row(s) came of {len(whole.frame)}, {lost} are lost.")


def check_repeats(stage: Stage, table: Table, first: Outcome, id: str | None, found: Findings) -> None:
    """Ask the same again: the answer is the same."""
    second = attempt(stage, found, table, id=id)
    if second is not None and not second.frame.equals(first.frame):
        found.add(f"{cell_name(table, id is not None)}: the same question has two different answers.")
    found.verified.append("The same question has the same answer.")
