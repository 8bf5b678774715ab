"""A client whose only provider is our own OAuth server, API included; and the worker process of its tests."""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pierre_data import Client, ProviderRegistry, schema
from pierre_data.auth import Account, Dialogue, FileTokens, TokenStore
from pierre_data.settings import Settings
from pierre_data.spi import Endpoint, OAuthEndpoints, OAuthParams, Option, ProviderDescriptor, fields
from tests.oauth_kit import files, token_for
from tests.oauth_server import OAuthServer

ME = Account("acme")
RUNS = [
    {"id": 7, "sport": "run", "start": "2026-03-01T07:00:00Z", "seconds": 1800},
    {"id": 8, "sport": "ride", "start": "2026-03-02T07:00:00Z", "seconds": 3600},
]
_ROWS = fields("id sport start_time=start elapsed_s=seconds")


def acme(url: str, options: Mapping[str, Option] | None = None, **params: Any) -> ProviderDescriptor:
    """A vendor of two tables that names the account in its token body."""
    return ProviderDescriptor(
        name="acme",
        display_name="Acme",
        api_base_url=f"{url}/api",
        oauth_endpoints=OAuthEndpoints(f"{url}/consent", f"{url}/token", f"{url}/revoke"),
        oauth_params=OAuthParams(
            **{"any_port": True, "account": "athlete", "revoke": "form", "manage_url": f"{url}/apps"} | params
        ),
        default_scopes=("read", "write"),
        endpoints={
            schema.ACTIVITIES: Endpoint("/activities", _ROWS, scopes=("read",)),
            schema.ATHLETE: Endpoint("/me", fields("id"), scopes=("read",)),
        },
        options=options or {},
        register_url="https://acme.example/developers",
    )


class Lab:
    """One directory, one vendor, and as many clients as wanted."""

    def __init__(self, server: OAuthServer, directory: Path, key: str, **environ: str) -> None:
        server.api = {"/api/me": {"id": 1}, "/api/activities": RUNS}
        self.server, self.directory, self.key = server, directory, key
        self.environ = {
            "PIERRE_TOKEN_KEY": key,
            "PIERRE_PROVIDERS": "acme,synthetic",
            "PIERRE_PROGRESS": "0",
            "PIERRE_ACME_CLIENT_ID": server.rules.client_id,
            "PIERRE_ACME_CLIENT_SECRET": server.rules.client_secret,
            **{f"PIERRE_{n}_DIR": str(directory / n.lower()) for n in ("CACHE", "CONFIG", "DATA")},
        } | environ

    def settings(self, **more: str) -> Settings:
        return Settings.read({name: value for name, value in (self.environ | more).items() if value})

    def client(self, *names: str, params: dict[str, Any] | None = None, environ: Any = None, **how: Any) -> Client:
        """A client of its own, as another notebook would make."""
        registry = ProviderRegistry(self.settings(**(environ or {})))
        registry.register(acme(self.server.url, **(params or {})))
        return Client(list(names or ["acme"]), registry=registry, **how)

    def store(self) -> FileTokens:
        return files(self.directory / "data" / "tokens", self.key)

    def keep(self, *, age_s: float = 7200.0, account: Account = ME, store: TokenStore | None = None) -> str:
        """A consent of earlier; returns the access token."""
        token = token_for(self.server, age_s=age_s)
        (store or self.store()).save(account, token)
        return token.access.reveal()

    def talk(self, **how: Any) -> Dialogue:
        """A person in front of a browser who consents at once."""
        return Dialogue(lambda url, advice: None, open_browser=visiting(self.server, **how))


def visiting(server: OAuthServer, **how: Any) -> Callable[[str], None]:
    """A browser that follows the consent page."""

    def visit(url: str) -> None:
        back = server.consent(url, **how)
        threading.Thread(target=lambda: urllib.request.urlopen(back, timeout=60).read()).start()

    return visit


def worker(url: str) -> None:
    """A script that asks through a client when told to; prints the ids it got."""
    registry = ProviderRegistry()
    registry.register(acme(url))
    client = Client(["acme"], registry=registry, cache="memory")
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(list(client.activities()["id"])), flush=True)


def child_environment(lab: Lab, **more: str) -> dict[str, str]:
    """What a process needs to be another client of the same person."""
    return {**os.environ, **lab.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **more}


if __name__ == "__main__":
    worker(sys.argv[1])
