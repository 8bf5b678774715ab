"""A status line on stderr that appears only when a fetch takes longer than a second."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Self

from pierre_data.fetch.report import ProviderReport

_SILENT_S = 1.0
_EVERY_S = 0.1


class Progress:
    """Rewrites one line: pages or files, rows and waits of each provider; silent where nobody looks.

    Parameters
    ----------
    show : bool
        False keeps it silent; so does a stderr that is neither a terminal nor a notebook's.

    Examples
    --------
    >>> with Progress(show=False) as progress:
    ...     progress(ProviderReport("strava", "activities", pages=1))
    """

    def __init__(self, show: bool = True) -> None:
        self._show = show and (sys.stderr.isatty() or "ipykernel" in sys.modules)
        self._lock = threading.Lock()
        self._next = time.monotonic() + _SILENT_S
        self._width = 0
        self._reports: dict[str, ProviderReport] = {}

    def __call__(self, report: ProviderReport) -> None:
        """Note how far a provider is; from any thread."""
        if not self._show:
            return
        with self._lock:
            self._reports[report.provider] = report
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + _EVERY_S
                self._write("; ".join(map(_state, self._reports.values())))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._width:
                self._write("")

    def _write(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write(f"\r{text}{' ' * (self._width - len(text))}{'' if text else chr(13)}")
        sys.stderr.flush()
        self._width = len(text)


def _state(report: ProviderReport) -> str:
    left = report.wait_ends - time.time()
    wait = f", waiting {left:.0f} s" if left > 0 else ""
    files = f"{report.files} of {report.files_in_all} files" if report.files_in_all else f"{report.pages} pages"
    return f"{report.provider}: {files}, {report.rows} rows{wait}"
