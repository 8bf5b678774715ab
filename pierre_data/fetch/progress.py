"""A progress bar that appears only when a fetch takes longer than a second."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

from pierre_data.fetch.report import ProviderReport

_SILENT_S = 1.0


class Progress:
    """Counts pages in a tqdm bar.

    Parameters
    ----------
    show : bool
        False keeps it silent.

    Examples
    --------
    >>> with Progress(show=False) as progress:
    ...     progress(ProviderReport("strava", "activities", pages=1))
    """

    def __init__(self, show: bool = True) -> None:
        self._show = show
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Any = None
        self._reports: dict[str, ProviderReport] = {}

    def __call__(self, report: ProviderReport) -> None:
        """Note how far a provider is; from any thread."""
        if not self._show:
            return
        with self._lock:
            self._reports[report.provider] = report
            reports = self._reports.values()
            done = sum(r.pages + r.files for r in reports)
            if self._bar is None:
                if not done or time.monotonic() - self._began < _SILENT_S:
                    return
                from tqdm.auto import tqdm  # heavy in notebooks, so only now

                files = any(r.files_in_all for r in reports)
                self._bar = tqdm(unit=" file" if files else " page", desc="reading" if files else "fetching")
            self._bar.total = sum(r.files_in_all for r in reports) or None
            self._bar.set_postfix_str(", ".join(f"{r.provider}: {r.rows} rows" for r in reports), refresh=False)
            self._bar.update(done - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
