"""Strava's archive of an account: activities.csv, the gear, and where the recordings are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from pierre_data.errors import PayloadError
from pierre_data.files.archive import Archive
from pierre_data.files.recording import SECOND, filled
from pierre_data.files.records_csv import Sheet, read_sheet
from pierre_data.files.samples import on_foot
from pierre_data.files.strava_words import COLUMNS, GERMAN, LANGUAGES, SPORTS, read_date
from pierre_data.schema import FAMILY

#: The file everything hangs on.
STRAVA_TABLE = "activities.csv"
_NEEDED = ("Activity ID", "Activity Date", "Activity Type", "Elapsed Time")
# Column of ACTIVITIES -> column of the archive; of a repeated name the second one counts, then the first.
NUMBERS: Mapping[str, str] = dict(
    pair.split("=")
    for pair in """elapsed_s=Elapsed Time|moving_s=Moving Time|elevation_gain_m=Elevation Gain
|elevation_loss_m=Elevation Loss|min_altitude_m=Elevation Low|max_altitude_m=Elevation High|max_speed_mps=Max Speed
|average_speed_mps=Average Speed|max_heart_rate_bpm=Max Heart Rate|average_heart_rate_bpm=Average Heart Rate
|max_power_w=Max Watts|average_power_w=Average Watts|normalized_power_w=Weighted Average Power
|energy_kcal=Calories|relative_effort=Relative Effort|perceived_exertion=Perceived Exertion
|steps=Total Steps|wind_speed_mps=Wind Speed""".replace("\n", "").split("|")
)
# What is read in other ways.
_OTHERS = """Activity ID|Activity Date|Activity Type|Activity Name|Distance|Commute|Activity Gear|Filename|Max Cadence
|Average Cadence|Average Temperature|Weather Temperature|Humidity|Total Work""".replace("\n", "").split("|")
#: Columns of the archive that are not in our tables, or said better elsewhere in the row.
STRAVA_IGNORED = tuple(dict.fromkeys(name for name in COLUMNS if name not in {*NUMBERS.values(), *_OTHERS}))


def read_strava_archive(archive: Archive) -> list[dict[str, Any]]:
    """Return columns of ACTIVITIES from activities.csv; cells that cannot be read and unknown sports are problems.

    Raises PayloadError where there is no such table, in an unknown language, or without a needed column.
    """
    place = table_name(archive, STRAVA_TABLE)
    if place is None:
        raise PayloadError(f"{archive.path} holds no {STRAVA_TABLE}.", "Point path at the archive as Strava sent it.")
    sheet, rows = read_sheet(archive.read(place), place), list[dict[str, Any]]()
    archive.problems += [(f"line {at}", "columns", text) for at, text in sheet.broken]
    names = _names(sheet, place)
    for cells in sheet.rows:
        texts = dict(zip(names, (c.strip() for c in cells), strict=True))
        try:
            row = _row(texts)
        except _Unreadable as error:
            archive.problems.append((texts["Activity ID"] or "?", *error.args))
            continue
        if SPORTS.sport(texts["Activity Type"]) is None:
            unknown = f"{texts['Activity Type'][:60]!r} is not known, kept as other"
            archive.problems.append((row["id"], "sport", unknown))
        if row["source_file"]:
            row["source_file"] = str(PurePosixPath(place).parent / row["source_file"])
        rows.append(filled(row))
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


class _Unreadable(Exception):
    """A cell that must be read and cannot: its column and text."""


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


def _row(texts: Mapping[str, str]) -> dict[str, Any]:
    def read(name: str) -> float | None:
        text = texts.get(f"{name}.1") or texts.get(name)
        return _cell(name, text, _number) if text else None

    word, id = texts["Activity Type"], texts["Activity ID"]
    if not id.isdigit():
        raise _Unreadable("Activity ID", id[:80])
    sport, exercise = SPORTS.sport(word) or ("other", True)
    start = _cell("Activity Date", texts["Activity Date"], read_date)
    row: dict[str, Any] = {"id": id, "external_id": f"strava:{id}", "name": texts.get("Activity Name") or None}
    row |= {"sport": sport, "sport_raw": word or None, "is_exercise": exercise}
    row |= {"start_time": int(start.timestamp()) * SECOND}
    row |= {column: read(name) for column, name in NUMBERS.items()}
    if row["elapsed_s"] is None:
        raise _Unreadable("Elapsed Time", "missing")
    feet, kind = on_foot(sport), "spm" if on_foot(sport) else "rpm"
    for ours, theirs in (("average", "Average"), ("max", "Max")):
        cadence = read(f"{theirs} Cadence")  # of one foot
        row[f"{ours}_cadence_{kind}"] = None if cadence is None else cadence * (2 if feet else 1)
    warmth, humidity = read("Average Temperature"), read("Humidity")
    row["temperature_c"] = read("Weather Temperature") if warmth is None else warmth
    row["humidity_pct"] = None if humidity is None else humidity * (100 if humidity <= 1 else 1)
    row |= {"distance_m": _distance(texts, sport), "work_kj": _work(row, read("Total Work")), **_marks(texts)}
    row["indoor"] = True if sport in ("virtual_ride", "virtual_run", "indoor_row") else None
    return row


def _marks(texts: Mapping[str, str]) -> dict[str, Any]:
    file = texts.get("Filename", "")
    upload = re.search(r"(\d+)\.[a-z.]+$", file.lower())
    race, long = (_flag(texts.get(n)) for n in ("Competition", "Long Run"))
    return {
        "source_file": file.replace("\\", "/") or None,
        "manual": not file,
        "has_gps": None if file else False,
        "commute": _flag(texts.get("Commute.1") or texts.get("Commute")),
        "race": race,
        "workout_kind": "race" if race else "long_run" if long else None,
        "gear_id": texts.get("Activity Gear") or None,
        # The number in the file's name is the upload's, not the activity's.
        "upload_id": upload[1] if upload else None,
    }


def _distance(texts: Mapping[str, str], sport: str) -> float | None:
    if texts.get("Distance.1"):
        return _cell("Distance", texts["Distance.1"], _number) or None
    shown = texts.get("Distance")
    if not shown:
        return None
    # Rounded, in kilometres; swims and rows are in metres.
    metres = FAMILY[sport] == "swim" or sport in ("row", "indoor_row")
    return _cell("Distance", shown, _number) * (1 if metres else 1000) or None


def _work(row: Mapping[str, Any], total: float | None) -> float | None:
    """Return kilojoules; whether the archive writes joules shows against power and time, else it is unknown."""
    power, seconds = row.get("average_power_w"), row.get("moving_s")
    if not total or not power or not seconds:
        return None
    ratio = total / (power * seconds)
    return total / 1000 if 0.8 < ratio < 1.25 else total if 0.0008 < ratio < 0.00125 else None


def _cell(name: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise _Unreadable(name, text[:80]) from None


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


_SHORTEST = {"Activity ID": "1", "Activity Date": "2026-11-01 12:00:00", "Elapsed Time": "1"}
#: Columns a row of the archive may give ACTIVITIES, on foot and on wheels.
STRAVA_COLUMNS = (
    *(_row(_SHORTEST | {"Activity Type": "Run"}) | _row(_SHORTEST | {"Activity Type": "Ride"})),
    "sport_family",
)
