"""Step 3: from pairs to groups: complete link, mutual best, so that chains cannot form."""

from __future__ import annotations

import numpy as np

from pierre_data.dedupe.pairs import Pairs
from pierre_data.dedupe.points import MATCH
from pierre_data.dedupe.sources import Bools, Floats, Hashes, Ints


def grouped(labels: Ints, pairs: Pairs, timed: Bools, hashes: Hashes) -> Ints:
    """Return labels after merging what matches.

    Two groups become one when every timed row of one was scored with every timed row of the other, the mean score is
    a match, and each is the other's best; this repeats until nothing changes.

    Parameters
    ----------
    labels : ndarray of int
        Group of each row so far, by exact ids.
    pairs : Pairs
        Scored rows.
    timed : ndarray of bool
        Rows that can be compared by time; the others do not count.
    hashes : ndarray of uint64
        Of each row: the order of equal scores.
    """
    labels = labels.copy()
    while True:
        a, b = labels[pairs.a], labels[pairs.b]
        across = a != b
        if not across.any():
            return labels
        low, high = np.minimum(a, b)[across], np.maximum(a, b)[across]
        sizes = np.bincount(labels[timed], minlength=len(labels))
        least = np.full(len(labels), np.iinfo(np.uint64).max, dtype=np.uint64)
        np.minimum.at(least, labels, hashes)
        merged = _mutual(low, high, pairs.score[across], sizes, least)
        if not len(merged[0]):
            return labels
        rename = np.arange(len(labels))
        rename[merged[1]] = merged[0]
        labels = rename[labels]


def _mutual(low: Ints, high: Ints, score: Floats, sizes: Ints, hashes: Hashes) -> tuple[Ints, Ints]:
    """Return pairs of groups that are each other's best match."""
    both = low * len(sizes) + high
    order = np.argsort(both, kind="stable")
    both, low, high, score = both[order], low[order], high[order], score[order]
    first = np.flatnonzero(np.append(True, both[1:] != both[:-1]))
    count = np.diff(np.append(first, len(both)))
    # Sums of scores depend on their order in the last bit; rounding makes them free of it.
    mean = np.round(np.add.reduceat(score, first) / count, 9)
    low, high = low[first], high[first]
    good = (count == sizes[low] * sizes[high]) & (mean >= MATCH)
    low, high, mean = low[good], high[good], mean[good]
    if not len(low):
        return low, high
    tie = hashes[low] ^ hashes[high]
    rank = np.empty(len(low), dtype=np.int64)
    rank[np.lexsort((tie, -mean))] = np.arange(len(low))
    best = np.full(len(sizes), len(low), dtype=np.int64)
    np.minimum.at(best, low, rank)
    np.minimum.at(best, high, rank)
    mutual = (best[low] == rank) & (best[high] == rank)
    return low[mutual], high[mutual]
