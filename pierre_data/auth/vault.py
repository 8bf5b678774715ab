"""The key tokens are sealed with, and the sealing: AES-256-GCM with a key from the OS keyring or the environment."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import threading
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pierre_data.errors import ConfigurationError
from pierre_data.secret import Secret

_SERVICE, _ENTRY = "pierre_data", "token-key"
_FORMAT = "pierre_data token"
_MAKE = 'Make one with: python -c "import pierre_data.auth as a; print(a.new_key())".'


class Damaged(ValueError):
    """The content is not what was written."""


class OtherKey(ValueError):
    """The content is sealed with a key we do not have."""


class Keyring(Protocol):
    """What we use of a `keyring` back end."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return what was kept."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""


class Seal:
    """Seals bytes with one key; shows nothing of it.

    Parameters
    ----------
    key : Secret
        32 bytes in base64 (URL-safe or not) or hexadecimal.

    Raises
    ------
    ConfigurationError
        It is no such key.

    Examples
    --------
    >>> seal = Seal(Secret(new_key()))
    >>> unwrap(wrap(b"token", seal, b"me"), seal, b"me")
    b'token'
    """

    __slots__ = ("_aead", "id")

    def __init__(self, key: Secret) -> None:
        self.id = ""
        raw = _decoded(key)
        if raw is None:
            raise ConfigurationError("PIERRE_TOKEN_KEY is no key of 32 bytes in base64.", _MAKE)
        self._aead = AESGCM(raw)
        #: Tells keys apart without telling anything of them.
        self.id = hashlib.sha256(b"pierre_data key id" + raw).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Seal({self.id})"

    def close(self, plain: bytes, about: bytes) -> tuple[bytes, bytes]:
        """Return nonce and sealed bytes, bound to `about`."""
        nonce = os.urandom(12)
        return nonce, self._aead.encrypt(nonce, plain, about)

    def open(self, nonce: bytes, sealed: bytes, about: bytes) -> bytes | None:
        """Return the bytes, None when anything was changed."""
        try:
            return self._aead.decrypt(nonce, sealed, about)
        except (InvalidTag, ValueError):
            return None


def new_key() -> str:
    """Return a fresh random key for ``PIERRE_TOKEN_KEY``."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def wrap(plain: bytes, seal: Seal | None, about: bytes) -> bytes:
    """Return a file's content: sealed, or in clear when there is no seal."""
    if seal is None:
        return json.dumps({"format": _FORMAT, "version": 1, "key": None, "data": plain.decode()}).encode()
    nonce, sealed = seal.close(plain, about)
    parts = {name: base64.b64encode(value).decode() for name, value in (("nonce", nonce), ("data", sealed))}
    return json.dumps({"format": _FORMAT, "version": 1, "key": seal.id, **parts}).encode()


def unwrap(content: bytes, seal: Seal | None, about: bytes) -> bytes:
    """Return what `wrap` was given; content in clear is accepted with any seal.

    Raises
    ------
    Damaged
        It was changed, cut, or belongs to another account.
    OtherKey
        It was sealed with another key.
    """
    try:
        found = json.loads(content)
        known = found["format"] == _FORMAT and found["version"] == 1
        key, data, nonce = found["key"], str(found["data"]), str(found.get("nonce", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known, key, data, nonce = False, None, "", ""
    if not known:
        raise Damaged("this is no token file")
    if key is None:
        return data.encode()
    if seal is None or key != seal.id:
        raise OtherKey("this token file is sealed with another key")
    try:
        plain = seal.open(base64.b64decode(nonce), base64.b64decode(data), about)
    except (binascii.Error, ValueError):
        plain = None
    if plain is None:
        raise Damaged("this token file was changed")
    return plain


def keyring_key(backend: Keyring | None = None, *, timeout_s: float = 3.0) -> Secret | str:
    """Return the key kept in the OS keyring, made on first use; or the reason why there is none.

    Parameters
    ----------
    backend : Keyring, optional
        The system's by default.
    timeout_s : float
        A keyring that asks on a screen nobody sees hangs; after so many seconds we go on without it.

    Returns
    -------
    Secret or str
        The key, or one clause saying what is wrong.
    """
    found: list[Secret | str] = []
    asked = threading.Thread(target=lambda: found.append(_from_keyring(backend)), daemon=True, name="pierre-keyring")
    asked.start()
    asked.join(timeout_s)
    return found[0] if found else f"the OS keyring did not answer within {timeout_s:g} s"


def _from_keyring(backend: Keyring | None) -> Secret | str:
    try:
        return _kept_key(backend or _system_keyring())
    except Exception as error:  # noqa: BLE001  # back ends raise whatever their D-Bus, COM or C library raises
        return f"the OS keyring failed ({type(error).__name__})"


def _system_keyring() -> Keyring:
    import keyring

    return keyring.get_keyring()


def _kept_key(backend: Keyring) -> Secret | str:
    # keyring 25: a recommended back end has priority 1 or more; "fail" has 0, "null" -1, files in clear below 1.
    if float(getattr(backend, "priority", 0)) < 1:
        return "there is no OS keyring"
    kept = backend.get_password(_SERVICE, _ENTRY)
    if not kept:
        backend.set_password(_SERVICE, _ENTRY, new_key())
        kept = backend.get_password(_SERVICE, _ENTRY)
    key = Secret(kept or "")
    return key if _decoded(key) is not None else "the OS keyring does not keep what it is given"


def _decoded(key: Secret) -> bytes | None:
    text = key.reveal().strip()
    try:
        raw = (
            bytes.fromhex(text)
            if len(text) == 64
            else base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        )
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 32 else None
