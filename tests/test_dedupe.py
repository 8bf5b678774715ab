"""Deduplicate and explain: the cases people have met."""

import warnings

import numpy as np
import pandas as pd
import pytest

from pierre_data.dedupe import Override, activity_id, deduplicate, duplicates
from pierre_data.errors import QueryError, SchemaError
from pierre_data.schema import ACTIVITIES, MERGED_ACTIVITIES

#: Most frames here are of several providers in any order.
pytestmark = pytest.mark.filterwarnings("ignore:No priority among providers")


def rows(*every: dict[str, object]) -> pd.DataFrame:
    """Return a frame of activities; what a row leaves out is an hour's run of strava:1."""
    usual = {"provider": "strava", "id": "1", "sport": "run", "start_time": "2026-01-05T07:00:00Z", "elapsed_s": 3600.0}
    frame = pd.DataFrame([usual | one for one in every])
    frame["start_time"] = pd.to_datetime(frame["start_time"], utc=True, format="ISO8601")
    columns = [c for c in ACTIVITIES.columns if c in frame]
    return ACTIVITIES.conform(frame)[columns]


def sources(frame: pd.DataFrame, **options: object) -> list[str]:
    return sorted(deduplicate(frame, **options)["sources"])


def test_a_synced_copy_is_one_workout() -> None:
    frame = rows(
        {"distance_m": 10_000.0}, {"provider": "garmin", "id": "9", "start_time": "2026-01-05T07:00:02Z"}
    ).set_index(pd.Index(["x", "x"]))
    merged = deduplicate(frame)
    assert list(merged.columns[:3]) == ["activity_id", "n_sources", "sources"]
    assert merged["sources"].tolist() == ["garmin:9 strava:1"]
    assert merged["n_sources"].dtype == "int64"
    assert merged.index.equals(pd.RangeIndex(1))
    assert deduplicate(frame, priority=["strava"])["sources"].tolist() == ["strava:1 garmin:9"]


def test_the_explanation_of_a_merge() -> None:
    frame = rows(
        {"distance_m": 10_000.0, "average_heart_rate_bpm": 150.0},
        {"provider": "garmin", "id": "9", "start_time": "2026-01-05T07:00:05Z", "distance_m": 9_900.0}
        | {"average_heart_rate_bpm": 148.0, "sport": "trail_run"},
    )
    why = duplicates(frame, priority=["strava"]).iloc[0]
    assert why[["kept", "dropped", "rule"]].tolist() == ["strava:1", "garmin:9", "overlap"]
    assert why["activity_id"] == min(activity_id("strava", "1"), activity_id("garmin", "9"))
    assert why["start_diff_s"] == why["end_diff_s"] == 5.0
    assert why["overlap_iou"] == pytest.approx(3595 / 3605)
    assert (why["duration_ratio"], why["distance_ratio"], why["heart_rate_diff_bpm"]) == (1.0, 0.99, 2.0)
    assert (why["kept_sport"], why["dropped_sport"]) == ("run", "trail_run")
    assert why["score"] > 8
    assert why["dropped_start_time"] - why["kept_start_time"] == pd.Timedelta(seconds=5)


def test_a_deduplicated_frame_cannot_be_explained() -> None:
    with pytest.raises(QueryError, match="dedupe=False"):
        duplicates(deduplicate(rows({})))


@pytest.mark.parametrize("ask", [deduplicate, duplicates])
def test_empty(ask: object) -> None:
    full, empty = ask(rows({}, {"provider": "garmin"})), ask(rows({}).iloc[:0])
    assert len(empty) == 0
    assert empty.dtypes.equals(full.dtypes)
    assert len(ask(pd.DataFrame({c: [] for c in ("provider", "id", "sport", "start_time", "elapsed_s")}))) == 0


def test_all_columns_keep_their_dtypes() -> None:
    frame = ACTIVITIES.conform(rows({}, {"provider": "garmin"}, {"provider": "whoop", "start_time": "2026-02-01"}))
    merged = deduplicate(frame)
    assert set(merged.columns) == set(MERGED_ACTIVITIES.columns)
    assert dict(merged.dtypes.astype(str)) == {n: MERGED_ACTIVITIES.dtypes[n] for n in merged.columns}


@pytest.mark.parametrize("column", ["provider", "id", "sport", "start_time", "elapsed_s"])
def test_a_missing_column_is_named(column: str) -> None:
    with pytest.raises(SchemaError, match=repr(column)):
        deduplicate(rows({}).drop(columns=column))


def test_wrong_questions_say_so() -> None:
    frame = rows({}, {"provider": "garmin"})
    with pytest.raises(QueryError, match="list of provider names"):
        deduplicate(frame, priority="strava")
    with pytest.raises(QueryError, match="same_provider"):
        deduplicate(frame, same_provider="always")
    with pytest.raises(SchemaError, match="'who'"):
        deduplicate(frame, athlete="who")
    with pytest.raises(SchemaError, match="missing values"):
        deduplicate(frame.assign(id=[None, "2"]))
    with pytest.raises(SchemaError, match="'elapsed_s' cannot be read as numbers"):
        deduplicate(frame.assign(elapsed_s="an hour"))
    with pytest.raises(SchemaError, match="'start_time' cannot be read as times"):
        deduplicate(frame.assign(start_time="yesterday"))
    with pytest.raises(SchemaError, match="twice"):
        deduplicate(pd.concat([frame, frame[["id"]]], axis=1))


def test_plain_csv_types_are_read() -> None:
    frame = pd.DataFrame(
        {"provider": ["a", "b"], "id": [1, 2], "sport": ["run", "run"], "elapsed_s": [600, 600]}
        | {"start_time": ["2026-01-05T07:00:00+02:00", "2026-01-05 05:00:01"]},
        dtype=object,
    )
    assert sources(frame) == ["a:1 b:2"]


def test_back_to_back_sessions_stay_apart() -> None:
    times = ["07:00", "07:45", "08:30"]
    frame = rows(
        *({"id": str(i), "start_time": f"2026-01-05T{t}:00Z", "elapsed_s": 2700.0} for i, t in enumerate(times)),
        *(
            {"provider": "garmin", "id": str(i), "start_time": f"2026-01-05T{t}:20Z", "elapsed_s": 2690.0}
            for i, t in enumerate(times)
        ),
    )
    assert sources(frame) == ["garmin:0 strava:0", "garmin:1 strava:1", "garmin:2 strava:2"]


def test_warm_up_and_main_set_of_one_watch_do_not_chain_through_a_phone() -> None:
    frame = rows(
        {"id": "1", "elapsed_s": 900.0},
        {"id": "2", "start_time": "2026-01-05T07:15:30Z", "elapsed_s": 2700.0},
        {"provider": "phone", "id": "1", "elapsed_s": 3630.0},
    )
    assert sources(frame) == ["phone:1 strava:2", "strava:1"]


def test_night_of_the_clock_change() -> None:
    # Europe, 25 October 2026: the local hour from 2 to 3 happens twice; the instants differ by an hour.
    frame = rows(
        {"id": "1", "start_time": "2026-10-25T00:30:00Z", "elapsed_s": 1800.0},
        {"id": "2", "start_time": "2026-10-25T01:30:00Z", "elapsed_s": 1800.0},
        {"provider": "garmin", "id": "1", "start_time": "2026-10-25T02:30:00+02:00", "elapsed_s": 1800.0},
        {"provider": "garmin", "id": "2", "start_time": "2026-10-25T02:30:00+01:00", "elapsed_s": 1800.0},
    )
    assert sources(frame) == ["garmin:1 strava:1", "garmin:2 strava:2"]


def test_places() -> None:
    def score(*places: tuple[float, float]) -> float:
        spots = [{"start_latitude_deg": a, "start_longitude_deg": o} for a, o in places]
        found = duplicates(rows(spots[0], {"provider": "garmin"} | spots[1]))
        return float(found["score"].iloc[0])

    here = score((-17.0, 179.9999), (-17.0, 179.9999))
    assert score((-17.0, 179.9999), (-17.0, -179.9999)) == pytest.approx(here, abs=0.1)
    assert score((-17.0, 179.9999), (-17.2, 179.9999)) < here - 4
    unknown = score((0.0, 0.0), (-17.0, 179.9999))
    assert unknown == score((np.nan, np.nan), (-17.0, 179.9999)) < here


def test_two_people_of_a_group_run_stay_apart() -> None:
    frame = rows({"external_id": "x1"}, {"provider": "garmin", "external_id": "x1"}, {"elapsed_s": 3601.0})
    frame["who"] = ["ann", "bob", "eve"]
    assert len(deduplicate(frame, athlete="who")) == 3
    frame["who"] = ["ann", "ann", "eve"]
    assert sorted(deduplicate(frame, athlete="who")["n_sources"]) == [1, 2]


def test_durations_nobody_can_have() -> None:
    bad = [np.nan, 0.0, -5.0, np.inf, 1e300, 4e7]
    frame = rows(*({"id": str(i)} for i in range(len(bad))), {"provider": "garmin"}).assign(elapsed_s=[*bad, 3600.0])
    assert len(deduplicate(frame)) == len(frame)
    assert len(deduplicate(rows({"elapsed_s": 0.0}, {"provider": "garmin", "elapsed_s": 0.0}))) == 2


def test_a_row_without_a_start_comes_last() -> None:
    frame = rows({"id": "1"}, {"id": "3", "start_time": "2026-01-06T07:00Z"})
    nowhen = frame.head(1).assign(id="2", start_time=pd.to_datetime([None], utc=True).as_unit("us"))
    frame = pd.concat([nowhen, frame])
    assert deduplicate(frame)["id"].tolist() == ["3", "1", "2"]


def test_newest_first_ties_by_provider_and_id() -> None:
    frame = rows(
        {"provider": "b", "id": "1", "sport": "swim"},
        {"provider": "a", "id": "2", "sport": "ride"},
        {"provider": "a", "id": "10", "sport": "rock_climb"},
        {"provider": "c", "id": "0", "start_time": "2026-01-06"},
    )
    merged = deduplicate(frame, priority=["c", "b"])
    assert (merged["provider"] + merged["id"]).tolist() == ["c0", "a10", "a2", "b1"]


def test_one_provider_comes_back_as_it_is() -> None:
    frame = rows(*({"id": str(i), "start_time": f"2026-01-{i:02d}T07:00Z"} for i in range(9, 0, -1)))
    pd.testing.assert_frame_equal(deduplicate(frame).drop(columns=["activity_id", "n_sources", "sources"]), frame)
    assert len(duplicates(frame)) == 0


def test_two_devices_of_one_account() -> None:
    frame = rows({"id": "1"}, {"id": "2", "start_time": "2026-01-05T07:00:30Z", "elapsed_s": 3550.0})
    assert sources(frame) == ["strava:1 strava:2"]
    assert sources(frame, same_provider="never") == ["strava:1", "strava:2"]


@pytest.mark.parametrize(
    ("one", "two", "merges"),
    [
        ("run", "trail_run", True),
        ("run", "workout", True),
        ("run", "hike", True),
        ("run", "a word we do not know", True),
        ("nordic_ski", "roller_ski", True),
        ("triathlon", "multisport", True),
        ("run", "swim", False),
        ("golf", "fishing_hunting", False),
        ("triathlon", "ride", False),
        ("multisport", "workout", False),
        ("transition", "run", False),
    ],
)
def test_sports(one: str, two: str, merges: bool) -> None:
    frame = rows({"sport": one}, {"provider": "garmin", "sport": two})
    assert (len(deduplicate(frame)) == 1) is merges
    assert (len(deduplicate(frame.iloc[::-1])) == 1) is merges


def test_activity_id_is_the_same_on_every_machine_and_version() -> None:
    assert activity_id("strava", "123") == "4487a17ec8565e5b"
    assert activity_id("garmin", "é 1") == "dcc3fc3970e8223d"
    assert deduplicate(rows({"id": "123"}))["activity_id"].tolist() == ["4487a17ec8565e5b"]


def test_several_providers_without_priority_are_ordered_by_name_and_it_is_said() -> None:
    frame = rows({}, {"provider": "garmin", "id": "9"})
    for ask in (deduplicate, duplicates):
        with pytest.warns(UserWarning, match="count by name: garmin, strava") as caught:
            ask(frame)
        assert [w.filename for w in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        deduplicate(frame.iloc[:1])
        assert deduplicate(frame, priority=["strava"])["provider"].tolist() == ["strava"]


def test_nothing_is_read_from_attrs_so_parts_put_together_give_what_the_whole_gives() -> None:
    days = [{"start_time": f"2026-01-{day:02d}T07:00Z"} for day in range(1, 9)]
    whole = rows(
        *(day | {"id": str(at)} for at, day in enumerate(days)),
        *(day | {"id": str(at), "provider": "garmin"} for at, day in enumerate(days)),
    )
    early = whole["start_time"] < "2026-01-05"
    parts = [whole[early], whole[~early]]
    for part, report in zip(parts, "ab", strict=True):
        part.attrs["pierre"] = {"report": report, "providers": "strava garmin", "overrides": "different a:1 b:2"}
    marks = [Override(False, "strava:1", "garmin:1")]
    asked = {"priority": ["strava", "garmin"], "overrides": marks}
    joined = deduplicate(pd.concat(parts), **asked)
    pd.testing.assert_frame_equal(joined, deduplicate(whole, **asked))
    assert len(joined) == 9
    assert deduplicate(parts[0])["provider"].unique().tolist() == ["garmin"]
