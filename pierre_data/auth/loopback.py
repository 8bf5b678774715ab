"""The receiver of a redirect on this computer: one path, one answer, then gone."""

from __future__ import annotations

import contextlib
import errno
import io
import queue
import socket
import socketserver
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from pierre_data.auth.consent import Pasted, redirect_params, same_state
from pierre_data.errors import Cancelled, ConfigurationError, Timeout
from pierre_data.secret import Secret
from pierre_data.settings import variable

_POLL_S = 0.1
#: One connection may take so long in all, and so many may be open: slow ones never delay a good one.
_CONNECTION_S, _CONNECTIONS = 5.0, 100
_LARGEST_HEAD = 16_384  # bytes

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Connection": "close",
}
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>pierre_data</title><h1>{title}</h1><p>{text}</p></html>"
)
_THANKS = _PAGE.format(title="Thank you", text="You can close this page and go back to where you started.")
_DENIED = _PAGE.format(title="Not connected", text="The consent was declined. You can close this page.")
_OTHER = _PAGE.format(title="Not this one", text="This is not the answer pierre_data is waiting for.")


def is_local(redirect_uri: str) -> bool:
    """Whether a redirect ends on this computer and can be received here."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")


class Receiver:
    """Listens on loopback for one redirect.

    Only this computer can reach it; a name that a web page makes resolve to it is refused (DNS rebinding); a wrong
    path, method, state or a repeated parameter is answered and does not end the wait.  ``localhost`` listens on
    127.0.0.1 and, where there is one, on ::1.  A port that is busy or not allowed is a ConfigurationError: another
    one is never tried.  Port 0 takes any free port; `redirect_uri` then names it.
    """

    def __init__(self, redirect_uri: str, *, provider: str) -> None:
        parts, self._provider = urlsplit(redirect_uri), provider
        self._host, self._path = parts.hostname or "", parts.path or "/"
        self._fix = f"Or register another address with the provider and set {variable(provider, 'REDIRECT_URI')}."
        try:
            port = 80 if parts.port is None else parts.port
        except ValueError:
            raise ConfigurationError("The redirect address has no valid port.", self._fix, provider=provider) from None
        self._servers = self._listen(port)
        port = int(self._servers[0].server_address[1])
        name = f"[{self._host}]" if ":" in self._host else self._host
        netloc = name if parts.port is None else f"{name}:{port}"
        self._hosts = {netloc, name} if port == 80 else {netloc}
        #: Where the vendor must send the browser, the port filled in.
        self.redirect_uri = urlunsplit(("http", netloc, parts.path, parts.query, ""))

    def wait(
        self,
        state: Secret,
        *,
        timeout_s: float = 300.0,
        cancel: threading.Event | None = None,
        pasted: Pasted | None = None,
    ) -> Secret:
        """Wait for the redirect that carries this state, return its whole address, and close.

        `pasted` is asked ten times a second for an address that people pasted instead.  Nobody came: Timeout.
        `cancel` was set: Cancelled, within a tenth of a second; Ctrl-C ends the wait too.
        """
        targets: queue.SimpleQueue[Secret] = queue.SimpleQueue()
        end, address = time.monotonic() + timeout_s, None
        for server in self._servers:
            server.serve(self._hosts, self._path, state, targets)
        try:
            while address is None and time.monotonic() < end and not (cancel and cancel.is_set()):
                try:
                    address = Secret(f"http://{self._host}{targets.get(timeout=_POLL_S).reveal()}")
                except queue.Empty:
                    address = pasted() if pasted else None
        finally:
            self.close()
        if address is not None:
            return address
        if cancel is not None and cancel.is_set():
            raise Cancelled("Connecting was cancelled.", "Connect again when you like.", provider=self._provider)
        raise Timeout(
            f"Nobody consented within {timeout_s:g} s.",
            "Connect again; if the browser ended at a page that cannot be reached, paste its address.",
            provider=self._provider,
        )

    def close(self) -> None:
        """Stop listening and hang up on everybody; may be called twice."""
        for server in self._servers:
            server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, port: int) -> list[_Server]:
        if self._host == "::1":
            return [self._bound("::1", port)]
        first = self._bound("127.0.0.1", port)
        if self._host != "localhost":
            return [first]
        try:  # browsers try ::1 first: whoever listened there would get the code
            return [first, self._bound("::1", int(first.server_address[1]))]
        except OSError:  # this computer has no ::1
            return [first]
        except ConfigurationError:
            first.stop()
            raise

    def _bound(self, address: str, port: int) -> _Server:
        try:
            return _Server(address, port)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                raise
            why = "is in use" if error.errno == errno.EADDRINUSE else "is not yours to use"
            raise ConfigurationError(
                f"Port {port} of this computer {why}, and the consent ends there.",
                f"End the program that uses it. {self._fix}",
                provider=self._provider,
            ) from None


class _Server(ThreadingHTTPServer):
    """One loopback address: a thread per visitor, so many at most and each for so long at most."""

    request_queue_size = _CONNECTIONS
    # A port in TIME_WAIT may be taken again, one that somebody listens on may not; on Windows this would allow both.
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, address: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._visitors: dict[socket.socket, float] = {}
        self._serving: threading.Thread | None = None
        super().__init__((address, port), _Visit)

    def server_bind(self) -> None:
        """Bind without asking DNS for the name of the host, which the stock class does."""
        if sys.platform == "win32":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        socketserver.TCPServer.server_bind(self)

    def serve(self, hosts: set[str], path: str, state: Secret, targets: queue.SimpleQueue[Secret]) -> None:
        self.hosts, self.path, self.state, self.targets = hosts, path, state, targets
        self._serving = threading.Thread(target=self.serve_forever, args=(_POLL_S,), daemon=True, name="pierre-consent")
        self._serving.start()

    def stop(self) -> None:
        if self._serving is not None:
            self.shutdown()
            self._serving = None
        self.server_close()
        for visitor in list(self._visitors):
            self._hang_up(visitor)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._visitors[request] = time.monotonic() + _CONNECTION_S
        if len(self._visitors) > _CONNECTIONS:
            self._hang_up(next(iter(self._visitors)))
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called ten times a second: whoever took too long is sent away."""
        now = time.monotonic()
        for visitor, end in list(self._visitors.items()):
            if now > end:
                self._hang_up(visitor)

    def shutdown_request(self, request: Any) -> None:
        self._visitors.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a visitor who hung up is no error, and a traceback might quote a code."""

    def _hang_up(self, visitor: socket.socket) -> None:
        self._visitors.pop(visitor, None)
        with contextlib.suppress(OSError):
            visitor.shutdown(socket.SHUT_RDWR)


class _Visit(BaseHTTPRequestHandler):
    """One request and one answer, within limits that are tighter than those of the stock class."""

    server: _Server
    # Whatever was sent, the answer has a status line.
    protocol_version = default_request_version = request_version = "HTTP/1.1"
    timeout = _CONNECTION_S

    def handle_one_request(self) -> None:
        self.close_connection = True
        try:
            head = self._read_head()
            if head is not None:
                self.raw_requestline, _, rest = head.partition(b"\n")
                self.rfile.close()
                self.rfile = io.BufferedReader(io.BytesIO(rest))
                if self.parse_request():
                    self._answer(*self._judge())
                elif not self.requestline:
                    self.send_error(HTTPStatus.BAD_REQUEST)
        except OSError:  # he hung up, or was too slow
            pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with our own page; called by `parse_request` too."""
        self._answer(code, _OTHER, None)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing to standard error: the address holds the code."""

    def _read_head(self) -> bytes | None:
        head = b""
        while not head.endswith(b"\n\r\n") and head != b"\r\n":
            line = self.rfile.readline(_LARGEST_HEAD + 1 - len(head))
            head += line
            if not line:
                return None
            if len(head) > _LARGEST_HEAD:
                self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return None
        return head

    def _judge(self) -> tuple[int, str, Secret | None]:
        """Status, page, and the target (path and query) if it is the redirect that is waited for."""
        words = self.requestline.split(" ")
        hosts = self.headers.get_all("Host", [])
        if len(words) != 3:
            return HTTPStatus.BAD_REQUEST, _OTHER, None
        if len(hosts) != 1 or hosts[0].strip().lower() not in self.server.hosts:
            return HTTPStatus.MISDIRECTED_REQUEST, _OTHER, None
        if self.command != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, _OTHER, None
        target = words[1]  # not `self.path`, in which the stock class joins leading slashes
        if target.partition("?")[0] != self.server.path:
            return HTTPStatus.NOT_FOUND, _OTHER, None
        params = redirect_params(target) or {}
        if same_state(self.server.state, params.get("state", "")):
            if params.get("error"):
                return HTTPStatus.OK, _DENIED, Secret(target)
            if params.get("code"):
                return HTTPStatus.OK, _THANKS, Secret(target)
        return HTTPStatus.BAD_REQUEST, _OTHER, None

    def _answer(self, status: int, page: str, target: Secret | None) -> None:
        self.send_response_only(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        try:
            self.end_headers()
            self.wfile.write(page.encode())
            self.connection.shutdown(socket.SHUT_WR)
        finally:  # a browser that does not wait for the page has still brought the answer
            if target is not None:
                self.server.targets.put(target)
        self.connection.settimeout(1.0)
        for _ in range(16):  # what is left unread would make the kernel take the answer back
            if not self.connection.recv(4096):
                break
