"""A frame's rows as arrays: what the stages work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pierre_data.errors import SchemaError

REQUIRED = ("provider", "id", "sport", "start_time", "elapsed_s")
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Bools = np.ndarray[tuple[int], np.dtype[np.bool_]]
Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class Rows:
    """One array per field that matters, all of one length.

    Parameters
    ----------
    frame : DataFrame
        Where they come from, with a RangeIndex.
    rank : ndarray of int
        Priority of the provider, 0 is best.
    person : ndarray of int
        Whose row.
    start : ndarray of int
        Microseconds since 1970 UTC.
    elapsed, moving, distance : ndarray of float
        Seconds and metres; NaN is missing.
    sport : ndarray of int
        Position in `sports`.
    sports : list of str
        The distinct sports.
    indoor, manual, timed : ndarray of bool
        `timed` rows have a start and duration that can be compared.
    key : Series of str
        ``provider:id``.
    hash : ndarray of uint64
        Of the key: a total order that no shuffle changes.
    """

    frame: pd.DataFrame
    rank: Ints
    person: Ints
    start: Ints
    elapsed: Floats
    moving: Floats
    distance: Floats
    sport: Ints
    sports: list[str]
    indoor: Bools
    manual: Bools
    timed: Bools
    key: pd.Series
    hash: Hashes

    def numbers(self, column: str) -> Floats | None:
        """Return another column as floats, or None when the frame has none."""
        if column not in self.frame.columns:
            return None
        return self.frame[column].to_numpy(dtype=np.float64, na_value=np.nan)


def read_rows(frame: pd.DataFrame, priority: Sequence[str] | None, athlete: str | None) -> Rows:
    """Return the arrays of a frame with a RangeIndex.

    Raises
    ------
    SchemaError
        A required column, or the athlete column, is missing.
    """
    missing = [c for c in (*REQUIRED, *([athlete] if athlete else [])) if c not in frame.columns]
    if missing:
        raise SchemaError(f"Dedupe needs the column {missing[0]!r}.", "Keep it in the frame.")
    size = len(frame)
    codes, names = pd.factorize(frame["provider"], sort=True)
    order = [*(p for p in priority or () if p in set(names)), *(n for n in names if n not in set(priority or ()))]
    place = {name: at for at, name in enumerate(order)}
    sport, sports = pd.factorize(frame["sport"])
    elapsed = frame["elapsed_s"].to_numpy(dtype=np.float64, na_value=np.nan)
    hidden = _flags(frame, "start_hidden")
    start = frame["start_time"].to_numpy(dtype="datetime64[us]")
    key = frame["provider"] + ":" + frame["id"]
    nothing = np.full(size, np.nan)
    return Rows(
        frame=frame,
        rank=np.array([place[n] for n in names], dtype=np.int64)[codes] if size else np.zeros(0, dtype=np.int64),
        person=pd.factorize(frame[athlete], sort=True)[0] if athlete else np.zeros(size, dtype=np.int64),
        start=start.view(np.int64),
        elapsed=elapsed,
        moving=_numbers(frame, "moving_s", nothing),
        distance=_numbers(frame, "distance_m", nothing),
        sport=sport.astype(np.int64),
        sports=[str(s) for s in sports],
        indoor=_flags(frame, "indoor"),
        manual=_flags(frame, "manual"),
        timed=np.isfinite(elapsed) & (elapsed > 0) & ~hidden & ~np.isnat(start),
        key=key,
        hash=text_hash(key),
    )


def text_hash(texts: pd.Series) -> Hashes:
    """Return a 64-bit hash per text that is the same on every machine."""
    return np.asarray(pd.util.hash_pandas_object(texts, index=False, categorize=False), dtype=np.uint64)


def _flags(frame: pd.DataFrame, column: str) -> Bools:
    if column not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    return frame[column].fillna(False).to_numpy(dtype=bool)


def _numbers(frame: pd.DataFrame, column: str, nothing: Floats) -> Floats:
    if column not in frame.columns:
        return nothing
    return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
