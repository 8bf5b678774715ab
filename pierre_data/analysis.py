"""What people compute from frames: every function takes a frame and returns a tidy one."""

from __future__ import annotations

import pandas as pd

from pierre_data.schema import ACTIVITIES, FAMILY

_SUMS = ("moving_s", "distance_m", "elevation_gain_m", "energy_kcal")


def weekly_volume(activities: pd.DataFrame) -> pd.DataFrame:
    """Return how much was trained per week and sport family.

    Parameters
    ----------
    activities : DataFrame
        Of `Client.activities` or `deduplicate`; rows that are no exercise are left out.  Weeks are the athlete's: the
        local start counts, UTC where it is not known.

    Returns
    -------
    DataFrame
        One row per week and family, zeros included, so that neighbours in time are neighbours in the frame: week
        (datetime64[us], its Monday, local), sport_family (str), activity_count (int64), moving_s (s, elapsed time
        where the vendor gives no moving time), distance_m (m), elevation_gain_m (m), energy_kcal (kcal); sums of what
        is known.  Ordered by week, then family.

    Raises
    ------
    SchemaError
        The frame lacks sport, start_time or elapsed_s.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> from pierre_data.analysis import weekly_volume
    >>> volume = weekly_volume(pierre.Client("synthetic", cache="memory").activities("2026-03-02", "2026-03-16"))
    >>> volume.week.dt.strftime("%Y-%m-%d").unique().tolist()
    ['2026-03-02', '2026-03-09']
    >>> bool((volume.groupby("week").moving_s.sum() > 3600).all())
    True
    """
    rows = ACTIVITIES.conform(activities.assign(provider="", id=""))
    rows = rows[rows["is_exercise"].fillna(True) & rows["start_time"].notna()]
    local = rows["start_time_local"].fillna(rows["start_time"].dt.tz_localize(None))
    keys = pd.DataFrame(
        {
            "week": local.dt.normalize() - pd.to_timedelta(local.dt.day_of_week, unit="D"),
            "sport_family": rows["sport_family"].fillna(rows["sport"].map(FAMILY)).fillna("other").astype("str"),
        }
    )
    values = rows[list(_SUMS)].assign(moving_s=rows["moving_s"].fillna(rows["elapsed_s"]), activity_count=1)
    sums = pd.concat([keys, values], axis=1).groupby(["week", "sport_family"])[["activity_count", *_SUMS]].sum()
    if len(sums):
        weeks, families = (sums.index.get_level_values(at).unique().sort_values() for at in (0, 1))
        every = pd.date_range(weeks.min(), weeks.max(), freq="7D", unit="us")
        sums = sums.reindex(pd.MultiIndex.from_product([every, families], names=sums.index.names), fill_value=0)
    out = sums.reset_index()
    return out.astype({"week": "datetime64[us]", "sport_family": "str", "activity_count": "int64"})
