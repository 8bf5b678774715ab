"""Cursors behind a bounded window are walked in several windows at once: every row, newest first, no request twice."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
from bisect import bisect_left
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pierre_data import ApiError, PayloadError
from pierre_data.fetch.drive import Driver
from pierre_data.fetch.parse import Parsed, parse_rows
from pierre_data.schema import ACTIVITIES
from pierre_data.spi import DateWindows, Endpoint, Page, Query, Request, Rows, Token

UTC = dt.UTC
START, END = dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = int((END - START) / dt.timedelta(seconds=1))


def exact(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, str]:
    return {k: t.isoformat() for k, t in (("after", after), ("before", before)) if t}


LIST = Endpoint("/list", paging=Token("next", "token", 10), window=exact, newest_first=True)


class Vendor:
    """Workouts at some seconds since START, ten on a page behind a cursor, newest first."""

    def __init__(self, seconds: list[int], meet: int = 1) -> None:
        self.starts = sorted(START + dt.timedelta(seconds=s) for s in seconds)
        self.asked: list[Request] = []
        self.broken: set[int] = set()
        self._lock = threading.Lock()
        self._meet = threading.Barrier(meet)

    def send(self, request: Request) -> Parsed:
        with self._lock:
            self.asked.append(request)
            nth = len(self.asked)
        if 1 < nth <= 1 + self._meet.parties:
            self._meet.wait(60)  # nobody is answered before so many have asked
        if nth in self.broken:
            raise ApiError("The vendor broke.", "Wait.", status=400)
        low, high = (dt.datetime.fromisoformat(str(request.params[n])) for n in ("after", "before"))
        ids = list(range(bisect_left(self.starts, low), bisect_left(self.starts, high)))[::-1]
        at = int(request.params.get("token", 0))
        part = ids[at : at + 10]
        times = [self.starts[n] for n in part]
        columns = {"id": list(map(str, part)), "sport": ["run"] * len(part), "start_time": times}
        rows = parse_rows(Rows(columns | {"elapsed_s": [60.0] * len(part)}), ACTIVITIES, "acme")
        cursor = str(at + 10) if at + 10 < len(ids) else None
        page = Page(len(part), cursor, min(times, default=None), max(times, default=None))
        return dataclasses.replace(rows, page=page)


def own(rows: Rows) -> Parsed:
    return parse_rows(rows, ACTIVITIES, "acme")


def no_check() -> None:
    """Never cancelled."""


def walked(vendor: Vendor, in_flight: int, endpoint: Endpoint = LIST) -> list[str]:
    plan = endpoint.plan(Query(ACTIVITIES, START, END, in_flight=in_flight, now=END))
    got = Driver(vendor.send, own, no_check, in_flight).run(plan)
    return [id for parsed in got for id in parsed.table["id"].to_pylist()]


@given(st.lists(st.integers(0, SECONDS - 1), max_size=300), st.integers(2, 8))
def test_every_row_comes_newest_first_and_no_request_is_sent_twice(seconds: list[int], in_flight: int) -> None:
    alone, several = Vendor(seconds), Vendor(seconds)
    wanted = walked(alone, 1)
    got = walked(several, in_flight)
    assert list(dict.fromkeys(got)) == wanted == [str(n) for n in reversed(range(len(seconds)))]
    identities = [request.identity() for request in several.asked]
    assert len(identities) == len(set(identities))
    assert len(identities) <= len(alone.asked) + in_flight


def test_the_windows_are_in_flight_at_once() -> None:
    vendor = Vendor(list(range(0, SECONDS, SECONDS // 200)), meet=4)
    assert len(set(walked(vendor, 4))) == len(vendor.starts)
    assert len({request.params["before"] for request in vendor.asked}) == 5


def test_windows_the_vendor_limits_are_in_flight_at_once_too() -> None:
    months = dataclasses.replace(LIST, paging=DateWindows(dt.timedelta(days=30), Token("next", "token", 10)))
    vendor = Vendor(list(range(0, SECONDS, SECONDS // 200)), meet=3)
    alone = Vendor(list(range(0, SECONDS, SECONDS // 200)))
    assert walked(vendor, 4, months) == walked(alone, 1, months)
    assert len(vendor.asked) == len(alone.asked)


def test_what_fits_in_few_pages_costs_no_request_more() -> None:
    seconds = list(range(SECONDS - 30 * 86_400, SECONDS, 86_400))  # one a day in the last month
    plain, several = Vendor(seconds), Vendor(seconds)
    query = Query(ACTIVITIES, END - dt.timedelta(days=30), END, now=END)
    for vendor, in_flight in ((plain, 1), (several, 4)):
        plan = LIST.plan(dataclasses.replace(query, in_flight=in_flight))
        list(Driver(vendor.send, own, no_check, in_flight).run(plan))
    assert len(plain.asked) == 3
    assert len(several.asked) <= 4


def test_a_failure_comes_after_what_precedes_it_and_ends_the_others() -> None:
    vendor = Vendor(list(range(0, SECONDS, SECONDS // 400)), meet=4)
    vendor.broken = {12}
    plan = LIST.plan(Query(ACTIVITIES, START, END, in_flight=4, now=END))
    got: list[str] = []
    with pytest.raises(ApiError, match="The vendor broke"):
        got.extend(id for p in Driver(vendor.send, own, no_check, 4).run(plan) for id in p.table["id"].to_pylist())
    ordered = [str(n) for n in reversed(range(len(vendor.starts)))]
    unique = list(dict.fromkeys(got))
    assert 10 <= len(unique) < len(ordered)
    assert unique == ordered[: len(unique)]


def test_a_cursor_that_goes_round_in_one_window_ends_the_fetch() -> None:
    vendor = Vendor(list(range(0, SECONDS, SECONDS // 400)))

    def send(request: Request) -> Parsed:
        got = vendor.send(request)
        return dataclasses.replace(got, page=dataclasses.replace(got.page, cursor="10"))

    with pytest.raises(PayloadError, match="leads back to a page"):
        list(Driver(send, own, no_check, 4).run(LIST.plan(Query(ACTIVITIES, START, END, in_flight=4, now=END))))


def test_whoever_stops_reading_stops_the_windows() -> None:
    vendor = Vendor(list(range(0, SECONDS, SECONDS // 2_000)))
    plan = LIST.plan(Query(ACTIVITIES, START, END, in_flight=4, now=END))

    def slow(request: Request) -> Parsed:
        time.sleep(0.01)
        return vendor.send(request)

    got = Driver(slow, own, no_check, 4).run(plan)
    for _ in range(3):
        next(got)
    assert isinstance(got, Generator)
    got.close()
    asked = len(vendor.asked)
    assert asked < 200
    assert [t for t in threading.enumerate() if t.name.startswith("pierre-walk")] == []
