"""Drive a plan: send its requests, hand out the pages in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue

from pierre_data.errors import Cancelled, PayloadError
from pierre_data.fetch.parse import Parsed
from pierre_data.spi import Page, ParallelPlans, Plan, Prefetch, Request, Rows

_Pages = SimpleQueue[Parsed | BaseException | None]


@dataclass(frozen=True, slots=True)
class Driver:
    """What all plans of one question share.

    `send` answers one request (with a `Page` alone when the plan asked for the raw body), `read` takes the rows a
    plan made itself, `check` is called before each request, from several threads, and raises to stop.  `stop` is set
    when the walk ends early: whoever sends can give up then.  A page that is asked for twice is a PayloadError: the
    vendor's paging would go round for ever.
    """

    send: Callable[[Request], Parsed | Page]
    read: Callable[[Rows], Parsed]
    check: Callable[[], None]
    in_flight: int = 1
    stop: threading.Event = field(default_factory=threading.Event)
    asked: set[object] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, plan: Plan, in_flight: int | None = None) -> Iterator[Parsed]:
        """Run a plan to its end, and yield each page as it arrives, in the order of the requests."""
        page: Page | None = None
        try:
            while True:
                self.check()
                try:
                    step = plan.send(page)
                except StopIteration:
                    return
                page = None
                if isinstance(step, Rows):
                    yield self.read(step)
                elif isinstance(step, Prefetch):
                    yield from self._prefetched(step, in_flight or self.in_flight)
                elif isinstance(step, ParallelPlans):
                    yield from self._side_by_side(step.plans)
                else:
                    self._admit(step)
                    answer = self.send(step)
                    page = answer.page if isinstance(answer, Parsed) else answer
                    if isinstance(answer, Parsed):
                        yield answer
        finally:
            plan.close()

    def _admit(self, request: Request) -> None:
        self.check()
        if self.stop.is_set():
            raise Cancelled("Another part of the fetch ended it.", "Ask again.")
        identity = request.identity()
        with self.lock:
            again = identity in self.asked
            self.asked.add(identity)
        if again:
            raise PayloadError(
                f"The vendor's paging leads back to a page of {request.path} that was already read.",
                "What came before it was kept; report it to the provider's author.",
                path=request.path,
            )

    @contextmanager
    def _pool(self, size: int, name: str) -> Iterator[ThreadPoolExecutor]:
        """A pool that nobody waits for long: an error or Ctrl-C stops what is in flight."""
        pool = ThreadPoolExecutor(size, thread_name_prefix=name)
        try:
            yield pool
        except BaseException:
            self.stop.set()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _prefetched(self, prefetch: Prefetch, in_flight: int) -> Iterator[Parsed]:
        """Keep so many requests in flight until a page is the last."""
        with self._pool(in_flight, "pierre-page") as pool:

            def submitted(count: int) -> Iterator[Future[Parsed | Page]]:
                for request in islice(prefetch.requests, count):
                    self._admit(request)
                    yield pool.submit(self.send, request)

            waiting = deque(submitted(in_flight))
            while waiting:
                answer = waiting.popleft().result()
                page = answer.page if isinstance(answer, Parsed) else answer
                last = prefetch.ends(page)
                if not last:
                    waiting.extend(submitted(1))
                if isinstance(answer, Parsed):
                    yield answer
                if last:
                    return

    def _side_by_side(self, plans: Iterator[Plan]) -> Iterator[Parsed]:
        """Run so many plans at once; hand their pages out in the order of the plans, each as it arrives."""

        def walk(plan: Plan, pages: _Pages) -> None:
            end: BaseException | None = None
            try:
                for parsed in self.run(plan, 1):
                    pages.put(parsed)
            except BaseException as error:  # noqa: BLE001 - raised again where the pages are handed out
                end = error
            pages.put(end)

        with self._pool(self.in_flight, "pierre-walk") as pool:

            def started(count: int) -> Iterator[_Pages]:
                for plan in islice(plans, count):
                    pages: _Pages = SimpleQueue()
                    pool.submit(walk, plan, pages)
                    yield pages

            running = deque(started(self.in_flight))
            while running:
                arrived = running[0].get()
                if isinstance(arrived, Parsed):
                    yield arrived
                elif arrived is not None:
                    raise arrived
                else:
                    running.popleft()
                    running.extend(started(1))
