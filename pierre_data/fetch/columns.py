"""Wire values to Arrow columns, with the positions of what cannot be read."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pierre_data.schema import Kind
from pierre_data.spi.fields import number
from pierre_data.spi.messages import without_halves

Values = Sequence[Any] | np.ndarray[Any, Any]
Read = tuple[pa.Array, list[int]]

_INSTANT = pa.timestamp("us", tz="UTC")
_WALL = pa.timestamp("us")


def read(values: Values, kind: Kind) -> Read:
    """Return values as an Arrow array of a kind, and the positions that could not be read (null there).

    Examples
    --------
    >>> array, bad = read(["2026-01-01T00:00:00Z", "soon", None], Kind.INSTANT)
    >>> array.null_count, bad
    (2, [1])
    """
    match kind:
        case Kind.NUMBER | Kind.COUNT:
            return _numbers(values)
        case Kind.TEXT:
            return _texts(values)
        case Kind.INSTANT:
            return _times(values, _INSTANT)
        case Kind.WALL:
            return _times(values, _WALL)
    if isinstance(values, np.ndarray) and values.dtype == bool:
        return pa.array(values), []
    if set(map(type, values)) <= {bool, type(None)}:
        return pa.array(values, pa.bool_()), []
    bad = [at for at, v in enumerate(values) if v is not None and not isinstance(v, bool | np.bool_)]
    skip = set(bad)
    return pa.array([None if v is None or at in skip else bool(v) for at, v in enumerate(values)], pa.bool_()), bad


def _numbers(values: Values) -> Read:
    bad: list[int] = []
    plain = isinstance(values, np.ndarray) and values.dtype.kind in "fiu"
    try:
        if not plain and not set(map(type, values)) <= {int, float, type(None)}:
            raise TypeError
        array = np.array(values, dtype=np.float64)
    except (TypeError, OverflowError):  # text, a boolean, an integer of 400 digits: one by one, to know which
        array = np.full(len(values), np.nan)
        for at, value in enumerate(values):
            try:
                array[at] = np.nan if value is None else number(value)
            except (TypeError, ValueError, OverflowError):
                bad.append(at)
    infinite = np.isinf(array)
    if not plain and infinite.any():
        bad += np.flatnonzero(infinite).tolist()
        array[infinite] = np.nan
    # pa.array(..., from_pandas=True) took 15 times as long for a page of 200 values (pyarrow 26, 2026-11).
    return pa.array(array, mask=np.isnan(array)), bad


def _texts(values: Values) -> Read:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {int}:  # ids, mostly
        with contextlib.suppress(ValueError):  # an integer of more than 4300 digits
            return pa.array([None if v is None else str(v) for v in values], pa.string()), []
    if kinds <= {str}:
        try:
            return pa.array([v or None for v in values] if "" in values else values, pa.string()), []
        except UnicodeEncodeError:
            return pa.array([v and without_halves(v) for v in values], pa.string()), []
    texts: list[str | None] = []
    bad: list[int] = []
    for at, value in enumerate(values):
        try:
            texts.append(_text(value))
        except (TypeError, ValueError):  # ValueError: an integer of more than 4300 digits
            texts.append(None)
            bad.append(at)
    return pa.array(texts, pa.string()), bad


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and value != value) or value is pd.NA:
        return None
    if isinstance(value, bool | np.bool_ | Mapping | list | tuple | set | bytes | np.ndarray):
        raise TypeError("text is a word or a number")
    return without_halves(str(value)) or None


def _times(values: Values, kind: pa.DataType) -> Read:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[us]")).cast(kind), []
    values = values.tolist() if isinstance(values, np.ndarray) else values
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {dt.datetime, pd.Timestamp}:
        if kind is _WALL and any(v is not None and v.tzinfo is not None for v in values):
            values = [None if v is None else v.replace(tzinfo=None) for v in values]
        return pa.array(values, kind, from_pandas=True), []
    if kinds != {str}:
        values = [None if v is None else v.isoformat() if isinstance(v, dt.date) else str(v) for v in values]
    texts = pa.array(values, pa.string())
    if kind is _WALL:
        # The zone of a wall-clock time means nothing here; some vendors write a false "Z" (Strava).
        texts = pc.utf8_rtrim(texts, characters="Z")
    try:
        return texts.cast(kind), []
    except pa.ArrowInvalid:
        pass  # Arrow refuses the whole array for one odd value: read again, leniently, one by one.
    if kind is _WALL:
        texts = pc.replace_substring_regex(texts, r"[+-]\d\d:?\d\d$", "")
    series = pd.Series(texts.to_pylist(), dtype="object")
    times = pd.to_datetime(series, utc=True, errors="coerce", format="ISO8601").astype("datetime64[us, UTC]")
    bad = np.flatnonzero((series.notna() & times.isna()).to_numpy()).tolist()
    naive = times.dt.tz_localize(None) if kind is _WALL else times
    return pa.array(naive, kind, from_pandas=True), bad
