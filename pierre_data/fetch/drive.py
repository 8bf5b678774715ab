"""Drive a plan: send its requests, parse the answers, hand out batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pierre_data.errors import PayloadError
from pierre_data.fetch.parse import Parsed
from pierre_data.spi import Page, Plan, Request, Rows

Send = Callable[[Request], Parsed | Page]


def drive(plan: Plan, send: Send, own: Callable[[Rows], Parsed], check: Callable[[], None]) -> Iterator[Parsed]:
    """Run a plan to its end.

    Parameters
    ----------
    plan : generator
        Yields requests or rows, is sent pages.
    send : callable
        Answers one request; with a `Page` alone when the plan asked for the raw body.
    own : callable
        Reads the rows a plan made itself.
    check : callable
        Called before each request; raises to stop.

    Yields
    ------
    Parsed
        As each page arrives.

    Raises
    ------
    PayloadError
        The vendor's paging asks for a page a second time: it would go round for ever.
    """
    seen: set[Any] = set()
    answer: Any = None
    try:
        while True:
            check()
            try:
                wanted = plan.send(answer)
            except StopIteration:
                return
            if isinstance(wanted, Rows):
                parsed = own(wanted)
                answer = None
                yield parsed
                continue
            requests = wanted if isinstance(wanted, tuple) else (wanted,)
            for request in requests:
                _once(request, seen)
            answers = []
            for got in _sent(requests, send):
                answers.append(got.page if isinstance(got, Parsed) else got)
                if isinstance(got, Parsed):
                    yield got
            answer = tuple(answers) if isinstance(wanted, tuple) else answers[0]
    finally:
        plan.close()


def _sent(requests: tuple[Request, ...], send: Send) -> Iterator[Parsed | Page]:
    if len(requests) == 1:
        yield send(requests[0])
        return
    with ThreadPoolExecutor(len(requests), thread_name_prefix="pierre-page") as pool:
        futures = [pool.submit(send, request) for request in requests]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
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
