"""Rows that say themselves which other row they are, and what ``sources`` says of them."""

import pandas as pd
import pytest

from pierre_data.dedupe import deduplicate, duplicates
from tests.test_dedupe import rows, sources

pytestmark = pytest.mark.filterwarnings("ignore:No priority among providers")

LATER = {"provider": "garmin", "id": "9", "start_time": "2026-01-05T19:00:00Z"}


def test_a_word_names_the_row_of_that_id_at_any_time() -> None:
    far = {"id": "9", "start_time": "2020-01-01"}
    frame = rows({"external_id": "garmin:9"}, {"provider": "garmin"} | far, {"provider": "garmin-export"} | far)
    spaces = {"garmin": "garmin", "garmin-export": "garmin"}
    assert sources(frame, id_spaces=spaces) == ["garmin:9 garmin-export:9 strava:1"]
    assert set(duplicates(frame, id_spaces=spaces)["rule"]) == {"exact id"}
    assert duplicates(frame, id_spaces=spaces)["score"].isna().all()
    assert len(deduplicate(frame.iloc[[0, 2]])) == 2
    assert len(deduplicate(frame.iloc[[0, 2]], id_spaces=spaces)) == 1


def test_rows_that_write_their_own_id_are_found_without_id_spaces() -> None:
    watch, export = ({"provider": p, "id": "9", "external_id": "garmin:9"} for p in ("garmin", "garmin-export"))
    hidden = {"external_id": "garmin:9", "start_time": "2026-01-05T00:00:00Z", "start_hidden": True}
    for frame in (rows(hidden, export), rows(hidden, watch), rows(hidden, export, watch), rows(watch, hidden, export)):
        merged = deduplicate(frame)
        assert merged["n_sources"].tolist() == [len(frame)]
        again = deduplicate(pd.concat([merged, frame]))
        assert again["sources"].tolist() == merged["sources"].tolist()
    assert set(duplicates(rows(hidden, watch, export))["rule"]) == {"exact id"}
    # A row and its own word are one row: it is no pair with itself, and its id is not one that is used twice.
    alone = rows(watch, watch | {"id": "10", "external_id": "garmin:10", "start_time": "2026-01-06T07:00:00Z"})
    assert deduplicate(alone)["n_sources"].tolist() == [1, 1]
    assert duplicates(alone).empty
    far = {"external_id": "garmin:9", "start_time": "2020-01-01"}
    spaces = {"garmin": "garmin", "garmin-export": "garmin"}
    assert deduplicate(rows(far, watch, export), id_spaces=spaces)["n_sources"].tolist() == [3]


@pytest.mark.parametrize("other", ["garmin_ping_9", "garmin_push_9", "9", "garmin:99", "9:garmin", None, ""])
def test_other_ids_do_not(other: str | None) -> None:
    assert len(deduplicate(rows({"external_id": other}, LATER))) == 2


def test_equal_external_ids_of_two_providers() -> None:
    assert sources(rows({"external_id": "abc"}, LATER | {"external_id": "abc"})) == ["garmin:9 strava:1"]
    assert sources(rows({"external_id": "a1 b2"}, LATER | {"external_id": "c3 b2"})) == ["garmin:9 strava:1"]
    assert len(deduplicate(rows({"external_id": "abc"}, {"id": "2", "external_id": "abc"} | {"sport": "swim"}))) == 2


def test_upload_ids_of_two_providers_mean_nothing() -> None:
    assert len(deduplicate(rows({"upload_id": "77"}, LATER | {"upload_id": "77"}))) == 2


def test_file_names_are_no_ids() -> None:
    used_again = LATER | {"start_time": "2026-03-05T07:00:00Z", "external_id": "activity.fit"}
    assert len(deduplicate(rows({"external_id": "activity.fit"}, used_again))) == 2
    words = rows({"external_id": "Morning Run.gpx"}, LATER | {"external_id": "Evening Run.gpx"})
    assert len(deduplicate(words)) == 2


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1], [2, 1, 0]])
def test_an_id_that_one_provider_uses_twice_links_nothing(order: list[int]) -> None:
    legs = [
        {"id": i, "start_time": f"2026-01-05T{h}:00:00Z", "external_id": "x1"} for i, h in (("1", "05"), ("2", "10"))
    ]
    frame = rows(legs[0], LATER | {"external_id": "x1"}, legs[1]).iloc[order]
    assert len(deduplicate(frame)) == 3


def test_a_blurred_start_is_matched_by_id_alone_and_never_kept() -> None:
    midnight = {"start_time": "2026-01-05T00:00:00Z", "start_hidden": True, "external_id": "garmin:9"}
    real = {"provider": "garmin", "id": "9", "start_hidden": False}
    third = {"provider": "whoop", "id": "w", "start_time": "2026-01-05T07:00:10Z"}
    merged = deduplicate(rows(midnight, real, third), priority=["strava"])
    assert merged["sources"].tolist() == ["strava:1 garmin:9 whoop:w"]
    assert merged["start_time"].tolist() == [pd.Timestamp("2026-01-05T07:00:00Z")]
    assert not merged["start_hidden"].any()
    same_time = rows(midnight | {"external_id": None}, real | {"start_time": "2026-01-05T00:00:00Z"})
    assert len(deduplicate(same_time)) == 2


@pytest.mark.parametrize("newest", [0, 1])
def test_the_newest_version_of_a_row_stays(newest: int) -> None:
    stamps = ["2026-01-06T00:00:00Z", None]
    frame = rows({"elapsed_s": 100.0, "updated_at": stamps[newest]}, {"updated_at": stamps[1 - newest]})
    assert deduplicate(frame)["elapsed_s"].tolist() == [[100.0, 3600.0][newest]]
    assert deduplicate(frame)["n_sources"].tolist() == [1.0]
    why = duplicates(frame)
    assert why[["kept", "dropped", "rule"]].to_numpy().tolist() == [["strava:1", "strava:1", "same id"]]


def test_without_a_stamp_the_later_row_stays() -> None:
    assert deduplicate(rows({"elapsed_s": 100.0}, {"elapsed_s": 200.0}))["elapsed_s"].tolist() == [200.0]


def test_sources_are_percent_encoded_and_read_back() -> None:
    frame = rows({"provider": "files", "id": "a b:c%20"}, {"provider": "garmin", "id": "9"})
    merged = deduplicate(frame, priority=["garmin"])
    assert merged["sources"].tolist() == ["garmin:9 files:a%20b%3Ac%2520"]
    again = deduplicate(pd.concat([merged, frame]), priority=["garmin"])
    assert again["sources"].tolist() == merged["sources"].tolist()
    assert again["activity_id"].tolist() == merged["activity_id"].tolist()


def test_fresh_rows_are_added_to_a_deduplicated_frame() -> None:
    old = deduplicate(rows({"distance_m": 1e4}, {"provider": "garmin", "id": "9"}), priority=["strava"])
    fresh = rows({"provider": "whoop", "id": "w"}, LATER | {"id": "10"}, LATER | {"id": "11", "sport": "swim"})
    merged = deduplicate(pd.concat([old, fresh]), priority=["whoop", "strava"])
    assert sorted(merged["sources"]) == ["garmin:10", "garmin:11", "whoop:w strava:1 garmin:9"]
    assert merged["n_sources"].sum() == 5
    assert merged.loc[merged["provider"] == "whoop", "distance_m"].tolist() == [1e4]


def test_overlapping_answers_join_without_losing_a_source() -> None:
    one = deduplicate(rows({}, {"provider": "garmin", "id": "9"}))
    two = deduplicate(rows({}, {"provider": "whoop", "id": "w"}))
    assert sources(pd.concat([one, two])) == ["garmin:9 strava:1 whoop:w"]


def test_providers_of_one_space_share_their_ids() -> None:
    far = {"id": "9", "start_time": "2020-01-01", "sport": "swim"}
    frame = rows(
        {"provider": "garmin", "id": "9"}, {"provider": "garmin-export"} | far, {"provider": "polar", "id": "9"}
    )
    assert len(deduplicate(frame.iloc[:2])) == 2
    merged = deduplicate(frame.iloc[:2], id_spaces={"garmin-export": "garmin"})
    assert merged["sources"].tolist() == ["garmin:9 garmin-export:9"]
    again = deduplicate(pd.concat([merged, frame.iloc[:2]]), id_spaces={"garmin-export": "garmin"})
    assert again["sources"].tolist() == merged["sources"].tolist()
    later = rows({"external_id": "garmin:9", "start_time": "2027-01-01"})
    grown = deduplicate(pd.concat([merged, later]), id_spaces={"garmin-export": "garmin"}, priority=["strava"])
    assert grown["sources"].tolist() == ["strava:1 garmin:9 garmin-export:9"]


def test_two_people_of_one_provider_are_never_one_workout() -> None:
    one, two = {"athlete_id": "ann"}, {"id": "2", "athlete_id": "bob"}
    assert len(deduplicate(rows(one, two))) == 2
    assert len(deduplicate(rows(one, two | {"athlete_id": "ann"}))) == 1
    assert len(deduplicate(rows(one, {"athlete_id": "bob"}))) == 2  # one id of two people is no repeat
    # Neither overlap nor a row that names both makes one of them.
    third = {"provider": "garmin", "id": "9", "external_id": "strava:1 strava:2"}
    merged = deduplicate(rows(one, two, third))
    assert sorted(merged["n_sources"]) == [1, 2]
    blurred = {"start_hidden": True, "external_id": "garmin:9"}
    merged = deduplicate(rows(one | blurred, two, third | {"external_id": None}))
    assert not any("strava:1" in text and "strava:2" in text for text in merged["sources"])
    assert len(deduplicate(rows(one, two), athlete="provider")) == 1  # the caller knows better
