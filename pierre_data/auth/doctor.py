"""What may be wrong with identity here, and how to mend it."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import re
import socket
import stat
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pierre_data.auth.connection import check_application
from pierre_data.auth.consent import redirect_address
from pierre_data.auth.identities import key_identities
from pierre_data.auth.loopback import Receiver, is_local
from pierre_data.auth.stores import keyring_key
from pierre_data.auth.token_response import date_of, missing_scopes
from pierre_data.auth.tokens import Account, TokenStore, utc_now
from pierre_data.errors import ConfigurationError, PierreError, StorageError
from pierre_data.http import HttpClient, ResilienceConfig, redact
from pierre_data.settings import Settings, variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor, Request, Response, check_url

_SKEW_S = 120.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: how bad, what is so in one sentence, and what to do (empty when nothing)."""

    level: Literal["ok", "note", "warning", "error"]
    what: str
    fix: str = ""


def report(diagnoses: Iterable[Diagnosis], *, share: bool = False) -> str:
    """Return diagnoses as text, one per line; `share` makes it safe to paste in public (see `shareable`)."""
    text = "\n".join(f"{d.level:<8} {' '.join(part for part in (d.what, d.fix) if part)}" for d in diagnoses)
    return shareable(text) if share else text


def shareable(text: str) -> str:
    """Take home, user and host names and what looks like a secret out of a text."""
    text = redact(text).replace(str(Path.home()), "~").replace(tempfile.gettempdir(), "[temporary]")
    text = re.sub(r"(?i)(/home/|/Users/|\\Users\\)[^/\\\s]+", "~", text)
    text = re.sub(r"[\w.+-]+@[\w-]+\.[\w.]+", "[mail]", text)
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = ""
    for name, mask in ((user, "[user]"), (socket.gethostname(), "[host]")):
        text = re.sub(rf"(?i)\b{re.escape(name)}\b", mask, text) if len(name) > 1 else text
    return text


def diagnose(
    settings: Settings,
    store: TokenStore,
    providers: Sequence[tuple[ProviderDescriptor, ProviderConfig]],
    *,
    tenant: str = "default",
    user: str = "default",
    online: bool = False,
) -> list[Diagnosis]:
    """Look at paths, permissions, keyring, ports and every provider; `online` also asks its host what time it is."""
    diagnoses = [_directory(name, getattr(settings, f"{name}_dir")) for name in ("data", "config", "cache")]
    diagnoses += _permissions(settings.data_dir / "tokens")
    diagnoses.append(_storage(store, settings))
    diagnoses += [d for descriptor, config in providers for d in _provider(descriptor, config)]
    diagnoses += [
        _connection(descriptor, config, store, Account(descriptor.name, tenant, user))
        for descriptor, config in providers
        if descriptor.needs_credentials
    ]
    if online:
        diagnoses += [check_clock(config) for _, config in providers if config.api_base_url]
    return diagnoses


def _directory(name: str, path: Path) -> Diagnosis:
    nearest = next(part for part in (path, *path.parents) if part.exists())
    setting = f"PIERRE_{name.upper()}_DIR"
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Diagnosis("error", f"The {name} directory {path} cannot be written.", f"Set {setting} to one of yours.")
    mode = nearest.stat().st_mode
    if os.name == "posix" and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return Diagnosis(
            "warning", f"Anybody may change what is in {nearest}.", f"Run chmod o-w {nearest}, or set {setting}."
        )
    return Diagnosis("ok", f"The {name} directory is {path}.")


def _permissions(tokens: Path) -> list[Diagnosis]:
    if os.name != "posix" or not tokens.is_dir():
        return []
    loose = [path for path in (tokens, *tokens.iterdir()) if path.lstat().st_mode & 0o077 and not path.is_symlink()]
    links = [path for path in tokens.iterdir() if path.is_symlink()]
    aside = list(tokens.glob("*.corrupt-*"))
    troubles = [Diagnosis("error", f"{p} can be read by other users.", f"Run chmod go-rwx {p}.") for p in loose]
    troubles += [Diagnosis("error", f"{path} is a symbolic link and is refused.", "Remove it.") for path in links]
    if aside:
        troubles += [
            Diagnosis("note", f"{len(aside)} corrupt token file(s) are set aside in {tokens}.", "Remove them.")
        ]
    return troubles or [Diagnosis("ok", "Token files are private.")]


def _storage(store: TokenStore, settings: Settings) -> Diagnosis:
    storage = store.describe()
    if not storage.lasting:
        key = keyring_key() if settings.token_store == "keyring" and settings.token_key is None else ""
        why = f": {key}" if isinstance(key, str) and key else ""
        return Diagnosis(
            "warning",
            f"Tokens are kept in memory and end with the process{why}.",
            "Unlock or install an OS keyring, or set PIERRE_TOKEN_KEY.",
        )
    if not storage.encrypted:
        return Diagnosis(
            "warning", f"Tokens are kept in clear in {storage.where}.", "Unset PIERRE_TOKEN_STORE to seal them."
        )
    return Diagnosis("ok", f"Tokens are kept encrypted in {storage.where}; the key is in {storage.key}.")


def _provider(descriptor: ProviderDescriptor, config: ProviderConfig) -> list[Diagnosis]:
    name = descriptor.name
    try:
        for field in ("api_base_url", "auth_url", "token_url", "revoke_url"):
            check_url(getattr(config, field), f"{name} {field}")
        if descriptor.oauth_endpoints is not None and not config.access_token:
            check_application(descriptor, config)
            address, done = redirect_address(descriptor, config), [Diagnosis("ok", f"{name}: the application is set.")]
            if not is_local(address):
                host = urlsplit(address).hostname
                return [Diagnosis("note", f"{name}: consent ends at {host}: paste its address."), *done]
            with Receiver(address, provider=name):  # says so if the port is busy
                return done
        if descriptor.key_headers and config.keys:
            key_identities(descriptor, config)
    except ConfigurationError as error:
        level: Literal["note", "error"] = "note" if "not set" in error.what else "error"
        return [Diagnosis(level, f"{name}: {error.what}", error.fix)]
    wanted = [variable(descriptor.name, n) for n in descriptor.key_headers.values()] if not config.keys else []
    options = [o for o, option in descriptor.options.items() if option.required and config.options.get(o) is None]
    wanted += [variable(descriptor.name, o) for o in options]
    if not wanted:
        return [Diagnosis("ok", f"{name}: configured.")]
    text = f"{name}: {' and '.join(wanted)} {'is' if len(wanted) == 1 else 'are'} not set."
    return [Diagnosis("note", text, "Set it to use this provider.")]


def _connection(
    descriptor: ProviderDescriptor, config: ProviderConfig, store: TokenStore, account: Account
) -> Diagnosis:
    name, again, now = descriptor.name, f'Run client.connect("{descriptor.name}").', utc_now()
    try:
        token = store.load(account)
    except StorageError as error:
        return Diagnosis("error", f"{name}: {error.what}", error.fix)
    if token is None:
        if config.access_token or config.keys:
            return Diagnosis("ok", f"{name}: signed from the environment.")
        return Diagnosis("note", f"{name}: not connected.", again)
    if token.obtained_at > now + dt.timedelta(seconds=_SKEW_S):
        return Diagnosis("warning", f"{name}: the token is from the future: the clock was set back.", "Set the clock.")
    if token.expired_at(now) and token.refresh is None:
        return Diagnosis("error", f"{name}: the token is over and cannot be refreshed.", again)
    if missing := missing_scopes(descriptor, token.scopes):
        return Diagnosis(
            "warning", f"{name}: connected, but {', '.join(missing)} lack scopes.", f"{again[:-1]} and allow all."
        )
    return Diagnosis("ok", f"{name}: connected.")


def check_clock(config: ProviderConfig) -> Diagnosis:
    """Compare our clock with that of a provider's host, by one GET without a token: any answer has a Date header."""
    responses: list[Response] = []
    url, why = config.api_base_url, "its host does not say what time it is."
    once = ResilienceConfig(max_retries=0, timeout_s=10.0)
    try:
        with HttpClient(once, base_url=url, provider=config.name, faults=lambda r: responses.append(r)) as client:
            client.send(Request(url), retry=False)
    except PierreError as error:
        why = why if responses else str(error)
    date = date_of(responses[0].headers.get("date", "")) if responses else None
    if date is None:
        return Diagnosis("warning", f"{config.name}: {why}")
    ahead = (date - utc_now()).total_seconds()
    if abs(ahead) > _SKEW_S:
        way = "slow" if ahead > 0 else "fast"
        return Diagnosis("warning", f"The clock is {abs(ahead) / 60:.0f} minutes {way} of {config.name}'s.", "Set it.")
    return Diagnosis("ok", f"{config.name} answers, and the clock agrees with its.")
