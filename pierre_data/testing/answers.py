"""What a loopback server is asked, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came; header names in lower case.

    Headers and parameters are not shown: they may hold a token.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(slots=True)
class Fault:
    """A scripted answer."""

    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    times: int
    after: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


#: Method, target, headers -> what is answered.
Answering = Callable[[str, str, Mapping[str, str]], Answer]


def error(status: int, message: str, where: str, code: str) -> Answer:
    """Return an answer with the error body most vendors send in some form."""
    body = {"message": message, "errors": [{"resource": "Replay", "field": where, "code": code}]}
    return Answer(status, json.dumps(body).encode())


def handler(answer: Answering) -> type[BaseHTTPRequestHandler]:
    """Return a request handler that sends what a function answers to a GET."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            found = answer("GET", self.path, dict(self.headers.items()))
            try:
                self.send_response(found.status)
                for name, value in {"Content-Type": "application/json", **found.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)
            except OSError:  # the client has gone: nobody is left to answer
                self.close_connection = True

    return Handler
