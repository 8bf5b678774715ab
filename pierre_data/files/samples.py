"""Put samples in order, and say what they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pierre_data.files.recording import SECOND, Floats, Recording, Samples, Times, filled
from pierre_data.schema import FAMILY

#: Mean radius of the Earth in metres (IUGG).
EARTH_M = 6_371_008.8
#: A climb counts once it is higher than this; barometers waver by about a metre.
CLIMB_M = 2.0
_CADENCE = ("cadence_rpm", "cadence_spm")


def arrange(time: Times, columns: Mapping[str, Floats], recording: Recording, moving: Any = None) -> Samples:
    """Return samples by time, one per instant; of several the first counts, the others fill what it lacks.

    `time` is negative where unreadable.  Zero heart rates and the position 0, 0 become NaN: devices write them.
    """
    data = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    _clean(data)
    good = time > 0
    if not good.all():
        recording.problems.append(("time", f"missing in {int((~good).sum())} samples"))
    back = int((np.diff(time[good]) < 0).sum())
    if back:
        recording.problems.append(("time", f"goes back {back} times; the samples were sorted"))
    order = np.flatnonzero(good)
    if back:
        order = order[np.argsort(time[good], kind="stable")]
    if len(order) < len(time) or back:
        time, data = time[order], {name: values[order] for name, values in data.items()}
        moving = None if moving is None else moving[order]
    first = np.flatnonzero(np.diff(time, prepend=-1))
    if len(first) < len(time):
        data = {name: _merged(values, first) for name, values in data.items()}
        time, moving = time[first], None if moving is None else moving[first]
    return Samples(time, _measured(data), moving)


def totals(samples: Samples) -> dict[str, Any]:
    """Return the columns of ACTIVITIES that follow from samples; means weigh every sample alike."""
    data = samples.columns
    row: dict[str, Any] = {
        "start_time": int(samples.time[0]),
        "elapsed_s": float(samples.time[-1] - samples.time[0]) / SECOND,
    }
    distance = data.get("distance_m")
    if distance is not None:
        row["distance_m"] = float(np.nanmax(distance)) - min(float(np.nanmin(distance)), 0.0)
    for stem in ("heart_rate_bpm", "power_w", *_CADENCE, "speed_mps"):
        values = data.get(stem)
        if values is not None:
            counted = values[values > 0] if stem in _CADENCE else values
            mean = float(np.nanmean(counted)) if len(counted) else None
            row |= {f"average_{stem}": mean, f"max_{stem}": float(np.nanmax(values))}
    row.pop("average_speed_mps", None)  # a mean of samples is no mean over time: distance over duration is
    if "altitude_m" in data:
        altitude = data["altitude_m"]
        gain, loss = climbs(altitude)
        row |= {"average_altitude_m": float(np.nanmean(altitude)), "min_altitude_m": float(np.nanmin(altitude))}
        row |= {"max_altitude_m": float(np.nanmax(altitude)), "elevation_gain_m": gain, "elevation_loss_m": loss}
    if "temperature_c" in data:
        row["temperature_c"] = float(np.nanmean(data["temperature_c"]))
    return filled(row | ends(samples) | {"has_gps": "latitude_deg" in data})


def part(samples: Samples, start: int, stop: int) -> Samples:
    """Return the samples from position `start` up to but not including `stop`."""
    columns = _measured({name: values[start:stop] for name, values in samples.columns.items()})
    return Samples(samples.time[start:stop], columns, None if samples.moving is None else samples.moving[start:stop])


def _measured(columns: dict[str, Floats]) -> dict[str, Floats]:
    return {name: values for name, values in columns.items() if not np.isnan(values).all()}


def ends(samples: Samples) -> dict[str, float]:
    """Return the first and last known position as columns of ACTIVITIES."""
    if "latitude_deg" not in samples.columns or "longitude_deg" not in samples.columns:
        return {}
    place = {name: samples.columns[name] for name in ("latitude_deg", "longitude_deg")}
    known = np.flatnonzero(~np.isnan(place["latitude_deg"]) & ~np.isnan(place["longitude_deg"]))
    if not len(known):
        return {}
    return {f"{end}_{name}": float(place[name][known[at]]) for end, at in (("start", 0), ("end", -1)) for name in place}


def track_m(latitude: Floats, longitude: Floats) -> Floats:
    """Return the cumulative length of a track in metres, great circles (haversine) between known positions."""
    known = np.flatnonzero(~np.isnan(latitude) & ~np.isnan(longitude))
    phi, lam = np.radians(latitude[known]), np.radians(longitude[known])
    a = np.sin(np.diff(phi) / 2) ** 2 + np.cos(phi[:-1]) * np.cos(phi[1:]) * np.sin(np.diff(lam) / 2) ** 2
    steps = np.zeros(len(latitude))
    steps[known[1:]] = 2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(a, 1.0)))
    return np.cumsum(steps)


def climbs(altitude: Floats) -> tuple[float, float]:
    """Return metres up and down; a rise or fall counts once it exceeds `CLIMB_M`."""
    gain = loss = 0.0
    known = altitude[~np.isnan(altitude)].tolist()
    level = known[0] if known else 0.0
    for height in known:
        step = height - level
        if step >= CLIMB_M:
            gain, level = gain + step, height
        elif step <= -CLIMB_M:
            loss, level = loss - step, height
    return gain, loss


def name_cadence(columns: dict[str, Floats], feet: bool) -> None:
    """Give ``cadence`` its column: all formats count one leg, as devices do, and on foot it is that of both feet."""
    cadence = columns.pop("cadence", None)
    if cadence is not None:
        columns["cadence_spm" if feet else "cadence_rpm"] = cadence * (2 if feet else 1)


def on_foot(sport: str) -> bool:
    """Return whether cadence of this sport counts feet."""
    return FAMILY[sport] in ("run", "walk")


def _clean(data: dict[str, Floats]) -> None:
    for name, values in data.items():
        if np.isinf(values).any():
            data[name] = np.where(np.isinf(values), np.nan, values)
    heart, latitude, longitude = (data.get(n) for n in ("heart_rate_bpm", "latitude_deg", "longitude_deg"))
    if heart is not None:
        data["heart_rate_bpm"] = np.where(heart > 0, heart, np.nan)
    if latitude is not None and longitude is not None:
        nowhere = ((latitude == 0) & (longitude == 0)) | (np.abs(latitude) > 90) | (np.abs(longitude) > 180)
        nowhere |= np.isnan(latitude) | np.isnan(longitude)
        data["latitude_deg"] = np.where(nowhere, np.nan, latitude)
        data["longitude_deg"] = np.where(nowhere, np.nan, longitude)


def _merged(values: Floats, first: Any) -> Floats:
    """Return the first known value of each run of rows that starts at `first`."""
    places = np.where(np.isnan(values), len(values), np.arange(len(values)))
    return np.append(values, np.nan)[np.minimum.reduceat(places, first)]
