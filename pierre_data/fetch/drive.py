"""Drive a plan: send its requests, parse the answers, hand out batches."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from queue import SimpleQueue
from typing import Any

from pierre_data.errors import Cancelled, PayloadError
from pierre_data.fetch.parse import Parsed
from pierre_data.spi import Page, ParallelPlans, Plan, Prefetch, Request, Rows

Send = Callable[[Request], Parsed | Page]
_Told = SimpleQueue[Parsed | BaseException | None]


@dataclass(frozen=True, slots=True)
class _Means:
    """What all walks of one question share."""

    send: Send
    own: Callable[[Rows], Parsed]
    check: Callable[[], None]
    in_flight: int
    seen: set[Any] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def admitted(self, requests: Iterator[Request]) -> Iterator[Request]:
        """Pass requests on, each once."""
        for request in requests:
            self.check()
            identity = request.identity()
            with self.lock:
                again = identity in self.seen
                self.seen.add(identity)
            if again:
                raise PayloadError(
                    f"The vendor's paging leads back to a page of {request.path} that was already read.",
                    "What came before it was kept; report it to the provider's author.",
                    path=request.path,
                )
            yield request


def drive(
    plan: Plan,
    send: Send,
    own: Callable[[Rows], Parsed],
    check: Callable[[], None],
    in_flight: int = 1,
) -> Iterator[Parsed]:
    """Run a plan to its end.

    Parameters
    ----------
    plan : generator
        Yields requests, sweeps, walks or rows; is sent pages.
    send : callable
        Answers one request; with a `Page` alone when the plan asked for the raw body.
    own : callable
        Reads the rows a plan made itself.
    check : callable
        Called before each request, from several threads; raises to stop.
    in_flight : int
        Requests at once.

    Yields
    ------
    Parsed
        As each page arrives, in the order of the requests.

    Raises
    ------
    PayloadError
        The vendor's paging asks for a page a second time: it would go round for ever.
    """
    yield from _run(plan, _Means(send, own, check, in_flight))


def _run(plan: Plan, means: _Means) -> Iterator[Parsed]:
    answer: Page | None = None
    try:
        while True:
            means.check()
            try:
                wanted = plan.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(wanted, Rows):
                yield means.own(wanted)
            elif isinstance(wanted, Prefetch):
                yield from _swept(means.admitted(wanted.requests), wanted.ends, means.send, means.in_flight)
            elif isinstance(wanted, ParallelPlans):
                yield from _walked(wanted.plans, means)
            else:
                got = means.send(next(means.admitted(iter([wanted]))))
                answer = got.page if isinstance(got, Parsed) else got
                if isinstance(got, Parsed):
                    yield got
    finally:
        plan.close()


def _walked(plans: Iterator[Plan], means: _Means) -> Iterator[Parsed]:
    """Run so many plans side by side; hand their pages out in the order of the plans, each as it arrives."""
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Cancelled("Another part of the fetch ended it.", "Ask again.")
        means.check()

    def walk(plan: Plan, told: _Told) -> None:
        end: BaseException | None = None
        try:
            for parsed in _run(plan, replace(means, check=check, in_flight=1)):
                told.put(parsed)
        except BaseException as error:  # noqa: BLE001 - raised again where the pages are handed out
            end = error
        told.put(end)

    def started() -> Iterator[_Told]:
        for plan in plans:
            told: _Told = SimpleQueue()
            pool.submit(walk, plan, told)
            yield told

    with ThreadPoolExecutor(means.in_flight, thread_name_prefix="pierre-walk") as pool:
        more = started()
        try:
            running = deque(islice(more, means.in_flight))
            while running:
                got = running[0].get()
                if isinstance(got, Parsed):
                    yield got
                elif got is not None:
                    raise got
                else:
                    running.popleft()
                    running.extend(islice(more, 1))
        finally:
            stop.set()


def _swept(requests: Iterator[Request], ends: Callable[[Page], bool], send: Send, in_flight: int) -> Iterator[Parsed]:
    """Keep so many requests in flight; hand their answers out in order until one is the last."""
    with ThreadPoolExecutor(in_flight, thread_name_prefix="pierre-page") as pool:
        waiting: deque[Future[Parsed | Page]] = deque()
        try:
            waiting.extend(pool.submit(send, request) for request in islice(requests, in_flight))
            while waiting:
                got = waiting.popleft().result()
                page = got.page if isinstance(got, Parsed) else got
                last = ends(page)
                if not last:
                    waiting.extend(pool.submit(send, request) for request in islice(requests, 1))
                if isinstance(got, Parsed):
                    yield got
                if last:
                    return
        finally:
            for future in waiting:
                future.cancel()
