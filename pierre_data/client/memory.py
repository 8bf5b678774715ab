"""Answers of this process, given again while they are still true."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import pandas as pd

from pierre_data.cache import Store
from pierre_data.fetch import Report

_MOST = 32


@dataclass(frozen=True, slots=True)
class _Answer:
    version: tuple[int, ...]
    good_until: float
    frame: pd.DataFrame
    report: Report


class Memory:
    """Remembers complete answers; one is good while nobody wrote to the store and nothing in it expired.

    Parameters
    ----------
    store : Store
        Whose version tells about writes, also of other processes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, question: Hashable) -> tuple[pd.DataFrame, Report] | None:
        """Return the frame (a copy that shares memory until written to) and its report, or None."""
        with self._lock:
            answer = self._answers.get(question)
        if answer is None or time.time() >= answer.good_until or self._store.version() != answer.version:
            return None
        return answer.frame.copy(deep=False), answer.report

    def version(self) -> tuple[int, ...]:
        """Return the store's version, to be taken before an answer is put together."""
        return self._store.version()

    def put(self, question: Hashable, frame: pd.DataFrame, report: Report, version: tuple[int, ...]) -> None:
        """Remember an answer if it is complete, and nobody wrote while it was put together."""
        good_until = min((p.good_until for p in report.providers), default=0.0)
        if not report.complete or good_until <= time.time() or self._store.version() != version:
            return
        answer = _Answer(version, good_until, frame.copy(deep=False), report)
        with self._lock:
            self._answers[question] = answer
            self._answers.move_to_end(question)
            while len(self._answers) > _MOST:
                self._answers.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._answers.clear()
