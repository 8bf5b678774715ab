"""What a row stands for: ``provider:id`` keys, their hashes, and the sources of rows merged earlier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Bools = np.ndarray[tuple[int], np.dtype[np.bool_]]
Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class Earlier:
    """Rows that an earlier call of `deduplicate` returned: one entry per source.

    Parameters
    ----------
    texts : Series of str
        The column ``sources``; missing for rows that were never merged.
    row : ndarray of int
        Position in the frame, ascending.
    hash : ndarray of uint64
        Of the source's ``provider:id``.
    count : ndarray of int
        Sources of each row of the frame; 0 for rows that were never merged.
    providers : frozenset of str
        Names that occur.
    """

    texts: pd.Series[str]
    row: Ints
    hash: Hashes
    count: Ints
    providers: frozenset[str]


def earlier(frame: pd.DataFrame) -> Earlier | None:
    """Return what the column ``sources`` says, or None when no row was merged earlier."""
    if "sources" not in frame.columns:
        return None
    texts: pd.Series[Any] = frame["sources"].astype("str")
    known = texts[texts.notna() & (texts != "")]
    if known.empty:
        return None
    every = known.str.split(" ").explode()
    row = every.index.to_numpy(dtype=np.int64)
    keys = [unquoted(token) for token in every.tolist()]
    providers = frozenset(key.partition(":")[0] for key in keys)
    count = np.bincount(row, minlength=len(frame)).astype(np.int64)
    return Earlier(texts, row, text_hash(pd.Series(keys, dtype="str")), count, providers)


def text_hash(texts: pd.Series[str]) -> Hashes:
    """Return a 64-bit hash per text that is the same on every machine."""
    return np.array(pd.util.hash_pandas_object(texts, index=False, categorize=False), dtype=np.uint64)


def quoted(key: str) -> str:
    """Return ``provider:id`` with space, ``:`` and ``%`` of the id percent-encoded.

    Examples
    --------
    >>> quoted("files:a b:c")
    'files:a%20b%3Ac'
    """
    provider, _, id = key.partition(":")
    return f"{provider}:{id.replace('%', '%25').replace(' ', '%20').replace(':', '%3A')}"


def unquoted(source: str) -> str:
    """Return ``provider:id`` of an entry of the column ``sources``.

    Examples
    --------
    >>> unquoted("files:a%20b%3Ac")
    'files:a b:c'
    """
    return source.replace("%3A", ":").replace("%20", " ").replace("%25", "%")


def quoted_all(keys: pd.Series[str]) -> pd.Series[str]:
    """Return `quoted` of every key; most need no change."""
    # One colon, between provider and id, and nothing else to encode.
    odd = keys.str.contains(r"[ %]|:.*:", regex=True).to_numpy(dtype=bool)
    return keys.where(~odd, keys[odd].map(quoted)) if odd.any() else keys
