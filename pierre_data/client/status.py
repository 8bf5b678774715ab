"""What is connected, and how providers have been doing."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from pierre_data.client.overrides import person_hash
from pierre_data.errors import PierreError, ProviderBroken
from pierre_data.forking import ForkSafeLock
from pierre_data.private_files import private_directory, read_private, write_private
from pierre_data.registry import Accounts, ConfiguredProvider, ProviderRegistry
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


def provider_status(
    registry: ProviderRegistry, accounts: Accounts, own: Sequence[ConfiguredProvider] = ()
) -> pd.DataFrame:
    """Return one row per provider of the registry, and per alias; see `Client.status`."""
    rows: list[dict[str, object]] = []
    for name, descriptor in registry.survey().items():
        # Where a client uses a provider under aliases, those are connected or not.
        for one in [c for c in own if c.name == name] or [ConfiguredProvider(name)]:
            if isinstance(descriptor, ProviderBroken):
                about: dict[str, object] = {"display_name": name, "status": "broken", "detail": str(descriptor)}
            else:
                about = _row(replace(descriptor, name=one.alias), one, accounts)
            rows.append({"provider": one.alias, **about})
    rows.sort(key=lambda row: str(row["provider"]))
    frame = pd.DataFrame(rows, columns=list(STATUS_DTYPES))
    return frame.fillna({"connected": False}).astype(STATUS_DTYPES)


def _row(descriptor: ProviderDescriptor, one: ConfiguredProvider, accounts: Accounts) -> dict[str, object]:
    token, trouble, connected = None, "", accounts.connected(one)
    try:
        token = accounts.stored(descriptor)
    except PierreError as error:
        trouble = str(error)
    row: dict[str, object] = {
        "display_name": descriptor.display_name,
        "connected": connected,
        "status": "connected" if connected else "disconnected",
        "offers": ", ".join(descriptor.tables()),
        "needs": descriptor.needs,
        "detail": trouble or descriptor.access,
    }
    if token is None:
        return row
    if token.refresh is None and token.expired_at(dt.datetime.now(dt.UTC)):
        advice = f'Connect again: client.connect("{descriptor.name}").'
        row |= {"connected": False, "status": "expired", "detail": advice}
    place = accounts.store.describe()
    return row | {
        "account": token.account,
        "scopes": " ".join(token.scopes),
        "expires": token.expires_at,
        "kept": place.where,
        "encrypted": place.encrypted,
    }


class HealthBook:
    """Remembers how checks went, in ``<data_dir>/health/<hash>.json``; what cannot be kept is known here alone."""

    def __init__(self, data_dir: Path, tenant: str, user: str) -> None:
        self._path = data_dir / "health" / f"{person_hash(tenant, user)}.json"
        self._failures: dict[str, int] | None = None
        self._latencies: dict[str, list[float]] = {}
        self._lock = ForkSafeLock()

    def check(self, provider: FitnessProvider) -> ProviderHealth:
        """Make the cheapest request there is, and note how it went."""
        began, detail = time.perf_counter(), ""
        try:
            provider.health_check()
        except PierreError as error:
            detail = str(error)
        elapsed = (time.perf_counter() - began) * 1000
        with self._lock:
            failures = self._read()
            before = failures.get(provider.name, 0)
            failures[provider.name] = before + 1 if detail else 0
            if failures[provider.name] != before:
                with contextlib.suppress(OSError, PierreError):
                    private_directory(self._path.parent, lambda text: None)
                    write_private(self._path, json.dumps(failures).encode())
            self._failures = failures
            times = self._latencies.setdefault(provider.name, [])
            times.append(elapsed)
            mean = sum(times) / len(times)
        return ProviderHealth(provider.name, not detail, dt.datetime.now(dt.UTC), failures[provider.name], mean, detail)

    def _read(self) -> dict[str, int]:
        """Return the failures in a row of each provider, as the file says, which other clients write too."""
        with contextlib.suppress(OSError, PierreError, ValueError):
            read = json.loads(read_private(self._path, lambda text: None) or b"{}")
            if isinstance(read, dict) and read:
                return {str(name): n for name, n in read.items() if isinstance(n, int)}
        return dict(self._failures or {})


def health_frame(checks: Iterable[ProviderHealth]) -> pd.DataFrame:
    """Return checks as a frame, one row each."""
    return pd.DataFrame([asdict(h) for h in checks], columns=list(HEALTH_DTYPES)).astype(HEALTH_DTYPES)
