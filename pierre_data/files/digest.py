"""What is remembered of a file: its rows, so that it is read once and not again until it changes."""

from __future__ import annotations

import hashlib
from typing import Any

from pierre_data.errors import ConfigurationError, PayloadError
from pierre_data.files.archive import Archive
from pierre_data.files.columns import activity_row
from pierre_data.files.formats import read_recording

#: Plain JSON: ``sha``, ``activities``, ``devices``, ``problems``.  Without a ``sha`` it is not remembered.
Digest = dict[str, Any]


def digest(archive: Archive, name: str) -> Digest:
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
