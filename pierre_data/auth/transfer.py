"""Carry a token to another computer: a text that only its pass phrase opens."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pierre_data.auth.tokens import Account, StoredToken, from_json, to_json
from pierre_data.errors import ConfigurationError
from pierre_data.secret import Secret

# RFC 7914; n=2**15, r=8, p=1 took 0.1 s and 32 MB on the machine of 2026-11.
_LOG_N, _R, _P = 15, 8, 1
_SHAPE = re.compile(r"pierre-token:1:(\d{2}):([A-Za-z0-9_-]+={0,2})")
_SHORTEST = 12


def new_passphrase() -> Secret:
    """Return a random pass phrase of 80 bits, easy to type: ``k3f2-...``."""
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return Secret("-".join(text[at : at + 4] for at in range(0, 16, 4)))


def export_token(account: Account, token: StoredToken, passphrase: Secret) -> str:
    """Return a token as a text that may travel through a clipboard or a file.

    A vendor that rotates refresh tokens lets only one copy live: use it there or here, not both.  The pass phrase
    opens it: told over another way; one of fewer than 12 characters is a ConfigurationError.

    Examples
    --------
    >>> import datetime as dt
    >>> token = StoredToken(Secret("abc"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    >>> text = export_token(Account("strava"), token, Secret("correct horse"))
    >>> text[:18], import_token(text, Secret("correct horse"))[1] == token
    ('pierre-token:1:15:', True)
    """
    if len(passphrase.reveal()) < _SHORTEST:
        raise ConfigurationError(
            f"The pass phrase has fewer than {_SHORTEST} characters.", "Use a longer one, or let one be made."
        )
    salt, nonce = os.urandom(16), os.urandom(12)
    head = f"pierre-token:1:{_LOG_N}"
    sealed = _aead(passphrase, salt, _LOG_N).encrypt(nonce, to_json(account, token), head.encode())
    return f"{head}:{base64.urlsafe_b64encode(salt + nonce + sealed).decode()}"


def import_token(text: str, passphrase: Secret) -> tuple[Account, StoredToken]:
    """Return what `export_token` was given; a text that was cut or changed, or another phrase: ConfigurationError."""
    text = "".join(text.split())
    match = _SHAPE.fullmatch(text)
    if match is not None and 14 <= int(match[1]) <= 20:  # a text that asks for gigabytes is not ours
        with contextlib.suppress(binascii.Error, InvalidTag, ValueError):
            raw = base64.b64decode(match[2].replace("-", "+").replace("_", "/"), validate=True)
            head = text.rpartition(":")[0].encode()
            return from_json(_aead(passphrase, raw[:16], int(match[1])).decrypt(raw[16:28], raw[28:], head))
    raise ConfigurationError("This text and pass phrase hold no token.", "Copy both again, whole, from export-token.")


def _aead(passphrase: Secret, salt: bytes, log_n: int) -> AESGCM:
    memory = 2 * 128 * _R * 2**log_n
    return AESGCM(
        hashlib.scrypt(passphrase.reveal().encode(), salt=salt, n=2**log_n, r=_R, p=_P, maxmem=memory, dklen=32)
    )
