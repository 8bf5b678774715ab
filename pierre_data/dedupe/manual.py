"""What a person said about pairs of recordings: it goes before every rule."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pierre_data.dedupe.arrays import Case, Ints, PairsOfRows, quoted, text_hash, unquoted
from pierre_data.dedupe.exact_ids import joined_apart, own_keys
from pierre_data.errors import QueryError
from pierre_data.notices import notice

_WORDS = ("same", "different")


@dataclass(frozen=True, slots=True)
class Override:
    """Two recordings that a person judged.

    Parameters
    ----------
    same : bool
        Whether they are one workout.
    a, b : str
        ``provider:id`` of each.

    Raises
    ------
    QueryError
        One of them is no ``provider:id``, or both are the same recording.

    Examples
    --------
    >>> print(Override(True, "strava:1", "garmin:a b"))
    same garmin:a%20b strava:1
    """

    same: bool
    a: str
    b: str

    def __post_init__(self) -> None:
        for key in (self.a, self.b):
            provider, colon, id = key.partition(":")
            if not (provider and colon and id) or " " in provider or any(c in key for c in "\r\n\0"):
                raise QueryError(f"{key!r} names no recording.", "Write it as provider:id, such as 'strava:123'.")
        if self.a == self.b:
            raise QueryError(f"{self.a!r} was compared with itself.", "Name two recordings.")
        first, second = sorted((self.a, self.b))
        object.__setattr__(self, "a", first)
        object.__setattr__(self, "b", second)

    def __str__(self) -> str:
        return f"{_WORDS[not self.same]} {quoted(self.a)} {quoted(self.b)}"


def read_overrides(text: str) -> tuple[Override, ...]:
    """Read lines of ``same a b`` or ``different a b``; of one pair the last line counts.

    Parameters
    ----------
    text : str
        Lines; empty ones and what follows a ``#`` at a line's beginning are skipped.

    Raises
    ------
    QueryError
        A line is neither; it is named by its number.

    Examples
    --------
    >>> [str(o) for o in read_overrides("# mine\\nsame strava:1 garmin:2\\ndifferent garmin:2 strava:1")]
    ['different garmin:2 strava:1']
    """
    overrides: dict[tuple[str, str], Override] = {}
    for number, line in enumerate(text.split("\n"), 1):
        parts = line.rstrip("\r").strip(" ").split(" ")
        if not parts[0] or parts[0].startswith("#"):
            continue
        try:
            if len(parts) != 3 or parts[0] not in _WORDS:
                raise QueryError("It is not understood.", "Write: same strava:1 garmin:2")
            one = Override(parts[0] == "same", unquoted(parts[1]), unquoted(parts[2]))
        except QueryError as error:
            raise QueryError(f"Line {number} of the overrides cannot be read: {error.what}", error.fix) from None
        overrides[one.a, one.b] = one
    return tuple(overrides.values())


def verdicts_on(case: Case, overrides: tuple[Override, ...]) -> tuple[Case, Ints]:
    """Return the case with the rows the overrides mean, and labels by them alone; who is not there means nothing.

    Who is the same as one of two that differ differs from the other as well.
    """
    rows, kept = case.rows, case.kept
    row, key = own_keys(rows, kept, linking=False)
    hashes = text_hash(pd.Series([name for one in overrides for name in (one.a, one.b)], dtype="str"))
    at = pd.Series(row, index=key)
    at = at[~at.index.duplicated()]
    pairs: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    # Each person has keys of his own, so that an override never joins two people.
    for person in kept[np.unique(rows.person[kept], return_index=True)[1]].tolist():
        there = at.reindex(hashes + rows.salt[person], fill_value=-1).to_numpy()
        for override, (a, b) in zip(overrides, there.reshape(-1, 2).tolist(), strict=True):
            if a >= 0 and b >= 0 and a != b:
                pairs[override.same].append((a, b))
    same, apart = _columns(pairs[True]), _columns(pairs[False])
    far = case.too_far(*same)
    if far.any():
        a, b = (rows.key.iloc[side[far][0]] for side in same)
        text = f"{a} and {b} are called the same, but start more than {case.reach} apart: they stay apart."
        notice(text, UserWarning)
        same = same[0][~far], same[1][~far]
    by_hand = joined_apart(np.arange(len(rows.start)), *same, apart)
    refused = by_hand[same[0]] != by_hand[same[1]]
    if refused.any():
        a, b = (rows.key.iloc[side[refused][0]] for side in same)
        notice(f"{a} and {b} are called the same, and different through others: they stay apart.", UserWarning)
    spread = [
        (x, y)
        for a, b in zip(*(by_hand[side].tolist() for side in apart), strict=True)
        for x in np.flatnonzero(by_hand == a).tolist()
        for y in np.flatnonzero(by_hand == b).tolist()
    ]
    return replace(case, same=(same[0][~refused], same[1][~refused]), apart=_columns(spread)), by_hand


def by_override(case: Case, labels: Ints, by_hand: Ints) -> Ints:
    """Unite the groups that the rules made of rows that are the same.

    Where a member of one differs from a member of the other, only the rows that were named leave their groups.
    """
    a, b = case.same
    out = joined_apart(labels, a, b, case.apart)
    refused = out[a] != out[b]
    if not refused.any():
        return out
    named = np.isin(by_hand, by_hand[a[refused]])
    return np.unique(np.where(named, len(out) + by_hand, out), return_inverse=True)[1]


def _columns(pairs: list[tuple[int, int]]) -> PairsOfRows:
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]
