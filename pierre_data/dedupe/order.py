"""Orders that no shuffle changes: best source first inside a group, newest group first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pierre_data.dedupe.rows import Rows, updates
from pierre_data.dedupe.sources import Bools, Ints


@dataclass(frozen=True)
class Groups:
    """Rows group by group.

    Parameters
    ----------
    order : ndarray of int
        Positions of rows; those of one group stand together, its best row first.
    starts : ndarray of int
        Where in `order` each group starts.
    """

    order: Ints
    starts: Ints

    @cached_property
    def best(self) -> Ints:
        """The canonical row of each group."""
        return self.order[self.starts]

    @cached_property
    def sizes(self) -> Ints:
        """Rows of each group."""
        return np.diff(np.append(self.starts, len(self.order)))

    @cached_property
    def many(self) -> Bools:
        """Which groups have several rows."""
        return self.sizes > 1

    @cached_property
    def members(self) -> Groups:
        """The groups of several rows alone."""
        return self.pick(np.flatnonzero(self.many))

    def pick(self, groups: Ints) -> Groups:
        """Return some groups in the order given."""
        sizes = self.sizes[groups]
        starts = np.cumsum(sizes) - sizes
        inside = np.arange(int(sizes.sum())) - np.repeat(starts, sizes)
        return Groups(self.order[np.repeat(self.starts[groups], sizes) + inside], starts)


def best_first(rows: Rows, kept: Ints, labels: Ints) -> Groups:
    """Return the groups of the kept rows: by provider priority, recorded before manual, then id."""
    alike = (rows.rank[kept] << 1) | rows.manual[kept]
    keys = (labels[kept] << int(alike.max(initial=0)).bit_length()) | alike
    inside = np.argsort(keys, kind="stable")
    order = _untied(rows, kept[inside], keys[inside])
    starts = np.flatnonzero(np.append(True, np.diff(labels[order]) != 0)) if len(order) else order
    return Groups(order, starts)


def newest_first(rows: Rows, groups: Groups, timed_by: Ints) -> Groups:
    """Return the groups newest first, ties by provider and id; groups without a time are last.

    Parameters
    ----------
    rows : Rows
        All rows.
    groups : Groups
        In any order.
    timed_by : ndarray of int
        The row of each group that gives its start.
    """
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
    return groups.pick(by_time)


def _untied(rows: Rows, order: Ints, keys: Ints) -> Ints:
    """Return rows sorted by key with rows of equal keys sorted by id, and the latest first where ids are equal."""
    tied = np.flatnonzero(keys[1:] == keys[:-1])
    if not len(tied):
        return order
    at = np.unique(np.concatenate([tied, tied + 1]))
    row = order[at]
    newest = -updates(rows)[row].astype(np.float64)
    names = zip(keys[at].tolist(), rows.key.take(row), newest.tolist(), (-row).tolist(), strict=True)
    order = order.copy()
    order[at] = [-name[-1] for name in sorted(names)]
    return order
