"""What is asked and answered over HTTP: plain values whose repr never shows a secret, and JSON as vendors write it.

One odd value of a body costs that value, never the body.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from pydantic_core import from_json

Params: TypeAlias = Mapping[str, str | int | float]

_BOM = b"\xef\xbb\xbf"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_DEEPEST = 100


class Headers(Mapping[str, str]):
    """Headers, looked up without regard to case; repeated ones are joined by a comma.

    `Set-Cookie` is dropped here: we keep no cookies, so nothing above this room can store one.

    `pairs`: names and values in the order they arrived.

    Examples
    --------
    >>> headers = Headers([("X-Ratelimit-Usage", "12,340")])
    >>> headers["x-rateLimit-usage"]
    '12,340'
    >>> headers
    Headers(x-ratelimit-usage)
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        values: dict[str, str] = {}
        for name, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
            key = name.lower()
            if key != "set-cookie":
                values[key] = f"{values[key]}, {value}" if key in values else value
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._values)})"


@dataclass(frozen=True, repr=False)
class Request:
    """One request, as a plan, a signer and the wire see it.

    Parameters
    ----------
    path : below the API base URL, or an absolute https (or loopback http) URL
    json : body, sent as JSON; excludes `form`
    form : body, sent as an HTML form; excludes `json`
    raw : send the decoded body back to the plan instead of parsing rows from it
    reads : whether it only reads, and may be sent again; by default GET and HEAD do, others do not

    Raises ValueError: both `json` and `form` were given.

    Examples
    --------
    >>> Request("/athlete/activities?token=x", {"per_page": 200})
    Request(GET /athlete/activities)
    >>> Request("/measure", method="POST", form={"action": "getmeas"}, reads=True).repeatable
    True
    """

    path: str
    params: Params = field(default_factory=dict)
    method: str = "GET"
    json: object | None = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bool = False
    reads: bool | None = None

    def __post_init__(self) -> None:
        if self.json is not None and self.form is not None:
            raise ValueError("a request carries json or form, not both")

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent a second time."""
        return self.method in ("GET", "HEAD") if self.reads is None else self.reads

    @property
    def place(self) -> str:
        """Host and path for messages and logs; never the query, the fragment or a password."""
        address = re.split(r"[?#]", self.path, maxsplit=1)[0]
        return re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://([^/]*@)?", "", address)

    def identity(self) -> tuple[object, ...]:
        """Return what makes two requests the same: method, address, parameters and body."""
        params = tuple(sorted((k, str(v)) for k, v in self.params.items()))
        body = json.dumps([self.json, dict(self.form or {})], sort_keys=True, default=str)
        return (self.method, self.path, params, body, tuple(sorted(self.headers.items())))

    def __repr__(self) -> str:
        return f"Request({self.method} {self.place})"


@dataclass(frozen=True, repr=False)
class Response:
    """One complete answer.

    `body`: complete, its Content-Encoding undone. `at`: when it came, aware UTC.

    Examples
    --------
    >>> response = Response(200, {"Content-Type": "application/json"}, b'{"rows": []}')
    >>> response, response.headers["content-type"], response.object
    (Response(200, 12 bytes), 'application/json', {'rows': []})
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=Headers)
    body: bytes = b""
    at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    def __post_init__(self) -> None:
        if not isinstance(self.headers, Headers):
            object.__setattr__(self, "headers", Headers(self.headers))

    @cached_property
    def content(self) -> Any:
        """The body as decoded JSON, decoded once; None when it is empty.  Raises ValueError where it is none."""
        return decode_json(self.body)

    @property
    def object(self) -> Mapping[str, Any]:
        """The JSON object in the body; empty where there is none, and a body that is no object is not decoded."""
        if self.body[:64].removeprefix(_BOM).lstrip()[:1] != b"{":
            return {}
        try:
            content = self.content
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


def decode_json(body: bytes) -> Any:
    """Return decoded JSON; an empty body is None.

    Half an emoji, bytes that are no UTF-8 and what is nested more than 100 deep cost their own value only: the text
    is mended with U+FFFD, the nest is null.  NaN and Infinity, which are no JSON, become text.

    Raises ValueError: it is no JSON.

    Examples
    --------
    >>> decode_json(b'{"name": "cut \\\\ud83d"}')
    {'name': 'cut \\ufffd'}
    >>> decode_json(b"")
    """
    body = body.removeprefix(_BOM)
    if not body or body.isspace():
        return None
    try:
        return from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        pass  # Read again, leniently and ten times as slowly.
    text = _without_nests(body.decode("utf-8", "replace"))
    try:
        return json.loads(text, parse_constant=str, parse_int=_integer, object_pairs_hook=_object, strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {without_halves(key): _mended(value) for key, value in pairs}


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return without_halves(value)
    return [_mended(v) for v in value] if isinstance(value, list) else value


def without_halves(text: str) -> str:
    """Return text without halves of surrogate pairs, which no encoding can write."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _without_nests(text: str) -> str:
    depth, parts, at, nest = 0, [], 0, 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            nest = token.start() if depth == _DEEPEST else nest
        elif token[0] in "]}":
            if depth == _DEEPEST:
                parts += [text[at:nest], "null"]
                at = token.end()
            depth -= 1
    return "".join([*parts, text[at:]])
