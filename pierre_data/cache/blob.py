"""Arrow tables as bytes: uncompressed IPC, never pickle."""

from __future__ import annotations

import pyarrow as pa

from pierre_data.errors import StorageError


def encode(table: pa.Table) -> bytes:
    """Return a table as Arrow IPC bytes without its all-null columns."""
    names = [n for n in table.schema.names if table[n].null_count < table.num_rows]
    sink = pa.BufferOutputStream()
    kept = table.select(names).combine_chunks()
    with pa.ipc.new_stream(sink, kept.schema) as writer:
        writer.write_table(kept)
    return bytes(sink.getvalue().to_pybytes())


def decode(value: bytes) -> pa.Table:
    """Return the table of some bytes.

    Raises
    ------
    StorageError
        They are no Arrow IPC stream.
    """
    try:
        with pa.ipc.open_stream(pa.py_buffer(value)) as reader:
            return reader.read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise StorageError(f"A cache entry is damaged: {error}.", "It is fetched again.") from error
