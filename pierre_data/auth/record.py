"""A token as JSON: what is sealed, written and carried elsewhere."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from pierre_data.auth.tokens import Account, StoredToken
from pierre_data.secret import Secret


def to_json(account: Account, token: StoredToken) -> bytes:
    """Return account and token as JSON, the secrets in clear: only for what seals or writes it."""
    record = {
        "account": [account.provider, account.tenant, account.user],
        "access": token.access.reveal(),
        "refresh": token.refresh.reveal() if token.refresh else None,
        "obtained_at": token.obtained_at.isoformat(),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "scopes": list(token.scopes),
        "vendor_account": token.account,
        "issued_host": token.issued_host,
        "token_host": token.token_host,
    }
    return json.dumps(record).encode()


def from_json(data: bytes) -> tuple[Account, StoredToken]:
    """Return what `to_json` wrote.

    Raises
    ------
    ValueError
        It is something else; the text never quotes the data.
    """
    found = _record(data)
    if found is None:
        raise ValueError("this is no stored token")
    return found


def _record(data: bytes) -> tuple[Account, StoredToken] | None:
    try:
        record: Mapping[str, Any] = json.loads(data)
        provider, tenant, user = (_text(part) for part in record["account"])
        refresh, expires = record["refresh"], record["expires_at"]
        return Account(provider, tenant, user), StoredToken(
            access=Secret(_text(record["access"])),
            refresh=None if refresh is None else Secret(_text(refresh)),
            obtained_at=_instant(record["obtained_at"]),
            expires_at=None if expires is None else _instant(expires),
            scopes=tuple(_text(scope) for scope in record["scopes"]),
            account=_text(record["vendor_account"]),
            issued_host=_text(record["issued_host"]),
            token_host=_text(record["token_host"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _instant(value: object) -> dt.datetime:
    moment = dt.datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(dt.UTC)
