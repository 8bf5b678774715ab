"""TCX: Garmin's training centre format, and the dialects of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from pierre_data.files.recording import SECOND, Recording, Session, add_mean_speed, container, filled
from pierre_data.files.samples import on_foot, totals
from pierre_data.files.sports import sport_of_word
from pierre_data.files.xml import End, Start, Tracks, parse_xml
from pierre_data.files.xml_columns import Points, instant, read_number, samples_of

# Local names of a track point -> our column, or an input of it; the extension TPX included.
_POINT = dict(
    pair.split("=")
    for pair in """Time=time LatitudeDegrees=latitude_deg LongitudeDegrees=longitude_deg AltitudeMeters=altitude_m
    DistanceMeters=distance_m Cadence=cadence RunCadence=cadence Speed=speed_mps Watts=power_w
    Value=heart_rate_bpm""".split()
)
_LEAVES = {
    n: n
    for n in """Value Id Notes DistanceMeters Cadence TotalTimeSeconds MaximumSpeed Calories TriggerMethod AvgSpeed
    AvgWatts MaxWatts AvgRunCadence MaxRunCadence MaxBikeCadence Steps Name UnitId ProductID""".split()
}
# Names in a lap -> columns of LAPS; 0 is written for unknown energy and heart rates.
_LAP = dict(
    pair.split("=")
    for pair in """TotalTimeSeconds=moving_s DistanceMeters=distance_m Calories=energy_kcal
    AvgSpeed=average_speed_mps MaximumSpeed=max_speed_mps AverageHeartRate=average_heart_rate_bpm
    MaximumHeartRate=max_heart_rate_bpm AvgWatts=average_power_w MaxWatts=max_power_w""".split()
)
_UNKNOWN = ("energy_kcal", "average_heart_rate_bpm", "max_heart_rate_bpm")
_SUMMED, _HIGHEST = ("moving_s", "distance_m", "energy_kcal"), ("max_speed_mps", "max_heart_rate_bpm")


@dataclass(slots=True)
class _Activity:
    sport: str | None
    texts: dict[str, str] = field(default_factory=dict)
    creator: dict[str, str] = field(default_factory=dict)
    laps: list[dict[str, str]] = field(default_factory=list)
    points: Points = field(default_factory=Points)
    group: int | None = None


def read_tcx(data: bytes) -> Recording:
    """Read the activities of a TCX document, those of a MultiSportSession after their container; laps are summed."""
    recording = Recording()
    groups: dict[int, list[Session]] = {}
    for activity in _parse(data, recording):
        session = _session(activity, recording)
        if session is None:
            continue
        recording.sessions.append(session)
        if activity.group is not None:
            groups.setdefault(activity.group, []).append(session)
    recording.sessions += [container(legs) for legs in groups.values() if len(legs) > 1]
    recording.sessions.sort(key=lambda s: (s.row["start_time"], not s.container))
    if not recording.sessions:
        recording.problems.append(("Activity", "none with a time"))
    return recording


def _parse(data: bytes, recording: Recording) -> list[_Activity]:
    # The activity and the group that are open: what stands outside, in courses, goes to one that is dropped.
    activities = list[_Activity]()
    texts, current, group, numbers = dict[str, str](), [_Activity(None)], list[int](), count()

    def into(place: Callable[[_Activity], dict[str, str]]) -> Callable[..., None]:
        def put(_attributes: dict[str, str] | None = None) -> None:
            place(current[0]).update(texts)
            texts.clear()

        return put

    own = into(lambda activity: activity.texts)
    in_lap = into(lambda activity: activity.laps[-1] if activity.laps else activity.texts)

    def begin(attributes: dict[str, str]) -> None:
        texts.clear()
        current[0] = _Activity(attributes.get("Sport"), group=group[-1] if group else None)
        activities.append(current[0])

    def done() -> None:
        own()
        current[0] = _Activity(None)

    def lap(attributes: dict[str, str]) -> None:
        own()
        current[0].laps.append(dict(attributes))

    def beats(key: str) -> None:
        if "Value" in texts:
            texts[key] = texts.pop("Value")

    starts: dict[str, Start] = {"Activity": begin, "Lap": lap, "Track": in_lap, "Creator": own}
    starts["MultiSportSession"] = lambda _: group.append(next(numbers))
    ends: dict[str, End] = {"Activity": done, "Lap": in_lap, "Creator": into(lambda activity: activity.creator)}
    ends |= {"MultiSportSession": group.clear}
    ends |= {f"{word}HeartRateBpm": partial(beats, f"{word}HeartRate") for word in ("Average", "Maximum")}
    tracks = Tracks("Trackpoint", lambda: current[0].points, "Track")
    parse_xml(data, _LEAVES, starts, ends, texts, tracks, recording)
    return activities


def _session(activity: _Activity, recording: Recording) -> Session | None:
    sport = sport_of_word(activity.sport, recording)
    feet = on_foot(sport["sport"])
    samples, _ = samples_of(activity.points, _POINT, feet, recording)
    laps = [_lap(lap, feet) for lap in activity.laps]
    begin = instant(activity.texts.get("Id"))
    starts = [t for t in (begin, *(lap.get("start_time", -1) for lap in laps), *samples.time[:1].tolist()) if t > 0]
    if not starts:
        return None
    _number(laps)
    row: dict[str, Any] = totals(samples) if len(samples.time) else {"has_gps": False}
    row["start_time"] = starts[0]
    ends = [lap["start_time"] + int(lap.get("elapsed_s", 0) * SECOND) for lap in laps if "start_time" in lap]
    row["elapsed_s"] = (max([*ends, *samples.time[-1:].tolist(), starts[0]]) - starts[0]) / SECOND
    maker = [activity.creator.get(n, "").strip() or None for n in ("Name", "ProductID", "UnitId")]
    row |= sport | _sums(laps, activity.laps, feet) | recording.add_device(*maker)
    notes = activity.texts.get("Notes", "").strip()
    row |= {"name": notes if 0 < len(notes) <= 200 and "\n" not in notes else None, "manual": False}
    add_mean_speed(row)
    return Session(filled(row), samples, laps)


def _lap(texts: dict[str, str], feet: bool) -> dict[str, Any]:
    begin = instant(texts.get("StartTime"))
    row = {column: read_number(texts.get(name)) for name, column in _LAP.items()}
    row |= {column: row[column] or None for column in _UNKNOWN}
    cadences = (read_number(texts.get(name)) for name in ("AvgRunCadence", "Cadence"))
    cadence = next((c for c in cadences if c is not None), None)
    row |= {"average_cadence_spm" if feet else "average_cadence_rpm": (cadence or 0) * (2 if feet else 1) or None}
    kind = texts.get("TriggerMethod", "").strip().lower() or None
    return filled({"start_time": begin if begin > 0 else None, **row, "kind": kind})


def _number(laps: list[dict[str, Any]]) -> None:
    """Number the laps; each lasts until the next begins, the last as long as its timer ran."""
    for at, lap in enumerate(laps):
        begin, moving = lap.get("start_time"), lap.get("moving_s")
        following = laps[at + 1].get("start_time") if at + 1 < len(laps) else None
        gap = (following - begin) / SECOND if following and begin and following > begin else 0.0
        lap["lap"] = at + 1
        if gap or moving is not None:
            lap["elapsed_s"] = max(gap, moving or 0.0)


def _sums(laps: list[dict[str, Any]], texts: list[dict[str, str]], feet: bool) -> dict[str, Any]:
    """Return what laps say better than samples."""
    row: dict[str, Any] = {}
    for name in (*_SUMMED, *_HIGHEST):
        known = [lap[name] for lap in laps if name in lap]
        total = (sum(known) if name in _SUMMED else max(known)) if known else 0
        if total > 0:
            row[name] = total
    steps = [s for s in (read_number(t.get("Steps")) for t in texts) if s]
    timed = [lap for lap in laps if "average_heart_rate_bpm" in lap and lap.get("moving_s", 0.0) > 0]
    means = [(lap["average_heart_rate_bpm"], lap["moving_s"]) for lap in timed]
    if means:
        beats, weights = np.array(means).T
        row["average_heart_rate_bpm"] = float(np.average(beats, weights=weights))
    return row | ({"steps": sum(steps)} if steps and feet else {})
