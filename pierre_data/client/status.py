"""What is connected, and how providers have been doing."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict

import pandas as pd

from pierre_data.auth import StoredToken
from pierre_data.client.accounts import Accounts
from pierre_data.errors import PierreError, ProviderBroken
from pierre_data.registry import ProviderRegistry
from pierre_data.spi import FitnessProvider, ProviderDescriptor, ProviderHealth

STATUS_DTYPES = {
    "provider": "str",
    "display_name": "str",
    "connected": "bool",
    "status": "str",
    "account": "str",
    "scopes": "str",
    "expires": "datetime64[us, UTC]",
    "kept": "str",
    "encrypted": "boolean",
    "offers": "str",
    "needs": "str",
    "detail": "str",
}
HEALTH_DTYPES = {
    "provider": "str",
    "is_healthy": "bool",
    "last_check": "datetime64[us, UTC]",
    "consecutive_failures": "int64",
    "average_latency_ms": "float64",
    "detail": "str",
}


def provider_status(registry: ProviderRegistry, accounts: Accounts) -> pd.DataFrame:
    """Return one row per provider of the registry; see `Client.status`."""
    rows = []
    for name in registry:
        try:
            rows.append({"provider": name, **_row(registry[name], accounts)})
        except ProviderBroken as error:
            rows.append({"provider": name, "display_name": name, "status": "broken", "detail": str(error)})
    frame = pd.DataFrame(rows, columns=list(STATUS_DTYPES))
    return frame.fillna({"connected": False}).astype(STATUS_DTYPES)


def _row(descriptor: ProviderDescriptor, accounts: Accounts) -> dict[str, object]:
    name = descriptor.name
    token, trouble = _token(name, accounts)
    here = accounts.connected(name)
    needs = "consent" if descriptor.oauth_endpoints else "key" if descriptor.key_headers else ""
    row: dict[str, object] = {
        "display_name": descriptor.display_name,
        "connected": here,
        "status": "connected" if here else "disconnected",
        "offers": ", ".join(descriptor.tables()),
        "needs": needs or ", ".join(o for o, option in descriptor.options.items() if option.required),
        "detail": trouble or descriptor.access,
    }
    if token is None:
        return row
    now = dt.datetime.now(dt.UTC)
    if token.refresh is None and token.expired_at(now):
        row |= {"connected": False, "status": "expired", "detail": f'Connect again: client.connect("{name}").'}
    place = accounts.store.describe()
    return row | {
        "account": token.account,
        "scopes": " ".join(token.scopes),
        "expires": token.expires_at,
        "kept": place.where,
        "encrypted": place.encrypted,
    }


def _token(name: str, accounts: Accounts) -> tuple[StoredToken | None, str]:
    try:
        return accounts.stored(name), ""
    except PierreError as error:
        return None, str(error)


class HealthBook:
    """Remembers how checks went."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._latencies: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def check(self, provider: FitnessProvider) -> ProviderHealth:
        """Make the cheapest request there is, and note how it went."""
        began, detail = time.perf_counter(), ""
        try:
            provider.health_check()
        except PierreError as error:
            detail = str(error)
        elapsed = (time.perf_counter() - began) * 1000
        with self._lock:
            failures = self._failures.get(provider.name, 0) + 1 if detail else 0
            self._failures[provider.name] = failures
            times = self._latencies.setdefault(provider.name, [])
            times.append(elapsed)
            mean = sum(times) / len(times)
        return ProviderHealth(provider.name, not detail, dt.datetime.now(dt.UTC), failures, mean, detail)


def health_frame(found: Iterable[ProviderHealth]) -> pd.DataFrame:
    """Return checks as a frame, one row each."""
    return pd.DataFrame([asdict(h) for h in found], columns=list(HEALTH_DTYPES)).astype(HEALTH_DTYPES)
