"""The rule of ids: rows that say themselves which other row they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pierre_data.dedupe.arrays import ActivityArrays, Case, Hashes, Ints, read_column, text_hash
from pierre_data.dedupe.groups import joined_apart

# File names are used again ("activity.fit"); copies of one workout start at most a date line and a midnight apart.
_FAR_US = 2 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Keys:
    """Equal hashes mean one workout; `row` says so, in its own key or in a word of its `external_id`."""

    row: Ints
    hash: Hashes


def repeats(rows: ActivityArrays) -> Ints:
    """Return, for each row, the row that replaces it: the newest of its person, provider and id, often itself.

    The newest `updated_at` counts, then the later position.  Rows that an earlier call merged from several sources
    stand for more than their id, so they are never replaced.
    """
    at = np.arange(len(rows.start))
    keys = rows.scoped(text_hash(rows.key) if rows.previous is not None else rows.hash, at)
    if rows.account is not None:
        keys = keys ^ _distinct(rows.account + 1)
    if rows.previous is not None:
        keys = np.where(rows.previous.count > 1, _distinct(at + 1), keys)
    if not pd.Series(keys).duplicated().any():
        return at
    order = np.lexsort((at, read_column(rows.frame, "updated_at", "times"), keys))
    last = np.append(keys[order][1:] != keys[order][:-1], True)
    group = np.cumsum(np.append(True, last[:-1])) - 1
    out = np.empty(len(at), dtype=np.int64)
    out[order] = order[last][group]
    return out


def by_exact_id(case: Case, labels: Ints) -> Ints:
    """Join rows of two providers with one id, ``space:id`` or a common external id.

    A common external id counts when both start within two days.  An id that one provider uses twice (a multisport
    file) does not say which of its rows is meant, and links nothing.
    """
    rows, kept = case.rows, case.kept
    if rows.previous is None and (rows.rank[kept] == rows.rank[kept[:1]]).all():
        return labels  # one provider: nobody else names its rows
    words = _words(rows, kept)
    if not len(words.row) and rows.link is rows.hash:
        return labels  # no row names another, and no key is there twice
    own = own_keys(rows, kept, linking=True)
    row, hashes = np.concatenate([own.row, words.row]), np.concatenate([own.hash, words.hash])
    mine = np.arange(len(row)) < len(own.row)
    order = np.lexsort((row, rows.rank[row], hashes))
    row, hashes, mine = row[order], hashes[order], mine[order]
    # A row may write its own id into its external_id too: it counts once, as the row's own, which comes first.
    first = np.append(True, (hashes[1:] != hashes[:-1]) | (row[1:] != row[:-1]))
    row, hashes, mine, rank = row[first], hashes[first], mine[first], rows.rank[row[first]]
    same = np.flatnonzero((hashes[1:] == hashes[:-1]) & (row[1:] != row[:-1]))
    if not len(same):
        return labels
    a, b = row[same], row[same + 1]
    both, either, alike = mine[same] & mine[same + 1], mine[same] | mine[same + 1], rank[same] == rank[same + 1]
    if rows.account is not None:
        both &= ~(alike & (rows.account[a] != rows.account[b]))  # one id of two people
    twice = np.unique(hashes[same][alike & ~both])
    near = np.abs(rows.start[a].astype(np.float64) - rows.start[b]) <= _FAR_US
    good = ~alike & ~np.isin(hashes[same], twice) & (either | near)
    # Of two rows of an earlier call, only a common source says more than that call knew.
    if rows.previous is not None:
        good &= ~rows.previous.settled(a, b, alone=False)
    good |= both
    return joined_apart(labels, a[good], b[good], case.verdicts.apart)


def own_keys(rows: ActivityArrays, kept: Ints, *, linking: bool) -> Keys:
    """Return the ``provider:id`` (the ``space:id`` for linking) that each kept row is, or was merged from."""
    mine, previous = rows.link if linking else rows.hash, rows.previous
    if previous is None:
        return Keys(kept, rows.scoped(mine[kept], kept))
    stays = np.zeros(len(rows.start), dtype=bool)
    stays[kept] = True
    fresh, old = kept[previous.count[kept] == 0], stays[previous.row]
    row = np.concatenate([fresh, previous.row[old]])
    hashes = np.concatenate([mine[fresh], (previous.link if linking else previous.hash)[old]])
    return Keys(row, rows.scoped(hashes, row))


def _words(rows: ActivityArrays, kept: Ints) -> Keys:
    """Return the words of external ids: one may be the ``space:id`` of another row."""
    if "external_id" not in rows.frame.columns:
        return Keys(kept[:0], rows.hash[:0])
    external = rows.frame["external_id"].astype("str").take(kept)
    external = external[external.notna()]
    spaced = external.str.contains(" ", regex=False)
    words = external[~spaced]
    if spaced.any():
        # A file name with spaces is no list of ids: words without a digit identify nothing.
        several = external[spaced].str.split(" ").explode()
        words = pd.concat([words, several[several.str.contains(r"\d")]])
    words = words[words != ""]
    row = words.index.to_numpy(dtype=np.int64)
    return Keys(row, rows.scoped(text_hash(words), row))


def _distinct(numbers: Ints) -> Hashes:
    # Far from each other and, with 64 bits, from any hash of a text; 0 stays 0.
    return numbers.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
