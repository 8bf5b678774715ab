"""A vendor on loopback: a real HTTP server that pages, guards and fails as the vendor does, from payload files."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pierre_data.spi import Paging, ProviderDescriptor, get_path
from pierre_data.testing.answers import Answer, Fault, Seen, error, handler
from pierre_data.testing.pages import page_of, replaced, rows_at

#: Applies the vendor's own parameters (its window, say): path, parameters, all rows -> the rows they mean.
Select = Callable[[str, Mapping[str, str], Sequence[Any]], Sequence[Any]]
#: Token a `ReplayServer` accepts unless told otherwise.
TOKEN = "test-token"


@dataclass(frozen=True, slots=True)
class _List:
    """Where a list is, and how it is paged."""

    path: re.Pattern[str]
    records: object
    paging: Paging


class ReplayServer:
    """Serves a folder of payload files over HTTP on 127.0.0.1, as a context manager.

    The tree mirrors the URL paths: ``GET /activities/123/streams`` is answered with
    ``folder/activities/123/streams.json``, and with 404 when there is no such file.  A colon in a path counts as a
    slash: ``GET /points:reconcile`` is answered with ``folder/points/reconcile.json``.

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
    >>> with ReplayServer(folder) as server, urllib.request.urlopen(f"{server.url}/athlete") as answer:
    ...     print(answer.read(), server.count("/athlete"))
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
        self._lists = [_List(_pattern(path), records, paging) for path, (paging, records) in (lists or {}).items()]
        for endpoint in descriptor.endpoints.values() if descriptor else ():
            if endpoint.path and endpoint.plan_with is None:
                self._lists.append(_List(_pattern(endpoint.path), endpoint.records, endpoint.paging))
        self._faults: list[Fault] = []
        self._pause = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self.answer))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
            self._faults.append(Fault(path, status, headers or {}, body, times, after))

    def recover(self) -> None:
        """Forget all scripted answers."""
        with self._lock:
            self._faults.clear()

    def delay(self, seconds: float) -> None:
        """Wait this long before every answer from now on."""
        self._pause = seconds

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer to a request; the handler sends it."""
        parts = urlsplit(target)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        seen = Seen(method, parts.path, params, {k.lower(): v for k, v in headers.items()})
        with self._lock:
            self.requests.append(seen)
            scripted = self._scripted(seen.path)
        self._stop.wait(self._pause)
        if scripted is not None:
            return scripted
        if not self._allowed(seen):
            return error(401, "Authorization Error", "access_token", "invalid")
        return self._usual(seen)

    def _scripted(self, path: str) -> Answer | None:
        for fault in self._faults:
            if fault.path not in ("*", path) or not fault.times:
                continue
            if fault.after:
                fault.after -= 1
                continue
            fault.times -= 1
            return Answer(fault.status, fault.body, fault.headers)
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

    def _usual(self, seen: Seen) -> Answer:
        file = self._file(seen.path)
        if file is None:
            return error(404, "Record Not Found", "id", "not found")
        content = file.read_bytes()
        found = next((known for known in self._lists if known.path.fullmatch(seen.path)), None)
        if found is None or file.suffix != ".json":
            return Answer(200, content)
        body = json.loads(content)
        at = rows_at(body, found.records)
        if at is None:
            return Answer(200, content)
        rows = get_path(body, at)
        if self._select is not None:
            rows = list(self._select(seen.path, seen.params, rows))
        try:
            rows, cursor = page_of(found.paging, rows, seen.path, seen.params, cap=self.page_size, url=self.url)
        except ValueError:
            return error(400, "Bad Request", "page", "invalid")
        body = replaced(body, at, rows)
        if found.paging.cursor:
            body = replaced(body, found.paging.cursor, cursor)
        return Answer(200, json.dumps(body).encode())

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


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, path.split("{id}"))))
