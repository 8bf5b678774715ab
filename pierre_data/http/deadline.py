"""One deadline over everything a request does on the network, and a cancel that works at once.

httpx's timeouts are per read: a body that drips one byte per 0.25 s outlives them (7.3 s measured for a timeout
of 1 s).  Here every connect, read and write is cut to what is left of the deadline that is current in the
calling thread, and where a cancel event exists it is looked at every 0.1 s.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from pierre_data.errors import Cancelled

_SLICE_S = 0.1
_PIECE_BYTES = 16_384
_Result = TypeVar("_Result")


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


def _turn(kind: type[httpx.TimeoutException]) -> float:
    """Seconds the next system call may block; raises when there is no time left or the user cancelled."""
    patience = _CURRENT.get()
    if patience is None:
        raise RuntimeError("network work outside of within()")
    if patience.cancel is not None and patience.cancel.is_set():
        raise Cancelled("The request was cancelled.", "Run it again; whole periods that had arrived are kept.")
    left = patience.until - time.monotonic()
    if left <= 0:
        raise kind("the deadline has passed")
    return left if patience.cancel is None else min(left, _SLICE_S)


class DeadlineTransport(httpx.HTTPTransport):
    """HTTP/1.1 with keep-alive whose sockets obey `within`; `proxy` is the URL of an HTTP proxy."""

    def __init__(self, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        super().__init__(verify=tls, proxy=proxy, limits=httpx.Limits(max_connections=64, max_keepalive_connections=16))
        # 2026-11, httpx 0.28: no public way to pass a backend to the pool; a test pins both attributes down.
        self._pool._network_backend = _Backend(self._pool._network_backend)  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class _Backend:
    """httpcore's way to the network, with `within` over it; httpx's own errors pass through httpcore as they are."""

    inner: Any

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "_Stream":
        # In a thread, because getaddrinfo takes no timeout and create_connection starts anew per address.
        left = _left()
        stream = _abandonable(
            lambda: self.inner.connect_tcp(host, port, left, local_address, socket_options),
            late=lambda stream: stream.close(),
        )
        return _Stream(stream)


@dataclass(frozen=True, slots=True)
class _Stream:
    inner: Any

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            turn = _turn(httpx.ReadTimeout)
            try:
                return bytes(self.inner.read(max_bytes, turn))
            except Exception as error:
                if not isinstance(error.__cause__, TimeoutError):  # a slice has passed: look at clock and cancel
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # A write that timed out does not say how much it sent, so it cannot go on in slices as a read can:
        # small pieces, each with all the time that is left.
        for start in range(0, len(buffer), _PIECE_BYTES):
            _turn(httpx.WriteTimeout)
            self.inner.write(buffer[start : start + _PIECE_BYTES], _left())

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "_Stream":
        try:
            left = _left()
        except BaseException:
            self.close()  # httpcore leaves this to the handshake
            raise
        # The handshake takes over the descriptor, so a twin of it is what can hang up on an abandoned one.
        with contextlib.closing(self.inner.get_extra_info("socket").dup()) as twin:
            try:
                stream = _abandonable(
                    lambda: self.inner.start_tls(ssl_context, server_hostname, left),
                    late=lambda stream: stream.close(),
                )
            except BaseException:
                with contextlib.suppress(OSError):
                    twin.shutdown(socket.SHUT_RDWR)
                raise
        return _Stream(stream)

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)


def _left() -> float:
    """Seconds until the current deadline, at least a millisecond (0 would mean non-blocking)."""
    _turn(httpx.ConnectTimeout)
    patience = _CURRENT.get()
    return max(patience.until - time.monotonic(), 0.001) if patience is not None else 0.001


def _abandonable(work: Callable[[], _Result], late: Callable[[_Result], object]) -> _Result:
    """Run `work` in a thread of its own and stop waiting at the deadline or on cancel; `late` gets what came after."""
    future: Future[_Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, whatever it is
            future.set_exception(error)

    threading.Thread(target=run, name="pierre-connect", daemon=True).start()
    try:
        while not future.done():
            wait([future], _turn(httpx.ConnectTimeout))
    except BaseException:
        future.add_done_callback(lambda done: None if done.exception() else late(done.result()))
        raise
    return future.result()
