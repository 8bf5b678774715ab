"""The conformance check finds what authors forget: each mistake here is planted in a provider that is right."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pierre_data.errors import ApiError, PierreError
from pierre_data.fetch import DescriptorProvider
from pierre_data.http import ResilienceConfig
from pierre_data.schema import ACTIVITIES, GEAR, HEALTH
from pierre_data.spi import (
    DateWindows,
    Endpoint,
    Field,
    OAuthEndpoints,
    Page,
    PageNumber,
    Plan,
    ProviderConfig,
    ProviderDescriptor,
    Query,
    Request,
    Response,
    Sports,
    epoch_seconds,
    fields,
)
from pierre_data.testing import ConformanceError, WireFields, check
from pierre_data.testing.expected import written
from pierre_data.testing.findings import Findings
from pierre_data.testing.wirefields import check_fields

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
SPORTS = Sports({"running": "run", "cycling": "ride"})
ROWS = [
    {"id": f"w{n}", "kind": "running" if n % 2 else "cycling", "start": 1_767_250_800 + n * 86_400, "minutes": 30 + n,
     "km": 5.0 + n, "title": f"W{n}", "kudos": n}
    for n in range(6, 0, -1)
]  # fmt: skip


def window(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, float]:
    """Seconds since 1970: at or after `from`, before `to`."""
    ends = {"from": after, "to": before}
    return {name: end.timestamp() for name, end in ends.items() if end is not None}


def select(path: str, params: Mapping[str, str], rows: Sequence[Any]) -> list[Any]:
    """What the vendor does with it."""
    return [r for r in rows if float(params.get("from", 0)) <= r["start"] < float(params.get("to", 1e12))]


LIST = Endpoint(
    "/workouts",
    fields("id name=title distance_m=km@km elapsed_s=minutes@min")
    | {"sport": Field("kind", via=SPORTS), "start_time": Field("start", via=epoch_seconds)},
    records="items",
    paging=PageNumber(size=50),
    window=window,
    newest_first=True,
    ignored=("kudos",),
)
RIGHT = ProviderDescriptor(
    name="tiny",
    display_name="Tiny",
    api_base_url="https://tiny.example",
    oauth_endpoints=OAuthEndpoints("https://tiny.example/authorize", "https://tiny.example/token"),
    endpoints={ACTIVITIES: LIST},
    details={ACTIVITIES: Endpoint("/workouts/{id}", LIST.fields, ignored=("kudos",))},
)


@pytest.fixture
def payloads(tmp_path: Path) -> Path:
    (tmp_path / "workouts").mkdir()
    (tmp_path / "workouts.json").write_text(json.dumps({"items": ROWS}))
    (tmp_path / "workouts" / "w6.json").write_text(json.dumps(ROWS[0]))
    return tmp_path


def wrong(payloads: Path, descriptor: ProviderDescriptor, **more: Any) -> str:
    """All findings, as one text."""
    with pytest.raises(ConformanceError) as raised:
        check(descriptor, payloads, **{"select": select, "now": NOW, "budget": 60, **more})
    assert raised.value.report.findings
    return "\n".join(raised.value.report.findings)


def listed(**changes: Any) -> ProviderDescriptor:
    """The right provider with one thing changed in its list."""
    return replace(RIGHT, endpoints={ACTIVITIES: replace(LIST, **changes)})


def mapped(**changes: Field) -> ProviderDescriptor:
    return listed(fields={**LIST.fields, **changes})


def test_a_right_provider_passes_and_the_report_says_what_was_verified(payloads: Path) -> None:
    first = check(RIGHT, payloads, select=select, now=NOW, write_expected=True)
    report = check(RIGHT, payloads, select=select, now=NOW)
    assert (report.findings, report.notes) == ((), ())
    assert report.delivered == first.delivered == {"activities": 6, "activities/{id}": 1}
    assert len(report.refused) == 24
    assert len(report.verified) == 13
    assert report.fields["activities"].ignored == ("kudos",)
    assert "Windows are half-open" in str(report)
    assert (payloads / "activities.expected.csv").read_text().splitlines()[1] == (
        "tiny,w1,W1,run,run,running,true,2026-01-02T07:00:00Z,1860,6000"
    )


def made(kind: type[DescriptorProvider]) -> Callable[[ProviderConfig], DescriptorProvider]:
    """A factory that makes this kind of provider."""
    return lambda config: kind(RIGHT, config, resilience=ResilienceConfig(max_retries=0))


# The planted mistakes.


def test_a_wrong_unit(payloads: Path) -> None:
    assert "the unit of distance_m or elapsed_s is wrong" in wrong(payloads, mapped(elapsed_s=Field("minutes")))
    assert "the unit of distance_m or elapsed_s is wrong" in wrong(payloads, mapped(distance_m=Field("km")))


def test_a_path_that_is_always_null(payloads: Path) -> None:
    text = wrong(payloads, mapped(name=Field("titel")))
    assert "no payload has a value at 'titel'" in text
    assert check(mapped(name=Field("titel")), payloads, select=select, now=NOW, accept=("titel",))


def test_a_column_that_is_never_filled(payloads: Path) -> None:
    text = wrong(payloads, mapped(distance_m=Field("km", via=lambda km: None)))
    assert "activities.distance_m is null in every row, though 'km' is not" in text


@dataclass(frozen=True)
class Stuck:
    """A paging that asks for the first page again and again."""

    cursor: None = None

    def first(self) -> dict[str, int]:
        return {"page": 1}

    def after(self, params: Mapping[str, Any], page: Page) -> Mapping[str, Any]:
        return params

    def ahead(self, params: Mapping[str, Any], page: Page) -> None:
        """Nothing can be asked for ahead."""


def endless(query: Query) -> Plan:
    page = 1
    while True:
        yield Request("/workouts", {"nonce": page}, raw=True)
        page += 1


def test_paging_that_loops(payloads: Path) -> None:
    assert "leads back to a page of /workouts that was already read" in wrong(payloads, listed(paging=Stuck()))
    text = wrong(payloads, listed(plan_with=endless, columns=tuple(LIST.produces())))
    assert "did not end within 60 requests" in text


class Hasty(DescriptorProvider):
    """A provider that takes the first page for all."""

    def batches(self, query: Query, watch: Any) -> Any:
        yield next(super().batches(query, watch))


def test_paging_that_stops_early(payloads: Path) -> None:
    text = wrong(payloads, RIGHT, factory=made(Hasty))
    assert "with a vendor that caps its pages, 2 row(s) came of 6, 4 are lost" in text


def test_a_window_that_loses_its_end(payloads: Path) -> None:
    def narrow(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, float]:
        return window(after and after + dt.timedelta(seconds=1), before)

    assert "a row at the start of a window [after, before) is missing" in wrong(payloads, listed(window=narrow))


class Inclusive(DescriptorProvider):
    """A provider of an author's own whose windows include their end."""

    def batches(self, query: Query, watch: Any) -> Any:
        before = query.before and query.before + dt.timedelta(seconds=1)
        return super().batches(replace(query, before=before), watch)


def test_a_window_with_an_inclusive_end(payloads: Path) -> None:
    text = wrong(payloads, RIGHT, factory=made(Inclusive))
    assert "a row at the end of a window [after, before) came, and must not" in text


class Leaky(DescriptorProvider):
    """A provider that shows and logs its token."""

    def __repr__(self) -> str:
        return f"<Leaky {self.config.access_token and self.config.access_token.reveal()}>"

    def batches(self, query: Query, watch: Any) -> Any:
        logging.getLogger("tiny").debug("asking with %r", self)
        return super().batches(query, watch)


def test_a_leaked_token(payloads: Path) -> None:
    text = wrong(payloads, RIGHT, factory=made(Leaky))
    assert "The token is in the repr" in text
    assert "The token is in the log" in text


class Telling(DescriptorProvider):
    """A provider that puts its token into errors and names."""

    def batches(self, query: Query, watch: Any) -> Any:
        token = self.config.access_token
        try:
            yield from super().batches(query, watch)
        except ApiError as error:
            raise ApiError(f"{error} {token and token.reveal()}", status=error.status, provider="tiny") from None


def test_a_token_in_errors(payloads: Path) -> None:
    text = wrong(payloads, RIGHT, factory=made(Telling))
    assert "the token is in the error of HTTP 500" in text
    assert "HTTP 500 passes, so its error must be retryable" in text


def test_ids_that_were_numbers(payloads: Path) -> None:
    rows = [{**row, "id": 100 + at} for at, row in enumerate(ROWS)]
    (payloads / "workouts.json").write_text(json.dumps({"items": rows}))
    assert check(RIGHT, payloads, select=select, now=NOW).findings == ()
    text = wrong(payloads, mapped(id=Field("id", via=float)))
    assert "'100.0' was a number on the way: ids are text" in text


def test_one_id_for_all(payloads: Path) -> None:
    assert "all 6 rows have one key" in wrong(payloads, mapped(id=Field("kudos", via=lambda _: "w")))


def test_an_unknown_sport_and_a_row_that_cannot_be_read(payloads: Path) -> None:
    rows = [{**ROWS[0], "kind": "quidditch"}, {**ROWS[1], "km": "far"}, *ROWS[2:]]
    (payloads / "workouts.json").write_text(json.dumps({"items": rows}))
    text = wrong(payloads, RIGHT)
    assert "the sport 'quidditch' (1 row(s)) is in no table" in text
    assert "row w5 was set aside, km = 'far'" in text
    assert check(RIGHT, payloads, select=select, now=NOW, accept=("quidditch", "km")).findings == ()


def test_a_wrong_epoch_and_a_wrong_zone(payloads: Path) -> None:
    millis = mapped(start_time=Field("start", via=lambda s: epoch_seconds(s / 1000)))
    assert "is no time of a recording" in wrong(payloads, millis)
    zones = mapped(
        start_time_local=Field("start", via=lambda s: epoch_seconds(s).replace(tzinfo=None)),
        utc_offset_s=Field("kudos", via=lambda _: 3600),
    )
    assert "plus 3600 s: a zone is wrong" in wrong(payloads, zones)


def test_rows_in_another_order_than_declared(payloads: Path) -> None:
    (payloads / "workouts.json").write_text(json.dumps({"items": ROWS[::-1]}))
    assert "is declared newest first" in wrong(payloads, RIGHT)


def test_a_declared_table_without_rows(payloads: Path) -> None:
    empty = replace(RIGHT, endpoints={**RIGHT.endpoints, HEALTH: Endpoint("/body", fields("id time"))})
    (payloads / "body.json").write_text("[]")
    assert "health is declared, and no payload makes it deliver a row" in wrong(payloads, empty)


class Eager(DescriptorProvider):
    """A provider that answers what it does not declare."""

    def batches(self, query: Query, watch: Any) -> Any:
        if query.table is HEALTH:
            return iter(())
        return super().batches(query, watch)


def test_an_undeclared_table_that_answers(payloads: Path) -> None:
    text = wrong(payloads, RIGHT, factory=made(Eager))
    assert "health is not declared, and asking for it raises nothing" in text


def test_errors_of_the_wrong_kind(payloads: Path) -> None:
    def faults(answer: Response) -> PierreError | None:
        return ApiError("No.", status=answer.status) if json.loads(answer.body or b"{}").get("errors") else None

    text = wrong(payloads, replace(RIGHT, faults=faults))
    assert "HTTP 401 with body" in text
    assert "must raise AuthenticationFailed" in text


def test_what_comes_out_differs_from_the_expected_csv(payloads: Path) -> None:
    check(RIGHT, payloads, select=select, now=NOW, write_expected=True)
    file = payloads / "activities.expected.csv"
    file.write_text(file.read_text().replace("W3", "W4"))
    assert "row 3 of activities.expected.csv expects name = 'W4', 'W3' came (1 row(s) differ)" in wrong(payloads, RIGHT)
    file.write_text("\n".join(file.read_text().splitlines()[:3]))
    assert "6 row(s) came, activities.expected.csv has 2" in wrong(payloads, RIGHT)


def test_answers_that_change(payloads: Path) -> None:
    calls = []

    class Fickle(DescriptorProvider):
        def batches(self, query: Query, watch: Any) -> Any:
            calls.append(query)
            return super().batches(replace(query, before=NOW if len(calls) % 2 else ROW_TIME), watch)

    text = wrong(payloads, RIGHT, factory=made(Fickle))
    assert "the same question has two different answers" in text


def test_a_long_walk_is_not_walked_twice_and_still_must_not_change(payloads: Path) -> None:
    long = listed(paging=DateWindows(dt.timedelta(days=5), PageNumber(size=50), oldest=NOW - dt.timedelta(days=600)))
    more: dict[str, Any] = {"select": select, "now": NOW, "budget": 1000, "accept": ()}
    asked = []

    class Fickle(DescriptorProvider):
        steady = True

        def batches(self, query: Query, context: Any) -> Any:
            asked.append((query.table, query.id, query.after, query.before))
            whole = self.steady or len(asked) == 1
            return super().batches(query if whole else replace(query, before=ROW_TIME), context)

    def factory(config: ProviderConfig) -> DescriptorProvider:
        return Fickle(long, config, resilience=ResilienceConfig(max_retries=0))

    assert check(long, payloads, factory=factory, **more).delivered["activities"] == 6
    assert asked[0] == (ACTIVITIES, None, None, None)
    assert None not in asked[1][2:]
    asked.clear()
    Fickle.steady = False
    assert "the same question has two different answers" in wrong(payloads, long, factory=factory, **more)


ROW_TIME = epoch_seconds(ROWS[2]["start"])


def test_a_frame_of_an_author_s_own_must_have_what_its_table_requires(payloads: Path) -> None:
    class Own:
        """The least a provider may be."""

        def __init__(self, config: ProviderConfig) -> None:
            self.name, self.config = "tiny", config

        def frame(self, query: Query) -> pd.DataFrame:
            return pd.DataFrame({"id": [1], "provider": ["tiny"]})

        def set_credentials(self, credentials: Any) -> None:
            """Need none."""

        def disconnect(self) -> None:
            """Hold nothing."""

    text = wrong(payloads, RIGHT, factory=Own)
    assert "Provider 'tiny' returned activities that do not fit: activities needs the column 'sport'" in text


def test_a_new_field_of_the_vendor_is_reported_and_no_mistake(payloads: Path) -> None:
    rows = [{**row, "vo2max": 51} for row in ROWS]
    (payloads / "workouts.json").write_text(json.dumps({"items": rows}))
    report = check(RIGHT, payloads, select=select, now=NOW)
    assert report.fields["activities"].unmentioned == ("vo2max",)


def test_a_feed_is_not_asked_to_cut_its_windows(payloads: Path) -> None:
    feed = listed(window_kind="feed", window=lambda after, before: {"bounded": 1} if after or before else {})

    def all_of_it(_path: str, _params: Mapping[str, str], rows: Sequence[Any]) -> Sequence[Any]:
        return rows

    def more_of_it(_path: str, params: Mapping[str, str], rows: Sequence[Any]) -> Sequence[Any]:
        return rows if "bounded" in params else rows[:3]

    report = check(feed, payloads, select=all_of_it, now=NOW, budget=60)
    assert any("time of upload" in note for note in report.notes)
    assert "brings rows that one without does not" in wrong(payloads, feed, select=more_of_it)
    started = listed(window=feed.endpoints[ACTIVITIES].window)
    assert check(started, payloads, select=all_of_it, now=NOW, budget=60).findings == ()  # these are cut by us


def test_a_single_object_is_asked_for_with_the_time_its_list_said(payloads: Path) -> None:
    asked = []

    class Careful(DescriptorProvider):
        def batches(self, query: Query, context: Any) -> Any:
            asked.append((query.id, query.near))
            return super().batches(query, context)

    check(RIGHT, payloads, select=select, now=NOW, factory=made(Careful))
    assert {near for id, near in asked if id == "w6"} == {epoch_seconds(ROWS[0]["start"])}
    assert {near for id, near in asked if id is None} == {None}


def posted(query: Query) -> Plan:
    """A list that is asked for by POST, page by page."""
    window = {name: end.timestamp() for name, end in (("from", query.after), ("to", query.before)) if end is not None}
    number, rows = 0, 1
    while rows:
        number += 1
        body = {"page": number, "per_page": 3, **window}
        page = yield Request("/workouts", method="POST", json=body, reads=True)
        rows = page.rows


def test_a_list_by_post_is_checked_like_any_other(payloads: Path) -> None:
    by_post = listed(plan_with=posted, columns=tuple(LIST.produces()))
    more: dict[str, Any] = {"select": select, "now": NOW, "lists": {"/workouts": (PageNumber(size=3), "items")}}
    assert check(by_post, payloads, **more).delivered["activities"] == 6


# The parts of a check.


def test_frames_are_written_with_short_numbers_and_without_empty_columns() -> None:
    frame = GEAR.conform(pd.DataFrame({"provider": ["a"], "id": ["b1"], "distance_m": [2.5e6]}))
    assert written(frame, GEAR) == "provider,id,distance_m\na,b1,2500000\n"


def test_a_list_and_what_is_within_it_is_one_wire_field(tmp_path: Path) -> None:
    rows = [{"id": 1, "at": [1, 2], "kudos": 3, "map": {"line": None}, "laps": []}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    required = ("id", "sport", "start_time", "elapsed_s")
    endpoint = Endpoint("/rows", {"name": Field("at.0")}, columns=required, ignored=("kudos", "map"))
    tiny = ProviderDescriptor(name="tiny", display_name="Tiny", endpoints={ACTIVITIES: endpoint})
    findings = Findings("tiny")
    check_fields(tiny, ACTIVITIES, {False: ACTIVITIES.empty()}, tmp_path, Query(ACTIVITIES, now=NOW), findings)
    assert findings.fields["activities"] == WireFields(("at",), ("kudos", "map.line"), ("id", "laps"))


def test_a_height_in_centimetres_is_no_height(payloads: Path) -> None:
    body = {"id": "1", "day": "2026-01-01T00:00:00Z", "cm": 181.0}
    (payloads / "body.json").write_text(json.dumps([body]))
    endpoint = Endpoint("/body", fields("id time=day height_m=cm"))
    descriptor = replace(RIGHT, endpoints={**RIGHT.endpoints, HEALTH: endpoint})
    assert "health.height_m: 181 is typical, which cannot be" in wrong(payloads, descriptor, select=None)
