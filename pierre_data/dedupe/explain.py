"""Say why rows were merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from pierre_data.dedupe.merge import group_ids
from pierre_data.dedupe.merging import ADDED, Grouping, group
from pierre_data.dedupe.overrides import Override
from pierre_data.dedupe.pairs import SameProvider, features
from pierre_data.dedupe.sources import Floats, Ints, quoted_all
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
    overrides: Iterable[Override] | None = None,
) -> pd.DataFrame:
    """Return every merge that `deduplicate` makes of a frame, with its reason.

    Parameters
    ----------
    frame : DataFrame
        As for `deduplicate`; fetched with ``dedupe=False``.
    priority, athlete, same_provider, overrides
        As for `deduplicate`.

    Returns
    -------
    DataFrame
        One row per dropped row, newest first: activity_id; kept and dropped (``provider:id``); rule ("same id": the
        vendor sent it twice, "override": a person
        said so, "exact id", "overlap"); score (natural-log odds, a match is 1 and more on the group's
        average; NaN for ids); dropped minus kept start and end (s); intersection over union, and smaller over larger
        duration and distance (0 to 1); difference of heart rate without sign (bpm); the two sports and start times
        (UTC).  A row that joined the kept one through a third is ruled by the step that did so.

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
    found = group(frame, priority=priority, athlete=athlete, same_provider=same_provider, overrides=overrides)
    kept, dropped, rule, score = _merges(found)
    rows = found.rows
    names = quoted_all(rows.key).tolist()
    why = features(rows, kept, dropped)
    start = rows.starts(dropped) - rows.starts(kept)
    ids = dict(zip(found.groups.best.tolist(), group_ids(rows, found.groups), strict=True))
    data = {
        "activity_id": [ids[row] for row in kept.tolist()],
        "kept": [names[row] for row in kept],
        "dropped": [names[row] for row in dropped],
        "rule": rule,
        "score": score,
        "start_diff_s": start,
        "end_diff_s": start + (rows.elapsed[dropped] - rows.elapsed[kept]),
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
    groups, size = found.groups, len(found.rows)
    canonical = np.arange(size)
    canonical[groups.order] = np.repeat(groups.best, groups.sizes)
    gone = np.flatnonzero(canonical != np.arange(size))
    again = np.flatnonzero(found.replaced_by != np.arange(size))
    dropped = np.concatenate([gone, again])
    kept = canonical[np.concatenate([gone, found.replaced_by[again]])]
    rule = np.full(len(dropped), "same id", dtype=object)
    for name, labels in reversed(found.steps):
        rule[: len(gone)][labels[kept[: len(gone)]] == labels[gone]] = name
    return kept, dropped, rule.tolist(), np.where(rule == "overlap", _scores(found, kept, dropped), np.nan)


def _scores(found: Grouping, kept: Ints, dropped: Ints) -> Floats:
    size, pairs = len(found.rows), found.pairs
    if not len(pairs.a):
        return np.full(len(kept), np.nan)
    known = np.minimum(pairs.a, pairs.b) * size + np.maximum(pairs.a, pairs.b)
    order = np.argsort(known)
    wanted = np.minimum(kept, dropped) * size + np.maximum(kept, dropped)
    at = np.clip(np.searchsorted(known[order], wanted), 0, len(known) - 1)
    return np.where(known[order][at] == wanted, pairs.score[order][at], np.nan)
