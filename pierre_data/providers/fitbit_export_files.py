"""Which files of a Fitbit archive hold what, and their rows (facts of November 2026)."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

from pierre_data.errors import ConfigurationError
from pierre_data.files import Archive
from pierre_data.spi import Query, objects

#: Kind -> name of its files.  Takeout's folders are named in the athlete's language: files are known by their own name.
FILES = {
    "exercises": r"UserExercises_.*\.csv", "sleeps": r"UserSleeps_.*\.csv", "stages": r"UserSleepStages_.*\.csv",
    "scores": r"(UserSleepScores_.*|sleep_score)\.csv", "hrv": r"Daily Heart Rate Variability Summary.*\.csv",
    "breath": r"Daily Respiratory Rate Summary.*\.csv", "oxygen": r"Daily SpO2.*\.csv",
    "activities": r"exercise-\d+\.json", "sleep": r"sleep-\d{4}-\d\d-\d\d\.json", "weight": r"weight-.*\.json",
    "resting": r"resting_heart_rate-.*\.json", "vo2": r"demographic_vo2_max-.*\.json",
    "beats": r"heart_rate-.*\.json", "places": r"gps_location_.*\.csv",
}  # fmt: skip
#: Top-level key of a stored answer of the Web API -> what it holds.
ANSWERS = {
    "activities": "activities", "sleep": "sleep", "hrv": "hrvs", "br": "br", "spo2": "spo2", "tempSkin": "skin",
    "activities-heart": "heart", "weight": "weight", "cardioScore": "vo2", "user": "user",
}  # fmt: skip
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in FILES.items()}
_SERIES = re.compile(r"[a-z_]+-\d{4}-\d\d-\d\d\.json")  # Takeout's hundreds of series that no table holds


def rows_of(archive: Archive, *kinds: str, near: dt.datetime | None = None) -> list[Mapping[str, Any]]:
    """Return the rows of some kinds; of all files, or of those whose name has a date near a time."""
    rows: list[Mapping[str, Any]] = []
    keys = [key for key, kind in ANSWERS.items() if kind in kinds]
    for path in archive.members:
        name = PurePosixPath(path).name
        known = next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(name)), None)
        if known is not None:
            wanted = known in kinds and (near is None or _close(name, near))
        else:
            wanted = bool(keys) and name.endswith(".json") and not _SERIES.fullmatch(name)
        content = archive.decode(path, _table if name.endswith(".csv") else json.loads) if wanted else None
        if isinstance(content, dict):
            parts = [content[key] for key in keys if key in content]
            rows += objects([row for part in parts for row in (part if isinstance(part, list) else [part])])
        elif known is not None:  # a stored answer of the Web API is an object
            rows += objects(content)
    return rows


def zone_of(archive: Archive, query: Query) -> dt.tzinfo | None:
    """Return the time zone of the option, or of the athlete's profile; ConfigurationError if it is none."""
    name = query.options.get("timezone") or next((user.get("timezone") for user in rows_of(archive, "user")), None)
    try:
        return ZoneInfo(str(name)) if name else None
    except (ValueError, LookupError, OSError) as error:
        what, fix = f"There is no time zone {name!r}.", "Name one such as Europe/Zurich."
        raise ConfigurationError(what, fix, provider="fitbit-export") from error


def track_of(archive: Archive, id: str) -> bytes | None:
    """Return the TCX file of a log, where the archive has one."""
    own = re.compile(rf"{re.escape(id)}\.tcx(\.gz)?")
    name = next((n for n in archive.members if own.fullmatch(PurePosixPath(n).name)), None)
    return None if name is None else archive.read(name)


def _table(data: bytes) -> list[dict[str, Any]]:
    lines = data.decode("utf-8-sig").splitlines()
    return [{k: v or None for k, v in row.items() if k} for row in csv.DictReader(lines)]


def _close(name: str, near: dt.datetime) -> bool:
    """Return whether a file's date is a time's own; the date is where its chunk begins, in UTC or local."""
    day = re.search(r"\d{4}-\d\d-\d\d", name)
    if not day:
        return True
    gap = near.date() - dt.date.fromisoformat(day[0])
    return dt.timedelta(days=-1) <= gap <= dt.timedelta(days=2)
