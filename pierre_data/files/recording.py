"""What a file of activities holds, whatever its format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

#: Microseconds.
SECOND = 1_000_000


@dataclass(slots=True)
class Samples:
    """Samples of one session, in order of time, one per instant.

    Parameters
    ----------
    time : ndarray of int64
        Microseconds since 1970, UTC, ascending, without repeats.
    columns : dict of str to ndarray of float64
        Columns of STREAMS in their units, NaN where nothing was measured.
    moving : ndarray of bool, optional
        Not paused, where the file says so.
    """

    time: Times
    columns: dict[str, Floats] = field(default_factory=dict)
    moving: npt.NDArray[np.bool_] | None = None


@dataclass(slots=True)
class Session:
    """One activity of a file.

    Parameters
    ----------
    row : dict of str to value
        Columns of ACTIVITIES in their units, without provider and id; ``start_time`` is in microseconds since
        1970, UTC.  Absent means null.
    samples : Samples
        What was recorded.
    laps : list of dict
        Columns of LAPS likewise, in order.
    container : bool
        It stands for the sessions after it (a triathlon).
    link : str
        What survives a re-upload: maker, product, serial, time and session of a FIT file; empty when unknown.
    """

    row: dict[str, Any]
    samples: Samples
    laps: list[dict[str, Any]] = field(default_factory=list)
    container: bool = False
    link: str = ""


@dataclass(slots=True)
class Recording:
    """All that was read of one file.

    Parameters
    ----------
    sessions : list of Session
        In order of time; a container comes before its legs.
    devices : list of dict
        Columns of GEAR.
    problems : list of (field, value)
        What could not be read, or was repaired.
    """

    sessions: list[Session] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def filled(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without nulls, NaN and infinities, so that it can be JSON.

    Examples
    --------
    >>> filled({"a": None, "b": float("nan"), "c": 0.0})
    {'c': 0.0}
    """
    return {n: v for n, v in row.items() if v is not None and not (isinstance(v, float) and not math.isfinite(v))}
