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
#: A walk of more requests than this is long.
LONG = 50


def attempt(
    stage: Stage,
    findings: Findings,
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
        findings.add(f"{name}: {type(error).__name__}: {error}")
        return None
    asked = [(seen.path, tuple(sorted(seen.params.items())), seen.body) for seen in outcome.requests]
    if len(set(asked)) < len(asked):
        twice = next(one for at, one in enumerate(asked) if one in asked[:at])
        findings.add(f"{name}: {twice[0]} was asked twice with the same parameters in one walk.")
    return outcome


def window_times(frame: pd.DataFrame, table: Table) -> pd.Series[pd.Timestamp]:
    """Return the times windows refer to, as aware UTC; a calendar day is its midnight, UTC."""
    times = frame[table.time or ""]
    return times if isinstance(times.dtype, pd.DatetimeTZDtype) else times.dt.tz_localize("UTC")


def extent(frame: pd.DataFrame, table: Table) -> tuple[dt.datetime, dt.datetime]:
    """Return a window that holds all rows of a frame, with days to spare."""
    times = window_times(frame, table)
    return times.min().to_pydatetime() - _MARGIN, times.max().to_pydatetime() + _MARGIN


def keys(frame: pd.DataFrame, table: Table) -> set[tuple[object, ...]]:
    """Return what identifies the rows of a frame."""
    return set(frame[list(table.key)].itertuples(index=False, name=None))


def check_windows(stage: Stage, table: Table, whole: Outcome, findings: Findings) -> None:
    """Ask for both sides of the first, a middle and the last row: windows are half-open, lose nothing, keep order."""
    if table.time is None:
        return
    endpoint = stage.descriptor.endpoints[table]
    if endpoint.newest_first and not whole.frame[table.time].is_monotonic_decreasing:
        findings.add(f"{table.name} is declared newest first, and the rows come in another order.", table.name)
    times, (start, end) = window_times(whole.frame, table), extent(whole.frame, table)
    if endpoint.window_kind == "feed":
        # Its windows mean time of upload: rows of any time may come, and none that the whole does not have.
        outcome = attempt(stage, findings, table, start, end)
        if outcome is not None and keys(outcome.frame, table) - keys(whole.frame, table):
            findings.add(f"{table.name}: a question with a start and an end brings rows that one without does not.")
        findings.notes.append(f"{table.name}: its windows are time of upload; whoever keeps its rows cuts them.")
        return
    for after, before, end_name in _sides(times, start, end):
        outcome = attempt(stage, findings, table, after, before)
        if outcome is None:
            return
        wanted = keys(whole.frame[(times >= after) & (times < before)], table)
        came = keys(outcome.frame, table)
        if came - wanted:
            findings.add(f"{table.name}: a row at the {end_name} of a window [after, before) came, and must not.")
        elif wanted - came:
            findings.add(f"{table.name}: a row at the {end_name} of a window [after, before) is missing.")
    findings.verified.append("Windows are half-open at both ends, and neighbours make a whole.")
    if stage.server is not None and not stage.server.windowed and endpoint.window:
        findings.notes.append(f"{table.name}: give `select=` to verify its window parameters as the vendor reads them.")


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


def check_pages(stage: Stage, table: Table, whole: Outcome, findings: Findings) -> None:
    """Ask with other page sizes: every row comes once, the walk ends, also behind a last page that is full."""
    endpoint = stage.descriptor.endpoints[table]
    paging = endpoint.paging.inner if isinstance(endpoint.paging, DateWindows) else endpoint.paging
    count = len(whole.frame)
    if stage.server is None or isinstance(paging, Single) or endpoint.plan_with is not None:
        return
    if count < 2:
        findings.notes.append(f"{table.name}: its paging was not verified: the payload has fewer than two rows.")
        return
    for size in sorted({max(1, count // 3), count}):
        if (paged := stage.paged(table, size)) is not None:
            _same_rows(paged, table, whole, f"pages of {size}", findings)
    # A vendor may cap the size it is asked for; a walk that ends at a short page would then lose rows.
    if isinstance(paging, Token | NextLink) or (isinstance(paging, PageNumber | Offset) and paging.until == "empty"):
        stage.server.page_size = max(1, count // 3)
        _same_rows(stage, table, whole, "a vendor that caps its pages", findings)
        stage.server.page_size = None
    findings.verified.append("Paging delivers every row once, ends, and never asks for a page twice.")


def _same_rows(stage: Stage, table: Table, whole: Outcome, how: str, findings: Findings) -> None:
    outcome = attempt(stage, findings, table)
    if outcome is None:
        return
    came, all_of_it = len(outcome.frame), len(whole.frame)
    lost = len(keys(whole.frame, table) - keys(outcome.frame, table))
    if lost or came != all_of_it:
        findings.add(f"{table.name}: with {how}, {came} row(s) came of {all_of_it}, {lost} are lost.")


def check_repeats(stage: Stage, table: Table, first: Outcome, id: str | None, findings: Findings) -> None:
    """Ask the same again: the answer is the same."""
    endpoint, after, before = stage.descriptor.endpoints.get(table), None, None
    # A long walk through years without rows is not walked twice: it is asked again for the time of its rows.
    if id is None and table.time and endpoint and endpoint.window_kind != "feed" and len(first.requests) > LONG:
        after, before = extent(first.frame, table)
    second = attempt(stage, findings, table, after, before, id)
    frames = [outcome.frame for outcome in (first, second) if outcome is not None]
    if after is not None:  # cut in other places, it may come in another order
        frames = [frame.sort_values(list(table.key), kind="stable", ignore_index=True) for frame in frames]
    if not frames[0].equals(frames[-1]):
        findings.add(f"{cell_name(table, id is not None)}: the same question has two different answers.")
    findings.verified.append("The same question has the same answer.")
