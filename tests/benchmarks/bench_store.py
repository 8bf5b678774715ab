"""The cache's file: ours beside plain sqlite3 and beside requests-cache's SQLiteDict as it comes."""

from __future__ import annotations

import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from requests_cache.backends.sqlite import SQLiteDict

from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.cache.store import Entry

ROUNDS, THREADS, SECONDS = 41, 8, 1.5
ONE = {"tenant:t:one": os.urandom(3_000_000)}
MANY = {f"tenant:t:{n}": os.urandom(150_000) for n in range(22)}
SMALL = {f"tenant:t:small{n}": os.urandom(100_000) for n in range(32)}


def run() -> list[tuple[str, float, str]]:
    """Return medians of interleaved rounds, and reads per second of eight threads on one instance."""
    with tempfile.TemporaryDirectory() as folder:
        ours, stock, plain = _filled(Path(folder))

        def plain_many() -> list[object]:
            marks = ",".join("?" * len(MANY))
            return plain.execute(f"SELECT key, value FROM kept WHERE key IN ({marks})", list(MANY)).fetchall()

        ways: dict[str, Callable[[], object]] = {
            "3 MB, ours": lambda: ours.get_many(["tenant:t:one"]),
            "3 MB, plain sqlite3": lambda: plain.execute(
                "SELECT value FROM kept WHERE key = 'tenant:t:one'"
            ).fetchone(),
            "3 MB, stock SQLiteDict": lambda: stock["tenant:t:one"],
            "22 x 150 KB, ours, get_many": lambda: ours.get_many(list(MANY)),
            "22 x 150 KB, plain sqlite3, one query": plain_many,
            "22 x 150 KB, stock SQLiteDict, one by one": lambda: [stock[key] for key in MANY],
            "version, ours": ours.version,
        }
        rows = [(name, seconds * 1000, "ms") for name, seconds in _medians(ways).items()]
        for name, get in {"ours": lambda key: ours.get_many([key]), "stock SQLiteDict": lambda key: stock[key]}.items():
            rows.append((f"100 KB, {THREADS} threads on one instance, {name}", _reads(get), "reads/s"))
        ours.close()
        stock.close()
        plain.close()
    return rows


def _filled(folder: Path) -> tuple[SQLiteStore, SQLiteDict, sqlite3.Connection]:
    now, values = time.time(), {**ONE, **MANY, **SMALL}
    ours = SQLiteStore(folder / "ours", notice=print)
    ours.put_many({key: Entry(value, now, now + 900, now + 86_400) for key, value in values.items()})
    stock = SQLiteDict(folder / "stock.sqlite", serializer=None, wal=True)
    for key, value in values.items():
        stock[key] = value
    plain = sqlite3.connect(folder / "plain.sqlite", isolation_level=None)
    for pragma in ("page_size=65536", "journal_mode=WAL", f"mmap_size={2**28}"):
        plain.execute(f"PRAGMA {pragma}").fetchall()
    plain.execute("CREATE TABLE kept (key TEXT PRIMARY KEY, value BLOB)")
    plain.executemany("INSERT INTO kept VALUES (?, ?)", values.items())
    return ours, stock, plain


def _medians(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(t) for name, t in times.items()}


def _reads(get: Callable[[str], object]) -> float:
    until, counts, names = time.monotonic() + SECONDS, [], list(SMALL)

    def work() -> None:
        done = 0
        while time.monotonic() < until:
            get(names[done % len(names)])
            done += 1
        counts.append(done)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS
