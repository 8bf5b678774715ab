"""A real server on 127.0.0.1 whose bytes lie: cut bodies, dripping headers, resets, bombs, hangs.

A script is a list of answers, one per request, the last one repeated.  An answer is a function of the connected
socket; it writes what it likes and returns whether the connection may be used again.
"""

import json as jsonlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

Answer = Callable[["Line"], bool]


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Line:
    """What an answer may use: the socket, the request, and the end of the server."""

    sock: socket.socket
    request: Seen
    stopping: threading.Event
    hung_up: threading.Event

    def send(self, data: bytes) -> bool:
        """Write; False, and noted, when the client is gone."""
        try:
            self.sock.sendall(data)
        except OSError:
            self.hung_up.set()
            return False
        return True

    def client_left(self, seconds: float) -> bool:
        """Wait up to `seconds` for the client to hang up; True, and noted, when it did."""
        self.sock.settimeout(seconds)
        try:
            left = self.sock.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            left = True
        if left:
            self.hung_up.set()
        return left


class FaultServer:
    """Answers each request by its script; knows what it saw and whether a client hung up on it.

    Attributes
    ----------
    seen : list of Seen
        Requests in the order they arrived.
    connections : int
        Connections accepted.
    hung_up : threading.Event
        Set once a client closed a connection in the middle of an answer.
    """

    def __init__(self, *script: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.hung_up = threading.Event()
        self._script, self._tls = script, tls
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        """Base URL, without a slash at the end."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in list(self._threads):
            thread.join(60)
        self._socket.close()

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.connections += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.settimeout(60)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            while (request := self._read(sock)) is not None:
                with self._lock:
                    answer = self._script[min(len(self.seen), len(self._script) - 1)]
                    self.seen.append(request)
                if not answer(Line(sock, request, self._stopping, self.hung_up)):
                    break
        except OSError:
            self.hung_up.set()
        finally:
            sock.close()

    def _read(self, sock: socket.socket) -> Seen | None:
        data = b""
        sock.settimeout(0.05)
        while b"\r\n\r\n" not in data:
            try:
                chunk = sock.recv(65_536)
            except TimeoutError:
                if self._stopping.is_set():
                    return None
                continue
            if not chunk:
                return None
            data += chunk
        sock.settimeout(60)
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += sock.recv(65_536)
        method, target, _ = first.split(" ")
        return Seen(method, target, headers, body)


def reply(
    status: int = 200, body: bytes = b"[]", *, headers: Mapping[str, str] | None = None, length: int | None = None
) -> Answer:
    """An honest answer with Content-Length; `length` makes it a dishonest one."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body) if length is None else length)}
    fields |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    def answer(line: Line) -> bool:
        return line.send(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body) and length is None

    return answer


def json(value: object, status: int = 200, **headers: str) -> Answer:
    """An honest JSON answer; underscores in header names become hyphens."""
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return reply(status, jsonlib.dumps(value).encode(), headers=names)


def raw(data: bytes) -> Answer:
    """Exactly these bytes, then the end of the connection."""

    def answer(line: Line) -> bool:
        line.send(data)
        return False

    return answer


def reset(line: Line) -> bool:
    """No answer: the connection is reset."""
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang(line: Line) -> bool:
    """No answer and no end, until the client or the server gives up."""
    while not line.stopping.is_set() and not line.client_left(0.05):
        pass
    return False


def drip(head: bytes, byte: bytes = b" ", every_s: float = 0.05, most: int = 1000) -> Answer:
    """`head` at once, then one byte per `every_s` seconds, `most` times, until the client hangs up."""

    def answer(line: Line) -> bool:
        if line.send(head):
            for _ in range(most):
                if line.stopping.is_set() or line.client_left(every_s) or not line.send(byte):
                    break
        return False

    return answer
