"""Which rows overlap enough to be compared, and how much two recordings look like one.

A score is natural-log odds, piecewise linear in one field each.  The knots were fitted by monotone-constrained
logistic regression on 109,000 synthetic pairs, with priors for what synthetic negatives cannot teach (a second person
on the account, a wrong GPS).  A pair is a match at 1 and more, and is impossible below -1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pierre_data.dedupe.arrays import NO_PAIRS, ActivityArrays, Floats, Ints, PairsOfRows, SameProvider, read_column
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
#: Sports that say nothing.
VAGUE = ("workout", "other")

_CONTAINERS = ("multisport", "triathlon")
_ADJACENT = (
    *(("run", "walk"), ("strength", "mind"), ("climb", "walk"), ("ski", "walk"), ("ski", "skate")),
    *(("gym", family) for family in ("run", "ride", "walk", "strength", "mind", "water")),
)
_NEAR_S = 20 * 60.0
_LEAST_IOU = 0.45
_EARTH_KM = 6371.0
_BLOCK = 1_000_000


def sport_levels() -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    """Return the matrix of levels between sports, in the order of the vocabulary; the last one is unknown.

    Examples
    --------
    >>> run, hike, swim = (list(FAMILY).index(sport) for sport in ("run", "hike", "swim"))
    >>> sport_levels()[run, [run, hike, swim]].tolist()
    [4, 1, 0]
    """
    sports, families = np.array([*FAMILY, "?"]), np.array([*FAMILY.values(), "?"])
    levels = np.zeros((len(sports), len(sports)), dtype=np.int8)
    for x, y in _ADJACENT:
        one, other = families == x, families == y
        levels[np.ix_(one, other)] = levels[np.ix_(other, one)] = 1
    # Golf and fishing share a family only because neither has another one.
    levels[(families[:, None] == families) & (families != "other")] = 3
    generic, container = np.isin(sports, (*VAGUE, "?")), np.isin(sports, _CONTAINERS)
    levels[generic], levels[:, generic] = 2, 2
    # A container overlaps its longest leg well; it must not become that leg.
    whole = container | (sports == "transition")
    levels[whole], levels[:, whole] = 0, 0
    levels[np.ix_(container, container)] = 3
    np.fill_diagonal(levels, 4)
    levels[-1, -1] = 2  # a word outside the vocabulary, or none, can be anything
    return levels


_LEVELS = sport_levels()


def points(field: str, values: Floats) -> Floats:
    """Return the points of a field's values; a missing value is worth nothing."""
    knots, worth = CURVES[field]
    return np.where(np.isnan(values), 0.0, np.interp(values, knots, worth))


def scored(rows: ActivityArrays, kept: Ints, same_provider: SameProvider) -> tuple[Ints, Ints, Floats]:
    """Return the pairs of rows that can be one workout, and their scores."""
    blocks = []
    for a, b in candidates(rows, kept):
        score = score_pairs(rows, a, b, same_provider)
        near = score >= IMPOSSIBLE
        blocks.append((a[near], b[near], score[near]))
    if not blocks:
        return (*NO_PAIRS, np.zeros(0))
    first, second, scores = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return first, second, scores


def candidates(rows: ActivityArrays, kept: Ints) -> Iterator[PairsOfRows]:
    """Yield blocks of pairs of kept, timed rows of one person that overlap, and start near each other or could by 45 %.

    Blocks bound the memory when rows of many people are taken for one person's.
    """
    at = kept[rows.timed[kept]]
    if len(at) < 2:
        return
    # One integer sorts by person and start: two-key sorts took twice as long.
    seconds = rows.start[at] // 1_000_000
    seconds -= seconds.min()
    at = at[np.argsort((rows.person[at] << int(seconds.max()).bit_length()) | seconds, kind="stable")]
    start, person, elapsed = rows.start[at], rows.person[at], rows.elapsed[at]
    reach = start + (np.minimum(elapsed, np.maximum(_NEAR_S, (1 - _LEAST_IOU) * elapsed)) * 1e6).astype(np.int64)
    block: list[PairsOfRows] = []
    i, step, size = np.arange(len(at)), 1, 0
    while len(i):
        i = i[: np.searchsorted(i, len(at) - step)]
        # Rows of one second are in any order: the row after one that is too late may still be early enough.
        i = i[(start[i + step] <= reach[i] + 1_000_000) & (person[i + step] == person[i])]
        near = i[start[i + step] <= reach[i]]
        block.append((at[near], at[near + step]))
        size += len(near)
        if size >= _BLOCK or not len(i):
            yield np.concatenate([a for a, _ in block]), np.concatenate([b for _, b in block])
            block, size = [], 0
        step += 1


def score_pairs(rows: ActivityArrays, a: Ints, b: Ints, same_provider: SameProvider) -> Floats:
    """Return the score of each pair of rows; NaN where they cannot be one workout."""
    level, same = _LEVELS[rows.sport[a], rows.sport[b]], rows.rank[a] == rows.rank[b]
    iou, shorter = overlap(rows, a, b)
    # One device cannot record twice at once: rows of one provider must overlap well, or never match.
    twice = (iou >= 0.4) & (shorter >= 0.6) & (same_provider == "overlap")
    if rows.account is not None:
        twice &= (rows.account[a] == rows.account[b]) | (rows.account[a] < 0) | (rows.account[b] < 0)
    possible = (level > 0) & (iou > 0) & (~same | twice)
    if rows.previous is not None:
        possible &= ~rows.previous.settled(a, b, alone=True)
    out = np.full(len(a), np.nan)
    a, b, level, same = a[possible], b[possible], level[possible], same[possible]
    values = features(rows, a, b)
    score = BASE + SPORT[level] + np.where(same, SAME_PROVIDER, 0.0)
    for name in ("start", "end", "iou", "duration", "heart_rate", "place"):
        score += points(name, values[name])
    indoor = rows.indoor[a] | rows.indoor[b]
    score += np.where(indoor, points("indoor", values["distance"]), points("outdoor", values["distance"]))
    out[possible] = score
    return out


def overlap(rows: ActivityArrays, a: Ints, b: Ints) -> tuple[Floats, Floats]:
    """Return intersection over union, and over the shorter of the two; NaN where a side has no time."""
    long_a, long_b = rows.elapsed[a], rows.elapsed[b]
    # Relative to one start: seconds since 1970 would cost digits.
    later = rows.seconds[b] - rows.seconds[a]
    both = np.clip(np.minimum(long_a, later + long_b) - np.maximum(0, later), 0, None)
    whole = np.maximum(long_a, later + long_b) - np.minimum(0, later)
    shorter = np.minimum(long_a, long_b)
    with np.errstate(all="ignore"):
        return np.where(whole > 0, both / whole, np.nan), np.where(shorter > 0, both / shorter, np.nan)


def features(rows: ActivityArrays, a: Ints, b: Ints) -> dict[str, Floats]:
    """Return what explains a score, NaN where a side says nothing; distances between starts are in km."""
    start = rows.seconds[b] - rows.seconds[a]
    heart = read_column(rows.frame, "average_heart_rate_bpm", "numbers")
    worn = (heart[a] > 0) & (heart[b] > 0)
    elapsed, moving = rows.elapsed, rows.moving
    duration = _ratio(elapsed[a], elapsed[b])
    for x, y in ((moving[a], moving[b]), (elapsed[a], moving[b]), (moving[a], elapsed[b])):
        duration = np.fmax(duration, _ratio(x, y))
    latitude = np.radians(read_column(rows.frame, "start_latitude_deg", "numbers"))
    longitude = np.radians(read_column(rows.frame, "start_longitude_deg", "numbers"))
    south, north, west, east = latitude[a], latitude[b], longitude[a], longitude[b]
    # Haversine; the sine of half the difference makes the antimeridian no special case.
    half = np.sin((north - south) / 2) ** 2 + np.cos(south) * np.cos(north) * np.sin((east - west) / 2) ** 2
    # No workout starts at 0 N 0 E: it is what a receiver without a fix says.
    nowhere = ((south == 0) & (west == 0)) | ((north == 0) & (east == 0))
    with np.errstate(all="ignore"):
        return {
            "start": np.abs(start),
            "end": np.abs(start + (elapsed[b] - elapsed[a])),
            "iou": overlap(rows, a, b)[0],
            "duration": duration,
            "distance": _ratio(rows.distance[a], rows.distance[b]),
            "heart_rate": np.where(worn, np.abs(heart[a] - heart[b]), np.nan),
            "place": np.where(nowhere, np.nan, 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))),
        }


def _ratio(x: Floats, y: Floats) -> Floats:
    with np.errstate(all="ignore"):
        ratio = np.minimum(x, y) / np.maximum(x, y)
    # Vendors write 0 for what was not measured.
    return np.where((x > 0) & (y > 0) & np.isfinite(ratio), ratio, np.nan)
