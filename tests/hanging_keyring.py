"""An OS keyring that asks on a screen nobody sees: PYTHON_KEYRING_BACKEND=tests.hanging_keyring.Hanging."""

from __future__ import annotations

import threading

from keyring.backend import KeyringBackend


class Hanging(KeyringBackend):
    """Never answers."""

    priority = 5

    def get_password(self, service: str, username: str) -> str | None:
        threading.Event().wait()
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        threading.Event().wait()

    def delete_password(self, service: str, username: str) -> None:
        threading.Event().wait()
