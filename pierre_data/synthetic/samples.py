"""Streams and laps of one activity as columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pierre_data.synthetic.columns import constant, instants
from pierre_data.synthetic.draws import Floats, Ints, key_of, normal
from pierre_data.synthetic.people import Person
from pierre_data.synthetic.tracks import Track, track

Columns = dict[str, Any]
#: Metres of an automatic lap; what has no distance is cut every ten minutes.
_LAP_M = {"run": 1000.0, "walk": 1000.0, "ride": 5000.0, "swim": 100.0}
_LAP_S = 600


def streams(who: Person, row: Mapping[str, Any], step: int) -> Columns:
    """Return columns of the table streams; typed rows have no samples."""
    made = track(who, row, step)
    moving = made.moving
    keep = slice(0, 0) if row["manual"] else slice(None)
    start = row["start_time"].astype(np.int64) // 1_000_000
    every = {
        "elapsed_s": made.elapsed.astype(np.float64),
        "time": instants(start + made.elapsed),
        "distance_m": made.distance,
        "speed_mps": made.speed,
        "heart_rate_bpm": made.heart,
        "power_w": made.power,
        "cadence_rpm": _cadence(who, row, "average_cadence_rpm", made),
        "cadence_spm": _cadence(who, row, "average_cadence_spm", made),
        "altitude_m": made.altitude,
        "latitude_deg": made.latitude,
        "longitude_deg": made.longitude,
        "moving": moving,
    }
    found = {name: values[keep] for name, values in every.items()}
    return {"id": constant(row["id"], len(found["elapsed_s"])), **found}


def laps(who: Person, row: Mapping[str, Any], step: int) -> Columns:
    """Return columns of the table laps; their durations and distances add up to the activity's."""
    made = track(who, row, step)
    edges = _edges(row, made)
    if row["manual"]:
        edges = edges[:1]
    first, last = edges[:-1], edges[1:]
    distance = np.round(np.diff(made.distance[edges]), 1)
    moved = np.diff(made.moved[edges]).astype(np.float64)
    start = row["start_time"].astype(np.int64) // 1_000_000
    count = len(first)
    return {
        "id": constant(row["id"], count),
        "lap": np.arange(1, count + 1, dtype=np.float64),
        "kind": constant("time" if np.isnan(row["distance_m"]) else "distance", count),
        "start_time": instants(start + made.elapsed[first]),
        "elapsed_s": np.diff(made.elapsed[edges]).astype(np.float64),
        "moving_s": moved,
        "distance_m": distance,
        "average_speed_mps": np.round(distance / np.maximum(moved, 1.0), 3),
        "average_heart_rate_bpm": _means(made.heart, first, last),
        "max_heart_rate_bpm": _peaks(made.heart, first),
        "average_power_w": _means(made.power, first, last),
    }


def _cadence(who: Person, row: Mapping[str, Any], column: str, made: Track) -> Floats:
    noise = np.rint(1.6 * normal(key_of(who.key, row["id"]), "cadence", made.elapsed))
    return np.where(made.moving, row[column] + noise, np.where(np.isnan(row[column]), np.nan, 0.0))


def _edges(row: Mapping[str, Any], made: Track) -> Ints:
    """Return the samples that bound the laps, the first and the last included."""
    end = len(made.elapsed) - 1
    if np.isnan(row["distance_m"]):
        inner = np.searchsorted(made.elapsed, np.arange(_LAP_S, int(row["elapsed_s"]), _LAP_S))
    else:
        length = _LAP_M.get(row["sport_family"], 1000.0)
        inner = np.searchsorted(made.distance, np.arange(length, row["distance_m"], length))
    return np.unique(np.concatenate([[0], inner[inner < end], [end]])).astype(np.int64)


def _means(values: Floats, first: Ints, last: Ints) -> Floats:
    """Return the rounded mean of the samples of each lap; they are whole numbers, so sums are exact."""
    if not len(first) or np.isnan(values).any():
        return np.full(len(first), np.nan)
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(np.rint((total[last] - total[first]) / (last - first)))


def _peaks(values: Floats, first: Ints) -> Floats:
    return np.maximum.reduceat(values, first) if len(first) else np.zeros(0)
