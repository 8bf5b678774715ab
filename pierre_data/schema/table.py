"""A table derived from a record: dtypes, Arrow schema, the conforming gate, documentation."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from pierre_data.errors import SchemaError
from pierre_data.schema.column import Column, columns_of_record
from pierre_data.schema.types import Kind

if TYPE_CHECKING:
    from pierre_data.schema.records import Record


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
        self.columns: Mapping[str, Column] = types.MappingProxyType({c.name: c for c in columns_of_record(record)})
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
    def row_id(self) -> str:
        """Name of the column that names a row of one provider; empty where rows have no id of their own."""
        return self.key[1] if len(self.key) == 2 else ""

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
        fields = []
        for column in self.columns.values():
            metadata = {"meaning": column.meaning} | ({"unit": column.unit.symbol} if column.unit else {})
            fields.append(pa.field(column.name, column.kind.arrow, nullable=not column.required, metadata=metadata))
        return pa.schema(fields, metadata={"pierre.table": self.name})

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
        size, nulls = len(frame), {}
        data: dict[Any, Any] = {}
        for column in self.columns.values():
            if column.name in frame.columns:
                data[column.name] = _cast(frame[column.name], column, self.name)
            elif column.required and size:
                raise SchemaError(f"{self.name} needs the column {column.name!r}.", "Add it to the frame.")
            else:
                if column.kind not in nulls:
                    nulls[column.kind] = _nulls(column.kind, size)
                # Columns share it until somebody writes to one: pandas copies then.
                data[column.name] = nulls[column.kind]
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

    def to_records(self, frame: pd.DataFrame) -> list[Any]:
        """Return the rows of a frame as models of `pierre_data.models`, validated.

        Parameters
        ----------
        frame : DataFrame
            Any subset of the columns with the required ones; columns of your own are left out.

        Returns
        -------
        list of the table's model
            Missing values are None; units are those of the columns.

        Raises
        ------
        SchemaError
            A column cannot be cast, or a value is not allowed (a sport outside the vocabulary); row, column and value
            are named.

        Examples
        --------
        >>> import pierre_data as pierre
        >>> from pierre_data.schema import ACTIVITIES
        >>> frame = pierre.Client("synthetic", cache="memory").activities("2026-01-01", "2026-02-01")
        >>> newest = ACTIVITIES.to_records(frame)[0]
        >>> newest.provider, newest.start_time.tzinfo
        ('synthetic', datetime.timezone.utc)
        """
        conformed = self.conform(frame)
        columns = [conformed[n].astype(object) for n in self.columns]
        plain = [c.where(c.notna(), None).tolist() for c in columns]
        return self._validated([dict(zip(self.columns, row, strict=True)) for row in zip(*plain, strict=True)])

    def from_records(self, records: Iterable[Record | Mapping[str, Any]]) -> pd.DataFrame:
        """Return models or plain dictionaries as a frame of this table.

        Parameters
        ----------
        records : iterable of models or mappings
            Of `pierre_data.models`, or column -> value; what a mapping leaves out is null.  Instants need a time zone.

        Returns
        -------
        DataFrame
            With this table's columns, order and dtypes.

        Raises
        ------
        SchemaError
            A value does not fit; row, column and value are named.

        Examples
        --------
        >>> from pierre_data.schema import GEAR
        >>> GEAR.from_records([{"provider": "mine", "id": "b1", "distance_m": 2500}]).distance_m.tolist()
        [2500.0]
        >>> GEAR.from_records([{"provider": "mine", "id": "b1", "distance_m": "far"}])
        Traceback (most recent call last):
        pierre_data.errors.SchemaError: Row 0 of gear: distance_m = 'far': input should be a valid number, unable ...
        """
        rows = self._validated(list(records))
        if not rows:
            return self.empty()
        columns = [pa.array([getattr(row, n) for row in rows], self.fields[n].type) for n in self.columns]
        return self.from_arrow([pa.table(columns, names=list(self.columns))])

    def _validated(self, items: list[Any]) -> list[Any]:
        rows = []
        for at, item in enumerate(items):
            try:
                rows.append(self.record.model_validate(item))
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                field = ".".join(map(str, first["loc"])) or "row"
                value = "" if first["type"] == "missing" else f" = {first['input']!r:.80}"
                why = first["msg"].removeprefix("Value error, ")
                raise SchemaError(
                    f"Row {at} of {self.name}: {field}{value}: {why[0].lower()}{why[1:]}.", "Correct the value."
                ) from None
        return rows

    def parameters(self) -> str:
        """Return the columns as the ``Parameters`` section of a docstring."""
        lines = ["Parameters", "----------"]
        for c in self.columns.values():
            usual = f"  Plausible from {c.bounds[0]:g} to {c.bounds[1]:g}." if c.bounds else ""
            lines += [f"{c.name} : {c.python_type}", f"    {c.meaning}{usual}"]
        return "\n".join(lines)

    def markdown(self) -> str:
        """Return the columns as a Markdown table: name, dtype, unit, meaning."""
        lines = ["| column | dtype | unit | meaning |", "|---|---|---|---|"]
        for c in self.columns.values():
            mark = "**" if c.required else ""
            unit = c.unit.symbol if c.unit else ""
            lines.append(f"| {mark}`{c.name}`{mark} | {c.kind.value} | {unit} | {c.meaning} |")
        return "\n".join(lines)


_MAPPER = {pa.bool_(): pd.BooleanDtype()}


def _nulls(kind: Kind, size: int) -> pd.Series[Any]:
    values = pa.nulls(size, kind.arrow).to_pandas(types_mapper=_MAPPER.get)
    series: pd.Series[Any] = pd.Series(values, dtype=kind.value, copy=False)
    return series


def _cast(series: pd.Series[Any], column: Column, table: str) -> pd.Series[Any]:
    series, dtype = series.reset_index(drop=True), column.kind.value
    if str(series.dtype) == dtype:
        return series
    try:
        if column.kind is Kind.WALL and isinstance(series.dtype, pd.DatetimeTZDtype):
            raise ValueError("a wall-clock time has no time zone")
        if column.kind in (Kind.INSTANT, Kind.WALL):
            series = pd.to_datetime(series, utc=column.kind is Kind.INSTANT)
        cast: pd.Series[Any] = series.astype(dtype)
        return cast
    except (TypeError, ValueError, OverflowError) as error:
        raise SchemaError(
            f"Column {column.name!r} of {table} cannot be read as {dtype}: {error}.",
            "Convert the column before passing the frame.",
        ) from error
