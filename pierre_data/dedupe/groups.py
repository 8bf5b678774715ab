"""The rule of overlap, and groups of rows: who may join whom, best source first, newest group first."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from pierre_data.dedupe.arrays import ActivityArrays, Bools, Case, Floats, Hashes, Ints, PairsOfRows, read_column
from pierre_data.dedupe.scoring import MATCH, scored


class Groups:
    """Rows group by group, the best row of each first.

    `order` are positions of rows, `starts` where in it each group starts; `sizes` and `best` follow.  `shared` are
    the groups of several rows, `members` their rows, `firsts` where in these each group starts.
    """

    def __init__(self, order: Ints, starts: Ints) -> None:
        self.order, self.starts = order, starts
        self.sizes = np.diff(np.append(starts, len(order)))
        self.best = order[starts]
        many = self.sizes > 1
        self.shared = np.flatnonzero(many)
        self.members = order[np.repeat(many, self.sizes)]
        self.firsts = np.cumsum(self.sizes[many]) - self.sizes[many]

    def first(self, *wanted: Bools) -> Ints:
        """Return each group's first row that meets the first condition that any of its rows meets, else its best.

        Conditions are about `members`: a group of one row has no choice.
        """
        out = self.best.copy()
        size, place = len(self.members), self.firsts
        for condition in reversed(wanted if size else ()):
            hit = np.minimum.reduceat(np.where(condition, np.arange(size), size), self.firsts)
            place = np.where(hit < size, hit, place)
        out[self.shared] = self.members[place]
        return out


def by_overlap(case: Case, labels: Ints) -> Ints:
    """Join groups that match: complete link and mutual best, so that chains cannot form.

    Two groups become one when every timed row of one was scored with every timed row of the other, the mean score is
    a match, and each is the other's best; this repeats until nothing changes.
    """
    rows, labels = case.rows, labels.copy()
    first, second, score = scored(rows, case.kept, case.same_provider)
    if len(case.verdicts.apart[0]) and len(first):
        # Complete link needs every pair, so one too few keeps groups apart.
        known, banned = _group_pairs(labels, first, second), _group_pairs(labels, *case.verdicts.apart)
        allowed = ~np.isin(known, banned)
        first, second, score = first[allowed], second[allowed], score[allowed]
    timed = case.kept[rows.timed[case.kept]]
    while True:
        a, b = labels[first], labels[second]
        across = a != b
        if not across.any():
            return labels
        low, high = np.minimum(a, b)[across], np.maximum(a, b)[across]
        sizes = np.bincount(labels[timed], minlength=len(labels))
        least = np.full(len(labels), np.iinfo(np.uint64).max, dtype=np.uint64)
        np.minimum.at(least, labels, rows.hash)
        stays, goes = _mutual(low, high, score[across], sizes, least)
        if not len(stays):
            return labels
        rename = np.arange(len(labels))
        rename[goes] = stays
        labels = rename[labels]


def _mutual(low: Ints, high: Ints, score: Floats, sizes: Ints, hashes: Hashes) -> tuple[Ints, Ints]:
    """Return pairs of groups that are each other's best match; equal scores are ordered by hash."""
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
    tie = hashes[low] ^ hashes[high]
    rank = np.empty(len(low), dtype=np.int64)
    rank[np.lexsort((tie, -mean))] = np.arange(len(low))
    best = np.full(len(sizes), len(low), dtype=np.int64)
    np.minimum.at(best, low, rank)
    np.minimum.at(best, high, rank)
    mutual = (best[low] == rank) & (best[high] == rank)
    return low[mutual], high[mutual]


def _group_pairs(labels: Ints, a: Ints, b: Ints) -> Ints:
    """Return one number per pair of groups, whichever row comes first."""
    pairs: Ints = np.minimum(labels[a], labels[b]) * len(labels) + np.maximum(labels[a], labels[b])
    return pairs


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


def ordered_groups(rows: ActivityArrays, kept: Ints, labels: Ints) -> tuple[Groups, Ints]:
    """Return the groups newest first, and the row of each that says when: the best whose start no vendor blurred.

    Inside a group: by provider priority, recorded before manual, then id.  Ties between groups: by provider and id;
    groups without a time are last.
    """
    alike = (rows.rank[kept] << 1) | rows.manual[kept]
    keys = (labels[kept] << int(alike.max(initial=0)).bit_length()) | alike
    inside = np.argsort(keys, kind="stable")
    order, keys = kept[inside], keys[inside]
    if (keys[1:] == keys[:-1]).any():
        order = _untied(rows, order, keys)
    groups = Groups(order, np.flatnonzero(np.append(True, np.diff(labels[order]) != 0)) if len(order) else order)
    timed_by = groups.first(~rows.hidden[groups.members]) if len(groups.shared) else groups.best
    # ~x is -x - 1: it also turns the smallest integer, a missing time, into the largest.
    when = ~rows.start[timed_by]
    by_time = np.argsort(when, kind="stable")
    when = when[by_time]
    tied = np.flatnonzero(when[1:] == when[:-1])
    if len(tied):
        # Few groups start in the same microsecond: only their names are compared.
        at = np.unique(np.concatenate([tied, tied + 1]))
        group = by_time[at]
        best = rows.frame[["provider", "id"]].take(groups.best[group])
        names = zip(when[at].tolist(), best["provider"], best["id"], group.tolist(), strict=True)
        by_time[at] = [name[-1] for name in sorted(names)]
    sizes = groups.sizes[by_time]
    starts = np.cumsum(sizes) - sizes
    place = np.arange(len(order)) - np.repeat(starts, sizes) + np.repeat(groups.starts[by_time], sizes)
    return Groups(order[place], starts), timed_by[by_time]


def _untied(rows: ActivityArrays, order: Ints, keys: Ints) -> Ints:
    """Return rows sorted by key with rows of equal keys sorted by id, and the latest first where ids are equal."""
    tied = np.flatnonzero(keys[1:] == keys[:-1])
    at = np.unique(np.concatenate([tied, tied + 1]))
    row = order[at]
    newest = -read_column(rows.frame, "updated_at", "times")[row].astype(np.float64)
    names = zip(keys[at].tolist(), rows.key.take(row), newest.tolist(), (-row).tolist(), strict=True)
    order = order.copy()
    order[at] = [-name[-1] for name in sorted(names)]
    return order
