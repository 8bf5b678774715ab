"""Deduplicate a frame of activities: the rules in their order, and one row per group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pierre_data.dedupe.arrays import ActivityArrays, Case, Ints, SameProvider, Verdicts, read_arrays, text_hash
from pierre_data.dedupe.coalesce import group_ids, merge_groups, source_names
from pierre_data.dedupe.exact_ids import by_exact_id, repeats
from pierre_data.dedupe.groups import Groups, by_overlap, ordered_groups, people_apart
from pierre_data.dedupe.manual import Override, by_override, verdicts_on
from pierre_data.errors import QueryError
from pierre_data.notices import notice

ADDED = ("activity_id", "n_sources", "sources")
#: Name -> rule: it gets the rows and the labels so far (rows of one label are one workout) and returns labels.
RULES: Mapping[str, Callable[[Case, Ints], Ints]] = {"exact id": by_exact_id, "overlap": by_overlap}


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which rows are one workout."""

    rows: ActivityArrays
    replaced_by: Ints  # for each row the one that repeats its provider and id more recently, often itself
    steps: tuple[tuple[str, Ints], ...]  # rule and labels after it; the first that gives two rows one label joined them
    case: Case
    groups: Groups  # the rows that are no repeats, newest group first
    timed_by: Ints  # the row of each group that says when


def deduplicate(
    frame: pd.DataFrame,
    *,
    priority: Sequence[str] | None = None,
    overrides: Iterable[Override] = (),
    athlete: str | None = None,
    id_spaces: Mapping[str, str] | None = None,
    same_provider: SameProvider = "overlap",
) -> pd.DataFrame:
    """Merge the rows that are one real workout.

    Equal ids link rows exactly.  Other rows are compared by overlap in time, duration, distance, heart rate, place
    and sport; two recordings are one workout when their score is a match and each is the other's best, and a group
    holds only rows that match each other.  The row of the best provider stays (recorded before typed in, then by id);
    what it lacks comes from the others, in groups of fields that only mean something together.  A blurred start and a
    sport that says nothing ("workout", "other") count as lacking.  Nothing is ever averaged.

    A repeat of a provider and id is dropped: the newest ``updated_at`` stays, else the later row.  Rows of two
    athletes of one provider (``athlete_id``) are never one workout.  Nothing is read from ``frame.attrs``.

    Parameters
    ----------
    frame : DataFrame
        Activities: provider, id, sport, start_time (UTC) and elapsed_s (s) at least, with any index; own columns come
        along from the best row.
    priority : sequence of str, optional
        Provider names, best first; the others follow by name.  When omitted, all are ordered by name, with a warning
        if there are several.
    overrides : iterable of Override, optional
        Pairs that a person called the same or different; they go before every rule: what is the same unites the
        groups that the rules made.
    athlete : str, optional
        Column that separates people; by default all rows are one person's, except that athletes of one provider are
        kept apart.  `activity_id` does not hold the person, so (provider, id) should be unique across people.
    id_spaces : mapping of str to str, optional
        Provider -> space of its ids, by default its name: providers of one space share ids, and a word ``space:id``
        in a row's ``external_id`` is the row of that id.
    same_provider : {"overlap", "never"}
        Whether two rows of one provider can be one workout (two devices on one account) when they overlap well.

    Returns
    -------
    DataFrame
        ``activity_id`` (str), ``n_sources`` (int64) and ``sources`` (str) first, then the columns of `frame`; newest
        first, ties by provider and id.  A deduplicated frame comes back equal.  It may also be joined with newly
        fetched rows and passed again, which is approximate: what was merged is compared as one row.

    Raises
    ------
    QueryError
        An argument is not known.
    SchemaError
        A required column is missing, has nulls (provider, id, `athlete`), or cannot be read.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    >>> every = client.activities("2026-01-01", "2026-02-01", dedupe=False)
    >>> merged = pierre.deduplicate(every, priority=["synthetic-watch"])
    >>> bool(merged.n_sources.sum() == len(every))
    True
    """
    grouping = group(frame, priority, overrides, athlete, id_spaces, same_provider)
    rows, groups = grouping.rows, grouping.groups
    out = merge_groups(rows, groups, grouping.timed_by)
    texts, counts = source_names(rows, groups)
    # Dropping no column takes ten times as long as this copy.
    again = out.columns.isin(ADDED).any()
    out = out.drop(columns=list(ADDED), errors="ignore") if again else out.copy(deep=False)
    out.insert(0, "activity_id", pd.Series(group_ids(rows, groups), index=out.index, dtype="str"))
    out.insert(1, "n_sources", pd.Series(counts, index=out.index, dtype="int64"))
    out.insert(2, "sources", pd.Series(texts, index=out.index, dtype="str"))
    out.attrs = dict(frame.attrs)
    return out


def group(
    frame: pd.DataFrame,
    priority: Sequence[str] | None,
    overrides: Iterable[Override],
    athlete: str | None,
    id_spaces: Mapping[str, str] | None,
    same_provider: SameProvider,
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
    kept = np.flatnonzero(replaced_by == np.arange(len(replaced_by)))
    labels, verdicts, steps = np.arange(len(replaced_by)), Verdicts(), []
    if overrides := tuple(overrides):
        if odd := [one for one in overrides if not isinstance(one, Override)]:
            raise QueryError(f"{odd[0]!r} is no override.", "Make it with pierre_data.dedupe.Override(same, a, b).")
        verdicts, by_hand = verdicts_on(rows, kept, overrides)
        steps.append(("override", by_hand))
    case = Case(rows, kept, verdicts, same_provider)
    for name, rule in RULES.items():
        labels = people_apart(case, rule(case, labels), labels) if rows.account is not None else rule(case, labels)
        steps.append((name, labels))
    if overrides:
        labels = by_override(case, labels, by_hand)
        steps.append(("override", labels))
    groups, timed_by = ordered_groups(rows, kept, labels)
    return Grouping(rows, replaced_by, tuple(steps), case, groups, timed_by)


def activity_id(provider: str, id: str) -> str:
    """Return the activity_id of a single recording, as 16 hexadecimal digits.

    That of a merged activity is the smallest of its recordings'.

    Examples
    --------
    >>> activity_id("strava", "123")
    '...'
    """
    return f"{int(text_hash(pd.Series([f'{provider}:{id}'], dtype='str'))[0]):016x}"
