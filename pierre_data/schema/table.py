"""A table derived from a record: dtypes, Arrow schema, the conforming gate, documentation."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pierre_data.errors import SchemaError
from pierre_data.schema.types import Kind, Measure
from pierre_data.schema.units import SUFFIX, Unit

if TYPE_CHECKING:
    from pierre_data.schema.records import Record

_ARROW: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.NUMBER: pa.float64(),
    Kind.FLAG: pa.bool_(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.WALL: pa.timestamp("us"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, kind, unit, meaning, and whether it must be filled."""

    name: str
    kind: Kind
    unit: Unit | None
    meaning: str
    required: bool


class Table:
    """The columns of a record, in order, and what can be derived from them.

    Parameters
    ----------
    name : str
        What people call it, such as ``"activities"``.
    record : type of Record
        Declares the columns.  Fields of the most derived class come first.
    key : tuple of str
        Columns that identify a row.
    time : str, optional
        Column that windows and periods refer to.

    Examples
    --------
    >>> from pierre_data.schema import ACTIVITIES, Unit
    >>> ACTIVITIES["distance_m"].unit
    Unit.METRE
    >>> ACTIVITIES.empty()["start_time"].dtype
    datetime64[us, UTC]
    """

    def __init__(self, name: str, record: type[Record], *, key: tuple[str, ...], time: str | None = None) -> None:
        self.name = name
        self.record = record
        self.key = key
        self.time = time
        self.columns: Mapping[str, Column] = types.MappingProxyType({c.name: c for c in _columns(record)})
        unknown = [c for c in (*key, *([time] if time else [])) if c not in self.columns]
        if unknown:
            raise SchemaError(f"Table {name} has no column {unknown[0]!r}.", "Correct its key or time.")

    def __repr__(self) -> str:
        return f"<Table {self.name}: {len(self.columns)} columns>"

    def __getitem__(self, name: str) -> Column:
        """Return a column; an unknown name is a `SchemaError`."""
        try:
            return self.columns[name]
        except KeyError:
            raise SchemaError(
                f"{self.name} has no column {name!r}.", f"Its columns are: {', '.join(self.columns)}."
            ) from None

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that may not be null."""
        return tuple(c.name for c in self.columns.values() if c.required)

    @cached_property
    def dtypes(self) -> Mapping[str, str]:
        """Pandas dtype of each column."""
        return types.MappingProxyType({c.name: c.kind.value for c in self.columns.values()})

    @cached_property
    def arrow(self) -> pa.Schema:
        """Arrow schema; unit and meaning are field metadata."""
        return pa.schema([_arrow_field(c) for c in self.columns.values()], metadata={"pierre.table": self.name})

    @cached_property
    def fields(self) -> Mapping[str, pa.Field]:
        """Arrow field of each column, without its metadata."""
        return types.MappingProxyType({f.name: f.remove_metadata() for f in self.arrow})

    def empty(self) -> pd.DataFrame:
        """Return the frame without rows, with the dtypes of a full one."""
        return self.conform(pd.DataFrame())

    def conform(self, frame: pd.DataFrame, *, extra: bool = False) -> pd.DataFrame:
        """Return the frame with this table's columns, order and dtypes.

        Parameters
        ----------
        frame : DataFrame
            Any subset of the columns; naive times in an instant column are taken as UTC.
        extra : bool, default False
            Keep columns the table does not know, at the end.

        Returns
        -------
        DataFrame
            With a RangeIndex; missing optional columns are null.

        Raises
        ------
        SchemaError
            A required column is missing or has nulls, or a value cannot be cast.
        """
        size = len(frame)
        data: dict[Any, Any] = {}
        for column in self.columns.values():
            if column.name in frame.columns:
                data[column.name] = _cast(frame[column.name], column, self.name)
            elif column.required and size:
                raise SchemaError(f"{self.name} needs the column {column.name!r}.", "Add it to the frame.")
            else:
                data[column.name] = _nulls(column.kind, size)
            if column.required and size and data[column.name].isna().any():
                raise SchemaError(
                    f"Column {column.name!r} of {self.name} has missing values.", "Fill or drop those rows."
                )
        if extra:
            data |= {n: frame[n].reset_index(drop=True) for n in frame.columns if n not in self.columns}
        return pd.DataFrame(data, index=pd.RangeIndex(size), copy=False)

    def to_arrow(self, frame: pd.DataFrame) -> pa.Table:
        """Return a conformed frame as an Arrow table without its all-null optional columns."""
        names = [n for n, c in self.columns.items() if c.required or frame[n].notna().any()]
        schema = pa.schema([self.arrow.field(n) for n in names], metadata=self.arrow.metadata)
        return pa.Table.from_pandas(frame[names], schema=schema, preserve_index=False, safe=False)

    def from_arrow(self, pieces: Iterable[pa.Table]) -> pd.DataFrame:
        """Return Arrow tables, each with a subset of the columns, as one frame."""
        tables = [t for t in pieces if t.num_rows]
        if not tables:
            return self.empty()
        joined = pa.concat_tables([t.replace_schema_metadata(None) for t in tables], promote_options="default")
        joined = joined.combine_chunks()
        have, size = set(joined.schema.names), joined.num_rows
        # Null columns are made in Arrow: a frame from one whole table is three times as fast as from columns.
        nulls = {kind: pa.nulls(size, kind) for kind in {self.fields[n].type for n in self.columns if n not in have}}
        arrays = [joined[n] if n in have else nulls[self.fields[n].type] for n in self.columns]
        whole = pa.table(arrays, names=list(self.columns))
        frame: pd.DataFrame = whole.to_pandas(split_blocks=True, types_mapper=_MAPPER.get)
        return frame

    def markdown(self) -> str:
        """Return the columns as a Markdown table: name, dtype, unit, meaning."""
        lines = ["| column | dtype | unit | meaning |", "|---|---|---|---|"]
        for c in self.columns.values():
            mark = "**" if c.required else ""
            unit = c.unit.symbol if c.unit else ""
            lines.append(f"| {mark}`{c.name}`{mark} | {c.kind.value} | {unit} | {c.meaning} |")
        return "\n".join(lines)


_MAPPER = {pa.bool_(): pd.BooleanDtype()}


def _columns(record: type[Record]) -> list[Column]:
    # pydantic drops the metadata inside `X | None`, so the hints are read here; most derived class first.
    hints = typing.get_type_hints(record, include_extras=True)
    names = [n for cls in record.__mro__ for n in inspect.get_annotations(cls) if n in record.model_fields]
    columns = []
    for name in dict.fromkeys(names):
        field = record.model_fields[name]
        measure = _measure(hints[name])
        if measure is None:
            raise SchemaError(f"{record.__name__}.{name} has no kind.", "Use a type of pierre_data.schema.types.")
        suffix = SUFFIX.get(measure.unit) if measure.unit else None
        if measure.unit and (suffix is None or not name.endswith(suffix)):
            raise SchemaError(f"{record.__name__}.{name} must end in {suffix!r}.", "Rename it or change its unit.")
        columns.append(Column(name, measure.kind, measure.unit, field.description or "", field.is_required()))
    return columns


def _measure(hint: Any) -> Measure | None:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next((m for arm in typing.get_args(hint) if (m := _measure(arm)) is not None), None)
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Measure)), None)


def _arrow_field(column: Column) -> pa.Field:
    metadata = {"meaning": column.meaning} | ({"unit": column.unit.symbol} if column.unit else {})
    return pa.field(column.name, _ARROW[column.kind], nullable=not column.required, metadata=metadata)


def _nulls(kind: Kind, size: int) -> pd.Series[Any]:
    match kind:
        case Kind.NUMBER:
            return pd.Series(np.full(size, np.nan), copy=False)
        case Kind.INSTANT | Kind.WALL:
            times = pd.Series(np.full(size, np.datetime64("NaT", "us"), dtype="datetime64[us]"), copy=False)
            return times.dt.tz_localize("UTC") if kind is Kind.INSTANT else times
        case Kind.FLAG:
            mask = np.ones(size, dtype=bool)
            return pd.Series(pd.arrays.BooleanArray(np.zeros(size, dtype=bool), mask), copy=False)
        case Kind.TEXT:
            return pd.Series(pa.nulls(size, pa.large_string()).to_pandas(), dtype="str", copy=False)


def _cast(series: pd.Series[Any], column: Column, table: str) -> pd.Series[Any]:
    series = series.reset_index(drop=True)
    if str(series.dtype) == column.kind.value:
        return series
    try:
        if column.kind is Kind.INSTANT:
            return pd.to_datetime(series, utc=True).astype(column.kind.value)
        if column.kind is Kind.WALL:
            if isinstance(series.dtype, pd.DatetimeTZDtype):
                raise ValueError("a wall-clock time has no time zone")
            return pd.to_datetime(series).astype(column.kind.value)
        return series.astype(column.kind.value)
    except (TypeError, ValueError, OverflowError) as error:
        raise SchemaError(
            f"Column {column.name!r} of {table} cannot be read as {column.kind.value}: {error}.",
            "Convert the column before passing the frame.",
        ) from error
