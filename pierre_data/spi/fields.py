"""How a column is read from a vendor's rows."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pierre_data.errors import SchemaError
from pierre_data.schema import FAMILY, Unit

_UNITS = {unit.symbol: unit for unit in Unit}


class Field:
    """Where a column's value is on the wire, its unit there, and how it is translated.

    `paths`: dotted path in a row, ``"athlete.id"``; a number is a position in a list, ``"start_latlng.0"``. With
    several paths and no `via`, the first that is not null counts; with `via`, it receives every value. `unit`: unit the
    vendor sends; the column's own when omitted. `via`: translates the value (values).  With one path it is not called
    for null. What it raises as ValueError, TypeError, LookupError or ArithmeticError sets the row aside.

    Examples
    --------
    >>> Field("distance_km", Unit.KILOMETRE).paths
    ('distance_km',)
    """

    __slots__ = ("paths", "unit", "via")

    def __init__(
        self, *paths: str | Unit, unit: Unit | None = None, via: Callable[..., Any] | Columnwise | Sports | None = None
    ) -> None:
        given = [p for p in paths if isinstance(p, Unit)]
        self.paths: tuple[str, ...] = tuple(p for p in paths if isinstance(p, str))
        self.unit = unit or (given[0] if given else None)
        self.via = via
        if not self.paths or len(given) > 1:
            raise SchemaError("A Field needs at least one path and at most one unit.", 'Write Field("wire_name").')

    def __repr__(self) -> str:
        return f"Field({', '.join(map(repr, self.paths))}{f', {self.unit!r}' if self.unit else ''})"


@dataclass(frozen=True, slots=True, eq=False)
class Sports:
    """A vendor's sport words, and what they are in the closed vocabulary.

    `known`: vendor word or number, any case -> sport. `leisure`: likewise, for what is logged but not trained:
    ``is_exercise`` is False. `word`: makes the word to look up from the values of the field's paths; the first non-null
    one when omitted. The column ``sport_raw`` keeps the first non-null value as it came.

    Raises SchemaError: a sport is not in the vocabulary.

    Examples
    --------
    >>> sports = Sports({"Run": "run", "TrailRun": "trail_run"})
    >>> sports.sport("TRAILRUN"), sports.sport("Quidditch")
    (('trail_run', True), None)
    """

    known: Mapping[str, str]
    leisure: Mapping[str, str] = field(default_factory=dict)
    word: Callable[..., str | None] | None = None
    _words: dict[str, tuple[str, bool]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, sport in {**self.known, **self.leisure}.items():
            if sport not in FAMILY:
                raise SchemaError(f"{name!r} maps to {sport!r}, which is no sport.", "Use a name of the vocabulary.")
        for part in ("known", "leisure"):
            object.__setattr__(self, part, {k.casefold(): v for k, v in getattr(self, part).items()})
        leisure = {word: (sport, False) for word, sport in self.leisure.items()}
        object.__setattr__(self, "_words", leisure | {word: (sport, True) for word, sport in self.known.items()})

    @classmethod
    def table(cls, known: str, leisure: str = "", word: Callable[..., str | None] | None = None) -> Sports:
        """Return sports from text: ``Word=sport`` or ``word`` where both are the same, a + for a space in a word.

        Examples
        --------
        >>> Sports.table("Run=run Trail+Run=trail_run yoga").sport("trail run")
        ('trail_run', True)
        """
        known_words, leisure_words = (
            {w.replace("+", " "): sport or w.lower() for w, _, sport in map(_pair, text.split())}
            for text in (known, leisure)
        )
        return cls(known_words, leisure_words, word)

    @classmethod
    def grouped(cls, known: str, leisure: str = "", word: Callable[..., str | None] | None = None) -> Sports:
        """Return sports from text: ``sport=word,word`` or the sport alone where it is the vendor's word too.

        A + stands for a space in a word.  A sport may occur several times.

        Examples
        --------
        >>> sports = Sports.grouped("run=RUNNING,Outdoor+Run yoga", "other=SAUNA")
        >>> sports.sport("outdoor run"), sports.sport("Sauna")
        (('run', True), ('other', False))
        """

        def read(text: str) -> dict[str, str]:
            groups = [(sport, words or sport) for sport, _, words in map(_pair, text.split())]
            return {w.replace("+", " "): sport for sport, words in groups for w in words.split(",")}

        return cls(read(known), read(leisure), word)

    def read(self, *values: Any) -> tuple[str | None, str | None, tuple[str, bool] | None]:
        """Return the vendor's own word, the word that is looked up, and what `sport` knows of it.

        Raises TypeError: a value is an object or a list.
        Raises Exception: what `word` raises.

        Examples
        --------
        >>> Sports({"run": "run"}).read("Run"), Sports({}).read(7), Sports({}).read(None)
        (('Run', 'Run', ('run', True)), ('7', '7', None), (None, None, None))
        """
        if any(isinstance(value, dict | list) for value in values):
            raise TypeError("a sport is a word or a number")
        raw = next((str(v) for v in values if v is not None and not isinstance(v, bool)), None)
        word = raw if self.word is None else self.word(*values)
        return raw, word, None if word is None else self._words.get(word.casefold())

    def sport(self, word: str) -> tuple[str, bool] | None:
        """Return the sport and whether it is exercise, or None for an unknown word."""
        return self._words.get(word.casefold())


@dataclass(frozen=True, slots=True, eq=False)
class Columnwise:
    """A translation of whole columns, for what would be slow row by row.

    `function`: receives the values of each path as a tuple, and returns as many values; it must not fail on any.

    Examples
    --------
    >>> Columnwise(lambda names: [name.upper() if name else None for name in names]).function(("a", None))
    ['A', None]
    """

    function: Callable[..., Sequence[Any]]


def _pair(word: str) -> tuple[str, str, str]:
    return word.partition("=")


def fields(text: str, at: str = "", via: Callable[..., Any] | None = None) -> dict[str, Field]:
    """Return fields as text: ``column=path``, ``column=path@unit``, or one word where column and path are the same.

    `text`: separated by white space.  The unit is the vendor's, by its symbol; without one it is the column's own.

    Raises SchemaError: a unit is none.

    Examples
    --------
    >>> fields("id elapsed_s=elapsed_time athlete_id=athlete.id")
    {'id': Field('id'), 'elapsed_s': Field('elapsed_time'), 'athlete_id': Field('athlete.id')}
    >>> fields("distance_m=distance@km", "score.")
    {'distance_m': Field('score.distance', Unit.KILOMETRE)}
    """
    result: dict[str, Field] = {}
    for word in text.split():
        column, _, rest = word.partition("=")
        path, _, unit = rest.partition("@")
        if unit and unit not in _UNITS:
            raise SchemaError(f"{unit!r} in {word!r} is no unit.", "Write the symbol of a Unit.")
        result[column] = Field(at + (path or column), unit=_UNITS[unit] if unit else None, via=via)
    return result


def get_path(content: Any, path: str) -> Any:
    """Return what a dotted path leads to in decoded JSON, or None; the empty path leads to the content itself.

    Examples
    --------
    >>> get_path({"a": {"b": [1, 2]}}, "a.b.1")
    2
    """
    for step in path.split(".") if path else ():
        if isinstance(content, Mapping):
            content = content.get(step)
        elif isinstance(content, list) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            return None
    return content


def between(start: str, end: str) -> float:
    """Return the seconds from one ISO 8601 instant to another.

    Examples
    --------
    >>> between("2026-01-01T00:00:00Z", "2026-01-01T01:00:30.5+01:00")
    30.5
    """
    return (dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)).total_seconds()


def epoch_seconds(value: float | str) -> dt.datetime:
    """Read seconds since 1970, UTC.

    Examples
    --------
    >>> epoch_seconds(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=float(value))


def epoch_millis(value: float | str) -> dt.datetime:
    """Read milliseconds since 1970, UTC."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=float(value))


def number(value: str | float) -> float:
    """Read a number that the vendor sends as text.

    Examples
    --------
    >>> number("12.5")
    12.5
    """
    if isinstance(value, bool):
        raise TypeError("a boolean is no number")
    result = float(value)
    if isinstance(value, str) and not math.isfinite(result):
        raise ValueError(f"{value!r} is no number")
    return result
