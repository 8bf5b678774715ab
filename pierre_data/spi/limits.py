"""How much a vendor answers, and how it says what is left of that."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from pierre_data.errors import QuotaExceeded, RateLimited, SchemaError
from pierre_data.spi.messages import Response

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many requests in a window.

    Examples
    --------
    >>> RateLimit(100, minutes=15).seconds
    900.0
    """

    requests: int
    seconds: float = 0.0

    def __init__(
        self, requests: int, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        total = dt.timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days).total_seconds()
        if requests < 1 or total <= 0:
            raise SchemaError(
                "A RateLimit needs at least one request and a window.", "Write RateLimit(100, minutes=15)."
            )
        object.__setattr__(self, "requests", requests)
        object.__setattr__(self, "seconds", total)


@dataclass(frozen=True, slots=True)
class LimitHeaders:
    """Headers in which a vendor says how much of its limits is used.

    `limit`: requests per window, ``100,1000`` in the order of the descriptor's limits; or the limit in force and then
    all, ``100, 100;window=60, 10000;window=86400``. `reset`: seconds until the window in force ends. `calendar`:
    windows end at the multiples of their length since 1970 UTC: each quarter of an hour, each midnight.

    Examples
    --------
    >>> headers, limits = LimitHeaders("x-limit", "x-usage"), [RateLimit(100, minutes=15), RateLimit(1000, days=1)]
    >>> headers.window({"x-limit": "100,1000", "x-usage": "3,1000"}, limits).seconds
    86400.0
    """

    limit: str
    usage: str = ""
    remaining: str = ""
    reset: str = ""
    calendar: bool = False

    def window(self, headers: Mapping[str, str], limits: Sequence[RateLimit]) -> RateLimit | None:
        """Return the longest window that is used up; the first one where the headers do not say."""
        text = headers.get(self.limit, "")
        if named := re.match(r"(\d+),.*?\b\1;window=(\d+)", text):
            return next((window for window in limits if window.seconds == float(named[2])), None)
        names = (self.limit, self.usage, self.remaining)
        most, used, left = (re.findall(r"\d+", headers.get(name, "")) for name in names)
        over = [w for w, m, u in zip(limits, most, used, strict=False) if int(u) >= int(m)]
        over += [w for w, n in zip(limits, left, strict=False) if int(n) == 0]
        return max(over or limits[:1], key=lambda window: window.seconds, default=None)

    def fault(self, response: Response, name: str, limits: Sequence[RateLimit]) -> RateLimited:
        """Return what a response of status 429 means."""
        window, reset = self.window(response.headers, limits), response.headers.get(self.reset, "")
        span, wait = window.seconds if window else 60.0, None
        if re.fullmatch(r"\d{1,6}(\.\d+)?", reset):
            wait = float(reset)
        elif self.calendar:
            wait = span - response.at.timestamp() % span + 1
        after = "later" if wait is None else f"in {wait:.0f} s" if wait < 120 else f"in {ceil(wait / 60)} minutes"
        return (QuotaExceeded if span >= _DAY_S else RateLimited)(
            f"{name}'s {'daily' if span >= _DAY_S else f'{span / 60:g}-minute'} limit is used up.",
            f"Ask again {after}; what had arrived is in the cache.",
            retry_after=wait,
        )
