"""A client whose cache is locked, damaged, foreign, full or forked away: everything still comes, with one notice."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from pierre_data import CachePolicy, Client
from pierre_data.cache import Entry
from pierre_data.errors import StorageError, StorageNotice
from tests.nursery import run
from tests.strava_server import StravaServer
from tests.test_client import settings

NAME = "cache-v2.sqlite"

# What every child begins with; its arguments are a folder and the vendor's address.
PRELUDE = """
import os, resource, signal, sys, threading, warnings
from pathlib import Path
import pierre_data as pierre
from pierre_data.settings import Settings
from tests.strava_server import TOKEN

signal.alarm(110)
folder, url = Path(sys.argv[1]), sys.argv[2]
settings = Settings.read({"PIERRE_CACHE_DIR": str(folder), "PIERRE_STRAVA_API_BASE_URL": url,
                          "PIERRE_STRAVA_ACCESS_TOKEN": TOKEN, "PIERRE_PROGRESS": "0",
                          "PIERRE_DATA_DIR": str(folder), "PIERRE_CONFIG_DIR": str(folder)})

def told():
    return [str(w.message) for w in caught if issubclass(w.category, pierre.errors.StorageNotice)]

caught_in = warnings.catch_warnings(record=True)
caught = caught_in.__enter__()
warnings.simplefilter("always")
"""

FULL = """
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
client = pierre.Client(["strava"], settings=settings)
rows = [len(client.activities(policy=pierre.CachePolicy.REFRESH, dedupe=False)) for _ in range(6)]
print(set(rows), len(told()), told()[0])
"""

READ_ONLY = """
import requests_cache, pierre_data.cache.sqlite  # nobody else may enter root's folders to import later
before = pierre.Client(["strava"], settings=settings, cache="memory")
before.activities()
if os.geteuid() == 0:  # modes do not stop root
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
client = pierre.Client(["strava"], settings=settings, registry=before.registry)
rows = [len(client.activities()) for _ in range(2)]
print(set(rows), len(told()), told()[0])
"""

FORKED = """
client, go = pierre.Client(["strava"], settings=settings), threading.Event()
client.activities()

def busy():
    while not go.is_set():
        client.activities(policy=pierre.CachePolicy.REFRESH)

thread = threading.Thread(target=busy)
thread.start()
fine = 0
for n in range(8):
    child = os.fork()
    if child == 0:
        for policy in (pierre.CachePolicy.USE_CACHE, pierre.CachePolicy.REFRESH):
            if len(client.activities(policy=policy)) != 50:
                os._exit(3)
        os._exit(0)
    fine += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
go.set()
thread.join()
print(fine, len(client.activities()), len(told()))
"""


@pytest.fixture
def strava() -> Iterator[StravaServer]:
    with StravaServer() as server:
        yield server


def child(code: str, *args: object) -> str:
    done = run(PRELUDE + code, args)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def scribbled(path: Path) -> None:
    path.write_bytes(b"\x00garbage" * 40_000)


def flipped(path: Path) -> None:
    body = bytearray(path.read_bytes())
    for at in range(100, len(body), 4_099):
        body[at] ^= 0xFF
    path.write_bytes(bytes(body))


def another_programs(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE entries (something, completely, different)")
    con.close()
    path.chmod(0o600)


def world_writable(path: Path) -> None:
    path.chmod(0o666)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def foreign(path: Path) -> None:
    os.chown(path, 65534, 65534)


DAMAGES: list[Callable[[Path], None]] = [truncated, scribbled, flipped, another_programs, world_writable, a_folder]
if os.geteuid() == 0:  # nobody else can give a file away
    DAMAGES.append(foreign)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_a_damaged_or_foreign_file_costs_a_fetch_and_one_notice(
    strava: StravaServer, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    with Client(["strava"], settings=settings(strava, tmp_path)) as client:
        whole = client.activities()
    damage(tmp_path / "cache" / NAME)
    asked = len(strava.asked)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        again = Client(["strava"], settings=settings(strava, tmp_path))
        frames = [again.activities(), again.activities(), again.activities("2017-01-01", "2020-01-01")]
    assert frames[0].equals(whole)
    assert frames[1].equals(whole)
    assert len(frames[2]) == sum("2017" <= i["start_date"] < "2020" for i in strava.items)
    assert [w.category for w in caught] == [StorageNotice]
    # What came is kept again, in a new file or in memory.
    assert len(strava.asked) == asked + 2
    again.close()


def test_an_emptied_file_is_a_new_one(strava: StravaServer, tmp_path: Path) -> None:
    with Client(["strava"], settings=settings(strava, tmp_path)) as client:
        whole = client.activities()
    emptied(tmp_path / "cache" / NAME)
    with Client(["strava"], settings=settings(strava, tmp_path)) as again:
        assert again.activities().equals(whole)
        asked = len(strava.asked)
        assert again.activities().equals(whole)
    assert len(strava.asked) == asked


def test_a_locked_file_is_left_alone(strava: StravaServer, tmp_path: Path) -> None:
    client = Client(["strava"], settings=settings(strava, tmp_path))
    client.athlete()
    hold = sqlite3.connect(tmp_path / "cache" / NAME, isolation_level=None)
    hold.execute("BEGIN IMMEDIATE")
    with pytest.warns(StorageNotice) as caught:
        frames = [client.activities() for _ in range(2)]
    assert [len(f) for f in frames] == [50, 50]
    assert len(caught) == 1
    assert "locked" in str(caught[0].message) or "busy" in str(caught[0].message)
    hold.execute("ROLLBACK")
    hold.close()
    client.close()


def test_a_full_disk(strava: StravaServer, tmp_path: Path) -> None:
    strava.items = [i | {"id": n * 1000 + at} for n in range(40) for at, i in enumerate(strava.items)]
    strava.items.sort(key=lambda i: i["start_date"], reverse=True)
    answer = child(FULL, tmp_path, strava.url)
    assert answer.startswith("{2000} 1 The cache ")
    assert "Free some space" in answer


def test_a_folder_nobody_may_write(strava: StravaServer, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        answer = child(READ_ONLY, f"{folder}/cache", strava.url)
        Path(folder).chmod(0o755)
    assert answer.startswith("{50} 1 The cache ")


def test_forked_while_another_thread_uses_the_client(strava: StravaServer, tmp_path: Path) -> None:
    assert child(FORKED, tmp_path, strava.url) == "8 50 0"


def test_two_clients_fetch_one_history_at_once(strava: StravaServer, tmp_path: Path) -> None:
    clients = [Client(["strava"], settings=settings(strava, tmp_path)) for _ in range(4)]
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda c=c: found.append(len(c.activities(policy=CachePolicy.REFRESH))))  # type: ignore[misc]
        for c in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked = len(strava.asked)
    assert found == [50] * 4
    assert len(Client(["strava"], settings=settings(strava, tmp_path)).activities()) == 50
    assert len(strava.asked) == asked


class Gone:
    """A store none of whose methods works, and which raises what it likes."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        raise self.error

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        raise self.error

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        raise self.error

    def version(self) -> tuple[int, ...]:
        raise self.error

    def close(self) -> None:
        raise self.error


@pytest.mark.parametrize("error", [StorageError("The bucket is gone.", "Look for it."), KeyError("bucket")])
def test_trouble_of_a_store_of_ones_own_breaks_no_read(strava: StravaServer, tmp_path: Path, error: Exception) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = Client(["strava"], settings=settings(strava, tmp_path), cache=Gone(error))
        assert len(client.activities()) == len(client.activities(policy=CachePolicy.REFRESH)) == 50
        assert len(client.athlete()) == 1
        with pytest.raises(StorageError, match="bucket"):  # what must go would stay
            client.invalidate()
        client.close()
    assert [w.category for w in caught] == [StorageNotice]
    assert "bucket" in str(caught[0].message)


def test_a_file_that_is_truncated_while_it_is_open_costs_a_fetch(strava: StravaServer, tmp_path: Path) -> None:
    client = Client(["strava"], settings=settings(strava, tmp_path))
    whole = client.activities()
    os.truncate(tmp_path / "cache" / NAME, 0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        part = client.activities("2017-01-01", "2018-01-01")
    assert part["id"].tolist() == whole[whole.start_time.dt.year == 2017]["id"].tolist()
    assert {w.category for w in caught} <= {StorageNotice}
    client.close()
