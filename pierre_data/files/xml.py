"""A streaming XML reader that knows names without their prefixes, and refuses document types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from pierre_data.errors import PayloadError
from pierre_data.files.recording import Recording
from pierre_data.files.xml_columns import Points, local

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


@dataclass(frozen=True, slots=True)
class Tracks:
    """Where a document has its points, by local names; inside a point nothing is called, its texts go to `sink`.

    A `block` holds points without attributes and nothing else: it is read without a call of Python per element.
    """

    point: str
    sink: Callable[[], Points]
    block: str = ""


def parse_xml(
    data: bytes,
    leaves: Mapping[str, str],
    starts: Mapping[str, Start],
    ends: Mapping[str, End],
    texts: dict[str, str],
    tracks: Tracks,
    recording: Recording,
) -> None:
    """Read a document once, from front to back; where and why reading stopped early is a problem of the recording.

    `leaves` maps local names of elements with text to keys in `texts`, which the callables in `starts` and `ends`
    empty.  PayloadError: a document type (entities could expand without end), too deep, or a point too large.
    """
    here = _Parser(_Actions(starts), _Actions(leaves, ends), texts, tracks)
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        for start, end, inner in _pieces(data, tracks.block):
            here.feed(data, start, end, inner)
        here.parser.Parse(b"", True)
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, "damaged")
        recording.problems.append(("xml", f"line {error.lineno}: {why}"))
    except (LookupError, ValueError) as error:
        if here.opened:
            raise
        recording.problems.append(("xml", str(error)))  # the document claims an encoding nobody knows
    finally:
        here.release()


def _pieces(data: bytes, block: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where a document is cut, and whether a piece is the inside of a block (if its start is one)."""
    at, seen, tag = 0, 0, block.encode() + b">"
    while block and (place := data.find(tag, seen)) >= 0:
        start = seen = place + len(tag)
        name = data[data.rfind(b"<", at, place) + 1 : start]
        end = data.find(b"</" + name, start)
        # Only what is written plainly: an opening tag, its closing tag, and no other block between them.
        if name.removesuffix(tag)[-1:] in (b"", b":") and end >= 0 and data.find(b"<" + name, start, end) < 0:
            yield at, start, False
            yield start, end, True
            at = seen = end + 2 + len(name)
            yield end, at, False
    yield at, len(data), False


class _Parser:
    """The handlers of one parser, as closures: attributes of an object would cost as much as the parser."""

    def __init__(self, opened: _Actions, closed: _Actions, texts: dict[str, str], tracks: Tracks) -> None:
        pieces, depth, parser = list[str](), 0, expat.ParserCreate()
        pop, row, current, point, block = pieces.pop, dict[str, str](), "", tracks.point, tracks.block
        self.opened, self.parser, self._tracks = opened, parser, tracks
        self._points, self._inside, self._blocks, self._before = 0, False, 0, 0

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth, row, current
            pieces.clear()
            if name == current or local(name) == point:
                current, row = name, attributes
                self._inside = True
                parser.StartElementHandler, parser.EndElementHandler = None, inside
                return
            depth += 1
            if depth > MAX_DEPTH:
                raise PayloadError("The XML nests too deeply for an activity.", "Leave the file out.", field="xml")
            if local(name) == block:
                self._blocks += 1
            action = opened[name]
            if action is not None:
                action(attributes)

        def inside(name: str) -> None:
            if name != current:
                row[name] = pop() if pieces else ""
                return
            parser.StartElementHandler, parser.EndElementHandler = start, end
            self._inside = False
            self._points += 1
            tracks.sink().add(row)

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

    def feed(self, data: bytes, start: int, end: int, inner: bool) -> None:
        """Parse a part of the document; the inside of a block at once, if the part before really opened one."""
        if inner and self._blocks > self._before and not self._inside:
            self._feed_block(data, start, end)
            return
        self._before = self._blocks
        since, points = start, self._points
        for at, stop in _cuts(data, start, end):
            self.parser.Parse(data[at:stop], False)
            if self._points > points or not self._inside:
                points, since = self._points, stop
            _check_point(stop - since)

    def _feed_block(self, data: bytes, start: int, end: int) -> None:
        parser, sink, flat = self.parser, self._tracks.sink(), list[str]()
        handlers = parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler
        parser.StartElementHandler = None
        parser.EndElementHandler = parser.CharacterDataHandler = flat.append
        since = start
        try:
            for at, stop in _cuts(data, start, end):
                try:
                    parser.Parse(data[at:stop], False)
                finally:  # also what came before damage
                    point = next((n for n in parser.intern if local(n) == self._tracks.point), "")
                    taken = sink.take(flat, point, parser.intern)
                    del flat[:taken]
                since = stop if taken else since
                _check_point(stop - since)
        finally:
            parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = handlers

    def release(self) -> None:
        """Break the circle of parser and handlers, so that their memory goes at once."""
        self.parser.StartElementHandler = self.parser.EndElementHandler = None


def _cuts(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield pieces that end behind a closing tag, so that no text of a point comes in two."""
    while start < end:
        tag = data.rfind(b"</", start, start + _CHUNK)
        stop = data.find(b">", tag, end) + 1 if tag >= 0 else start + _CHUNK
        stop = min(stop or end, end)
        yield start, stop
        start = stop


def _check_point(size: int) -> None:
    if size > MAX_POINT:
        raise PayloadError("The XML has a point without an end.", "Leave the file out.", field="xml")


def _refuse(*_parts: object) -> int:
    what = "The XML declares a document type, which no activity needs and attackers use."
    raise PayloadError(what, "Remove the DOCTYPE if you trust the file.", field="xml")
