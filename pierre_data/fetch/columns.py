"""Wire values to Arrow columns, with the positions of what cannot be read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pierre_data.schema import Kind

Values = Sequence[Any] | np.ndarray[Any, Any]
Read = tuple[pa.Array, list[int]]

_INSTANT = pa.timestamp("us", tz="UTC")
_WALL = pa.timestamp("us")


def read(values: Values, kind: Kind) -> Read:
    """Return values as an Arrow array of a kind, and the positions that could not be read (null there).

    Parameters
    ----------
    values : sequence or ndarray
        None or NaN is null.
    kind : Kind
        Kind of the column.

    Returns
    -------
    pyarrow.Array, list of int

    Examples
    --------
    >>> array, bad = read(["2026-01-01T00:00:00Z", "soon", None], Kind.INSTANT)
    >>> array.null_count, bad
    (2, [1])
    """
    match kind:
        case Kind.NUMBER:
            return _numbers(values)
        case Kind.TEXT:
            return _texts(values)
        case Kind.FLAG:
            return _flags(values)
        case Kind.INSTANT:
            return _times(values, _INSTANT)
        case Kind.WALL:
            return _times(values, _WALL)


def _numbers(values: Values) -> Read:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return pa.array(values.astype(np.float64, copy=False), from_pandas=True), []
    bad: list[int] = []
    try:
        # np.array(..., float) takes True for 1.0; numbers refuse booleans.
        if bool in set(map(type, values)):
            raise TypeError
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.full(len(values), np.nan)
        for at, value in enumerate(values):
            try:
                array[at] = np.nan if value is None else _number(value)
            except (TypeError, ValueError, OverflowError):
                bad.append(at)
    infinite = np.isinf(array)
    if infinite.any():
        bad += np.flatnonzero(infinite).tolist()
        array[infinite] = np.nan
    return pa.array(array, from_pandas=True), bad


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError("a boolean is no number")
    return float(value)


def _texts(values: Values) -> Read:
    if isinstance(values, np.ndarray):
        return _texts(values.tolist())
    try:
        array = pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        array = pa.array([_text(v) for v in values], pa.string())
    if pc.any(pc.equal(array, "")).as_py():
        array = pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)
    return array, []


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)


def _flags(values: Values) -> Read:
    if isinstance(values, np.ndarray) and values.dtype == bool:
        return pa.array(values), []
    bad = [at for at, v in enumerate(values) if v is not None and not isinstance(v, bool | np.bool_)]
    skip = set(bad)
    return pa.array([None if v is None or at in skip else bool(v) for at, v in enumerate(values)], pa.bool_()), bad


def _times(values: Values, kind: pa.DataType) -> Read:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[us]")).cast(kind), []
    if isinstance(values, np.ndarray):
        return _times(values.tolist(), kind)
    kinds = {type(v) for v in values if v is not None}
    if kinds <= {dt.datetime, pd.Timestamp}:
        if kind is _WALL and any(v is not None and v.tzinfo is not None for v in values):
            values = [None if v is None else v.replace(tzinfo=None) for v in values]
        return pa.array(values, kind, from_pandas=True), []
    if kinds == {str}:
        return _parsed(values, kind)
    texts = [None if v is None else v.isoformat() if isinstance(v, dt.date) else str(v) for v in values]
    return _parsed(texts, kind)


def _parsed(values: Sequence[Any], kind: pa.DataType) -> Read:
    texts = pa.array(values, pa.string())
    if kind is _WALL:
        # The zone of a wall-clock time means nothing here; some vendors write a false "Z" (Strava).
        texts = pc.replace_substring_regex(texts, r"(Z|[+-]\d\d:?\d\d)$", "")
    try:
        return texts.cast(kind), []
    except pa.ArrowInvalid:
        pass  # Arrow refuses the whole array for one odd value: read again, leniently, one by one.
    series = pd.Series(texts.to_pylist(), dtype="object")
    times = pd.to_datetime(series, utc=True, errors="coerce", format="ISO8601").astype("datetime64[us, UTC]")
    bad = np.flatnonzero((series.notna() & times.isna()).to_numpy()).tolist()
    naive = times.dt.tz_localize(None) if kind is _WALL else times
    return pa.array(naive, kind, from_pandas=True), bad
