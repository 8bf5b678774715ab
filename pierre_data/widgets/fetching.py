"""What a fetch in the background knows and does; no ipywidgets here."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pierre_data import schema
from pierre_data.client import Client
from pierre_data.errors import Cancelled, PierreError
from pierre_data.fetch import ProviderReport
from pierre_data.schema import Table
from pierre_data.widgets.listening import Listeners, in_background

#: Views hear of news so often at most, and countdowns are as fine as this.
_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class Line:
    """How far one provider is.

    Parameters
    ----------
    provider : str
        Registry name.
    text : str
        For people: pages, rows, cache or network, a wait with its countdown.
    error : str
        What it failed with, in full.
    """

    provider: str
    text: str
    error: str = ""


class Fetching:
    """One fetch at a time, in the background.

    Parameters
    ----------
    client : Client
        Who is asked.

    Attributes
    ----------
    frame : DataFrame or None
        The last result.
    says : str
        How the last one ended.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> model = Fetching(pierre.Client("synthetic", cache="memory"))
    >>> model.start("2026-01-01", "2026-02-01").join()
    >>> model.says
    'Done: ... rows.'
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.changed = Listeners()
        self.frame: pd.DataFrame | None = None
        self.says = "Nothing was fetched yet."
        self._lock = threading.Lock()
        self._reports: dict[str, ProviderReport] = {}
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None
        self._cancelled = False

    @property
    def running(self) -> bool:
        """Whether a fetch runs."""
        return self._stop is not None

    def start(
        self, after: Any = None, before: Any = None, *, table: Table = schema.ACTIVITIES, **how: Any
    ) -> threading.Thread:
        """Begin to fetch; the arguments as for `Client.activities`, or `Client.table` for another table."""
        with self._lock:
            if self._stop is not None and self._thread is not None:
                return self._thread
            stop = self._stop = threading.Event()
            self._reports, self._cancelled = {}, False
        self.says = "Fetching ..."
        self.changed.tell()
        done = threading.Event()

        def ask() -> pd.DataFrame:
            follow: dict[str, Any] = {"errors": "keep", **how, "progress": self._note, "cancel": stop}
            if table == schema.ACTIVITIES:
                return self.client.activities(after, before, **follow)
            return self.client.table(table, after, before, **follow)

        def work() -> None:
            try:
                self._finish(ask())
            except PierreError as error:
                self.says = str(error)
            except Exception as error:  # noqa: BLE001  a third party's provider may raise anything
                self.says = f"{type(error).__name__}: the provider broke while it was asked."
            finally:
                done.set()
                with self._lock:
                    self._stop = None
                self.changed.tell()

        def tick() -> None:
            while not done.wait(_TICK_S):
                self.changed.tell()

        in_background(tick, "tick")
        thread = self._thread = in_background(work, "fetch")
        return thread

    def cancel(self) -> None:
        """Stop: the request in flight is closed, and what arrived is kept."""
        with self._lock:
            if self._stop is None:
                return
            self._stop.set()
            self._cancelled = True
        self.says = "Cancelled; closing the request in flight ..."
        self.changed.tell()

    def lines(self) -> tuple[Line, ...]:
        """Return how far each provider is."""
        with self._lock:
            reports, running = list(self._reports.values()), self._stop is not None
        return tuple(_line(report, running) for report in reports)

    def _note(self, report: ProviderReport) -> None:
        # Called for every page, from the provider's thread: only remembered here, and told by the tick.
        with self._lock:
            self._reports[report.provider] = report

    def _finish(self, frame: pd.DataFrame) -> None:
        report = self.client.last_report
        mine = frame.attrs.get("pierre", {}).get("report") == report.id
        if mine:
            with self._lock:
                self._reports = {p.provider: p for p in report.providers}
        self.frame = frame
        failed = [p for p in report.providers if p.error is not None] if mine else []
        if self._cancelled and any(isinstance(p.error, Cancelled) for p in failed):
            self.says = (
                f"Cancelled: {len(frame):,} rows; whole periods that had arrived are kept, fetch again to go on."
            )
        elif failed:
            self.says = f"Incomplete: {len(frame):,} rows; {len(failed)} of {len(report.providers)} providers failed."
        else:
            self.says = f"Done: {len(frame):,} rows."


def _line(report: ProviderReport, running: bool, now: Callable[[], float] = time.time) -> Line:
    where = [f"{report.pages} page(s) from the network"] if report.pages else []
    where += [f"{report.cached_rows:,} rows from the cache"] if report.cached_rows else []
    if report.files_in_all:
        where = [f"file {report.files} of {report.files_in_all}"]
    text = ", ".join([f"{report.rows:,} rows", *where])
    left = report.wait_ends - now()
    if running and left > 0:
        text += f"; waits {math.ceil(left)} s ({report.wait_reason})"
    error = report.error
    others = [] if error is not None else report.lines()
    return Line(report.provider, text, str(error) if error is not None else " ".join(others))
