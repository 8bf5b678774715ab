"""What is asked and what is answered: plain values whose repr never shows a secret."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Scalar: TypeAlias = str | int | float
Params: TypeAlias = Mapping[str, Scalar] | Sequence[tuple[str, Scalar]]


class Headers(Mapping[str, str]):
    """Response headers, looked up without regard to case; repeated ones are joined by a comma.

    `Set-Cookie` is dropped here: we keep no cookies, so nothing above this room can store one.

    Parameters
    ----------
    pairs : iterable of (str, str)
        Names and values in the order they arrived.

    Examples
    --------
    >>> headers = Headers([("X-Ratelimit-Usage", "12,340")])
    >>> headers["x-rateLimit-usage"]
    '12,340'
    >>> headers
    Headers(x-ratelimit-usage)
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        values: dict[str, str] = {}
        for name, value in pairs:
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
class HttpRequest:
    """One request, before or after signing.

    Parameters
    ----------
    method : str
        Upper case HTTP method.
    url : str
        A path below the client's base URL (``"/athlete"``) or an absolute https (or loopback http) URL.
    params : mapping or sequence of pairs, optional
        Query parameters, merged into those already in `url`.  A sequence may repeat a name.
    headers : mapping of str to str, optional
        Extra request headers.
    json : object, optional
        Body, sent as JSON; excludes `form`.
    form : mapping of str to str, optional
        Body, sent as an HTML form; excludes `json`.

    Raises
    ------
    ValueError
        Both `json` and `form` were given.

    Examples
    --------
    >>> HttpRequest("GET", "/athlete/activities?token=x", params={"per_page": 200})
    HttpRequest(GET /athlete/activities)
    """

    method: str
    url: str
    params: Params = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object | None = None
    form: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.json is not None and self.form is not None:
            raise ValueError("a request carries json or form, not both")

    @property
    def place(self) -> str:
        """Host and path for messages and logs; never the query, the fragment or a password."""
        address = re.split(r"[?#]", self.url, maxsplit=1)[0]
        return re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://([^/]*@)?", "", address)

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.place})"


@dataclass(frozen=True, repr=False)
class HttpResponse:
    """One complete answer.

    Parameters
    ----------
    status : int
        HTTP status.
    headers : Headers
        Looked up without regard to case.
    body : bytes
        The decoded body, complete.
    elapsed_s : float
        Seconds the answering attempt took, without waits and earlier attempts.
    attempts : int
        Requests that were sent for it, redirects not counted.

    Examples
    --------
    >>> HttpResponse(200, Headers([("content-type", "application/json")]), b"[]", 0.012)
    HttpResponse(200, 2 bytes)
    """

    status: int
    headers: Headers
    body: bytes
    elapsed_s: float
    attempts: int = 1

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, {len(self.body)} bytes)"
