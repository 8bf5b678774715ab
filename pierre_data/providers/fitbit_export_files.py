"""Which files of a Fitbit archive hold what, and their rows (facts of November 2026)."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

from pierre_data.errors import ConfigurationError, PayloadError
from pierre_data.files import Archive, open_archive
from pierre_data.schema import Table
from pierre_data.spi import Field, Rows, read_rows

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


@dataclass(slots=True)
class Takeout:
    """An archive that was opened, (file, field, value) of what could not be read of it, and the athlete's zone."""

    archive: Archive
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    zone: dt.tzinfo | None = None

    def __enter__(self) -> Takeout:
        return self

    def __exit__(self, *_: object) -> None:
        self.archive.close()

    def read(self, items: Iterable[Mapping[str, Any]], wanted: Mapping[str, Field], table: Table) -> Rows:
        """Return rows with all that could not be read."""
        rows = read_rows(items, wanted, table)
        return replace(rows, rejected=(*dict.fromkeys(self.problems), *rows.rejected))

    def rows(self, *kinds: str, near: dt.datetime | None = None) -> list[Mapping[str, Any]]:
        """Return the rows of some kinds; of all files, or of those whose name has a date near a time."""
        return [row for name in self._named(kinds, near) for row in self._read(name, kinds)]

    def track(self, id: str) -> bytes | None:
        """Return the TCX file of a log, where the archive has one."""
        own = re.compile(rf"{re.escape(id)}\.tcx(\.gz)?")
        name = next((n for n in self.archive.members if own.fullmatch(PurePosixPath(n).name)), None)
        return None if name is None else self.archive.read(name)

    def _named(self, kinds: tuple[str, ...], near: dt.datetime | None) -> Iterator[str]:
        stored = any(kind in ANSWERS.values() for kind in kinds)
        for name in self.archive.members:
            own = PurePosixPath(name).name
            known = _kind_of(name)
            if known is None:
                wanted = stored and own.endswith(".json") and not _SERIES.fullmatch(own)
            else:
                wanted = known in kinds and (near is None or _close(own, near))
            if wanted:
                yield name

    def _read(self, name: str, kinds: tuple[str, ...]) -> list[Mapping[str, Any]]:
        try:
            text = self.archive.read(name).decode("utf-8-sig")
            if name.endswith(".csv"):
                return [{k: v or None for k, v in row.items() if k} for row in csv.DictReader(text.splitlines())]
            content = json.loads(text)
        except (PayloadError, ValueError, csv.Error, RecursionError) as error:
            self.problems.append((name, "file", str(error)[:80]))
            return []
        if _kind_of(name) is None:  # a stored answer of the Web API is an object
            content = content if isinstance(content, dict) else []
        if isinstance(content, dict):
            parts = [content[key] for key, kind in ANSWERS.items() if kind in kinds and key in content]
            content = [row for part in parts for row in (part if isinstance(part, list) else [part])]
        return [row for row in content if isinstance(row, Mapping)] if isinstance(content, list) else []


def _kind_of(name: str) -> str | None:
    """Return the kind of a file of Takeout by its name."""
    own = PurePosixPath(name).name
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(own)), None)


def open_takeout(options: Mapping[str, Any]) -> Takeout:
    """Return the archive at a path; ConfigurationError where it or its zone is none, PayloadError for a bad zip."""
    archive = open_archive(options["path"])
    takeout = Takeout(archive, list(archive.refused))
    name = options.get("timezone") or next((user.get("timezone") for user in takeout.rows("user")), None)
    if name:
        try:
            takeout.zone = ZoneInfo(str(name))
        except (ValueError, LookupError, OSError) as error:
            archive.close()
            fix = "Name one such as Europe/Zurich."
            raise ConfigurationError(f"There is no time zone {name!r}.", fix, provider="fitbit-export") from error
    return takeout


def _close(name: str, near: dt.datetime) -> bool:
    """Return whether a file's date is a time's own; the date is where its chunk begins, in UTC or local."""
    day = re.search(r"\d{4}-\d\d-\d\d", name)
    if not day:
        return True
    gap = near.date() - dt.date.fromisoformat(day[0])
    return dt.timedelta(days=-1) <= gap <= dt.timedelta(days=2)
