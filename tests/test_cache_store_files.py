"""The SQLite file: closed to others, refused when planted, set aside when damaged, empty of what was removed."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pierre_data.cache import Entry, open_store
from pierre_data.cache.memory import MemoryStore
from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.errors import StorageError

NAME = "cache-v2.sqlite"
NOW = time.time()
ENTRIES = {f"tenant:t:{n}": Entry(bytes([n]) * 50_000, NOW, NOW + 900, NOW + 86_400) for n in range(20)}


def refuse(text: str) -> None:
    raise AssertionError(f"nothing is wrong, but: {text}")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def filled(folder: Path) -> Path:
    """Make a store with entries, and return its file."""
    store = SQLiteStore(folder, notice=refuse)
    store.put_many(ENTRIES)
    store.close()
    return folder / NAME


@pytest.fixture
def no_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def test_everything_made_is_closed_to_others(tmp_path: Path, no_umask: None) -> None:
    store = SQLiteStore(tmp_path / "new" / "deep" / "cache", notice=refuse)
    store.put_many(ENTRIES)
    for folder in (tmp_path / "new", tmp_path / "new" / "deep", tmp_path / "new" / "deep" / "cache"):
        assert mode(folder) == 0o700
    files = sorted(p.name for p in (tmp_path / "new" / "deep" / "cache").iterdir())
    assert files == [NAME, f"{NAME}-shm", f"{NAME}-wal"]
    assert {mode(tmp_path / "new" / "deep" / "cache" / f) for f in files} == {0o600}
    store.close()


def test_a_file_others_can_read_is_tightened(tmp_path: Path) -> None:
    path = filled(tmp_path)
    path.chmod(0o644)
    store = SQLiteStore(tmp_path, notice=refuse)
    assert mode(path) == 0o600
    assert store.get_many(list(ENTRIES)) == ENTRIES
    store.close()


def world_writable(path: Path) -> None:
    path.chmod(0o602)


def group_writable(path: Path) -> None:
    path.chmod(0o620)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("planted"))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def log_link(path: Path) -> None:
    path.with_name(f"{NAME}-wal").symlink_to(path.with_name("elsewhere"))


def open_log(path: Path) -> None:
    path.with_name(f"{NAME}-wal").touch()
    path.with_name(f"{NAME}-wal").chmod(0o666)


def foreign(path: Path) -> None:
    os.chown(path, 65534, 65534)


def open_folder(path: Path) -> None:
    path.parent.chmod(0o777)


PLANTED: list[Callable[[Path], None]] = [
    world_writable,
    group_writable,
    link,
    dangling_link,
    folder,
    log_link,
    open_log,
    open_folder,
]
if os.geteuid() == 0:  # nobody else can give a file away
    PLANTED.append(foreign)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda p: p.__name__)
def test_what_others_could_have_planted_is_refused(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    plant(filled(tmp_path))
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(StorageError, match=str(tmp_path)) as refused:
        SQLiteStore(tmp_path, notice=refuse)
    assert "PIERRE_CACHE_DIR" in refused.value.fix
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    told: list[str] = []
    store = open_store(tmp_path, None, notice=told.append)
    assert isinstance(store, MemoryStore)
    assert len(told) == 1
    store.put_many(ENTRIES)
    assert store.get_many(list(ENTRIES)) == ENTRIES


def garbage(path: Path) -> None:
    path.write_bytes(b"no database, " * 5000)


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def stump(path: Path) -> None:
    os.truncate(path, 100)


def holes(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(65_536)
        file.write(b"\xff" * (path.stat().st_size - 65_536))


def strange_table(path: Path) -> None:
    path.unlink()
    con = sqlite3.connect(path)
    con.execute("PRAGMA journal_mode=WAL")
    con.execute("CREATE TABLE entries (key TEXT PRIMARY KEY, body BLOB, until INTEGER)")
    con.close()
    path.chmod(0o600)


DAMAGE: list[Callable[[Path], None]] = [garbage, half, stump, holes, strange_table]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda d: d.__name__)
def test_a_damaged_file_is_set_aside_and_a_new_one_begins(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = filled(tmp_path)
    damage(path)
    kept = path.read_bytes()
    told: list[str] = []
    store = SQLiteStore(tmp_path, notice=told.append)
    # Damage in the middle of a file shows when that part is read.
    assert store.get_many(list(ENTRIES)) == {}
    store.put_many(ENTRIES)
    assert store.get_many(list(ENTRIES)) == ENTRIES
    assert len(told) == 1
    (aside,) = (p for p in tmp_path.iterdir() if ".corrupt-" in p.name and not p.name.endswith(("-wal", "-shm")))
    assert aside.name in told[0]
    assert aside.read_bytes() == kept
    assert mode(path) == mode(aside) == 0o600
    store.close()


def test_two_stores_meet_the_same_damage(tmp_path: Path) -> None:
    told: list[str] = []
    one, two = (SQLiteStore(tmp_path, notice=told.append) for _ in range(2))
    one.put_many(ENTRIES)
    one.close()
    two.close()
    holes(tmp_path / NAME)
    assert one.get_many(list(ENTRIES)) == {}
    one.put_many(ENTRIES)
    assert two.get_many(list(ENTRIES)) == ENTRIES
    assert len(told) == 1
    one.close()
    two.close()


def test_two_damaged_files_in_one_second_are_both_kept(tmp_path: Path) -> None:
    for text in (b"first", b"second"):
        (tmp_path / NAME).write_bytes(text * 1000)
        (tmp_path / NAME).chmod(0o600)
        SQLiteStore(tmp_path, notice=lambda text: None).close()
    aside = [p.read_bytes()[:5] for p in sorted(tmp_path.iterdir()) if ".corrupt-" in p.name]
    assert aside == [b"first", b"secon"]


def test_what_was_removed_is_not_on_the_disk(tmp_path: Path) -> None:
    canary = b"resting heart rate 41"
    store = SQLiteStore(tmp_path, notice=refuse)
    store.put_many({"tenant:t:a": Entry(canary * 4000, NOW, NOW + 900, NOW + 86_400)})
    store.put_many({"tenant:t:b": Entry(canary * 4000, NOW - 10_000, NOW - 9_000, NOW + 2)})
    assert any(canary in p.read_bytes() for p in tmp_path.iterdir())
    store.delete_prefix("tenant:t:a:", at=NOW)
    assert store.sweep(NOW + 3) == 1
    assert not any(canary in p.read_bytes() for p in tmp_path.iterdir())
    store.close()


def test_what_must_not_be_kept_goes_when_the_file_is_opened(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, notice=refuse)
    store.put_many({"tenant:t:a": Entry(b"x", NOW - 10, NOW - 9, NOW - 1), **ENTRIES})
    assert store.get_many(["tenant:t:a"]).get("tenant:t:a") is not None
    store.close()
    again = SQLiteStore(tmp_path, notice=refuse)
    assert again.get_many(["tenant:t:a", *ENTRIES]) == ENTRIES
    again.close()


def test_a_value_that_is_no_blob_is_a_miss(tmp_path: Path) -> None:
    con = sqlite3.connect(filled(tmp_path))
    con.execute("UPDATE entries SET value = 'text' WHERE key = 'tenant:t:1'")
    con.commit()
    con.close()
    store = SQLiteStore(tmp_path, notice=refuse)
    assert store.get_many(["tenant:t:1"]).get("tenant:t:1") is None
    assert store.get_many(["tenant:t:2"]).get("tenant:t:2") == ENTRIES["tenant:t:2"]
    store.close()


def test_times_are_read_without_the_value(tmp_path: Path) -> None:
    con = sqlite3.connect(filled(tmp_path))
    plan = con.execute("EXPLAIN QUERY PLAN SELECT key FROM entries WHERE substr(value, 9, 8) > ?", (b"",)).fetchall()
    size = con.execute("PRAGMA page_size").fetchone()[0]
    con.close()
    assert "INDEX entries_fetched" in plan[0][3]
    assert size == 65_536


def test_a_closed_store_opens_again_and_says_so(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, notice=refuse)
    store.put_many(ENTRIES)
    before = store.version()
    store.close()
    assert store.get_many(list(ENTRIES)) == ENTRIES
    assert store.version() != before
    store.close()


def test_nothing_open_without_a_directory() -> None:
    assert isinstance(open_store(None, None, notice=refuse), MemoryStore)


def test_a_store_that_stays_open_sweeps_when_it_is_written(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, notice=refuse)
    old = Entry(b"x", NOW - 100, NOW - 90, NOW - 1)
    store.put_many({"tenant:t:old": old})
    assert store.get_many(["tenant:t:old"]).get("tenant:t:old") == old
    store.sweep(NOW - 7_200)  # as if the last sweep had been two hours ago, which also takes what is from its future
    store.put_many({"tenant:t:old": old, **ENTRIES})
    assert store.get_many(["tenant:t:old"]).get("tenant:t:old") is None
    assert store.get_many(list(ENTRIES)) == ENTRIES
    store.close()


def test_a_reader_does_not_stop_a_removal(tmp_path: Path) -> None:
    path = filled(tmp_path)
    store = SQLiteStore(tmp_path, notice=refuse, wait=0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM entries").fetchone() == (20,)
    assert store.delete_prefix("tenant:t:", at=NOW) == 20
    assert other.execute("SELECT count(*) FROM entries").fetchone() == (20,)
    other.execute("COMMIT")
    assert other.execute("SELECT key FROM entries").fetchall() == [("deleted:tenant:t:",)]
    other.close()
    store.close()
