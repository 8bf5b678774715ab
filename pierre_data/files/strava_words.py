"""The words of Strava's archive: its columns, its languages, its sports, its dates."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

from pierre_data.spi import Sports

#: The header of November 2026; columns are added at the end.  The second of a repeated name is SI and precise.
COLUMNS = tuple(
    """Activity ID|Activity Date|Activity Name|Activity Type|Activity Description|Elapsed Time|Distance|Max Heart Rate
|Relative Effort|Commute|Activity Private Note|Activity Gear|Filename|Athlete Weight|Bike Weight|Elapsed Time
|Moving Time|Distance|Max Speed|Average Speed|Elevation Gain|Elevation Loss|Elevation Low|Elevation High|Max Grade
|Average Grade|Average Positive Grade|Average Negative Grade|Max Cadence|Average Cadence|Max Heart Rate
|Average Heart Rate|Max Watts|Average Watts|Calories|Max Temperature|Average Temperature|Relative Effort|Total Work
|Number of Runs|Uphill Time|Downhill Time|Other Time|Perceived Exertion|Type|Start Time|Weighted Average Power
|Power Count|Prefer Perceived Exertion|Perceived Relative Effort|Commute|Total Weight Lifted|From Upload
|Grade Adjusted Distance|Weather Observation Time|Weather Condition|Weather Temperature|Apparent Temperature|Dewpoint
|Humidity|Weather Pressure|Wind Speed|Wind Gust|Wind Bearing|Precipitation Intensity|Sunrise Time|Sunset Time
|Moon Phase|Bike|Gear|Precipitation Probability|Precipitation Type|Cloud Cover|Weather Visibility|UV Index
|Weather Ozone|Jump Count|Total Grit|Average Flow|Flagged|Average Elapsed Speed|Dirt Distance|Newly Explored Distance
|Newly Explored Dirt Distance|Activity Count|Total Steps|Carbon Saved|Pool Length|Training Load|Intensity
|Average Grade Adjusted Pace|Timer Time|Total Cycles|Media""".replace("\n", "").split("|")
)

#: First cell of the header -> the account's language.
LANGUAGES = {"Activity ID": "English", "Aktivitäts-ID": "German"}

#: German name -> English name, for the columns that are read (real exports of German accounts, 2024 to 2026).
GERMAN = dict(
    pair.split("=")
    for pair in """Aktivitäts-ID=Activity ID|Aktivitätsdatum=Activity Date|Name der Aktivität=Activity Name
|Aktivitätsart=Activity Type|Verstrichene Zeit=Elapsed Time|Distanz=Distance|Max. Herzfrequenz=Max Heart Rate
|Relative Leistung=Relative Effort|Pendeln=Commute|Aktivitätsausrüstung=Activity Gear|Dateiname=Filename
|Bewegungszeit=Moving Time|Höchstgeschw.=Max Speed|Durchschnittliche Geschwindigkeit=Average Speed
|Höhenzunahme=Elevation Gain|Höhenunterschied=Elevation Loss|Min. Höhe=Elevation Low|Max. Höhe=Elevation High
|Max. Tritt-/Schrittfrequenz=Max Cadence|Durchschnittliche Trittfrequenz=Average Cadence
|Durchschnittliche Herzfrequenz=Average Heart Rate|Max. Watt=Max Watts|Durchschnittliche Watt=Average Watts
|Kalorien=Calories|Durchschnittliche Temperatur=Average Temperature|Gesamtarbeit=Total Work
|Gefühlte Anstrengung=Perceived Exertion|Gewichtete durchschnittliche Leistung=Weighted Average Power
|Wetter: Temperatur=Weather Temperature|Luftfeuchtigkeit=Humidity|Windgeschwindigkeit=Wind Speed
|Schritte insgesamt=Total Steps|Wettbewerb=Competition|Langer Lauf=Long Run""".replace("\n", "").split("|")
)

#: The display words of the sport types of June 2026, and German ones; other languages come as other, and reported.
SPORTS = Sports.table(
    """Alpine+Ski=alpine_ski Backcountry+Ski=backcountry_ski Badminton Basketball Canoeing=canoe Canoe=canoe Cricket
    Crossfit Dance E-Bike+Ride=ebike Elliptical E-Mountain+Bike+Ride=emtb Golf Gravel+Ride=gravel_ride Handcycle Hike
    High+Intensity+Interval+Training=hiit HIIT Ice+Skate=ice_skate Inline+Skate=inline_skate Kayaking=kayak
    Kayak=kayak Kitesurf Mountain+Bike+Ride=mountain_bike Nordic+Ski=nordic_ski Padel Physical+Therapy=physical_therapy
    Pickleball Pilates Racquetball Ride Rock+Climbing=rock_climb Rock+Climb=rock_climb Roller+Ski=roller_ski Rowing=row
    Row Run Sail Skateboard Snowboard Snowshoe Soccer Football+(Soccer)=soccer Squash Stair-Stepper=stair
    Stair+Stepper=stair Stand+Up+Paddling=sup Surfing=surf Surf Swim Table+Tennis=table_tennis Tennis
    Trail+Run=trail_run Velomobile=ride Virtual+Ride=virtual_ride Virtual+Row=indoor_row Virtual+Rowing=indoor_row
    Virtual+Run=virtual_run Volleyball Walk Weight+Training=strength Wheelchair Windsurf Workout Yoga
    Lauf=run Radfahrt=ride Schwimmen=swim Wanderung=hike Spaziergang=walk Virtuelle+Radfahrt=virtual_ride
    Virtueller+Lauf=virtual_run Traillauf=trail_run E-Bike-Fahrt=ebike Mountainbike-Fahrt=mountain_bike
    Gravel-Fahrt=gravel_ride Krafttraining=strength Rudern=row Inlineskaten=inline_skate Langlauf=nordic_ski
    Ski+Alpin=alpine_ski"""
)

# First letters of month names without accents, in English, German, French, Spanish, Italian, Dutch, Portuguese.
_MONTHS = {
    prefix: month
    for month, prefixes in enumerate(
        """jan ene gen|feb fev fevr|mar mrz mrt maa|apr avr abr|may mai mei mag|jun juin giu|jul juil lug|aug aou ago
        |sep set|oct okt ott out|nov|dec dez dic""".replace("\n", "").split("|"),
        start=1,
    )
    for prefix in prefixes.split()
}
_TIME = re.compile(r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*([ap])?\.?\s?(?:m\b)?\.?", re.IGNORECASE)
_DOTTED = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})")


def read_date(text: str) -> dt.datetime:
    """Return the instant a text names, or raise ValueError; none has a zone, it is UTC; numbers are day first."""
    plain = " ".join(text.replace("\u202f", " ").split())  # a narrow space before PM since 2023
    try:
        return dt.datetime.fromisoformat(plain).replace(tzinfo=dt.UTC)
    except ValueError:
        pass  # not ISO: in words, or with dots
    dotted = _DOTTED.search(plain)
    if dotted:
        day, month, year = (int(part) for part in dotted.groups())
        rest = plain[dotted.end() :]
    else:
        day, month, year, rest = _worded(plain)
    clock = _TIME.search(rest)
    if clock is None:
        raise ValueError(f"{text!r} names no time of day")
    hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
    if clock[4]:
        hour = hour % 12 + (12 if clock[4].lower() == "p" else 0)
    return dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)


def _worded(text: str) -> tuple[int, int, int, str]:
    year = re.search(r"\b\d{4}\b", text)
    if year is None:
        raise ValueError(f"{text!r} names no year")
    head = text[: year.start()]
    day = re.search(r"\b\d{1,2}\b", head)
    month = next((m for word in re.findall(r"[^\W\d]+", head) if (m := _month(word))), 0)
    if day is None or not month:
        raise ValueError(f"{text!r} names no day and month")
    return int(day[0]), month, int(year[0]), text[year.end() :]


def _month(word: str) -> int:
    letters = "".join(c for c in unicodedata.normalize("NFD", word.casefold()) if not unicodedata.combining(c))
    return next((_MONTHS[letters[:n]] for n in (4, 3) if letters[:n] in _MONTHS), 0)
