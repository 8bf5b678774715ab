"""A clean room for every test: no real home, no PIERRE_* of the developer, no network but loopback."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing about whether it is right.
settings.register_profile("pierre", deadline=None)
settings.load_profile("pierre")

#: A distribution of its own, one half of it broken on purpose; a script that runs with the code of an earlier version.
collect_ignore = ["acme", "earlier"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_connect = socket.socket.connect


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a new folder each time; pytest's own numbering reads thousands of names for every one."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def clean_room(monkeypatch: pytest.MonkeyPatch, homes: Iterator[Path]) -> None:
    """Give each test its own home and an environment without our variables."""
    for name in list(os.environ):
        if name.startswith(("PIERRE_", "STRAVA_", "REDIS_URL")):
            monkeypatch.delenv(name)
    home = next(homes)
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"PIERRE_{name}_DIR", str(home / name.lower()))


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> None:
    """Refuse every connection that leaves this machine, with the address in the message."""

    def connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in _LOOPBACK:  # type: ignore[index]
            raise AssertionError(f"a test tried to reach {address}")
        return _connect(self, address)  # type: ignore[arg-type]

    socket.socket.connect = connect  # type: ignore[method-assign,assignment]
