"""What is kept of a file: its rows, so that it is read once and not again until it changes."""

from __future__ import annotations

import hashlib
from typing import Any

from pierre_data.errors import ConfigurationError, PayloadError
from pierre_data.files.archive import Archive
from pierre_data.files.read import read_recording
from pierre_data.files.recording import Recording, Session

#: Plain JSON: ``sha``, ``activities``, ``devices``, ``problems``; or ``error`` alone, which ends the whole reading.
Digest = dict[str, Any]


def digest(archive: Archive, name: str) -> Digest:
    """Read one file of an archive.

    Parameters
    ----------
    archive : Archive
        Where it is.
    name : str
        Which.

    Returns
    -------
    dict
        A file that cannot be read has problems and no activities; it never raises, so that one of ten thousand
        does not cost the others.
    """
    sha = ""
    try:
        data = archive.read(name)
        sha = hashlib.sha256(data).hexdigest()
        recording = read_recording(data)
    except ConfigurationError as error:
        return {"error": [error.what, error.fix]}
    except PayloadError as error:
        return {"sha": sha, "activities": [], "devices": [], "problems": [[error.field or "file", error.what]]}
    except Exception as error:  # noqa: BLE001 - a reader's bug on one file is that file's problem, and is reported
        text = f"the reader failed: {type(error).__name__}: {error}"[:200]
        return {"sha": sha, "activities": [], "devices": [], "problems": [["file", text]]}
    return {
        "sha": sha,
        "activities": [activity_row(session, recording, sha) for session in recording.sessions],
        "devices": recording.devices,
        "problems": [list(problem) for problem in recording.problems],
    }


def activity_row(session: Session, recording: Recording, sha: str) -> dict[str, Any]:
    """Return a session's columns of ACTIVITIES with its id and links.

    The id is the first 16 hex digits of the content's SHA-256, and ``-1``, ``-2`` ... where a file has several
    sessions; a container has the bare one.  `external_id` holds ``sha256:`` of the content, with the same ending,
    and the link of the session.
    """
    ending = _endings(recording)[recording.sessions.index(session)]
    links = [f"sha256:{sha}{ending}", session.link]
    return {**session.row, "id": sha[:16] + ending, "external_id": " ".join(filter(None, links))}


def session_of(recording: Recording, id: str) -> Session | None:
    """Return the session an id of `activity_row` means."""
    return next((s for s, e in zip(recording.sessions, _endings(recording), strict=True) if id[16:] == e), None)


def _endings(recording: Recording) -> list[str]:
    sessions = recording.sessions
    if len(sessions) == 1:
        return [""]
    alone = sum(s.container for s in sessions) == 1
    numbers = iter(range(1, len(sessions) + 1))
    return ["" if s.container and alone else f"-{next(numbers)}" for s in sessions]
