"""What is remembered of files, so that each is read once and not again until it changes: in memory and on disk."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

from pierre_data.errors import ConfigurationError, PayloadError, StorageNotice
from pierre_data.files.archive import Archive, Member
from pierre_data.files.formats import read_recording
from pierre_data.files.session_columns import activity_row
from pierre_data.notices import notice
from pierre_data.private_files import atomic_file

#: Plain JSON: ``sha``, ``activities``, ``devices``, ``problems``.  Without a ``sha`` it is not remembered.
Digest = dict[str, Any]
#: Counts up when the readers learn something, so that everything is read again.
READER = 1


def digest_file(archive: Archive, name: str) -> Digest:
    """Read one file of an archive; what cannot be read has problems and no activities, and costs no other file."""
    sha = ""
    try:
        data = archive.read(name)
        sha = hashlib.sha256(data).hexdigest()
        recording = read_recording(data)
    except ConfigurationError as error:  # the decoder is missing: once it is there the file is read
        return unread("", "file", f"{error.what} {error.fix}")
    except PayloadError as error:
        return unread(sha, error.field or "file", error.what)
    except Exception as error:  # noqa: BLE001 - a reader's bug on one file is that file's problem, and is reported
        return unread(sha, "file", f"the reader failed: {type(error).__name__}: {error}"[:200])
    return {
        "sha": sha,
        "activities": [activity_row(session, recording, sha) for session in recording.sessions],
        "devices": recording.devices,
        "problems": [list(problem) for problem in recording.problems],
    }


def unread(sha: str, field: str, problem: str) -> Digest:
    """Return the digest of a file that was not read."""
    return {"sha": sha, "activities": [], "devices": [], "problems": [[field, problem]]}


class Index:
    """Digests of the files of one folder or zip, as JSON text: a tenth of the memory of the rows as objects."""

    def __init__(self, place: Path | None = None) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[int, int, str]] = {}
        self._digests: dict[str, str] = {}
        self._changed = False
        if place is not None:
            self._load(place)

    def sha(self, member: Member) -> str | None:
        """Return the content hash of a file that has not changed since it was seen."""
        size, stamp, sha = self._seen.get(member.name, (-1, -1, ""))
        return sha if (size, stamp) == (member.size, member.stamp) else None

    def digest(self, member: Member) -> Digest | None:
        """Return what was read of a file, unless it has changed."""
        text = self._digests.get(self.sha(member) or "")
        return None if text is None else json.loads(text)

    def note(self, member: Member, sha: str, digest: Digest | None = None) -> None:
        """Remember a file's hash, and its digest."""
        with self._lock:
            self._seen[member.name] = (member.size, member.stamp, sha)
            if digest is not None:
                self._digests[sha] = json.dumps(digest, separators=(",", ":"))
            self._changed = True

    def save(self, names: set[str]) -> None:
        """Forget every file but these, and write the rest to disk, if there is a place and something changed."""
        with self._lock:
            gone = self._seen.keys() - names
            if not (self._changed or gone):
                return
            for name in gone:
                del self._seen[name]
            used = {sha for _, _, sha in self._seen.values()}
            self._digests = {sha: text for sha, text in self._digests.items() if sha in used}
            self._changed = False
            text = json.dumps({"reader": READER, "seen": self._seen, "digests": self._digests})
        if self._place is None:
            return
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with atomic_file(self._place) as file:
                file.write(text.encode())
        except OSError as error:
            what = f"The index {self._place} cannot be written ({error.strerror})"
            notice(f"{what}, so the next process reads the files again.", StorageNotice)

    def _load(self, place: Path) -> None:
        try:
            content: Any = json.loads(place.read_text(encoding="utf-8"))
            if content["reader"] == READER:
                seen = {str(n): (int(size), int(stamp), str(sha)) for n, (size, stamp, sha) in content["seen"].items()}
                self._seen, self._digests = seen, {str(k): str(v) for k, v in content["digests"].items()}
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            notice(f"The index {place} cannot be read, so the files are read again.", StorageNotice)


_known: dict[tuple[str, str], Index] = {}
_lock = threading.Lock()


def index_of(archive: Archive, cache_dir: Path | str | None = None) -> Index:
    """Return the index of a folder or zip: one per process, and kept on disk below `cache_dir` if that is given."""
    root = str(archive.path.resolve())
    with _lock:
        key = (root, str(cache_dir or ""))
        if key not in _known:
            name = f"files-{hashlib.sha256(root.encode()).hexdigest()[:16]}.json"
            _known[key] = Index(Path(cache_dir) / name if cache_dir else None)
        return _known[key]
