"""What a person said about pairs of recordings, kept in a small text file that can be versioned."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd

from pierre_data.dedupe import Override, read_overrides
from pierre_data.errors import QueryError, StorageError, StorageNotice
from pierre_data.forking import ForkSafeLock
from pierre_data.notices import notice
from pierre_data.private_files import private_directory, read_private, write_private

_TITLE = "# pierre_data: pairs of recordings that are one workout (same) or are not (different)"


def absent(overrides: Iterable[Override], frame: pd.DataFrame, providers: Collection[str]) -> list[str]:
    """Return the marked recordings of these providers that a whole merged history does not hold."""
    pairs = [str(o).split(" ")[1:] for o in overrides]
    there = set(" ".join(frame["sources"]).split(" ")) if pairs else set()
    return [key for pair in pairs for key in pair if key not in there and key.partition(":")[0] in providers]


def person_hash(tenant: str, user: str) -> str:
    """Return a file name for a tenant's user, so that no name can leave a directory."""
    who = "".join(f"{len(part.encode())}:{part}" for part in (tenant, user))
    return hashlib.sha256(who.encode()).hexdigest()[:24]


class OverrideStore:
    """One tenant's and user's overrides, in ``<data_dir>/overrides/<hash>.txt``."""

    def __init__(self, data_dir: Path, tenant: str, user: str) -> None:
        self.path = data_dir / "overrides" / f"{person_hash(tenant, user)}.txt"
        self._lock = ForkSafeLock()
        self._known: tuple[tuple[int, int, int] | None, tuple[Override, ...]] = (None, ())

    def read(self) -> tuple[Override, ...]:
        """Return the overrides in the order of the file; raises StorageError that names a line it cannot read."""
        try:
            file = self.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise StorageError(f"{self.path} cannot be read: {error.strerror}.", "Correct its permissions.") from None
        stamp = file.st_mtime_ns, file.st_size, file.st_ino
        if self._known[0] == stamp:
            return self._known[1]
        data = read_private(self.path, _storage_notice) or b""
        try:
            overrides = read_overrides(data.decode("utf-8"))
        except (QueryError, UnicodeDecodeError) as error:
            what = error.what if isinstance(error, QueryError) else "It is no UTF-8 text."
            raise StorageError(
                f"{self.path} cannot be used: {what}", "Correct that line, or remove the file."
            ) from None
        self._known = (stamp, overrides)
        return overrides

    def mark(self, override: Override) -> None:
        """Remember a judgement; an earlier one of the same pair is forgotten."""
        self._change(override.a, override.b, override)

    def unmark(self, a: str, b: str) -> bool:
        """Forget the judgement of a pair; whether there was one."""
        pair = Override(True, a, b)
        return any((o.a, o.b) == (pair.a, pair.b) for o in self.read()) and self._change(pair.a, pair.b, None)

    def _change(self, a: str, b: str, new: Override | None) -> bool:
        with self._lock:
            old = self.read()
            others = [o for o in old if (o.a, o.b) != (a, b)]
            lines = sorted(str(o) for o in [*others, *([new] if new else [])])
            private_directory(self.path.parent, _storage_notice)
            write_private(self.path, "\n".join([_TITLE, *lines, ""]).encode())
            return len(others) < len(old)


def _storage_notice(text: str) -> None:
    notice(text, StorageNotice)
