"""What may be wrong with identity here, and how to mend it."""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from pierre_data.auth.dialogue import redirect_address
from pierre_data.auth.finding import Finding
from pierre_data.auth.granted import missing_scopes
from pierre_data.auth.identities import key_identities
from pierre_data.auth.loopback import Receiver, is_local
from pierre_data.auth.session import check_application
from pierre_data.auth.tokens import Account, Clock, TokenStore, utc_now
from pierre_data.auth.vault import Keyring, keyring_key
from pierre_data.errors import ConfigurationError, PierreError, StorageError
from pierre_data.http import HttpClient, ResilienceConfig
from pierre_data.settings import Settings, variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor, Request, Response, check_url

_SKEW_S = 120.0


def diagnose(
    settings: Settings,
    store: TokenStore,
    providers: Sequence[tuple[ProviderDescriptor, ProviderConfig]],
    *,
    tenant: str = "default",
    user: str = "default",
    online: bool = False,
    keyring: Keyring | None = None,
    now: Clock = utc_now,
) -> list[Finding]:
    """Look at paths, permissions, keyring, ports, clock and every provider's configuration and connection.

    Parameters
    ----------
    settings, store
        What the client uses.
    providers : sequence of (ProviderDescriptor, ProviderConfig)
        Those to look at.
    tenant, user : str
        Whose connections.
    online : bool
        Also ask each provider's host what time it is (one request, without a token).
    keyring : Keyring, optional
        The system's by default.
    now : callable
        Our own clock.

    Returns
    -------
    list of Finding
        In the order above; nothing is raised.
    """
    found = [_directory(name, getattr(settings, f"{name}_dir")) for name in ("data", "config", "cache")]
    found += _loose(settings.data_dir / "tokens")
    found.append(_kept(store, settings, keyring))
    found += [f for descriptor, config in providers for f in _provider(descriptor, config)]
    found += [
        _connection(descriptor, config, store, Account(descriptor.name, tenant, user), now())
        for descriptor, config in providers
        if descriptor.needs_credentials
    ]
    if online:
        found += [_clock(config, now) for _, config in providers if config.api_base_url]
    return found


def _directory(name: str, path: Path) -> Finding:
    there = next(part for part in (path, *path.parents) if part.exists())
    variable = f"PIERRE_{name.upper()}_DIR"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("error", f"The {name} directory {path} cannot be written.", f"Set {variable} to one of yours.")
    loose = os.name == "posix" and there.stat().st_mode & stat.S_IWOTH and not there.stat().st_mode & stat.S_ISVTX
    if loose:
        return Finding(
            "warning", f"Anybody may change what is in {there}.", f"Run chmod o-w {there}, or set {variable}."
        )
    return Finding("ok", f"The {name} directory is {path}.")


def _loose(tokens: Path) -> list[Finding]:
    if os.name != "posix" or not tokens.is_dir():
        return []
    loose = [path for path in (tokens, *tokens.iterdir()) if path.lstat().st_mode & 0o077 and not path.is_symlink()]
    links = [path for path in tokens.iterdir() if path.is_symlink()]
    aside = list(tokens.glob("*.corrupt-*"))
    found = [Finding("error", f"{path} can be read by other users.", f"Run chmod go-rwx {path}.") for path in loose]
    found += [Finding("error", f"{path} is a symbolic link and is refused.", "Remove it.") for path in links]
    if aside:
        found.append(Finding("note", f"{len(aside)} corrupt token file(s) were set aside in {tokens}.", "Remove them."))
    return found or [Finding("ok", "Token files are private.")]


def _kept(store: TokenStore, settings: Settings, backend: Keyring | None) -> Finding:
    kept = store.describe()
    if not kept.lasting:
        key = keyring_key(backend) if settings.token_store == "keyring" and settings.token_key is None else ""
        why = f": {key}" if isinstance(key, str) and key else ""
        return Finding(
            "warning",
            f"Tokens are kept in memory and end with the process{why}.",
            "Unlock or install an OS keyring, or set PIERRE_TOKEN_KEY.",
        )
    if not kept.encrypted:
        return Finding(
            "warning", f"Tokens are kept in clear in {kept.where}.", "Unset PIERRE_TOKEN_STORE to seal them."
        )
    return Finding("ok", f"Tokens are kept encrypted in {kept.where}; the key is in {kept.key}.")


def _provider(descriptor: ProviderDescriptor, config: ProviderConfig) -> list[Finding]:
    try:
        for name in ("api_base_url", "auth_url", "token_url", "revoke_url"):
            check_url(getattr(config, name), f"{descriptor.name} {name}")
        if descriptor.oauth_endpoints is not None and not config.access_token:
            check_application(descriptor, config)
            return [*_port(descriptor, config), Finding("ok", f"{descriptor.name}: the application is set.")]
        if descriptor.key_headers and config.keys:
            key_identities(descriptor, config)
    except ConfigurationError as error:
        return [Finding("note" if "not set" in error.what else "error", f"{descriptor.name}: {error.what}", error.fix)]
    return [_configured(descriptor, config)]


def _configured(descriptor: ProviderDescriptor, config: ProviderConfig) -> Finding:
    wanted = [variable(descriptor.name, n) for n in descriptor.key_headers.values()] if not config.keys else []
    options = [o for o, option in descriptor.options.items() if option.required and config.options.get(o) is None]
    wanted += [variable(descriptor.name, o) for o in options]
    if not wanted:
        return Finding("ok", f"{descriptor.name}: configured.")
    verb = "is" if len(wanted) == 1 else "are"
    return Finding("note", f"{descriptor.name}: {' and '.join(wanted)} {verb} not set.", "Set it to use this provider.")


def _port(descriptor: ProviderDescriptor, config: ProviderConfig) -> list[Finding]:
    address = redirect_address(descriptor, config)
    if not is_local(address):
        return [Finding("note", f"{descriptor.name}: consent ends at {urlsplit(address).hostname}: paste its address.")]
    with Receiver(address, provider=descriptor.name):
        return []


def _connection(
    descriptor: ProviderDescriptor, config: ProviderConfig, store: TokenStore, account: Account, now: dt.datetime
) -> Finding:
    name, again = descriptor.name, f'Run client.connect("{descriptor.name}").'
    try:
        token = store.load(account)
    except StorageError as error:
        return Finding("error", f"{name}: {error.what}", error.fix)
    if token is None:
        signed = bool(config.access_token or config.keys)
        return (
            Finding("ok", f"{name}: signed from the environment.")
            if signed
            else Finding("note", f"{name}: not connected.", again)
        )
    if token.obtained_at > now + dt.timedelta(seconds=_SKEW_S):
        return Finding("warning", f"{name}: the token is from the future: the clock was set back.", "Set the clock.")
    if token.expired_at(now) and token.refresh is None:
        return Finding("error", f"{name}: the token is over and cannot be refreshed.", again)
    if missing := missing_scopes(descriptor, token.scopes):
        return Finding(
            "warning", f"{name}: connected, but {', '.join(missing)} lack scopes.", f"{again[:-1]} and allow all."
        )
    return Finding("ok", f"{name}: connected.")


def _clock(config: ProviderConfig, now: Clock) -> Finding:
    offset = clock_offset_s(config.api_base_url, provider=config.name, now=now)
    if isinstance(offset, str):
        return Finding("warning", f"{config.name}: {offset}")
    if abs(offset) > _SKEW_S:
        way = "slow" if offset > 0 else "fast"
        return Finding("warning", f"The clock is {abs(offset) / 60:.0f} minutes {way} of {config.name}'s.", "Set it.")
    return Finding("ok", f"{config.name} answers, and the clock agrees with its.")


def clock_offset_s(url: str, *, provider: str, now: Clock = utc_now) -> float | str:
    """Return how far a host's clock is ahead of ours, in seconds; or a sentence when it does not say.

    One GET without a token, whatever its status: the Date header is in all of them.
    """
    seen: list[Response] = []
    try:
        config = ResilienceConfig(max_retries=0, timeout_s=10.0)
        with HttpClient(config, base_url=url, provider=provider, faults=lambda r: seen.append(r)) as client:
            client.send(Request(url), retry=False)
    except PierreError as error:
        if not seen:
            return str(error)
    date = _date(seen[0].headers.get("date", "")) if seen else None
    return "its host does not say what time it is." if date is None else (date - now()).total_seconds()


def _date(text: str) -> dt.datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
