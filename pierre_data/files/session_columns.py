"""What recordings give the tables: which columns, and rows turned into columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pierre_data.files.fit_fields import RECORDS, SESSION, SUMMARY
from pierre_data.files.recording import SECOND, Recording, Session

_CADENCE = ("average_cadence_rpm", "average_cadence_spm")
#: Columns a recording may give ACTIVITIES, STREAMS, LAPS and GEAR: FIT's, which are the most, and what is worked out.
ACTIVITY_COLUMNS = (
    *SESSION,
    *_CADENCE,
    *"""max_cadence_rpm max_cadence_spm steps id external_id name sport sport_raw sport_family is_exercise start_time
    start_time_local utc_offset_s manual indoor has_gps device source_file""".split(),
)
STREAM_COLUMNS = ("id", "elapsed_s", "time", "moving", *RECORDS, "cadence_rpm", "cadence_spm")
LAP_COLUMNS = ("id", "lap", "kind", "start_time", *SUMMARY, *_CADENCE)
GEAR_COLUMNS = ("id", "kind", "name", "brand", "model", "serial")


def activity_row(session: Session, recording: Recording, sha: str) -> dict[str, Any]:
    """Return a session's columns of ACTIVITIES with its id and links.

    The id is the start of the content's SHA-256, and ``-1``, ``-2`` ... of several; a container has none.
    """
    sessions, ending = recording.sessions, ""
    alone = sum(s.container for s in sessions) == 1
    if len(sessions) > 1 and not (session.container and alone):
        numbered = [s for s in sessions if not (s.container and alone)]
        ending = f"-{next(at for at, s in enumerate(numbered, 1) if s is session)}"
    links = [f"sha256:{sha}{ending}", session.link]
    return {**session.row, "id": sha[:16] + ending, "external_id": " ".join(filter(None, links))}


def columns_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows as columns: every name any row has, None where one has not, times as datetime64."""
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in names}
    if "start_time" in columns:
        times = ["NaT" if t is None else t for t in columns["start_time"]]
        columns["start_time"] = np.array(times, dtype="datetime64[us]")
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
