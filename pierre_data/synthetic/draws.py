"""Numbers that depend on nothing but a key, a named stream and a cell.

No generator has a state here: a draw is a hash of where it is needed.  So windows agree however they are cut, a new
stream shifts no other, and a million draws are a handful of array operations.  What is done with a draw is addition,
multiplication, division and table lookup only, which IEEE 754 fixes to the last bit; ``exp``, ``log`` and ``sin``
differ between libraries of C and are not used.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Words = NDArray[np.uint64]
Texts = NDArray[np.object_]
#: Columns of a table: arrays, and lists of texts.
Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowArrays:
    """One array per field, all of one length."""

    def take(self, rows: Ints | Bools) -> Self:
        """Return some rows."""
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]
        return type(self)(*(value.take(rows) if isinstance(value, RowArrays) else value[rows] for value in values))


_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_INTERVALS = 1024
#: No normal draw is further from zero than this.
WIDEST = 3.3


def key_of(*parts: int | str) -> int:
    """Return a 64-bit key of numbers and names; the same on every machine."""
    text = "\x1f".join(str(p) for p in parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


@cache
def _stream(name: str) -> int:
    return key_of("stream", name)


def random_bits(key: int, stream: str, cells: Ints) -> Words:
    """Return 64 random bits per cell (any shape) of a key's named stream: the finalizer of SplitMix64, twice."""
    salt = np.uint64((key ^ _stream(stream)) & _MASK)
    state = cells.astype(np.uint64) * np.uint64(_STEP) + salt
    return _mix(_mix(state) ^ salt)


def _mix(x: Words) -> Words:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_FIRST)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_SECOND)
    return x ^ (x >> np.uint64(31))


def uniform(key: int, stream: str, cells: Ints) -> Floats:
    """Return numbers in [0, 1), multiples of 2**-53."""
    return (random_bits(key, stream, cells) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(key: int, stream: str, cells: Ints) -> Floats:
    """Return standard normal numbers, cut at +-`WIDEST`; a table of quantiles, linear between them."""
    return lookup(_quantiles(), uniform(key, stream, cells) * _INTERVALS)


def lookup(table: Floats, at: Floats) -> Floats:
    """Return a table's values at fractional positions in [0, len(table) - 1), linear between entries."""
    low = at.astype(np.int64)
    left = table[low]
    return left + (table[low + 1] - left) * (at - low)


@cache
def _quantiles() -> Floats:
    inverse = NormalDist().inv_cdf
    inner = [round(inverse(i / _INTERVALS), 6) for i in range(1, _INTERVALS)]
    return np.array([-WIDEST, *inner, WIDEST])


def drift(key: int, stream: str, x: Floats | Ints, knot: float) -> Floats:
    """Return normal noise that changes smoothly: independent at multiples of `knot`, a cubic step between them."""
    at = np.asarray(x, dtype=np.float64) / knot
    low = np.floor(at)
    part = at - low
    part = part * part * (3.0 - 2.0 * part)
    left = low.astype(np.int64)
    first, size = (int(left.min()), int(left.max() - left.min())) if left.size else (0, 0)
    knots = normal(key, stream, np.arange(first, first + size + 2))
    a, b = knots[left - first], knots[left - first + 1]
    return a + (b - a) * part


def wave(cycles: Floats) -> Floats:
    """Return the sine of full turns, within 0.0011, from products alone: ``0.225 (y|y| - y) + y`` of a parabola."""
    turn = cycles - np.floor(cycles)
    back = turn >= 0.5
    half = np.where(back, turn - 0.5, turn)
    y = 16.0 * half * (0.5 - half)
    y = y * (0.775 + 0.225 * y)
    return np.where(back, 0.0 - y, y)


def datetimes(seconds: Ints) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """Return seconds since 1970 as datetime64[us]."""
    return (seconds * 1_000_000).astype("datetime64[us]")
