"""Tokens in files: sealed, private, replaced as a whole, one per account."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from pierre_data.auth.locks import AccountLocks
from pierre_data.auth.record import from_json, to_json
from pierre_data.auth.tokens import Account, Kept, Notice, StoredToken
from pierre_data.auth.vault import Damaged, OtherKey, Seal, unwrap, wrap
from pierre_data.errors import StorageError
from pierre_data.private_files import (
    private_directory,
    read_private,
    set_aside,
    sweep_parts,
    sync_directory,
    write_private,
)


class FileTokens:
    """Tokens in files of mode 0600 in a directory of mode 0700.

    Every read goes to the disk (about 0.25 ms), so a refresh, a connect or a disconnect of another process is seen
    at once.

    Parameters
    ----------
    directory : Path
        Made when missing.
    seal : Seal or None
        What files are sealed with; None writes them in clear.
    key : str
        Where the key came from, for people.
    notice : callable
        Told once about each loose, corrupt or foreign file.

    Raises
    ------
    StorageError
        The directory cannot be made, is a symbolic link, or belongs to somebody else.
    """

    def __init__(self, directory: Path, seal: Seal | None, *, key: str = "", notice: Notice) -> None:
        self._directory, self._seal, self._key = directory, seal, key
        self._told: set[str] = set()
        self._notice_to = notice
        private_directory(directory, self._notice)
        sweep_parts(directory)
        self._locks = AccountLocks(directory, self._notice)

    def __repr__(self) -> str:
        return f"FileTokens({self.describe()})"

    def load(self, account: Account) -> StoredToken | None:
        """Return the account's token, or None.

        A file that is corrupt is set aside, never deleted; one that is sealed with another key stays where it is.

        Raises
        ------
        StorageError
            Its file is a symbolic link, belongs to somebody else, or cannot be read.
        """
        try:
            return self._read(account)
        except OtherKey:
            self._notice(
                f"The token of {account.provider} is sealed with a key that is not here: unlock the keyring or set the "
                "right PIERRE_TOKEN_KEY, or connect again."
            )
            return None
        except Damaged:
            return self._mended(account)

    def save(self, account: Account, token: StoredToken) -> None:
        """Keep a token in place of the old one; when this returns, it is on disk.

        Raises
        ------
        StorageError
            It cannot be written; the old one is still there.
        """
        private_directory(self._directory, self._notice)
        path = self._path(account)
        try:
            self._read(account)
        except (OtherKey, Damaged):
            set_aside(path)
        write_private(path, wrap(to_json(account, token), self._seal, account.digest.encode()))

    def delete(self, account: Account) -> bool:
        """Forget the account's token; returns whether there was one.

        Raises
        ------
        StorageError
            It cannot be removed.
        """
        path = self._path(account)
        try:
            path.unlink()
            sync_directory(self._directory)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"{path} cannot be removed: {error.strerror}.", "Remove it by hand.") from None
        return True

    def lock(self, account: Account, timeout_s: float = 60.0) -> AbstractContextManager[None]:
        """Hold the account alone among all threads and processes; see `TokenStore.lock`."""
        return self._locks.hold(account, timeout_s)

    def list(self) -> list[Account]:
        """Return every account that has a token this key opens, in order."""
        found = []
        for path in self._directory.glob("*.token"):
            content = read_private(path, self._notice)
            try:
                plain = unwrap(content or b"", self._seal, path.stem.encode())
                account, _ = from_json(plain)
            except ValueError:
                continue
            found.append(account)
        return sorted(found)

    def describe(self) -> Kept:
        """Return directory, encryption and where the key is."""
        return Kept(str(self._directory), encrypted=self._seal is not None, lasting=True, key=self._key)

    def _path(self, account: Account) -> Path:
        return self._directory / f"{account.digest}.token"

    def _read(self, account: Account) -> StoredToken | None:
        content = read_private(self._path(account), self._notice)
        if content is None:
            return None
        plain = unwrap(content, self._seal, account.digest.encode())
        try:
            owner, token = from_json(plain)
        except ValueError:
            raise Damaged("this is no token") from None
        if owner != account:
            raise Damaged("this is another account's token")
        return token

    def _mended(self, account: Account) -> StoredToken | None:
        """Look again alone: what was corrupt may have been replaced since; if not, set it aside."""
        with self.lock(account):
            try:
                return self._read(account)
            except OtherKey:
                return None
            except Damaged:
                aside = set_aside(self._path(account))
        self._notice(f"The token of {account.provider} was corrupt and is set aside as {aside.name}: connect again.")
        return None

    def _notice(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._notice_to(text)
