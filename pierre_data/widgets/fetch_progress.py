"""A fetch in the background: how far each provider is, and a button to stop it."""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets
import pandas as pd

from pierre_data.client import Client
from pierre_data.widgets.fetch_model import FetchModel
from pierre_data.widgets.parts import View, button, plain, say, show, text_label

_BUSY = "While a cell runs, clicks wait until it ends; then Cancel works at once."


class FetchProgress(View):
    """Per provider pages, rows, cache or network, waits with a countdown; and Cancel.

    The kernel stays free while it fetches.  Without widgets, ``client.activities(..., progress=..., cancel=...)``.

    Parameters
    ----------
    client : Client or FetchModel
        Who is asked; or the fetch another widget runs.

    Attributes
    ----------
    model, widget : FetchModel, ipywidgets.VBox
        The state, without widgets; and what is shown.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> progress = pierre.widgets.FetchProgress(pierre.Client("synthetic", cache="memory"))
    >>> progress.start("2026-01-01", "2026-02-01").join()
    >>> len(progress.frame) > 0
    True
    """

    def __init__(self, client: Client | FetchModel) -> None:
        super().__init__()
        self.model = client if isinstance(client, FetchModel) else FetchModel(client)
        self._lines: dict[str, tuple[Any, Any]] = {}
        self._says, self._note = text_label("", "pierre-title"), text_label(_BUSY, "pierre-quiet")
        self._cancel = button("Cancel", self.model.cancel, tip="Stop fetching; what arrived is kept in the cache")
        self._rows = ipywidgets.VBox()
        self._show(self.model, [ipywidgets.HBox([self._cancel, self._says]), self._rows, self._note], "progress")

    @property
    def frame(self) -> pd.DataFrame | None:
        """The last result; None before there is one."""
        return self.model.frame

    def start(self, after: Any = None, before: Any = None, **options: Any) -> threading.Thread:
        """Begin to fetch; arguments as for `Client.activities`.  The thread may be joined, and need not be."""
        return self.model.start(after, before, **options)

    def cancel(self) -> None:
        """Stop; what arrived is kept in the cache."""
        self.model.cancel()

    def __repr__(self) -> str:
        lines = "".join(f"\n  {line.provider}: {line.text} {line.error}" for line in self.model.lines)
        return plain(f"{self.model.says}{lines}")

    def _render(self) -> None:
        lines, running = self.model.lines, self.model.running
        for line in lines:
            if line.provider not in self._lines:
                self._lines[line.provider] = (text_label(""), text_label("", "pierre-bad"))
            text, bad = self._lines[line.provider]
            say(text, f"{line.provider}: {line.text}")
            say(bad, line.error)
        self._rows.children = tuple(part for line in lines for part in self._lines[line.provider])
        say(self._says, self.model.says)
        self._cancel.disabled = not running
        show(self._note, running)
