"""What kind of file bytes are, and what they hold."""

from __future__ import annotations

import re

from pierre_data.errors import PayloadError
from pierre_data.files.fit_rows import read_fit
from pierre_data.files.gpx import read_gpx
from pierre_data.files.recording import Recording
from pierre_data.files.tcx import read_tcx

#: Endings of files that are looked at, each with or without .gz.
SUFFIXES = (".fit", ".tcx", ".gpx")


def is_activity_file(name: str) -> bool:
    """Return whether a file is looked at, by its name."""
    return name.lower().removesuffix(".gz").endswith(SUFFIXES)


def read_recording(data: bytes) -> Recording:
    """Read a FIT, TCX or GPX file, not compressed, by its content; PayloadError for all else, and for attacks."""
    if data[8:12] == b".FIT":
        return read_fit(data)
    head = data[:4096].replace(b"\0", b"")  # UTF-16 keeps its letters
    root = re.search(rb"<(?:[\w.-]+:)?(gpx|TrainingCenterDatabase)[\s>/]", head)
    if root is None and b"<!DOCTYPE" in head:
        return read_gpx(data)  # refuses it with the reason
    if root is None:
        raise PayloadError("This is neither FIT, TCX nor GPX.", "Leave the file out.", field="file")
    return read_gpx(data) if root[1] == b"gpx" else read_tcx(data)
