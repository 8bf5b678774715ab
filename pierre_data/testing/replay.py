"""A vendor on loopback: a real HTTP server that pages, guards and fails as the vendor does, from payload files."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pierre_data.spi import DateWindows, NextLink, Paging, ProviderDescriptor, Response, Token, get_path
from pierre_data.testing.pages import page_of, replaced, rows_at

#: Applies the vendor's own parameters (its window, say): path, parameters, all rows -> the rows they mean.
Select = Callable[[str, Mapping[str, str], Sequence[Any]], Sequence[Any]]
#: Token a `ReplayServer` accepts unless told otherwise.
TOKEN = "test-token"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came; header names in lower case.

    Parameters, headers and body are not shown: they may hold a token.

    Parameters
    ----------
    method, path : str
        As they came; the path without its query.
    params : mapping of str to str
        Of the query, and of a form or the top of a JSON object in the body.
    headers : mapping of str to str
        As they came.
    body : bytes
        As it came.

    Examples
    --------
    >>> Seen("GET", "/athlete", {"token": "secret"}, {})
    Seen(method='GET', path='/athlete')
    """

    method: str
    path: str
    params: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class _Fault:
    """A scripted answer: `times` such requests get it, after `after` others."""

    path: str
    response: Response
    times: int
    after: int


class ReplayServer:
    """Serves a folder of payload files over HTTP on 127.0.0.1, as a context manager.

    The tree mirrors the URL paths: ``GET /activities/123/streams`` is answered with
    ``folder/activities/123/streams.json``, and with 404 when there is no such file.  A colon in a path counts as a
    slash: ``GET /points:reconcile`` is answered with ``folder/points/reconcile.json``.  An empty file is a 204, and a
    POST is answered as a GET with the parameters in its body.

    Parameters
    ----------
    folder : Path
        Nothing outside it is ever read.
    descriptor : ProviderDescriptor, optional
        Whose lists are paged as its endpoints declare, and whose credentials are asked for (401 without).
    select : callable, optional
        ``(path, params, rows) -> rows``: applies the vendor's parameters, such as its window, before paging.
    page_size : int, optional
        The most rows on a page, whatever was asked: some vendors cap it.
    lists : mapping of str to (Paging, str), optional
        Path -> paging and dotted path of the rows, for lists that only a plan's code knows.

    Attributes
    ----------
    requests : list of Seen
        What came, in order.
    page_size : int or None
        As given.
    tokens : set of str
        What is accepted as bearer token, token parameter or API key; "test-token" at first.

    Examples
    --------
    >>> import tempfile, urllib.request
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "athlete.json").write_text('{"id": 1}')
    >>> with ReplayServer(folder) as server, urllib.request.urlopen(f"{server.url}/athlete") as response:
    ...     print(response.read(), server.count("/athlete"))
    b'{"id": 1}' 1
    """

    def __init__(
        self,
        folder: Path,
        descriptor: ProviderDescriptor | None = None,
        *,
        select: Select | None = None,
        page_size: int | None = None,
        lists: Mapping[str, tuple[Paging, str]] | None = None,
    ) -> None:
        self.requests: list[Seen] = []
        self.tokens: set[str] = {TOKEN}
        self._folder = Path(folder).resolve()
        self._descriptor, self._select, self.page_size = descriptor, select, page_size
        declared = descriptor.endpoints.values() if descriptor else ()
        self._lists: list[tuple[str, Paging, object]]
        self._lists = [(path, paging, records) for path, (paging, records) in (lists or {}).items()]
        self._lists += [(e.path, e.paging, e.records) for e in declared if e.path and e.plan_with is None]
        self._faults: list[_Fault] = []
        self._pause = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.answer))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def __repr__(self) -> str:
        return f"<ReplayServer {self.url}: {len(self.requests)} request(s)>"

    @property
    def windowed(self) -> bool:
        """Whether it applies the vendor's parameters."""
        return self._select is not None

    def count(self, path: str) -> int:
        """Return how many requests came for a path."""
        return sum(seen.path == path for seen in self.requests)

    def fail(
        self,
        path: str,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        times: int = 1,
        after: int = 0,
    ) -> None:
        """Script an answer instead of the usual one.

        Parameters
        ----------
        path : str
            For which requests; ``"*"`` is any.
        status, headers, body
            The answer; a status of 200 is allowed (some vendors report errors so).
        times : int
            How often.
        after : int
            How many such requests are answered as usual first.
        """
        with self._lock:
            self._faults.append(_Fault(path, Response(status, headers or {}, body), times, after))

    def recover(self) -> None:
        """Forget all scripted answers."""
        with self._lock:
            self._faults.clear()

    def delay(self, seconds: float) -> None:
        """Wait this long before every answer from now on."""
        self._pause = seconds

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Return the answer to a request; the handler sends it."""
        parts = urlsplit(target)
        headers = {name.lower(): value for name, value in headers.items()}
        params = dict(parse_qsl(parts.query, keep_blank_values=True)) | _params(body, headers.get("content-type", ""))
        seen = Seen(method, parts.path, params, headers, body)
        with self._lock:
            self.requests.append(seen)
            scripted = self._scripted(seen.path)
        self._stop.wait(self._pause)
        if scripted is not None:
            return scripted
        if not self._allowed(seen):
            return _refusal(401, "Authorization Error", "access_token", "invalid")
        return self._usual(seen)

    def _scripted(self, path: str) -> Response | None:
        for fault in self._faults:
            if fault.path not in ("*", path) or not fault.times:
                continue
            if fault.after:
                fault.after -= 1
                continue
            fault.times -= 1
            return fault.response
        return None

    def _allowed(self, seen: Seen) -> bool:
        descriptor = self._descriptor
        if descriptor is None or not descriptor.needs_credentials:
            return True
        keys = [seen.headers.get(name.lower()) for name in descriptor.key_headers]
        if keys and all(key in self.tokens for key in keys):
            return True
        name = descriptor.oauth_params.token_param if descriptor.oauth_params else ""
        bearer = seen.headers.get("authorization", "").removeprefix("Bearer ")
        return (seen.params.get(name) if name else bearer) in self.tokens

    def _usual(self, seen: Seen) -> Response:
        file = self._file(seen.path)
        if file is None:
            return _refusal(404, "Record Not Found", "id", "not found")
        content = file.read_bytes()
        listed = next((known for known in self._lists if _matches(known[0], seen.path)), None)
        if listed is None or file.suffix != ".json" or not content:
            return Response(200 if content else 204, body=content)
        (_, paging, records), body = listed, json.loads(content)
        at = rows_at(body, records)
        if at is None:
            return Response(200, body=content)
        rows = get_path(body, at)
        paging = paging.inner if isinstance(paging, DateWindows) else paging
        if self._select is not None:
            rows = list(self._select(seen.path, seen.params, rows))
        try:
            rows, cursor = page_of(paging, rows, seen.path, seen.params, cap=self.page_size, url=self.url)
        except ValueError:
            return _refusal(400, "Bad Request", "page", "invalid")
        body = replaced(body, at, rows)
        if paging.cursor:
            body = replaced(body, paging.cursor, cursor)
        header = paging.header if isinstance(paging, Token | NextLink) and cursor is not None else ""
        value = f'<{cursor}>; rel="next"' if isinstance(paging, NextLink) else str(cursor)
        return Response(200, {header: value} if header else {}, json.dumps(body).encode())

    def _file(self, path: str) -> Path | None:
        # Some vendors name what is done to a thing behind a colon, which no file of Windows may hold.
        steps = [unquote(step) for step in path.replace(":", "/").split("/") if step]
        if any(step in (".", "..") or set(step) & set("/\\\0") for step in steps):
            return None
        place = self._folder.joinpath(*steps)
        for file in (place.with_name(f"{place.name}.json"), place):
            if file.is_file() and file.resolve().is_relative_to(self._folder):
                return file
        return None


def _matches(declared: str, path: str) -> bool:
    return re.fullmatch("[^/]+".join(map(re.escape, declared.split("{id}"))), path) is not None


def _params(body: bytes, kind: str) -> dict[str, str]:
    """Return the parameters in the body of a POST."""
    if not body:
        return {}
    if "json" not in kind:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    content = json.loads(body)
    return {key: str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def _refusal(status: int, message: str, where: str, code: str) -> Response:
    """Return an answer with the error body most vendors send in some form."""
    body = {"message": message, "errors": [{"resource": "Replay", "field": where, "code": code}]}
    return Response(status, body=json.dumps(body).encode())


def _handler(answer: Callable[[str, str, Mapping[str, str], bytes], Response]) -> type[BaseHTTPRequestHandler]:
    """Return a request handler that sends what a function answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            response = answer(self.command, self.path, dict(self.headers.items()), body)
            try:
                self.send_response(response.status)
                for name, value in {"content-type": "application/json", **response.headers}.items():
                    self.send_header(name, value)
                if response.status != 204:  # it has no body, so no length either (RFC 9110, 8.6)
                    self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)
            except OSError:  # the client has gone: nobody is left to answer
                self.close_connection = True

        do_POST = do_GET  # noqa: N815  the names are those of http.server

    return Handler
