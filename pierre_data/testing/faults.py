"""Errors of the vendor, played to a provider: each must arrive as its own kind, and nothing may leak."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from pierre_data.errors import (
    AccessDenied,
    ApiError,
    AuthenticationFailed,
    NotFound,
    PierreError,
    ProviderRetired,
    RateLimited,
)
from pierre_data.schema import Table
from pierre_data.testing.findings import Findings
from pierre_data.testing.stage import CANARY, Stage, cell_name

#: Status -> what it must be.
KINDS: dict[int, type[PierreError]] = {
    401: AuthenticationFailed,
    403: AccessDenied,
    404: NotFound,
    410: ProviderRetired,
    429: RateLimited,
    500: ApiError,
    503: ApiError,
}
#: What vendors have put into the bodies of errors; none may confuse a provider's `faults`.
_MESSAGE = f"Bearer {CANARY} is not valid"
BODIES = (b"", b'{"message": "%s", "errors": "text"}' % _MESSAGE.encode(), b"[null]", b"<html>down</html>", b"\xff{")


def check_faults(stage: Stage, table: Table, id: str | None, odd_bodies: bool, findings: Findings) -> bool:
    """Answer a question with every status, and look at what arrives; returns whether it needed the network at all."""
    name, server = cell_name(table, id is not None), stage.server
    if server is None:
        return False
    # An author's factory decides itself how often to try again: one body, or this takes long.
    bodies = BODIES if odd_bodies and stage.factory is None else BODIES[1:2]
    for status, kind in KINDS.items():
        for body in bodies:
            asked, error = len(server.requests), None
            server.fail("*", status, body=body, times=10**9)
            try:
                stage.fetch(table, id=id)
            except Exception as raised:  # noqa: BLE001 - whatever an author's code raises is what this looks at
                error = raised
            server.recover()
            if len(server.requests) == asked:
                return False
            if not isinstance(error, kind) or (status == 401 and isinstance(error, AccessDenied)):
                got = f"{type(error).__name__}: {error}"[:120] if error else "no error"
                findings.add(f"{name}: HTTP {status} with body {body[:30]!r} must raise {kind.__name__}, not {got}.")
                break
            if error.provider != stage.descriptor.name:
                findings.add(f"{name}: the error of HTTP {status} does not name its provider.")
            if status >= 500 and not error.retryable:
                findings.add(f"{name}: HTTP {status} passes, so its error must be retryable.")
            if CANARY in visible_text(error):
                findings.add(f"{name}: the token is in the error of HTTP {status}.")
    findings.verified.append("401, 403, 404, 410, 429 and 5xx, with odd bodies, arrive as their own kind of error.")
    return True


def visible_text(error: BaseException) -> str:
    """Return all that a person or a log may see of an error, its causes and its traceback."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


def leaks(frame: pd.DataFrame) -> list[str]:
    """Return the columns of a frame that hold the token."""
    texts = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name].dtype)]
    columns = [name for name in texts if frame[name].str.contains(CANARY, regex=False).fillna(False).any()]
    return [*columns, *(["attrs"] if CANARY in repr(frame.attrs) else [])]


@contextmanager
def all_logs() -> Iterator[io.StringIO]:
    """Collect everything that is logged, at every level."""
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
