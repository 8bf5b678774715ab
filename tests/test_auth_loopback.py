"""The receiver under attack: only the one answer ends the wait."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import pytest

from pierre_data.auth.loopback import Receiver, is_local
from pierre_data.errors import Cancelled, ConfigurationError, PierreError, Timeout
from pierre_data.secret import Secret

STATE = Secret("state-canary")
GOOD = "/callback?code=code-1&state=state-canary&scope=read,write&iss=https%3A%2F%2Facme.example"


class Waiting:
    """A receiver that waits in a thread."""

    def __init__(self, uri: str = "http://127.0.0.1:0/callback", timeout_s: float = 30.0) -> None:
        self.receiver = Receiver(uri, provider="acme")
        self.port = int(re.search(r":(\d+)/", self.receiver.redirect_uri)[1])  # type: ignore[index]
        self.cancel = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self.answer: Future[Secret] = self._pool.submit(
            self.receiver.wait, STATE, timeout_s=timeout_s, cancel=self.cancel
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel.set()
        self._pool.shutdown()

    def ask(self, text: str, address: str = "127.0.0.1") -> str:
        with socket.create_connection((address, self.port), timeout=60) as line:
            line.sendall(text.encode("latin-1"))
            return b"".join(iter(lambda: line.recv(4096), b"")).decode()

    def get(self, target: str, host: str = "", method: str = "GET", address: str = "127.0.0.1") -> str:
        return self.ask(f"{method} {target} HTTP/1.1\r\nHost: {host or f'127.0.0.1:{self.port}'}\r\n\r\n", address)


def test_the_right_answer_ends_it_and_the_port_is_closed_at_once() -> None:
    with Waiting() as waiting:
        page = waiting.get(GOOD)
        assert waiting.answer.result(60).reveal() == f"http://127.0.0.1{GOOD}"
        assert page.startswith("HTTP/1.1 200 OK")
        with pytest.raises(ConnectionRefusedError):
            waiting.get(GOOD)


def test_the_page_keeps_nothing_and_runs_nothing() -> None:
    with Waiting() as waiting:
        head, _, body = waiting.get(GOOD).partition("\r\n\r\n")
    for header in (
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "Content-Security-Policy: default-src 'none'",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ):
        assert header in head
    assert f"Content-Length: {len(body)}" in head
    assert "code-1" not in body
    assert "<script" not in body


@pytest.mark.parametrize(
    ("attack", "status"),
    [
        (lambda w: w.get("/favicon.ico"), 404),
        (lambda w: w.get("/"), 404),
        (lambda w: w.get("/callback/../callback?code=a&state=state-canary"), 404),
        (lambda w: w.get("//callback?code=a&state=state-canary"), 404),
        (lambda w: w.get(f"http://127.0.0.1{GOOD}"), 404),
        (lambda w: w.get("/callback?code=evil&state=wrong"), 400),
        (lambda w: w.get("/callback?code=evil"), 400),
        (lambda w: w.get("/callback?state=state-canary"), 400),
        (lambda w: w.get("/callback"), 400),
        (lambda w: w.get("/callback?error=access_denied&state=wrong"), 400),
        (lambda w: w.get("/callback?code=a&code=b&state=state-canary"), 400),
        (lambda w: w.get("/callback?code=a&state=state-canary&state=wrong"), 400),
        (lambda w: w.get("/callback?" + "&".join(f"p{i}=1" for i in range(200)) + "&code=a&state=state-canary"), 400),
        (lambda w: w.get("/callback#code=a&state=state-canary"), 404),
        (lambda w: w.get(GOOD, host="evil.example"), 421),
        (lambda w: w.get(GOOD, host=f"evil.example:{w.port}"), 421),
        (lambda w: w.get(GOOD, host=f"localhost:{w.port}"), 421),
        (lambda w: w.get(GOOD, host="127.0.0.1"), 421),
        (lambda w: w.ask(f"GET {GOOD} HTTP/1.1\r\n\r\n"), 421),
        (lambda w: w.ask(f"GET {GOOD} HTTP/1.1\r\nHost: 127.0.0.1:{w.port}\r\nHost: evil\r\n\r\n"), 421),
        (lambda w: w.get(GOOD, method="POST"), 405),
        (lambda w: w.get(GOOD, method="HEAD"), 405),
        (lambda w: w.get(GOOD, method="get"), 405),
        (lambda w: w.ask(f"GET {GOOD} HTTP/2\r\n\r\n"), 400),
        (lambda w: w.ask(f"GET {GOOD}\r\n\r\n"), 400),
        (lambda w: w.ask("\r\n\r\n"), 400),
        (lambda w: w.ask("\x16\x03\x01\x02\x00 TLS hello\r\n\r\n"), 400),
        (lambda w: w.ask("GET /callback?" + "a" * 20_000), 431),
    ],
)
def test_attacks_are_answered_and_do_not_end_the_wait(attack: Callable[[Waiting], str], status: int) -> None:
    with Waiting() as waiting:
        assert attack(waiting).startswith(f"HTTP/1.1 {status} ")
        assert not waiting.answer.done()
        assert waiting.get(GOOD).startswith("HTTP/1.1 200 ")
        assert waiting.answer.result(60).reveal().endswith(GOOD)


def test_a_denial_ends_it() -> None:
    with Waiting() as waiting:
        page = waiting.get("/callback?error=access_denied&state=state-canary")
        assert "declined" in page
        assert "access_denied" in waiting.answer.result(60).reveal()


def test_slow_visitors_do_not_delay_the_good_one() -> None:
    with Waiting() as waiting:
        slow = [socket.create_connection(("127.0.0.1", waiting.port)) for _ in range(120)]
        for line in slow[60:]:
            line.sendall(b"GET /call")
        assert waiting.get(GOOD).startswith("HTTP/1.1 200 ")
        assert waiting.answer.result(60).reveal().endswith(GOOD)
        for line in slow:
            line.close()


def test_a_head_in_pieces_and_a_visitor_who_hangs_up() -> None:
    with Waiting() as waiting:
        socket.create_connection(("127.0.0.1", waiting.port)).close()
        with socket.create_connection(("127.0.0.1", waiting.port)) as line:
            for byte in f"GET {GOOD} HTTP/1.1\r\nhost: 127.0.0.1:{waiting.port}\r\n\r\n".encode():
                line.sendall(bytes([byte]))
            assert line.recv(15) == b"HTTP/1.1 200 OK"
        assert waiting.answer.result(60).reveal().endswith(GOOD)


def test_a_browser_that_does_not_wait_for_the_page_has_brought_the_answer() -> None:
    for _ in range(5):
        with Waiting() as waiting:
            with socket.create_connection(("127.0.0.1", waiting.port)) as line:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
                line.sendall(f"GET {GOOD} HTTP/1.1\r\nhost: 127.0.0.1:{waiting.port}\r\n\r\n".encode())
                line.recv(1)
            assert waiting.answer.result(60).reveal().endswith(GOOD)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_localhost_listens_on_both_addresses(address: str) -> None:
    with Waiting("http://localhost:0/callback") as waiting:
        assert waiting.receiver.redirect_uri == f"http://localhost:{waiting.port}/callback"
        page = waiting.get(GOOD, host=f"localhost:{waiting.port}", address=address)
        assert page.startswith("HTTP/1.1 200 ")
        assert waiting.answer.result(60).reveal() == f"http://localhost{GOOD}"


def test_no_other_address_of_this_computer_is_listened_on() -> None:
    with Waiting() as waiting, socket.socket() as other:
        other.bind(("127.0.0.2", waiting.port))  # would be in use, had we taken all addresses
        other.listen()
        assert other.getsockname()[1] == waiting.port


def test_sixth_version_alone() -> None:
    with Waiting("http://[::1]:0/callback") as waiting:
        assert waiting.receiver.redirect_uri == f"http://[::1]:{waiting.port}/callback"
        assert "200 OK" in waiting.get(GOOD, host=f"[::1]:{waiting.port}", address="::1")


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_busy_port_is_an_error_with_its_fix_never_a_hop(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as other:
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} .*PIERRE_ACME_REDIRECT_URI"):
            Receiver(f"http://localhost:{port}/callback", provider="acme")
    with Receiver(f"http://localhost:{port}/callback", provider="acme") as receiver:
        assert f":{port}/" in receiver.redirect_uri


def test_the_same_port_again_right_after_a_login() -> None:
    with Waiting() as waiting:
        waiting.get(GOOD)
        waiting.answer.result(60)
    with Waiting(f"http://127.0.0.1:{waiting.port}/callback") as again:
        assert "200 OK" in again.get(GOOD)


def test_a_port_that_is_none() -> None:
    with pytest.raises(ConfigurationError, match="PIERRE_ACME_REDIRECT_URI"):
        Receiver("http://127.0.0.1:99999/callback", provider="acme")


@pytest.mark.parametrize(("how", "error"), [("cancel", Cancelled), ("wait", Timeout)])
def test_the_wait_ends(how: str, error: type[PierreError]) -> None:
    with Waiting(timeout_s=30.0 if how == "cancel" else 0.2) as waiting:
        if how == "cancel":
            waiting.cancel.set()
        with pytest.raises(error):
            waiting.answer.result(60)
        with pytest.raises(ConnectionRefusedError):
            waiting.get(GOOD)


def test_a_pasted_address_ends_it_too() -> None:
    receiver = Receiver("http://127.0.0.1:0/callback", provider="acme")
    assert receiver.wait(STATE, pasted=lambda: Secret("http://x/?code=1")) == Secret("http://x/?code=1")


@pytest.mark.parametrize(
    ("uri", "local"),
    [
        ("http://127.0.0.1/callback", True),
        ("http://[::1]:1/callback", True),
        ("https://localhost/callback", False),
        ("http://hub.example/callback", False),
        ("whoop://callback", False),
    ],
)
def test_which_redirects_end_here(uri: str, local: bool) -> None:
    assert is_local(uri) is local
