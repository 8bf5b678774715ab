"""What a thread of the parent holds does not stop a forked child."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from pierre_data.cache import MemoryStore
from pierre_data.forking import ForkSafeLock


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_finds_every_lock_free() -> None:
    lock, store = ForkSafeLock(), MemoryStore()
    inside, go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock, store._lock:
            inside.set()
            go.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(20)
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        with lock:
            os._exit(0 if store.get_many(["a"]) == {} else 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    go.set()
    thread.join()
    assert status == 0


def test_forked_inside_a_block_both_sides_leave_it() -> None:
    lock = ForkSafeLock()
    with lock:
        child = os.fork()
    if child == 0:
        with lock:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
