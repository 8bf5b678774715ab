"""A folder or zip of recordings, read once and remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from pierre_data.errors import ConfigurationError, NotFound, PayloadError
from pierre_data.files.archive import Archive
from pierre_data.files.digest import Digest
from pierre_data.files.index import Index
from pierre_data.files.read import is_activity_file
from pierre_data.files.recording import SECOND, Session
from pierre_data.files.workers import digests

#: Columns a recording may give STREAMS, and LAPS.
STREAM_COLUMNS = tuple(
    """id elapsed_s time distance_m speed_mps heart_rate_bpm power_w cadence_rpm cadence_spm altitude_m
    latitude_deg longitude_deg temperature_c grade_pct moving breathing_rate_brpm ground_contact_time_ms
    vertical_oscillation_cm stride_length_m""".split()
)
LAP_COLUMNS = tuple(
    """id lap kind start_time elapsed_s moving_s distance_m elevation_gain_m elevation_loss_m energy_kcal
    average_speed_mps max_speed_mps average_heart_rate_bpm max_heart_rate_bpm average_power_w max_power_w
    normalized_power_w average_cadence_rpm average_cadence_spm""".split()
)

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


def columns_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows as columns: every name any row has, None where one has not, times as datetime64.

    Examples
    --------
    >>> columns_of([{"id": "a", "start_time": 1_000_000}, {"id": "b", "lap": 1, "start_time": 0}])
    {'id': ['a', 'b'], 'start_time': array(['1970-01-01T00:00:01.000000', '1970-01-01T00:00:00.000000'],
          dtype='datetime64[us]'), 'lap': [None, 1]}
    """
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in names}
    if "start_time" in columns:
        columns["start_time"] = np.array(
            ["NaT" if t is None else t for t in columns["start_time"]], dtype="datetime64[us]"
        )
    return columns


def stream_columns(session: Session, id: str) -> dict[str, Any]:
    """Return the samples of a session as columns of STREAMS, seconds counted from the session's start."""
    samples = session.samples
    columns: dict[str, Any] = {
        "id": [id] * len(samples.time),
        "elapsed_s": (samples.time - session.row["start_time"]) / SECOND,
        "time": samples.time.astype("datetime64[us]"),
        **samples.columns,
    }
    return columns if samples.moving is None else columns | {"moving": samples.moving}


def lap_columns(session: Session, id: str) -> dict[str, Any]:
    """Return the laps of a session as columns of LAPS."""
    return columns_of({"id": id, **lap} for lap in session.laps)
