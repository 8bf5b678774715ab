"""The points of a track as columns of texts, and those texts as numbers and times, whole columns at a time."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Container, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pierre_data.files.recording import Floats, Recording, Samples, Times
from pierre_data.files.samples import arrange, name_cadence

Texts = list[str | None]


def local(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2]


class Points:
    """Points in the order of the document, taken from the parser one by one or, where the shape allows it, in bulk."""

    def __init__(self) -> None:
        self._rows: list[dict[str, str]] = []
        self._columns: dict[str, Texts] = {}
        self._size = 0
        #: Take one point: qualified names of its elements -> texts.
        self.add = self._rows.append

    def __len__(self) -> int:
        return self._size + len(self._rows)

    def take(self, flat: list[str], point: str, names: Container[str]) -> int:
        """Take the whole points at the front of what the parser read, and return how many items that were.

        `flat` has texts and names of closed elements as they came, `names` tells them apart; `point` closes a point.
        """
        if point not in flat:
            return 0
        self._flush()
        at = self._take_regular(flat, point, names)
        row, text = dict[str, str](), ""
        for place in range(at, len(flat)):
            item = flat[place]
            if item == point:
                self.add(row)
                row, text, at = {}, "", place + 1
            elif item in names:
                row[item], text = text, ""
            else:
                text = item
        return at

    def columns(self, wanted: Mapping[str, str]) -> dict[str, Texts]:
        """Return the texts of all points by column, from local name to column; the first known name counts."""
        self._flush()
        out: dict[str, Texts] = {}
        for name in sorted(self._columns):
            column = wanted.get(local(name))
            if column is None:
                continue
            texts = self._columns[name]
            if column in out:
                texts = [b if a is None else a for a, b in zip(out[column], texts, strict=True)]
            out[column] = texts
        return out

    def _take_regular(self, flat: list[str], point: str, names: Container[str]) -> int:
        """Take points that all have the same elements, each after a text: slices of the list are columns then."""
        width = flat.index(point) + 1
        count = len(flat) // width
        shape = flat[1:width:2]
        known = all(name in names for name in shape)
        if width % 2 or not known or len(set(shape)) < len(shape) or flat[1 : count * width : 2] != shape * count:
            return 0
        self._extend({name: list(flat[2 * at : count * width : width]) for at, name in enumerate(shape[:-1])}, count)
        return count * width

    def _flush(self) -> None:
        rows = self._rows
        if rows:
            self._extend({name: [row.get(name) for row in rows] for name in set[str]().union(*rows)}, len(rows))
            rows.clear()

    def _extend(self, columns: Mapping[str, Texts], count: int) -> None:
        for name, texts in columns.items():
            column = self._columns.setdefault(name, [])
            column += [None] * (self._size - len(column))
            column += texts
        self._size += count
        for column in self._columns.values():
            column += [None] * (self._size - len(column))


def samples_of(points: Points, wanted: Mapping[str, str], feet: bool, recording: Recording) -> tuple[Samples, Times]:
    """Return points as samples, and the times of all of them in the order of the file, -1 where there is none."""
    texts = points.columns(wanted)
    times = instants(texts.pop("time", [None] * len(points)))
    columns = {name: floats(column, name, recording) for name, column in texts.items()}
    name_cadence(columns, feet)
    return arrange(times, columns, recording), times


def floats(texts: Texts, name: str, recording: Recording) -> Floats:
    """Return texts as numbers; what is none, or infinite, becomes NaN and is reported once."""
    try:
        # Arrow reads numbers four times as fast as Python.
        array = pc.utf8_trim_whitespace(pa.array(texts, pa.string())).cast(pa.float64())
        out: Floats = array.to_numpy(zero_copy_only=False).copy()
    except pa.ArrowInvalid:  # one is no number
        out = np.array([_float(text) for text in texts], dtype=np.float64)
    if np.isfinite(out).all():
        return out
    out[np.isinf(out)] = math.nan
    lost = [t for t, known in zip(texts, (~np.isnan(out)).tolist(), strict=True) if t and not known]
    if lost:
        recording.problems.append((name, f"{lost[0][:40]!r} and the like, {len(lost)} times"))
    return out


def _float(text: str | None) -> float:
    try:
        return math.nan if text is None else float(text)
    except ValueError:
        return math.nan


def read_number(text: str | None) -> float | None:
    """Return a text as a number, or None where it is none."""
    value = _float(text)
    return value if math.isfinite(value) else None


def instants(texts: Texts) -> Times:
    """Return ISO times as microseconds since 1970, UTC, -1 where there is none; those without a zone are UTC."""
    trimmed = pc.utf8_trim_whitespace(pa.array(texts, pa.string()))
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):  # all with a zone, or all without
        try:
            known = trimmed.cast(kind).cast(pa.int64()).fill_null(-1)
        except pa.ArrowInvalid:
            continue
        out: Times = known.to_numpy().copy()
        return out
    return np.array([instant(text) for text in texts], dtype=np.int64)


def instant(text: str | None) -> int:
    """Return one ISO time as `instants` does."""
    try:
        time = dt.datetime.fromisoformat((text or "").strip())
    except ValueError:
        return -1
    aware = time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
    return (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
