"""The rule of overlap: which rows are compared, how much two recordings look like one, and which groups join.

A score is natural-log odds, piecewise linear in one field each.  The knots were fitted by monotone-constrained
logistic regression on 109,000 synthetic pairs, with priors for what synthetic negatives cannot teach (a second person
on the account, a wrong GPS).  A pair is a match at 1 and more, and is impossible below -1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pierre_data.dedupe.arrays import NO_PAIRS, ActivityArrays, Case, Floats, Hashes, Ints, SameProvider, read_column
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
    "heart_rate": ((0, 1, 3, 8, 15, 30), (0.58, 0.51, 0.12, -0.81, -1.60, -1.82)),
    "place": ((0, 0.3, 1, 3, 10), (0.37, -0.45, -1.05, -2.5, -5)),
    # Smaller over larger distance.
    "outdoor": (_RATIO, (-5, -4, -2.5, -1.2, -0.57, 0.33, 1.04, 1.25, 1.30)),
    "indoor": (_RATIO, (-0.25, -0.25, -0.25, -0.23, 0.13, 0.71, 1.18, 1.40, 1.46)),
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


def _sport_levels() -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    """Return the matrix of levels between sports, in the order of the vocabulary; the last one is unknown."""
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


_LEVELS = _sport_levels()


def by_overlap(case: Case, labels: Ints) -> Ints:
    """Join groups that match: complete link and mutual best, so that chains cannot form.

    Two groups become one when every timed row of one was scored with every timed row of the other, the mean score is
    a match, and each is the other's best; this repeats until nothing changes.
    """
    rows, labels = case.rows, labels.copy()
    timed = case.kept[rows.timed[case.kept]]
    blocks = ((*NO_PAIRS, np.zeros(0)), *_scored(rows, timed, case.same_provider))
    first, second, score = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    if len(case.apart[0]) and len(first):
        # Complete link needs every pair, so one too few keeps groups apart.
        known, banned = _group_pairs(labels, first, second), _group_pairs(labels, *case.apart)
        allowed = ~np.isin(known, banned)
        first, second, score = first[allowed], second[allowed], score[allowed]
    while True:
        a, b = labels[first], labels[second]
        across = a != b
        if not across.any():
            return labels
        low, high = np.minimum(a, b)[across], np.maximum(a, b)[across]
        sizes = np.bincount(labels[timed], minlength=len(labels))
        least = np.full(len(labels), np.iinfo(np.uint64).max, dtype=np.uint64)
        np.minimum.at(least, labels, rows.hash)
        stays, goes = _mutual(low, high, score[across], sizes, least)
        if not len(stays):
            return labels
        rename = np.arange(len(labels))
        rename[goes] = stays
        labels = rename[labels]


def _mutual(low: Ints, high: Ints, score: Floats, sizes: Ints, hashes: Hashes) -> tuple[Ints, Ints]:
    """Return pairs of groups that are each other's best match; equal scores are ordered by hash."""
    both = low * len(sizes) + high
    order = np.argsort(both, kind="stable")
    both, low, high, score = both[order], low[order], high[order], score[order]
    first = np.flatnonzero(np.append(True, both[1:] != both[:-1]))
    count = np.diff(np.append(first, len(both)))
    # Sums of scores depend on their order in the last bit; rounding makes them free of it.
    mean = np.round(np.add.reduceat(score, first) / count, 9)
    low, high = low[first], high[first]
    good = (count == sizes[low] * sizes[high]) & (mean >= MATCH)
    low, high, mean = low[good], high[good], mean[good]
    tie = hashes[low] ^ hashes[high]
    rank = np.empty(len(low), dtype=np.int64)
    rank[np.lexsort((tie, -mean))] = np.arange(len(low))
    best = np.full(len(sizes), len(low), dtype=np.int64)
    np.minimum.at(best, low, rank)
    np.minimum.at(best, high, rank)
    mutual = (best[low] == rank) & (best[high] == rank)
    return low[mutual], high[mutual]


def _group_pairs(labels: Ints, a: Ints, b: Ints) -> Ints:
    """Return one number per pair of groups, whichever row comes first."""
    pairs: Ints = np.minimum(labels[a], labels[b]) * len(labels) + np.maximum(labels[a], labels[b])
    return pairs


def _scored(rows: ActivityArrays, at: Ints, same_provider: SameProvider) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield pairs of timed rows that can be one workout, and their scores, in blocks that bound the memory.

    Compared are rows of one person that overlap, and start near each other or could by 45 %.
    """
    if len(at) < 2:
        return
    # One integer sorts by person and start: two-key sorts took twice as long.
    seconds = rows.start[at] // 1_000_000
    seconds -= seconds.min()
    at = at[np.argsort((rows.person[at] << int(seconds.max()).bit_length()) | seconds, kind="stable")]
    start, person, elapsed = rows.start[at], rows.person[at], rows.elapsed[at]
    reach = start + (np.minimum(elapsed, np.maximum(_NEAR_S, (1 - _LEAST_IOU) * elapsed)) * 1e6).astype(np.int64)
    block: list[tuple[Ints, Ints]] = []
    i, step, size = np.arange(len(at)), 1, 0
    while len(i):
        i = i[: np.searchsorted(i, len(at) - step)]
        # Rows of one second are in any order: the row after one that is too late may still be early enough.
        i = i[(start[i + step] <= reach[i] + 1_000_000) & (person[i + step] == person[i])]
        near = i[start[i + step] <= reach[i]]
        block.append((at[near], at[near + step]))
        size += len(near)
        if size >= _BLOCK or not len(i):
            a, b = (np.concatenate(side) for side in zip(*block, strict=True))
            score = score_pairs(rows, a, b, same_provider)
            likely = score >= IMPOSSIBLE
            yield a[likely], b[likely], score[likely]
            block, size = [], 0
        step += 1


def score_pairs(rows: ActivityArrays, a: Ints, b: Ints, same_provider: SameProvider) -> Floats:
    """Return the score of each pair of rows; NaN where they cannot be one workout."""
    level, same, values = _LEVELS[rows.sport[a], rows.sport[b]], rows.rank[a] == rows.rank[b], features(rows, a, b)
    # One device cannot record twice at once: rows of one provider must overlap well, or never match.
    twice = (values["iou"] >= 0.4) & (values["shorter"] >= 0.6) & (same_provider == "overlap")
    if rows.account is not None:
        twice &= (rows.account[a] == rows.account[b]) | (rows.account[a] < 0) | (rows.account[b] < 0)
    possible = (level > 0) & (values["iou"] > 0) & (~same | twice)
    if rows.previous is not None:
        possible &= ~rows.previous.settled(a, b, alone=True)
    indoor = rows.indoor[a] | rows.indoor[b]
    values["indoor"], values["outdoor"] = (
        np.where(indoor == hall, values["distance"], np.nan) for hall in (True, False)
    )
    score = np.where(possible, BASE + SPORT[level] + np.where(same, SAME_PROVIDER, 0.0), np.nan)
    for name, (knots, worth) in CURVES.items():  # what is missing is worth nothing
        score += np.where(np.isnan(values[name]), 0.0, np.interp(values[name], knots, worth))
    return score


def features(rows: ActivityArrays, a: Ints, b: Ints) -> dict[str, Floats]:
    """Return what explains a score, NaN where a side says nothing; distances between starts are in km."""
    heart, latitude, longitude = (
        read_column(rows.frame, name, "numbers")
        for name in ("average_heart_rate_bpm", "start_latitude_deg", "start_longitude_deg")
    )
    long_a, long_b = rows.elapsed[a], rows.elapsed[b]
    # Relative to one start: seconds since 1970 would cost digits.
    later = rows.seconds[b] - rows.seconds[a]
    end = later + long_b
    both = np.clip(np.minimum(long_a, end) - np.maximum(0, later), 0, None)
    whole, shorter = np.maximum(long_a, end) - np.minimum(0, later), np.minimum(long_a, long_b)
    # Elapsed and moving time are compared across, as vendors mix them up; the last line is distance.
    x = np.stack([long_a, rows.moving[a], long_a, rows.moving[a], rows.distance[a]])
    y = np.stack([long_b, rows.moving[b], rows.moving[b], long_b, rows.distance[b]])
    south, north, west, east = (np.radians(degrees[side]) for degrees in (latitude, longitude) for side in (a, b))
    # Haversine; the sine of half the difference makes the antimeridian no special case.
    half = np.sin((north - south) / 2) ** 2 + np.cos(south) * np.cos(north) * np.sin((east - west) / 2) ** 2
    # No workout starts at 0 N 0 E: it is what a receiver without a fix says.
    nowhere = ((south == 0) & (west == 0)) | ((north == 0) & (east == 0))
    with np.errstate(all="ignore"):
        # Vendors write 0 for what was not measured.
        ratios = np.where((x > 0) & (y > 0), np.minimum(x, y) / np.maximum(x, y), np.nan)
        return {
            "start": np.abs(later),
            "end": np.abs(later + (long_b - long_a)),
            "iou": np.where(whole > 0, both / whole, np.nan),
            "shorter": np.where(shorter > 0, both / shorter, np.nan),
            "duration": np.fmax.reduce(ratios[:4]),
            "distance": ratios[4],
            "heart_rate": np.where((heart[a] > 0) & (heart[b] > 0), np.abs(heart[a] - heart[b]), np.nan),
            "place": np.where(nowhere, np.nan, 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))),
        }
