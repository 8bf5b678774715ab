"""Arrow tables: joined, each key once, newest first; and as bytes, behind a checksum and the revision of the parser."""

from __future__ import annotations

import datetime as dt
import struct
import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pierre_data.errors import StorageError
from pierre_data.schema import Table
from pierre_data.spi import ProviderDescriptor, Sports

#: To be raised when rows that earlier code has parsed are wrong: they are fetched again.
PARSER_REVISION = 2

# Length, checksum, revision: 16 bytes leave Arrow's buffers aligned.
_HEADER = struct.Struct(">QII")
_BLOCK = 4096


def latest(pieces: Sequence[pa.Table], table: Table, ages: Sequence[float] | None = None) -> list[pa.Table]:
    """Return pieces in which each key stands once: in the last of those fetched last, by `ages`."""
    old = [0.0] * len(pieces) if ages is None else ages
    full = [(p, age) for p, age in zip(pieces, old, strict=True) if p.num_rows]
    pieces = [p for p, _ in full]
    names = [n for n in table.key if n != "provider"]
    if not pieces:
        return []
    joined = pa.concat_tables([p.select(names).replace_schema_metadata(None) for p in pieces])
    if len(names) == 1:
        ids = joined[names[0]]
        try:  # ids that are numbers, as most are, take a sixth of the time
            numbers = pc.cast(ids, pa.int64())
        except pa.ArrowInvalid:
            numbers = None
        # "7" and "07" look alike as numbers: then the ids themselves are compared.
        if (numbers is not None and pd.Index(numbers.to_numpy()).is_unique) or len(pc.unique(ids)) == len(ids):
            return pieces
    by_age = np.argsort(np.repeat([age for _, age in full], [p.num_rows for p in pieces]), kind="stable")
    repeated = np.empty(joined.num_rows, dtype=bool)
    repeated[by_age] = joined.take(by_age).to_pandas().duplicated(keep="last").to_numpy()
    if not repeated.any():
        return pieces
    out, at = [], 0
    for piece in pieces:
        out.append(piece.filter(pa.array(~repeated[at : at + piece.num_rows])))
        at += piece.num_rows
    return out


def time_range(part: pa.Table, table: Table) -> tuple[dt.datetime, dt.datetime]:
    """Return when the oldest and the newest of some rows happened."""
    ends = pc.min_max(part[table.time].cast(pa.timestamp("us", tz="UTC"))).as_py()
    return ends["min"], ends["max"]


def newest_first(part: pa.Table, table: Table) -> pa.Table:
    """Return rows newest first, ties by key."""
    names = [table.time, *(n for n in table.key if n not in ("provider", table.time))]
    keys = [(n, "ascending" if at else "descending") for at, n in enumerate(names) if n in part.schema.names]
    return part.sort_by(keys) if part.num_rows > 1 and keys else part


def join(pieces: Sequence[pa.Table]) -> pa.Table:
    """Return pieces with different columns as one table."""
    full = [p.replace_schema_metadata(None) for p in pieces if p.num_rows]
    return pa.concat_tables(full, promote_options="default") if full else pa.table({})


def coalesced(pieces: Sequence[pa.Table], table: Table) -> pa.Table:
    """Return pieces as one table in which each key stands once, with the newest value there is of each column.

    A night's stages come together: those of an earlier piece are dropped.
    """
    if "sleep_id" in table.key:
        nights: list[pa.Table] = []
        for piece in (p for p in pieces if p.num_rows):
            again = pc.unique(piece["sleep_id"])
            nights = [*(p.filter(pc.invert(pc.is_in(p["sleep_id"], value_set=again))) for p in nights), piece]
        pieces = nights
    joined = join(pieces)
    keys = [n for n in table.key if n in joined.schema.names]
    rest = [n for n in joined.schema.names if n not in keys]
    if not joined.num_rows or not rest:
        return joined
    last = pc.ScalarAggregateOptions(skip_nulls=True)
    rows = joined.group_by(keys, use_threads=False).aggregate([(n, "last", last) for n in rest])
    return rows.rename_columns([*keys, *rest]).select(joined.schema.names)


@cache
def revision(descriptor: ProviderDescriptor) -> int:
    """Return a number that differs when rows are parsed otherwise: other columns, units, or fields of the vendor."""
    endpoints = [*descriptor.endpoints.items(), *descriptor.details.items()]
    columns = [
        [(t.name, c.name, c.kind.name, c.unit and c.unit.symbol) for c in t.columns.values()] for t, _ in endpoints
    ]
    fields = [
        (name, f.paths, f.unit and f.unit.symbol, isinstance(f.via, Sports) and dict(f.via.known))
        for _, endpoint in endpoints
        for name, f in endpoint.fields.items()
    ]
    return zlib.crc32(repr((PARSER_REVISION, columns, fields)).encode())


def encode(table: pa.Table, revision: int = 0) -> bytes:
    """Return a table as bytes, without its all-null columns."""
    names = [n for n in table.schema.names if table[n].null_count < table.num_rows]
    sink = pa.BufferOutputStream()
    filled = table.select(names).combine_chunks()
    with pa.ipc.new_stream(sink, filled.schema) as writer:
        writer.write_table(filled)
    body = sink.getvalue()
    return b"".join((_HEADER.pack(len(body), _checksum(memoryview(body)), revision), body.to_pybytes()))


def decode(value: bytes | memoryview, revision: int | None = 0) -> pa.Table:
    """Return the table of bytes; raises StorageError when they are not what was encoded, or of another revision."""
    body = memoryview(value)[_HEADER.size :]
    header = _HEADER.unpack_from(value) if len(value) >= _HEADER.size else (0, 0, 0)
    if header != (len(body), _checksum(body), header[2] if revision is None else revision):
        raise StorageError("A cache entry is damaged or of an earlier version.", "It is fetched again.")
    try:
        with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
            return reader.read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise StorageError(f"A cache entry is damaged: {error}.", "It is fetched again.") from error


def _checksum(body: memoryview) -> int:
    """Return a checksum at memory speed: 3 MB take 0.06 ms, a CRC of all bytes 2.7 (2026-11).

    The words of each block are summed, which any flipped bit changes; the CRC of the sums knows their order.
    """
    whole = len(body) // _BLOCK * _BLOCK
    sums = np.frombuffer(body[:whole], dtype="<u8").reshape(-1, _BLOCK // 8).sum(axis=1)
    return zlib.crc32(body[whole:], zlib.crc32(sums.tobytes()))
