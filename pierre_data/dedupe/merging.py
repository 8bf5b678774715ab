"""One row per real workout: which source gives which value, as the columns of `schema.ACTIVITIES` declare it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from pierre_data.dedupe.arrays import ActivityArrays, Ints, SameProvider, quoted_all, text_hash
from pierre_data.dedupe.groups import Groups, group
from pierre_data.dedupe.manual import Override
from pierre_data.dedupe.overlap import VAGUE
from pierre_data.schema import ACTIVITIES
from pierre_data.schema.records import ALONE, MEASURED

ADDED = ("activity_id", "n_sources", "sources")
#: Column -> itself and the columns that the same source gives.
FIELD_GROUPS: dict[str, tuple[str, ...]] = {
    lead.name: (lead.name, *(c.name for c in ACTIVITIES.columns.values() if c.merge == lead.name))
    for lead in ACTIVITIES.columns.values()
    if lead.merge in (ALONE, MEASURED)
}


def deduplicate(
    frame: pd.DataFrame,
    *,
    priority: Sequence[str] | None = None,
    overrides: Iterable[Override] = (),
    athlete: str | None = None,
    id_spaces: Mapping[str, str] | None = None,
    same_provider: SameProvider = "overlap",
    reach: dt.timedelta | None = None,
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
    reach : timedelta, optional
        Rows that start further apart are never one workout, whatever ids and overrides say: who asks for windows needs
        it, so that windows side by side have the rows of the whole.

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
    grouping = group(frame, priority, overrides, athlete, id_spaces, same_provider, reach)
    rows, groups = grouping.case.rows, grouping.groups
    out = merge_groups(rows, groups, grouping.timed_by)
    # Dropping no column takes ten times as long as this copy.
    again = out.columns.isin(ADDED).any()
    out = out.drop(columns=list(ADDED), errors="ignore") if again else out.copy(deep=False)
    for place, (column, values) in enumerate(group_names(rows, groups).items()):
        out.insert(place, column, values)
    out.attrs = dict(frame.attrs)
    return out


def merge_groups(rows: ActivityArrays, groups: Groups, timed_by: Ints) -> pd.DataFrame:
    """Return one row per group, in their order: the best row's, and what it lacks from the others.

    Columns that `schema.ACTIVITIES` does not know are the best row's.
    """
    frame = rows.frame
    in_place = np.array_equal(groups.best, np.arange(len(frame)))
    out = frame.copy(deep=False) if in_place else frame.take(groups.best).reset_index(drop=True)
    if not len(groups.shared):
        return out
    zoned_by = _zoned_by(frame, groups, timed_by)
    sport = frame["sport"].take(groups.members)
    special = {
        "start_time": timed_by,
        "start_time_local": zoned_by,
        "sport": groups.first((sport.notna() & ~sport.isin(VAGUE)).to_numpy(dtype=bool)),
    }
    for lead, columns in FIELD_GROUPS.items():
        source = special[lead] if lead in special else _source(frame, columns, groups)
        if source is groups.best or (source == groups.best).all():
            continue
        for column in columns:
            if column in frame.columns:
                out[column] = frame[column].array.take(source)
    moved = np.flatnonzero(zoned_by != timed_by)
    if len(moved) and "start_time_local" in frame.columns:
        # The zone comes from a source that started at another second: its clock is moved to the start that is kept.
        late = pd.to_timedelta(rows.start[timed_by[moved]] - rows.start[zoned_by[moved]], unit="us")
        out.loc[moved, "start_time_local"] += late.to_numpy()
    return out


def _zoned_by(frame: pd.DataFrame, groups: Groups, timed_by: Ints) -> Ints:
    """Return the row of each group that says the local clock: the one that says when, if it does, else the best."""
    columns = [c for c in ("start_time_local", "utc_offset_s") if c in frame.columns]
    if not columns:
        return timed_by
    known = frame[columns].notna().any(axis=1).to_numpy(dtype=bool)
    if known[timed_by].all():
        return timed_by
    return np.where(known[timed_by], timed_by, groups.first(known[groups.members]))


def _source(frame: pd.DataFrame, columns: tuple[str, ...], groups: Groups) -> Ints:
    """Return, per group, the best row that has the first of some columns, else any of them."""
    at = groups.members
    some = [frame[c].notna().to_numpy(dtype=bool)[at] for c in columns if c in frame.columns]
    if not some or not any(one.any() for one in some):
        return groups.best
    speaks, lead = some[0], columns[0]
    if lead in frame.columns and ACTIVITIES[lead].merge == MEASURED:
        # Vendors write 0 where nothing was measured; such a value does not speak for its group.
        speaks = speaks & (frame[lead].to_numpy(dtype=np.float64, na_value=np.nan)[at] > 0)
    return groups.best if speaks[groups.firsts].all() else groups.first(speaks, np.logical_or.reduce(some))


def group_names(rows: ActivityArrays, groups: Groups) -> dict[str, pd.Series[str] | pd.Series[int]]:
    """Return the columns `ADDED` of the groups: the smallest hash of the sources, their number, and who they are."""
    least = np.minimum.reduceat(rows.hash[groups.order], groups.starts) if len(groups.order) else rows.hash
    digits = least.astype(">u8").tobytes().hex()
    names, counts, previous = quoted_all(rows.key), groups.sizes, rows.previous
    if previous is not None:
        names = names.where(previous.count == 0, previous.texts)
        counts = np.maximum(previous.count[groups.best], 1)
    sources, members = names.take(groups.best).tolist(), names.take(groups.members).tolist()
    several = (groups.shared, groups.firsts, groups.sizes[groups.shared])
    for place, first, size in zip(*(numbers.tolist() for numbers in several), strict=True):
        own = " ".join(members[first : first + size])
        if previous is not None:
            distinct = dict.fromkeys(own.split(" "))
            own = " ".join(sorted(distinct, key=lambda source: rows.places[source.partition(":")[0]]))
            counts[place] = len(distinct)
        sources[place] = own
    return {
        "activity_id": pd.Series([digits[at : at + 16] for at in range(0, len(digits), 16)], dtype="str"),
        "n_sources": pd.Series(counts, dtype="int64"),
        "sources": pd.Series(sources, dtype="str"),
    }


def activity_id(provider: str, id: str) -> str:
    """Return the activity_id of a single recording, as 16 hexadecimal digits.

    That of a merged activity is the smallest of its recordings'.

    Examples
    --------
    >>> activity_id("strava", "123")
    '...'
    """
    return f"{int(text_hash(pd.Series([f'{provider}:{id}'], dtype='str'))[0]):016x}"
