"""What is kept of a file: its rows, so that it is read once and not again until it changes."""

from __future__ import annotations

import hashlib
from typing import Any

from pierre_data.errors import ConfigurationError, PayloadError
from pierre_data.files.archive import Archive
from pierre_data.files.columns import activity_row
from pierre_data.files.read import read_recording

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
