"""Plans walk every kind of paging to its end, never ask twice, and cut windows exactly."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pierre_data import PayloadError, QueryError
from pierre_data.fetch.drive import Driver
from pierre_data.fetch.parse import Parsed, parse_rows
from pierre_data.schema import ACTIVITIES
from pierre_data.spi import (
    DateWindows,
    Endpoint,
    NextLink,
    Offset,
    Page,
    PageNumber,
    Paging,
    Query,
    Request,
    Rows,
    Token,
)

UTC = dt.UTC
DAYS = st.datetimes(dt.datetime(2001, 1, 1), dt.datetime(2026, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))


def no_check() -> None:
    """Never cancelled."""


def no_rows(rows: Rows) -> Parsed:
    return parse_rows(rows, ACTIVITIES, "test")


class Vendor:
    """A list of numbered rows, paged as a vendor would."""

    def __init__(self, total: int, cap: int = 10**6) -> None:
        self.total, self.cap, self.asked, self.given = total, cap, [], []

    def send(self, request: Request) -> Page:
        self.asked.append(request)
        params = request.params
        if "page" in params:
            size, start = int(params["per_page"]), (int(params["page"]) - 1) * int(params["per_page"])
        elif "offset" in params:
            size, start = int(params["limit"]), int(params["offset"])
        else:
            size = int(params.get("limit", 7))
            start = int(params.get("token", request.path.partition("?at=")[2] or 0))
        rows = list(range(start, min(start + min(size, self.cap), self.total)))
        self.given += rows
        more = bool(rows) and rows[-1] + 1 < self.total
        cursor = (
            (f"{request.path.partition('?')[0]}?at={rows[-1] + 1}" if "token" not in params else rows[-1] + 1)
            if more
            else None
        )
        if isinstance(self.paging, Token) and more:
            cursor = rows[-1] + 1
        return Page(rows=len(rows), cursor=cursor)

    def walk(self, paging: Paging, in_flight: int) -> None:
        self.paging = paging
        plan = Endpoint("/list", paging=paging).plan(Query(ACTIVITIES, in_flight=in_flight))
        assert list(Driver(self.send, no_rows, no_check, in_flight).run(plan)) == []


PAGINGS = st.one_of(
    st.builds(PageNumber, size=st.integers(1, 50), until=st.sampled_from(["empty", "short"])),
    st.builds(Offset, size=st.integers(1, 50), until=st.sampled_from(["empty", "short"])),
    st.builds(Token, cursor=st.just("next"), param=st.just("token"), size=st.integers(1, 50)),
    st.just(NextLink("next")),
)


@given(PAGINGS, st.integers(0, 500), st.integers(1, 8))
def test_every_row_comes_once_and_the_walk_ends(paging: Paging, total: int, in_flight: int) -> None:
    vendor = Vendor(total)
    vendor.walk(paging, in_flight)
    assert sorted(vendor.given) == list(range(total))
    identities = [request.identity() for request in vendor.asked]
    assert len(identities) == len(set(identities))


@given(st.integers(1, 20), st.integers(0, 300), st.integers(1, 8))
def test_a_vendor_that_caps_the_size_loses_no_rows(cap: int, total: int, in_flight: int) -> None:
    vendor = Vendor(total, cap=cap)
    vendor.walk(Offset(size=50, until="empty"), in_flight)
    assert sorted(vendor.given) == list(range(total))


def test_a_daily_refresh_costs_two_requests_where_an_empty_page_ends() -> None:
    vendor = Vendor(30)
    vendor.walk(PageNumber(size=200), in_flight=4)
    assert len(vendor.asked) == 2


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=6))
def test_tokens_that_go_round_end_in_an_error(tokens: list[str]) -> None:
    def send(request: Request) -> Page:
        return Page(rows=1, cursor=tokens[sum(map(ord, str(request.params.get("token", "")))) % len(tokens)])

    plan = Endpoint("/list", paging=Token("next", "token")).plan(Query(ACTIVITIES))
    with pytest.raises(PayloadError, match="leads back to a page"):
        list(Driver(send, no_rows, no_check).run(plan))


@given(DAYS, DAYS, st.integers(1, 400))
def test_date_windows_cover_the_question_exactly(a: dt.datetime, b: dt.datetime, days: int) -> None:
    after, before = min(a, b), max(a, b)
    parts = DateWindows(dt.timedelta(days=days)).windows(after, before, now=before)
    assert all(end - start <= dt.timedelta(days=days) for start, end in parts)
    joined = sorted(parts)
    assert [s for s, _ in joined[1:]] == [e for _, e in joined[:-1]]
    assert (not joined and after == before) or (joined[0][0], joined[-1][1]) == (after, before)
    assert parts == sorted(parts, reverse=True)


def test_date_windows_are_bounded_by_how_far_back_a_vendor_answers() -> None:
    now = dt.datetime(2026, 11, 1, tzinfo=UTC)
    parts = DateWindows(dt.timedelta(days=30), oldest=dt.timedelta(days=90)).windows(None, None, now)
    assert len(parts) == 4
    assert parts[-1][0] == now - dt.timedelta(days=90)


def test_local_dates_are_asked_a_day_wider() -> None:
    seen: list[tuple[dt.datetime | None, dt.datetime | None]] = []

    def window(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, str]:
        seen.append((after, before))
        return {}

    day = dt.datetime(2026, 1, 10, tzinfo=UTC)
    plan = Endpoint("/x", window=window, window_kind="local_date").plan(Query(ACTIVITIES, day, day + dt.timedelta(1)))
    next(plan)
    assert seen == [(dt.datetime(2026, 1, 9, tzinfo=UTC), dt.datetime(2026, 1, 12, tzinfo=UTC))]


def test_a_walk_without_window_stops_at_the_start_of_the_question() -> None:
    after = dt.datetime(2026, 1, 1, tzinfo=UTC)
    plan = Endpoint("/x", paging=PageNumber(size=1), newest_first=True).plan(Query(ACTIVITIES, after))
    next(plan)
    plan.send(Page(rows=1, oldest=after + dt.timedelta(1)))
    with pytest.raises(StopIteration):
        plan.send(Page(rows=1, oldest=after - dt.timedelta(1)))


def test_ids_are_quoted_into_the_path_and_must_be_there() -> None:
    one = Endpoint("/activities/{id}")
    assert next(one.plan(Query(ACTIVITIES, id="a/b?c"))).path == "/activities/a%2Fb%3Fc"
    with pytest.raises(QueryError, match="needs an id"):
        next(one.plan(Query(ACTIVITIES)))
