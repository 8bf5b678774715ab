"""The store in a real Redis: times to live, races, passwords, trouble."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from pierre_data.cache import Entry, open_store
from pierre_data.cache.memory import MemoryStore
from pierre_data.cache.redisdb import RedisStore
from pierre_data.cache.store import ResilientStore
from pierre_data.errors import StorageError
from pierre_data.secret import Secret
from tests.redis_server import free_port, redis_server

PASSWORD = "correct-horse-battery"


def entry(value: bytes = b"x", fetched: float = 0.0, *, keep: float = 86_400.0) -> Entry:
    now = time.time()
    return Entry(value, now + fetched, now + 900, now + keep)


def refuse(text: str) -> None:
    raise AssertionError(f"nothing is wrong, but: {text}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def raw(server: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(server)
    client.flushall()
    yield client
    client.close()


@pytest.mark.redis
def test_entries_leave_by_themselves_when_they_must_not_be_kept(server: str, raw: redis.Redis) -> None:
    store = RedisStore(server)
    store.put_many({"tenant:t:a": entry(keep=5000.0), "tenant:t:b": entry(keep=0.05), "tenant:t:c": entry(keep=-1.0)})
    # The stock class of requests-cache would add an hour.
    assert 4_990_000 < raw.pttl("pierre2:tenant:t:a") <= 5_000_000
    assert store.get_many(["tenant:t:c"]).get("tenant:t:c") is None
    for _ in range(200):
        if store.get_many(["tenant:t:b"]).get("tenant:t:b") is None:
            break
        time.sleep(0.01)
    assert list(store.get_many(["tenant:t:a", "tenant:t:b", "tenant:t:c"])) == ["tenant:t:a"]
    store.put_many({"tenant:t:d": Entry(b"x", time.time(), 0.0, float("inf"))})
    assert store.get_many(["tenant:t:d"]).get("tenant:t:d") is not None
    store.close()


@pytest.mark.redis
def test_a_deletion_is_remembered_for_a_day(server: str, raw: redis.Redis) -> None:
    store = RedisStore(server)
    store.delete_prefix("tenant:t:", at=time.time())
    assert 86_390 < raw.ttl("pierre2:deleted:tenant:t:") <= 86_400
    store.close()


@pytest.mark.redis
def test_namespaces_and_other_users_of_the_server_are_left_alone(server: str, raw: redis.Redis) -> None:
    raw.set("foreign", "kept")
    raw.set("p?[a]*x:tenant:t:a", "kept")
    one, two = RedisStore(server, "p?[a]*"), RedisStore(server, "pier")
    for store in (one, two):
        store.put_many({"tenant:t:a": entry(), "tenant:t:*": entry()})
    assert one.delete_prefix("tenant:t:*:", at=time.time()) == 1
    assert one.delete_prefix("tenant:t:", at=time.time()) == 1
    assert len(two.get_many(["tenant:t:a", "tenant:t:*"])) == 2
    assert raw.get("foreign") == raw.get("p?[a]*x:tenant:t:a") == b"kept"
    one.close()
    two.close()


@pytest.mark.redis
def test_what_others_wrote_under_our_names_is_a_miss(server: str, raw: redis.Redis) -> None:
    raw.set("pierre2:tenant:t:a", b"short")
    raw.set("pierre2:tenant:t:b", b"no header of ours, but long enough for one")
    store = RedisStore(server)
    assert store.get_many(["tenant:t:a", "tenant:t:b"]) == {}
    assert store.get_many(["tenant:t:b"]).get("tenant:t:b") is None
    store.put_many({"tenant:t:a": entry(b"ours")})
    found = store.get_many(["tenant:t:a"]).get("tenant:t:a")
    assert found is not None
    assert found.value == b"ours"
    store.close()


@pytest.mark.redis
def test_the_newest_of_many_writers_stays(server: str, raw: redis.Redis) -> None:
    began = time.time()

    def write(number: int) -> None:
        store = RedisStore(server)
        for n in range(50):
            at = ((n * 37 + number * 13) % 400) / 1000
            store.put_many({"tenant:t:a": Entry(b"%.3f" % at, began + at, began + 900, began + 1000)})
        store.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = max(((n * 37 + number * 13) % 400) / 1000 for n in range(50) for number in range(8))
    store = RedisStore(server)
    found = store.get_many(["tenant:t:a"]).get("tenant:t:a")
    assert found is not None
    assert found.value == b"%.3f" % newest
    store.close()


@pytest.mark.redis
def test_deleting_while_others_write_lets_nothing_old_back(server: str, raw: redis.Redis) -> None:
    at, stop = time.time(), threading.Event()

    def write() -> None:
        store = RedisStore(server)
        while not stop.is_set():
            store.put_many({f"tenant:t:{n}": Entry(b"old", at - 1, at + 900, at + 1000) for n in range(20)})
        store.close()

    thread = threading.Thread(target=write)
    thread.start()
    store = RedisStore(server)
    names = [f"tenant:t:{n}" for n in range(20)]
    while not store.get_many(names):
        time.sleep(0.001)
    store.delete_prefix("tenant:t:", at=at)
    assert store.get_many(names) == {}
    stop.set()
    thread.join()
    assert store.get_many(names) == {}
    store.close()


@pytest.mark.redis
def test_the_version_never_repeats_after_a_flush(server: str, raw: redis.Redis) -> None:
    store = RedisStore(server)
    store.put_many({"tenant:t:a": entry()})
    before = store.version()
    raw.flushall()
    store.put_many({"tenant:t:a": entry()})
    assert store.version() > before
    store.close()


@pytest.mark.redis
def test_whatever_the_url_says_values_are_bytes(server: str, raw: redis.Redis) -> None:
    store = RedisStore(f"{server}?decode_responses=yes")
    store.put_many({"tenant:t:a": entry(b"\xff\xfe")})
    found = store.get_many(["tenant:t:a"]).get("tenant:t:a")
    assert found is not None
    assert found.value == b"\xff\xfe"
    store.close()


@pytest.mark.redis
def test_a_password_is_used_and_never_shown(tmp_path: Path) -> None:
    with redis_server(tmp_path, password=PASSWORD) as url:
        for kept in (url, Secret(url)):
            store = RedisStore(kept)
            store.put_many({"tenant:t:a": entry()})
            assert PASSWORD not in repr(store) + str(store) + repr(ResilientStore(store, refuse))
            store.close()
        wrong = url.replace(PASSWORD, f"{PASSWORD}-wrong")
        assert PASSWORD not in shown(wrong)
        assert "AuthenticationError" in shown(wrong)
    assert PASSWORD not in shown(url)  # nobody listens any more


def test_a_url_that_cannot_be_read_is_not_shown() -> None:
    for url in (f"redis://:{PASSWORD}/x@host:6379/0", f"http://:{PASSWORD}@host", f"redis://:{PASSWORD}@host:port/0"):
        text = shown(url)
        assert "REDIS_URL cannot be read" in text
        assert PASSWORD not in text


def shown(url: str) -> str:
    """Return everything a failed opening shows, with the variables of our frames."""
    try:
        RedisStore(url)
    except StorageError as error:
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        return repr(error) + "".join(
            line
            for line in trace.format(chain=True)
            if "test_cache_redis" not in line  # this test itself knows it
        )
    raise AssertionError("it opened")


def test_nobody_listens_means_memory_and_one_notice() -> None:
    told: list[str] = []
    store = open_store(None, f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0", notice=told.append)
    assert isinstance(store, MemoryStore)
    assert len(told) == 1
    assert "Keeping answers in memory only." in told[0]
    assert PASSWORD not in told[0]


@pytest.mark.redis
def test_a_server_that_stops_is_a_miss_and_one_that_comes_back_is_used(tmp_path: Path) -> None:
    told: list[str] = []
    clock = [0.0]
    with redis_server(tmp_path) as url:
        inner = RedisStore(url)
        store = ResilientStore(inner, told.append, clock=lambda: clock[0])
        store.put_many({"tenant:t:a": entry(b"first")})
        assert store.get_many(["tenant:t:a"]).get("tenant:t:a") is not None
    assert store.get_many(["tenant:t:a"]).get("tenant:t:a") is None
    store.put_many({"tenant:t:a": entry(b"second")})
    with pytest.raises(StorageError, match="ConnectionError"):
        store.delete_prefix("tenant:t:", at=time.time())
    assert len(told) == 1
    port = url.rpartition(":")[2].partition("/")[0]
    with redis_server(tmp_path, port=int(port)):
        assert store.get_many(["tenant:t:a"]).get("tenant:t:a") is None  # left alone for a while
        clock[0] = 31.0
        store.put_many({"tenant:t:a": entry(b"third")})
        found = store.get_many(["tenant:t:a"]).get("tenant:t:a")
        assert found is not None
        assert found.value == b"third"
        store.close()
    assert len(told) == 1


@pytest.mark.redis
def test_a_server_that_hangs_is_left_alone(tmp_path: Path) -> None:
    told: list[str] = []
    with redis_server(tmp_path) as url:
        store = open_store(None, url, notice=told.append)
        client = redis.Redis.from_url(url)
        client.execute_command("CLIENT", "PAUSE", "20000", "ALL")
        assert store.get_many(["tenant:t:a"]).get("tenant:t:a") is None
        for _ in range(1000):
            assert store.get_many(["tenant:t:a"]).get("tenant:t:a") is None
        client.close()
    assert len(told) == 1
    assert "TimeoutError" in told[0]


@pytest.mark.redis
def test_a_full_server_is_a_storage_error_and_reads_go_on(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--maxmemory", "4mb", "--maxmemory-policy", "noeviction") as url:
        store = RedisStore(url)
        store.put_many({"tenant:t:a": entry(b"kept")})
        refused = ""
        for n in range(100):
            try:
                store.put_many({f"tenant:t:{n}": entry(b"x" * 200_000)})
            except StorageError as error:
                refused = str(error)
                break
        assert "OutOfMemory" in refused
        found = store.get_many(["tenant:t:a"]).get("tenant:t:a")
        assert found is not None
        assert found.value == b"kept"
        store.close()
