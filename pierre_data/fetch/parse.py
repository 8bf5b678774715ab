"""Pages and rows to Arrow tables in our columns and units."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pierre_data.errors import SchemaError
from pierre_data.fetch.columns import Values, read, trusted
from pierre_data.fetch.report import Rejected
from pierre_data.fetch.wire import wire
from pierre_data.schema import FAMILY, Table
from pierre_data.spi import Endpoint, Page, Query, Rows
from pierre_data.spi.fields import Columnwise, Field, Sports

#: What a translating function may raise for a value it cannot read.
UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)


@dataclass(slots=True)
class Parsed:
    """The rows of one page.

    Parameters
    ----------
    table : pyarrow.Table
        The mapped columns, in the table's order and units.
    page : Page
        What the plan is told.
    rejected : list of Rejected
        Rows set aside.
    notes : list of Rejected
        What was odd and read all the same.
    unknown : Counter
        Sport words in no table -> rows.
    """

    table: pa.Table
    page: Page
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[Rejected] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Draft:
    """Columns while they are read, and which rows are refused for what."""

    provider: str
    table: Table
    size: int
    columns: dict[str, pa.Array] = field(default_factory=dict)
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)

    def put(self, name: str, values: Values, wire_name: str) -> None:
        array, bad = read(values, self.table[name].kind)
        self.columns[name] = array
        for at in bad:
            self.refused.setdefault(at, (wire_name, repr(values[at])[:80]))


def parse_page(body: bytes, endpoint: Endpoint, query: Query, provider: str, path: str) -> Parsed:
    """Read one page.

    Parameters
    ----------
    body : bytes
        As it came.
    endpoint : Endpoint
        Where it came from.
    query : Query
        What was asked.
    provider, path : str
        For messages and the provider column.

    Returns
    -------
    Parsed

    Raises
    ------
    PayloadError
        The page as a whole cannot be read.
    """
    decoder = wire(endpoint, query.table)
    decoded = decoder.decode(body, query, provider, path)
    draft = _Draft(provider, query.table, decoded.size)
    for name, item in endpoint.fields.items():
        values = [decoded.columns[n] for n in decoder.names[name]]
        _translate(draft, name, item, values, name in decoder.checked)
    parsed = _finish(draft)
    parsed.rejected[:0] = [Rejected(provider, query.table.name, str(b.row), b.field, b.value) for b in decoded.bad]
    parsed.page = _page(parsed.table, query.table, decoded.sent, decoded.cursor)
    return parsed


def parse_rows(rows: Rows, table: Table, provider: str) -> Parsed:
    """Read the rows a plan made itself; they are in our units already.

    Raises
    ------
    SchemaError
        A column is not the table's, or the columns differ in length.
    """
    sizes = {len(values) for values in rows.columns.values()}
    if len(sizes) > 1:
        raise SchemaError(
            f"{provider} made {table.name} columns of different lengths.", "This is a bug of that provider."
        )
    draft = _Draft(provider, table, sizes.pop() if sizes else 0)
    for name, values in rows.columns.items():
        draft.put(name, values, name)
    parsed = _finish(draft)
    parsed.rejected += [Rejected(provider, table.name, *item) for item in rows.rejected]
    parsed.notes += [Rejected(provider, table.name, *item) for item in rows.notes]
    parsed.unknown.update(rows.unknown)
    parsed.page = _page(parsed.table, table, draft.size, None)
    return parsed


def cut(table: pa.Table, kind: Table, after: dt.datetime | None, before: dt.datetime | None) -> pa.Table:
    """Return the rows with a time in ``[after, before)``; a table without time is left alone."""
    if kind.time is None or kind.time not in table.schema.names or not (after or before):
        return table
    times = table[kind.time].cast(pa.timestamp("us", tz="UTC"))
    keep = pa.scalar(True)
    if after is not None:
        keep = pc.and_(keep, pc.greater_equal(times, pa.scalar(after, times.type)))
    if before is not None:
        keep = pc.and_(keep, pc.less(times, pa.scalar(before, times.type)))
    return table.filter(keep)


def _translate(draft: _Draft, name: str, item: Field, values: Sequence[tuple[Any, ...]], checked: bool) -> None:
    if isinstance(item.via, Sports):
        _sports(draft, item, item.via, values)
        return
    array = trusted(values[0], draft.table[name].kind) if checked else None
    if array is not None:
        draft.columns[name] = array
    elif item.via is not None:
        draft.put(name, _via(draft, item, values), item.paths[0])
    else:
        draft.put(name, values[0] if len(values) == 1 else _first(values), item.paths[0])
    target = draft.table[name].unit
    if item.unit is not None and target is not None and item.unit is not target:
        to = item.unit.to(target)
        draft.columns[name] = pc.add(pc.multiply(draft.columns[name], to.scale), to.offset)


def _first(values: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
    found: Sequence[Any] = values[0]
    for other in values[1:]:
        found = [b if a is None else a for a, b in zip(found, other, strict=True)]
    return found


def _via(draft: _Draft, item: Field, values: Sequence[tuple[Any, ...]]) -> list[Any]:
    via: Any = item.via
    try:
        if isinstance(via, Columnwise):
            return list(via.function(*values))
        # Each distinct value is translated once; most columns that need it have few.
        if len(values) == 1:
            single = {v: via(v) for v in set(values[0]) if v is not None}
            return [single.get(v) for v in values[0]]
        several: dict[tuple[Any, ...], Any] = {}
        found = []
        for group in zip(*values, strict=True):
            if group not in several:
                several[group] = via(*group)
            found.append(several[group])
        return found
    except UNREADABLE:
        pass  # Something cannot be read, or cannot be hashed: row by row, to know which.
    if isinstance(via, Columnwise):
        whole = via.function
        via = lambda *group: whole(*((v,) for v in group))[0]  # noqa: E731
    out: list[Any] = []
    for at, group in enumerate(zip(*values, strict=True)):
        try:
            out.append(None if group == (None,) else via(*group))
        except UNREADABLE:
            draft.refused.setdefault(at, (item.paths[0], repr(group[0])[:80]))
            out.append(None)
    return out


def _sports(draft: _Draft, item: Field, sports: Sports, values: Sequence[tuple[Any, ...]]) -> None:
    rows, groups = _coded(list(zip(*values, strict=True)))
    raws, names, exercise = [], [], []
    for code, (group, count) in enumerate(zip(groups, np.bincount(rows, minlength=len(groups)), strict=True)):
        raw = word = known = None
        try:
            raw, word, known = sports.read(*group)
        except UNREADABLE:
            for at in np.flatnonzero(rows == code).tolist():
                draft.refused.setdefault(at, (item.paths[0], repr(group[0])[:80]))
        if word is not None and known is None:
            draft.unknown[word] += int(count)
        sport, is_exercise = known or ("other", True)
        raws.append(raw)
        names.append(sport)
        exercise.append(is_exercise)
    for name, distinct in (("sport", names), ("sport_raw", raws), ("is_exercise", exercise)):
        array, _ = read(distinct, draft.table[name].kind)
        draft.columns[name] = array.take(pa.array(rows))


def _coded(groups: list[tuple[Any, ...]]) -> tuple[np.ndarray[Any, np.dtype[np.int64]], list[tuple[Any, ...]]]:
    """Return distinct groups, and for each group which of them it is."""
    codes: dict[Any, int] = {}
    try:
        rows = [codes.setdefault(group, len(codes)) for group in groups]
        return np.array(rows, dtype=np.int64), list(codes)
    except TypeError:  # an object or a list where a word was
        codes = {}
        rows = [codes.setdefault(repr(group), len(codes)) for group in groups]
    first = dict(zip(reversed(rows), reversed(groups), strict=True))
    return np.array(rows, dtype=np.int64), [first[code] for code in range(len(codes))]


def _finish(draft: _Draft) -> Parsed:
    columns, table = draft.columns, draft.table
    columns["provider"] = pa.repeat(pa.scalar(draft.provider, pa.string()), draft.size)
    _complete(columns)
    for name in table.required if draft.size else ():
        column = columns.get(name)
        if column is None:
            raise SchemaError(f"{draft.provider} made no {table.name}.{name}.", "This is a bug of that provider.")
        if column.null_count:
            for at in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
                draft.refused.setdefault(at, (name, "missing"))
    names = [n for n in table.columns if n in columns]
    schema = pa.schema([table.fields[n] for n in names])
    made = pa.table([columns[n] for n in names], schema=schema)
    rejected = [_rejected(draft, at) for at in sorted(draft.refused)]
    if rejected:
        keep = np.ones(draft.size, dtype=bool)
        keep[list(draft.refused)] = False
        made = made.filter(pa.array(keep))
    return Parsed(made, Page(), rejected, unknown=draft.unknown)


def _rejected(draft: _Draft, at: int) -> Rejected:
    ids = draft.columns.get(draft.table.row_id)
    label = ids[at].as_py() if ids is not None else None
    return Rejected(draft.provider, draft.table.name, str(label or at), *draft.refused[at])


def _complete(columns: dict[str, pa.Array]) -> None:
    """Derive what follows from other columns."""
    if "sport" in columns and "sport_family" not in columns:
        coded = columns["sport"].dictionary_encode()
        families = pa.array([FAMILY.get(s, "other") for s in coded.dictionary.to_pylist()], pa.string())
        columns["sport_family"] = families.take(coded.indices)
    start, local, offset = (columns.get(n) for n in ("start_time", "start_time_local", "utc_offset_s"))
    if start is None:
        return
    wall = pa.timestamp("us")
    if offset is None and local is not None:
        gap = pc.subtract(local, start.cast(wall)).cast(pa.int64())
        columns["utc_offset_s"] = pc.divide(gap.cast(pa.float64()), 1e6)
    if local is None and offset is not None:
        shift = pc.multiply(offset, 1e6).cast(pa.int64(), safe=False).cast(pa.duration("us"))
        columns["start_time_local"] = pc.add(start.cast(wall), shift)


def _page(table: pa.Table, kind: Table, sent: int, cursor: Any) -> Page:
    oldest = newest = None
    if kind.time is not None and table.num_rows and kind.time in table.schema.names:
        ends: Mapping[str, Any] = pc.min_max(table[kind.time]).as_py()
        oldest, newest = (_aware(ends[end]) for end in ("min", "max"))
    return Page(rows=sent, cursor=cursor, oldest=oldest, newest=newest)


def _aware(time: dt.datetime | None) -> dt.datetime | None:
    if time is None:
        return None
    return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time


def always_null(table: pa.Table, endpoint: Endpoint) -> tuple[str, ...]:
    """Return the mapped columns that are null in every row."""
    return tuple(n for n in endpoint.fields if n in table.schema.names and table[n].null_count == table.num_rows)
