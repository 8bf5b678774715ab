"""The numbers under the world."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from pierre_data.synthetic.draws import WIDEST, drift, key_of, normal, random_bits, uniform, wave
from pierre_data.synthetic.ids import VIEWS, account
from pierre_data.synthetic.zone import offset_at, utc_of

PINNED = ["0xc33d1a61ce5233ec", "0xa97ba958e30c55b6", "0x4ab349294a08a1cf"]
CELLS = np.arange(100_000, dtype=np.int64)


def test_words_are_pinned() -> None:
    assert [hex(w) for w in random_bits(key_of("world", 1), "a", np.array([0, 1, 20_000])).tolist()] == PINNED


def test_a_draw_depends_on_its_cell_alone() -> None:
    some = np.array(sorted(random.Random(1).sample(range(100_000), 500)))
    assert (random_bits(9, "x", CELLS)[some] == random_bits(9, "x", some)).all()
    assert (drift(9, "x", CELLS[500:900], 17.0) == drift(9, "x", CELLS, 17.0)[500:900]).all()


def test_draws_look_random() -> None:
    u, n = uniform(3, "u", CELLS), normal(3, "n", CELLS)
    assert abs(u.mean() - 0.5) < 0.004
    assert 0.0 <= u.min() < u.max() < 1.0
    assert abs(n.mean()) < 0.012
    assert abs(n.std() - 1) < 0.012
    assert np.abs(n).max() <= WIDEST
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.012
    assert abs(np.corrcoef(u, uniform(3, "v", CELLS))[0, 1]) < 0.012
    assert abs(np.corrcoef(u, uniform(4, "u", CELLS))[0, 1]) < 0.012
    bits = np.unpackbits(random_bits(3, "u", CELLS).view(np.uint8)).mean()
    assert abs(bits - 0.5) < 0.001


def test_wave_is_nearly_a_sine() -> None:
    x = np.linspace(-3, 3, 2001)
    assert max(abs(w - math.sin(2 * math.pi * v)) for w, v in zip(wave(x).tolist(), x.tolist(), strict=True)) < 0.0012


def test_accounts_never_meet() -> None:
    found = [account(seed, scenario, view) for seed in range(3000) for scenario in range(4) for view in VIEWS]
    assert len(set(found)) > len(found) - 6
    for view in VIEWS:
        mine = [account(seed, scenario, view) for seed in range(3000) for scenario in range(16)]
        assert len(set(mine)) == len(mine)


@pytest.mark.parametrize(
    "local", ["2024-03-31T01:59:59", "2024-03-31T03:00:00", "2024-10-27T01:59:59", "2024-10-27T03:00:00"]
)
def test_wall_clock_round_trip(local: str) -> None:
    seconds = np.array([np.datetime64(local, "s").astype(np.int64)])
    utc = utc_of(seconds)
    assert (utc + offset_at(utc) == seconds).all()
