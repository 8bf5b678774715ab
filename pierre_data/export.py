"""Parquet out and in, with units in the schema."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pierre_data.errors import SchemaError, StorageError
from pierre_data.private_files import atomic_file
from pierre_data.schema import MERGED_ACTIVITIES, TABLES, Table

_SCHEMA_VERSION = "2"
#: Table -> columns that version 1 called otherwise.
_RENAMED = {
    "streams": {"activity_id": "id"},
    "zones": {"activity_id": "id"},
    "laps": {"id": "lap_id", "activity_id": "id"},
    "segment_efforts": {"id": "effort_id", "activity_id": "id"},
    "personal_records": {"id": "effort_id", "activity_id": "id"},
}
_KNOWN: dict[str, Table] = {**TABLES, MERGED_ACTIVITIES.name: MERGED_ACTIVITIES}


def to_parquet(frame: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write a frame to a Parquet file that keeps dtypes, units and meanings.

    Parameters
    ----------
    frame : DataFrame
        Of any table; columns of your own are kept behind the table's.
    path : str or path
        Replaced as a whole or not at all: a crash leaves the old file.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    SchemaError
        The frame is of no table, or a column cannot be cast.
    StorageError
        The target cannot be written.

    Examples
    --------
    >>> import pierre_data as pierre, tempfile
    >>> frame = pierre.Client("synthetic", cache="memory").activities("2026-01-01", "2026-02-01")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pierre.to_parquet(frame, f"{folder}/runs.parquet")
    ...     pierre.read_parquet(file).equals(frame)
    True
    """
    kind, target = table_of(frame), Path(path)
    conformed = kind.conform(frame, extra=True)
    own = conformed[[n for n in conformed.columns if n not in kind.columns]]
    fields = [*kind.arrow, *pa.Schema.from_pandas(own, preserve_index=False)]
    table = pa.Table.from_pandas(conformed, schema=pa.schema(fields), preserve_index=False)
    noted = {name: frame.attrs[name] for name in ("pierre",) if name in frame.attrs}
    metadata = {b"pierre.table": kind.name, b"pierre.schema": _SCHEMA_VERSION, b"pierre.attrs": json.dumps(noted)}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})
    try:
        with atomic_file(target, 0o666) as file:  # an export may be read by whom the umask allows
            pq.write_table(table, file, compression="zstd", compression_level=3)
    except OSError as error:
        raise StorageError(
            f"{target} cannot be written: {error.strerror or error}.", "Choose another place, or free some space."
        ) from error
    return target


def read_parquet(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a Parquet file that `to_parquet` wrote, with the dtypes of its table.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    DataFrame

    Raises
    ------
    StorageError
        It does not exist or is no Parquet file.
    SchemaError
        It is a Parquet file of something else.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> pierre.read_parquet("nowhere.parquet")
    Traceback (most recent call last):
    pierre_data.errors.StorageError: nowhere.parquet does not exist. ...
    """
    source = Path(path)
    try:
        table = pq.ParquetFile(source).read()
    except FileNotFoundError:
        raise StorageError(f"{source} does not exist.", "Check the path.") from None
    except (OSError, pa.ArrowInvalid) as error:
        what = getattr(error, "strerror", None) or "it is no Parquet file"
        raise StorageError(f"{source} cannot be read: {what}.", "Check that it is a complete Parquet file.") from error
    metadata = table.schema.metadata or {}
    kind = _KNOWN.get(metadata.get(b"pierre.table", b"").decode(errors="replace"))
    if kind is None:
        raise SchemaError(
            f"{source} was not written by pierre_data: its columns are {', '.join(table.schema.names[:6])} ...",
            "Read it with pandas.read_parquet.",
        )
    frame = table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    if metadata.get(b"pierre.schema") == b"1":
        frame = frame.rename(columns=_RENAMED.get(kind.name, {}))
    frame = kind.conform(frame, extra=True)
    with contextlib.suppress(ValueError, TypeError):  # damaged notes cost the notes, not the rows
        frame.attrs = json.loads(metadata.get(b"pierre.attrs", b"{}"))
    return frame


def table_of(frame: pd.DataFrame) -> Table:
    """Return the table a frame belongs to, by its columns; a SchemaError when it has the required ones of none."""
    if set(MERGED_ACTIVITIES.required) <= set(frame.columns):
        return MERGED_ACTIVITIES
    fitting = [t for t in TABLES.values() if set(t.required) <= set(frame.columns)]
    if not fitting:
        raise SchemaError(
            f"The frame is of no table: its columns are {', '.join(map(str, frame.columns[:6]))} ...",
            "Keep the required columns (for activities: provider, id, sport, start_time, elapsed_s).",
        )
    # Records share required columns: the table that knows most of the frame's columns is meant.
    return max(fitting, key=lambda t: sum(c in t.columns for c in frame.columns) - 0.01 * len(t.columns))
