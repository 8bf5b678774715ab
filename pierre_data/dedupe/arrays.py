"""A frame's rows as arrays, and what each row stands for: what the rules of dedupe work on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pierre_data.errors import QueryError, SchemaError
from pierre_data.schema import FAMILY

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Bools = np.ndarray[tuple[int], np.dtype[np.bool_]]
Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]
PairsOfRows = tuple[Ints, Ints]
SameProvider = Literal["overlap", "never"]

REQUIRED = ("provider", "id", "sport", "start_time", "elapsed_s")
NO_PAIRS: PairsOfRows = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
#: Longer durations are mistakes (milliseconds, a watch never stopped): such rows are not compared by time.
_LONGEST_S = 31 * 86_400.0
_SPORTS = {sport: at for at, sport in enumerate(FAMILY)}
_NO_TIME = np.iinfo(np.int64).min
_ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads a small number over all bits


@dataclass(frozen=True, slots=True)
class PreviousMerge:
    """Rows that an earlier call of `deduplicate` returned: one entry per source."""

    texts: pd.Series[str]  # the column ``sources``, missing for rows that were never merged
    row: Ints  # position in the frame, ascending
    hash: Hashes  # of the source's ``provider:id``
    link: Hashes  # of its ``space:id``
    count: Ints  # sources of each row of the frame, 0 for rows that were never merged
    providers: frozenset[str]

    def settled(self, a: Ints, b: Ints, *, alone: bool) -> Bools:
        """Return which pairs an earlier call decided; with `alone`, two rows of one source each may be of two calls."""
        least = 1 if alone else 0
        one, other = self.count[a], self.count[b]
        decided: Bools = (one > 0) & (other > 0) & ((one > least) | (other > least))
        return decided


@dataclass(frozen=True, slots=True)
class ActivityArrays:
    """One array per field that matters, all as long as the frame; NaN, the smallest integer or False is missing."""

    frame: pd.DataFrame  # with a RangeIndex
    places: Mapping[str, int]  # provider -> priority, 0 is best
    rank: Ints  # priority of the row's provider
    person: Ints
    salt: Hashes  # of the person: added to a key's hash, it makes one id of two people two keys
    account: Ints | None  # athlete of a provider that shows several, else -1; None when none does
    start: Ints  # microseconds since 1970 UTC
    seconds: Floats  # the same in seconds
    elapsed: Floats
    moving: Floats
    distance: Floats
    sport: Ints  # place in the vocabulary, at its end for any other word or none
    indoor: Bools
    manual: Bools
    hidden: Bools  # the vendor blurred the start
    timed: Bools  # start and duration can be compared
    key: pd.Series[str]  # ``provider:id``
    hash: Hashes  # the smallest hash of the keys a row stands for: a total order that no shuffle changes
    link: Hashes  # of ``space:id``
    previous: PreviousMerge | None


@dataclass(frozen=True, slots=True)
class Case:
    """What every rule is given."""

    rows: ActivityArrays
    kept: Ints  # the rows that no other row repeats
    same_provider: SameProvider
    same: PairsOfRows = NO_PAIRS  # that a person called one workout
    apart: PairsOfRows = NO_PAIRS  # that he called two
    reach: dt.timedelta | None = None  # rows that start further apart are never one workout

    def too_far(self, a: Ints, b: Ints, reach: dt.timedelta | None = None) -> Bools:
        """Return which rows a[i] and b[i] start further apart than a reach, the case's own when omitted."""
        if (reach := reach or self.reach) is None:
            return np.zeros(len(a), dtype=bool)
        return np.abs(self.rows.start[a].astype(np.float64) - self.rows.start[b]) > reach / dt.timedelta(microseconds=1)


def read_arrays(
    frame: pd.DataFrame, priority: Sequence[str] | None, athlete: str | None, id_spaces: Mapping[str, str] | None
) -> ActivityArrays:
    """Return the arrays of a frame with a RangeIndex; a column that cannot be used is a `SchemaError`."""
    if isinstance(priority, str):
        raise QueryError("priority is one text.", f"Pass a list of provider names, such as [{priority!r}].")
    _check(frame, athlete)
    spaces = id_spaces or {}
    provider, id = frame["provider"].astype("str"), frame["id"].astype("str")
    key = provider + ":" + id
    codes, names = pd.factorize(provider)
    hashes = link = text_hash(key)
    if any(spaces.get(name, name) != name for name in names):
        link = text_hash(provider.map({name: spaces.get(name, name) for name in names}).astype("str") + ":" + id)
    previous = previous_merge(frame, spaces) if "sources" in frame.columns else None
    if previous is not None:
        hashes = hashes.copy()
        hashes[previous.row] = np.iinfo(np.uint64).max
        np.minimum.at(hashes, previous.row, previous.hash)
    known = sorted({*names, *(previous.providers if previous is not None else ())})
    places = {name: at for at, name in enumerate(dict.fromkeys([*(priority or ()), *known]))}
    person = pd.factorize(frame[athlete], sort=True)[0].astype(np.int64) if athlete else np.zeros_like(codes)
    start, elapsed = read_column(frame, "start_time", "times"), read_column(frame, "elapsed_s", "numbers")
    hidden = read_column(frame, "start_hidden", "flags")
    sport, sports = pd.factorize(frame["sport"].astype("str"))
    return ActivityArrays(
        frame=frame,
        places=places,
        rank=np.array([places[n] for n in names], dtype=np.int64)[codes],
        person=person,
        salt=person.astype(np.uint64) * _ODD,
        account=None if athlete or "athlete_id" not in frame.columns else _accounts(codes, frame["athlete_id"]),
        start=start,
        seconds=np.where(start == _NO_TIME, np.nan, start / 1e6),
        elapsed=elapsed,
        moving=read_column(frame, "moving_s", "numbers"),
        distance=read_column(frame, "distance_m", "numbers"),
        sport=np.array([*(_SPORTS.get(name, len(_SPORTS)) for name in sports), len(_SPORTS)], dtype=np.int64)[sport],
        indoor=read_column(frame, "indoor", "flags"),
        manual=read_column(frame, "manual", "flags"),
        hidden=hidden,
        timed=(elapsed > 0) & (elapsed <= _LONGEST_S) & ~hidden & (start != _NO_TIME),
        key=key,
        hash=hashes,
        link=link,
        previous=previous,
    )


def previous_merge(frame: pd.DataFrame, spaces: Mapping[str, str]) -> PreviousMerge | None:
    """Return what the column ``sources`` says, or None when no row was merged earlier."""
    texts: pd.Series[Any] = frame["sources"].astype("str")
    known = texts[texts.notna() & (texts != "")]
    if known.empty:
        return None
    tokens = known.str.split(" ").explode()
    row = tokens.index.to_numpy(dtype=np.int64)
    keys = [unquoted(token) for token in tokens.tolist()]
    parts = [key.partition(":") for key in keys]
    links = [f"{spaces.get(provider, provider)}:{id}" for provider, _, id in parts]
    count = np.bincount(row, minlength=len(frame)).astype(np.int64)
    hashes, link = (text_hash(pd.Series(words, dtype="str")) for words in (keys, links))
    return PreviousMerge(texts, row, hashes, link, count, frozenset(provider for provider, _, _ in parts))


def _accounts(providers: Ints, athletes: pd.Series[Any]) -> Ints | None:
    """Return the athlete of each row whose provider shows several, else -1; None when no provider does."""
    athlete = pd.factorize(athletes)[0].astype(np.int64)
    known, base = athlete >= 0, int(athlete.max(initial=0)) + 1
    pairs = np.unique(providers[known] * base + athlete[known])
    several = np.bincount(pairs // base, minlength=int(providers.max(initial=0)) + 1) > 1
    return np.where(known & several[providers], athlete, -1) if several.any() else None


def _check(frame: pd.DataFrame, athlete: str | None) -> None:
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise SchemaError(f"The frame has the column {twice!r} twice.", "Rename or drop one of them.")
    filled = ("provider", "id", *([athlete] if athlete else []))
    missing = [c for c in (*REQUIRED, *filled) if c not in frame.columns]
    if missing:
        raise SchemaError(f"Dedupe needs the column {missing[0]!r}.", "Keep it in the frame.")
    for column in filled:
        if frame[column].isna().any():
            raise SchemaError(f"Column {column!r} has missing values.", "Fill or drop those rows.")


def read_column(frame: pd.DataFrame, column: str, kind: Literal["numbers", "times", "flags"]) -> Any:
    """Return a column as floats, microseconds since 1970 UTC or truth values; see `ActivityArrays` for missing ones."""
    if column not in frame.columns:
        return np.full(len(frame), {"numbers": np.nan, "times": _NO_TIME, "flags": False}[kind])
    values: pd.Series[Any] = frame[column]
    try:
        if kind == "flags":
            return values.astype("boolean").to_numpy(dtype=bool, na_value=False)
        if kind == "numbers":
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        if not pd.api.types.is_datetime64_any_dtype(values.dtype):
            values = pd.to_datetime(values, utc=True, format="ISO8601")
        return values.to_numpy(dtype="datetime64[us]").view(np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        what = f"Column {column!r} cannot be read as {kind}: {error}."
        raise SchemaError(what, "Convert the column before passing the frame.") from error


def text_hash(texts: pd.Series[str]) -> Hashes:
    """Return a 64-bit hash per text that is the same on every machine."""
    return np.array(pd.util.hash_pandas_object(texts, index=False, categorize=False), dtype=np.uint64)


def quoted(key: str) -> str:
    """Return ``provider:id`` as it stands in ``sources``: space, ``:`` and ``%`` of the id percent-encoded."""
    provider, _, id = key.partition(":")
    return f"{provider}:{id.replace('%', '%25').replace(' ', '%20').replace(':', '%3A')}"


def unquoted(source: str) -> str:
    """Return the ``provider:id`` of an entry of ``sources``."""
    return source.replace("%3A", ":").replace("%20", " ").replace("%25", "%")


def quoted_all(keys: pd.Series[str]) -> pd.Series[str]:
    """Return `quoted` of every key; most need no change."""
    # One colon, between provider and id, and nothing else to encode.
    odd = keys.str.contains(r"[ %]|:.*:", regex=True).to_numpy(dtype=bool)
    return keys.where(~odd, keys[odd].map(quoted)) if odd.any() else keys
