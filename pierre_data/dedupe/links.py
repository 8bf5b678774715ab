"""Step 0: rows that say themselves which other row they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pierre_data.dedupe.rows import Hashes, Ints, Rows, text_hash

#: Strava's old form of a Garmin upload holds Garmin's activity id; `garmin_ping_` does not.
_PUSHED = "garmin_push_"
_GARMIN = ("garmin", "garmin-export")


def repeats(rows: Rows) -> Ints:
    """Return, for each row, the row that replaces it: the newest with its provider and id, often itself.

    The newest `updated_at` counts, then the later position.
    """
    size = len(rows.hash)
    at = np.arange(size)
    if not pd.Series(rows.hash).duplicated().any():
        return at
    updated = np.zeros(size, dtype=np.int64)
    if "updated_at" in rows.frame.columns:
        times = rows.frame["updated_at"].to_numpy(dtype="datetime64[us]")
        updated = np.where(np.isnat(times), np.iinfo(np.int64).min, times.view(np.int64))
    order = np.lexsort((at, updated, rows.hash))
    last = np.append(rows.hash[order][1:] != rows.hash[order][:-1], True)
    group = np.cumsum(np.append(True, last[:-1])) - 1
    out = np.empty(size, dtype=np.int64)
    out[order] = order[last][group]
    return out


def linked(rows: Rows, kept: Ints) -> Ints:
    """Return a label per kept row; rows with one label are one workout by their ids.

    Parameters
    ----------
    rows : Rows
        All rows.
    kept : ndarray of int
        Positions that are no repeats.
    """
    labels = np.arange(len(kept))
    who, keys = _keys(rows, kept)
    if not len(who):
        return labels
    position = np.concatenate([np.arange(len(kept)), who])
    hashes = np.concatenate([rows.hash[kept], keys])
    order = np.lexsort((position, hashes))
    position, hashes = position[order], hashes[order]
    same = np.flatnonzero(hashes[1:] == hashes[:-1])
    a, b = position[same], position[same + 1]
    rank = rows.rank[kept]
    # A key that one provider uses twice (a multisport file) says nothing about which of its rows is meant.
    twice = (rank[a] == rank[b]) & (a != b)
    bad = set(hashes[same][twice].tolist())
    good = (a != b) & (rank[a] != rank[b])
    if bad:
        good &= ~np.isin(hashes[same], np.array(sorted(bad), dtype=np.uint64))
    return joined(labels, a[good], b[good])


def joined(labels: Ints, a: Ints, b: Ints) -> Ints:
    """Return labels after rows a[i] and b[i] became one; the smallest label stays."""
    labels = labels.copy()
    while True:
        low = np.minimum(labels[a], labels[b])
        before = labels.copy()
        np.minimum.at(labels, labels[a], low)
        np.minimum.at(labels, labels[b], low)
        np.minimum.at(labels, a, low)
        np.minimum.at(labels, b, low)
        labels = labels[labels]
        if (labels == before).all():
            return labels


def _keys(rows: Rows, kept: Ints) -> tuple[Ints, Hashes]:
    """Return the link keys of external ids: positions in `kept`, and hashes comparable with the rows' own."""
    if "external_id" not in rows.frame.columns:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    external = rows.frame["external_id"].iloc[kept].reset_index(drop=True)
    external = external[external.notna()]
    if external.empty:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    parts = external.str.split(" ").explode() if external.str.contains(" ", regex=False).any() else external
    parts = parts[parts.str.len() > 0]
    pushed = parts[parts.str.startswith(_PUSHED)].str.removeprefix(_PUSHED)
    # `provider:id` is another row's own key; everything else only equals the same text elsewhere.
    texts = [parts, *(f"{name}:" + pushed for name in _GARMIN)]
    every = pd.concat([t.astype("str") for t in texts])
    return every.index.to_numpy(dtype=np.int64), text_hash(every)
