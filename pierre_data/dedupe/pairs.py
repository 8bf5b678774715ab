"""Steps 1 and 2: which rows overlap enough to be compared, and how alike they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pierre_data.dedupe.links import settled
from pierre_data.dedupe.points import BASE, IMPOSSIBLE, SAME_PROVIDER, SPORT, points, sport_levels
from pierre_data.dedupe.rows import Rows
from pierre_data.dedupe.sources import Floats, Ints

SameProvider = Literal["overlap", "never"]

_NEAR_S = 20 * 60.0
_LEAST_IOU = 0.45
_EARTH_KM = 6371.0
_BLOCK = 1_000_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Compared rows: positions `a` before `b` in time, the score, and the features that explain it."""

    a: Ints
    b: Ints
    score: Floats


def candidates(rows: Rows, kept: Ints) -> Iterator[tuple[Ints, Ints]]:
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
            yield np.concatenate([a for a, _ in block]), np.concatenate([b for _, b in block])
            block, size = [], 0
        step += 1


def overlap(rows: Rows, a: Ints, b: Ints) -> tuple[Floats, Floats]:
    """Return intersection over union, and over the shorter of the two; NaN where a side has no time."""
    start_a, start_b = rows.starts(a), rows.starts(b)
    long_a, long_b = rows.elapsed[a], rows.elapsed[b]
    # Relative to one start: seconds since 1970 would cost digits.
    later = start_b - start_a
    both = np.clip(np.minimum(long_a, later + long_b) - np.maximum(0, later), 0, None)
    whole = np.maximum(long_a, later + long_b) - np.minimum(0, later)
    shorter = np.minimum(long_a, long_b)
    with np.errstate(all="ignore"):
        return np.where(whole > 0, both / whole, np.nan), np.where(shorter > 0, both / shorter, np.nan)


def features(rows: Rows, a: Ints, b: Ints) -> dict[str, Floats]:
    """Return what explains a score, NaN where a side says nothing."""
    start = rows.starts(b) - rows.starts(a)
    heart = rows.numbers("average_heart_rate_bpm")
    worn = (heart[a] > 0) & (heart[b] > 0)
    with np.errstate(all="ignore"):
        return {
            "start": np.abs(start),
            "end": np.abs(start + (rows.elapsed[b] - rows.elapsed[a])),
            "iou": overlap(rows, a, b)[0],
            "duration": _duration_ratio(rows, a, b),
            "distance": _ratio(rows.distance[a], rows.distance[b]),
            "heart_rate": np.where(worn, np.abs(heart[a] - heart[b]), np.nan),
            "place": _kilometres(rows, a, b),
        }


def scored(rows: Rows, kept: Ints, same_provider: SameProvider) -> Pairs:
    """Return the candidate pairs that are not impossible, with their scores."""
    found = [_score(rows, a, b, same_provider) for a, b in candidates(rows, kept)]
    if not found:
        return Pairs(kept[:0], kept[:0], np.zeros(0))
    a, b, score = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Pairs(a, b, score)


def _score(rows: Rows, a: Ints, b: Ints, same_provider: SameProvider) -> tuple[Ints, Ints, Floats]:
    level = sport_levels()[rows.sport[a], rows.sport[b]]
    iou, shorter = overlap(rows, a, b)
    same = rows.rank[a] == rows.rank[b]
    # One device cannot record twice at once: rows of one provider must overlap well, or never match.
    twice = (iou >= 0.4) & (shorter >= 0.6) & (same_provider == "overlap")
    possible = (level > 0) & (iou > 0) & (~same | twice) & ~settled(rows, a, b, alone=True)
    a, b, level, same = a[possible], b[possible], level[possible], same[possible]
    found = features(rows, a, b)
    score = BASE + SPORT[level] + np.where(same, SAME_PROVIDER, 0.0)
    for name in ("start", "end", "iou", "duration", "heart_rate", "place"):
        score += points(name, found[name])
    indoor = rows.indoor[a] | rows.indoor[b]
    score += np.where(indoor, points("indoor", found["distance"]), points("outdoor", found["distance"]))
    near = score >= IMPOSSIBLE
    return a[near], b[near], score[near]


def _ratio(x: Floats, y: Floats) -> Floats:
    with np.errstate(all="ignore"):
        ratio = np.minimum(x, y) / np.maximum(x, y)
    # Vendors write 0 for what was not measured.
    return np.where((x > 0) & (y > 0) & np.isfinite(ratio), ratio, np.nan)


def _duration_ratio(rows: Rows, a: Ints, b: Ints) -> Floats:
    elapsed, moving = rows.elapsed, rows.moving
    best = _ratio(elapsed[a], elapsed[b])
    for x, y in ((moving[a], moving[b]), (elapsed[a], moving[b]), (moving[a], elapsed[b])):
        best = np.fmax(best, _ratio(x, y))
    return best


def _kilometres(rows: Rows, a: Ints, b: Ints) -> Floats:
    latitude, longitude = rows.numbers("start_latitude_deg"), rows.numbers("start_longitude_deg")
    south, north = np.radians(latitude[a]), np.radians(latitude[b])
    west, east = np.radians(longitude[a]), np.radians(longitude[b])
    # Haversine; the sine of half the difference makes the antimeridian no special case.
    half = np.sin((north - south) / 2) ** 2 + np.cos(south) * np.cos(north) * np.sin((east - west) / 2) ** 2
    away = 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    # No workout starts at 0 N 0 E: it is what a receiver without a fix says.
    nowhere = ((south == 0) & (west == 0)) | ((north == 0) & (east == 0))
    return np.where(nowhere, np.nan, away)
