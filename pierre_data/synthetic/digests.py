"""Checksums of columns that are equal wherever the values are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

#: Changes when any value of any world changes.
GENERATOR_VERSION = 1


def table_digest(table: str, columns: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of a table's columns in their order.

    Numbers count as little-endian float64 with one NaN and no negative zero, times as microseconds, flags as bytes,
    texts as length and UTF-8.  Never compare Parquet files instead: their bytes depend on the writer.
    """
    total = hashlib.sha256(f"pierre-data synthetic {GENERATOR_VERSION} {table}\n".encode())
    for name, values in columns.items():
        kind, content = _canonical(values)
        total.update(f"{name} {kind} {len(values)} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


def _canonical(values: Any) -> tuple[str, bytes]:
    if isinstance(values, list):
        texts = [None if value is None else value.encode() for value in values]
        return "text", b"".join(b"-;" if text is None else b"%d:%b" % (len(text), text) for text in texts)
    match values.dtype.kind:
        case "f":
            return "<f8", np.where(np.isnan(values), np.nan, values + 0.0).astype("<f8").tobytes()
        case "M":
            return "<M8[us]", values.astype("<M8[us]").astype("<i8").tobytes()
        case "b":
            return "|b1", values.astype("|b1").tobytes()
    raise TypeError(f"no canonical form of {values.dtype}")
