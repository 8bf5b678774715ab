"""A streaming XML reader that knows names without their prefixes, and refuses document types."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pierre_data.errors import PayloadError
from pierre_data.files.recording import Floats, Recording, Times

#: Deepest nesting; the formats need about 12.
MAX_DEPTH = 64
#: Largest point, extensions and all; real ones have about 1 KB.
MAX_POINT = 2**20
_CHUNK = 2**16

Start = Callable[[dict[str, str]], None]
End = Callable[[], None]


class _Actions(dict[str, Any]):
    """Qualified name -> what is to be done there; looked up once per name by its local part."""

    def __init__(self, *tables: Mapping[str, Any]) -> None:
        super().__init__()
        self._tables = tables

    def __missing__(self, name: str) -> Any:
        action = self[name] = next((t[local(name)] for t in self._tables if local(name) in t), None)
        return action


def local(name: str) -> str:
    """Return a name without its prefix.

    Examples
    --------
    >>> local("ns3:Speed")
    'Speed'
    """
    return name.rpartition(":")[2]


def walk(
    data: bytes,
    leaves: Mapping[str, str],
    starts: Mapping[str, Start],
    ends: Mapping[str, End],
    texts: dict[str, str],
    point: str = "",
    found: Callable[[dict[str, str]], None] | None = None,
) -> str:
    """Read a document once, from front to back.

    Parameters
    ----------
    data : bytes
        The document; blanks before it are forgiven, some exporters write them.
    leaves : mapping of str to str
        Local name of an element with text -> key in `texts`.
    starts, ends : mapping of str to callable
        Local name -> what is called when the element begins (with its attributes) and ends.  The end of a leaf
        calls nothing.
    texts : dict
        Receives the texts of the leaves as they are, blanks included; the callables empty it.
    point : str
        Local name of the element there are most of.  Inside it nothing is called and nothing is looked up, which
        is twice as fast.
    found : callable, optional
        Called at the end of each point with its attributes and the texts of all elements in it under their
        qualified names, for `columns_of_points`.

    Returns
    -------
    str
        What is wrong with the document: empty, or where and why reading it stopped.  What came before was read.

    Raises
    ------
    PayloadError
        The document declares a document type (entities could expand without end, or read files), nests deeper
        than `MAX_DEPTH`, or has a point of more than `MAX_POINT` bytes.

    Examples
    --------
    >>> seen = {}
    >>> walk(b"<a:x><b>1</b></a:x>", {"b": "value"}, {}, {}, seen), seen
    ('', {'value': '1'})
    """
    here = _Walk(_Actions(starts), _Actions(leaves, ends), texts, point, found)
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    at = since = points = 0
    try:
        while at < len(data):
            # Cut behind a tag, so that no number of a point comes in two pieces.
            end = data.rfind(b">", at, at + _CHUNK) + 1 or at + _CHUNK
            here.parser.Parse(data[at:end], False)
            at = end
            if here.points > points or not here.inside:
                points, since = here.points, at
            elif at - since > MAX_POINT:
                raise PayloadError("The XML has a point without an end.", "Leave the file out.", field="xml")
        here.parser.Parse(b"", True)
    except expat.ExpatError as error:
        return f"line {error.lineno}: {expat.errors.messages.get(error.code, 'damaged')}"
    except (LookupError, ValueError) as error:
        if here.opened:
            raise
        return str(error)  # the document claims an encoding nobody knows
    finally:
        here.release()
    return ""


class _Walk:
    """The handlers of one parser, as closures: attributes of an object would cost as much as the parser."""

    def __init__(
        self,
        opened: _Actions,
        closed: _Actions,
        texts: dict[str, str],
        point: str,
        found: Callable[[dict[str, str]], None] | None,
    ) -> None:
        pieces, depth, parser = list[str](), 0, expat.ParserCreate()
        pop, row, current = pieces.pop, dict[str, str](), ""
        self.opened, self.parser, self.points, self.inside = opened, parser, 0, False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth, row, current
            pieces.clear()
            if name == current or local(name) == point:
                current, row = name, attributes
                self.inside = True
                parser.StartElementHandler, parser.EndElementHandler = None, inside
                return
            depth += 1
            if depth > MAX_DEPTH:
                raise PayloadError("The XML nests too deeply for an activity.", "Leave the file out.", field="xml")
            action = opened[name]
            if action is not None:
                action(attributes)

        def inside(name: str) -> None:
            if name != current:
                row[name] = pop() if pieces else ""
                return
            parser.StartElementHandler, parser.EndElementHandler = start, end
            self.inside = False
            self.points += 1
            if found is not None:
                found(row)

        def end(name: str) -> None:
            nonlocal depth
            depth -= 1
            action = closed[name]
            if type(action) is str:
                texts[action] = "".join(pieces)
            elif action is not None:
                action()
            pieces.clear()

        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler = pieces.append
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = _refuse

    def release(self) -> None:
        """Break the circle of parser and handlers, so that their memory goes at once."""
        self.parser.StartElementHandler = self.parser.EndElementHandler = None


def columns_of_points(points: Sequence[Mapping[str, str]], wanted: Mapping[str, str]) -> dict[str, list[str | None]]:
    """Return the texts of points as columns.

    Parameters
    ----------
    points : sequence of mapping
        Qualified name -> text.
    wanted : mapping of str to str
        Local name -> column.  Of several names of one column the first that a point has counts.

    Examples
    --------
    >>> columns_of_points([{"a:hr": "1"}, {"b:hr": "2"}, {}], {"hr": "beats", "ele": "height"})
    {'beats': ['1', '2', None]}
    """
    names: dict[str, list[str]] = {}
    for name in sorted(set[str]().union(*points)):
        column = wanted.get(local(name))
        if column is not None:
            names.setdefault(column, []).append(name)
    columns: dict[str, list[str | None]] = {}
    for column, sources in names.items():
        columns[column] = [p.get(sources[0]) for p in points]
        for other in sources[1:]:
            pairs = zip(columns[column], points, strict=True)
            columns[column] = [p.get(other) if text is None else text for text, p in pairs]
    return columns


def floats(texts: list[str | None], name: str, recording: Recording) -> Floats:
    """Return texts as numbers; what is none, or infinite, becomes NaN and is reported once.

    Examples
    --------
    >>> floats(["1.5", None, "x"], "hr", Recording())
    array([1.5, nan, nan])
    """
    try:
        # Arrow reads numbers four times as fast as Python.
        array = pc.utf8_trim_whitespace(pa.array(texts, pa.string())).cast(pa.float64())
        out: Floats = array.to_numpy(zero_copy_only=False).copy()
    except pa.ArrowInvalid:  # one is no number
        out = np.array([_number(text) for text in texts], dtype=np.float64)
    if np.isfinite(out).all():
        return out
    out[np.isinf(out)] = math.nan
    lost = [t for t, known in zip(texts, (~np.isnan(out)).tolist(), strict=True) if t and not known]
    if lost:
        recording.problems.append((name, f"{lost[0][:40]!r} and the like, {len(lost)} times"))
    return out


def number(text: str | None) -> float | None:
    """Return a text as a number, or None where it is none.

    Examples
    --------
    >>> number("12.5"), number("twelve"), number(None)
    (12.5, None, None)
    """
    value = _number(text)
    return value if math.isfinite(value) else None


def instants(texts: list[str | None]) -> Times:
    """Return ISO times as microseconds since 1970, UTC; -1 where there is none.

    A time without a zone is taken as UTC: exporters that omit the Z mean it.

    Examples
    --------
    >>> instants(["1970-01-01T00:00:01Z", "1970-01-01T01:00:00.5+01:00", "soon"])
    array([1000000,  500000,      -1])
    """
    trimmed = pc.utf8_trim_whitespace(pa.array(texts, pa.string()))
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):  # all with a zone, or all without
        try:
            known = trimmed.cast(kind).cast(pa.int64()).fill_null(-1)
        except pa.ArrowInvalid:
            continue
        out: Times = known.to_numpy().copy()
        return out
    return np.array([instant(text) for text in texts], dtype=np.int64)


def instant(text: str | None) -> int:
    """Return one ISO time as `instants` does."""
    try:
        time = dt.datetime.fromisoformat((text or "").strip())
    except ValueError:
        return -1
    aware = time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
    return (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def _number(text: str | None) -> float:
    try:
        return math.nan if text is None else float(text)
    except ValueError:
        return math.nan


def _refuse(*_parts: object) -> int:
    raise PayloadError(
        "The XML declares a document type, which no activity needs and attackers use.",
        "Remove the DOCTYPE if you trust the file.",
        field="xml",
    )
