"""Which store is opened: a key from the keyring or the environment, clear text only on request, else memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import keyring.backend
import pytest

from pierre_data.auth import Account, MemoryTokens, StoredToken, new_key, open_tokens
from pierre_data.errors import ConfigurationError
from pierre_data.secret import Secret

AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ME = Account("strava", "lab", "ann")
TOKEN = StoredToken(
    Secret("access-1"), AT, AT + dt.timedelta(hours=6), Secret("refresh-1"), ("read",), "9", "a.example", "t.example"
)


class DictKeyring(keyring.backend.KeyringBackend):
    """An OS keyring in a dict."""

    priority = 5.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


class NullKeyring(DictKeyring):
    def set_password(self, service: str, username: str, password: str) -> None:
        """Keeps nothing."""


class FailingKeyring(DictKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("no D-Bus for canary-in-keyring-error")


class WeakKeyring(DictKeyring):
    priority = 0.5  # type: ignore[assignment]


@pytest.fixture
def use() -> Iterator[Callable[[DictKeyring], None]]:
    """Set the process's keyring, as its users do."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


Use = Callable[[DictKeyring], None]


def test_the_keyring_keeps_one_key(tmp_path: Path, use: Use) -> None:
    ring = DictKeyring()
    use(ring)
    store = open_tokens(tmp_path / "t", notice=[].append)
    store.save(ME, TOKEN)
    again = open_tokens(tmp_path / "t", notice=[].append)
    assert again.load(ME) == TOKEN
    assert len(ring.kept) == 1
    assert (again.describe().key, again.describe().encrypted) == ("keyring", True)


@pytest.mark.parametrize("ring", [NullKeyring(), FailingKeyring(), WeakKeyring()], ids=["null", "failing", "weak"])
def test_without_a_keyring_tokens_stay_in_memory_and_nothing_is_written(
    ring: DictKeyring, tmp_path: Path, use: Use
) -> None:
    said: list[str] = []
    use(ring)
    store = open_tokens(tmp_path / "t", notice=said.append)
    store.save(ME, TOKEN)
    assert isinstance(store, MemoryTokens)
    assert len(said) == 1
    assert "PIERRE_TOKEN_KEY" in said[0]
    assert "PIERRE_TOKEN_STORE=plaintext" in said[0]
    assert "canary" not in said[0]
    assert list((tmp_path / "t").glob("*.token")) == []


def test_an_unwritable_home_means_memory_and_a_notice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    store = open_tokens(tmp_path / "file" / "t", key=Secret(new_key()), notice=said.append)
    assert isinstance(store, MemoryTokens)
    assert "memory" in said[0]


@pytest.mark.parametrize("key", ["", "short", "x" * 44, new_key()[:-4]])
def test_a_bad_key_says_how_to_make_one(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="new_key"):
        open_tokens(tmp_path, key=Secret(key), notice=[].append)
