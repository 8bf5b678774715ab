"""One activity second by second, made to fit its summary; its streams and laps as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pierre_data.synthetic.draws import Bools, Columns, Floats, Ints, datetimes, drift, key_of, normal, uniform, wave
from pierre_data.synthetic.people import DEGREE_M, Person

_TURN = 6.283185307179586
#: Metres of an automatic lap; what has no distance is cut every ten minutes.
_LAP_M = {"run": 1000.0, "walk": 1000.0, "ride": 5000.0, "swim": 100.0}
_LAP_S = 600


@dataclass(frozen=True, slots=True)
class Track:
    """Samples of one activity, one value each; NaN where there is none."""

    elapsed: Ints  # seconds since the start
    moved: Ints  # without pauses
    distance: Floats
    speed: Floats
    pace: Floats  # speed over its mean, 0 in pauses
    heart: Floats
    power: Floats
    altitude: Floats
    latitude: Floats
    longitude: Floats

    @property
    def moving(self) -> Bools:
        """Not paused; the first sample is as the second."""
        step = np.diff(self.moved) > 0
        return np.concatenate([step[:1], step])


def track(who: Person, row: Mapping[str, Any], step: int) -> Track:
    """Return the samples of a row of activities, every `step` seconds; the last one is at the end."""
    key = key_of(who.key, row["id"])
    end, total = int(row["elapsed_s"]), int(row["moving_s"])
    elapsed = np.append(np.arange(0, end, step, dtype=np.int64), end)
    moved = elapsed - _paused(key, elapsed, total, end - total)
    length = row["distance_m"]
    wish = 1.0 + 0.05 * drift(key, "pace", moved, 75.0) + 0.02 * drift(key, "stride", moved, 9.0)
    if row["workout_kind"] == "workout":
        wish = wish + 0.11 * wave(moved / 300.0)
    weight = np.rint(1000.0 * np.maximum(wish, 0.4)).astype(np.int64)
    gone = np.cumsum(np.append(0, weight[1:] * np.diff(moved)))
    share = gone / max(int(gone[-1]), 1)
    distance = np.round(length * share, 1)
    still = np.diff(moved, prepend=moved[0] - (moved[1] - moved[0])) == 0
    pace = np.where(still, 0.0, weight * total / max(int(gone[-1]), 1))
    latitude, longitude = _path(key, row, share)
    return Track(
        elapsed=elapsed,
        moved=moved,
        distance=distance,
        speed=np.round(np.maximum(length / total * pace, 0.0), 2),
        pace=pace,
        heart=_heart(who, key, row, moved, pace),
        power=np.rint(row["average_power_w"] * pace),
        altitude=_altitude(key, row, length * share),
        latitude=latitude,
        longitude=longitude,
    )


def _paused(key: int, elapsed: Ints, moving: int, still: int) -> Ints:
    """Return the seconds of standing still before each sample: up to six pauses, spread over the activity."""
    count = min(1 + still // 120, 6) if still > 0 else 0
    out = np.zeros_like(elapsed)
    begun = 0
    for at, u in enumerate(uniform(key, "pause", np.arange(count)).tolist()):
        length = still * (at + 1) // count - still * at // count
        start = int(moving * (at + 0.2 + 0.6 * u) / count) + begun
        out += np.clip(elapsed - start, 0, length)
        begun += length
    return out


def _heart(who: Person, key: int, row: Mapping[str, Any], moved: Ints, pace: Floats) -> Floats:
    """Return bpm whose mean is the summary's and whose highest is not above it: a slow start, and noise."""
    mean, top = row["average_heart_rate_bpm"], row["max_heart_rate_bpm"]
    if np.isnan(mean):
        return np.full(len(moved), np.nan)
    cold = np.maximum(1.0 - moved / 260.0, 0.0)
    wish = mean + 3.0 * drift(key, "heart", moved, 45.0) + 6.0 * (pace - 1.0) - 22.0 * cold * cold
    hundredths = np.rint(100.0 * wish).astype(np.int64)
    for _ in range(4):
        # Sums of integers are exact, so the mean is the same on every machine.
        off = round(100 * mean) - int(hundredths.sum()) // len(hundredths)
        hundredths = np.clip(hundredths + off, int(100 * (who.rest_hr - 4)), int(100 * top))
    return np.asarray(np.rint(hundredths / 100.0))


def _altitude(key: int, row: Mapping[str, Any], gone: Floats) -> Floats:
    """Return metres above the sea that rise by the summary's climb and end where they began."""
    climb, level = row["elevation_gain_m"], row["average_altitude_m"]
    if np.isnan(climb) or np.isnan(level):
        return np.full(len(gone), np.nan)
    raw = drift(key, "hills", gone, 450.0)
    raw = raw - raw[0] - (raw[-1] - raw[0]) * (gone / max(float(gone[-1]), 1.0))
    rises = np.rint(1e6 * np.maximum(np.diff(raw), 0.0)).astype(np.int64)
    shaped = raw * (climb / max(int(rises.sum()) / 1e6, 1e-3))
    middle = int(np.rint(1e3 * shaped).astype(np.int64).sum()) / 1e3 / len(shaped)
    return np.asarray(np.round(level + shaped - middle, 1))


def _path(key: int, row: Mapping[str, Any], share: Floats) -> tuple[Floats, Floats]:
    """Return degrees along the way: rounds of the right length, carried from the start to the end."""
    ends = [row[f"{end}_{axis}_deg"] for axis in ("latitude", "longitude") for end in ("start", "end")]
    if np.isnan(ends[0]) or np.isnan(row["distance_m"]):
        nothing = np.full(len(share), np.nan)
        return nothing, nothing
    first_lat, last_lat, first_lon, last_lon = ends
    # One degree of longitude in metres: the cosine of 47 to 55 degrees by a parabola, within 0.1 %.
    x = (first_lat - 51.0) / 57.29577951308232
    wide = DEGREE_M * (0.6293203910 - 0.7771459615 * x - 0.3146601955 * x * x)
    north, east = (last_lat - first_lat) * DEGREE_M, (last_lon - first_lon) * wide
    straight = float(np.sqrt(north * north + east * east))
    rounds = max(int(row["distance_m"] // (400 if row["sport"] == "track_run" else 9000)), 1)
    radius = max(row["distance_m"] - straight, 0.0) / (_TURN * rounds)
    way = float(uniform(key, "way", np.arange(1))[0])
    turn = rounds * share
    out = []
    for start, span, metre, phase in ((first_lat, north, DEGREE_M, way), (first_lon, east, wide, way + 0.25)):
        ring = radius * (wave(turn + phase) - wave(np.array([phase])))
        out.append(np.round(start + (span * share + ring) / metre, 6))
    return out[0], out[1]


def sample_columns(who: Person, row: Mapping[str, Any], step: int) -> Columns:
    """Return columns of the table streams; typed rows have no samples."""
    samples = track(who, row, step)
    keep = slice(0, 0) if row["manual"] else slice(None)
    start = row["start_time"].astype(np.int64) // 1_000_000
    every = {
        "elapsed_s": samples.elapsed.astype(np.float64),
        "time": datetimes(start + samples.elapsed),
        "distance_m": samples.distance,
        "speed_mps": samples.speed,
        "heart_rate_bpm": samples.heart,
        "power_w": samples.power,
        "cadence_rpm": _cadence(who, row, "average_cadence_rpm", samples),
        "cadence_spm": _cadence(who, row, "average_cadence_spm", samples),
        "altitude_m": samples.altitude,
        "latitude_deg": samples.latitude,
        "longitude_deg": samples.longitude,
        "moving": samples.moving,
    }
    columns = {name: values[keep] for name, values in every.items()}
    return {"id": [row["id"]] * len(columns["elapsed_s"]), **columns}


def lap_rows(who: Person, row: Mapping[str, Any], step: int) -> Columns:
    """Return columns of the table laps; their durations and distances add up to the activity's."""
    samples = track(who, row, step)
    edges = _edges(row, samples)
    if row["manual"]:
        edges = edges[:1]
    first, last = edges[:-1], edges[1:]
    distance = np.round(np.diff(samples.distance[edges]), 1)
    moved = np.diff(samples.moved[edges]).astype(np.float64)
    start = row["start_time"].astype(np.int64) // 1_000_000
    count = len(first)
    return {
        "id": [row["id"]] * count,
        "lap": np.arange(1, count + 1, dtype=np.float64),
        "kind": ["time" if np.isnan(row["distance_m"]) else "distance"] * count,
        "start_time": datetimes(start + samples.elapsed[first]),
        "elapsed_s": np.diff(samples.elapsed[edges]).astype(np.float64),
        "moving_s": moved,
        "distance_m": distance,
        "average_speed_mps": np.round(distance / np.maximum(moved, 1.0), 3),
        "average_heart_rate_bpm": _means(samples.heart, first, last),
        "max_heart_rate_bpm": np.maximum.reduceat(samples.heart, first) if count else np.zeros(0),
        "average_power_w": _means(samples.power, first, last),
    }


def _cadence(who: Person, row: Mapping[str, Any], column: str, samples: Track) -> Floats:
    noise = np.rint(1.6 * normal(key_of(who.key, row["id"]), "cadence", samples.elapsed))
    return np.where(samples.moving, row[column] + noise, np.where(np.isnan(row[column]), np.nan, 0.0))


def _edges(row: Mapping[str, Any], samples: Track) -> Ints:
    """Return the samples that bound the laps, the first and the last included."""
    end = len(samples.elapsed) - 1
    if np.isnan(row["distance_m"]):
        inner = np.searchsorted(samples.elapsed, np.arange(_LAP_S, int(row["elapsed_s"]), _LAP_S))
    else:
        length = _LAP_M.get(row["sport_family"], 1000.0)
        inner = np.searchsorted(samples.distance, np.arange(length, row["distance_m"], length))
    return np.unique(np.concatenate([[0], inner[inner < end], [end]])).astype(np.int64)


def _means(values: Floats, first: Ints, last: Ints) -> Floats:
    """Return the rounded mean of the samples of each lap; they are whole numbers, so sums are exact."""
    if not len(first) or np.isnan(values).any():
        return np.full(len(first), np.nan)
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(np.rint((total[last] - total[first]) / (last - first)))
