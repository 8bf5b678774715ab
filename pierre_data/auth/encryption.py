"""Sealing of token files: cryptography's MultiFernet, and a reader for what was sealed with AES-GCM before."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pierre_data.errors import ConfigurationError
from pierre_data.secret import Secret

_FORMAT = "pierre_data token"
_MAKE = 'Make one with: python -c "import pierre_data.auth as a; print(a.new_key())".'


class DamagedFile(ValueError):
    """The content is not what was written."""


class UnknownKey(ValueError):
    """The content is sealed with a key we do not have."""


class Cipher:
    """Seals bytes with the first of its keys and opens what any of them sealed; shows nothing of them.

    A key is 32 bytes in base64 (URL-safe or not) or hexadecimal; several are separated by commas, so that a new one
    can be put in front of the old one.  What is no key is a ConfigurationError.
    """

    __slots__ = ("_fernet", "_ids", "_raw", "id")

    def __init__(self, keys: Secret) -> None:
        self.id, raw = "", [decode_key(Secret(part)) for part in keys.reveal().split(",")]
        self._raw = [key for key in raw if key is not None]
        if len(self._raw) < len(raw):
            raise ConfigurationError("PIERRE_TOKEN_KEY is no key of 32 bytes in base64.", _MAKE)
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in self._raw])
        #: Tell keys apart without telling anything of them.
        self._ids = [hashlib.sha256(b"pierre_data key id" + key).hexdigest()[:16] for key in self._raw]
        self.id = self._ids[0]

    def __repr__(self) -> str:
        return f"Cipher({self.id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Cipher cannot be pickled or copied to another process.")

    def seal(self, plain: bytes) -> str:
        """Return sealed text."""
        return self._fernet.encrypt(plain).decode()

    def open(self, sealed: str) -> bytes | None:
        """Return what was sealed, None when anything was changed."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            return None

    def open_gcm(self, key: str, nonce: str, sealed: str, about: bytes) -> bytes | None:
        """Return what version 1 of the format holds, bound to `about`."""
        try:
            cipher = AESGCM(self._raw[self._ids.index(key)])
            return cipher.decrypt(base64.b64decode(nonce), base64.b64decode(sealed), about)
        except (InvalidTag, ValueError):
            return None

    def __contains__(self, key: object) -> bool:
        return key in self._ids


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
        return json.dumps({"format": _FORMAT, "version": 1, "key": None, "data": plain.decode()}).encode()
    return json.dumps(
        {"format": _FORMAT, "version": 2, "key": cipher.id, "data": cipher.seal(about + b"\n" + plain)}
    ).encode()


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
    if version == 1:
        plain = cipher.open_gcm(key, nonce, data, about)
    else:
        bound, _, plain = (cipher.open(data) or b"").partition(b"\n")
        plain = plain if bound == about else None
    if plain is None:
        raise DamagedFile("this token file was changed")
    return plain, version == 2 and key == cipher.id
