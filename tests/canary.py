"""The canary harness: unique fake secrets go through every flow, then every place where one may show is searched.

Other tests add their surfaces: make `Canaries`, use its words as the secrets of a flow, hand what people or disks get
to see to a `Search`, and `assert search.found() == []`.
"""

from __future__ import annotations

import base64
import logging
import pickle
import secrets
import sqlite3
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import quote


class Canaries:
    """Fake secrets by kind, and every spelling in which one may leak."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}

    def word(self, kind: str) -> str:
        """The secret of a kind: always the same one, like no other text."""
        return self._words.setdefault(kind, f"canary{kind}{secrets.token_hex(8)}")

    def know(self, kind: str, word: str) -> None:
        """A secret that was made elsewhere (state, verifier)."""
        self._words[kind] = word

    def in_(self, data: bytes) -> list[str]:
        """Kinds whose secret is in the data: as it is, percent-encoded, hexadecimal or base64 at any offset."""
        return [kind for kind, word in self._words.items() if any(form in data for form in _forms(word))]


def _forms(word: str) -> Iterator[bytes]:
    raw = word.encode()
    yield raw
    yield quote(word, safe="").encode()
    yield raw.hex().encode()
    for offset in range(3):
        for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
            whole = alphabet(b"\0" * offset + raw)
            yield whole[4 if offset else 0 : len(whole) - 4]


@dataclass
class Search:
    """What was searched, and what was found there."""

    canaries: Canaries
    places: dict[str, int] = field(default_factory=dict)
    _found: list[str] = field(default_factory=list)

    def text(self, place: str, text: str | bytes) -> None:
        """Search one text."""
        self.places[place] = self.places.get(place, 0) + 1
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        self._found += [f"{kind} in {place}: ...{_around(data)}" for kind in self.canaries.in_(data)]

    def things(self, *things: object) -> None:
        """Search what an object shows, and that it cannot be pickled in clear."""
        for thing in things:
            self.text("repr", f"{thing!r} {thing}")
            try:
                data = pickle.dumps(thing)
            except Exception:  # noqa: BLE001  # refused in any way: nothing to search
                data = b""
            self.text("pickle", data)

    def error(self, error: BaseException) -> None:
        """Search an error and all its causes: text, traceback, IPython's Verbose mode, and every local variable."""
        self.text("error", f"{error!r} {error} {vars(error)}")
        self.text("traceback", "".join(traceback.format_exception(error)))
        self.text("IPython Verbose traceback", _verbose(error))
        for trace in _traces(error):
            for name, value in trace.tb_frame.f_locals.items():
                place = f"local variables of frames in {Path(trace.tb_frame.f_code.co_filename).parent.name}"
                self.text(place, f"{name}={value!r}")

    def processes(self) -> None:
        """Search the arguments of every process of this computer."""
        for arguments in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.text("process arguments", arguments.read_bytes())
            except OSError:  # it ended meanwhile
                continue

    def tree(self, place: str, root: Path) -> None:
        """Search names and bytes of every file, and the cells of SQLite and Parquet files."""
        for path in sorted(root.rglob("*")):
            self.text(f"{place}: names", str(path))
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                self.text(f"{place}: bytes", data)
                if data.startswith(b"SQLite format 3"):
                    self._sqlite(place, path)
                if data.startswith(b"PAR1"):
                    self._parquet(place, path)

    def found(self) -> list[str]:
        """What was found where; empty is good."""
        return list(self._found)

    def _sqlite(self, place: str, path: Path) -> None:
        connection = sqlite3.connect(path)
        for line in connection.iterdump():
            self.text(f"{place}: SQLite cells", line)
        connection.close()

    def _parquet(self, place: str, path: Path) -> None:
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        self.text(
            f"{place}: Parquet footer", f"{table.schema.to_string(show_field_metadata=True)}{table.schema.metadata}"
        )
        self.text(f"{place}: Parquet cells", str(table.to_pylist()))


@contextmanager
def everything_logged(search: Search) -> Iterator[None]:
    """Search every log record at DEBUG, of every library, and every warning."""
    records: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(f"{record.name}: {self.format(record)}")

    keeper, root = Keeper(), logging.getLogger()
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            root.removeHandler(keeper)
            root.setLevel(level)
    search.text("warnings", "\n".join(str(warning.message) for warning in warned))
    for record in records:
        search.text("log at DEBUG", record)


def fails(search: Search, act: Callable[[], object]) -> BaseException:
    """Do what must fail, and search what it shows."""
    try:
        act()
    except Exception as error:  # noqa: BLE001
        search.error(error)
        return error
    raise AssertionError("this should have failed")


def _traces(error: BaseException | None) -> Iterator[TracebackType]:
    """Frames of an error and of all errors behind it, below the one that called."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        trace = error.__traceback__
        while trace is not None:
            if "/tests/" not in trace.tb_frame.f_code.co_filename:
                yield trace
            trace = trace.tb_next
        yield from _traces(error.__cause__)
        error = error.__context__


def _verbose(error: BaseException) -> str:
    from IPython.core.ultratb import VerboseTB

    return str(VerboseTB(theme_name="nocolor").text(type(error), error, error.__traceback__))


def _around(data: bytes) -> str:
    at = data.find(b"canary")
    return data[max(0, at - 60) : at + 12].decode("utf-8", "replace")
