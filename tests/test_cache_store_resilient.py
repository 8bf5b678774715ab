"""Trouble of a store never reaches who reads: real trouble, of real files."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest

from pierre_data.cache import Entry, open_store
from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.cache.store import PAUSE, ResilientStore
from pierre_data.errors import StorageError

NOW = time.time()
ENTRY = Entry(b"x", NOW, NOW + 900, NOW + 86_400)


class Case:
    """A store on a file, a clock to turn, and what was told."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self.now = 0.0
        self.path = folder / "cache-v2.sqlite"
        self.inner = SQLiteStore(folder, notice=self.told.append, wait=0.05)
        self.store = ResilientStore(self.inner, self.told.append, clock=lambda: self.now)
        self.other = sqlite3.connect(self.path, isolation_level=None)

    def close(self) -> None:
        self.other.close()
        self.store.close()


@pytest.fixture
def case(tmp_path: Path):
    made = Case(tmp_path)
    yield made
    made.close()


def test_without_trouble_it_is_the_store(case: Case) -> None:
    case.store.put_many({"tenant:t:a": ENTRY})
    assert case.store.get_many(["tenant:t:a"]).get("tenant:t:a") == ENTRY
    assert case.store.get_many(["tenant:t:a", "tenant:t:b"]) == {"tenant:t:a": ENTRY}
    assert case.store.version() == case.inner.version()
    assert case.store.delete_prefix("tenant:t:", at=NOW) == 1
    assert case.told == []


def test_a_write_that_fails_is_left_out_and_reads_go_on(case: Case) -> None:
    case.store.put_many({"tenant:t:a": ENTRY})
    case.other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        case.store.put_many({"tenant:t:b": ENTRY})
    assert case.store.get_many(["tenant:t:a", "tenant:t:b"]) == {"tenant:t:a": ENTRY}
    assert len(case.told) == 1
    assert str(case.path) in case.told[0]
    assert "Going on without the cache." in case.told[0]
    case.other.execute("COMMIT")
    case.store.put_many({"tenant:t:b": ENTRY})
    assert case.store.get_many(["tenant:t:b"]).get("tenant:t:b") is None  # writes are still left out
    case.now = PAUSE
    case.store.put_many({"tenant:t:b": ENTRY})
    assert case.store.get_many(["tenant:t:b"]).get("tenant:t:b") == ENTRY


def test_what_must_go_is_not_left_out_in_silence(case: Case) -> None:
    case.store.put_many({"tenant:t:a": ENTRY})
    case.other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked"):
        case.store.delete_prefix("tenant:t:", at=NOW)
    case.other.execute("COMMIT")


def test_a_read_that_fails_is_a_miss(case: Case) -> None:
    case.store.put_many({"tenant:t:a": ENTRY})
    case.inner.close()
    case.other.close()
    os.rename(case.path, case.path.with_name("away"))
    case.path.mkdir()
    assert case.store.get_many(["tenant:t:a"]).get("tenant:t:a") is None
    assert case.store.get_many(["tenant:t:a"]) == {}
    versions = {case.store.version() for _ in range(3)}
    assert len(versions) == 3  # nothing remembered in the process may count as still true
    assert len(case.told) == 1
    case.path.rmdir()
    os.rename(case.path.with_name("away"), case.path)
    case.now = PAUSE
    assert case.store.get_many(["tenant:t:a"]).get("tenant:t:a") == ENTRY
    assert len(case.told) == 1


def test_the_store_that_is_opened_is_resilient(tmp_path: Path) -> None:
    store = open_store(tmp_path, None, notice=lambda text: None)
    assert repr(store) == f"ResilientStore(SQLiteStore('{tmp_path}/cache-v2.sqlite'))"
    store.close()
