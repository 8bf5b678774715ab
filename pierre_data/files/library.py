"""A folder or zip of recordings, read once and remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator

from pierre_data.errors import NotFound, PayloadError
from pierre_data.files.archive import Archive
from pierre_data.files.formats import is_activity_file
from pierre_data.files.index import Digest, Index
from pierre_data.files.workers import digests

#: Called with the number of files read so far, and of all.
Progress = Callable[[int, int], None]


def survey(
    archive: Archive, index: Index, *, workers: int = 0, progress: Progress | None = None
) -> Generator[tuple[str, Digest], None, None]:
    """Yield name and digest of every recording, read if new or changed; a second copy of activities is left out.

    The index is brought up to date, also when this is stopped early.  PayloadError: no FIT, TCX or GPX file at all."""
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


def locate(archive: Archive, index: Index, id: str) -> str:
    """Return the name of the file an activity is in, or raise NotFound; files are hashed, not read, to know it."""
    for name, member in archive.members.items():
        if not is_activity_file(name):
            continue
        sha = index.sha(member)
        if sha is None:
            try:
                sha = hashlib.sha256(archive.read(name)).hexdigest()
            except PayloadError:
                continue  # the survey reports it
            index.note(member, sha)
        if sha.startswith(id[:16]) and len(id) >= 16:
            return name
    raise NotFound(f"{archive.path} has no activity {id!r}.", "Take the id from a fresh list.", status=404)
