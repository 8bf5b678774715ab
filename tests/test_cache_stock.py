"""requests-cache carries our stores: its classes read our file, and each thing we override fails in the stock class."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from requests_cache.backends.redis import RedisDict
from requests_cache.backends.sqlite import SQLiteDict

from pierre_data.cache import Entry
from pierre_data.cache.redisdb import RedisEntries, RedisStore
from pierre_data.cache.sqlite import Database, SQLiteStore
from pierre_data.cache.store import Packed
from tests.redis_server import redis_server

NOW = time.time()
ENTRIES = {f"tenant:t:{n}": Entry(bytes([n]) * 5_000, NOW, NOW + 900, NOW + 86_400) for n in range(20)}
Open = Callable[[Path], Any]


def ours(path: Path) -> Database:
    return Database(path, notice=lambda text: None, wait=0.2)


def stock(path: Path) -> SQLiteDict:
    return SQLiteDict(path, table_name="entries", serializer=None, wal=True)


@contextmanager
def opened(make: Open, path: Path) -> Iterator[Any]:
    table = make(path)
    try:
        yield table
    finally:
        table.close()


# -- the stock class reads what we write, and the other way round ---------------------------------------------------


def test_a_stock_dict_opened_on_our_file_reads_every_entry(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, notice=print)
    store.put_many(ENTRIES)
    with opened(stock, tmp_path / "cache-v2.sqlite") as table:
        assert {key: Entry.unpacked(table[key]) for key in table} == ENTRIES
        assert len(table) == len(ENTRIES)
        table["tenant:t:new"] = Entry(b"stock", NOW, NOW + 900, NOW + 86_400).packed()
        del table["tenant:t:0"]
    assert store.get_many(["tenant:t:0", "tenant:t:new"])["tenant:t:new"].value == b"stock"
    assert "tenant:t:0" not in store.get_many(["tenant:t:0"])
    store.close()


@pytest.mark.redis
def test_a_stock_dict_opened_on_our_redis_reads_every_entry(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        store = RedisStore(url, "ns")
        store.put_many(ENTRIES)
        table = RedisDict("ns", connection=redis.Redis.from_url(url), serializer=None)
        assert {key: Entry.unpacked(table[key]) for key in ENTRIES} == ENTRIES
        assert {key for key in table if key.startswith("tenant:")} == set(ENTRIES)
        store.close()
        table.close()


def test_the_stock_methods_do_their_work_in_ours(tmp_path: Path) -> None:
    with opened(ours, tmp_path / "d.sqlite") as table:
        with table.bulk_commit():
            table["a"], table["b"], table["c"] = b"1", b"2", b"3"
        assert (sorted(table), len(table), table["b"], table.size() > 0) == (["a", "b", "c"], 3, b"2", True)
        table.bulk_delete(["a", "nobody"])
        del table["b"]
        with pytest.raises(KeyError):
            del table["b"]
        assert dict(table) == {"c": b"3"}


# -- what ours overrides: each of these is right in ours, and wrong in the stock class -------------------------------


def keys_are_no_statements(make: Open, path: Path) -> None:
    with opened(make, path) as table:
        table["mine"], table["o'brien"] = b"mine", b"his"
        assert table["o'brien"] == b"his"
        with pytest.raises(KeyError):
            table["nobody' OR '1'='1"]


def a_locked_file_is_an_error_in_time(make: Open, path: Path) -> None:
    with opened(make, path) as table:
        other, refused = sqlite3.connect(path, isolation_level=None), threading.Event()
        other.execute("BEGIN IMMEDIATE")

        def write() -> None:
            try:
                table["a"] = b"1"
            except sqlite3.OperationalError:
                refused.set()

        thread = threading.Thread(target=write)
        thread.start()
        in_time = refused.wait(60 if make is ours else 1)  # the stock class waits for 5 s
        other.execute("COMMIT")
        thread.join()
        other.close()
        assert in_time


def a_write_that_fails_is_told(make: Open, path: Path) -> None:
    with opened(make, path) as table:
        with table.connection() as con:
            con.execute("PRAGMA max_page_count=4")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            table["a"] = bytes(2_000_000)


def a_thread_has_the_connection_to_itself(make: Open, path: Path) -> None:
    # On Python 3.12 and later two threads on one connection even get each other's bytes (2026-11).
    with opened(make, path) as table:
        table["a"], table["b"], table["c"] = b"1", b"2", b"3"

        def remove() -> None:
            with contextlib.suppress(sqlite3.OperationalError):  # ours does not wait for ever
                del table["c"]

        keys = iter(table)
        seen = [next(keys)]
        thread = threading.Thread(target=remove)
        thread.start()
        thread.join(60)
        assert [*seen, *keys] == ["a", "b", "c"]


def nobody_else_can_read_the_file(make: Open, path: Path) -> None:
    with opened(make, path) as table:
        table["a"] = b"1"
        modes = {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir() if p.name.startswith(path.name)}
        assert modes == {0o600}


def a_damaged_file_is_set_aside(make: Open, path: Path) -> None:
    path.write_bytes(b"no database, " * 5000)
    path.chmod(0o600)
    with opened(make, path) as table:
        assert len(table) == 0


def a_child_is_not_stopped_by_a_lock_of_its_parent(make: Open, path: Path) -> None:
    with opened(make, path) as table:
        table["a"] = b"1"
        inside, go = threading.Event(), threading.Event()

        def hold() -> None:
            with table._lock:
                inside.set()
                go.wait(60)

        thread = threading.Thread(target=hold)
        thread.start()
        inside.wait(60)
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                table["a"]
            os._exit(0)
        until, ended = time.monotonic() + (60 if make is ours else 1), 0
        while not ended and time.monotonic() < until:
            ended, _ = os.waitpid(child, os.WNOHANG)
            time.sleep(0.01)
        if not ended:
            os.kill(child, 9)
            os.waitpid(child, 0)
        go.set()
        thread.join()
        assert ended


OVERRIDDEN: list[Callable[[Open, Path], None]] = [
    keys_are_no_statements,
    a_locked_file_is_an_error_in_time,
    a_write_that_fails_is_told,
    a_thread_has_the_connection_to_itself,
    nobody_else_can_read_the_file,
    a_damaged_file_is_set_aside,
    a_child_is_not_stopped_by_a_lock_of_its_parent,
]


@pytest.mark.parametrize("promise", OVERRIDDEN, ids=lambda p: p.__name__)
def test_what_ours_overrides_is_wrong_in_the_stock_class(
    tmp_path: Path, promise: Callable[[Open, Path], None], request: pytest.FixtureRequest
) -> None:
    old = os.umask(0o022)
    request.addfinalizer(lambda: os.umask(old))
    for kind in ("ours", "stock"):
        (tmp_path / kind).mkdir(mode=0o700)
    promise(ours, tmp_path / "ours" / "d.sqlite")
    with pytest.raises((Exception, pytest.fail.Exception)):  # each is wrong in its own way
        promise(stock, tmp_path / "stock" / "d.sqlite")


@pytest.mark.redis
@pytest.mark.parametrize("kind", ["ours", "stock"])
def test_what_our_redis_dict_overrides(tmp_path: Path, kind: str) -> None:
    with redis_server(tmp_path) as url:
        client = redis.Redis.from_url(url)

        def made(namespace: str) -> Any:
            if kind == "ours":
                return RedisEntries(namespace, client)
            return RedisDict(namespace, connection=client, serializer=None, ttl_offset=0)

        gone = Packed(b"x")
        gone.expires_unix = time.time() - 1
        made("ns")["gone"] = gone
        made("n*")["key"] = Entry(b"x", NOW, NOW, NOW + 900).packed()
        right = ("gone" not in made("ns"), list(made("n*").keys()) == ["key"], client.ttl("n*:key") > 0)
        client.close()
    assert right == ((True, True, True) if kind == "ours" else (False, False, False))
