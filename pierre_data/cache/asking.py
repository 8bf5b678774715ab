"""How a provider is asked: any provider in one way, and one missing period once however many ask for it."""

from __future__ import annotations

import os
import threading
import time
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
        self._process, self._changed = os.getpid(), threading.Condition()
        self._claims: dict[object, tuple[int, set[str]]] = {}

    @contextmanager
    def claim(self, names: set[str], context: FetchContext) -> Iterator[bool]:
        """Wait for whoever fetches some of the same, then fetch them; gives whether there was a wait.

        Nobody waits twice, nor longer than for a vendor's limit: when the other has failed or hangs, the rest go on
        side by side.  Who asks from inside a fetch of its own does not wait for itself.
        """
        if self._process != os.getpid():  # forked: the threads of the parent fetch nothing here
            self._process, self._changed, self._claims = os.getpid(), threading.Condition(), {}
        mine, thread, until = object(), threading.get_ident(), time.monotonic() + max(context.max_wait_s, 60.0)
        with self._changed:
            others = {c for c, (who, theirs) in self._claims.items() if theirs & names and who != thread}
            while others & self._claims.keys() and time.monotonic() < until:
                context.check()
                self._changed.wait(_LOOK_S)
            self._claims[mine] = (thread, names)
        try:
            yield bool(others)
        finally:
            with self._changed:
                self._claims.pop(mine, None)
                self._changed.notify_all()
