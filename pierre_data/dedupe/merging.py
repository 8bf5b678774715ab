"""Deduplicate a frame of activities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pierre_data.dedupe.groups import grouped
from pierre_data.dedupe.links import linked, own_keys, repeats
from pierre_data.dedupe.merge import group_ids, merged, source_names, timed_by
from pierre_data.dedupe.order import Groups, best_first, newest_first
from pierre_data.dedupe.overrides import Override, joined_apart, judged, noted, without
from pierre_data.dedupe.pairs import Pairs, SameProvider, scored
from pierre_data.dedupe.rows import Rows, read_rows
from pierre_data.dedupe.sources import Ints, text_hash
from pierre_data.errors import QueryError

ADDED = ("activity_id", "n_sources", "sources")


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which rows are one workout.

    Parameters
    ----------
    rows : Rows
        All rows.
    replaced_by : ndarray of int
        For each row the one that repeats its provider and id more recently, often itself.
    steps : tuple of (str, ndarray of int)
        Rule and labels after each step; the first step in which two rows have one label joined them.
    pairs : Pairs
        Compared rows.
    groups : Groups
        The rows that are no repeats, newest group first.
    timed_by : ndarray of int
        The row of each group that says when.
    """

    rows: Rows
    replaced_by: Ints
    steps: tuple[tuple[str, Ints], ...]
    pairs: Pairs
    groups: Groups
    timed_by: Ints


def deduplicate(
    frame: pd.DataFrame,
    *,
    priority: Sequence[str] | None = None,
    athlete: str | None = None,
    same_provider: SameProvider = "overlap",
    overrides: Iterable[Override] | None = None,
) -> pd.DataFrame:
    """Merge the rows that are one real workout.

    Equal ids link rows exactly.  Other rows are compared by overlap in time, duration, distance, heart rate, place
    and sport; two recordings are one workout when their score is a match and each is the other's best, and a group
    holds only rows that match each other.  The row of the best provider stays (recorded before typed in, then by id);
    what it lacks comes from the others, in groups of fields that only mean something together.  A blurred start and a
    sport that says nothing ("workout", "other") count as lacking.  Nothing is ever averaged.

    A repeat of a provider and id is dropped: the newest ``updated_at`` stays, else the later row.

    Parameters
    ----------
    frame : DataFrame
        Activities: provider, id, sport, start_time and elapsed_s at least, with any index; own columns come along
        from the best row.
    priority : sequence of str, optional
        Provider names, best first; the others follow by name.  When omitted, the order of the client the frame
        came from.
    athlete : str, optional
        Column that separates people; by default all rows are one person's.  `activity_id` does not hold the person,
        so (provider, id) should be unique across people.
    same_provider : {"overlap", "never"}
        Whether two rows of one provider can be one workout (two devices on one account) when they overlap well.
    overrides : iterable of Override, optional
        Pairs that a person called the same or different; they go before every other rule.  When omitted, those of
        the client the frame came from (`Client.mark_same`).

    Returns
    -------
    DataFrame
        ``activity_id``, ``n_sources`` and ``sources`` first, then the columns of `frame`; newest first, ties by
        provider and id.  A deduplicated frame comes back equal.  It may also be joined with newly fetched rows and
        passed again, which is approximate: what was merged is compared as one row.

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
    found = group(frame, priority=priority, athlete=athlete, same_provider=same_provider, overrides=overrides)
    out = merged(found.rows, found.groups, found.timed_by)
    texts, counts = source_names(found.rows, found.groups)
    added = {"activity_id": group_ids(found.rows, found.groups), "n_sources": counts, "sources": texts}
    # Dropping no column takes ten times as long as this copy.
    again = out.columns.isin(ADDED).any()
    out = out.drop(columns=list(ADDED), errors="ignore") if again else out.copy(deep=False)
    for at, (name, values) in enumerate(added.items()):
        out.insert(at, name, pd.Series(values, index=out.index, dtype="int64" if name == "n_sources" else "str"))
    out.attrs = dict(frame.attrs)
    return out


def group(
    frame: pd.DataFrame,
    *,
    priority: Sequence[str] | None,
    athlete: str | None,
    same_provider: SameProvider,
    overrides: Iterable[Override] | None = None,
) -> Grouping:
    """Return which rows of a frame are one workout; see `deduplicate`."""
    if same_provider not in ("overlap", "never"):
        raise QueryError(f"same_provider={same_provider!r} is not known.", "Use 'overlap' or 'never'.")
    said = noted(frame, overrides)
    rows = read_rows(frame.reset_index(drop=True), priority, athlete)
    replaced_by = repeats(rows)
    kept = np.flatnonzero(replaced_by == np.arange(len(rows)))
    own = own_keys(rows, kept) if said else None
    told = judged(rows, own, said)
    alone = np.arange(len(rows))
    by_hand = joined_apart(alone, *told.same, told.apart)
    a, b = linked(rows, kept, own)
    by_id = joined_apart(alone, np.append(told.same[0], a), np.append(told.same[1], b), told.apart)
    pairs = without(scored(rows, kept, same_provider), by_id, told.apart)
    compared = np.zeros(len(rows), dtype=bool)
    compared[kept] = rows.timed[kept]
    labels = grouped(by_id, pairs, compared, rows.hash)
    groups = best_first(rows, kept, labels)
    groups = newest_first(rows, groups, timed_by(rows, groups))
    # Later steps (a clock in the wrong zone, typed-in copies) append their labels.
    steps = (("override", by_hand), ("exact id", by_id), ("overlap", labels))
    return Grouping(rows, replaced_by, steps, pairs, groups, timed_by(rows, groups))


def activity_id(provider: str, id: str) -> str:
    """Return the activity_id of a single recording, as 16 hexadecimal digits.

    That of a merged activity is the smallest of its recordings'.

    Examples
    --------
    >>> activity_id("strava", "123")
    '...'
    """
    return f"{int(text_hash(pd.Series([f'{provider}:{id}'], dtype='str'))[0]):016x}"
