"""How a provider is asked: any provider in one way, and one missing period once however many ask for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import pandas as pd

from pierre_data import schema
from pierre_data.errors import PierreError, ProviderBroken
from pierre_data.fetch import Batch, FetchContext, cut
from pierre_data.spi import FitnessProvider, Page, Query

#: So often who waits for another's fetch looks at the own cancel event, in seconds.
_LOOK_S = 0.1

#: Table -> the method of `FitnessProvider` that answers it for a window, for everything, or for one id.
_WINDOWED = {
    schema.ACTIVITIES.name: "activities",
    schema.SLEEP.name: "sleep_sessions",
    schema.SLEEP_STAGES.name: "sleep_stages",
    schema.RECOVERY.name: "recovery_metrics",
    schema.HEALTH.name: "health_metrics",
}
_SINGLE = {schema.ACTIVITIES.name: "activity"}


@runtime_checkable
class BatchProvider(Protocol):
    """A provider that hands out pages as they come."""

    def batches(self, query: Query, context: FetchContext) -> Iterator[Batch]:
        """Yield the rows a query asks for, page by page."""


@runtime_checkable
class Closeable(Protocol):
    """A provider with connections to close."""

    def close(self) -> None:
        """Close them; the next request opens new ones."""


def batches(provider: FitnessProvider, query: Query, context: FetchContext) -> Generator[Batch, None, None]:
    """Yield the rows a query asks for, of a provider with `batches`, `frame` or table methods alone.

    Whatever its code raises becomes this provider's own error: ProviderBroken.
    """
    try:
        if isinstance(provider, BatchProvider):
            yield from provider.batches(query, context)
            return
        context.check()
        table = query.table.to_arrow(query.table.conform(_frame(provider, query)))
        page = Page(table.num_rows)
        rows = cut(table, query.table, query.after, query.before)
        context.arrived(rows.num_rows, ())
        yield Batch(rows, page)
    except PierreError:
        raise
    except Exception as error:  # of third-party code
        raise ProviderBroken(
            f"{context.report.provider} failed at {query.table.name}: {type(error).__name__}: {error}.",
            "Report it to the provider's author.",
            provider=context.report.provider,
        ) from error


def _frame(provider: FitnessProvider, query: Query) -> pd.DataFrame:
    if type(provider).frame is not FitnessProvider.frame:
        return provider.frame(query)
    # A class of table methods; those it does not write say so.
    name = query.table.name
    if query.id is not None:
        frame = getattr(provider, _SINGLE.get(name, name))(query.id)
    elif name in _WINDOWED:
        frame = getattr(provider, _WINDOWED[name])(query.after, query.before)
    else:
        frame = getattr(provider, name)()
    assert isinstance(frame, pd.DataFrame)
    return frame


class InFlight:
    """What is being fetched by threads of this process."""

    def __init__(self) -> None:
        self._process, self._changed, self._claims = os.getpid(), threading.Condition(), list[set[str]]()

    @contextmanager
    def claim(self, names: set[str], context: FetchContext) -> Iterator[bool]:
        """Wait for whoever fetches some of the same, then fetch them; gives whether there was a wait.

        Nobody waits twice: when the other has failed, the rest go on side by side.
        """
        if self._process != os.getpid():  # forked: the threads of the parent fetch nothing here
            self.__init__()  # type: ignore[misc]
        with self._changed:
            others = [claim for claim in self._claims if claim & names]
            while any(any(claim is other for other in others) for claim in self._claims):
                context.check()
                self._changed.wait(_LOOK_S)
            self._claims.append(names)
        try:
            yield bool(others)
        finally:
            with self._changed:
                self._claims = [claim for claim in self._claims if claim is not names]
                self._changed.notify_all()
