"""How patient we are: limits, what is repeated after which pause, and the vendor's Retry-After."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from pierre_data.errors import ApiError, ConfigurationError, NetworkError, PierreError, RateLimited

# No wait is longer than a year: keeps a vendor's absurd number printable and addable to a clock.
_LONGEST_S = 366 * 86_400.0
_TRANSIENT = frozenset({500, 502, 503, 504})


@dataclass(frozen=True)
class ResilienceConfig:
    """Limits of one request; the defaults are those of the original system.

    `timeout_s` is one attempt, from the DNS question to the last byte; `deadline_s` all attempts and waits, by default
    ``(max_retries + 1) * timeout_s + max_wait_s``.  `jitter` is the largest fraction added to a pause, `max_body_bytes`
    the largest decoded body, `max_ratio` its largest ratio to what was received, beyond the first 16 MB.
    ConfigurationError where a value makes no sense.
    """

    max_retries: int = 3
    base_delay_s: float = 0.1
    max_delay_s: float = 5.0
    jitter: float = 0.1
    timeout_s: float = 30.0
    deadline_s: float | None = None
    max_body_bytes: int = 256 * 2**20
    max_ratio: float = 200.0

    def __post_init__(self) -> None:
        for name in ("max_retries", "base_delay_s", "max_delay_s", "jitter"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}.", "Use a number from 0 up.")
        for name in ("timeout_s", "max_body_bytes", "max_ratio", "deadline_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}.", "Use a number above 0.")

    def repeats(self, error: BaseException, max_wait_s: float) -> bool:
        """Whether another attempt makes sense: a broken line, a transient 5xx, or a wait that is known and short."""
        if not isinstance(error, PierreError) or not error.retryable or (error.retry_after or 0.0) > max_wait_s:
            return False
        if isinstance(error, RateLimited):
            return error.retry_after is not None
        return isinstance(error, NetworkError) or (isinstance(error, ApiError) and error.status in _TRANSIENT)

    def wait_s(self, error: PierreError, retry: int) -> float:
        """Seconds before retry number `retry` (from 1): the vendor's wish, at least the back-off.

        The back-off is ``min(base * 2**(retry - 1) * (1 + jitter * U), max)``, U at random in [0, 1).
        """
        pause = self.base_delay_s * 2.0 ** min(retry - 1, 64) * (1 + self.jitter * random.random())
        return max(error.retry_after or 0.0, min(pause, self.max_delay_s))


DEFAULT_RESILIENCE = ResilienceConfig()


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds the vendor asks to wait, from Retry-After in seconds or as an HTTP date (RFC 9110, 10.2.3).

    A date is measured against the answer's own Date header when there is one, so a wrong local clock does no harm;
    `now` is that clock, seconds since 1970 UTC.  0 for a moment that has passed, at most 366 days; None when there is
    no Retry-After or it cannot be read.

    Examples
    --------
    >>> from pierre_data.spi import Headers
    >>> retry_after_s(Headers([("Retry-After", "37")]), 0.0)
    37.0
    >>> retry_after_s(Headers([("Retry-After", "Thu, 01 Jan 1970 00:01:00 GMT")]), 15.0)
    45.0
    >>> retry_after_s(Headers([("Retry-After", "soon")]), 0.0) is None
    True
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.removeprefix("-").replace(".", "", 1).isdecimal():
        seconds = float(text)
    elif (moment := _timestamp(text)) is not None:
        seconds = moment - (_timestamp(headers.get("date", "")) or now)
    else:
        return None
    return min(max(seconds, 0.0), _LONGEST_S)


def _timestamp(text: str) -> float | None:
    """An HTTP date as seconds since 1970 UTC; a date without a zone is UTC."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
