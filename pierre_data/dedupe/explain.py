"""Say why rows were merged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pierre_data.dedupe.merge import group_ids, quoted
from pierre_data.dedupe.merging import ADDED, Grouping, SameProvider, group
from pierre_data.dedupe.pairs import features
from pierre_data.dedupe.rows import Floats, Ints
from pierre_data.errors import QueryError

DTYPES = {
    "activity_id": "str",
    "kept": "str",
    "dropped": "str",
    "rule": "str",
    "score": "float64",
    "start_diff_s": "float64",
    "end_diff_s": "float64",
    "overlap_iou": "float64",
    "duration_ratio": "float64",
    "distance_ratio": "float64",
    "heart_rate_diff_bpm": "float64",
    "kept_sport": "str",
    "dropped_sport": "str",
    "kept_start_time": "datetime64[us, UTC]",
    "dropped_start_time": "datetime64[us, UTC]",
}


def duplicates(
    frame: pd.DataFrame,
    *,
    priority: Sequence[str] | None = None,
    athlete: str | None = None,
    same_provider: SameProvider = "overlap",
) -> pd.DataFrame:
    """Return every merge that `deduplicate` makes of a frame, with its reason.

    Parameters
    ----------
    frame : DataFrame
        As for `deduplicate`; fetched with ``dedupe=False``.
    priority, athlete, same_provider
        As for `deduplicate`.

    Returns
    -------
    DataFrame
        One row per dropped row, newest first: activity_id; kept and dropped (``provider:id``); rule ("same id": the
        vendor sent it twice, "exact id", "overlap"); score (a match is 1 and more; NaN for ids); differences of
        start and end (s), intersection over union, ratios of duration and distance, difference of heart rate, the
        two sports and start times.

    Raises
    ------
    QueryError
        The frame is deduplicated already.
    SchemaError
        A required column is missing.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    >>> why = pierre.duplicates(client.activities("2026-01-01", "2026-02-01", dedupe=False))
    >>> set(why.rule) <= {"exact id", "overlap", "same id"}
    True
    """
    if set(ADDED) <= set(frame.columns):
        raise QueryError(
            "The frame is deduplicated already, so its duplicates are gone.",
            "Fetch it with dedupe=False and pass that.",
        )
    found = group(frame, priority=priority, athlete=athlete, same_provider=same_provider)
    kept, dropped, rule, score = _merges(found)
    rows = found.rows
    names = [quoted(k) for k in rows.key.tolist()]
    why = features(rows, kept, dropped)
    ids = dict(zip(found.order[found.starts].tolist(), group_ids(rows.hash, found.order, found.starts), strict=True))
    data = {
        "activity_id": [ids[row] for row in kept.tolist()],
        "kept": [names[row] for row in kept],
        "dropped": [names[row] for row in dropped],
        "rule": rule,
        "score": score,
        "start_diff_s": (rows.start[dropped] - rows.start[kept]) / 1e6,
        "end_diff_s": (rows.start[dropped] - rows.start[kept]) / 1e6 + rows.elapsed[dropped] - rows.elapsed[kept],
        "overlap_iou": why["iou"],
        "duration_ratio": why["duration"],
        "distance_ratio": why["distance"],
        "heart_rate_diff_bpm": why["heart_rate"],
        "kept_sport": rows.frame["sport"].take(kept).tolist(),
        "dropped_sport": rows.frame["sport"].take(dropped).tolist(),
        "kept_start_time": rows.frame["start_time"].take(kept).array,
        "dropped_start_time": rows.frame["start_time"].take(dropped).array,
    }
    out = pd.DataFrame({n: pd.Series(v, dtype=DTYPES[n]) for n, v in data.items()})
    return out.sort_values(["kept_start_time", "kept", "dropped"], ascending=[False, True, True], ignore_index=True)


def _merges(found: Grouping) -> tuple[Ints, Ints, list[str], Floats]:
    """Return kept and dropped rows, the rule and the score of each merge."""
    order, starts = found.order, found.starts
    lengths = np.diff(np.append(starts, len(order)))
    first = np.repeat(order[starts] if len(order) else order, lengths)
    gone = np.ones(len(order), dtype=bool)
    gone[starts] = False
    kept, dropped = first[gone], order[gone]
    place = np.zeros(len(found.rows.hash), dtype=np.int64)
    place[found.kept] = np.arange(len(found.kept))
    exact = found.by_id[place[kept]] == found.by_id[place[dropped]]
    scores = _scores(found, place[kept], place[dropped])
    canonical = dict(zip(order.tolist(), first.tolist(), strict=True))
    again = np.flatnonzero(found.replaced_by != np.arange(len(found.replaced_by)))
    heads = np.array([canonical[r] for r in found.replaced_by[again].tolist()], dtype=np.int64)
    rule = ["exact id" if e else "overlap" for e in exact] + ["same id"] * len(again)
    nothing = np.full(len(again), np.nan)
    score = np.concatenate([np.where(exact, np.nan, scores), nothing])
    return np.concatenate([kept, heads]), np.concatenate([dropped, again]), rule, score


def _scores(found: Grouping, kept: Ints, dropped: Ints) -> Floats:
    size = len(found.kept)
    low, high = np.minimum(kept, dropped), np.maximum(kept, dropped)
    wanted = low * size + high
    known = np.minimum(found.pairs.a, found.pairs.b) * size + np.maximum(found.pairs.a, found.pairs.b)
    order = np.argsort(known)
    if not len(known):
        return np.full(len(wanted), np.nan)
    at = np.clip(np.searchsorted(known[order], wanted), 0, len(known) - 1)
    hit = known[order][at] == wanted
    return np.where(hit, found.pairs.score[order][at], np.nan)
