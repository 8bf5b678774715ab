"""The rule of ids: rows that say themselves which other row they are; and how rows are joined."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import numpy as np
import pandas as pd

from pierre_data.dedupe.arrays import ActivityArrays, Case, Hashes, Ints, PairsOfRows, read_column, text_hash

#: Copies of one workout start at most a date line and a midnight apart (file names are used again: "activity.fit").
#: Whoever looks so far past both ends of a window, and merges nothing that lies further apart, sees every recording of
#: its workouts: windows side by side are one long window.
REACH = dt.timedelta(days=2)
#: Rows, and a hash of what each says it is, in its own key or in a word of its `external_id`: equal ones, one workout.
Keys = tuple[Ints, Hashes]


def repeats(rows: ActivityArrays) -> Ints:
    """Return, for each row, the row that replaces it: the newest of its person, provider and id, often itself."""
    at = np.arange(len(rows.start))
    keys = rows.salt + (text_hash(rows.key) if rows.previous is not None else rows.hash)
    if rows.account is not None:
        keys = keys ^ _distinct(rows.account + 1)
    if rows.previous is not None:
        # What was merged from several sources stands for more than its id.
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
    """Join rows of two providers with one id, ``space:id``, or a common external id within `REACH`."""
    rows, kept = case.rows, case.kept
    if rows.previous is None and (rows.rank[kept] == rows.rank[kept[:1]]).all():
        return labels  # one provider: nobody else names its rows
    words = _words(rows, kept)
    if not len(words[0]) and rows.link is rows.hash:
        return labels  # no row names another, and no key is there twice
    own = own_keys(rows, kept, linking=True)
    row, hashes = np.concatenate([own[0], words[0]]), np.concatenate([own[1], words[1]])
    mine = np.arange(len(row)) < len(own[0])
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
    # An id that one provider uses twice (a multisport file) does not say which of its rows is meant.
    twice = np.unique(hashes[same][alike & ~both])
    # By sorting: with the other way numpy 2.0 fails for hashes above 2**63.
    good = ~alike & ~np.isin(hashes[same], twice, kind="sort") & (either | ~case.too_far(a, b, REACH))
    # Of two rows of an earlier call, only a common source says more than that call knew.
    if rows.previous is not None:
        good &= ~rows.previous.settled(a, b, alone=False)
    good = (good | both) & ~case.too_far(a, b)
    return joined_apart(labels, a[good], b[good], case.apart)


def own_keys(rows: ActivityArrays, kept: Ints, *, linking: bool) -> Keys:
    """Return the ``provider:id`` (the ``space:id`` for linking) that each kept row is, or was merged from."""
    mine, previous = rows.link if linking else rows.hash, rows.previous
    if previous is None:
        return kept, mine[kept] + rows.salt[kept]
    stays = np.zeros(len(rows.start), dtype=bool)
    stays[kept] = True
    fresh, old = kept[previous.count[kept] == 0], stays[previous.row]
    row = np.concatenate([fresh, previous.row[old]])
    hashes = np.concatenate([mine[fresh], (previous.link if linking else previous.hash)[old]])
    return row, hashes + rows.salt[row]


def _words(rows: ActivityArrays, kept: Ints) -> Keys:
    """Return the words of external ids: one may be the ``space:id`` of another row."""
    if "external_id" not in rows.frame.columns:
        return kept[:0], rows.hash[:0]
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
    return row, text_hash(words) + rows.salt[row]


def _distinct(numbers: Ints) -> Hashes:
    # Far from each other and, with 64 bits, from any hash of a text; 0 stays 0.
    return numbers.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)


def joined_apart(labels: Ints, a: Ints, b: Ints, apart: PairsOfRows) -> Ints:
    """Return labels after rows a[i] and b[i] became one, in this order, except where that joins rows of `apart`."""
    out = _joined(labels, a, b) if len(a) else labels
    torn = out[apart[0]] == out[apart[1]]
    if not torn.any():
        return out
    hurt = np.isin(out, out[apart[0][torn]])
    enemies: dict[int, set[int]] = defaultdict(set)
    for x, y in zip(*(labels[side][torn].tolist() for side in apart), strict=True):
        enemies[x].add(y)
        enemies[y].add(x)
    members = {int(label): {int(label)} for label in np.unique(labels[hurt])}
    edges = hurt[a]
    for x, y in zip(labels[a[edges]].tolist(), labels[b[edges]].tolist(), strict=True):
        ours, theirs = members[x], members[y]
        if ours is theirs or any(enemies[m] & theirs for m in ours):
            continue
        ours |= theirs
        members.update(dict.fromkeys(theirs, ours))
    rename = np.arange(len(labels))
    for label, group in members.items():
        rename[label] = min(group)
    return np.where(hurt, rename[labels], out)


def _joined(labels: Ints, a: Ints, b: Ints) -> Ints:
    labels = labels.copy()
    while True:
        low = np.minimum(labels[a], labels[b])
        before = labels.copy()
        np.minimum.at(labels, before[a], low)
        np.minimum.at(labels, before[b], low)
        labels = labels[labels]
        if (labels == before).all():
            return labels


def people_apart(case: Case, labels: Ints, before: Ints) -> Ints:
    """Return labels; groups that hold two athletes of one provider are as they were before."""
    rows = case.rows
    if rows.account is None:
        return labels
    at = case.kept[rows.account[case.kept] >= 0]
    at = at[np.lexsort((rows.account[at], rows.rank[at], labels[at]))]
    a, b = at[:-1], at[1:]
    torn = (labels[a] == labels[b]) & (rows.rank[a] == rows.rank[b]) & (rows.account[a] != rows.account[b])
    return np.where(np.isin(labels, labels[a[torn]]), before, labels) if torn.any() else labels
