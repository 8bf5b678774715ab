"""The athlete of a seed, what the years do to them, and where their workouts start and end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pierre_data.synthetic.draws import Bools, Floats, Ints, drift, key_of, normal, uniform, wave
from pierre_data.synthetic.ids import CELLS, VIEWS, View, account
from pierre_data.synthetic.kinds import CODE
from pierre_data.synthetic.scenarios import SCENARIOS, Scenario
from pierre_data.synthetic.zone import day_number

_YEAR = 365.25
_START = day_number("2016-01-01")


@dataclass(frozen=True, slots=True)
class Town:
    """Where an athlete lives: centre in degrees, the cosine of the latitude, height in metres, and how hilly it is."""

    name: str
    region: str
    latitude: float
    longitude: float
    cosine: float
    altitude: float
    hills: float


#: All on Europe/Berlin time.
TOWNS = (
    Town("Leipzig", "Saxony", 51.3397, 12.3731, 0.6247, 113.0, 0.6),
    Town("Freiburg", "Baden-Württemberg", 47.9990, 7.8421, 0.6691, 278.0, 1.8),
    Town("Hamburg", "Hamburg", 53.5511, 9.9937, 0.5941, 8.0, 0.5),
    Town("Munich", "Bavaria", 48.1371, 11.5754, 0.6673, 519.0, 0.8),
    Town("Kassel", "Hesse", 51.3127, 9.4797, 0.6251, 167.0, 1.3),
    Town("Bonn", "North Rhine-Westphalia", 50.7374, 7.0982, 0.6329, 60.0, 1.1),
)
_FIRST = {
    "female": ("Anna", "Clara", "Emilia", "Frieda", "Ida", "Johanna", "Lena", "Mila"),
    "male": ("Anton", "Emil", "Felix", "Jakob", "Jonas", "Leon", "Oskar", "Paul"),
}
_LAST = ("Arndt", "Brandt", "Ebert", "Hartwig", "Kessler", "Lindner", "Reuter", "Winkler")
#: Metres per degree of latitude, on the mean meridian.
DEGREE_M = 111_195.0
#: How far each place lies from the town's centre, in metres (one standard deviation per axis).
_SPREAD = {"home": 2200.0, "office": 4500.0, "track": 2500.0, "trailhead": 9000.0, "lake": 7000.0}
_AWAY = {"track": ("track_run",), "trailhead": ("trail_run", "hike", "race_run"), "lake": ("open_water_swim",)}


@dataclass(frozen=True, slots=True)
class Person:
    """What stays the same about an athlete; `key` is that of all their draws."""

    key: int
    scenario: Scenario
    sex: str
    name: str
    birth_day: int
    height_m: float
    weight_kg: float
    max_hr: float
    rest_hr: float
    talent: float
    town: Town
    accounts: dict[View, int]  # whose rows they are in each view


def person(seed: int, scenario: str) -> Person:
    """Return the athlete of a seed and a scenario, both valid."""
    key = key_of("world", seed, scenario)
    u = uniform(key, "traits", np.arange(8)).tolist()
    n = normal(key, "build", np.arange(6)).tolist()
    sex = "female" if u[0] < 0.5 else "male"
    tall, heavy = (1.67, 21.4) if sex == "female" else (1.80, 22.6)
    height = round(tall + 0.06 * n[0], 2)
    born = int(day_number("1978-01-01") + u[1] * 16 * _YEAR)
    age = (_START - born) / _YEAR
    return Person(
        key=key,
        scenario=SCENARIOS[scenario],
        sex=sex,
        name=f"{_FIRST[sex][int(u[2] * 8)]} {_LAST[int(u[3] * 8)]}",
        birth_day=born,
        height_m=height,
        weight_kg=round((heavy + 1.1 * n[1]) * height * height, 1),
        # Tanaka, Monahan, Seals 2001: 208 - 0.7 x age, sd of individuals about 7.
        max_hr=round(208 - 0.7 * age + 5.0 * n[2]),
        rest_hr=round(53 + 3.5 * n[3]),
        talent=(0.95 if sex == "female" else 1.03) + 0.04 * n[4],
        town=TOWNS[int(u[4] * len(TOWNS))],
        accounts={view: account(seed, list(SCENARIOS).index(scenario), view) for view in VIEWS},
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """An athlete on certain days, one value per day."""

    form: Floats  # factor on threshold speed and power: season, drift and injuries
    progress: Floats  # from 0 in 2016 to 1 ten years later, fast at first
    volume: Floats  # factor on the length of sessions
    injured: Bools  # no running
    readiness: Floats  # factor on the chance of every session: 1, or little in a week of illness or holidays


def shape(who: Person, days: Ints) -> Shape:
    """Return an athlete's shape on days since 1970; each day depends on itself alone."""
    years = np.maximum(days - _START, 0) / _YEAR
    progress = np.minimum(years / (years + 3.0) * 1.3, 1.15)
    injured, lost = _injuries(who, days)
    season = wave((days - day_number("2016-06-10")) / _YEAR)
    form = (1.0 + 0.012 * season + 0.010 * drift(who.key, "form", days, 35.0)) * (1.0 - 0.11 * lost)
    week = (days + 3) // 7
    rest = np.where(week % 4 == 3, 0.78, 1.0 + 0.06 * ((week % 4) - 1.0))
    low, high = who.scenario.volume
    volume = (low + (high - low) * progress) * rest * (1.0 + 0.07 * season) * (1.0 - 0.35 * lost)
    ill = uniform(who.key, "ill", week) < 0.05
    return Shape(form, progress, volume, injured, np.where(ill, 0.12, 1.0))


def _injuries(who: Person, days: Ints) -> tuple[Bools, Floats]:
    """Return whether each day is within an injury, and the share of form lost, from 0 to 1."""
    injured = np.zeros(days.shape, dtype=bool)
    lost = np.zeros(days.shape)
    if who.scenario.gaps == 0.0:
        return injured, lost
    year = days.astype("datetime64[D]").astype("datetime64[Y]")
    for back in (0, 1):
        that = year - np.timedelta64(back, "Y")
        number = that.astype(np.int64)
        late = np.floor(uniform(who.key, "injury_start", number) * 200.0).astype(np.int64)
        start = that.astype("datetime64[D]").astype(np.int64) + 40 + late
        length = 30.0 + np.floor(uniform(who.key, "injury_length", number) * 60.0)
        happens = uniform(who.key, "injury", number) < who.scenario.gaps
        since = (days - start).astype(np.float64)
        within = happens & (since >= 0) & (since < length)
        deep = length / 90.0
        down = since / length * deep
        up = (1.0 - (since - length) / (2.0 * length)) * deep
        mine = np.where(since < length, down, up)
        lost = np.maximum(lost, np.where(happens & (since >= 0), np.maximum(mine, 0.0), 0.0))
        injured |= within
    return injured, lost


def thresholds(who: Person, at: Shape) -> tuple[Floats, Floats, Floats]:
    """Return threshold running and swimming speed (m/s) and functional threshold power (W) per day."""
    plan, factor = who.scenario, at.form * who.talent
    ends = (plan.run_mps, plan.swim_mps, plan.ftp_w)
    run, swim, power = ((low + (high - low) * at.progress) * factor for low, high in ends)
    return run, swim, power


def weight(who: Person, days: Ints) -> Floats:
    """Return body weight in kg per day, without the noise of a scale."""
    season = wave((days - day_number("2016-11-01")) / _YEAR)
    return who.weight_kg + 0.7 * season + 0.9 * drift(who.key, "weight", days, 120.0)


def start_and_end(who: Person, view: str, kind: Ints, cell: Ints) -> list[Floats]:
    """Return latitude and longitude of start and end, in degrees, as a view's GPS saw them.

    Loops end where they began; a commute goes to the office in the morning and home in the evening.
    """
    # Metres east and north of the town's centre.
    places = {name: normal(who.key, f"place_{name}", np.arange(2)) * far for name, far in _SPREAD.items()}
    start = np.tile(places["home"], (len(kind), 1))
    for name, kinds in _AWAY.items():
        start[np.isin(kind, [CODE[k] for k in kinds])] = places[name]
    end = start.copy()
    commute, evening = kind == CODE["commute_ride"], cell % CELLS == 2
    start[commute & evening], end[commute & evening] = places["office"], places["home"]
    end[commute & ~evening] = places["office"]
    out: list[Floats] = []
    for stage, place, width in (("start", start, 14.0), ("end", end, 22.0)):
        jitter = np.stack([normal(who.key, f"{view}_{stage}_{axis}", cell) for axis in ("east", "north")], axis=1)
        east, north = (place + width * jitter).T
        out.append(np.round(who.town.latitude + north / DEGREE_M, 6))  # to a tenth of a metre
        out.append(np.round(who.town.longitude + east / (DEGREE_M * who.town.cosine), 6))
    return out
