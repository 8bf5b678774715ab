"""What a fetch in the background knows and does; no ipywidgets here."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import traitlets

from pierre_data import schema
from pierre_data.client import Client
from pierre_data.errors import Cancelled
from pierre_data.fetch import ProviderReport
from pierre_data.schema import Table
from pierre_data.widgets.background import WidgetModel, in_background

#: Views hear of news so often at most, and countdowns are as fine as this.
_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """How far one provider is, for people; and what it failed with, in full."""

    provider: str
    text: str
    error: str = ""


class FetchModel(WidgetModel):
    """One fetch at a time, in the background: `frame` is the last result, `lines` say how far each provider is."""

    frame = traitlets.Instance(pd.DataFrame, allow_none=True)
    lines = traitlets.Tuple()
    running = traitlets.Bool()
    says = traitlets.Unicode("Nothing was fetched yet.")

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self._reports: dict[str, ProviderReport] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(
        self, after: Any = None, before: Any = None, *, table: Table = schema.ACTIVITIES, **options: Any
    ) -> threading.Thread:
        """Begin to fetch; the arguments as for `Client.activities`, or `Client.table` for another table."""
        with self._lock:
            if self.running and self._thread is not None:
                return self._thread
            self._stop, self._reports, ended = threading.Event(), {}, threading.Event()
            self.running, self.says = True, "Fetching ..."
            options = {"errors": "keep", **options, "progress": self._note, "cancel": self._stop}
            ask = self.client.activities if table == schema.ACTIVITIES else partial(self.client.table, table)

            def tick() -> None:
                while not ended.wait(_TICK_S):
                    self._show_lines()

            def work() -> None:
                self._take(ask(after, before, **options))

            in_background("tick", tick)
            self._thread = in_background("fetch", work, self._end, ended.set)
            return self._thread

    def cancel(self) -> None:
        """Stop: the request in flight is closed, and what arrived is kept."""
        with self._lock:
            if self.running:
                self.says = "Cancelled; closing the request in flight ..."
                self._stop.set()

    def _note(self, report: ProviderReport) -> None:
        # Called for every page, from the provider's thread: only remembered here, and shown by the tick.
        with self._lock:
            self._reports[report.provider] = report

    def _show_lines(self) -> None:
        with self._lock:
            self.lines = tuple(_line(report, self.running) for report in self._reports.values())

    def _take(self, frame: pd.DataFrame) -> None:
        providers = self.client.report(frame).providers
        with self._lock:
            self._reports = {p.provider: p for p in providers}
        self.frame = frame
        failed = [p.error for p in providers if p.error is not None]
        rows = f"{len(frame):,} rows"
        if self._stop.is_set() and any(isinstance(error, Cancelled) for error in failed):
            self._end(f"Cancelled: {rows}; whole periods that had arrived are kept, fetch again to go on.")
        elif failed:
            self._end(f"Incomplete: {rows}; {len(failed)} of {len(providers)} providers failed.")
        else:
            self._end(f"Done: {rows}.")

    def _end(self, says: str) -> None:
        with self._lock:
            self.running, self.says = False, says
            self._show_lines()


def _line(report: ProviderReport, running: bool) -> ProgressLine:
    where = [f"{report.pages} page(s) from the network"] if report.pages else []
    where += [f"{report.cached_rows:,} rows from the cache"] if report.cached_rows else []
    if report.files_in_all:
        where = [f"file {report.files} of {report.files_in_all}"]
    text = ", ".join([f"{report.rows:,} rows", *where])
    left = report.wait_ends - time.time()
    if running and left > 0:
        text += f"; waits {math.ceil(left)} s ({report.wait_reason})"
    error = str(report.error) if report.error is not None else " ".join(report.lines())
    return ProgressLine(report.provider, text, error)
