"""Commands about providers and accounts: providers, status, connect, disconnect, export-token, import-token, doctor."""

from __future__ import annotations

import sys
import warnings
from getpass import getpass
from json import dumps
from typing import TYPE_CHECKING

import pierre_data as pierre

if TYPE_CHECKING:
    from pierre_data.client import Accounts

_SHOWN = ("provider", "status", "display_name", "offers", "needs", "detail")


def _accounts() -> tuple[pierre.ProviderRegistry, Accounts]:
    from pierre_data.client import Accounts

    registry = pierre.ProviderRegistry()
    return registry, Accounts(registry, registry.settings, "default", "default")


def list_providers() -> None:
    """List the providers, what they offer, and what they need."""
    from pierre_data.client import provider_status

    registry, accounts = _accounts()
    for row in provider_status(registry, accounts)[list(_SHOWN)].fillna("").to_dict("records"):
        print(f"{row['provider']:<18} {row['status']:<13} {row['display_name']}")
        if row["status"] == "broken":
            print(f"{'':<18} {row['detail']}")
            continue
        print(f"{'':<18} offers {row['offers'] or 'nothing'}")
        needs = f"needs {row['needs']}. " if row["needs"] else ""
        if needs or row["detail"]:
            print(f"{'':<18} {needs}{row['detail']}")
        for name, option in registry[row["provider"]].options.items():
            value = "" if option.required else f" = {option.default!r}"
            print(f"{'':<18} option {name}{value}: {option.meaning}")


def print_status(json: bool) -> None:
    """Say which providers are connected."""
    from pierre_data.client import provider_status

    frame = provider_status(*_accounts())
    if json:
        states = frame.set_index("provider")[["connected", "status"]].to_dict("index")
        print(dumps({"success": True, "result": {"providers": states}}, indent=2))
        return
    ends = frame["expires"].dt.strftime("token until %Y-%m-%d %H:%M UTC, ").fillna("token ")
    texts = frame[["provider", "status", "account", "kept"]].fillna("")
    for (name, state, account, kept), end in zip(texts.itertuples(index=False, name=None), ends, strict=True):
        whose = f"  account {account or 'unknown'}, {end}kept in {kept}" if kept else ""
        print(f"{name:<18} {state:<13}{whose}".rstrip())


def connect_account(provider: str, browser: bool, again: bool) -> None:
    """Connect an account: stored token, environment, or consent in a browser."""
    done = pierre.Client([provider]).connect(provider, again=again, browser=browser)
    print(f"{provider} is connected ({done.how}).")
    for table, scopes in done.missing.items():
        print(f"Not granted: {', '.join(scopes)}, which {table} needs. Connect again with --again and allow it.")


def disconnect_account(provider: str) -> None:
    """Revoke and forget an account's token, and what is cached of it."""
    client = pierre.Client([provider])
    done = client.disconnect(provider)
    print(f"{provider}: {'the token is forgotten' if done.forgotten else 'there was no stored token'}.")
    for sentence in done.left:
        print(sentence)


def print_token(provider: str) -> None:
    """Print an account's token, sealed with a pass phrase, to be carried to another machine."""
    from pierre_data.auth import export_token, new_passphrase

    _, accounts = _accounts()
    token = accounts.token(provider)
    if token is None:
        raise pierre.NotConnected(
            f"There is no stored token of {provider}.", f"Run pierre-data connect {provider} first.", provider=provider
        )
    phrase = new_passphrase()
    print(export_token(accounts.account(provider), token, phrase))
    print(f"Pass phrase, tell it over another way: {phrase.reveal()}", file=sys.stderr)


def keep_token() -> None:
    """Read a sealed token from standard input, ask for its pass phrase, and keep it."""
    from pierre_data.auth import import_token
    from pierre_data.secret import Secret

    text = input("Sealed token: ") if sys.stdin.isatty() else sys.stdin.readline()
    try:
        phrase = getpass("Pass phrase (not shown): ")
    except EOFError:
        raise pierre.ConfigurationError("No pass phrase was typed.", "Run it in a terminal.") from None
    account, token = import_token(text, Secret(phrase))
    client = pierre.Client([account.provider], tenant=account.tenant, user=account.user)
    _, accounts = _accounts()
    with accounts.store.lock(account):
        accounts.store.save(account, token)
    client.invalidate(provider=account.provider)  # what is kept here may be another account's
    print(f"{account.provider} is connected; the token is kept in {accounts.store.describe().where}.")


def print_diagnosis(share: bool, online: bool) -> None:
    """Look at paths, permissions, keyring, ports, clock and every provider, and say how to mend what is wrong."""
    from pierre_data.auth import Diagnosis, MemoryTokens, diagnose, report

    registry, accounts = _accounts()
    known, findings = [], []
    for name in registry:
        try:
            known.append((registry[name], registry.config(name)))
        except pierre.PierreError as error:  # what stops the others is what a doctor is asked about
            findings.append(Diagnosis("error", error.what, error.fix))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            store = accounts.store
        except pierre.PierreError as error:
            store = MemoryTokens()
            findings.append(Diagnosis("error", error.what, error.fix))
        looked = diagnose(registry.settings, store, known, online=online)
    findings += [Diagnosis("note", str(warning.message)) for warning in caught]
    print(report([*looked, *findings], share=share))
