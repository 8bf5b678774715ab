"""A frame's rows as arrays: what the stages work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pierre_data.dedupe.points import sport_codes
from pierre_data.dedupe.sources import Bools, Earlier, Floats, Hashes, Ints, earlier, text_hash
from pierre_data.errors import QueryError, SchemaError

REQUIRED = ("provider", "id", "sport", "start_time", "elapsed_s")
#: Longer durations are mistakes (milliseconds, a watch never stopped): such rows are not compared by time.
_LONGEST_S = 31 * 86_400.0
_NO_TIME = np.iinfo(np.int64).min
# Spreads the person over all bits, so that one id of two people is two keys.
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Rows:
    """One array per field that matters, all of one length.

    Parameters
    ----------
    frame : DataFrame
        Where they come from, with a RangeIndex.
    places : mapping of str to int
        Priority of each provider, 0 is best.
    rank : ndarray of int
        Priority of the row's provider.
    person : ndarray of int
        Whose row.
    start : ndarray of int
        Microseconds since 1970 UTC; the smallest integer is missing.
    elapsed, moving, distance : ndarray of float
        Seconds and metres; NaN is missing.
    sport : ndarray of int
        Code of `points.sport_codes`.
    indoor, manual, hidden, timed : ndarray of bool
        `hidden` starts are blurred by the vendor; `timed` rows have a start and duration that can be compared.
    key : Series of str
        ``provider:id``.
    hash : ndarray of uint64
        The smallest hash of the keys the row stands for: a total order that no shuffle changes.
    earlier : Earlier or None
        Sources of rows that an earlier call merged.
    """

    frame: pd.DataFrame
    places: Mapping[str, int]
    rank: Ints
    person: Ints
    start: Ints
    elapsed: Floats
    moving: Floats
    distance: Floats
    sport: Ints
    indoor: Bools
    manual: Bools
    hidden: Bools
    timed: Bools
    key: pd.Series[str]
    hash: Hashes
    earlier: Earlier | None

    def __len__(self) -> int:
        return len(self.hash)

    def numbers(self, column: str) -> Floats:
        """Return another column as floats; a column that the frame lacks is all NaN."""
        return _numbers(self.frame, column)

    def starts(self, at: Ints) -> Floats:
        """Return start times in seconds since 1970, NaN where missing."""
        return np.where(self.start[at] == _NO_TIME, np.nan, self.start[at] / 1e6)

    def mine(self, hashes: Hashes, at: Ints) -> Hashes:
        """Return hashes of keys as keys of the person of each row, so that nobody's ids link to another's."""
        return hashes + self.person[at].astype(np.uint64) * _ODD


def read_rows(frame: pd.DataFrame, priority: Sequence[str] | None, athlete: str | None) -> Rows:
    """Return the arrays of a frame with a RangeIndex.

    Raises
    ------
    QueryError
        `priority` is a text.
    SchemaError
        A column that is needed is missing, doubled, has nulls, or cannot be read.
    """
    if priority is None:
        # A frame of a client knows the order of its providers.
        noted = frame.attrs.get("pierre")
        priority = str(noted.get("providers", "")).split() if isinstance(noted, dict) else None
    if isinstance(priority, str):
        raise QueryError("priority is one text.", f"Pass a list of provider names, such as [{priority!r}].")
    _check(frame, athlete)
    provider, id = _texts(frame, "provider"), _texts(frame, "id")
    key = provider + ":" + id
    before = earlier(frame)
    hashes = text_hash(key)
    if before is not None:
        hashes[before.row] = np.iinfo(np.uint64).max
        np.minimum.at(hashes, before.row, before.hash)
    codes, names = pd.factorize(provider)
    known = sorted({*names, *(before.providers if before is not None else ())})
    order = dict.fromkeys([*(priority or ()), *known])
    places = {name: at for at, name in enumerate(order)}
    elapsed = _numbers(frame, "elapsed_s")
    hidden = _flags(frame, "start_hidden")
    start = _instants(frame, "start_time")
    return Rows(
        frame=frame,
        places=places,
        rank=np.array([places[n] for n in names], dtype=np.int64)[codes],
        person=pd.factorize(frame[athlete], sort=True)[0].astype(np.int64) if athlete else np.zeros(len(frame), int),
        start=start,
        elapsed=elapsed,
        moving=_numbers(frame, "moving_s"),
        distance=_numbers(frame, "distance_m"),
        sport=sport_codes(_texts(frame, "sport")),
        indoor=_flags(frame, "indoor"),
        manual=_flags(frame, "manual"),
        hidden=hidden,
        timed=(elapsed > 0) & (elapsed <= _LONGEST_S) & ~hidden & (start != _NO_TIME),
        key=key,
        hash=hashes,
        earlier=before,
    )


def updates(rows: Rows) -> Ints:
    """Return `updated_at` in microseconds; a missing time is the oldest."""
    if "updated_at" not in rows.frame.columns:
        return np.zeros(len(rows), dtype=np.int64)
    return _instants(rows.frame, "updated_at")


def _check(frame: pd.DataFrame, athlete: str | None) -> None:
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise SchemaError(f"The frame has the column {twice!r} twice.", "Rename or drop one of them.")
    missing = [c for c in (*REQUIRED, *([athlete] if athlete else [])) if c not in frame.columns]
    if missing:
        raise SchemaError(f"Dedupe needs the column {missing[0]!r}.", "Keep it in the frame.")
    for column in ("provider", "id", *([athlete] if athlete else [])):
        if frame[column].isna().any():
            raise SchemaError(f"Column {column!r} has missing values.", "Fill or drop those rows.")


def _texts(frame: pd.DataFrame, column: str) -> pd.Series[str]:
    series = frame[column]
    return series if series.dtype == "str" else series.astype("str")


def _flags(frame: pd.DataFrame, column: str) -> Bools:
    if column not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    return frame[column].astype("boolean").to_numpy(dtype=bool, na_value=False)


def _numbers(frame: pd.DataFrame, column: str) -> Floats:
    if column not in frame.columns:
        return np.full(len(frame), np.nan)
    try:
        return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise _unreadable(column, "numbers", error) from error


def _instants(frame: pd.DataFrame, column: str) -> Ints:
    series: pd.Series[Any] = frame[column]
    try:
        if not pd.api.types.is_datetime64_any_dtype(series.dtype):
            series = pd.to_datetime(series, utc=True, format="ISO8601")
        return series.to_numpy(dtype="datetime64[us]").view(np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise _unreadable(column, "times", error) from error


def _unreadable(column: str, kind: str, error: Exception) -> SchemaError:
    return SchemaError(
        f"Column {column!r} cannot be read as {kind}: {error}.", "Convert the column before passing the frame."
    )
