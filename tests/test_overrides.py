"""What a person says about pairs of recordings goes before every rule, and is kept in a small private file."""

import dataclasses
import stat
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pierre_data as pierre
from pierre_data.client.overrides import OverrideStore
from pierre_data.dedupe import Override, read_overrides
from pierre_data.settings import Settings


def rows(*items: tuple[str, str, str, str]) -> pd.DataFrame:
    """Provider, id, start and external id of hour-long runs."""
    frame = pd.DataFrame(items, columns=["provider", "id", "start_time", "external_id"])
    frame["start_time"] = pd.to_datetime(frame["start_time"], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    frame.loc[frame.external_id == "", "external_id"] = None
    return frame.assign(sport="run", elapsed_s=3600.0, distance_m=10_000.0)


pytestmark = pytest.mark.filterwarnings("ignore:No priority among providers")

TWICE = rows(("a", "1", "2026-01-01T08:00", ""), ("b", "2", "2026-01-01T08:00:05", ""))
APART = rows(("a", "1", "2026-01-01T08:00", ""), ("b", "2", "2026-01-03T08:00", ""))
LINKED = rows(("a", "1", "2026-01-01T08:00", "x9"), ("b", "2", "2026-01-01T08:00:05", "x9"))


def groups(frame: pd.DataFrame, *overrides: Override) -> set[str]:
    return set(pierre.deduplicate(frame, priority=[], overrides=overrides).sources)


def test_same_joins_what_no_rule_would() -> None:
    assert groups(APART) == {"a:1", "b:2"}
    said = Override(True, "b:2", "a:1")
    assert groups(APART, said) == {"a:1 b:2"}
    why = pierre.duplicates(APART, overrides=[said])
    assert why.rule.tolist() == ["override"]
    assert why.score.isna().all()


@pytest.mark.parametrize("frame", [TWICE, LINKED], ids=["overlap", "exact id"])
def test_different_parts_what_every_rule_would_join(frame: pd.DataFrame) -> None:
    assert groups(frame) == {"a:1 b:2"}
    assert groups(frame, Override(False, "a:1", "b:2")) == {"a:1", "b:2"}
    assert pierre.duplicates(frame, overrides=[Override(False, "a:1", "b:2")]).empty


def test_different_wins_over_a_chain_of_same() -> None:
    three = rows(("a", "1", "2026-01-01", ""), ("b", "2", "2026-02-01", ""), ("c", "3", "2026-03-01", ""))
    chain = [Override(True, "a:1", "b:2"), Override(True, "b:2", "c:3"), Override(False, "a:1", "c:3")]
    assert groups(three, *chain[:2]) == {"a:1 b:2 c:3"}
    with pytest.warns(UserWarning, match="b:2 and c:3 are called the same, and different") as caught:
        assert groups(three, *chain) == {"a:1 b:2", "c:3"}
    assert {Path(w.filename).name for w in caught} == {Path(__file__).name}


def test_a_linked_third_does_not_bring_them_together_again() -> None:
    three = rows(
        ("a", "1", "2026-01-01T08:00", "x9"),
        ("b", "2", "2026-01-01T08:00:05", "x9"),
        ("c", "3", "2026-01-01T08:00:07", "x9"),
    )
    found = groups(three, Override(False, "a:1", "b:2"))
    assert len(found) == 2
    assert not any("a:1" in one and "b:2" in one for one in found)


def near(day: int, **ids: str) -> list[tuple[str, str, str, str]]:
    """Recordings of one workout of that day."""
    return [(p, i, f"2026-01-{day:02d}T08:00:{at:02d}", "") for at, (p, i) in enumerate(ids.items())]


def test_same_unites_what_the_rules_found() -> None:
    frame = rows(*near(1, a="1", b="1"), *near(3, c="2", d="2"))
    assert groups(frame) == {"a:1 b:1", "c:2 d:2"}
    mark = Override(True, "a:1", "d:2")
    assert groups(frame, mark) == {"a:1 b:1 c:2 d:2"}
    why = pierre.duplicates(frame, priority=[], overrides=[mark]).set_index("dropped").rule
    assert why.to_dict() == {"b:1": "overlap", "c:2": "override", "d:2": "override"}
    linked = rows(("a", "1", "2026-01-01T08:00", "x9"), ("b", "1", "2026-01-01T08:30", "x9"), *near(3, c="2"))
    assert groups(linked, Override(True, "b:1", "c:2")) == {"a:1 b:1 c:2"}


def test_different_holds_when_same_unites_groups() -> None:
    frame = rows(*near(1, a="1", b="1"), *near(3, c="2", d="2"))
    # b:1 is not c:2, which is a:1: what the rules made of a:1 and b:1 gives way to what was said.
    assert groups(frame, Override(True, "a:1", "c:2"), Override(False, "b:1", "c:2")) == {"a:1 c:2 d:2", "b:1"}
    # Neither named row is in the other mark: both marks hold, the rules give way.
    assert groups(frame, Override(True, "a:1", "c:2"), Override(False, "b:1", "d:2")) == {"a:1 c:2", "b:1", "d:2"}


def test_people_do_not_share_overrides() -> None:
    two = pd.concat([APART.assign(who="ann"), APART.assign(who="bob")], ignore_index=True)
    two = two[[True, False, False, True]]
    said = [Override(True, "a:1", "b:2")]
    assert len(pierre.deduplicate(two, athlete="who", overrides=said)) == 2
    assert len(pierre.deduplicate(two, overrides=said)) == 1


def test_what_was_merged_by_hand_stays_merged() -> None:
    said = [Override(True, "a:1", "b:2")]
    once = pierre.deduplicate(APART, overrides=said)
    pd.testing.assert_frame_equal(pierre.deduplicate(once, overrides=said), once)


@pytest.mark.parametrize("key", ["", "a", "a:", ":1", "a:1\nsame b:2"])
def test_what_names_no_recording_is_refused(key: str) -> None:
    with pytest.raises(pierre.QueryError, match="names no recording"):
        Override(True, key, "b:2")


def test_what_is_no_override_is_named() -> None:
    with pytest.raises(pierre.QueryError, match=r"\('a:1', 'b:2'\) is no override"):
        pierre.deduplicate(APART, priority=[], overrides=[("a:1", "b:2")])


def test_a_recording_is_not_compared_with_itself() -> None:
    with pytest.raises(pierre.QueryError, match="with itself"):
        Override(True, "a:1", "a:1")


@given(st.lists(st.tuples(st.booleans(), st.text(min_size=1), st.text(min_size=1)), max_size=5))
def test_every_id_survives_the_file(items: list[tuple[bool, str, str]]) -> None:
    said = {}
    for same, a, b in items:
        try:
            one = Override(same, f"a:{a}", f"b:{b}")
        except pierre.QueryError:
            continue
        said[one.a, one.b] = one
    assert set(read_overrides("\n".join(map(str, said.values())))) == set(said.values())


def client(**how: str) -> pierre.Client:
    return pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory", settings=Settings.read(), **how)


def test_marks_change_the_clients_answers_and_outlive_it() -> None:
    window = ("2026-01-01", "2026-02-01")
    one = client()
    why = one.duplicates(*window)
    first = why.iloc[0]
    before = len(one.activities(*window))
    one.mark_different(first.kept, first.dropped)
    assert len(one.activities(*window)) == before + 1
    again = client().duplicates(*window)
    assert len(again) == len(why) - 1
    assert one.marks().verdict.tolist() == ["different"]

    one.mark_same(first.dropped, first.kept)
    rules = client().duplicates(*window).set_index("dropped").rule
    assert rules[first.dropped] == "override"
    assert len(client().activities(*window)) == before
    assert one.unmark(first.kept, first.dropped)
    with pytest.warns(pierre.ConfigurationNotice, match="There is no mark of"):
        assert not one.unmark(first.kept, first.dropped)
    assert len(one.activities(*window)) == before


def test_each_tenant_and_user_has_his_own() -> None:
    client(user="ann").mark_same("a:1", "b:2")
    assert client(user="bob").marks().empty
    assert client(tenant="other", user="ann").marks().empty
    assert len(client(user="ann").marks()) == 1


def test_the_file_is_private_and_readable(tmp_path: Path) -> None:
    marks = OverrideStore(tmp_path, "lab", "../ann")
    marks.mark(Override(True, "a:1", "b:x y"))
    assert stat.S_IMODE(marks.path.stat().st_mode) == 0o600
    assert marks.path.parent.parent == tmp_path
    assert marks.path.read_text().splitlines()[1:] == ["same a:1 b:x%20y"]


def test_a_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    marks = OverrideStore(tmp_path, "lab", "ann")
    marks.mark(Override(True, "a:1", "b:2"))
    marks.path.write_text("same a:1 b:2\nperhaps a:1 b:3\n")
    with pytest.raises(pierre.StorageError, match="Line 2"):
        marks.read()
    assert dataclasses.astuple(Override(False, "b:1", "a:1")) == (False, "a:1", "b:1")
