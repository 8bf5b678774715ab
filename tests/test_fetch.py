"""Pages become columns; what cannot be read is set aside with its place and reason."""

from __future__ import annotations

import datetime as dt
import gc
import json
import time
import weakref
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pierre_data import AuthenticationFailed, PayloadError, SchemaError, Unit
from pierre_data.fetch import DescriptorProvider, FetchContext, ProviderReport, cut, parse_page, parse_rows
from pierre_data.fetch.columns import read
from pierre_data.schema import ACTIVITIES, ATHLETE, Kind
from pierre_data.secret import Secret
from pierre_data.spi import (
    Endpoint,
    Field,
    PageNumber,
    Plan,
    ProviderConfig,
    ProviderDescriptor,
    Query,
    Request,
    Response,
    Rows,
    Sports,
    Token,
    epoch_millis,
)
from pierre_data.spi.fields import Columnwise
from pierre_data.spi.reading import read_rows
from tests.fault_server import FaultServer, Line, hang
from tests.fault_server import json as answer

FIELDS = {
    "id": Field("id"),
    "sport": Field("kind", via=Sports({"run": "run", "trail": "trail_run"}, {"sauna": "other"})),
    "start_time": Field("start"),
    "elapsed_s": Field("minutes", Unit.MINUTE),
    "distance_m": Field("length.km", Unit.KILOMETRE),
    "start_latitude_deg": Field("at.0", Unit.DEGREE),
    "name": Field("title", "name"),
    "manual": Field("manual"),
    "start_time_local": Field("local"),
}
GOOD = {"id": 2**60, "kind": "Run", "start": "2026-05-01T06:00:00Z", "minutes": 30}


def page(rows: Any, *, endpoint: Endpoint | None = None) -> tuple[pd.DataFrame, Any]:
    body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    parsed = parse_page(Response(200, body=body), endpoint or Endpoint("/x", FIELDS), Query(ACTIVITIES), "acme", "/x")
    return ACTIVITIES.from_arrow([parsed.table]), parsed


def test_a_row_in_our_columns_and_units() -> None:
    row = GOOD | {"length": {"km": 5.5}, "at": [45.0, 5.0], "name": "Morning", "local": "2026-05-01T08:00:00Z"}
    frame, parsed = page([row])
    got = frame.iloc[0]
    assert got[["provider", "id", "sport", "sport_family", "sport_raw", "name"]].tolist() == [
        "acme", str(2**60), "run", "run", "Run", "Morning",
    ]  # fmt: skip
    assert (got.elapsed_s, got.distance_m, got.start_latitude_deg) == (1800.0, 5500.0, 45.0)
    assert got.start_time == pd.Timestamp("2026-05-01T06:00:00Z")
    assert got.start_time_local == pd.Timestamp("2026-05-01T08:00:00")
    assert got.utc_offset_s == 7200.0
    assert parsed.rejected == []
    assert parsed.page.oldest == dt.datetime(2026, 5, 1, 6, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"start": "yesterday"}, "start", "'yesterday'"),
        ({"start": None}, "start_time", "missing"),
        ({"minutes": True}, "minutes", "True"),
        ({"minutes": "half"}, "minutes", "'half'"),
        ({"length": {"km": {"value": 1}}}, "length.km", "{'value': 1}"),
        ({"manual": "yes"}, "manual", "'yes'"),
        ({"id": None}, "id", "missing"),
    ],
)
def test_a_bad_row_is_set_aside_and_the_others_come(change: dict[str, Any], field: str, value: str) -> None:
    frame, parsed = page([GOOD | {"id": 1}, GOOD | {"id": 2} | change, GOOD | {"id": 3}])
    assert frame["id"].tolist() == ["1", "3"]
    [bad] = parsed.rejected
    assert (bad.provider, bad.table, bad.field, bad.value) == ("acme", "activities", field, value)
    assert parsed.page.rows == 3


def test_numbers_may_be_text_and_positions_may_be_empty() -> None:
    frame, parsed = page([GOOD | {"minutes": "12.5", "at": []}, GOOD | {"id": 2, "at": None, "length": None}])
    assert frame.elapsed_s.tolist() == [750.0, 1800.0]
    assert frame.start_latitude_deg.isna().all()
    assert parsed.rejected == []


def test_unknown_sports_become_other_and_are_counted() -> None:
    frame, parsed = page(
        [GOOD | {"kind": "Quidditch"}, GOOD | {"id": 2, "kind": "SAUNA"}, GOOD | {"id": 3, "kind": None}]
    )
    assert frame.sport.tolist() == ["other", "other", "other"]
    assert frame.sport_raw.tolist()[:2] == ["Quidditch", "SAUNA"]
    assert frame.is_exercise.tolist() == [True, False, True]
    assert parsed.unknown == {"Quidditch": 1}


@pytest.mark.parametrize("body", [b"<html>", b"", b"[{]", b'{"a": NaN}', b"null"])
def test_a_page_that_is_no_list_of_rows(body: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        page(body, endpoint=Endpoint("/x", FIELDS, records="rows"))
    assert caught.value.provider == "acme"
    assert caught.value.path == "/x"
    assert caught.value.fix


def test_envelopes_give_rows_and_cursor() -> None:
    endpoint = Endpoint("/x", FIELDS, records="data.rows", paging=Token("meta.next", "token"))
    frame, parsed = page({"data": {"rows": [GOOD]}, "meta": {"next": "abc"}}, endpoint=endpoint)
    assert (len(frame), parsed.page.cursor, parsed.page.rows) == (1, "abc", 1)
    bad = {"data": {"rows": [GOOD, GOOD | {"minutes": []}]}, "meta": {"next": "abc"}}
    frame, parsed = page(bad, endpoint=endpoint)
    assert (len(frame), parsed.page.cursor, len(parsed.rejected)) == (1, "abc", 1)
    assert page({}, endpoint=endpoint)[1].page.rows == 0
    with pytest.raises(PayloadError, match=r"without the expected list 'data\.rows'"):
        page({"items": [GOOD]}, endpoint=endpoint)


def test_one_object_is_one_row_and_records_may_be_a_function() -> None:
    assert len(page(GOOD)[0]) == 1
    endpoint = Endpoint("/x", FIELDS, records=lambda body, _query: [part for group in body for part in group])
    assert page([[GOOD], [GOOD | {"id": 2}]], endpoint=endpoint)[0]["id"].tolist() == [str(2**60), "2"]


def test_a_translation_that_fails_sets_its_row_aside() -> None:
    fields = FIELDS | {"start_time": Field("start", via=epoch_millis)}
    frame, parsed = page([GOOD | {"start": 1_000}, GOOD | {"start": "soon"}], endpoint=Endpoint("/x", fields))
    assert frame.start_time.tolist() == [pd.Timestamp("1970-01-01T00:00:01Z")]
    assert parsed.rejected[0].value == "'soon'"


def test_a_plan_that_trips_over_an_odd_answer_is_the_answers_fault() -> None:
    def plan(_query: Query) -> Plan:
        body = (yield Request("/athlete", raw=True)).body
        yield Rows({"id": [body["id"]]})

    endpoint = Endpoint("", {"id": Field("id")}, plan_with=plan)
    acme = ProviderDescriptor(
        name="acme", display_name="Acme", api_base_url="https://acme.example", endpoints={ATHLETE: endpoint}
    )
    with FaultServer(answer({"other": 1})) as server:
        made = DescriptorProvider(acme, ProviderConfig("acme", api_base_url=server.url))
        with pytest.raises(PayloadError, match=r"Acme answered athlete in a form .* KeyError") as caught:
            made.frame(Query(ATHLETE))
        made.close()
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.provider == "acme"


@pytest.mark.parametrize("records", [lambda body, _query: body["rows"], lambda _body, _query: None])
def test_a_function_that_fails_on_a_body_is_a_bad_page(records: Any) -> None:
    with pytest.raises(PayloadError, match="cannot be found in what acme answered") as caught:
        page([GOOD], endpoint=Endpoint("/x", FIELDS, records=records))
    assert (caught.value.provider, caught.value.path) == ("acme", "/x")


def test_a_sport_that_is_no_word_sets_its_rows_aside() -> None:
    kinds = [{"name": "run"}, "run", ["run"], "Quidditch", {"name": "run"}]
    frame, parsed = page([GOOD | {"id": at, "kind": kind} for at, kind in enumerate(kinds)])
    assert frame.sport.tolist() == ["run", "other"]
    assert [(r.row, r.field, r.value) for r in parsed.rejected] == [
        ("0", "kind", "{'name': 'run'}"), ("2", "kind", "['run']"), ("4", "kind", "{'name': 'run'}"),
    ]  # fmt: skip
    assert parsed.unknown == {"Quidditch": 1}


def test_a_word_function_that_fails_sets_its_rows_aside() -> None:
    sports = Sports({"run": "run"}, word=lambda kind: {1: "run", 2: "chess"}[kind])
    wanted = FIELDS | {"sport": Field("kind", via=sports)}
    items = [GOOD | {"id": str(at), "kind": kind} for at, kind in enumerate((1, 3, 2, 3, {}))]
    frame, parsed = page(items, endpoint=Endpoint("/x", wanted))
    rows = read_rows(items, wanted, ACTIVITIES)
    again = parse_rows(rows, ACTIVITIES, "acme")
    for sport, found in ((frame.sport.tolist(), parsed), (again.table["sport"].to_pylist(), again)):
        assert sport == ["run", "other"]
        assert [(r.row, r.field, r.value) for r in found.rejected] == [
            ("1", "kind", "3"), ("3", "kind", "3"), ("4", "kind", "{}"),
        ]  # fmt: skip
        assert found.unknown == {"chess": 1}


def test_a_columnwise_translation_that_fails_is_tried_row_by_row() -> None:
    lengths = Columnwise(lambda texts: [None if t is None else float(t) for t in texts])
    wanted = FIELDS | {"elapsed_s": Field("minutes", via=lengths)}
    frame, parsed = page([GOOD, GOOD | {"id": 2, "minutes": "half"}], endpoint=Endpoint("/x", wanted))
    assert frame.elapsed_s.tolist() == [30.0]
    assert [(r.row, r.value) for r in parsed.rejected] == [("2", "'half'")]


def test_rows_a_plan_made_itself() -> None:
    columns = {
        "id": ["1", "2"],
        "sport": ["run", "hike"],
        "start_time": np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[us]"),
        "elapsed_s": np.array([60.0, np.nan]),
    }
    parsed = parse_rows(Rows(columns, rejected=(("file.fit", "crc", "bad"),)), ACTIVITIES, "files")
    assert parsed.table.num_rows == 1
    assert [(r.row, r.field) for r in parsed.rejected] == [("2", "elapsed_s"), ("file.fit", "crc")]
    with pytest.raises(SchemaError, match="different lengths"):
        parse_rows(Rows({"id": ["1"], "sport": []}), ACTIVITIES, "files")


def test_cut_is_half_open() -> None:
    days = [dt.datetime(2026, 1, d, tzinfo=dt.UTC) for d in (1, 2, 3)]
    parsed = parse_rows(
        Rows({"id": list("abc"), "sport": ["run"] * 3, "start_time": days, "elapsed_s": [1, 1, 1]}), ACTIVITIES, "x"
    )
    assert cut(parsed.table, ACTIVITIES, days[0], days[2])["id"].to_pylist() == ["a", "b"]
    assert cut(parsed.table, ACTIVITIES, days[1], None)["id"].to_pylist() == ["b", "c"]


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**9), 10**9))))
def test_numbers_come_back_as_they_are(values: list[float | None]) -> None:
    array, bad = read(values, Kind.NUMBER)
    assert bad == []
    assert array.to_pylist() == [None if v is None else float(v) for v in values]


@given(st.lists(st.one_of(st.none(), st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)))))
def test_times_come_back_as_they_are_in_every_spelling(values: list[dt.datetime | None]) -> None:
    aware = [None if v is None else v.replace(tzinfo=dt.UTC) for v in values]
    texts = [None if v is None else v.isoformat() for v in aware]
    for spelling in (aware, texts, [t and t.replace("+00:00", "Z") for t in texts]):
        array, bad = read(spelling, Kind.INSTANT)
        assert bad == []
        assert array.to_pylist() == aware
    array, bad = read(texts, Kind.WALL)
    assert array.to_pylist() == values


def test_odd_times_fall_back_one_by_one() -> None:
    values = ["2026-01-01T00:00:00.1234567+02:00", "2026-01-01", "20260101T000000Z", "31/12/2026", ""]
    array, bad = read(values, Kind.INSTANT)
    assert bad == [3, 4] or bad == [3]
    assert array[0].as_py() == dt.datetime(2025, 12, 31, 22, 0, 0, 123456, tzinfo=dt.UTC)


ODD = [
    pytest.param(b'"half \\ud83d"', "name", "half \ufffd", id="half an emoji"),
    pytest.param(b'"\xff\xfe"', "name", "\ufffd\ufffd", id="bytes that are no UTF-8"),
    pytest.param(b"9" * 400, "minutes", None, id="400 digits"),
    pytest.param(b"9" * 5000, "minutes", None, id="5000 digits"),
    pytest.param(b"NaN", "minutes", None, id="NaN"),
    pytest.param(b'"nan"', "minutes", None, id="NaN as text"),
    pytest.param(b"1e999", "minutes", None, id="infinite"),
    pytest.param(b"9007199254740993", "minutes", 9007199254740992.0 * 60, id="beyond 2**53"),
    pytest.param(b"[" * 5000 + b"]" * 5000, "unread", None, id="deep where nobody reads"),
    pytest.param(b"[" * 5000 + b"]" * 5000, "length", None, id="deep"),
]


@pytest.mark.parametrize(("value", "field", "expected"), ODD)
def test_one_bad_value_costs_one_row_at_most(value: bytes, field: str, expected: Any) -> None:
    rows = [json.dumps(GOOD | {"id": at}).encode() for at in range(4)]
    marked = json.dumps(GOOD | {"id": 2, field: "MARK"}).encode().replace(b'"MARK"', value)
    body = b"[" + b", ".join([*rows[:2], marked, rows[3]]) + b"]"
    parsed = parse_page(Response(200, body=body), Endpoint("/x", FIELDS), Query(ACTIVITIES), "acme", "/x")
    ids = parsed.table["id"].to_pylist()
    assert [id for id in ids if id != "2"] == ["0", "1", "3"]
    if expected is not None:
        column = {"minutes": "elapsed_s"}.get(field, field)
        assert parsed.table[column].to_pylist()[2] == expected
    elif field == "minutes":
        assert [r.row for r in parsed.rejected] == ["2"]


WRONG = [[1], {"a": 1}, True]


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("path", ["name", "external.id", "minutes", "start"])
@pytest.mark.parametrize("neighbours", [0, 1, 2])
def test_a_value_means_the_same_whatever_stands_beside_it(value: Any, path: str, neighbours: int) -> None:
    fields = FIELDS | {"name": Field("name"), "external_id": Field("external.id")}
    head, _, rest = path.partition(".")
    odd = GOOD | {"id": 7, head: {rest: value} if rest else value}
    items = [odd, *[GOOD | {"id": at, "minutes": "half"} for at in range(neighbours)], GOOD | {"id": 9}]
    frame, parsed = page(items, endpoint=Endpoint("/x", fields))
    again = parse_rows(read_rows(items, fields, ACTIVITIES), ACTIVITIES, "acme")
    alone, _ = page([odd], endpoint=Endpoint("/x", fields))
    assert frame["id"].tolist() == again.table["id"].to_pylist() == ["9"]
    assert len(alone) == 0
    assert {r.row for r in parsed.rejected} == {r.row for r in again.rejected}


def test_equal_values_of_different_types_are_translated_each_for_itself() -> None:
    fields = FIELDS | {"name": Field("kind", via=repr), "sport": Field("sport", via=Sports({"run": "run"}))}
    items = [GOOD | {"id": at, "kind": kind, "sport": "run"} for at, kind in enumerate((True, 1, 1.0, [1]))]
    frame, _ = page(items, endpoint=Endpoint("/x", fields))
    assert frame.name.tolist() == ["True", "1", "1.0", "[1]"]


def test_a_renamed_field_is_named_once_and_a_field_that_is_only_missing_is_not() -> None:
    def served(rows: list[dict[str, Any]]) -> tuple[list[str], bool]:
        acme = ProviderDescriptor(
            name="acme",
            display_name="Acme",
            api_base_url="https://acme.example",
            endpoints={ACTIVITIES: Endpoint("/x", FIELDS | {"name": Field("about.title")}, ignored=("about.other",))},
        )
        with FaultServer(answer(rows)) as server:
            made = DescriptorProvider(acme, ProviderConfig("acme", api_base_url=server.url))
            context = FetchContext(ProviderReport("acme", "activities"))
            list(made.batches(Query(ACTIVITIES), context))
            made.close()
        return context.report.lines(), context.report.complete

    rows = [GOOD | {"id": at, "about": {"title": "Run", "other": 1}} for at in range(6)]
    assert served(rows) == ([], True)
    missing = [{k: v for k, v in row.items() if k != "length"} for row in rows]
    assert served(missing) == ([], True)
    renamed = [row | {"about": {"headline": "Run", "other": 1}} for row in rows]
    [line], complete = served(renamed)
    assert line.startswith("acme: about.title came in no row of activities")
    assert complete
    assert served(renamed[:4]) == ([], True)


def test_a_dropped_provider_is_freed_and_its_connections_closed() -> None:
    acme = ProviderDescriptor(
        name="acme",
        display_name="Acme",
        api_base_url="https://acme.example",
        key_headers={"x-key": "KEY"},
        endpoints={ACTIVITIES: Endpoint("/x", FIELDS)},
    )
    with FaultServer(answer([GOOD])) as server:
        config = ProviderConfig("acme", api_base_url=server.url, keys={"x-key": Secret("k")})
        made = DescriptorProvider(acme, config)
        assert len(made.frame(Query(ACTIVITIES))) == 1
        transport, alive = made._client._transport, weakref.ref(made)  # type: ignore[union-attr]
        del made
        gc.collect()
        assert alive() is None
        assert transport._pool.connections == []  # type: ignore[attr-defined]


def test_an_error_does_not_wait_for_the_pages_in_flight() -> None:
    def vendor(line: Line) -> bool:
        number = int(parse_qsl(line.request.target.partition("?")[2])[0][1])
        if number == 1:
            return answer([GOOD | {"id": at} for at in range(2)])(line)
        return answer({}, 401)(line) if number == 2 else hang(line)

    acme = ProviderDescriptor(
        name="acme",
        display_name="Acme",
        api_base_url="https://acme.example",
        endpoints={ACTIVITIES: Endpoint("/x", FIELDS, paging=PageNumber(2))},
        in_flight=4,
    )
    with FaultServer(vendor) as server:
        made = DescriptorProvider(acme, ProviderConfig("acme", api_base_url=server.url))
        began = time.monotonic()
        with pytest.raises(AuthenticationFailed):
            made.frame(Query(ACTIVITIES))
        assert time.monotonic() - began < 25  # of the 30 s that a page may take
        made.close()
