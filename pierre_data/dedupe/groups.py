"""Which rows of a frame are one workout: the rules in their order, and what they make of its rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pierre_data.dedupe.arrays import ActivityArrays, Bools, Case, Ints, SameProvider, read_arrays, read_column
from pierre_data.dedupe.exact_ids import by_exact_id, people_apart, repeats
from pierre_data.dedupe.manual import Override, by_override, verdicts_on
from pierre_data.dedupe.overlap import by_overlap
from pierre_data.errors import QueryError
from pierre_data.notices import notice

#: Name -> rule: it gets the rows and the labels so far (rows of one label are one workout) and returns labels.
RULES: Mapping[str, Callable[[Case, Ints], Ints]] = {"exact id": by_exact_id, "overlap": by_overlap}


class Groups:
    """Rows group by group, the best row of each first; groups of several rows are `shared`."""

    def __init__(self, order: Ints, starts: Ints) -> None:
        self.order, self.starts = order, starts  # positions of rows, and where in them each group starts
        self.sizes, self.best = np.diff(np.append(starts, len(order))), order[starts]
        many = self.sizes > 1
        self.shared = np.flatnonzero(many)
        self.members = order[np.repeat(many, self.sizes)]  # the rows of these ...
        self.firsts = np.cumsum(self.sizes[many]) - self.sizes[many]  # ... and where in them each one starts

    def first(self, *wanted: Bools) -> Ints:
        """Return each group's first row that meets the first condition any of its `members` meets, else its best."""
        out = self.best.copy()
        size, place = len(self.members), self.firsts
        for condition in reversed(wanted if size else ()):
            hit = np.minimum.reduceat(np.where(condition, np.arange(size), size), self.firsts)
            place = np.where(hit < size, hit, place)
        out[self.shared] = self.members[place]
        return out


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which rows are one workout."""

    case: Case
    replaced_by: Ints  # for each row the one that repeats its provider and id more recently, often itself
    steps: tuple[tuple[str, Ints], ...]  # rule and labels after it; the first that gives two rows one label joined them
    groups: Groups  # the rows that are no repeats, newest group first
    timed_by: Ints  # the row of each group that says when


def group(
    frame: pd.DataFrame,
    priority: Sequence[str] | None,
    overrides: Iterable[Override],
    athlete: str | None,
    id_spaces: Mapping[str, str] | None,
    same_provider: SameProvider,
    reach: dt.timedelta | None,
) -> Grouping:
    """Return which rows of a frame are one workout."""
    if same_provider not in ("overlap", "never"):
        raise QueryError(f"same_provider={same_provider!r} is not known.", "Use 'overlap' or 'never'.")
    rows = read_arrays(frame.reset_index(drop=True), priority, athlete, id_spaces)
    if priority is None and len(rows.places) > 1:
        order = ", ".join(rows.places)
        text = f"No priority among providers was given, so they count by name: {order}. Pass priority=, best first."
        notice(text, UserWarning)
    replaced_by = repeats(rows)
    labels, steps = np.arange(len(replaced_by)), []
    case = Case(rows, np.flatnonzero(replaced_by == labels), same_provider, reach=reach)
    if overrides := tuple(overrides):
        if odd := [one for one in overrides if not isinstance(one, Override)]:
            raise QueryError(f"{odd[0]!r} is no override.", "Make it with pierre_data.dedupe.Override(same, a, b).")
        case, by_hand = verdicts_on(case, overrides)
        steps.append(("override", by_hand))
    for name, rule in RULES.items():
        labels = people_apart(case, rule(case, labels), labels) if rows.account is not None else rule(case, labels)
        steps.append((name, labels))
    if overrides:
        labels = by_override(case, labels, by_hand)
        steps.append(("override", labels))
    return Grouping(case, replaced_by, tuple(steps), *ordered_groups(rows, case.kept, labels))


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
