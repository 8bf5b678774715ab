"""Scenarios: a training week, how fitness moves over the years, and how often life interrupts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pierre_data.synthetic.kinds import CODE

#: Sessions a day can have: morning, midday, evening.
SLOTS = 3


@dataclass(frozen=True, slots=True)
class PlannedSession:
    """A session that may happen on a weekday."""

    kind: str  # of `KINDS`
    chance: float  # in a full week
    hour: float = 7.0  # typical local start
    with_slot: int | None = None  # happens exactly when that slot of the day does (the way back of a commute)
    follows: bool = False  # starts right after the session before it (a brick)

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist."""
        CODE[self.kind]


Day = tuple[PlannedSession | None, PlannedSession | None, PlannedSession | None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of athlete; pairs are values in 2016 and after ten years of progress."""

    name: str
    about: str
    week: tuple[Day, ...]  # Monday first
    run_mps: tuple[float, float] = (3.1, 3.3)  # threshold speeds
    swim_mps: tuple[float, float] = (1.10, 1.18)
    ftp_w: tuple[float, float] = (190.0, 205.0)
    volume: tuple[float, float] = (0.85, 1.0)  # factor on durations
    power: bool = False  # the bikes measure it
    gaps: float = 0.0  # probability of an injury in a year


_S = PlannedSession

_RUNNER: tuple[Day, ...] = (
    (None, _S("yoga", 0.15, 12.5), _S("strength", 0.45, 18.2)),
    (_S("walk", 0.10, 8.0), None, _S("track_run", 0.78, 18.1)),
    (_S("easy_run", 0.80, 6.8), None, _S("yoga", 0.15, 19.4)),
    (None, _S("easy_run", 0.30, 12.4), _S("tempo_run", 0.76, 18.3)),
    (_S("easy_run", 0.62, 6.9), None, _S("strength", 0.38, 17.8)),
    (_S("trail_run", 0.62, 8.8), None, _S("walk", 0.15, 17.2)),
    (_S("long_run", 0.86, 8.6), _S("walk", 0.12, 14.8), None),
)
_CYCLIST: tuple[Day, ...] = (
    (_S("commute_ride", 0.42, 7.6), None, _S("commute_ride", 0.42, 17.3, with_slot=0)),
    (_S("commute_ride", 0.36, 7.6), _S("strength", 0.12, 12.2), _S("interval_ride", 0.70, 17.6)),
    (_S("commute_ride", 0.40, 7.6), None, _S("commute_ride", 0.40, 17.3, with_slot=0)),
    (None, None, _S("road_ride", 0.66, 17.7)),
    (None, None, _S("strength", 0.25, 18.4)),
    (_S("long_ride", 0.78, 9.0), None, _S("walk", 0.10, 17.8)),
    (_S("gravel_ride", 0.48, 9.4), _S("walk", 0.15, 14.9), None),
)
_TRIATHLETE: tuple[Day, ...] = (
    (_S("pool_swim", 0.70, 6.7), None, _S("strength", 0.35, 18.4)),
    (_S("easy_run", 0.25, 6.8), None, _S("track_run", 0.72, 18.0)),
    (_S("pool_swim", 0.62, 6.7), None, _S("interval_ride", 0.66, 17.6)),
    (_S("easy_run", 0.70, 6.8), None, _S("yoga", 0.14, 19.2)),
    (_S("pool_swim", 0.46, 6.7), None, _S("easy_run", 0.22, 17.6)),
    (_S("long_ride", 0.74, 8.4), _S("brick_run", 0.55, 14.2, follows=True), None),
    (_S("long_run", 0.76, 8.4), None, _S("open_water_swim", 0.32, 17.2)),
)
_INJURED: tuple[Day, ...] = (
    (None, None, _S("strength", 0.40, 18.2)),
    (_S("pool_swim", 0.20, 6.9), None, _S("tempo_run", 0.70, 18.2)),
    (_S("easy_run", 0.60, 6.9), None, None),
    (_S("pool_swim", 0.16, 6.9), None, _S("easy_run", 0.62, 18.2)),
    (None, _S("walk", 0.16, 12.4), _S("virtual_ride", 0.24, 18.3)),
    (_S("easy_run", 0.50, 8.9), None, None),
    (_S("long_run", 0.74, 8.8), _S("walk", 0.18, 14.8), None),
)

_ALL = (
    Scenario(
        *("improving-runner", "A runner who trains more and gets faster over the years.", _RUNNER),
        run_mps=(3.05, 3.95),
        volume=(0.72, 1.0),
    ),
    Scenario(
        *("cyclist-with-power", "A cyclist with a power meter who commutes by bike.", _CYCLIST),
        ftp_w=(215.0, 275.0),
        power=True,
    ),
    Scenario(
        *("triathlete", "Swims, rides and runs, with brick sessions on Saturdays.", _TRIATHLETE),
        run_mps=(3.4, 3.85),
        swim_mps=(1.12, 1.32),
        ftp_w=(210.0, 250.0),
        power=True,
    ),
    Scenario(
        *("injury-gap", "A runner whom injuries stop for weeks in most years, and who comes back slowly.", _INJURED),
        run_mps=(3.3, 3.65),
        gaps=0.8,
    ),
)
SCENARIOS: Mapping[str, Scenario] = MappingProxyType({scenario.name: scenario for scenario in _ALL})
