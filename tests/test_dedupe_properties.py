"""What holds for every frame: nothing is lost, no order matters, a second pass changes nothing."""

import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pierre_data.dedupe import Override, activity_id, deduplicate, duplicates

pytestmark = pytest.mark.filterwarnings("ignore:No priority among providers")

START = pd.Timestamp("2026-03-28 23:30", tz="UTC")
DTYPES = {
    "provider": "str",
    "id": "str",
    "sport": "str",
    "external_id": "str",
    "name": "str",
    "start_hidden": "boolean",
    "manual": "boolean",
    "start_time": "datetime64[us, UTC]",
}
maybe = st.none() | st.just(float("nan"))

row = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["strava", "garmin", "whoop"]),
        "sport": st.sampled_from(["run", "trail_run", "walk", "ride", "workout", "triathlon", "unheard_of"]),
        "start_time": st.sampled_from([0, 0.5, 20, 60, 300, 1800, 3600, 3660, 86400]).map(
            lambda seconds: START + pd.Timedelta(seconds=seconds)
        ),
        "elapsed_s": st.sampled_from([3600.0, 3590.0, 1800.0, 1200.0, 60.0, 0.0, -5.0, float("nan"), 1e12]),
        "moving_s": maybe | st.sampled_from([3500.0, 1700.0, 0.0]),
        "distance_m": maybe | st.sampled_from([10_000.0, 10_050.0, 5_000.0, 0.0]),
        "average_heart_rate_bpm": maybe | st.sampled_from([0.0, 140.0, 141.0, 170.0]),
        "start_latitude_deg": maybe | st.sampled_from([0.0, 50.0, 50.01]),
        "start_longitude_deg": maybe | st.sampled_from([0.0, 179.99, -179.99]),
        "start_hidden": st.sampled_from([None, False, False, True]),
        "manual": st.sampled_from([None, False, True]),
        "external_id": st.sampled_from([None, None, None, "file.fit", "x1 x2", "x2", "garmin:1", ""]),
        "name": st.sampled_from([None, "Morning"]),
    }
)


def to_frame(rows: list[dict[str, object]], first: int = 0) -> pd.DataFrame:
    for at, one in enumerate(rows):
        one["id"] = str(first + at)
    columns = ["provider", "id", *(rows[0].keys() - {"provider", "id"} if rows else [])]
    return pd.DataFrame(rows, columns=columns).astype({c: d for c, d in DTYPES.items() if c in columns})


frames = st.lists(row, min_size=1, max_size=12).map(to_frame)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def sources(frame: pd.DataFrame) -> Counter[str]:
    return Counter(" ".join(frame["sources"]).split())


@quick
@given(frames, st.randoms(use_true_random=False))
def test_no_order_matters(frame: pd.DataFrame, random: object) -> None:
    order = list(range(len(frame)))
    random.shuffle(order)
    mixed = frame.iloc[order]
    pd.testing.assert_frame_equal(deduplicate(frame), deduplicate(mixed))
    pd.testing.assert_frame_equal(duplicates(frame), duplicates(mixed))


@quick
@given(frames)
def test_a_second_pass_changes_nothing(frame: pd.DataFrame) -> None:
    once = deduplicate(frame, priority=["whoop"])
    pd.testing.assert_frame_equal(deduplicate(once, priority=["whoop"]), once)


@quick
@given(frames)
def test_every_row_is_in_exactly_one_group(frame: pd.DataFrame) -> None:
    merged = deduplicate(frame)
    assert sources(merged) == Counter(frame["provider"] + ":" + frame["id"])
    assert merged["n_sources"].sum() == len(frame)
    assert merged["activity_id"].is_unique
    for text, name in zip(merged["sources"], merged["activity_id"], strict=True):
        assert name == min(activity_id(*source.split(":")) for source in text.split())


@quick
@given(frames)
def test_every_dropped_row_has_its_reason(frame: pd.DataFrame) -> None:
    merged, why = deduplicate(frame), duplicates(frame)
    heads = merged["provider"] + ":" + merged["id"]
    group = dict(zip(heads, merged["activity_id"], strict=True))
    assert Counter([*heads, *why["dropped"]]) == Counter(frame["provider"] + ":" + frame["id"])
    assert [group[kept] for kept in why["kept"]] == list(why["activity_id"])
    assert set(why["rule"]) <= {"exact id", "overlap"}


@quick
@given(frames)
def test_only_ids_join_what_cannot_be_compared(frame: pd.DataFrame) -> None:
    frame = frame.drop(columns="external_id")
    comparable = (frame["elapsed_s"] > 0) & (frame["elapsed_s"] < 1e9) & ~frame["start_hidden"].fillna(False)
    alone = frame.loc[~comparable, "provider"] + ":" + frame.loc[~comparable, "id"]
    assert set(alone) <= set(deduplicate(frame)["sources"])


@quick
@given(frames)
def test_one_provider_twice_in_a_group_overlaps_well(frame: pd.DataFrame) -> None:
    frame = frame.drop(columns="external_id")
    times = {
        f"{p}:{i}": (s.timestamp(), e)
        for p, i, s, e in zip(frame["provider"], frame["id"], frame["start_time"], frame["elapsed_s"], strict=True)
    }
    for text in deduplicate(frame)["sources"]:
        for one in text.split():
            for two in text.split():
                if one < two and one.split(":")[0] == two.split(":")[0]:
                    (a, long_a), (b, long_b) = times[one], times[two]
                    both = min(a + long_a, b + long_b) - max(a, b)
                    assert both / (max(a + long_a, b + long_b) - min(a, b)) >= 0.4 - 1e-6
                    assert both / min(long_a, long_b) >= 0.6 - 1e-6
    for text in deduplicate(frame, same_provider="never")["sources"]:
        assert max(Counter(source.split(":")[0] for source in text.split()).values()) == 1


@quick
@given(frames)
def test_values_are_those_of_a_source(frame: pd.DataFrame) -> None:
    rows = {f"{r.provider}:{r.id}": r for r in frame.itertuples()}
    for one in deduplicate(frame).itertuples():
        members = [rows[source] for source in one.sources.split()]
        assert (one.provider, one.id) == (members[0].provider, members[0].id)
        for together in (("distance_m", "moving_s"), ("start_latitude_deg", "start_longitude_deg"), ("sport",)):
            values = np.array([[getattr(m, c) for c in together] for m in members], dtype=object)
            mine = [getattr(one, c) for c in together]
            assert any(all(a == b or (pd.isna(a) and pd.isna(b)) for a, b in zip(mine, v, strict=True)) for v in values)


@quick
@given(st.lists(row, max_size=8), st.lists(row, min_size=1, max_size=8), st.booleans())
def test_fresh_rows_join_a_deduplicated_frame(old: list[dict], new: list[dict], both: bool) -> None:
    one, two = to_frame(old), to_frame(new, first=len(old))
    raw = pd.concat([one, two]) if old else two
    known = deduplicate(one) if old else one
    mixed = deduplicate(pd.concat([known, deduplicate(two) if both else two]) if old else two)
    assert sources(mixed) == Counter(raw["provider"] + ":" + raw["id"])
    assert (mixed["n_sources"] == mixed["sources"].str.count(" ") + 1).all()
    pd.testing.assert_frame_equal(deduplicate(mixed), mixed)


@quick
@given(frames, st.data())
def test_repeats_are_dropped_once(frame: pd.DataFrame, data: st.DataObject) -> None:
    again = frame.iloc[data.draw(st.lists(st.integers(0, len(frame) - 1), min_size=1, max_size=4))]
    doubled = pd.concat([frame, again])
    pd.testing.assert_frame_equal(deduplicate(doubled), deduplicate(frame))
    assert (duplicates(doubled)["rule"] == "same id").sum() == len(again)
    assert len(duplicates(doubled)) + len(deduplicate(doubled)) == len(doubled)


@quick
@given(frames, st.data())
def test_what_a_person_says_holds_and_nothing_is_lost(frame: pd.DataFrame, data: st.DataObject) -> None:
    keys = (frame["provider"] + ":" + frame["id"]).tolist()
    pairs = st.tuples(st.booleans(), st.sampled_from(keys), st.sampled_from(keys)).filter(lambda one: one[1] != one[2])
    marks = data.draw(st.lists(pairs, max_size=6 if len(keys) > 1 else 0))
    overrides = {(o.a, o.b): o for o in (Override(*mark) for mark in marks)}.values()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        merged = deduplicate(frame, priority=["whoop"], overrides=overrides)
    assert sources(merged) == Counter(keys)
    group = {source: at for at, text in enumerate(merged["sources"]) for source in text.split()}
    assert not any(group[o.a] == group[o.b] for o in overrides if not o.same)
    torn = [o for o in overrides if o.same and group[o.a] != group[o.b]]
    assert bool(torn) == bool(caught)  # only marks that contradict each other may be refused, and that is said
    if not any(not o.same for o in overrides):
        assert not torn
        before = deduplicate(frame, priority=["whoop"])
        assert all(len({group[source] for source in text.split()}) == 1 for text in before["sources"])


@quick
@given(frames, st.data())
def test_people_of_one_provider_stay_apart(frame: pd.DataFrame, data: st.DataObject) -> None:
    people = data.draw(st.lists(st.sampled_from([None, "ann", "bob"]), min_size=len(frame), max_size=len(frame)))
    frame = frame.assign(athlete_id=pd.Series(people, dtype="str"))
    merged = deduplicate(frame, priority=["whoop"])
    assert sources(merged) == Counter(frame["provider"] + ":" + frame["id"])
    who = {
        f"{r.provider}:{r.id}": (r.provider, r.athlete_id) for r in frame.itertuples() if isinstance(r.athlete_id, str)
    }
    for text in merged["sources"]:
        athletes = {who[source] for source in text.split() if source in who}
        assert len(athletes) == len({provider for provider, _ in athletes})
