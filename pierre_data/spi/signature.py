"""Whether a push really comes from the vendor: shared-secret signatures, compared in constant time."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic_core import from_json

from pierre_data.errors import AccessDenied, ConfigurationError, PayloadError
from pierre_data.secret import Secret

_TOLERANCE = dt.timedelta(seconds=300)


def header(headers: Mapping[str, str], *names: str) -> str:
    """Return the first of some headers that is there, whatever its case; empty when none is.

    Examples
    --------
    >>> header({"Terra-Signature": "t=1"}, "terra-signature", "x-terra-signature")
    't=1'
    """
    found = {name.lower(): value for name, value in headers.items()}
    return next((found[n.lower()] for n in names if found.get(n.lower())), "")


def content(provider: str, body: bytes) -> dict[str, Any]:
    """Return a pushed JSON object.

    Raises
    ------
    PayloadError
        It is none.

    Examples
    --------
    >>> content("acme", b'{"type": "workout"}')
    {'type': 'workout'}
    """
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    raise PayloadError(
        f"{provider} pushed something that is not a JSON object.", "Nothing was changed.", provider=provider
    )


def known(provider: str, secret: Secret | None, variable: str) -> bytes:
    """Return the bytes of the secret that a vendor's pushes are checked with.

    Raises
    ------
    ConfigurationError
        There is none: what cannot be verified is not believed.
    """
    if not secret:
        raise ConfigurationError(
            f"A push of {provider} cannot be verified without its secret.", f"Set {variable}.", provider=provider
        )
    return secret.reveal().encode()


def verify(
    provider: str,
    key: bytes,
    message: bytes,
    given: Sequence[str],
    *,
    stamp: str,
    now: dt.datetime,
    tolerance: dt.timedelta = _TOLERANCE,
    unit_s: float = 1.0,
    encoding: Literal["hex", "base64"] = "hex",
) -> None:
    """Refuse a push whose HMAC-SHA256 is wrong or whose time stamp is too far from now.

    Parameters
    ----------
    provider : str
        Registry name, for the message.
    key : bytes
        The shared secret.
    message : bytes
        What was signed.
    given : sequence of str
        Signatures that came with it; one must fit.
    stamp : str
        Time stamp that came with it, since 1970 UTC.
    now : datetime
        Aware.
    tolerance : timedelta
        Largest distance of the stamp from now, inclusive.
    unit_s : float
        Unit of the stamp, in seconds.
    encoding : {"hex", "base64"}
        How the signature is written.

    Raises
    ------
    AccessDenied
        It does not fit, or is too old.

    Examples
    --------
    >>> now = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    >>> verify("acme", b"key", b"body", ["00"], stamp="1795564800", now=now)
    Traceback (most recent call last):
    pierre_data.errors.AccessDenied: A push of acme has a wrong signature. ...
    """
    digest = hmac.new(key, message, hashlib.sha256).digest()
    expected = (digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()).encode()
    # Every signature is compared, so that the time taken says nothing of which one fits.
    if not sum([hmac.compare_digest(expected, text.encode(errors="replace")) for text in given]):
        raise AccessDenied(
            f"A push of {provider} has a wrong signature.", "Check the signing secret; nothing changed.",
            provider=provider,
        )  # fmt: skip
    try:
        away = abs(now.timestamp() - float(stamp) * unit_s)
    except ValueError:
        away = float("nan")
    if not away <= tolerance.total_seconds():
        raise AccessDenied(
            f"A push of {provider} is not of now.", "Check this machine's clock; nothing changed.", provider=provider
        )


def verify_stamped(provider: str, key: bytes, body: bytes, signature: str, now: dt.datetime) -> None:
    """Refuse a push whose ``t=<seconds>,v1=<hex>`` does not sign ``<t>.<body>`` within five minutes.

    Terra and Strava sign like this (November 2026).

    Raises
    ------
    AccessDenied
        It does not fit, or is too old.
    """
    parts = [(k.strip(), v.strip()) for k, _, v in (part.partition("=") for part in signature.split(","))]
    stamp = next((v for k, v in parts if k == "t"), "")
    given = [v for k, v in parts if k == "v1"]
    verify(provider, key, f"{stamp}.".encode() + body, given, stamp=stamp, now=now)
