"""Nothing secret in the log records of pierre_data."""

from __future__ import annotations

import logging
import traceback
from collections import deque

from pierre_data.http import redact
from pierre_data.secret import Secret

_ROOT = "pierre_data"


class RedactingFilter(logging.Filter):
    """Rewrites messages and tracebacks: what is or looks like a secret becomes ``[redacted]``."""

    def __init__(self) -> None:
        super().__init__()
        self._known: deque[Secret] = deque(maxlen=64)

    def know(self, *secrets: Secret | None) -> None:
        """Take these out of every later record, however they are spelled around; the latest 64 are remembered."""
        self._known.extend(secret for secret in secrets if secret and secret not in self._known)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record in place; keeps all of them."""
        known = [secret.reveal() for secret in tuple(self._known)]
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            message = str(record.msg)
        record.msg, record.args = redact(message, known), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip(), known)
            record.exc_info = None
        return True


#: The filter of this process, as loggers are the process's.
FILTER = RedactingFilter()


def redact_logs() -> None:
    """Attach the filter to every logger under ``pierre_data``, as one does not see what its children log."""
    names = [name for name in logging.Logger.manager.loggerDict if name.startswith(f"{_ROOT}.")]
    for name in (_ROOT, *names):
        logging.getLogger(name).addFilter(FILTER)
