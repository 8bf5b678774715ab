"""A folder or zip of recordings, read once and remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

from pierre_data.errors import NotFound, PayloadError
from pierre_data.files.archive import Archive
from pierre_data.files.formats import is_activity_file, read_recording
from pierre_data.files.index import Digest, Index
from pierre_data.files.recording import Session
from pierre_data.files.session_columns import activity_row
from pierre_data.files.workers import digests

#: Called with the number of files read so far, and of all.
Progress = Callable[[int, int], None]


def survey(
    archive: Archive, index: Index, *, workers: int = 0, progress: Progress | None = None
) -> Generator[tuple[str, Digest], None, None]:
    """Yield name and digest of every recording, read if new or changed; a second copy of activities is left out.

    The index is brought up to date, also when this is stopped early.  PayloadError: no FIT, TCX or GPX file at all.
    """
    names = [name for name in archive.members if is_activity_file(name)]
    if not names:
        why = f" ({archive.problems[0][0]}: {archive.problems[0][2]})" if archive.problems else ""
        what = f"{archive.path} holds no FIT, TCX or GPX file{why}."
        raise PayloadError(what, "Point the option path at your recordings.")
    seen = set[str]()
    try:
        for done, (name, digest) in enumerate(_all(archive, index, names, workers), start=1):
            if progress is not None:
                progress(done, len(names))
            if digest["activities"]:
                if digest["sha"] in seen:
                    continue
                seen.add(digest["sha"])
                # Here, not in the digest: a file that is renamed is not read again.
                digest = digest | {"activities": [{**row, "source_file": name} for row in digest["activities"]]}
            yield name, digest
    finally:
        index.save(set(names))


def _all(archive: Archive, index: Index, names: list[str], workers: int) -> Iterator[tuple[str, Digest]]:
    unread = []
    for name in names:
        digest = index.digest(archive.members[name])
        if digest is None:
            unread.append(name)
        else:
            yield name, digest
    for name, digest in digests(archive, unread, workers):
        if digest["sha"]:
            index.note(archive.members[name], digest["sha"], digest)
        yield name, digest


def find_session(
    archive: Archive, index: Index, id: str
) -> tuple[Session, dict[str, Any], tuple[tuple[str, str, str], ...]]:
    """Return the session an id means, its row of ACTIVITIES, and what is odd about its file, or raise NotFound."""
    for name, member in archive.members.items():
        sha = index.sha(member)
        if not is_activity_file(name) or len(id) < 16 or (sha is not None and not sha.startswith(id[:16])):
            continue
        try:
            data = archive.read(name)
        except PayloadError:
            continue  # the survey reports it
        sha = hashlib.sha256(data).hexdigest()
        index.note(member, sha)
        if not sha.startswith(id[:16]):
            continue
        recording = read_recording(data)
        problems = tuple((name, field, value) for field, value in recording.problems)
        for session in recording.sessions:
            row = activity_row(session, recording, sha)
            if row["id"] == id:
                return session, row | {"source_file": name}, problems
    raise NotFound(f"{archive.path} has no activity {id!r}.", "Take the id from a fresh list.", status=404)
