"""Locks that outlive a fork: a child has only the thread that forked, and nobody else there releases one."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref

_LOCKS: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()


class ForkSafeLock:
    """A re-entrant lock for a ``with`` statement, free in a forked child.

    Examples
    --------
    >>> lock = ForkSafeLock()
    >>> with lock, lock:
    ...     print("mine")
    mine
    """

    def __init__(self) -> None:
        self.reset()
        _LOCKS.add(self)

    def reset(self) -> None:
        """Forget who holds it."""
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # forked inside the block: the child's lock is another one
            self._lock.release()


def _reset_locks() -> None:
    for lock in list(_LOCKS):
        lock.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_locks)
