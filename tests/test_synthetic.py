"""The synthetic world is the same everywhere, agrees with itself, and has something for dedupe to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pierre_data as pierre
from pierre_data.schema import ACTIVITIES, HEALTH, RECOVERY, SLEEP
from pierre_data.synthetic import SCENARIOS, World

WORLD = World()
TABLES = {"sleep": SLEEP, "recovery": RECOVERY, "health": HEALTH, "activities": ACTIVITIES}
#: Pinned: they change only with GENERATOR_VERSION.
DIGESTS = {
    ("activities", "truth"): "43291ff5d0947f736ede4b675edf5c1dd328638e19f61bbd8db3680acdd6c58f",
    ("activities", "watch"): "e0b91e0cad264722de598a76263d2056b81199e8f3fcc567b491b00ae801147b",
    ("activities", "phone"): "e75a07bf313555ebc62947eee3436f0496ae92816d823d3dc85d683b46d34c2c",
    ("sleep", "truth"): "193a036f20de6e1baa1d7f0692d603bfd6af4b5499d5933f513f973e8ee14d56",
    ("recovery", "truth"): "9f04075e9f2e52471afccdd2f17bc421ebc137b17128ccc8e4a11e6ccf7cf190",
    ("health", "truth"): "14b008d72852f64b5f3c18edffe35c4c00cf9cdd0e94a52755366759b6d65039",
}


@pytest.mark.parametrize(("table", "view"), DIGESTS)
def test_the_bytes_are_pinned(table: str, view: str) -> None:
    assert World().digest(table, view) == DIGESTS[table, view]


def test_another_seed_or_scenario_is_another_world() -> None:
    digests = {World(seed=s, scenario=n).digest() for s in (1, 2) for n in SCENARIOS}
    assert len(digests) == 2 * len(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("table", TABLES)
def test_rows_conform_and_are_plausible(scenario: str, table: str) -> None:
    made = getattr(World(seed=3, scenario=scenario), table)()
    frame = pd.DataFrame(made).assign(provider="synthetic")
    if table != "activities":
        TABLES[table].conform(frame)
        assert len(frame) > 500
        return
    frame["start_time"] = frame["start_time"].dt.tz_localize("UTC")
    frame = ACTIVITIES.conform(frame)
    assert frame["id"].is_unique
    assert frame.average_heart_rate_bpm.between(40, 210).all()
    assert (frame.moving_s <= frame.elapsed_s).all()
    assert frame.loc[frame.sport == "run", "average_speed_mps"].between(1.5, 6).all()
    assert frame.start_time.between(pd.Timestamp("2015-12-31", tz="UTC"), pd.Timestamp("2026-07-02", tz="UTC")).all()


moments = st.integers(0, 3834 * 24).map(lambda h: np.datetime64("2016-01-01", "us") + np.timedelta64(h, "h"))


@given(st.tuples(moments, moments, moments).map(sorted), st.sampled_from(["truth", "watch", "phone"]))
def test_windows_add_up(cuts: list[np.datetime64], view: str) -> None:
    a, b, c = cuts
    whole, first, second = (WORLD.activities(view, *w) for w in ((a, c), (a, b), (b, c)))  # type: ignore[arg-type]
    assert [*first["id"], *second["id"]] == list(whole["id"])
    assert all(a <= t < c for t in whole["start_time"])


def test_local_time_knows_summer() -> None:
    made = pd.DataFrame(WORLD.activities())
    local = made.start_time.dt.tz_localize("UTC").dt.tz_convert("Europe/Paris").dt.tz_localize(None)
    assert (local == made.start_time_local).all()
    assert set(made.utc_offset_s) == {3600.0, 7200.0}


def test_views_are_of_the_same_workouts() -> None:
    truth, watch, phone = (set(WORLD.truth(v).tolist()) for v in ("truth", "watch", "phone"))
    assert watch < truth
    assert phone < truth
    assert len(watch & phone) > 1000
    assert len(truth - watch - phone) < 0.02 * len(truth)


def test_dedupe_finds_what_the_truth_says() -> None:
    client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    merged = client.activities()
    slots = {f"synthetic-{v}:{i}": t for v in ("watch", "phone")
             for i, t in zip(WORLD.activities(v)["id"], WORLD.truth(v).tolist(), strict=True)}  # fmt: skip
    wrong = missed = 0
    seen: set[int] = set()
    for sources in merged.sources:
        found = {slots[s] for s in sources.split(" ")}
        wrong += len(found) > 1
        missed += len(found & seen)
        seen |= found
    assert wrong == 0
    assert missed < 0.01 * len(merged)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"seed": "x"}, "no integer"), ({"scenario": "couch"}, "improving-runner"), ({"end": "2015-01-01"}, "no days")],
)
def test_what_makes_no_world(change: dict[str, object], words: str) -> None:
    with pytest.raises(pierre.QueryError, match=words):
        World(**change)  # type: ignore[arg-type]
