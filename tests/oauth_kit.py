"""What the identity tests share: a provider at our own server, a store, a stored token, and a worker process.

Run as ``python -m tests.oauth_kit ROLE ...`` it is that worker; secrets reach it through the environment only.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from pierre_data.auth import Account, FileTokens, MemoryTokens, StoredToken, TokenStore, open_tokens
from pierre_data.auth.connection import Connection
from pierre_data.auth.identities import TokenSource
from pierre_data.errors import PierreError, StorageError
from pierre_data.secret import Secret
from pierre_data.spi import OAuthEndpoints, OAuthParams, ProviderConfig, ProviderDescriptor
from tests.oauth_server import OAuthServer

ME = Account("acme", "lab", "ann")
ROOT = Path(__file__).parents[1]


def provider(url: str, **params: Any) -> tuple[ProviderDescriptor, ProviderConfig]:
    """Acme, whose API and consent are at one address."""
    kept = {name: params.pop(name) for name in ("default_scopes", "key_headers") if name in params}
    secret = params.pop("client_secret", "server-secret")
    redirect = params.pop("redirect_uri", "")
    descriptor = ProviderDescriptor(
        name="acme",
        display_name="Acme",
        api_base_url=f"{url}/api",
        oauth_endpoints=OAuthEndpoints(f"{url}/consent", f"{url}/token", f"{url}/revoke"),
        oauth_params=OAuthParams(**{"any_port": True, "manage_url": "https://acme.example/apps", **params}),
        register_url="https://acme.example/developers",
        **kept,
    )
    config = ProviderConfig(
        "acme",
        api_base_url=f"{url}/api",
        auth_url=f"{url}/consent",
        token_url=f"{url}/token",
        revoke_url=f"{url}/revoke",
        redirect_uri=redirect,
        client_id="client-7",
        client_secret=Secret(secret) if secret else None,
        scopes=("read", "write"),
    )
    return descriptor, config


def link(
    descriptor: ProviderDescriptor, config: ProviderConfig, store: TokenStore | None = None, **own: Any
) -> Connection:
    """A connection of our account."""
    return Connection(descriptor, config, MemoryTokens() if store is None else store, ME, **own)


def token_for(server: OAuthServer, *, age_s: float = 7200.0, life_s: float = 3600.0) -> StoredToken:
    """A token that was granted earlier."""
    access, refresh = server.grant()
    host = server.url.removeprefix("http://")
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age_s)
    return StoredToken(
        Secret(access), at, at + dt.timedelta(seconds=life_s), Secret(refresh), ("read",), "", host, host
    )


def files(directory: Path, key: str) -> FileTokens:
    """An encrypted store that must not complain."""

    def complain(text: str) -> None:
        raise AssertionError(text)

    store = open_tokens(directory, key=Secret(key), notice=complain)
    assert isinstance(store, FileTokens)
    return store


class Watched(MemoryTokens):
    """Remembers how often it was written, and can be broken."""

    def __init__(self) -> None:
        super().__init__()
        self.saves: list[str] = []
        self.broken_from = 10**9

    def save(self, account: Account, token: StoredToken) -> None:
        if len(self.saves) >= self.broken_from:
            raise StorageError("The disk is full.", "Free some space.")
        self.saves.append(token.access.reveal())
        super().save(account, token)


class Unlocked(MemoryTokens):
    """What everybody else's store is like."""

    def lock(self, account: Account, timeout_s: float = 60.0) -> AbstractContextManager[None]:
        return nullcontext()


def at_once(sources: Sequence[TokenSource]) -> list[str]:
    """Ask all sources at the same moment; tokens or errors in no order."""
    found: list[str] = []
    gate = threading.Barrier(len(sources))

    def ask(source: TokenSource) -> None:
        gate.wait(60)
        try:
            found.append(source().reveal())
        except PierreError as error:
            found.append(type(error).__name__)

    threads = [threading.Thread(target=ask, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def connected(server: OAuthServer, store: MemoryTokens, *, age_s: float = 7200.0, **params: Any) -> TokenSource:
    store.save(ME, token_for(server, age_s=age_s))
    return TokenSource(link(*provider(server.url, **params), store))


def environment(key: str) -> dict[str, str]:
    return {**os.environ, "PIERRE_TOKEN_KEY": key, "PYTHONPATH": str(ROOT)}


def worker(role: str, url: str, directory: str, rest: list[str]) -> None:
    """What a process of ours does; prints one JSON line."""
    store = files(Path(directory), os.environ["PIERRE_TOKEN_KEY"])
    if role == "ask":
        ask(store, url, int(rest[0]))
    elif role == "hold":
        with store.lock(ME):
            print("held", flush=True)
            time.sleep(60)
    elif role == "write":
        breed_writers(store)


def ask(store: FileTokens, url: str, threads: int) -> None:
    """Ask for the token in several threads at once, when told to on standard input."""
    source = TokenSource(link(*provider(url), store))
    found: list[str] = []
    lock = threading.Lock()

    def one() -> None:
        try:
            token = source().reveal()
        except Exception as error:  # noqa: BLE001
            token = f"{type(error).__name__}: {error}"
        with lock:
            found.append(token)

    print("ready", flush=True)
    sys.stdin.readline()
    running = [threading.Thread(target=one) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    print(json.dumps(found), flush=True)


def breed_writers(store: FileTokens) -> None:
    """Fork a writer for each line on standard input; it says its process id once it has written."""
    print("ready", flush=True)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            write_forever(store)
        os.waitpid(child, 0)


def write_forever(store: FileTokens) -> None:
    """Save one token after the other, each consistent in itself, until killed."""
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for number in range(10_000_000):
        word = f"{number:08d}"
        store.save(ME, StoredToken(Secret(f"access-{word}"), at, None, Secret(f"refresh-{word}" * 40)))
        if number == 0:
            print(os.getpid(), flush=True)


if __name__ == "__main__":
    worker(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
