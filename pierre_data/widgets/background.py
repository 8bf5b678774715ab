"""What the models of all widgets share: state that views observe, and work in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable

import traitlets

from pierre_data.errors import PierreError


class WidgetModel(traitlets.HasTraits):
    """State without ipywidgets: ``model.observe(callback, "says")`` hears of changes, in the thread that made them.

    `hold_trait_notifications` is no use here: two threads that hold at once undo each other (traitlets 5.16).
    """

    #: The result of what was done last, or its error in full.
    says = traitlets.Unicode()

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()


def in_background(
    name: str,
    work: Callable[[], None],
    failed: Callable[[str], None] = lambda text: None,
    ended: Callable[[], None] = lambda: None,
) -> threading.Thread:
    """Run something in a thread that does not keep the kernel alive; an error becomes one line."""

    def run() -> None:
        try:
            work()
        except PierreError as error:
            failed(str(error))
        except Exception as error:  # noqa: BLE001  a third party's provider may raise anything
            failed(f"{type(error).__name__}: a provider broke while it was asked.")
        finally:
            ended()

    thread = threading.Thread(target=run, name=f"pierre-{name}", daemon=True)
    thread.start()
    return thread
