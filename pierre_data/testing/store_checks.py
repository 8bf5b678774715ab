"""What every store of cache entries promises, as a check for authors of stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from pierre_data.cache import Entry, Store

_YEAR = 365 * 86_400.0


def check_store(make_store: Callable[[], Store]) -> tuple[str, ...]:
    """Check that a store keeps what `pierre_data.cache.Store` promises.

    Parameters
    ----------
    make_store : callable
        Opens an empty store; each check gets one of its own, and closes it.

    Returns
    -------
    tuple of str
        What was checked, one sentence each.

    Raises
    ------
    AssertionError
        A promise is broken; the message says which.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> from pierre_data.cache import MemoryStore
    >>> checked = check_store(MemoryStore)
    >>> checked[0]
    'What is put comes back, and nothing else.'

    A store of one's own is given to the client:

    >>> client = pierre.Client("synthetic-watch", cache=MemoryStore())
    """
    for sentence, check in _CHECKS.items():
        store = make_store()
        try:
            check(store)
        except AssertionError as error:
            raise AssertionError(f"Broken: {sentence} {error}") from error
        finally:
            store.close()
    return tuple(_CHECKS)


def _entry(value: bytes = b"x", fetched: float = 0.0) -> Entry:
    """Return an entry fetched so many seconds after now."""
    now = time.time()
    return Entry(value, now + fetched, now + fetched + 900, now + fetched + 86_400)


def _is(store: Store, expected: Mapping[str, bytes | None]) -> None:
    entries = store.get_many(list(expected))
    values = {key: bytes(entries[key].value) if key in entries else None for key in expected}
    assert values == expected, f"Expected {dict(expected)}, got {values}."


def _comes_back(store: Store) -> None:
    entries = {f"tenant:t:{n}": _entry(bytes([n]) * n) for n in range(12)}
    store.put_many(entries)
    assert store.get_many([*entries, "tenant:t:none"]) == entries, "Values or times differ."
    assert store.get_many([]) == {}, "No keys are no entries."
    store.put_many({})


def _many(store: Store) -> None:
    entries = {f"tenant:t:{n}": _entry() for n in range(1300)}
    store.put_many(entries)
    assert len(store.get_many(list(entries))) == 1300, "Not all came back."


def _newer_stays(store: Store) -> None:
    store.put_many({"tenant:t:a": _entry(b"new", -10)})
    store.put_many({"tenant:t:a": _entry(b"old", -11), "tenant:t:b": _entry(b"b", -11)})
    _is(store, {"tenant:t:a": b"new", "tenant:t:b": b"b"})
    store.put_many({"tenant:t:a": _entry(b"newer", -9)})
    _is(store, {"tenant:t:a": b"newer"})


def _deleted_stays_out(store: Store) -> None:
    mine, never, other = "tenant:a:user:u:stats", "tenant:a:user:u:activity:9", "tenant:ab:user:u:stats"
    store.put_many({mine: _entry(b"1", -60), other: _entry(b"1", -60)})
    removed = store.delete_prefix("tenant:a:", at=time.time() - 30)
    assert removed == 1, f"It removed 1 entry and said {removed}."
    store.put_many({mine: _entry(b"2", -31), never: _entry(b"2", -31), other: _entry(b"2", -31)})
    _is(store, {mine: None, never: None, other: b"2"})
    store.delete_prefix("tenant:a:", at=time.time() - 50)
    store.put_many({mine: _entry(b"3", -40)})
    _is(store, {mine: None})
    store.put_many({mine: _entry(b"4", -20)})
    _is(store, {mine: b"4"})


def _prefixes_end_at_colons(store: Store) -> None:
    store.put_many({key: _entry(fetched=-5) for key in ("a:stats", "a:stats:1", "a:stats_more", "a:*")})
    store.delete_prefix("a:stats:", at=time.time())
    store.delete_prefix("a:*:", at=time.time())
    _is(store, {"a:stats": None, "a:stats:1": None, "a:stats_more": b"x", "a:*": None})


def _wrong_clocks(store: Store) -> None:
    store.put_many({"tenant:t:a": _entry(b"ahead", _YEAR)})
    store.put_many({"tenant:t:a": _entry(b"true", -1)})
    _is(store, {"tenant:t:a": b"true"})
    store.delete_prefix("tenant:t:", at=time.time() + _YEAR)
    store.put_many({"tenant:t:a": _entry(b"true", -1)})
    _is(store, {"tenant:t:a": b"true"})
    store.delete_prefix("tenant:t:", at=time.time())
    store.put_many({"tenant:t:a": _entry(b"old", -1)})
    _is(store, {"tenant:t:a": None})


def _version(store: Store) -> None:
    seen = [store.version()]
    assert store.version() == seen[0], "It differs although nothing was written."
    store.put_many({"tenant:t:a": _entry()})
    seen.append(store.version())
    store.get_many(["tenant:t:a"])
    assert store.version() == seen[-1], "It differs after a read."
    store.put_many({"tenant:t:a": _entry(b"y", 1)})
    seen.append(store.version())
    store.delete_prefix("tenant:t:", at=time.time() + 2)
    seen.append(store.version())
    assert len(set(seen)) == len(seen), "It is the same after a write."


def _any_key(store: Store) -> None:
    evil = ("nobody' OR '1'='1", "'; DROP TABLE entries; --", '"', "a\0b", "%", "_", "*", "é\u2028", "x" * 5000)
    store.put_many({"tenant:t:secret": _entry(b"other tenant")})
    for key in evil:
        _is(store, {key: None})
        store.put_many({key: _entry(b"mine")})
        _is(store, {key: b"mine"})
        removed = store.delete_prefix(f"{key}:", at=time.time() + 1)
        assert removed == 1, f"It removed the entry {key[:40]!r} and said {removed}."
    _is(store, {"tenant:t:secret": b"other tenant"})


def _threads(store: Store) -> None:
    values = {f"tenant:t:{n}": bytes([n]) * 100_000 for n in range(16)}
    store.put_many({key: _entry(value) for key, value in values.items()})

    def work(seed: int) -> str:
        try:
            for turn in range(60):
                key = f"tenant:t:{(seed + turn * 7) % 16}"
                if turn % 10 == 9:
                    store.put_many({key: _entry(values[key], turn / 1e6)})
                else:
                    _is(store, {key: values[key]})
        except Exception as error:  # noqa: BLE001 - whatever a store raises in a thread breaks the promise
            return str(error)[:200] or repr(error)
        return ""

    with ThreadPoolExecutor(8) as threads:
        wrong = list(filter(None, threads.map(work, range(8))))
    assert not wrong, f"{len(wrong)} threads failed, the first: {wrong[0]}"


_CHECKS: dict[str, Callable[[Store], None]] = {
    "What is put comes back, and nothing else.": _comes_back,
    "Thousands of entries are read at once.": _many,
    "An older request never replaces a newer one.": _newer_stays,
    "A deletion keeps out what was asked for before it.": _deleted_stays_out,
    "A prefix covers whole segments only.": _prefixes_end_at_colons,
    "What a wrong clock wrote stops nothing.": _wrong_clocks,
    "The version differs after each write, and only then.": _version,
    "Any text is a key.": _any_key,
    "Eight threads read what was written.": _threads,
}
