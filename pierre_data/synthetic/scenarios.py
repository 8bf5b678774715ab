"""What kinds of athletes there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

#: Monday to Sunday, morning and evening: what is done, and how often.
Week = tuple[tuple[tuple[str, float], tuple[str, float]], ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of athlete.

    Parameters
    ----------
    week : tuple
        Per day the morning's and the evening's session and its probability.
    pace_first, pace_last : float
        Easy running pace at the start and end of the world, s/km.
    power_first, power_last : float
        Threshold power on the bike at the start and end, W; 0 for no power meter.
    gaps : tuple of (day, day)
        Days without training, counted from the start of the world.
    """

    week: Week
    pace_first: float = 390.0
    pace_last: float = 310.0
    power_first: float = 0.0
    power_last: float = 0.0
    gaps: tuple[tuple[int, int], ...] = field(default=())


_REST = ("", 0.0)
_RUNNER: Week = (
    (_REST, ("strength", 0.45)),
    (("easy_run", 0.15), ("interval_run", 0.85)),
    (("walk", 0.10), ("easy_run", 0.75)),
    (_REST, ("tempo_run", 0.70)),
    (("easy_run", 0.20), ("yoga", 0.20)),
    (("ride", 0.55), _REST),
    (("long_run", 0.90), _REST),
)
_CYCLIST: Week = (
    (_REST, ("strength", 0.30)),
    (("commute", 0.60), ("trainer", 0.55)),
    (("commute", 0.60), ("ride", 0.50)),
    (("commute", 0.60), ("trainer", 0.65)),
    (_REST, ("yoga", 0.15)),
    (("long_ride", 0.85), _REST),
    (("ride", 0.70), ("walk", 0.10)),
)
_TRIATHLETE: Week = (
    (("swim", 0.80), _REST),
    (("easy_run", 0.70), ("trainer", 0.60)),
    (("swim", 0.75), ("strength", 0.40)),
    (("interval_run", 0.70), ("ride", 0.35)),
    (("swim", 0.55), _REST),
    (("long_ride", 0.80), ("easy_run", 0.45)),
    (("long_run", 0.80), _REST),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "improving-runner": Scenario(_RUNNER),
        "cyclist-with-power": Scenario(_CYCLIST, 400.0, 370.0, power_first=190.0, power_last=265.0),
        "triathlete": Scenario(_TRIATHLETE, 360.0, 315.0, power_first=200.0, power_last=250.0),
        "injury-gap": Scenario(_RUNNER, gaps=((400, 455), (1500, 1640), (2900, 2965))),
    }
)


@dataclass(frozen=True, slots=True)
class Session:
    """One kind of session.

    Parameters
    ----------
    sport, name : str
        Sport and what the title says.
    minutes : float
        Usual duration.
    effort : float
        Share of the heart rate reserve.
    speed : float
        Relative to easy running pace for runs; m/s otherwise; 0 for none.
    kind : str
        Workout kind, or empty.
    indoor : bool
        No track.
    """

    sport: str
    name: str
    minutes: float
    effort: float
    speed: float
    kind: str = ""
    indoor: bool = False


SESSIONS: Mapping[str, Session] = MappingProxyType(
    {
        "easy_run": Session("run", "Run", 45, 0.62, 1.00),
        "tempo_run": Session("run", "Tempo Run", 50, 0.78, 1.13, "workout"),
        "interval_run": Session("run", "Intervals", 55, 0.76, 1.10, "workout"),
        "long_run": Session("run", "Long Run", 100, 0.66, 0.97, "long_run"),
        "ride": Session("ride", "Ride", 90, 0.58, 7.4),
        "long_ride": Session("ride", "Long Ride", 190, 0.57, 7.8, "long_run"),
        "trainer": Session("indoor_ride", "Trainer Ride", 60, 0.68, 8.9, "workout", True),
        "commute": Session("ride", "Commute", 26, 0.48, 6.3),
        "swim": Session("pool_swim", "Swim", 50, 0.60, 0.82, "", True),
        "strength": Session("strength", "Strength Training", 40, 0.40, 0.0, "", True),
        "yoga": Session("yoga", "Yoga", 35, 0.20, 0.0, "", True),
        "walk": Session("walk", "Walk", 50, 0.28, 1.5),
    }
)
