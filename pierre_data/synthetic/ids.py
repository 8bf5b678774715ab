"""Ids that look like a vendor's, say nothing, and can be read back.

An id is ``(day, slot, copy)`` above 32 bits that mix athlete and view.  The mix is a bijection, so no two seeds,
scenarios or views share an id, and the id alone says which row of which view it is.
"""

from __future__ import annotations

from typing import Literal

from pierre_data.errors import NotFound
from pierre_data.synthetic.draws import Ints
from pierre_data.synthetic.zone import day_number

View = Literal["truth", "watch", "phone"]
VIEWS: tuple[View, ...] = ("truth", "watch", "phone")
#: Cells per day; the last ones belong to sleep, naps, recovery and health.
CELLS = 8
NIGHT, NAP, MORNING, SCALE = 4, 5, 6, 7

_LOW = 1 << 32
_DAY_ZERO = day_number("1995-01-01")
_SALT: dict[View, int] = {"truth": 0x2545F491, "watch": 0x9E3779B9, "phone": 0xC2B2AE35}


def account(seed: int, scenario: int, view: View) -> int:
    """Return the 32 bits of an athlete in a view; `seed` below 2**28, `scenario` below 16."""
    x = ((seed << 4) | scenario) ^ _SALT[view]
    x = (x * 0x85EBCA6B) % _LOW
    x ^= x >> 16
    x = (x * 0xC2B2AE35) % _LOW
    return x ^ (x >> 15)


def numbers(cells: Ints, copies: Ints | int, who: int) -> Ints:
    """Return id numbers of cells (``day * CELLS + slot``) of an account; `copies` is 1 for a second upload."""
    return ((cells - _DAY_ZERO * CELLS) * 2 + copies) * _LOW + who


def texts(ids: Ints) -> list[str]:
    """Return id numbers as text."""
    return [str(i) for i in ids.tolist()]


def parse_id(text: str, accounts: dict[View, int]) -> tuple[View, int, int]:
    """Return view, cell and number of an activity's id, or raise NotFound."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
    if number >= 0:
        for view, who in accounts.items():
            if number % _LOW == who:
                return view, number // _LOW // 2 + _DAY_ZERO * CELLS, number
    raise missing(text)


def missing(text: str) -> NotFound:
    """Return the error for an id that is not in the world."""
    return NotFound(f"There is no synthetic activity {text!r}.", "Take an id from activities() of the same world.")
