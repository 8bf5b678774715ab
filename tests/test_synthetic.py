"""The synthetic world: the same for everybody, however it is cut, and plausible."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pierre_data import schema
from pierre_data.errors import QueryError
from pierre_data.schema import FAMILY, TABLES
from pierre_data.synthetic import SCENARIOS, VIEWS, World

# Different numbers mean different data for every tutorial and paper: then GENERATOR_VERSION goes up by one.
DIGESTS = {
    "improving-runner activities truth": "dfff354d8435d4262cb84ef970b99237f41d137a6f4efcead69350a710d3cb30",
    "improving-runner activities watch": "2ca9f122613986d638c4f15fdffc64a02d739a9b3c81272758a0944b3826929e",
    "improving-runner activities phone": "c784dedefebebdcbc56381a312028323dd2567fa2606b53f378eda09e4143ba4",
    "improving-runner sleep truth": "c01fcfa727ad2a86fb1fe739bac7aa1eacf44374a3ba0b70f347d72bf2bfc3c1",
    "improving-runner recovery truth": "5bcf8995ef4bbcd363b8ba7e244340a699e8cff9cf4f9060494e028a8e65fe84",
    "cyclist-with-power activities truth": "57dd0ba239db38ac6d416da32f25e25efbc7059fdc518df92c6dd384e1632098",
    "cyclist-with-power activities watch": "943bd716e57d66edeec0ae79552686a162783836ecac372fc6a02d92fb70fa73",
    "cyclist-with-power activities phone": "1f708fa24d057b45e323ce7f330467f54c8584f6715277599a57d1314c9dfa43",
    "cyclist-with-power sleep truth": "12fef6e2c3b5cc14116577f00116a2fa9145fe9ac0b5f170c91b50572fe78d2d",
    "cyclist-with-power recovery truth": "f47276f60df53af3c99467e1d91dd69976ca688eb508adfeeb5948ecf3f3bce1",
    "triathlete activities truth": "798bc980dcf10bae9e3632ea58b3a76acfd36f111ca5b17234185ae59e5b77f5",
    "triathlete activities watch": "daa5af5b66db6fbcebc96c60b3ab3052a11a414fef6f925e8e0dec7a1d0b96c3",
    "triathlete activities phone": "d3e3cc293e96c96b502e7d3c0dbf5954459c93002d1654dfa2dcad431623b1c1",
    "triathlete sleep truth": "b54bb6b64bd6e9627796089e45654d6472544e8c9a99fb63b4ce61f9a12d124c",
    "triathlete recovery truth": "6f319891edd4f829f8bcb33e1558544d4126ddbd61a949c0da8612bf154e5025",
    "injury-gap activities truth": "fe6132371f877b55d575957a1c096970d339c783d07b97fdbfa148ebc2631399",
    "injury-gap activities watch": "f1536345252c6f671cae776026ce76010e977ba4cb213e451e19226e205b00d2",
    "injury-gap activities phone": "8ff4c28935f720ae96d4017597b1fc5c338aabbae8a424ea7af03804a3ec1fc9",
    "injury-gap sleep truth": "cced035b103e61669c1088d09eeab9f0957324d9c836fcee65180b07976b1ab1",
    "injury-gap recovery truth": "4cf8580fcd83947a0ce11e0b8f262e32b9681a9cec88aefb739b0ab26dd0abfb",
    "improving-runner sleep_stages truth": "d5a3c4fd89ccd0bb7fb42aeb9cef8d1e647bbf2a90e552e763e5971cc09177af",
    "improving-runner health truth": "f5065e24dbd5dc260313e389ddb46b185911915a78f1d849bea983b844cb515b",
    "improving-runner athlete truth": "1ecf1dab08e1f927f933bb2d8cdf51cd07b67141e51bf1a5850c9200c12f8405",
    "improving-runner gear truth": "cdc93de4e421d17df536d173c397359cf8445d0e5c8431f7648f23b1bdd77749",
}
TIMES = {
    "activities": "start_time",
    "sleep": "start_time",
    "sleep_stages": "start_time",
    "recovery": "date",
    "health": "time",
}
HOUR = np.timedelta64(1, "h")


def rows(world: World, table: str, after: np.datetime64 | None = None, before: np.datetime64 | None = None) -> dict:
    name, _, view = table.partition(":")
    made = getattr(world, name)
    return made(view, after, before) if view else made(after, before)


def frame(columns: dict) -> pd.DataFrame:
    return pd.DataFrame(columns).assign(provider="synthetic")


@pytest.mark.parametrize("table", sorted(DIGESTS))
def test_seed_1_is_pinned(table: str) -> None:
    scenario, name, view = table.split(" ")
    assert World(1, scenario).digest(name, view) == DIGESTS[table]


def test_repeats_and_differs() -> None:
    assert World(5).digest() == World(5).digest()
    found = {World(seed, scenario).digest() for seed in (1, 2) for scenario in SCENARIOS}
    assert len(found) == 2 * len(SCENARIOS)


WINDOWED = ["activities:truth", "activities:watch", "activities:phone", "sleep", "sleep_stages", "recovery", "health"]
hours = st.integers(min_value=-40, max_value=24 * 100)


@pytest.mark.parametrize("table", WINDOWED)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    cuts=st.tuples(hours, hours, hours).map(sorted), seed=st.integers(0, 50), which=st.sampled_from(sorted(SCENARIOS))
)
def test_windows_join(table: str, cuts: list[int], seed: int, which: str) -> None:
    world = World(seed, which, end="2016-03-20")
    a, b, c = (np.datetime64("2016-01-01", "us") + cut * HOUR for cut in cuts)
    left, right, whole = (rows(world, table, *bounds) for bounds in ((a, b), (b, c), (a, c)))
    assert list(left) == list(whole)
    for name, values in whole.items():
        joined = [*left[name], *right[name]]
        assert len(joined) == len(values)
        assert all(x == y or (x != x and y != y) for x, y in zip(joined, values, strict=True)), name
    times = whole[TIMES[table.partition(":")[0]]]
    assert ((times >= a) & (times < c)).all()
    assert (np.diff(times) >= np.timedelta64(0, "us")).all()


@pytest.mark.parametrize("table", WINDOWED)
def test_world_bounds_only_cut(table: str) -> None:
    after, before = np.datetime64("2021-03-01", "us"), np.datetime64("2021-04-01", "us")
    part = frame(rows(World(start="2021-03-01", end="2021-04-01"), table))
    pd.testing.assert_frame_equal(part, frame(rows(World(), table, after, before)))
    assert len(part) > 5


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_fits_the_schema(scenario: str) -> None:
    world = World(3, scenario, "2023-06-01", "2024-06-01")
    for name in ("activities", "sleep", "sleep_stages", "recovery", "health", "athlete", "gear"):
        made = frame(getattr(world, name)())
        table = TABLES[name]
        assert set(made) <= set(table.columns), name
        conformed = table.conform(made)
        assert len(conformed) > 0
        if "id" in conformed:
            assert conformed["id"].is_unique
            assert conformed["id"].str.fullmatch(r"\d+").all()


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
@pytest.mark.parametrize("view", VIEWS)
def test_activities_are_plausible(scenario: str, view: str) -> None:
    a = frame(World(2, scenario).activities(view))
    assert [FAMILY[s] for s in a.sport] == a.sport_family.tolist()
    assert (a.elapsed_s >= a.moving_s).all()
    assert (a.moving_s > 0).all()
    assert a.average_heart_rate_bpm.dropna().between(60, 200).all()
    assert (a.max_heart_rate_bpm >= a.average_heart_rate_bpm).mean() == a.average_heart_rate_bpm.notna().mean()
    running = a[(a.sport_family == "run") & ~a.manual]
    assert running.average_speed_mps.dropna().between(1.6, 5.8).all()
    assert a[a.sport_family == "swim"].average_speed_mps.dropna().between(0.6, 2.2).all()
    assert a[a.sport_family == "ride"].average_speed_mps.dropna().between(3.5, 13).all()
    assert a.average_power_w.dropna().between(60, 420).all()
    assert a[a.indoor].start_latitude_deg.isna().all()
    assert a[a.has_gps].start_latitude_deg.between(47, 55).all()
    assert (a.updated_at > a.start_time).all()


def test_local_time_knows_summer_time() -> None:
    a = World().activities("watch")
    zone = ZoneInfo("Europe/Berlin")
    names = ("start_time", "start_time_local", "utc_offset_s")
    for start, local, offset in zip(*(a[n].tolist() for n in names), strict=True):
        there = start.replace(tzinfo=dt.UTC).astimezone(zone)
        assert there.replace(tzinfo=None) == local
        assert there.utcoffset().total_seconds() == offset
    assert set(a["utc_offset_s"].tolist()) == {3600.0, 7200.0}


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_true_workouts_do_not_overlap(scenario: str) -> None:
    for seed in range(4):
        a = frame(World(seed, scenario).activities())
        end = a.start_time + pd.to_timedelta(a.elapsed_s, unit="s")
        assert (a.start_time.iloc[1:].to_numpy() >= end.iloc[:-1].to_numpy()).all()


def test_views_tell_of_the_same_workouts() -> None:
    world = World()
    true, watch, phone = (frame(world.activities(v)) for v in VIEWS)
    assert (world.truth("truth") == np.arange(len(true))).all()
    for view, seen in (("watch", watch), ("phone", phone)):
        of = true.iloc[world.truth(view)].reset_index(drop=True)
        off = (seen.start_time - of.start_time).dt.total_seconds().abs()
        assert off[~seen.manual].max() < (12 if view == "watch" else 250)
        assert 0.5 < len(seen) / len(true) < 1.0
        assert not set(seen.id) & set(true.id)
    both = set(world.truth("watch")) & set(world.truth("phone"))
    assert 0.4 < len(both) / len(true) < 0.7
    assert set(world.truth("watch")) | set(world.truth("phone")) <= set(range(len(true)))
    assert (len(watch), len(phone)) > (len(set(world.truth("watch"))), len(set(world.truth("phone"))))


def test_links_lead_to_the_watch() -> None:
    world = World()
    watch, phone = frame(world.activities("watch")).set_index("id"), frame(world.activities("phone"))
    phone["true"] = world.truth("phone")
    linked = phone[phone.external_id.notna()]
    there = watch.loc[linked.external_id.str.removeprefix("synthetic-watch:")]
    assert 0.1 < len(linked) / len(phone) < 0.4
    assert (there.start_time.to_numpy() == linked.start_time.to_numpy()).all()
    own = phone[phone.device == "Waypost for phones"]
    assert own.average_heart_rate_bpm.isna().all()
    assert own.average_power_w.isna().all()
    assert own.external_id.isna().all()


def test_the_story_is_told() -> None:
    runs = frame(World().activities())
    easy = runs[(runs.sport == "run") & (runs.workout_kind.isna())].set_index("start_time")
    by_year = easy.groupby(easy.index.year)[["average_speed_mps", "average_heart_rate_bpm"]].mean()
    assert by_year.average_speed_mps[2025] > 1.12 * by_year.average_speed_mps[2016]
    assert abs(by_year.average_heart_rate_bpm[2025] - by_year.average_heart_rate_bpm[2016]) < 6
    assert runs[runs.workout_kind == "long_run"].start_time_local.dt.day_of_week.eq(6).all()
    hurt = frame(World(1, "injury-gap").activities())
    pauses = hurt[hurt.sport_family == "run"].start_time.diff().dt.days
    assert 3 <= (pauses > 28).sum() <= 12
    powered = frame(World(1, "cyclist-with-power").activities())
    assert powered.average_power_w.notna().mean() > 0.3


def test_the_body_answers() -> None:
    world = World(4, "triathlete")
    night, day = frame(world.sleep()), frame(world.recovery())
    assert (night[["light_s", "deep_s", "rem_s"]].sum(axis=1) == night.asleep_s).all()
    assert ((night.end_time - night.start_time).dt.total_seconds() == night.in_bed_s).all()
    assert night[~night.is_nap].asleep_s.between(1.9 * 3600, 11 * 3600).all()
    assert day.resting_heart_rate_bpm.between(33, 95).all()
    stages = frame(world.sleep_stages()).groupby(["sleep_id", "stage"]).elapsed_s.sum().unstack(fill_value=0.0)
    total = night.set_index("id").iloc[1:-1]  # a night across an edge of the world has stages on one side only
    stages = stages.loc[total.index]
    for stage in ("awake", "light", "deep", "rem"):
        assert (stages[stage] == total[f"{stage}_s"]).all()
    strain = day.set_index("date").strain
    resting = day.set_index("date").resting_heart_rate_bpm
    after = resting.reindex(strain.index + pd.Timedelta(days=1))
    assert np.corrcoef(strain[after.notna().to_numpy()], after.dropna())[0, 1] > 0.1
    workouts = frame(world.activities())
    end = workouts.start_time + pd.to_timedelta(workouts.elapsed_s, unit="s")
    for start, stop in zip(night.start_time, night.end_time, strict=True):
        assert not ((workouts.start_time < stop) & (end > start)).any()


@pytest.mark.parametrize(
    "bad",
    [
        {"seed": -1},
        {"seed": 1 << 28},
        {"seed": True},
        {"seed": "1"},
        {"scenario": "marathoner"},
        {"start": "2026-07-01"},
        {"start": "yesterday"},
        {"end": "2150-01-01"},
    ],
)
def test_bad_worlds_are_refused(bad: dict) -> None:
    with pytest.raises(QueryError, match=r"Choose one of: improving-runner|Take "):
        World(**bad)


def test_bad_questions_are_refused() -> None:
    with pytest.raises(QueryError, match="truth, watch, phone"):
        World().activities("ring")
    with pytest.raises(QueryError, match="activities, sleep"):
        World().digest("streams")
    empty = World().activities("watch", np.datetime64("2020-05-01"), np.datetime64("2020-04-01"))
    assert schema.ACTIVITIES.conform(frame(empty)).empty


def test_no_two_athletes_share_an_id() -> None:
    window = np.datetime64("2024-05-01"), np.datetime64("2024-05-15")
    seen: list[str] = []
    for seed in range(30):
        for scenario in SCENARIOS:
            for view in VIEWS:
                seen += World(seed, scenario).activities(view, *window)["id"]
    assert len(seen) == len(set(seen)) > 1000
