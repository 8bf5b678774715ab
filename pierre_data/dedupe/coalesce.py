"""One row per group: which source gives which value, as the columns of `schema.ACTIVITIES` declare it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pierre_data.dedupe.arrays import ActivityArrays, Ints, PreviousMerge, quoted_all
from pierre_data.dedupe.groups import Groups
from pierre_data.dedupe.scoring import VAGUE
from pierre_data.schema import ACTIVITIES
from pierre_data.schema.records import ALONE, MEASURED

#: Column -> itself and the columns that the same source gives.
FIELD_GROUPS: dict[str, tuple[str, ...]] = {
    lead.name: (lead.name, *(c.name for c in ACTIVITIES.columns.values() if c.merge == lead.name))
    for lead in ACTIVITIES.columns.values()
    if lead.merge in (ALONE, MEASURED)
}


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


def group_ids(rows: ActivityArrays, groups: Groups) -> list[str]:
    """Return the activity_id of each group: the smallest hash of its sources, in hexadecimal."""
    if not len(groups.order):
        return []
    least = np.minimum.reduceat(rows.hash[groups.order], groups.starts)
    digits = least.astype(">u8").tobytes().hex()
    return [digits[at : at + 16] for at in range(0, len(digits), 16)]


def source_names(rows: ActivityArrays, groups: Groups) -> tuple[pd.Series[str], Ints]:
    """Return the column ``sources`` and the number of sources of each group."""
    own = quoted_all(rows.key)
    if rows.previous is not None:
        return _with_previous(rows, rows.previous, own, groups)
    parts, places = [], []
    for size in np.unique(groups.sizes).tolist():
        place = np.flatnonzero(groups.sizes == size)
        text = own.take(groups.best[place]).reset_index(drop=True)
        for nth in range(1, size):
            text = text + " " + own.take(groups.order[groups.starts[place] + nth]).reset_index(drop=True)
        parts.append(text)
        places.append(place)
    if not parts:
        return own, groups.sizes
    back = np.argsort(np.concatenate(places), kind="stable")
    return pd.concat(parts).take(back).reset_index(drop=True), groups.sizes


def _with_previous(
    rows: ActivityArrays, previous: PreviousMerge, own: pd.Series[str], groups: Groups
) -> tuple[pd.Series[str], Ints]:
    known = own.where(previous.count == 0, previous.texts).tolist()
    texts, counts = [], []
    for start, size in zip(groups.starts.tolist(), groups.sizes.tolist(), strict=True):
        sources = " ".join(known[row] for row in groups.order[start : start + size].tolist()).split(" ")
        if size > 1:
            sources = sorted(dict.fromkeys(sources), key=lambda source: rows.places[source.partition(":")[0]])
        texts.append(" ".join(sources))
        counts.append(len(sources))
    return pd.Series(texts, dtype="str"), np.array(counts, dtype=np.int64)
