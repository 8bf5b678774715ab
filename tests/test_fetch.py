"""Pages become columns; what cannot be read is set aside with its place and reason."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pierre_data import PayloadError, SchemaError, Unit
from pierre_data.fetch import DescriptorProvider, cut, parse_page, parse_rows
from pierre_data.fetch.columns import read
from pierre_data.schema import ACTIVITIES, ATHLETE, Kind
from pierre_data.spi import (
    Endpoint,
    Field,
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
from tests.fault_server import FaultServer
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
