"""A streaming XML reader that knows names without their prefixes, and refuses document types."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from xml.parsers import expat

import numpy as np

from pierre_data.errors import PayloadError
from pierre_data.files.recording import Floats, Recording, Times

#: Deepest nesting; the formats need about 12.
MAX_DEPTH = 64

# Times without a zone, one a line; numpy also takes other texts, such as "now".
_PLAIN = re.compile(r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?\n)*")

Start = Callable[[dict[str, str]], None]
End = Callable[[], None]


class _Locals(dict[str, str]):
    """Qualified name -> local name, filled as names come."""

    def __missing__(self, name: str) -> str:
        local = self[name] = name.rpartition(":")[2]
        return local


def walk(
    data: bytes, leaves: Mapping[str, str], starts: Mapping[str, Start], ends: Mapping[str, End], texts: dict[str, str]
) -> str:
    """Read a document once, from front to back.

    Parameters
    ----------
    data : bytes
        The document; blanks before it are forgiven, some exporters write them.
    leaves : mapping of str to str
        Local name of an element with text -> key in `texts`.
    starts, ends : mapping of str to callable
        Local name -> what is called when the element begins (with its attributes) and ends.
    texts : dict
        Receives the texts of the leaves; the callables empty it.

    Returns
    -------
    str
        What is wrong with the document: empty, or where and why reading it stopped.  What came before was read.

    Raises
    ------
    PayloadError
        The document declares a document type (entities could expand without end, or read files), or nests
        deeper than `MAX_DEPTH`.

    Examples
    --------
    >>> seen = {}
    >>> walk(b"<a:x><b>1</b></a:x>", {"b": "value"}, {}, {}, seen), seen
    ('', {'value': '1'})
    """
    names, pieces, depth = _Locals(), list[str](), 0

    def start(qualified: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise PayloadError("The XML nests too deeply for an activity.", "Leave the file out.", field="xml")
        pieces.clear()
        known = starts.get(names[qualified])
        if known is not None:
            known(attributes)

    def end(qualified: str) -> None:
        nonlocal depth
        depth -= 1
        name = names[qualified]
        leaf = leaves.get(name)
        if leaf is not None:
            texts[leaf] = "".join(pieces).strip()
        pieces.clear()
        known = ends.get(name)
        if known is not None:
            known()

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = pieces.append
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(data.removeprefix(b"\xef\xbb\xbf").lstrip(), True)
    except expat.ExpatError as error:
        return f"line {error.lineno}: {expat.errors.messages.get(error.code, 'damaged')}"
    except (LookupError, ValueError) as error:
        if names:
            raise
        return str(error)  # the document claims an encoding nobody knows
    return ""


def floats(texts: list[str | None], name: str, recording: Recording) -> Floats:
    """Return texts as numbers; what is none, or infinite, becomes NaN and is reported once.

    Examples
    --------
    >>> floats(["1.5", None, "x"], "hr", Recording())
    array([1.5, nan, nan])
    """
    nan = math.nan
    try:
        numbers = [nan if text is None else float(text) for text in texts]
    except ValueError:
        numbers = [_number(text) for text in texts]
    out = np.array(numbers, dtype=np.float64)
    out[np.isinf(out)] = nan
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
    try:
        # Most files end every time with Z: numpy reads those at once.
        plain = [text[:-1] if text[-1] == "Z" else text for text in texts if text]
        if len(plain) == len(texts) and _PLAIN.fullmatch("".join([f"{text}\n" for text in plain])):
            return np.array(plain, dtype="datetime64[us]").astype(np.int64)
    except ValueError:
        pass  # a zone, or damage: one by one
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
