"""Deduplicate a frame of activities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pierre_data.dedupe.groups import grouped
from pierre_data.dedupe.links import linked, repeats
from pierre_data.dedupe.merge import group_ids, merged, ordered, source_names
from pierre_data.dedupe.pairs import Pairs, scored
from pierre_data.dedupe.rows import Ints, Rows, read_rows, text_hash

SameProvider = Literal["overlap", "never"]
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
    by_id, labels : ndarray of int
        Group of each kept row by exact ids alone, and after comparing.
    kept : ndarray of int
        Rows that are no repeats.
    pairs : Pairs
        Compared rows, as positions in `kept`.
    order, starts : ndarray of int
        Kept rows group by group, best first, and where each group starts.
    """

    rows: Rows
    replaced_by: Ints
    kept: Ints
    by_id: Ints
    labels: Ints
    pairs: Pairs
    order: Ints
    starts: Ints


def deduplicate(
    frame: pd.DataFrame,
    *,
    priority: Sequence[str] | None = None,
    athlete: str | None = None,
    same_provider: SameProvider = "overlap",
) -> pd.DataFrame:
    """Merge the rows that are one real workout.

    Equal ids link rows exactly.  Other rows are compared by overlap in time, duration, distance, heart rate, place
    and sport; two recordings are one workout when their score is a match and each is the other's best, and a group
    holds only rows that match each other.  The row of the best provider stays; what it lacks comes from the others,
    in groups of fields that only mean something together.  Nothing is ever averaged.

    Parameters
    ----------
    frame : DataFrame
        Activities: provider, id, sport, start_time and elapsed_s at least; own columns come along.
    priority : sequence of str, optional
        Provider names, best first; the others follow by name.
    athlete : str, optional
        Column that separates people; by default all rows are one person's.
    same_provider : {"overlap", "never"}
        Whether two rows of one provider can be one workout (two devices on one account) when they overlap well.

    Returns
    -------
    DataFrame
        ``activity_id``, ``n_sources`` and ``sources`` first, then the columns of `frame`; newest first, ties by
        provider and id.  A frame that is deduplicated already comes back as it is, each activity once.

    Raises
    ------
    SchemaError
        A required column is missing.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    >>> every = client.activities("2026-01-01", "2026-02-01", dedupe=False)
    >>> merged = pierre.deduplicate(every, priority=["synthetic-watch"])
    >>> bool(merged.n_sources.sum() == len(every))
    True
    """
    if set(ADDED) <= set(frame.columns):
        return _newest_first(frame.sort_values("n_sources", kind="stable").drop_duplicates("activity_id", keep="last"))
    found = group(frame, priority=priority, athlete=athlete, same_provider=same_provider)
    out = merged(found.rows, found.order, found.starts)
    texts, counts = source_names(found.rows, found.order, found.starts)
    ids = group_ids(found.rows.hash, found.order, found.starts)
    for at, (name, values) in enumerate(zip(ADDED, (ids, counts, texts), strict=True)):
        dtype = "float64" if name == "n_sources" else "str"
        out.insert(at, name, pd.Series(values, index=out.index, dtype=dtype))
    return _newest_first(out)


def group(
    frame: pd.DataFrame, *, priority: Sequence[str] | None, athlete: str | None, same_provider: SameProvider
) -> Grouping:
    """Return which rows of a frame are one workout; see `deduplicate`."""
    rows = read_rows(frame.reset_index(drop=True), priority, athlete)
    replaced_by = repeats(rows)
    kept = np.flatnonzero(replaced_by == np.arange(len(replaced_by)))
    by_id = linked(rows, kept)
    pairs = scored(rows, kept, same_provider)
    place = np.zeros(len(rows.hash), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    pairs = Pairs(place[pairs.a], place[pairs.b], pairs.score)
    labels = grouped(by_id, pairs, rows.timed[kept], rows.hash[kept])
    order, starts = ordered(rows, kept, labels)
    return Grouping(rows, replaced_by, kept, by_id, labels, pairs, order, starts)


def activity_id(provider: str, id: str) -> str:
    """Return the activity_id of a single recording.

    Examples
    --------
    >>> activity_id("strava", "123") == activity_id("strava", "123") != activity_id("strava", "124")
    True
    """
    return f"{int(text_hash(pd.Series([f'{provider}:{id}'], dtype='str'))[0]):016x}"


def _newest_first(frame: pd.DataFrame) -> pd.DataFrame:
    start = frame["start_time"].to_numpy(dtype="datetime64[us]").view(np.int64)
    order = np.argsort(-start, kind="stable")
    tied = np.flatnonzero(start[order][1:] == start[order][:-1])
    if len(tied):
        # Few rows start in the same second: only their names are compared.
        at = np.unique(np.concatenate([tied, tied + 1]))
        rows = frame.iloc[order[at]]
        keys = list(zip((-start[order[at]]).tolist(), rows["provider"], rows["id"], order[at].tolist(), strict=True))
        order[at] = [key[-1] for key in sorted(keys)]
    return frame.take(order).reset_index(drop=True)
