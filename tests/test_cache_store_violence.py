"""The SQLite file under violence: processes, kills, locks, forks, full and read-only disks."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from pierre_data.cache import Entry, open_store
from pierre_data.cache.memory import MemoryStore
from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.errors import StorageError
from tests.nursery import Child

NAME = "cache-v2.sqlite"

# What every child begins with; `folder` is its first argument.
PRELUDE = """
import os, random, resource, signal, sqlite3, sys, threading, time
from pathlib import Path
from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.cache import Entry, open_store
from pierre_data.errors import StorageError

signal.alarm(110)  # nothing outlives a test that hangs
folder, told = Path(sys.argv[1]), []
NOW = time.time()

def opened(**more):
    return SQLiteStore(folder, notice=told.append, **more)

def entry(value, fetched=0.0):
    return Entry(value, NOW + fetched, NOW + 900, NOW + 86400)
"""

READ_AND_WRITE = """
store, until, done, wrong = opened(), time.monotonic() + float(sys.argv[2]), 0, 0
store.put_many({f"tenant:t:{n}": entry(bytes([n]) * 100_000) for n in range(16)})
while time.monotonic() < until:
    n = random.randrange(16)
    if done % 10 == 9:
        store.put_many({f"tenant:t:{n}": entry(bytes([n]) * 100_000, done / 1e6)})
    else:
        wrong += store.get_many([f"tenant:t:{n}"]).get(f"tenant:t:{n}").value != bytes([n]) * 100_000
    done += 1
store.close()
print(wrong, len(told), done)
"""

KILLED = """
torn = found = 0
names = [f"tenant:t:{n}" for n in range(4)]
for at in range(int(sys.argv[2])):
    child = os.fork()
    if child == 0:
        store = opened()
        for n in range(10_000):
            store.put_many({name: entry(b"%d-%d" % (at, n) * 40_000, at + n / 1e5) for name in names})
        os._exit(0)
    time.sleep(random.uniform(0.02, 0.12))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    store = opened()
    values = {e.value for e in store.get_many(names).values()}
    torn += len(values) > 1
    found += len(values)
    store.close()
con = sqlite3.connect(folder / "cache-v2.sqlite")
print(torn, len(told), con.execute("PRAGMA integrity_check").fetchone()[0], found)
con.close()
"""

FULL = """
store = opened()
store.put_many({"tenant:t:first": entry(b"1" * 100_000)})
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
kept = refused = 0
for n in range(60):
    try:
        store.put_many({f"tenant:t:{n}": entry(b"x" * 200_000), f"tenant:t:also-{n}": entry(b"y" * 200_000)})
    except StorageError as error:
        refused += 1
        message = str(error)
        continue
    kept += 1
rows = len(store.get_many([f"tenant:t:{n}" for n in ("first", *range(60), *(f"also-{n}" for n in range(60)))]))
first = store.get_many(["tenant:t:first"]).get("tenant:t:first").value == b"1" * 100_000
store.close()
con = sqlite3.connect(folder / "cache-v2.sqlite")
print(rows == 1 + 2 * kept, refused > 0, first, con.execute("PRAGMA integrity_check").fetchone()[0], message)
con.close()
"""

READ_ONLY = """
if os.geteuid() == 0:  # modes do not stop root
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
store = open_store(folder / sys.argv[2], None, notice=told.append)
store.put_many({"tenant:t:a": entry(b"x")})
print(type(store).__name__, store.get_many(["tenant:t:a"]).get("tenant:t:a").value, len(told), told[0])
"""

FORKED = """
store, go = opened(), threading.Event()
store.put_many({"tenant:t:a": entry(b"a" * 100_000)})

def busy(name):
    n = 0
    while not go.is_set():
        store.put_many({name: entry(b"%d" % n * 20_000, n / 1e5)})
        store.get_many(["tenant:t:a"]).get("tenant:t:a")
        n += 1

threads = [threading.Thread(target=busy, args=(f"tenant:t:thread{n}",)) for n in range(2)]
for thread in threads:
    thread.start()
fine = 0
for n in range(10):
    before = store.version()
    child = os.fork()
    if child == 0:
        fresh = store.version() != before
        store.put_many({f"tenant:t:child{n}": entry(b"child" * 20_000)})
        read = store.get_many(["tenant:t:a"]).get("tenant:t:a").value == b"a" * 100_000
        # The first with all finalizers, which takes half a second; none closes the store.
        (os._exit if n else sys.exit)(0 if read and fresh else 3)
    fine += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
go.set()
for thread in threads:
    thread.join()
written = store.get_many([f"tenant:t:child{n}" for n in range(10)])
children = sum(entry.value == b"child" * 20_000 for entry in written.values())
store.close()
con = sqlite3.connect(folder / "cache-v2.sqlite")
print(fine, children, con.execute("PRAGMA integrity_check").fetchone()[0], len(told))
con.close()
"""

FORKED_WHILE_STUCK = """
class Slow(dict):
    inside, go = threading.Event(), threading.Event()
    def items(self):
        self.inside.set()
        self.go.wait(60)
        return super().items()

store = opened(wait=0.2)
thread = threading.Thread(target=store.put_many, args=(Slow({"tenant:t:b": entry(b"thread")}),))
thread.start()
Slow.inside.wait(60)  # the thread is inside a transaction and holds the lock
child = os.fork()
if child == 0:
    try:
        store.get_many(["tenant:t:b"]).get("tenant:t:b")
    except StorageError as error:
        sys.exit(7 if "forked while" in str(error) else 8)
    sys.exit(9)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
Slow.go.set()
thread.join()
print(status, bytes(store.get_many(["tenant:t:b"])["tenant:t:b"].value))
store.close()
"""


def child(code: str, *args: object) -> Child:
    """Start a child process."""
    return Child(PRELUDE + code, args)


def said(process: Child) -> str:
    """Return what a child printed; it must end well."""
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return out.strip()


def refuse(text: str) -> None:
    raise AssertionError(f"nothing is wrong, but: {text}")


def entry(value: bytes) -> Entry:
    now = time.time()
    return Entry(value, now, now + 900, now + 86_400)


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_four_processes_share_a_new_file(tmp_path: Path, seconds: int) -> None:
    answers = [said(p) for p in [child(READ_AND_WRITE, tmp_path, seconds) for _ in range(4)]]
    for answer in answers:
        wrong, told, done = map(int, answer.split())
        assert (wrong, told) == (0, 0)
        assert done > 0


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_while_writing(tmp_path: Path, times: int) -> None:
    torn, told, integrity, found = said(child(KILLED, tmp_path, times)).split()
    assert (torn, told, integrity) == ("0", "0", "ok")
    assert int(found) > 0


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    answer = said(child(FULL, tmp_path))
    assert answer.startswith("True True True ok The cache ")
    assert str(tmp_path) in answer
    assert "Free some space" in answer


@pytest.mark.parametrize("case", ["new", "there"])
def test_a_read_only_folder_means_memory_and_one_notice(case: str) -> None:
    # Not in tmp_path, which only root could enter.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        inside = Path(folder) / "there"
        SQLiteStore(inside, notice=refuse).close()
        if os.geteuid() == 0:
            os.chown(inside / NAME, 65534, 65534)
        inside.chmod(0o555)
        Path(folder).chmod(0o555)
        answer = said(child(READ_ONLY, folder, case))
        Path(folder).chmod(0o755)
        inside.chmod(0o755)
    assert answer.startswith("MemoryStore b'x' 1 The cache ")
    assert "Keeping answers in memory only." in answer


def test_forked_while_threads_read_and_write(tmp_path: Path) -> None:
    assert said(child(FORKED, tmp_path)) == "10 10 ok 0"


def test_forked_while_a_thread_holds_the_lock_for_too_long(tmp_path: Path) -> None:
    assert said(child(FORKED_WHILE_STUCK, tmp_path)) == "7 b'thread'"


def test_locked_by_another_process(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, notice=refuse, wait=0.2)
    store.put_many({"tenant:t:a": entry(b"kept")})
    hold = f"""
con = sqlite3.connect({str(tmp_path / NAME)!r}, isolation_level=None)
con.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sqlite3, sys" + hold],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(StorageError, match="database is locked"):
        store.put_many({"tenant:t:a": entry(b"lost")})
    with pytest.raises(StorageError, match="database is locked"):
        store.delete_prefix("tenant:t:", at=time.time())
    with pytest.raises(StorageError, match="database is locked"):
        SQLiteStore(tmp_path, notice=refuse, wait=0.2)
    found = store.get_many(["tenant:t:a"]).get("tenant:t:a")
    assert found is not None
    assert found.value == b"kept"
    holder.communicate("")
    store.put_many({"tenant:t:a": entry(b"new")})
    found = store.get_many(["tenant:t:a"]).get("tenant:t:a")
    assert found is not None
    assert found.value == b"new"
    store.close()


def test_a_thread_that_never_ends_stops_others_for_a_bounded_time(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, notice=refuse, wait=0.2)
    inside, go = threading.Event(), threading.Event()

    class Slow(dict[str, Entry]):
        def items(self):
            inside.set()
            go.wait(60)
            return super().items()

    thread = threading.Thread(target=store.put_many, args=(Slow({"tenant:t:b": entry(b"slow")}),))
    thread.start()
    assert inside.wait(60)
    with pytest.raises(StorageError, match="another thread"):
        store.get_many(["tenant:t:b"]).get("tenant:t:b")
    go.set()
    thread.join()
    found = store.get_many(["tenant:t:b"]).get("tenant:t:b")
    assert found is not None
    assert found.value == b"slow"
    store.close()


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    class Broken(dict[str, Entry]):
        def items(self):
            raise KeyboardInterrupt  # a notebook's stop button, inside the transaction

    store = SQLiteStore(tmp_path, notice=refuse)
    with pytest.raises(KeyboardInterrupt):
        store.put_many(Broken({"tenant:t:a": entry(b"x")}))
    store.put_many({"tenant:t:b": entry(b"y")})
    con = sqlite3.connect(tmp_path / NAME)
    assert con.execute("SELECT key FROM entries").fetchall() == [("tenant:t:b",)]
    con.close()
    store.close()


def test_another_process_changes_the_version(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, notice=refuse)
    before = store.version()
    said(child("store = opened(); store.put_many({'tenant:t:a': entry(b'x')}); store.close()", tmp_path))
    assert store.version() != before
    store.close()


def test_opening_what_cannot_be_opened_falls_back_to_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    told: list[str] = []
    store = open_store(tmp_path / "file" / "cache", None, notice=told.append)
    assert isinstance(store, MemoryStore)
    assert len(told) == 1
