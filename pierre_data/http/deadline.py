"""One deadline over everything a request does on the network, and a cancel that works at once.

httpx's timeouts are per read: a body that drips one byte per 0.25 s outlives them (7.3 s measured for a timeout
of 1 s).  Here every connect, read and write is cut to what is left of the deadline that is current in the
calling thread, and where a cancel event exists it is looked at every 0.1 s.
"""

import contextlib
import functools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx

from pierre_data.errors import Cancelled

_SLICE_S = 0.1
_PIECE_BYTES = 16_384

#: The TLS context of this process: loading the certificates costs about 30 ms, so it happens once.
shared_tls = functools.cache(httpx.create_ssl_context)


@dataclass(frozen=True)
class _Patience:
    until: float  # on time.monotonic()
    cancel: threading.Event | None


_CURRENT: ContextVar[_Patience | None] = ContextVar("pierre_data_http_patience", default=None)


@contextlib.contextmanager
def within(seconds: float, cancel: threading.Event | None = None) -> Iterator[None]:
    """Bound the network work of the calling thread; nested bounds only tighten, and inherit the enclosing cancel."""
    outer = _CURRENT.get()
    until = time.monotonic() + seconds
    if outer is not None:
        until, cancel = min(until, outer.until), cancel or outer.cancel
    token = _CURRENT.set(_Patience(until, cancel))
    try:
        yield
    finally:
        _CURRENT.reset(token)


def in_flight() -> bool:
    """Whether the calling thread is inside `within`."""
    return _CURRENT.get() is not None


def _left(kind: type[httpx.TimeoutException], *, whole: bool = True) -> float:
    """Seconds the next system call may block, above 0, which would mean non-blocking.

    One that can go on afterwards (not `whole`) gets a slice of them, so that a cancel is seen.  Raises when there is
    no time left or the user cancelled.
    """
    patience = _CURRENT.get()
    if patience is None:
        raise RuntimeError("network work outside of within()")
    if patience.cancel is not None and patience.cancel.is_set():
        raise Cancelled("The request was cancelled.", "Run it again; whole periods that had arrived are kept.")
    left = patience.until - time.monotonic()
    if left <= 0:
        raise kind("the deadline has passed")
    return left if whole or patience.cancel is None else min(left, _SLICE_S)


@dataclass(frozen=True, slots=True)
class Wire:
    """httpcore's way to the network and a connection of it, with `within` over both.

    httpx's own errors pass through httpcore as they are.
    """

    inner: Any

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *options: Any, **named: Any) -> "Wire":
        """Connect, name resolution included."""
        # In a thread, because getaddrinfo takes no timeout and create_connection starts anew per address.
        left = _left(httpx.ConnectTimeout)
        return _abandonable(lambda: self.inner.connect_tcp(host, port, left, *options, **named))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Wire":
        """Shake hands within the deadline."""
        try:
            left = _left(httpx.ConnectTimeout)
        except BaseException:
            self.close()  # httpcore leaves this to the handshake
            raise
        # The handshake takes over the descriptor, so a twin of it is what can hang up on an abandoned one.
        with contextlib.closing(self.get_extra_info("socket").dup()) as twin:
            try:
                return _abandonable(lambda: self.inner.start_tls(ssl_context, server_hostname, left))
            except BaseException:
                with contextlib.suppress(OSError):
                    twin.shutdown(socket.SHUT_RDWR)
                raise

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what comes next."""
        while True:
            left = _left(httpx.ReadTimeout, whole=False)
            try:
                return bytes(self.inner.read(max_bytes, left))
            except Exception as error:
                if not isinstance(error.__cause__, TimeoutError):  # a slice has passed: look at clock and cancel
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        # A write that timed out does not say how much it sent, so it cannot go on in slices as a read can:
        # small pieces, each with all the time that is left.
        for start in range(0, len(buffer), _PIECE_BYTES):
            self.inner.write(buffer[start : start + _PIECE_BYTES], _left(httpx.WriteTimeout))

    def close(self) -> None:
        """Hang up."""
        self.inner.close()

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks of the socket."""
        return self.inner.get_extra_info(info)


def _abandonable(connect: Callable[[], Any]) -> Wire:
    """Connect in a thread of its own; stop waiting at the deadline or on cancel, and close what comes after."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(connect())
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, whatever it is
            future.set_exception(error)

    threading.Thread(target=run, name="pierre-connect", daemon=True).start()
    try:
        while not future.done():
            wait([future], _left(httpx.ConnectTimeout, whole=False))
    except BaseException:
        future.add_done_callback(lambda done: None if done.exception() else done.result().close())
        raise
    return Wire(future.result())
