"""A folder or zip of recordings, read once and remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator

from pierre_data.errors import ConfigurationError, NotFound, PayloadError
from pierre_data.files.archive import Archive
from pierre_data.files.digest import Digest
from pierre_data.files.index import Index
from pierre_data.files.read import is_activity_file
from pierre_data.files.workers import digests

#: Called with the number of files read so far, and of all.
Progress = Callable[[int, int], None]


def survey(
    archive: Archive, index: Index, *, workers: int = 0, progress: Progress | None = None
) -> Generator[tuple[str, Digest], None, None]:
    """Read every recording that is new or changed, and recall the others.

    Parameters
    ----------
    archive : Archive
        Where they are.
    index : Index
        What was read before; it is brought up to date, also when this is stopped early.
    workers : int
        As in `digests`.
    progress : callable, optional
        Told after each file.

    Yields
    ------
    (str, dict)
        Name and digest.  A second copy of a content is left out: it is the same activity.

    Raises
    ------
    PayloadError
        There is no FIT, TCX or GPX file.
    ConfigurationError
        There is a FIT file and fitdecode is not installed.
    """
    names = [name for name in archive.members if is_activity_file(name)]
    if not names:
        why = f" ({archive.refused[0][0]}: {archive.refused[0][2]})" if archive.refused else ""
        raise PayloadError(
            f"{archive.path} holds no FIT, TCX or GPX file{why}.", "Point the option path at your recordings."
        )
    done, seen = 0, set[str]()
    try:
        for name, found in _all(archive, index, names, workers):
            done += 1
            if progress is not None:
                progress(done, len(names))
            if not found["sha"] or found["sha"] not in seen:
                seen.add(found["sha"])
                yield name, found
    finally:
        index.save(set(names))


def _all(archive: Archive, index: Index, names: list[str], workers: int) -> Iterator[tuple[str, Digest]]:
    unread = []
    for name in names:
        found = index.digest(archive.members[name])
        if found is None:
            unread.append(name)
        else:
            yield name, found
    for name, found in digests(archive, unread, workers):
        if "error" in found:
            raise ConfigurationError(*found["error"])
        if found["sha"]:
            index.note(archive.members[name], found["sha"], found)
        yield name, found


def locate(archive: Archive, index: Index, id: str) -> str:
    """Return the name of the file an activity is in.

    Files are hashed, not read, to find it.

    Raises
    ------
    NotFound
        No file has that content.
    """
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
