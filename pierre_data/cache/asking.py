"""How a provider is asked: any provider in one way, and one missing period once however many ask for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from pierre_data.errors import PierreError
from pierre_data.fetch import Batch, FetchContext, cut
from pierre_data.fetch.provider import provider_broken
from pierre_data.spi import FitnessProvider, Page, Query

#: So often who waits for another's fetch looks at the own cancel event, in seconds.
_LOOK_S = 0.1


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
    """Yield the rows a query asks for, of a provider with `batches` or `frame` alone.

    Whatever its own code raises becomes its ProviderBroken.
    """
    try:
        if isinstance(provider, BatchProvider):
            yield from provider.batches(query, context)
            return
        context.check()
        table = query.table.to_arrow(query.table.conform(provider.frame(query)))
        rows = cut(table, query.table, query.after, query.before)
        context.arrived(rows.num_rows, ())
        yield Batch(rows, Page(table.num_rows))
    except PierreError:
        raise
    except Exception as error:  # of third-party code
        raise provider_broken(context.report.provider, error) from error


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
