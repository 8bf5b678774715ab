"""Tables are what the design lists, and the conforming gate keeps them so."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pierre_data import QueryError, SchemaError
from pierre_data.schema import ACTIVITIES, FAMILIES, FAMILY, MERGED_ACTIVITIES, TABLES, Kind, Table, sport_filter
from pierre_data.schema.records import Record, may, must
from pierre_data.schema.types import Metres, Text

ACTIVITY_COLUMNS = """
provider id athlete_id name sport sport_family sport_raw workout_kind is_exercise
start_time start_time_local utc_offset_s timezone start_hidden
elapsed_s moving_s distance_m elevation_gain_m elevation_loss_m energy_kcal work_kj steps
average_speed_mps max_speed_mps average_heart_rate_bpm max_heart_rate_bpm recovery_heart_rate_bpm hrv_rmssd_ms
average_power_w max_power_w normalized_power_w ftp_w running_power_w
average_cadence_rpm max_cadence_rpm average_cadence_spm max_cadence_spm
training_stress_score intensity_factor relative_effort strain perceived_exertion
temperature_c humidity_pct wind_speed_mps average_altitude_m min_altitude_m max_altitude_m
ground_contact_time_ms vertical_oscillation_cm stride_length_m breathing_rate_brpm spo2_pct
start_latitude_deg start_longitude_deg end_latitude_deg end_longitude_deg city region country trail_name
manual indoor commute race private has_gps device gear_id external_id upload_id updated_at source_file
""".split()


def rows(**columns: object) -> pd.DataFrame:
    base = {"provider": ["a"], "id": ["1"], "sport": ["run"], "start_time": ["2026-01-01T00:00:00Z"], "elapsed_s": [60]}
    return pd.DataFrame({**base, **columns})


def test_activities_are_exactly_as_designed() -> None:
    assert list(ACTIVITIES.columns) == ACTIVITY_COLUMNS
    assert list(MERGED_ACTIVITIES.columns) == ["activity_id", "n_sources", "sources", *ACTIVITY_COLUMNS]
    assert ACTIVITIES.required == ("provider", "id", "sport", "start_time", "elapsed_s")


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_empty_has_the_dtypes_of_full(table: Table) -> None:
    empty = table.empty()
    assert empty.dtypes.astype(str).to_dict() == dict(table.dtypes)
    full = table.conform(pd.DataFrame({c: [sample(table[c].kind)] for c in table.columns}))
    assert (full.dtypes == empty.dtypes).all()
    assert "object" not in set(table.dtypes.values())


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_arrow_and_back(table: Table) -> None:
    full = table.conform(pd.DataFrame({c: [sample(table[c].kind)] * 2 for c in table.columns}))
    pd.testing.assert_frame_equal(table.from_arrow([table.to_arrow(full)]), full)
    sparse = table.conform(full[list(table.required)])
    arrow = table.to_arrow(sparse)
    assert arrow.schema.names == [c for c in table.columns if c in table.required]
    pd.testing.assert_frame_equal(table.from_arrow([arrow, table.to_arrow(full)]).iloc[:2], sparse)


def sample(kind: Kind) -> object:
    stamp = pd.Timestamp("2026-01-01T10:00:00")
    return {
        Kind.TEXT: "x",
        Kind.NUMBER: 1.5,
        Kind.COUNT: 2,
        Kind.FLAG: True,
        Kind.INSTANT: stamp.tz_localize("UTC"),
        Kind.WALL: stamp,
    }[kind]


def test_arrow_fields_say_unit_and_meaning() -> None:
    field = ACTIVITIES.arrow.field("average_speed_mps")
    assert field.metadata == {b"meaning": b"Mean speed as the vendor computes it.", b"unit": b"m/s"}
    assert not ACTIVITIES.arrow.field("id").nullable
    assert ACTIVITIES.arrow.field("start_time").type == pa.timestamp("us", tz="UTC")


def test_conform_orders_casts_and_fills() -> None:
    frame = ACTIVITIES.conform(rows(mine=["kept?"]).iloc[:, ::-1])
    assert list(frame.columns) == ACTIVITY_COLUMNS
    assert str(frame.dtypes["elapsed_s"]) == "float64"
    assert frame.start_time[0] == pd.Timestamp("2026-01-01", tz="UTC")
    assert np.isnan(frame.distance_m[0])
    assert ACTIVITIES.conform(rows(mine=[1]), extra=True).columns[-1] == "mine"


def test_conform_takes_naive_instants_as_utc_and_any_index() -> None:
    frame = rows(start_time=[pd.Timestamp("2026-01-01")]).set_index(pd.Index(["odd"]))
    assert ACTIVITIES.conform(frame).start_time[0] == pd.Timestamp("2026-01-01", tz="UTC")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (rows().drop(columns="id"), "needs the column 'id'"),
        (rows(id=[None]), "'id' of activities has missing values"),
        (rows(distance_m=["far"]), "'distance_m' of activities cannot be read as float64"),
        (rows(start_time_local=[pd.Timestamp("2026-01-01", tz="UTC")]), "'start_time_local'"),
    ],
)
def test_conform_refuses_what_does_not_fit(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        ACTIVITIES.conform(frame)


def test_a_name_without_its_unit_is_refused() -> None:
    class Wrong(Record):
        distance: Metres | None = may("No suffix.")

    with pytest.raises(SchemaError, match="must end in '_m'"):
        Table("wrong", Wrong, key=())


def test_a_key_the_table_does_not_have_is_refused() -> None:
    class Small(Record):
        id: Text = must("Id.")

    with pytest.raises(SchemaError, match="no column 'provider'"):
        Table("small", Small, key=("provider",))


def test_markdown_lists_every_column() -> None:
    text = ACTIVITIES.markdown()
    assert text.count("\n") == len(ACTIVITIES.columns) + 1
    assert "| `distance_m` | float64 | m | Distance covered. |" in text


def test_every_sport_has_one_family() -> None:
    assert sum(len(s) for s in FAMILIES.values()) == len(FAMILY)
    assert FAMILY["hike"] == "walk"
    assert FAMILY["crossfit"] == "strength"


def test_sport_filter() -> None:
    assert sport_filter("run") == frozenset(FAMILIES["run"])
    assert sport_filter(" =Run ") == {"run"}
    assert sport_filter("trail_run") == {"trail_run"}
    with pytest.raises(QueryError, match="Did you mean 'swim'"):
        sport_filter("swimm")


def test_writing_to_an_empty_column_leaves_the_others_alone() -> None:
    frame = ACTIVITIES.conform(rows())
    frame.loc[0, "distance_m"] = 5.0
    frame.loc[0, "name"] = "Run"
    frame.loc[0, "race"] = True
    filled = {c for c in frame.columns if frame[c].notna().any()}
    assert filled == {*ACTIVITIES.required, "distance_m", "name", "race"}
