"""Which token store: the OS keyring's key, a key from the environment, clear text on request, or memory."""

from __future__ import annotations

import threading
from pathlib import Path

import filelock

from pierre_data.auth.encryption import Cipher, decode_key, new_key
from pierre_data.auth.filestore import FileTokens
from pierre_data.auth.tokens import MemoryTokens, TokenStore
from pierre_data.errors import StorageError
from pierre_data.private_files import Notice, private_directory, warn
from pierre_data.secret import Secret

_SERVICE, _ENTRY = "pierre_data", "token-key"
# A keyring that asks on a screen nobody sees hangs; after so many seconds we go on without it.
_KEYRING_S = 3.0
_WAYS = (
    'Set PIERRE_TOKEN_KEY (python -c "import pierre_data.auth as a; print(a.new_key())"), '
    "or PIERRE_TOKEN_STORE=plaintext to accept files in clear."
)


def open_tokens(
    directory: Path, *, store: str = "keyring", key: Secret | None = None, notice: Notice = warn
) -> TokenStore:
    """Open the token store the settings ask for: files, or memory when there is no key or no directory; never clear.

    `store` is "keyring", "memory" or "plaintext"; `key` is used instead of the keyring's, and what is none is a
    ConfigurationError; `notice` is told once why tokens are in memory, or that a file had to be mended.
    """
    if store == "memory":
        return MemoryTokens()
    try:
        if store == "plaintext":
            return FileTokens(directory, None, notice=notice)
        if key is not None:
            return FileTokens(directory, Cipher(key), key="PIERRE_TOKEN_KEY", notice=notice)
        shared = _shared_key(directory, notice)
        if isinstance(shared, Secret):
            return FileTokens(directory, Cipher(shared), key="keyring", notice=notice)
        notice(f"Tokens are kept in memory and end with this process: {shared}. {_WAYS}")
    except StorageError as error:
        notice(f"Tokens are kept in memory and end with this process: {error}")
    return MemoryTokens()


def _shared_key(directory: Path, notice: Notice) -> Secret | str:
    """The keyring's key; two processes that start together must not make two."""
    private_directory(directory, notice)
    try:
        with filelock.FileLock(directory / "key.lock", mode=0o600, timeout=2 * _KEYRING_S):
            return keyring_key()
    except filelock.Timeout:
        return "another process is waiting for the OS keyring"
    except OSError as error:
        raise StorageError(f"{directory} cannot be used: {error.strerror}.", "Set PIERRE_DATA_DIR.") from None


def keyring_key() -> Secret | str:
    """Return the key kept in the OS keyring, made on first use; or one clause saying why there is none."""
    answers: list[Secret | str] = []
    asked = threading.Thread(target=lambda: answers.append(_ask_keyring()), daemon=True, name="pierre-keyring")
    asked.start()
    asked.join(_KEYRING_S)
    return answers[0] if answers else f"the OS keyring did not answer within {_KEYRING_S:g} s"


def _ask_keyring() -> Secret | str:
    import keyring

    try:
        backend = keyring.get_keyring()
        # keyring 25: a recommended back end has priority 1 or more; "fail" has 0, "null" -1, files in clear below 1.
        if float(getattr(backend, "priority", 0)) < 1:
            return "there is no OS keyring"
        text = backend.get_password(_SERVICE, _ENTRY)
        if not text:
            backend.set_password(_SERVICE, _ENTRY, new_key())
            text = backend.get_password(_SERVICE, _ENTRY)
    except Exception as error:  # noqa: BLE001  # back ends raise whatever their D-Bus, COM or C library raises
        return f"the OS keyring failed ({type(error).__name__})"
    key = Secret(text or "")
    return key if decode_key(key) is not None else "the OS keyring does not keep what it is given"
