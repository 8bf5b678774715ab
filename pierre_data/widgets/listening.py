"""Who wants to hear that a model changed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pierre_data.reprs import visible


class Listeners:
    """Functions that are called after each change, in the thread that made it.

    Examples
    --------
    >>> listeners = Listeners()
    >>> listeners.add(lambda: print("changed"))
    >>> listeners.tell()
    changed
    """

    def __init__(self) -> None:
        self._all: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def add(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change from now on."""
        with self._lock:
            self._all.append(listener)

    def tell(self) -> None:
        """Call everybody."""
        with self._lock:
            listeners = list(self._all)
        for listener in listeners:
            listener()


def plain(text: object) -> str:
    """Return text that a label shows as it is: no terminal codes, no reversed writing, no formulas.

    Labels of ipywidgets cannot run HTML, but they typeset what stands between dollars or after a backslash, and a
    formula can hold a link (MathJax; seen in ipywidgets 8.1, November 2026).

    Examples
    --------
    >>> plain("\\x1b[31mred\\x1b[0m costs $5")
    'red costs ＄5'
    """
    return visible(text).replace("$", "＄").replace("\\", "＼")


def in_background(work: Callable[[], None], name: str) -> threading.Thread:
    """Run something in a thread that does not keep the kernel alive."""
    thread = threading.Thread(target=work, name=f"pierre-{name}", daemon=True)
    thread.start()
    return thread
