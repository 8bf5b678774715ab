"""Steps 1 and 2: which rows overlap enough to be compared, and how alike they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pierre_data.dedupe.points import BASE, IMPOSSIBLE, SAME_PROVIDER, SPORT, points, sport_levels
from pierre_data.dedupe.rows import Floats, Ints, Rows

_NEAR_US = 20 * 60 * 1_000_000
_LEAST_IOU = 0.45
_EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Compared rows: positions `a` before `b` in time, the score, and the features that explain it."""

    a: Ints
    b: Ints
    score: Floats


def candidates(rows: Rows, kept: Ints) -> tuple[Ints, Ints]:
    """Return pairs of kept, timed rows of one person that start near each other, or could overlap by 45 %."""
    at = kept[rows.timed[kept]]
    if len(at) < 2:
        return at[:0], at[:0]
    # One integer sorts by person, start and hash: two-key sorts took twice as long.
    seconds = rows.start[at] // 1_000_000
    seconds -= seconds.min()
    spare = 63 - int(seconds.max()).bit_length() - int(rows.person[at].max()).bit_length()
    bits = max(min(spare, 24), 0)
    key = (rows.person[at] << int(seconds.max()).bit_length()) | seconds
    key = (key << bits) | (rows.hash[at] & np.uint64((1 << bits) - 1)).astype(np.int64)
    at = at[np.argsort(key, kind="stable")]
    start, person = rows.start[at], rows.person[at]
    reach = start + np.maximum(_NEAR_US, (1 - _LEAST_IOU) * rows.elapsed[at] * 1e6).astype(np.int64)
    found_a, found_b = [], []
    i = np.arange(len(at) - 1)
    step = 1
    while len(i):
        i = i[i + step < len(at)]
        i = i[(start[i + step] <= reach[i]) & (person[i + step] == person[i])]
        found_a.append(at[i])
        found_b.append(at[i + step])
        step += 1
    return np.concatenate(found_a), np.concatenate(found_b)


def overlap(rows: Rows, a: Ints, b: Ints) -> tuple[Floats, Floats]:
    """Return intersection over union, and over the shorter of the two."""
    start_a, start_b = rows.start[a] / 1e6, rows.start[b] / 1e6
    end_a, end_b = start_a + rows.elapsed[a], start_b + rows.elapsed[b]
    both = np.clip(np.minimum(end_a, end_b) - np.maximum(start_a, start_b), 0, None)
    whole = np.maximum(end_a, end_b) - np.minimum(start_a, start_b)
    shorter = np.minimum(rows.elapsed[a], rows.elapsed[b])
    with np.errstate(divide="ignore", invalid="ignore"):
        return both / whole, both / shorter


def features(rows: Rows, a: Ints, b: Ints) -> dict[str, Floats]:
    """Return what explains a score, NaN where a side says nothing."""
    start = (rows.start[b] - rows.start[a]) / 1e6
    end = start + rows.elapsed[b] - rows.elapsed[a]
    heart = rows.numbers("average_heart_rate_bpm")
    return {
        "start": np.abs(start),
        "end": np.abs(end),
        "iou": overlap(rows, a, b)[0],
        "duration": _duration_ratio(rows, a, b),
        "distance": _ratio(rows.distance[a], rows.distance[b]),
        "heart_rate": np.full(len(a), np.nan) if heart is None else np.abs(heart[a] - heart[b]),
        "place": _kilometres(rows, a, b),
    }


def scored(rows: Rows, kept: Ints, same_provider: str) -> Pairs:
    """Return the candidate pairs that are not impossible, with their scores."""
    a, b = candidates(rows, kept)
    level = sport_levels(rows.sports)[rows.sport[a], rows.sport[b]]
    iou, shorter = overlap(rows, a, b)
    same = rows.rank[a] == rows.rank[b]
    # One device cannot record twice at once: rows of one provider must overlap well, or never match.
    twice = same & (iou >= 0.4) & (shorter >= 0.6) if same_provider == "overlap" else np.zeros(len(a), dtype=bool)
    possible = (level > 0) & (~same | twice) & (iou > 0)
    a, b, level, same = a[possible], b[possible], level[possible], same[possible]
    found = features(rows, a, b)
    score = BASE + SPORT[level] + np.where(same, SAME_PROVIDER, 0.0)
    for name in ("start", "end", "iou", "duration", "heart_rate", "place"):
        score += points(name, found[name])
    indoor = rows.indoor[a] | rows.indoor[b]
    score += np.where(indoor, points("indoor", found["distance"]), points("outdoor", found["distance"]))
    near = score >= IMPOSSIBLE
    return Pairs(a[near], b[near], score[near])


def _ratio(x: Floats, y: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.minimum(x, y) / np.maximum(x, y)
    return np.where((x > 0) & (y > 0), ratio, np.nan)


def _duration_ratio(rows: Rows, a: Ints, b: Ints) -> Floats:
    elapsed, moving = rows.elapsed, rows.moving
    best = _ratio(elapsed[a], elapsed[b])
    for x, y in ((moving[a], moving[b]), (elapsed[a], moving[b]), (moving[a], elapsed[b])):
        best = np.fmax(best, _ratio(x, y))
    return best


def _kilometres(rows: Rows, a: Ints, b: Ints) -> Floats:
    latitude, longitude = rows.numbers("start_latitude_deg"), rows.numbers("start_longitude_deg")
    if latitude is None or longitude is None:
        return np.full(len(a), np.nan)
    south, north = np.radians(latitude[a]), np.radians(latitude[b])
    # Haversine; the sine of half the difference makes the antimeridian no special case.
    across = np.radians(longitude[b] - longitude[a])
    half = np.sin((north - south) / 2) ** 2 + np.cos(south) * np.cos(north) * np.sin(across / 2) ** 2
    found: Floats = 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return found
