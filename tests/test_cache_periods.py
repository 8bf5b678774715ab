"""Which periods a question covers, and which windows are fetched: pure planning."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pierre_data.cache.periods import SETTLED_AFTER, CacheTtl, Period, Window, periods, spread, windows, yearly

UTC = dt.UTC
NOW = dt.datetime(2026, 11, 25, 9, tzinfo=UTC)
INSTANTS = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2027, 6, 1)).map(lambda d: d.replace(tzinfo=UTC))


def day(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


def names(after: str | None, before: str | None, now: dt.datetime = NOW) -> list[str]:
    return [p.name for p in periods(after and day(after), before and day(before), now)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "before", "wanted"),
    [
        ("2026-11-01", None, ["2026-11"]),
        ("2026-10-31T23:59:59", "2026-11-01", ["2026-10"]),
        ("2025-12-31", "2026-01-02", ["2025", "2026-01"]),
        ("2024-05-05", "2024-05-06", ["2024"]),
        ("1987-01-01", "2000-01-01", ["before-2000"]),
        ("1999-12-31", "2001-02-01", ["before-2000", "2000", "2001"]),
        ("2027-01-01", None, []),
        ("2026-11-25", "2031-01-01", ["2026-11"]),
    ],
)
def test_periods_of_a_question(after: str, before: str | None, wanted: list[str]) -> None:
    assert names(after, before) == wanted


def test_no_bounds_mean_everything_until_tomorrow() -> None:
    all_names = names(None, None)
    assert all_names[:2] == ["before-2000", "2000"]
    assert all_names[-12:] == ["2025", *(f"2026-{m:02d}" for m in range(1, 12))]
    assert names(None, None, day("2026-11-30T12:00"))[-1] == "2026-12"  # clocks differ, and zones


def test_a_month_settles_thirty_days_after_its_end_and_then_its_year() -> None:
    assert names("2025-12-01", None, day("2026-01-30"))[0] == "2025-12"
    assert names("2025-12-01", None, day("2026-01-31T00:00:01"))[0] == "2025"
    settled = {p.name: p.settled for p in periods(day("2026-08-01"), None, NOW)}
    assert settled == {"2026-08": True, "2026-09": True, "2026-10": False, "2026-11": False}


@given(INSTANTS, INSTANTS, INSTANTS)
def test_periods_partition_time(a: dt.datetime, b: dt.datetime, now: dt.datetime) -> None:
    after, before = min(a, b), max(a, b)
    found = periods(after, before, now)
    end = min(before, now + dt.timedelta(days=1))
    assert [p.start for p in found[1:]] == [p.end for p in found[:-1]]
    assert bool(found) == (after < end)
    if found:
        assert found[0].start <= after < found[0].end
        assert found[-1].start < end <= found[-1].end
    assert len({p.name for p in found}) == len(found)
    assert all(p.settled == (p.end + SETTLED_AFTER < now) or p.name == "before-2000" for p in found)


@given(INSTANTS, INSTANTS, INSTANTS, INSTANTS)
def test_overlapping_questions_cut_time_alike(a: dt.datetime, b: dt.datetime, c: dt.datetime, now: dt.datetime) -> None:
    start, middle, end = sorted((a, b, c))
    whole, part = set(periods(start, end, now)), set(periods(start, middle, now))
    assert part <= whole
    assert whole == part | set(periods(middle, end, now))


def cut(wanted: list[Period], fresh: str, page: int = 10, rows: int = 50) -> list[list[str]]:
    found = windows(wanted, lambda p: p.name in fresh.split(), lambda _: rows, page)
    return [[p.name for p in window.periods] for window in found]


MONTHS = periods(day("2026-01-01"), day("2026-07-01"), NOW)


def test_windows_are_the_runs_that_are_not_fresh_newest_first() -> None:
    assert cut(MONTHS, "") == [["2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06"]]
    assert cut(MONTHS, "2026-03") == [["2026-04", "2026-05", "2026-06"], ["2026-01", "2026-02"]]
    assert cut(MONTHS, "2026-01 2026-06") == [["2026-02", "2026-03", "2026-04", "2026-05"]]
    assert cut(MONTHS, " ".join(p.name for p in MONTHS)) == []
    assert cut([], "") == []


def test_a_fresh_gap_smaller_than_a_page_is_fetched_again_rather_than_asked_around() -> None:
    assert cut(MONTHS, "2026-03", page=51) == [["2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06"]]
    assert cut(MONTHS, "2026-03", page=50) == [["2026-04", "2026-05", "2026-06"], ["2026-01", "2026-02"]]
    assert cut(MONTHS, "2026-03 2026-04", page=100) == [["2026-05", "2026-06"], ["2026-01", "2026-02"]]
    # What is fresh at either end stays so, however few rows it has.
    assert cut(MONTHS, "2026-01 2026-06", page=1000) == [["2026-02", "2026-03", "2026-04", "2026-05"]]


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.lists(st.integers(0, 300), min_size=40, max_size=40))
def test_windows_cover_what_is_missing_once(fresh: list[bool], rows: list[int]) -> None:
    wanted = periods(day("2026-01-01") - dt.timedelta(days=366 * 40), None, NOW)[-len(fresh) :]
    known = dict(zip(wanted, fresh, strict=False))
    count = dict(zip(wanted, rows, strict=False))
    found = windows(wanted, known.__getitem__, count.__getitem__, 200)
    asked = [p for window in found for p in window.periods]
    assert len(set(asked)) == len(asked)
    assert {p for p in wanted if not known[p]} <= set(asked)
    for window in found:
        assert not known[window.periods[0]]
        assert not known[window.periods[-1]]
        assert [p.start for p in window.periods[1:]] == [p.end for p in window.periods[:-1]]
    assert [w.before for w in found] == sorted((w.before for w in found), reverse=True)


def test_a_window_reaches_back_without_bound_only_from_the_first_period() -> None:
    everything = Window(tuple(periods(None, None, NOW)))
    assert everything.after is None
    assert Window(tuple(MONTHS)).after == day("2026-01-01")
    assert Window(tuple(MONTHS)).before == day("2026-07-01")


def test_a_window_is_cut_at_years_newest_first() -> None:
    window = Window(tuple(periods(day("2024-01-01"), None, NOW)))
    parts = yearly(window)
    assert [(p.after, p.before) for p in parts] == [
        (day("2026-01-01"), day("2026-12-01")),
        (day("2025-01-01"), day("2026-01-01")),
        (day("2024-01-01"), day("2025-01-01")),
    ]
    everything = Window(tuple(periods(None, None, NOW)))
    assert yearly(everything) == [everything]


def test_lifetimes_are_spread_over_half_of_what_is_allowed() -> None:
    week = 7 * 86_400.0
    days = {int(spread(f"activity_list:{year}", week) // 86_400) for year in range(1980, 2026)}
    assert days == {3, 4, 5, 6}
    assert CacheTtl().capped(dt.timedelta(days=7)).settled == week
    assert CacheTtl().capped(dt.timedelta(hours=1)) == CacheTtl(3600.0, 900.0, 3600.0, 3600.0, 3600.0)
