"""Heart rates that a strap kept while the athlete swam: FIT's hr messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pierre_data.files.fit import EPOCH_S, FIRST_TIME, Message
from pierre_data.files.recording import SECOND, Floats, Times

#: A heart rate is taken over from a beat at most this far away.
NEAR_S = 5.0


def heart_rates(messages: Sequence[Message], time: Times) -> Floats | None:
    """Return the heart rate at each time, NaN further than `NEAR_S` from any beat; None without readable messages."""
    beats, rates = _beats(messages)
    if not beats:
        return None
    order = np.argsort(beats, kind="stable")
    at, rate = np.array(beats)[order], np.array(rates)[order]
    seconds = time / SECOND
    right = np.clip(np.searchsorted(at, seconds), 0, len(at) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(at[left] - seconds) <= np.abs(at[right] - seconds), left, right)
    return np.where(np.abs(at[nearest] - seconds) <= NEAR_S, rate[nearest], np.nan)


def _beats(messages: Sequence[Message]) -> tuple[list[float], list[float]]:
    """Return seconds since 1970 and bpm of every beat."""
    beats, rates = list[float](), list[float]()
    base = clock = None
    for message in messages:
        stamp, event = message.get("timestamp"), message.get("#event_timestamp")
        if isinstance(stamp, int | float) and stamp >= FIRST_TIME and event is not None:
            ticks = [int(t) for t in _many(event)]
            base, clock = stamp + EPOCH_S - ticks[0] / 1024, ticks[0]
        elif base is not None and clock is not None and "#event_timestamp_12" in message:
            ticks = []
            for low in _twelve(message["#event_timestamp_12"]):
                clock += (low - clock) % 4096
                ticks.append(clock)
        else:
            continue
        for tick, rate in zip(ticks, _many(message.get("filtered_bpm", ())), strict=False):
            if isinstance(rate, int) and rate > 0:
                beats.append(base + tick / 1024)
                rates.append(float(rate))
    return beats, rates


def _many(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list | bytes) else (value,)


def _twelve(raw: Any) -> list[int]:
    """Return the 12-bit numbers packed in bytes, least significant first."""
    data = [int(b or 0) for b in _many(raw)]
    out = []
    for at in range(0, len(data) - 2, 3):
        out += [data[at] | (data[at + 1] & 0x0F) << 8, data[at + 1] >> 4 | data[at + 2] << 4]
    return out
