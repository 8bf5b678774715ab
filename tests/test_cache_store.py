"""What every store promises: memory, SQLite and (marked redis) a real Redis."""

from __future__ import annotations

import itertools
import pickle
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pierre_data.cache.memory import MemoryStore
from pierre_data.cache.redisdb import RedisStore
from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.cache.store import Entry, Store
from pierre_data.testing import check_store
from tests.redis_server import redis_server

NOW = time.time()
YEAR = 365 * 86_400.0


def entry(value: bytes = b"x", fetched: float = 0.0, *, expires: float = 900.0, keep: float = 86_400.0) -> Entry:
    """Return an entry; times are relative to now."""
    return Entry(value, NOW + fetched, NOW + expires, NOW + keep)


def refuse(text: str) -> None:
    raise AssertionError(f"nothing is wrong, but: {text}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store
    if request.param == "memory":
        made = MemoryStore()
    elif request.param == "sqlite":
        made = SQLiteStore(tmp_path, notice=refuse)
    else:
        # Nothing in a namespace may be a pattern.
        made = RedisStore(request.getfixturevalue("server"), namespace=f"[ns]*{tmp_path.name}")
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def test_every_store_keeps_the_promises_that_authors_can_check(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    numbers = itertools.count()

    def make() -> Store:
        if kind == "memory":
            return MemoryStore()
        if kind == "sqlite":
            return SQLiteStore(tmp_path / str(next(numbers)), notice=refuse)
        # Nothing in a namespace may be a pattern.
        return RedisStore(request.getfixturevalue("server"), namespace=f"[ns]*{next(numbers)}")

    assert len(check_store(make)) == 9


def test_a_store_that_breaks_a_promise_is_told_which() -> None:
    class Forgetful(MemoryStore):
        def delete_prefix(self, prefix: str, *, at: float) -> int:
            keys = [key for key in self._entries if f"{key}:".startswith(prefix)]
            for name in keys:
                del self._entries[name]
            self._writes += 1
            return len(keys)

    class Overwriting(MemoryStore):
        def put_many(self, entries: Mapping[str, Entry]) -> None:
            self._entries.update(entries)

    with pytest.raises(AssertionError, match="Broken: A deletion keeps out what was asked for before it"):
        check_store(Forgetful)
    with pytest.raises(AssertionError, match="Broken: An older request never replaces a newer one"):
        check_store(Overwriting)


def test_what_is_put_comes_back(store: Store) -> None:
    entries = {f"tenant:t:{n}": entry(bytes([n]) * n) for n in range(12)}
    store.put_many(entries)
    assert store.get_many([*entries, "tenant:t:none"]) == entries
    assert store.get_many(["tenant:t:3"]).get("tenant:t:3") == entries["tenant:t:3"]
    assert store.get_many(["tenant:t:none"]).get("tenant:t:none") is None
    assert store.get_many([]) == {}


def test_a_resource_is_deleted_with_and_without_qualifier(store: Store) -> None:
    who = "tenant:t:user:u:provider:p:"
    keys = [f"{who}{name}" for name in ("stats", "stats:1", "stats_more")]
    store.put_many({k: entry(fetched=-5) for k in keys})
    assert store.delete_prefix(f"{who}stats:", at=NOW) == 2
    store.put_many({k: entry(fetched=-4) for k in keys})
    assert list(store.get_many(keys)) == [keys[2]]


class Exploit:
    """A pickle that creates a file when it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (self.path, "w"))


def test_nothing_is_unpickled(store: Store, tmp_path: Path) -> None:
    payload = pickle.dumps(Exploit(str(tmp_path / "owned")))
    store.put_many({"tenant:t:a": entry(payload)})
    assert store.get_many(["tenant:t:a"]).get("tenant:t:a") == entry(payload)
    assert not (tmp_path / "owned").exists()


keys = st.sampled_from(["tenant:a:1", "tenant:a:2", "tenant:ab:1"])
moments = st.floats(-3600, 0)
puts = st.tuples(st.just("put"), st.dictionaries(keys, st.tuples(moments, st.binary(max_size=3)), min_size=1))
deletions = st.tuples(
    st.just("delete"), st.tuples(st.sampled_from(["tenant:a:", "tenant:ab:", "tenant:a:1:"]), moments)
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(puts, deletions), max_size=12))
def test_sqlite_does_what_memory_does(tmp_path: Path, steps: list[tuple[str, object]]) -> None:
    agree(SQLiteStore(tmp_path / str(time.monotonic_ns()), notice=refuse), steps)


@pytest.mark.redis
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(puts, deletions), max_size=12))
def test_redis_does_what_memory_does(server: str, steps: list[tuple[str, object]]) -> None:
    agree(RedisStore(server, namespace=f"model{time.monotonic_ns()}"), steps)


def agree(store: Store, steps: list[tuple[str, object]]) -> None:
    """Do the same in an empty store and in memory, and compare."""
    model = MemoryStore()
    names = ["tenant:a:1", "tenant:a:2", "tenant:ab:1"]
    for word, what in steps:
        if word == "put":
            entries = {k: entry(value, at) for k, (at, value) in what.items()}  # type: ignore[attr-defined]
            store.put_many(entries)
            model.put_many(entries)
        else:
            start, at = what  # type: ignore[misc]
            assert store.delete_prefix(start, at=NOW + at) == model.delete_prefix(start, at=NOW + at)
        assert store.get_many(names) == model.get_many(names)
    store.close()


def test_memory_is_bounded_and_the_least_used_goes() -> None:
    store = MemoryStore(max_bytes=300)
    for name in "abc":
        store.put_many({f"tenant:t:{name}": entry(name.encode() * 100)})
    store.get_many(["tenant:t:a"]).get("tenant:t:a")
    store.put_many({"tenant:t:d": entry(b"d" * 100)})
    assert list(store.get_many([f"tenant:t:{name}" for name in "bdca"])) == ["tenant:t:d", "tenant:t:c", "tenant:t:a"]
    store.put_many({"tenant:t:e": entry(b"e" * 301)})
    assert store.get_many(["tenant:t:e"]).get("tenant:t:e") is None
    assert repr(store) == "MemoryStore(3 entries)"
