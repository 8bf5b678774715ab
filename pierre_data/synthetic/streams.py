"""Streams and laps of one activity as columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pierre_data.synthetic.activities import constant, datetimes
from pierre_data.synthetic.draws import Columns, Floats, Ints, key_of, normal
from pierre_data.synthetic.people import Person
from pierre_data.synthetic.tracks import Track, track

#: Metres of an automatic lap; what has no distance is cut every ten minutes.
_LAP_M = {"run": 1000.0, "walk": 1000.0, "ride": 5000.0, "swim": 100.0}
_LAP_S = 600


def sample_columns(who: Person, row: Mapping[str, Any], step: int) -> Columns:
    """Return columns of the table streams; typed rows have no samples."""
    samples = track(who, row, step)
    moving = samples.moving
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
        "moving": moving,
    }
    columns = {name: values[keep] for name, values in every.items()}
    return {"id": constant(row["id"], len(columns["elapsed_s"])), **columns}


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
        "id": constant(row["id"], count),
        "lap": np.arange(1, count + 1, dtype=np.float64),
        "kind": constant("time" if np.isnan(row["distance_m"]) else "distance", count),
        "start_time": datetimes(start + samples.elapsed[first]),
        "elapsed_s": np.diff(samples.elapsed[edges]).astype(np.float64),
        "moving_s": moved,
        "distance_m": distance,
        "average_speed_mps": np.round(distance / np.maximum(moved, 1.0), 3),
        "average_heart_rate_bpm": _means(samples.heart, first, last),
        "max_heart_rate_bpm": _peaks(samples.heart, first),
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


def _peaks(values: Floats, first: Ints) -> Floats:
    return np.maximum.reduceat(values, first) if len(first) else np.zeros(0)
