"""Sealing: of token files by a key, and of a text that carries a token to another computer by a pass phrase.

Files are sealed by cryptography's MultiFernet; what was sealed with AES-GCM before can still be read.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import re
import secrets
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pierre_data.auth.tokens import Account, StoredToken, from_json, to_json
from pierre_data.errors import ConfigurationError
from pierre_data.secret import Secret

_FORMAT = "pierre_data token"
_MAKE = 'Make one with: python -c "import pierre_data.auth as a; print(a.new_key())".'
# RFC 7914; n=2**15, r=8, p=1 took 0.1 s and 32 MB on the machine of 2026-11.
_LOG_N, _R, _P = 15, 8, 1
_SHAPE = re.compile(r"pierre-token:1:(\d{2}):([A-Za-z0-9_-]+={0,2})")
_SHORTEST = 12


class DamagedFile(ValueError):
    """The content is not what was written."""


class UnknownKey(ValueError):
    """The content is sealed with a key we do not have."""


class Cipher:
    """Seals bytes with the first of its keys and opens what any of them sealed; shows nothing of them.

    A key is 32 bytes in base64 (URL-safe or not) or hexadecimal; several are separated by commas, so that a new one
    can be put in front of the old one.  What is no key is a ConfigurationError.
    """

    __slots__ = ("_fernet", "_keys", "id")

    def __init__(self, keys: Secret) -> None:
        self.id, parts = "", [Secret(part) for part in keys.reveal().split(",")]
        if any(decode_key(part) is None for part in parts):
            raise ConfigurationError("PIERRE_TOKEN_KEY is no key of 32 bytes in base64.", _MAKE)
        raw = [key for key in map(decode_key, parts) if key]  # after the error: its frame must hold no key
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in raw])
        #: By names that tell keys apart without telling anything of them.
        self._keys = {hashlib.sha256(b"pierre_data key id" + key).hexdigest()[:16]: key for key in raw}
        self.id = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Cipher({self.id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Cipher cannot be pickled or copied to another process.")

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def seal(self, plain: bytes, about: bytes) -> str:
        """Return sealed text that is bound to `about`."""
        return self._fernet.encrypt(about + b"\n" + plain).decode()

    def open(self, sealed: str, about: bytes) -> bytes | None:
        """Return what was sealed, None when anything was changed or it is about something else."""
        try:
            bound, _, plain = self._fernet.decrypt(sealed).partition(b"\n")
        except InvalidToken:
            return None
        return plain if bound == about else None

    def open_gcm(self, key: str, nonce: str, sealed: str, about: bytes) -> bytes | None:
        """Return what version 1 of the format holds, likewise."""
        try:
            return AESGCM(self._keys[key]).decrypt(base64.b64decode(nonce), base64.b64decode(sealed), about)
        except (InvalidTag, ValueError):
            return None


def new_key() -> str:
    """Return a fresh random key for ``PIERRE_TOKEN_KEY``."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def decode_key(key: Secret) -> bytes | None:
    """Return a key's 32 bytes; None when it is no key."""
    text = key.reveal().strip()
    try:
        if len(text) == 64:
            return bytes.fromhex(text)
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 32 else None


def pack(plain: bytes, cipher: Cipher | None, about: bytes) -> bytes:
    """Return a file's content: sealed and bound to `about`, or in clear when there is no cipher."""
    if cipher is None:
        record = {"format": _FORMAT, "version": 1, "key": None, "data": plain.decode()}
    else:
        record = {"format": _FORMAT, "version": 2, "key": cipher.id, "data": cipher.seal(plain, about)}
    return json.dumps(record).encode()


def unpack(content: bytes, cipher: Cipher | None, about: bytes) -> tuple[bytes, bool]:
    """Return what `pack` was given, and whether `pack` with this cipher would write it so; clear text is accepted.

    `DamagedFile`: it was changed, cut, or is about something else.  `UnknownKey`: it was sealed with another key.
    """
    try:
        record = json.loads(content)
        version, key, data = record["version"], record["key"], str(record["data"])
        known = record["format"] == _FORMAT and version in (1, 2)
        nonce = str(record.get("nonce", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known = False
    if not known:
        raise DamagedFile("this is no token file")
    if key is None:
        return data.encode(), cipher is None
    if cipher is None or key not in cipher:
        raise UnknownKey("this token file is sealed with another key")
    plain = cipher.open_gcm(key, nonce, data, about) if version == 1 else cipher.open(data, about)
    if plain is None:
        raise DamagedFile("this token file was changed")
    return plain, version == 2 and key == cipher.id


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
