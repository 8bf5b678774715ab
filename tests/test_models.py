"""Records are models people can use: they validate, and go to a frame and back."""

import datetime as dt
import re

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

import pierre_data.models
from pierre_data import SchemaError
from pierre_data.models import Activity, Lap
from pierre_data.schema import ACTIVITIES, GEAR, MERGED_ACTIVITIES, TABLES, Column, Kind, Table
from pierre_data.schema.records import ALONE, BEST_ROW, MEASURED

START = dt.datetime(2026, 5, 25, 9, tzinfo=dt.UTC)
RUN = {"provider": "me", "id": "1", "sport": "run", "start_time": START, "elapsed_s": 60}
EVERY = [*TABLES.values(), MERGED_ACTIVITIES]


def value(column: Column) -> object:
    if column.name == "sport":
        return "run"
    stamp = pd.Timestamp("2026-01-01T10:00:00.123456")
    kinds = {
        Kind.TEXT: "é 1",
        Kind.NUMBER: 1.5,
        Kind.COUNT: 2,
        Kind.FLAG: False,
        Kind.INSTANT: stamp.tz_localize("UTC"),
    }
    return kinds.get(column.kind, stamp)


def full(table: Table) -> pd.DataFrame:
    """Two rows: one with every column, one with the required ones."""
    rows = [{n: value(c) for n, c in table.columns.items() if c.required or not at} for at in (0, 1)]
    return table.conform(pd.DataFrame(rows))


@pytest.mark.parametrize("table", EVERY, ids=lambda t: t.name)
def test_a_frame_goes_to_records_and_back(table: Table) -> None:
    frame = full(table)
    records = table.to_records(frame)
    assert {type(record) for record in records} == {table.record}
    assert all(getattr(records[1], n) is None for n in table.columns if n not in table.required)
    pd.testing.assert_frame_equal(table.from_records(records), frame)
    pd.testing.assert_frame_equal(table.from_records(frame.to_dict("records")), frame)
    assert table.to_records(table.empty()) == []
    pd.testing.assert_frame_equal(table.from_records([]), table.empty())


def test_every_table_has_a_public_model() -> None:
    names = pierre_data.models.__all__
    assert {getattr(pierre_data.models, n) for n in names} == {t.record for t in EVERY}
    for table in EVERY:
        head, _, fields = (table.record.__doc__ or "").partition("\n\nParameters\n----------\n")
        assert head.endswith(".")
        assert re.findall(r"(?m)^(\w+) : ", fields) == list(table.columns)
    assert "distance_m : float, m, optional\n    Distance covered." in (Activity.__doc__ or "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sport": "runing"}, "'runing' is not a sport; did you mean 'rowing'|'run"),
        ({"distance_m": True}, "a truth value is no number"),
        ({"distance_m": "far"}, "valid number"),
        ({"elapsed_s": None}, "valid number"),
        ({"start_time": dt.datetime(2026, 5, 25, 9)}, "timezone"),
        ({"start_time": np.datetime64("2026-05-25T09:00")}, "timezone"),
        ({"start_time_local": START}, "timezone"),
        ({"id": 1}, "valid string"),
        ({"heart": 60}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Activity(**RUN | changes)
    [column] = changes
    with pytest.raises(SchemaError, match=rf"Row 1 of activities: {column}") as caught:
        ACTIVITIES.from_records([RUN, RUN | changes])
    assert re.search(message, str(caught.value), re.I)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(SchemaError, match="Row 0 of activities: sport: field required"):
        ACTIVITIES.from_records([{n: v for n, v in RUN.items() if n != "sport"}])
    with pytest.raises(SchemaError, match="Row 0 of gear: row = 5: input should be"):
        GEAR.from_records([5])
    with pytest.raises(SchemaError, match="Row 0 of gear"):
        GEAR.from_records([Lap(provider="me", id="1", lap=1)])


def test_a_frame_with_an_unknown_sport_names_the_row() -> None:
    frame = ACTIVITIES.from_records([RUN, RUN | {"id": "2"}]).assign(sport=["run", "a word we do not know"])
    with pytest.raises(SchemaError, match="Row 1 of activities: sport = 'a word we do not know'"):
        ACTIVITIES.to_records(frame)


def test_times_become_utc_and_numbers_of_numpy_are_read() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    made = Activity(**RUN | {"start_time": START.astimezone(east), "distance_m": np.float32(5), "steps": np.nan})
    assert (made.start_time, made.start_time.tzinfo, made.distance_m, made.steps) == (START, dt.UTC, 5.0, None)
    assert Activity(**RUN | {"start_time": pd.Timestamp(START), "race": np.True_}).race is True
    assert Activity(**RUN | {"timezone": pd.NA, "updated_at": pd.NaT}).updated_at is None
    with pytest.raises(ValidationError, match="frozen"):
        made.sport = "ride"


def test_every_activity_column_says_how_it_merges() -> None:
    policies = {n: c.merge for n, c in ACTIVITIES.columns.items()}
    assert [n for n, merge in policies.items() if not merge] == []
    leads = {merge for merge in policies.values() if merge not in (ALONE, MEASURED, BEST_ROW)}
    assert leads <= set(ACTIVITIES.columns)
    # What leads others is not led itself.
    assert {policies[lead] for lead in leads} <= {ALONE, MEASURED}
    assert all(ACTIVITIES[n].kind is Kind.NUMBER for n, merge in policies.items() if merge == MEASURED)


def test_plausible_bounds_are_declared_beside_the_unit() -> None:
    for table in EVERY:
        for column in table.columns.values():
            if column.bounds is not None:
                assert column.kind is Kind.NUMBER
                assert column.bounds[0] < column.bounds[1]
    assert ACTIVITIES["average_heart_rate_bpm"].bounds == (5, 280)
    assert ACTIVITIES["humidity_pct"].bounds == (0, 100)
