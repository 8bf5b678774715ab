"""Readers of the files analysts own: bytes and paths to rows, nothing on the network, nothing unpacked to disk."""

from pierre_data.files.archive import Archive, open_archive, rows_endpoint
from pierre_data.files.fit import EPOCH_S as FIT_EPOCH_S
from pierre_data.files.formats import read_recording
from pierre_data.files.index import Index, index_of
from pierre_data.files.library import find_session, survey
from pierre_data.files.recording import SECOND, Recording, Session
from pierre_data.files.session_columns import (
    ACTIVITY_COLUMNS,
    GEAR_COLUMNS,
    LAP_COLUMNS,
    STREAM_COLUMNS,
    columns_of,
    lap_columns,
    stream_columns,
)
from pierre_data.files.strava_archive import (
    STRAVA_ACTIVITY,
    STRAVA_IGNORED,
    STRAVA_TABLE,
    read_strava_archive,
    strava_gear,
)
from pierre_data.files.tcx import read_tcx

__all__ = [
    "ACTIVITY_COLUMNS",
    "FIT_EPOCH_S",
    "GEAR_COLUMNS",
    "LAP_COLUMNS",
    "SECOND",
    "STRAVA_ACTIVITY",
    "STRAVA_IGNORED",
    "STRAVA_TABLE",
    "STREAM_COLUMNS",
    "Archive",
    "Index",
    "Recording",
    "Session",
    "columns_of",
    "find_session",
    "index_of",
    "lap_columns",
    "open_archive",
    "read_recording",
    "read_strava_archive",
    "read_tcx",
    "rows_endpoint",
    "strava_gear",
    "stream_columns",
    "survey",
]
