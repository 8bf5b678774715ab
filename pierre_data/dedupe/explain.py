"""Say why rows were merged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from pierre_data.dedupe.arrays import Floats, Ints, SameProvider, quoted_all
from pierre_data.dedupe.groups import Grouping, group
from pierre_data.dedupe.manual import Override
from pierre_data.dedupe.merging import ADDED, group_names
from pierre_data.dedupe.overlap import features, score_pairs
from pierre_data.errors import QueryError

_TEXTS = ("activity_id", "kept", "dropped", "rule", "kept_sport", "dropped_sport")


def duplicates(
    frame: pd.DataFrame,
    *,
    priority: Sequence[str] | None = None,
    overrides: Iterable[Override] = (),
    athlete: str | None = None,
    id_spaces: Mapping[str, str] | None = None,
    same_provider: SameProvider = "overlap",
    reach: dt.timedelta | None = None,
) -> pd.DataFrame:
    """Return every merge that `deduplicate` makes of a frame, with its reason.

    Parameters
    ----------
    frame : DataFrame
        As for `deduplicate`; fetched with ``dedupe=False``.
    priority, overrides, athlete, id_spaces, same_provider, reach
        As for `deduplicate`.

    Returns
    -------
    DataFrame
        One row per dropped row, newest first: activity_id; kept and dropped (``provider:id``); rule ("same id": the
        vendor sent it twice, "override": a person said so, "exact id", "overlap"); score (natural-log odds, a match is
        1 and more on the group's average; NaN for ids); dropped minus kept start and end (s); intersection over union,
        and smaller over larger duration and distance (0 to 1); difference of heart rate without sign (bpm); the two
        sports and start times (UTC).  A row that joined the kept one through a third is ruled by the step that did so.

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
    >>> every = client.activities("2026-01-01", "2026-02-01", dedupe=False)
    >>> why = pierre.duplicates(every, priority=["synthetic-watch"])
    >>> set(why.rule) <= {"exact id", "overlap", "same id"}
    True
    """
    if set(ADDED) <= set(frame.columns):
        raise QueryError(
            "The frame is deduplicated already, so its duplicates are gone.",
            "Fetch it with dedupe=False and pass that.",
        )
    grouping = group(frame, priority, overrides, athlete, id_spaces, same_provider, reach)
    kept, dropped, rule, score = _merges(grouping)
    rows, groups = grouping.case.rows, grouping.groups
    names = quoted_all(rows.key)
    why = features(rows, kept, dropped)
    start = rows.seconds[dropped] - rows.seconds[kept]
    ids = group_names(rows, groups)["activity_id"].set_axis(groups.best)
    data = {
        "activity_id": ids.reindex(kept).array,
        "kept": names.take(kept).array,
        "dropped": names.take(dropped).array,
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
    out = pd.DataFrame(data)
    times = [name for name in data if name.endswith("_time")]
    out = out.astype(dict.fromkeys(_TEXTS, "str") | dict.fromkeys(times, "datetime64[us, UTC]"))
    return out.sort_values(["kept_start_time", "kept", "dropped"], ascending=[False, True, True], ignore_index=True)


def _merges(grouping: Grouping) -> tuple[Ints, Ints, list[str], Floats]:
    """Return kept and dropped rows, the rule and the score of each merge."""
    groups, at = grouping.groups, np.arange(len(grouping.replaced_by))
    best = at.copy()
    best[groups.order] = np.repeat(groups.best, groups.sizes)
    gone, again = np.flatnonzero(best != at), np.flatnonzero(grouping.replaced_by != at)
    dropped = np.concatenate([gone, again])
    kept = best[np.concatenate([gone, grouping.replaced_by[again]])]
    rule = np.full(len(dropped), "same id", dtype=object)
    for name, labels in reversed(grouping.steps):
        rule[: len(gone)][labels[kept[: len(gone)]] == labels[gone]] = name
    score = np.full(len(dropped), np.nan)
    compared = np.flatnonzero(rule == "overlap")
    score[compared] = score_pairs(grouping.case.rows, kept[compared], dropped[compared], grouping.case.same_provider)
    return kept, dropped, rule.tolist(), score
