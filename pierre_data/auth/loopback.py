"""The receiver of a redirect on this computer: one path, one answer, then gone."""

from __future__ import annotations

import errno
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn, Self
from urllib.parse import urlsplit, urlunsplit

from pierre_data.auth.connections import CONNECTIONS, Room
from pierre_data.auth.page import answer_to
from pierre_data.errors import Cancelled, ConfigurationError, Timeout
from pierre_data.secret import Secret
from pierre_data.settings import variable

_POLL_S = 0.1

#: What people pasted in the meantime, or None.
Pasted = Callable[[], Secret | None]


def is_local(redirect_uri: str) -> bool:
    """Whether a redirect ends on this computer and can be received here.

    Examples
    --------
    >>> is_local("http://localhost:35535/callback"), is_local("https://hub.example/callback")
    (True, False)
    """
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")


class Receiver:
    """Listens on loopback for one redirect.

    Only this computer can reach it; a name that a web page makes resolve to it is refused (DNS rebinding); a wrong
    path, method, state or a repeated parameter is answered and does not end the wait.  ``localhost`` listens on
    127.0.0.1 and, where there is one, on ::1.

    Parameters
    ----------
    redirect_uri : str
        As registered.  Port 0 takes any free port; `redirect_uri` then names it.
    provider : str
        Registry name, for messages.

    Raises
    ------
    ConfigurationError
        The port is busy or not allowed; another one is never tried.

    Examples
    --------
    >>> with Receiver("http://127.0.0.1:0/callback", provider="acme") as receiver:
    ...     receiver.redirect_uri.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, redirect_uri: str, *, provider: str) -> None:
        parts, self._provider = urlsplit(redirect_uri), provider
        self._host, self._path = parts.hostname or "", parts.path or "/"
        try:
            port = 80 if parts.port is None else parts.port
        except ValueError:
            raise ConfigurationError(
                "The redirect address has no valid port.", self._fix(), provider=provider
            ) from None
        self._listeners = self._listen(port)
        self._port = int(self._listeners[0].getsockname()[1])
        name = f"[{self._host}]" if ":" in self._host else self._host
        netloc = name if parts.port is None else f"{name}:{self._port}"
        self._hosts = {netloc, name} if self._port == 80 else {netloc}
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
        """Wait for the redirect that carries this state, and close.

        Parameters
        ----------
        state : Secret
            Of the consent.
        timeout_s : float
            Longest wait, in seconds.
        cancel : threading.Event, optional
            Ends the wait within a tenth of a second; so does Ctrl-C.
        pasted : callable, optional
            Asked ten times a second for an address that people pasted instead.

        Returns
        -------
        Secret
            The whole address.

        Raises
        ------
        Timeout
            Nobody came.
        Cancelled
            `cancel` was set.
        """
        end, found = time.monotonic() + timeout_s, None
        try:
            with selectors.DefaultSelector() as selector:
                room = Room(selector, self._listeners, lambda head: answer_to(head, self._hosts, self._path, state))
                while found is None and time.monotonic() < end and not (cancel and cancel.is_set()):
                    target = room.turn(_POLL_S)
                    found = Secret(f"http://{self._host}{target.reveal()}") if target else pasted and pasted()
                room.close()
        finally:
            self.close()
        if found is not None:
            return found
        if cancel is not None and cancel.is_set():
            raise Cancelled("Connecting was cancelled.", "Connect again when you like.", provider=self._provider)
        raise Timeout(
            f"Nobody consented within {timeout_s:g} s.",
            "Connect again; if the browser ended at a page that cannot be reached, paste its address.",
            provider=self._provider,
        )

    def close(self) -> None:
        """Stop listening; may be called twice."""
        for listener in self._listeners:
            listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self, port: int) -> list[socket.socket]:
        if self._host == "::1":
            return [self._bound(socket.AF_INET6, "::1", port)]
        first = self._bound(socket.AF_INET, "127.0.0.1", port)
        if self._host != "localhost":
            return [first]
        try:  # browsers try ::1 first: whoever listened there would get the code
            second = self._bound(socket.AF_INET6, "::1", int(first.getsockname()[1]))
        except OSError:  # this computer has no ::1
            return [first]
        except ConfigurationError:
            first.close()
            raise
        return [first, second]

    def _bound(self, family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if sys.platform == "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:  # a port in TIME_WAIT may be taken again, one that somebody listens on may not
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(CONNECTIONS)
        except OSError as error:
            listener.close()
            if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                self._busy(port, error)
            raise
        listener.setblocking(False)
        return listener

    def _busy(self, port: int, error: OSError) -> NoReturn:
        why = "is in use" if error.errno == errno.EADDRINUSE else "is not yours to use"
        raise ConfigurationError(
            f"Port {port} of this computer {why}, and the consent ends there.",
            f"End the program that uses it. {self._fix()}",
            provider=self._provider,
        ) from None

    def _fix(self) -> str:
        return f"Or register another address with the provider and set {variable(self._provider, 'REDIRECT_URI')}."
