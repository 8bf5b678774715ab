"""Drive a plan: send its requests, parse the answers, hand out batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from pierre_data.errors import PayloadError
from pierre_data.fetch.parse import Parsed
from pierre_data.spi import Page, Plan, Request, Rows, Sweep

Send = Callable[[Request], Parsed | Page]


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
        Yields requests, sweeps or rows; is sent pages.
    send : callable
        Answers one request; with a `Page` alone when the plan asked for the raw body.
    own : callable
        Reads the rows a plan made itself.
    check : callable
        Called before each request; raises to stop.
    in_flight : int
        Requests of a sweep at once.

    Yields
    ------
    Parsed
        As each page arrives, in the order of the requests.

    Raises
    ------
    PayloadError
        The vendor's paging asks for a page a second time: it would go round for ever.
    """
    seen: set[Any] = set()
    answer: Page | None = None

    def admitted(requests: Iterator[Request]) -> Iterator[Request]:
        for request in requests:
            check()
            _once(request, seen)
            yield request

    try:
        while True:
            check()
            try:
                wanted = plan.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(wanted, Rows):
                yield own(wanted)
            elif isinstance(wanted, Sweep):
                yield from _swept(admitted(wanted.requests), wanted.ends, send, in_flight)
            else:
                got = send(next(admitted(iter([wanted]))))
                answer = got.page if isinstance(got, Parsed) else got
                if isinstance(got, Parsed):
                    yield got
    finally:
        plan.close()


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


def _once(request: Request, seen: set[Any]) -> None:
    identity = request.identity()
    if identity in seen:
        raise PayloadError(
            f"The vendor's paging leads back to a page of {request.path} that was already read.",
            "What came before it was kept; report it to the provider's author.",
            path=request.path,
        )
    seen.add(identity)
