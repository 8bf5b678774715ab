"""Step 0: rows that say themselves which other row they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pierre_data.dedupe.rows import Rows, updates
from pierre_data.dedupe.sources import Bools, Hashes, Ints, text_hash

#: Strava's old form of a Garmin upload holds Garmin's activity id; `garmin_ping_` does not.
_PUSHED = "garmin_push_"
_GARMIN = ("garmin", "garmin-export")
# File names are used again ("activity.fit"); copies of one workout start at most a date line and a midnight apart.
_FAR_US = 2 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Keys:
    """Link keys: equal hashes mean one workout.

    Parameters
    ----------
    row : ndarray of int
        Position of the row that says so.
    hash : ndarray of uint64
        Of the key and the person.
    own : ndarray of bool
        The key is the row's own ``provider:id``, not a word of its `external_id`.
    """

    row: Ints
    hash: Hashes
    own: Bools


def repeats(rows: Rows) -> Ints:
    """Return, for each row, the row that replaces it: the newest with its provider and id, often itself.

    The newest `updated_at` counts, then the later position.  Rows that an earlier call merged from several sources
    stand for more than their id, so they are never replaced.
    """
    at = np.arange(len(rows))
    keys = rows.mine(text_hash(rows.key) if rows.earlier is not None else rows.hash, at)
    if rows.earlier is not None:
        keys = np.where(rows.earlier.count > 1, _distinct(at), keys)
    if not pd.Series(keys).duplicated().any():
        return at
    order = np.lexsort((at, updates(rows), keys))
    last = np.append(keys[order][1:] != keys[order][:-1], True)
    group = np.cumsum(np.append(True, last[:-1])) - 1
    out = np.empty(len(rows), dtype=np.int64)
    out[order] = order[last][group]
    return out


def linked(rows: Rows, kept: Ints, own: Keys | None = None) -> tuple[Ints, Ints]:
    """Return pairs of rows that are one workout by their ids.

    Rows of two providers with one external id are one workout when they start within two days.  An id that one
    provider uses twice (a multisport file) does not say which of its rows is meant, and links nothing.

    Parameters
    ----------
    rows : Rows
        All rows.
    kept : ndarray of int
        Positions that are no repeats.
    own : Keys, optional
        Of `own_keys`, when they are there already.
    """
    nothing = np.zeros(0, dtype=np.int64)
    if rows.earlier is None and (rows.rank[kept] == rows.rank[kept[:1]]).all():
        return nothing, nothing  # one provider: nobody else names its rows
    words = _words(rows, kept)
    if rows.earlier is None and not len(words.row):
        return nothing, nothing
    own = own_keys(rows, kept) if own is None else own
    row, hashes = np.concatenate([own.row, words.row]), np.concatenate([own.hash, words.hash])
    mine = np.concatenate([own.own, words.own])
    order = np.lexsort((row, rows.rank[row], hashes))
    row, hashes, mine, rank = row[order], hashes[order], mine[order], rows.rank[row[order]]
    same = np.flatnonzero((hashes[1:] == hashes[:-1]) & (row[1:] != row[:-1]))
    a, b = row[same], row[same + 1]
    both, either = mine[same] & mine[same + 1], mine[same] | mine[same + 1]
    twice = np.unique(hashes[same][(rank[same] == rank[same + 1]) & ~both])
    near = np.abs(rows.start[a].astype(np.float64) - rows.start[b]) <= _FAR_US
    good = (rank[same] != rank[same + 1]) & ~np.isin(hashes[same], twice) & (either | near)
    # Of two rows of an earlier call, only a common source says more than that call knew.
    good = (good & ~settled(rows, a, b, alone=False)) | both
    return a[good], b[good]


def settled(rows: Rows, a: Ints, b: Ints, *, alone: bool) -> Bools:
    """Return which pairs an earlier call decided.

    Parameters
    ----------
    rows : Rows
        All rows.
    a, b : ndarray of int
        Positions of the pairs.
    alone : bool
        Two rows of one source each are undecided: they may come from two calls, and one call has found no match.
    """
    if rows.earlier is None:
        return np.zeros(len(a), dtype=bool)
    least = 1 if alone else 0
    count = rows.earlier.count
    decided: Bools = (count[a] > 0) & (count[b] > 0) & ((count[a] > least) | (count[b] > least))
    return decided


def joined(labels: Ints, a: Ints, b: Ints) -> Ints:
    """Return labels after rows a[i] and b[i] became one; the smallest label stays."""
    labels = labels.copy()
    while True:
        low = np.minimum(labels[a], labels[b])
        before = labels.copy()
        np.minimum.at(labels, before[a], low)
        np.minimum.at(labels, before[b], low)
        labels = labels[labels]
        if (labels == before).all():
            return labels


def own_keys(rows: Rows, kept: Ints) -> Keys:
    """Return the ``provider:id`` that each kept row is, or was merged from."""
    if rows.earlier is None:
        return Keys(kept, rows.mine(rows.hash[kept], kept), np.ones(len(kept), dtype=bool))
    stays = np.zeros(len(rows), dtype=bool)
    stays[kept] = True
    fresh = kept[rows.earlier.count[kept] == 0]
    old = stays[rows.earlier.row]
    row = np.concatenate([fresh, rows.earlier.row[old]])
    return Keys(
        row, rows.mine(np.concatenate([rows.hash[fresh], rows.earlier.hash[old]]), row), np.ones(len(row), dtype=bool)
    )


def _words(rows: Rows, kept: Ints) -> Keys:
    """Return the words of external ids; one that names a Garmin activity equals that row's own key."""
    nothing = np.zeros(0, dtype=np.int64)
    if "external_id" not in rows.frame.columns:
        return Keys(nothing, nothing.astype(np.uint64), nothing.astype(bool))
    external = rows.frame["external_id"].astype("str").take(kept)
    external = external[external.notna()]
    spaced = external.str.contains(" ", regex=False)
    parts = external[~spaced]
    if spaced.any():
        # A file name with spaces is no list of ids: words without a digit identify nothing.
        several = external[spaced].str.split(" ").explode()
        parts = pd.concat([parts, several[several.str.contains(r"\d")]])
    parts = parts[parts != ""]
    pushed = parts[parts.str.startswith(_PUSHED)].str.removeprefix(_PUSHED)
    every = pd.concat([parts, *(f"{name}:" + pushed for name in _GARMIN)])
    row = every.index.to_numpy(dtype=np.int64)
    return Keys(row, rows.mine(text_hash(every), row), np.zeros(len(row), dtype=bool))


def _distinct(at: Ints) -> Hashes:
    # Far from each other and, with 64 bits, from any hash of a text.
    return (at.astype(np.uint64) + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
