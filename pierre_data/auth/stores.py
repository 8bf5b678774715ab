"""Which token store: the OS keyring's key, a key from the environment, clear text on request, or memory."""

from __future__ import annotations

from pathlib import Path

import filelock

from pierre_data import notices
from pierre_data.auth.disk import private_directory
from pierre_data.auth.filestore import FileTokens
from pierre_data.auth.memory import MemoryTokens
from pierre_data.auth.tokens import Notice, TokenStore
from pierre_data.auth.vault import Keyring, Seal, keyring_key
from pierre_data.errors import StorageError, StorageNotice
from pierre_data.secret import Secret

_WAYS = (
    'Set PIERRE_TOKEN_KEY (python -c "import pierre_data.auth as a; print(a.new_key())"), '
    "or PIERRE_TOKEN_STORE=plaintext to accept files in clear."
)


def warn(text: str) -> None:
    """Tell people through a `StorageNotice` warning."""
    notices.notice(text, StorageNotice)


def open_tokens(
    directory: Path,
    *,
    store: str = "keyring",
    key: Secret | None = None,
    notice: Notice = warn,
    backend: Keyring | None = None,
    timeout_s: float = 3.0,
) -> TokenStore:
    """Open the token store the settings ask for; never falls back to clear text.

    Parameters
    ----------
    directory : Path
        Where token files are: ``settings.data_dir / "tokens"``.
    store : {"keyring", "memory", "plaintext"}
        ``settings.token_store``.
    key : Secret, optional
        ``settings.token_key``; used instead of the keyring's.
    notice : callable
        Told once, in a sentence or two, when tokens can only be kept in memory, or a file had to be mended.
    backend : Keyring, optional
        The system's by default.
    timeout_s : float
        Longest wait for the keyring, in seconds.

    Returns
    -------
    TokenStore
        Files, or memory when there is no key or the directory cannot be used.

    Raises
    ------
    ConfigurationError
        `key` is no key.

    Examples
    --------
    >>> open_tokens(Path("unused"), store="memory")
    MemoryTokens()
    """
    if store == "memory":
        return MemoryTokens()
    try:
        if store == "plaintext":
            return FileTokens(directory, None, notice=notice)
        if key is not None:
            return FileTokens(directory, Seal(key), key="PIERRE_TOKEN_KEY", notice=notice)
        found = _shared_key(directory, notice, backend, timeout_s)
        if isinstance(found, Secret):
            return FileTokens(directory, Seal(found), key="keyring", notice=notice)
        notice(f"Tokens are kept in memory and end with this process: {found}. {_WAYS}")
    except StorageError as error:
        notice(f"Tokens are kept in memory and end with this process: {error}")
    return MemoryTokens()


def _shared_key(directory: Path, notice: Notice, backend: Keyring | None, timeout_s: float) -> Secret | str:
    """The keyring's key; two processes that start together must not make two."""
    private_directory(directory, notice)
    try:
        with filelock.FileLock(directory / "key.lock", mode=0o600, timeout=2 * timeout_s):
            return keyring_key(backend, timeout_s=timeout_s)
    except filelock.Timeout:
        return "another process is waiting for the OS keyring"
    except OSError as error:
        raise StorageError(f"{directory} cannot be used: {error.strerror}.", "Set PIERRE_DATA_DIR.") from None
