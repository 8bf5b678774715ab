"""What every store promises: memory, SQLite and (marked redis) a real Redis."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pierre_data.cache.memory import MemoryStore
from pierre_data.cache.namespace import key, prefix
from pierre_data.cache.redisdb import RedisStore
from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.cache.store import Entry, Store
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


def test_what_is_put_comes_back(store: Store) -> None:
    entries = {f"tenant:t:{n}": entry(bytes([n]) * n) for n in range(12)}
    store.put_many(entries)
    assert store.get_many([*entries, "tenant:t:none"]) == entries
    assert store.get_many(["tenant:t:3"]).get("tenant:t:3") == entries["tenant:t:3"]
    assert store.get_many(["tenant:t:none"]).get("tenant:t:none") is None
    assert store.get_many([]) == {}


def test_more_keys_than_one_statement_takes(store: Store) -> None:
    entries = {f"tenant:t:{n}": entry() for n in range(1300)}
    store.put_many(entries)
    assert store.get_many(list(entries)) == entries


def test_an_older_request_never_replaces_a_newer_one(store: Store) -> None:
    store.put_many({"tenant:t:a": entry(b"new", -10)})
    store.put_many({"tenant:t:a": entry(b"old", -11), "tenant:t:b": entry(b"b", -11)})
    assert {k: e.value for k, e in store.get_many(["tenant:t:a", "tenant:t:b"]).items()} == {
        "tenant:t:a": b"new",
        "tenant:t:b": b"b",
    }
    store.put_many({"tenant:t:a": entry(b"newer", -9)})
    assert store.get_many(["tenant:t:a"]).get("tenant:t:a") == entry(b"newer", -9)


def test_a_deletion_keeps_out_what_was_asked_before_it(store: Store) -> None:
    mine, never = "tenant:a:user:u:provider:p:stats", "tenant:a:user:u:provider:p:activity:9"
    other = "tenant:ab:user:u:provider:p:stats"
    store.put_many({mine: entry(b"1", -60), other: entry(b"1", -60)})
    assert store.delete_prefix("tenant:a:", at=NOW - 30) == 1
    store.put_many({mine: entry(b"2", -31), never: entry(b"2", -31), other: entry(b"2", -31)})
    assert store.get_many([mine, never]) == {}
    assert store.get_many([other]).get(other) == entry(b"2", -31)
    store.put_many({mine: entry(b"3", -29)})
    assert store.get_many([mine]).get(mine) == entry(b"3", -29)


def test_a_resource_is_deleted_with_and_without_qualifier(store: Store) -> None:
    who = ("t", "u", "p")
    keys = [key(*who, "stats"), key(*who, "stats", "1"), key(*who, "stats_more")]
    store.put_many({k: entry(fetched=-5) for k in keys})
    assert store.delete_prefix(prefix(*who, "stats"), at=NOW) == 2
    store.put_many({k: entry(fetched=-4) for k in keys})
    assert list(store.get_many(keys)) == [keys[2]]


def test_an_earlier_deletion_does_not_shorten_a_later_one(store: Store) -> None:
    store.delete_prefix("tenant:t:", at=NOW - 10)
    store.delete_prefix("tenant:t:", at=NOW - 20)
    store.put_many({"tenant:t:a": entry(fetched=-15)})
    assert store.get_many(["tenant:t:a"]).get("tenant:t:a") is None


def test_the_clock_went_back(store: Store) -> None:
    # Written when the clock was a year ahead: neither served nor in the way of what is fetched now.
    ahead = entry(b"ahead", YEAR, expires=YEAR + 900, keep=YEAR + 86_400)
    store.put_many({"tenant:t:a": ahead})
    store.put_many({"tenant:t:a": entry(b"true", -1)})
    assert store.get_many(["tenant:t:a"]).get("tenant:t:a") == entry(b"true", -1)
    store.delete_prefix("tenant:t:", at=NOW + YEAR)
    store.put_many({"tenant:t:a": entry(b"true", -1)})
    assert store.get_many(["tenant:t:a"]).get("tenant:t:a") == entry(b"true", -1)
    store.delete_prefix("tenant:t:", at=NOW)
    store.put_many({"tenant:t:a": entry(b"old", -1)})
    assert store.get_many(["tenant:t:a"]).get("tenant:t:a") is None


def test_version_differs_after_each_write(store: Store) -> None:
    seen = [store.version()]
    assert store.version() == seen[0]
    store.put_many({"tenant:t:a": entry()})
    seen.append(store.version())
    store.get_many(["tenant:t:a"]).get("tenant:t:a")
    assert store.version() == seen[-1]
    store.put_many({"tenant:t:a": entry(b"y", 1)})
    seen.append(store.version())
    store.delete_prefix("tenant:t:", at=NOW + 2)
    seen.append(store.version())
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    "evil",
    ["nobody' OR '1'='1", "'; DROP TABLE entries; --", '"', "a\0b", "%", "_", "*", "é\u2028", "tenant:t:*", "x" * 5000],
)
def test_keys_are_never_part_of_a_statement(store: Store, evil: str) -> None:
    store.put_many({"tenant:t:secret": entry(b"other tenant")})
    assert store.get_many([evil]).get(evil) is None
    store.put_many({evil: entry(b"mine")})
    assert store.get_many([evil]).get(evil) == entry(b"mine")
    assert store.delete_prefix(f"{evil}:", at=NOW + 1) == 1
    assert store.get_many(["tenant:t:secret"]).get("tenant:t:secret") == entry(b"other tenant")


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


def test_eight_threads_read_what_was_written(store: Store) -> None:
    until, wrong, reads = time.monotonic() + 2, [], []
    store.put_many({f"tenant:t:{n}": entry(bytes([n]) * 100_000) for n in range(16)})

    def work(seed: int) -> None:
        done = 0
        while time.monotonic() < until:
            n = (seed + done * 7) % 16
            if done % 10 == 9:
                store.put_many({f"tenant:t:{n}": entry(bytes([n]) * 100_000, done / 1e6)})
            elif (found := store.get_many([f"tenant:t:{n}"]).get(f"tenant:t:{n}")) is None or found.value != bytes(
                [n]
            ) * 100_000:
                wrong.append(n)
            done += 1
        reads.append(done)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(reads) == 8
    assert min(reads) > 0


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
