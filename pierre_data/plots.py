"""Pictures of frames; each function returns a matplotlib Figure, and nothing is shown or saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from pierre_data.analysis import weekly_volume
from pierre_data.errors import QueryError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colour-blind safe (Okabe and Ito, 2008).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")


def weekly_hours(activities: pd.DataFrame, *, weeks: int | None = None) -> Figure:
    """Draw hours per week, stacked by sport family.

    Parameters
    ----------
    activities : DataFrame
        Of `Client.activities`; rows that are no exercise are left out.
    weeks : int, optional
        Only the last so many weeks of the frame.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    QueryError
        The frame has no rows.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> from pierre_data.plots import weekly_hours
    >>> frame = pierre.Client("synthetic", cache="memory").activities("2026-01-01", "2026-03-01")
    >>> weekly_hours(frame).axes[0].get_ylabel()
    'hours per week'
    """
    volume = weekly_volume(activities)
    if volume.empty:
        raise QueryError("There is nothing to draw: the frame has no activities.", "Ask for a longer time.")
    hours = volume.pivot(index="week", columns="sport_family", values="moving_s") / 3600
    hours = hours[hours.sum().sort_values(ascending=False, kind="stable").index]
    if len(hours.columns) > len(_COLOURS):
        most, rest = hours.iloc[:, : len(_COLOURS) - 1], hours.iloc[:, len(_COLOURS) - 1 :]
        hours = most.assign(**{"all others": rest.sum(axis=1)})
    hours = hours.tail(weeks) if weeks else hours
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes: Axes = figure.subplots()
    bottom = pd.Series(0.0, index=hours.index)
    for colour, family in zip(_COLOURS, hours.columns, strict=False):
        axes.bar(hours.index, hours[family], width=6, bottom=bottom, label=family, color=colour)
        bottom = bottom + hours[family]
    axes.set_ylabel("hours per week")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, ncols=len(hours.columns), loc="outside upper left")
    return figure
