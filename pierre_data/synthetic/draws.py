"""Random numbers that are the same on every machine: a counter-based hash, integer arithmetic only.

Each named stream gives the number of any position without drawing those before it, so windows are independent, and a
new column does not move the others.  The mixer is SplitMix64 (Steele, Lea and Flood, 2014).
"""

from __future__ import annotations

import hashlib

import numpy as np

Array = np.ndarray[tuple[int], np.dtype[np.float64]]
Words = np.ndarray[tuple[int], np.dtype[np.uint64]]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Draws:
    """Streams of one seed.

    Parameters
    ----------
    seed : int
        Any integer.
    salt : str
        Separates kinds of worlds, such as the scenario.

    Examples
    --------
    >>> draws = Draws(1, "demo")
    >>> bool((draws.uniform("a", np.arange(3)) == draws.uniform("a", np.arange(3))).all())
    True
    """

    def __init__(self, seed: int, salt: str) -> None:
        self._name = f"{seed}:{salt}"

    def words(self, stream: str, at: np.ndarray) -> Words:
        """Return 64 random bits for each position."""
        start = hashlib.blake2b(f"{self._name}:{stream}".encode(), digest_size=8).digest()
        z = np.uint64(int.from_bytes(start, "little")) + (at.astype(np.uint64) + np.uint64(1)) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        return z ^ (z >> np.uint64(31))

    def uniform(self, stream: str, at: np.ndarray) -> Array:
        """Return numbers in [0, 1)."""
        return (self.words(stream, at) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, stream: str, at: np.ndarray) -> Array:
        """Return numbers with mean 0 and deviation 1: the sum of four 16-bit uniforms, bounded by 3.5.

        No logarithm and no sine: their last bit differs between machines.
        """
        word = self.words(stream, at)
        mask = np.uint64(0xFFFF)
        total = np.zeros(len(word))
        for shift in (0, 16, 32, 48):
            total += ((word >> np.uint64(shift)) & mask).astype(np.float64)
        return (total / 65536.0 - 2.0 + 2.0 / 65536.0) * 1.7320508075688772

    def pick(self, stream: str, at: np.ndarray, weights: tuple[float, ...]) -> np.ndarray:
        """Return positions in `weights`, drawn in proportion."""
        edges = np.cumsum(np.array(weights) / sum(weights))
        return np.minimum(np.searchsorted(edges, self.uniform(stream, at), side="right"), len(weights) - 1)
