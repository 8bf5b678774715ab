"""What a person said about pairs of recordings: it goes before every other rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pierre_data.dedupe.links import Keys, joined
from pierre_data.dedupe.pairs import Pairs
from pierre_data.dedupe.rows import Rows
from pierre_data.dedupe.sources import Ints, quoted, text_hash, unquoted
from pierre_data.errors import QueryError

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
    found: dict[tuple[str, str], Override] = {}
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
        found[one.a, one.b] = one
    return tuple(found.values())


def noted(frame: pd.DataFrame, overrides: Iterable[Override] | None) -> tuple[Override, ...]:
    """Return the overrides that count for a frame: those given, else those its client knew."""
    if overrides is not None:
        return tuple(overrides)
    note = frame.attrs.get("pierre")
    return read_overrides(str(note.get("overrides", ""))) if isinstance(note, dict) else ()


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows of a frame that a person judged.

    Parameters
    ----------
    same, apart : (ndarray of int, ndarray of int)
        Rows that are one workout, and rows that are not.
    """

    same: tuple[Ints, Ints]
    apart: tuple[Ints, Ints]


def judged(rows: Rows, keys: Keys | None, overrides: Iterable[Override]) -> Judged:
    """Return which rows the overrides mean; recordings that are not there mean nothing.

    Parameters
    ----------
    rows : Rows
        All rows.
    keys : Keys, optional
        Which recordings each kept row stands for; None only without overrides.
    overrides : iterable of Override
        What was said.
    """
    listed = list(overrides)
    found: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    if listed and keys is not None:
        hashes = text_hash(pd.Series([k for o in listed for k in (o.a, o.b)], dtype="str"))
        at = pd.Series(keys.row, index=keys.hash)
        at = at[~at.index.duplicated()]
        # Each person has keys of his own, so that an override never joins two people.
        for person in np.unique(rows.person, return_index=True)[1].tolist():
            there = at.reindex(rows.mine(hashes, np.full(len(hashes), person)), fill_value=-1).to_numpy()
            for override, (a, b) in zip(listed, there.reshape(-1, 2).tolist(), strict=True):
                if a >= 0 and b >= 0 and a != b:
                    found[override.same].append((a, b))
    return Judged(_columns(found[True]), _columns(found[False]))


def joined_apart(labels: Ints, a: Ints, b: Ints, apart: tuple[Ints, Ints]) -> Ints:
    """Return labels after rows a[i] and b[i] became one, in this order, except where that joins rows of `apart`."""
    out = joined(labels, a, b)
    torn = out[apart[0]] == out[apart[1]]
    if not torn.any():
        return out
    hurt = np.isin(out, out[apart[0][torn]])
    enemies: dict[int, set[int]] = defaultdict(set)
    for x, y in zip(*(labels[side][torn].tolist() for side in apart), strict=True):
        enemies[x].add(y)
        enemies[y].add(x)
    members = {int(label): {int(label)} for label in np.unique(labels[hurt])}
    edges = hurt[a]
    for x, y in zip(labels[a[edges]].tolist(), labels[b[edges]].tolist(), strict=True):
        ours, theirs = members[x], members[y]
        if ours is theirs or any(enemies[m] & theirs for m in ours):
            continue
        ours |= theirs
        members.update(dict.fromkeys(theirs, ours))
    rename = np.arange(len(labels))
    for label, group in members.items():
        rename[label] = min(group)
    return np.where(hurt, rename[labels], out)


def without(pairs: Pairs, labels: Ints, apart: tuple[Ints, Ints]) -> Pairs:
    """Return the pairs that may still become one: complete link needs every pair, so one too few keeps groups apart."""
    if not len(apart[0]) or not len(pairs.a):
        return pairs
    size = len(labels)

    def both(x: Ints, y: Ints) -> Ints:
        return np.minimum(labels[x], labels[y]) * size + np.maximum(labels[x], labels[y])

    keep = ~np.isin(both(pairs.a, pairs.b), both(*apart))
    return Pairs(pairs.a[keep], pairs.b[keep], pairs.score[keep])


def _columns(pairs: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]
