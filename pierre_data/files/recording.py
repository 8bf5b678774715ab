"""What a file of activities holds, whatever its format."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

#: Microseconds.
SECOND = 1_000_000
_SUMS = ("moving_s", "distance_m", "elevation_gain_m", "elevation_loss_m", "energy_kcal", "work_kj")
_HIGHEST = ("max_speed_mps", "max_heart_rate_bpm", "max_power_w", "max_altitude_m")
_FIRST = ("utc_offset_s", "device", "start_latitude_deg", "start_longitude_deg")


@dataclass(slots=True)
class Samples:
    """Samples of one session by time (microseconds since 1970 UTC), one per instant; NaN: not measured."""

    time: Times
    columns: dict[str, Floats] = field(default_factory=dict)
    moving: npt.NDArray[np.bool_] | None = None


@dataclass(slots=True)
class Session:
    """One activity of a file: columns of ACTIVITIES and LAPS, times in microseconds since 1970 UTC, absent is null.

    A `container` stands for the sessions after it (a triathlon); `link` survives a re-upload, or is empty.
    """

    row: dict[str, Any]
    samples: Samples
    laps: list[dict[str, Any]] = field(default_factory=list)
    container: bool = False
    link: str = ""


@dataclass(slots=True)
class Recording:
    """All that was read of one file: sessions by time, columns of GEAR, and (field, value) of what was odd."""

    sessions: list[Session] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def add_device(
        self, name: str | None, product: str | None, serial: str | None, model: str | None = None
    ) -> dict[str, Any]:
        """Return the column ``device``, and note as gear what has a serial number: FIT and TCX share these ids."""
        if serial and serial.strip("0"):
            brand = (name or "").split(" ")[0] or None
            gear = {"id": f"{product or 'device'}-{serial}", "kind": "device", "name": name, "brand": brand}
            self.devices.append(filled(gear | {"model": model or product, "serial": serial}))
        return filled({"device": name or None})


def filled(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without nulls, NaN and infinities, so that it can be JSON."""
    return {n: v for n, v in row.items() if v is not None and not (isinstance(v, float) and not math.isfinite(v))}


def add_mean_speed(row: dict[str, Any]) -> None:
    """Add distance over duration, pauses left out, where the file says no mean speed itself."""
    duration = row.get("moving_s") or row["elapsed_s"]
    if duration and "distance_m" in row:
        row.setdefault("average_speed_mps", row["distance_m"] / duration)


def container(legs: Sequence[Session]) -> Session:
    """Return what stands for the legs of a multisport recording: sums and maxima, no means; samples all legs have."""
    legs = sorted(legs, key=lambda leg: leg.row["start_time"])
    rows = [leg.row for leg in legs]
    start = rows[0]["start_time"]
    end = max(r["start_time"] + round(r["elapsed_s"] * SECOND) for r in rows)
    row: dict[str, Any] = {"start_time": start, "elapsed_s": (end - start) / SECOND, "manual": False}
    row |= {"sport": "multisport", "is_exercise": True, "has_gps": any(r.get("has_gps") for r in rows)}
    for names, total in ((_SUMS, sum), (_HIGHEST, max)):
        known = {name: [r[name] for r in rows if name in r] for name in names}
        row |= {name: total(values) for name, values in known.items() if values}
    row |= {name: rows[0].get(name) for name in _FIRST}
    row |= {name: rows[-1].get(name) for name in ("end_latitude_deg", "end_longitude_deg")}
    return Session(filled(row), _joined([leg.samples for leg in legs]), container=True)


def _joined(parts: Sequence[Samples]) -> Samples:
    parts = [p for p in parts if len(p.time)]
    if not parts:
        return Samples(np.empty(0, dtype=np.int64))
    names = [n for n in parts[0].columns if n not in ("distance_m", "cadence_rpm", "cadence_spm")]
    shared = [n for n in names if all(n in p.columns for p in parts)]
    columns = {n: np.concatenate([p.columns[n] for p in parts]) for n in shared}
    time, first = np.unique(np.concatenate([p.time for p in parts]), return_index=True)
    return Samples(time, {n: values[first] for n, values in columns.items()})
