"""Step 7: one row per group; fields that only mean something together come from one source."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pierre_data.dedupe.rows import Bools, Hashes, Ints, Rows

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
#: These say who and when: they are the canonical row's, null or not.
CANONICAL = (
    *("provider", "id", "athlete_id", "sport", "sport_family", "sport_raw", "is_exercise", "start_time"),
    *("start_time_local", "utc_offset_s", "timezone", "start_hidden", "elapsed_s", "external_id", "upload_id"),
    *("updated_at", "manual", "private", "gear_id"),
)


def ordered(rows: Rows, kept: Ints, labels: Ints) -> tuple[Ints, Ints]:
    """Return kept rows group by group, best row first, and where each group starts."""
    ids = pd.factorize(rows.frame["id"].iloc[kept], sort=True)[0] if _multiple(labels) else np.zeros(len(kept))
    order = np.lexsort((ids, rows.manual[kept], rows.rank[kept], labels))
    sorted_labels = labels[order]
    starts = np.flatnonzero(np.append(True, sorted_labels[1:] != sorted_labels[:-1])) if len(order) else order
    return kept[order], starts


def merged(rows: Rows, order: Ints, starts: Ints) -> pd.DataFrame:
    """Return one row per group, in the order of the groups."""
    frame = rows.frame
    canonical = order[starts]
    if len(canonical) == len(frame):
        return frame.copy(deep=False)
    data: dict[object, object] = {}
    sources = {column: group for group in FIELD_GROUPS for column in group}
    chosen: dict[object, Ints] = {}
    many = _many(order, starts)
    for column in frame.columns:
        group = sources.get(str(column), (str(column),))
        if column in CANONICAL or not many.any():
            source = canonical
        else:
            if group[0] not in chosen:
                chosen[group[0]] = _source(frame, group, order, starts, many)
            source = chosen[group[0]]
        data[column] = frame[column].take(source).reset_index(drop=True)
    return pd.DataFrame(data, copy=False)


def source_names(rows: Rows, order: Ints, starts: Ints) -> tuple[list[str], np.ndarray]:
    """Return the sources text and the number of sources of each group."""
    names = rows.key.iloc[order].tolist()
    if any("%" in n or " " in n or n.count(":") > 1 for n in names):
        names = [quoted(n) for n in names]
    ends = np.append(starts[1:], len(order))
    counts = ends - starts
    texts = [names[s] for s in starts]
    for at in np.flatnonzero(counts > 1):
        texts[at] = " ".join(names[starts[at] : ends[at]])
    return texts, counts.astype(np.float64)


def quoted(key: str) -> str:
    """Return ``provider:id`` with space, ``:`` and ``%`` of the id percent-encoded.

    Examples
    --------
    >>> quoted("files:a b:c")
    'files:a%20b%3Ac'
    """
    provider, _, id = key.partition(":")
    return f"{provider}:{id.replace('%', '%25').replace(' ', '%20').replace(':', '%3A')}"


def group_ids(hashes: Hashes, order: Ints, starts: Ints) -> list[str]:
    """Return the activity_id of each group: the smallest hash of its members."""
    least = np.minimum.reduceat(hashes[order], starts) if len(order) else hashes[:0]
    return [f"{h:016x}" for h in least.tolist()]


def _multiple(labels: Ints) -> bool:
    return len(np.unique(labels)) < len(labels)


def _many(order: Ints, starts: Ints) -> Bools:
    return np.diff(np.append(starts, len(order))) > 1


def _source(frame: pd.DataFrame, group: tuple[str, ...], order: Ints, starts: Ints, many: Bools) -> Ints:
    """Return, per group, the best row that has the field group's first column, else any of its columns."""
    canonical = order[starts]
    out = canonical.copy()
    ends = np.append(starts[1:], len(order))
    lengths = (ends - starts)[many]
    begin = np.append(0, np.cumsum(lengths))[:-1]
    at = np.repeat(starts[many] - begin, lengths) + np.arange(lengths.sum())
    rows = order[at]
    lead = _present(frame, group[:1], rows)
    some = _present(frame, group, rows)
    size = len(rows)
    position = np.arange(size)
    first_lead = np.minimum.reduceat(np.where(lead, position, size), begin)
    first_some = np.minimum.reduceat(np.where(some, position, size), begin)
    pick = np.where(first_lead < size, first_lead, np.where(first_some < size, first_some, begin))
    out[many] = rows[pick]
    return out


def _present(frame: pd.DataFrame, columns: tuple[str, ...], rows: Ints) -> Bools:
    out = np.zeros(len(rows), dtype=bool)
    for column in columns:
        if column in frame.columns:
            out |= frame[column].take(rows).notna().to_numpy(dtype=bool)
    return out
