"""How much two recordings look like one: natural-log odds, piecewise linear in one field each.

The knots were fitted by monotone-constrained logistic regression on 109,000 synthetic pairs, with priors for what
synthetic negatives cannot teach (a second person on the account, a wrong GPS).  A pair is a match at 1 and more, and
is impossible below -1.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from pierre_data.dedupe.sources import Floats, Ints
from pierre_data.schema import FAMILY

MATCH, IMPOSSIBLE = 1.0, -1.0
BASE, SAME_PROVIDER = -0.03, -1.22

_SECONDS = (0, 3, 20, 60, 150, 300, 600, 1200)
_RATIO = (0, 0.4, 0.6, 0.75, 0.87, 0.94, 0.98, 0.995, 1)
CURVES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "start": (_SECONDS, (0, -0.08, -0.11, -0.52, -1.93, -2.70, -2.80, -2.81)),
    "end": (_SECONDS, (0, -0.05, -0.06, -0.24, -0.98, -1.42, -1.42, -1.42)),
    "iou": ((0, 0.3, 0.5, 0.65, 0.8, 0.9, 0.97, 1), (0, 4.38, 5.85, 6.96, 7.73, 8.12, 8.27, 8.32)),
    "duration": ((0.93, 0.98, 0.995, 1), (0, 0.14, 0.20, 0.25)),
    "outdoor": (_RATIO, (-5, -4, -2.5, -1.2, -0.57, 0.33, 1.04, 1.25, 1.30)),
    "indoor": (_RATIO, (-0.25, -0.25, -0.25, -0.23, 0.13, 0.71, 1.18, 1.40, 1.46)),
    "heart_rate": ((0, 1, 3, 8, 15, 30), (0.58, 0.51, 0.12, -0.81, -1.60, -1.82)),
    "place": ((0, 0.3, 1, 3, 10), (0.37, -0.45, -1.05, -2.5, -5)),
}
#: Points of sport levels: 0 veto, 1 adjacent, 2 one side generic, 3 same family, 4 same sport.
SPORT = np.array([-np.inf, -1.0, 0.0, 0.3, 0.6])

_GENERIC = ("workout", "other")
_CONTAINERS = ("multisport", "triathlon")
_ADJACENT = (
    *(("run", "walk"), ("strength", "mind"), ("climb", "walk"), ("ski", "walk"), ("ski", "skate")),
    *(("gym", family) for family in ("run", "ride", "walk", "strength", "mind", "water")),
)
_CODES = {sport: code for code, sport in enumerate(FAMILY)}
_UNKNOWN = len(_CODES)


def points(field: str, values: Floats) -> Floats:
    """Return the points of a field's values; a missing value is worth nothing.

    Examples
    --------
    >>> points("iou", np.array([1.0, np.nan])).tolist()
    [8.32, 0.0]
    """
    knots, worth = CURVES[field]
    return np.where(np.isnan(values), 0.0, np.interp(values, knots, worth))


def sport_codes(sports: pd.Series[str]) -> Ints:
    """Return a code per sport for `sport_levels`; one outside the vocabulary, or none, can be anything."""
    codes, names = pd.factorize(sports)
    known = np.array([*(_CODES.get(name, _UNKNOWN) for name in names), _UNKNOWN], dtype=np.int64)
    found: Ints = known[codes]
    return found


@cache
def sport_levels() -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    """Return the matrix of levels between sport codes.

    Examples
    --------
    >>> run, hike, swim = sport_codes(pd.Series(["run", "hike", "swim"]))
    >>> sport_levels()[run, [run, hike, swim]].tolist()
    [4, 1, 0]
    """
    sports = np.array([*_CODES, "?"])
    families = np.array([*FAMILY.values(), "?"])
    levels = np.zeros((len(sports), len(sports)), dtype=np.int8)
    for x, y in _ADJACENT:
        one, other = families == x, families == y
        levels[np.ix_(one, other)] = levels[np.ix_(other, one)] = 1
    # Golf and fishing share a family only because neither has another one.
    levels[(families[:, None] == families) & (families != "other")] = 3
    generic, container = np.isin(sports, (*_GENERIC, "?")), np.isin(sports, _CONTAINERS)
    levels[generic], levels[:, generic] = 2, 2
    # A container overlaps its longest leg well; it must not become that leg.
    whole = container | (sports == "transition")
    levels[whole], levels[:, whole] = 0, 0
    levels[np.ix_(container, container)] = 3
    np.fill_diagonal(levels, 4)
    levels[_UNKNOWN, _UNKNOWN] = 2
    return levels
