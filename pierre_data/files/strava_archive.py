"""Strava's archive of an account: activities.csv, the gear, and where the recordings are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from pierre_data.errors import PayloadError
from pierre_data.files.archive import Archive
from pierre_data.files.records_csv import Sheet, read_sheet
from pierre_data.files.samples import on_foot
from pierre_data.files.strava_words import COLUMNS, GERMAN, LANGUAGES, SPORTS, read_date
from pierre_data.schema import FAMILY
from pierre_data.spi import Field

#: The file everything hangs on.
STRAVA_TABLE = "activities.csv"
_NEEDED = ("Activity ID", "Activity Date", "Activity Type", "Elapsed Time")
# Column of ACTIVITIES -> column of the archive.
_NUMBERS: Mapping[str, str] = dict(
    pair.split("=")
    for pair in """elapsed_s=Elapsed Time|moving_s=Moving Time|elevation_gain_m=Elevation Gain
|elevation_loss_m=Elevation Loss|min_altitude_m=Elevation Low|max_altitude_m=Elevation High|max_speed_mps=Max Speed
|average_speed_mps=Average Speed|max_heart_rate_bpm=Max Heart Rate|average_heart_rate_bpm=Average Heart Rate
|max_power_w=Max Watts|average_power_w=Average Watts|normalized_power_w=Weighted Average Power
|energy_kcal=Calories|relative_effort=Relative Effort|perceived_exertion=Perceived Exertion
|steps=Total Steps|wind_speed_mps=Wind Speed""".replace("\n", "").split("|")
)


def read_strava_archive(archive: Archive) -> list[dict[str, Any]]:
    """Return the rows of activities.csv by their English names; of a repeated name the second counts, then the first.

    ``file`` is the name of the recording in the archive, ``Distance shown`` the first distance.  Raises PayloadError
    where there is no such table, in an unknown language, or without a needed column.
    """
    place = table_name(archive, STRAVA_TABLE)
    if place is None:
        raise PayloadError(f"{archive.path} holds no {STRAVA_TABLE}.", "Point path at the archive as Strava sent it.")
    sheet, rows = read_sheet(archive.read(place), place), list[dict[str, Any]]()
    archive.problems += [(f"line {at}", "columns", text) for at, text in sheet.broken]
    names = _names(sheet, place)
    for cells in sheet.rows:
        texts = {name: cell.strip() or None for name, cell in zip(names, cells, strict=True)}
        row = texts | {name.removesuffix(".1"): text for name, text in texts.items() if text and name.endswith(".1")}
        row |= {name: row[name] or "" for name in _NEEDED}  # what is empty there cannot be read
        file = (texts.get("Filename") or "").replace("\\", "/")
        row |= {"Filename": file, "file": str(PurePosixPath(place).parent / file) if file else None}
        rows.append(row | {"Distance": texts.get("Distance.1"), "Distance shown": texts.get("Distance")})
    return rows


def table_name(archive: Archive, name: str) -> str | None:
    """Return where a table of the archive is: in its root, or in the folder someone packed it in."""
    named = [member for member in archive.members if PurePosixPath(member).name == name]
    return min(named, key=lambda member: (member.count("/"), member), default=None)


def strava_gear(archive: Archive) -> list[dict[str, Any]]:
    """Return bikes and shoes as columns of GEAR; the archive has no ids of them, so their names are the ids."""
    rows = []
    for name, kind in (("bikes.csv", "bike"), ("shoes.csv", "shoes")):
        place = table_name(archive, name)
        if place is None:
            continue
        for cells in read_sheet(archive.read(place), place).rows:
            label, brand, model = ([c.strip() for c in cells] + ["", "", ""])[:3]
            id = label or f"{brand} {model}".strip()
            if id:
                row = {"id": id, "kind": kind, "name": label, "brand": brand, "model": model}
                rows.append({column: text or None for column, text in row.items()})
    return rows


def _names(sheet: Sheet, place: str) -> list[str]:
    """Return the columns' English names; the second of a repeated name has ``.1`` after it."""
    language = LANGUAGES.get(sheet.header[0])
    if language is not None:
        names = [GERMAN.get(h, h) if language == "German" else h for h in sheet.header]
    elif _proven(sheet):
        names = [*COLUMNS, *sheet.header[len(COLUMNS) :]]
    else:
        what = f"The header of {place} is in no language known: {', '.join(sheet.header[:6])} ..."
        fix = f"Known are {' and '.join(LANGUAGES.values())}; switch the account's language and export again."
        raise PayloadError(what, fix, path=place, field="header", value=sheet.header[0])
    names = [n if n not in names[:at] else f"{n}.1" for at, n in enumerate(names)]
    missing = next((n for n in _NEEDED if n not in names), None)
    if missing:
        what = f"{place} has {len(names)} columns and no {missing!r}: {', '.join(sheet.header[:6])} ..."
        raise PayloadError(what, "Take the file as exported.", path=place, field="header", value=missing)
    return names


def _proven(sheet: Sheet) -> bool:
    """Return whether a header in an unknown language stands over the columns of today, by what is below it."""
    if len(sheet.header) < len(COLUMNS) or not sheet.rows:
        return False
    for row in sheet.rows[:50]:
        try:
            read_date(row[1])
            same = not row[15] or _number(row[5]) == _number(row[15])
        except ValueError:
            return False
        if not (row[0].isdigit() and same and (not row[12] or row[12].startswith("activities/"))):
            return False
    return True


def _id(text: str) -> str:
    if not text.isdigit():
        raise ValueError("no id")
    return text


def _sport(word: str) -> str:
    return (SPORTS.sport(word) or ("other", True))[0]


def _cadence(foot: bool) -> Callable[[str | None, str], float | None]:
    def read(text: str | None, word: str) -> float | None:
        return _number(text) * (2 if foot else 1) if text and on_foot(_sport(word)) is foot else None  # of one foot

    return read


def _distance(text: str | None, shown: str | None, word: str) -> float | None:
    if text or not shown:
        return _number(text or "0") or None
    # Rounded, in kilometres; swims and rows are in metres.
    sport = _sport(word)
    return _number(shown) * (1 if FAMILY[sport] == "swim" or sport in ("row", "indoor_row") else 1000) or None


def _work(*texts: str | None) -> float | None:
    """Return kilojoules; whether the archive writes joules shows against power and time, else it is unknown."""
    total, power, seconds = (_number(text or "0") for text in texts)
    ratio = total / (power * seconds) if power and seconds else 0.0
    return total / 1000 if 0.8 < ratio < 1.25 else total if 0.0008 < ratio < 0.00125 else None


def _share(text: str) -> float:
    share = _number(text)
    return share * (100 if share <= 1 else 1)


def _number(text: str) -> float:
    """Read a number with a decimal point or comma; of two separators the last is the decimal one."""
    plain = text.replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
    point, comma = plain.rfind("."), plain.rfind(",")
    if comma > point:
        plain = plain.replace(".", "").replace(",", ".")
    elif comma >= 0:
        plain = plain.replace(",", "")
    number = float(plain)
    if number - number != 0:
        raise ValueError("neither NaN nor infinite")
    return number


def _flag(text: str | None) -> bool | None:
    word = (text or "").casefold()
    if word in ("true", "1", "1.0", "1,0", "wahr"):
        return True
    return False if word in ("false", "0", "0.0", "0,0", "falsch") else None


def _kind(competition: str | None, long: str | None) -> str | None:
    return "race" if _flag(competition) else "long_run" if _flag(long) else None


def _upload(file: str) -> str | None:
    # The number in the file's name is the upload's, not the activity's.
    number = re.search(r"(\d+)\.[a-z.]+$", file.lower())
    return number[1] if number else None


#: Columns of ACTIVITIES in a row of `read_strava_archive`.
STRAVA_ACTIVITY: Mapping[str, Field] = {
    **{column: Field(name, via=_number) for column, name in _NUMBERS.items()},
    "id": Field("Activity ID", via=_id),
    "external_id": Field("Activity ID", via="strava:{}".format),
    "name": Field("Activity Name"),
    "sport": Field("Activity Type", via=SPORTS),
    "start_time": Field("Activity Date", via=read_date),
    "distance_m": Field("Distance", "Distance shown", "Activity Type", via=_distance),
    "average_cadence_spm": Field("Average Cadence", "Activity Type", via=_cadence(True)),
    "average_cadence_rpm": Field("Average Cadence", "Activity Type", via=_cadence(False)),
    "max_cadence_spm": Field("Max Cadence", "Activity Type", via=_cadence(True)),
    "max_cadence_rpm": Field("Max Cadence", "Activity Type", via=_cadence(False)),
    "work_kj": Field("Total Work", "Average Watts", "Moving Time", via=_work),
    "temperature_c": Field(
        "Average Temperature", "Weather Temperature", via=lambda *t: _number(t[0] or t[1]) if any(t) else None
    ),
    "humidity_pct": Field("Humidity", via=_share),
    "indoor": Field("Activity Type", via=lambda w: _sport(w) in ("virtual_ride", "virtual_run", "indoor_row") or None),
    "source_file": Field("file"),
    "upload_id": Field("Filename", via=_upload),
    "manual": Field("Filename", via=lambda file: not file),
    "has_gps": Field("Filename", via=lambda file: None if file else False),
    "commute": Field("Commute", via=_flag),
    "race": Field("Competition", via=_flag),
    "workout_kind": Field("Competition", "Long Run", via=_kind),
    "gear_id": Field("Activity Gear"),
}
_READ = {path for item in STRAVA_ACTIVITY.values() for path in item.paths}
#: Columns of the archive that are not in our tables, or said better elsewhere in the row.
STRAVA_IGNORED = tuple(dict.fromkeys(name for name in COLUMNS if name not in _READ))
