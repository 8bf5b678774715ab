"""What sessions of every format share: the container of a multisport file, the device that recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pierre_data.files.recording import SECOND, Recording, Samples, Session, filled

_SUMS = ("moving_s", "distance_m", "elevation_gain_m", "elevation_loss_m", "energy_kcal", "work_kj")
_HIGHEST = ("max_speed_mps", "max_heart_rate_bpm", "max_power_w", "max_altitude_m")
_FIRST = ("utc_offset_s", "device", "start_latitude_deg", "start_longitude_deg")


def container(legs: Sequence[Session]) -> Session:
    """Return the activity that stands for the legs of a multisport recording.

    Parameters
    ----------
    legs : sequence of Session
        At least one.

    Returns
    -------
    Session
        From the first start to the last end; sums and maxima of the legs, no means.  Its samples are those of
        the legs that every leg has a column for, in order; cadence stays with the legs.
    """
    legs = sorted(legs, key=lambda leg: leg.row["start_time"])
    rows = [leg.row for leg in legs]
    start = rows[0]["start_time"]
    end = max(r["start_time"] + round(r["elapsed_s"] * SECOND) for r in rows)
    row: dict[str, Any] = {"start_time": start, "elapsed_s": (end - start) / SECOND, "manual": False}
    row |= {"sport": "multisport", "is_exercise": True, "has_gps": any(r.get("has_gps") for r in rows)}
    for name in _SUMS:
        known = [r[name] for r in rows if name in r]
        row[name] = sum(known) if known else None
    for name in _HIGHEST:
        row[name] = max((r[name] for r in rows if name in r), default=None)
    row |= {name: rows[0].get(name) for name in _FIRST}
    row |= {name: rows[-1].get(name) for name in ("end_latitude_deg", "end_longitude_deg")}
    return Session(filled(row), _joined([leg.samples for leg in legs]), container=True)


def device(
    recording: Recording, name: str | None, product: str | None, serial: str | None, model: str | None = None
) -> dict[str, Any]:
    """Return the column ``device``, and note the device as gear when it has a serial number.

    Its id is made of the maker's product and serial numbers, which FIT and TCX share.

    Examples
    --------
    >>> recording = Recording()
    >>> device(recording, "Garmin Edge 530", "3121", "3985624532")
    {'device': 'Garmin Edge 530'}
    >>> recording.devices[0]["id"]
    '3121-3985624532'
    """
    if serial and serial.strip("0"):
        brand = (name or "").split(" ")[0] or None
        gear = {"id": f"{product or 'device'}-{serial}", "kind": "device", "name": name, "brand": brand}
        recording.devices.append(filled(gear | {"model": model or product, "serial": serial}))
    return filled({"device": name or None})


def _joined(parts: Sequence[Samples]) -> Samples:
    parts = [p for p in parts if len(p.time)]
    if not parts:
        return Samples(np.empty(0, dtype=np.int64))
    names = [n for n in parts[0].columns if n not in ("distance_m", "cadence_rpm", "cadence_spm")]
    shared = [n for n in names if all(n in p.columns for p in parts)]
    columns = {n: np.concatenate([p.columns[n] for p in parts]) for n in shared}
    time = np.concatenate([p.time for p in parts])
    _, first = np.unique(time, return_index=True)
    return Samples(time[first], {n: values[first] for n, values in columns.items()})
