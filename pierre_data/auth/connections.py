"""Many browsers and other visitors at once, in one thread, none of them able to delay another."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable

from pierre_data.auth.page import MOST
from pierre_data.secret import Secret

#: One connection may take so long in all, and so many may be open: slow ones never delay a good one.
_CONNECTION_S, CONNECTIONS = 5.0, 100


class Room:
    """The open connections of a receiver, in one thread, each with its own deadline."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        listeners: list[socket.socket],
        answer: Callable[[bytes], tuple[bytes, Secret | None] | None],
    ) -> None:
        self._selector, self._answer = selector, answer
        self._open: dict[socket.socket, tuple[float, bytes]] = {}
        for listener in listeners:
            selector.register(listener, selectors.EVENT_READ, ("listener", listener))

    def turn(self, timeout_s: float) -> Secret | None:
        """Serve what is ready; the right redirect's target, if it came."""
        now = time.monotonic()
        for connection, (end, _) in list(self._open.items()):
            if now > end:
                self._drop(connection)
        for key, _ in self._selector.select(timeout_s):
            kind, ready = key.data
            if kind == "listener":
                self._accept(ready)
            elif ready in self._open and (target := self._read(ready)) is not None:
                return target
        return None

    def close(self) -> None:
        """Hang up on everybody."""
        for connection in list(self._open):
            self._drop(connection)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            if len(self._open) >= CONNECTIONS:
                self._drop(next(iter(self._open)))
            self._open[connection] = (time.monotonic() + _CONNECTION_S, b"")
            self._selector.register(connection, selectors.EVENT_READ, ("browser", connection))

    def _read(self, connection: socket.socket) -> Secret | None:
        end, head = self._open[connection]
        try:
            more = connection.recv(4096)
        except OSError:
            more = b""
        head += more
        self._open[connection] = (end, head)
        done = self._answer(head) if more else (b"", None)
        if done is None and len(head) <= MOST:
            return None
        page, target = done or (b"", None)
        with contextlib.suppress(OSError):
            connection.settimeout(1.0)
            connection.sendall(page)
            connection.shutdown(socket.SHUT_WR)
        self._drop(connection)
        return target

    def _drop(self, connection: socket.socket) -> None:
        self._open.pop(connection, None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)
        connection.close()
