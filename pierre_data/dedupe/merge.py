"""Step 7: one row per group; fields that only mean something together come from one source."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pierre_data.dedupe.order import Groups
from pierre_data.dedupe.rows import Rows
from pierre_data.dedupe.sources import Bools, Earlier, Ints, quoted_all
from pierre_data.schema import ACTIVITIES

TIMES = ("start_time", "start_hidden", "elapsed_s")
ZONE = ("start_time_local", "utc_offset_s", "timezone")
SPORTS = ("sport", "sport_family", "sport_raw")
#: The first column of a group decides which source gives all of them.
FIELD_GROUPS: tuple[tuple[str, ...], ...] = (
    ("distance_m", "moving_s", "average_speed_mps", "max_speed_mps"),
    ("average_heart_rate_bpm", "max_heart_rate_bpm"),
    ("average_power_w", "max_power_w", "normalized_power_w", "ftp_w", "work_kj"),
    ("average_cadence_rpm", "max_cadence_rpm"),
    ("average_cadence_spm", "max_cadence_spm"),
    ("elevation_gain_m", "elevation_loss_m"),
    ("average_altitude_m", "min_altitude_m", "max_altitude_m"),
    ("start_latitude_deg", "start_longitude_deg"),
    ("end_latitude_deg", "end_longitude_deg"),
    ("city", "region", "country"),
    ("temperature_c", "humidity_pct", "wind_speed_mps"),
    ("training_stress_score", "intensity_factor"),
    ("ground_contact_time_ms", "vertical_oscillation_cm", "stride_length_m"),
)
#: These say who, and what the vendor keeps about its own row: they are the canonical row's, null or not.
CANONICAL = (
    *("provider", "id", "athlete_id", "is_exercise", "manual", "private", "gear_id"),
    *("external_id", "upload_id", "updated_at"),
)
# Vendors write 0 where nothing was measured; such a value does not speak for its group.
_POSITIVE = frozenset(group[0] for group in FIELD_GROUPS[:5])
_VAGUE = ("workout", "other")


def merged(rows: Rows, groups: Groups, timed_by: Ints) -> pd.DataFrame:
    """Return one row per group, in the order of the groups.

    Columns that `schema.ACTIVITIES` does not know are the canonical row's.
    """
    frame = rows.frame
    in_place = np.array_equal(groups.best, np.arange(len(frame)))
    out = frame.copy(deep=False) if in_place else frame.take(groups.best).reset_index(drop=True)
    if not groups.many.any():
        return out
    grouped = {column for group in FIELD_GROUPS for column in group} | {*TIMES, *ZONE, *SPORTS, *CANONICAL}
    alone = [(c,) for c in ACTIVITIES.columns if c not in grouped]
    zoned_by = _zoned_by(frame, groups, timed_by)
    chosen: list[tuple[tuple[str, ...], Ints]] = [
        (TIMES, timed_by),
        (ZONE, zoned_by),
        (SPORTS, _named_by(rows, groups)),
    ]
    chosen += [(group, _source(frame, group, groups)) for group in (*FIELD_GROUPS, *alone)]
    for group, source in chosen:
        if source is groups.best or (source == groups.best).all():
            continue
        for column in group:
            if column in frame.columns:
                out[column] = frame[column].array.take(source)
    moved = np.flatnonzero(zoned_by != timed_by)
    if len(moved) and "start_time_local" in frame.columns:
        # The zone comes from a source that started at another second: its clock is moved to the start that is kept.
        late = pd.to_timedelta(rows.start[timed_by[moved]] - rows.start[zoned_by[moved]], unit="us")
        out.loc[moved, "start_time_local"] += late.to_numpy()
    return out


def timed_by(rows: Rows, groups: Groups) -> Ints:
    """Return the row of each group that says when: the best one whose start no vendor blurred."""
    return _first(groups, ~rows.hidden[groups.members.order])


def source_names(rows: Rows, groups: Groups) -> tuple[pd.Series[str], Ints]:
    """Return the column ``sources`` and the number of sources of each group."""
    own = quoted_all(rows.key)
    if rows.earlier is not None:
        return _earlier_names(rows, rows.earlier, own, groups)
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


def group_ids(rows: Rows, groups: Groups) -> list[str]:
    """Return the activity_id of each group: the smallest hash of its sources, in hexadecimal."""
    if not len(groups.order):
        return []
    least = np.minimum.reduceat(rows.hash[groups.order], groups.starts)
    digits = least.astype(">u8").tobytes().hex()
    return [digits[at : at + 16] for at in range(0, len(digits), 16)]


def _earlier_names(rows: Rows, before: Earlier, own: pd.Series[str], groups: Groups) -> tuple[pd.Series[str], Ints]:
    known = own.where(before.count == 0, before.texts).tolist()
    lists = []
    for start, size in zip(groups.starts.tolist(), groups.sizes.tolist(), strict=True):
        found = " ".join(known[row] for row in groups.order[start : start + size].tolist()).split(" ")
        if size > 1:
            found = sorted(dict.fromkeys(found), key=lambda source: rows.places[source.partition(":")[0]])
        lists.append(found)
    return pd.Series([" ".join(found) for found in lists], dtype="str"), np.array(
        [len(f) for f in lists], dtype=np.int64
    )


def _zoned_by(frame: pd.DataFrame, groups: Groups, timed_by: Ints) -> Ints:
    """Return the row of each group that says the local clock: the one that says when, if it does, else the best."""
    columns = [c for c in ZONE[:2] if c in frame.columns]
    if not columns:
        return timed_by
    known = frame[columns].notna().any(axis=1).to_numpy(dtype=bool)
    if known[timed_by].all():
        return timed_by
    return np.where(known[timed_by], timed_by, _first(groups, known[groups.members.order]))


def _named_by(rows: Rows, groups: Groups) -> Ints:
    """Return the row of each group that says which sport: the best one that names one."""
    sport = rows.frame["sport"].take(groups.members.order)
    return _first(groups, (sport.notna() & ~sport.isin(_VAGUE)).to_numpy(dtype=bool))


def _source(frame: pd.DataFrame, group: tuple[str, ...], groups: Groups) -> Ints:
    """Return, per group, the best row that has the field group's first column, else any of its columns."""
    at, best = groups.members.order, groups.members.starts
    found = [frame[c] for c in group if c in frame.columns]
    some = [column.notna().to_numpy(dtype=bool)[at] for column in found]
    if found and found[0].name in _POSITIVE:
        some.insert(0, some[0] & (found[0].to_numpy(dtype=np.float64, na_value=np.nan)[at] > 0))
    if not any(one.any() for one in some) or some[0][best].all():
        return groups.best
    return _first(groups, some[0], np.logical_or.reduce(some))


def _first(groups: Groups, *wanted: Bools) -> Ints:
    """Return, per group, its first row that is wanted, by the first condition that a row of it meets, else its best."""
    out = groups.best.copy()
    members = groups.members
    if not len(members.order):
        return out
    size = len(members.order)
    place = members.starts
    for condition in reversed(wanted):
        found = np.minimum.reduceat(np.where(condition, np.arange(size), size), members.starts)
        place = np.where(found < size, found, place)
    out[groups.many] = members.order[place]
    return out
