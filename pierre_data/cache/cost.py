"""What a question would cost, before it is asked."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pierre_data.cache.periods import Period, Window
from pierre_data.schema import Table
from pierre_data.spi import DateWindows, Endpoint, ProviderDescriptor

#: For an account nothing is known of yet: a row a day, and histories of ten years.
_ROWS_PER_DAY = 1.0
_HISTORY_DAYS = 3_650.0
_SECONDS_PER_REQUEST = 0.5


@dataclass(frozen=True, slots=True)
class Estimate:
    """What asking one provider would cost: about so many requests and seconds, the vendor's limits included."""

    provider: str
    requests: int = 0
    cached_periods: int = 0
    missing_periods: int = 0
    cached_rows: int = 0
    seconds: float = 0.0


def expected_cost(
    descriptor: ProviderDescriptor,
    table: Table,
    missing: Sequence[Window],
    fresh: Mapping[Period, int],
    now: dt.datetime,
) -> Estimate:
    """Return what fetching the missing windows would cost; rows of fresh periods say how many to expect."""
    days = sum(_days(p.start, p.end, now) for p in fresh)
    density = sum(fresh.values()) / days if days > 30 else _ROWS_PER_DAY
    requests = sum(_requests(descriptor.endpoint(table), window, density, now) for window in missing)
    seconds = requests * _SECONDS_PER_REQUEST / max(descriptor.in_flight, 1)
    # So long the vendor's limits make so many requests take, when their windows begin now.
    waits = [math.ceil(requests / limit.requests - 1) * limit.seconds for limit in descriptor.limits if requests]
    seconds += max(waits, default=0.0)
    periods = sum(len(w.periods) for w in missing)
    return Estimate(descriptor.name, requests, len(fresh), periods, sum(fresh.values()), round(seconds, 1))


def _requests(endpoint: Endpoint, window: Window, density: float, now: dt.datetime) -> int:
    if isinstance(endpoint.paging, DateWindows):
        end = min(window.before, now + dt.timedelta(days=1))
        return len(endpoint.paging.windows(window.after, end, now))
    size = getattr(endpoint.paging, "size", None)
    # One more for lists that end on an empty page; a short last page is not always enough.
    return math.ceil(_days(window.after, window.before, now) * density / int(size)) + 1 if size else 1


def _days(after: dt.datetime | None, before: dt.datetime, now: dt.datetime) -> float:
    if after is None or after.year < 2000:
        return _HISTORY_DAYS
    return max((min(before, now) - after) / dt.timedelta(days=1), 0.0)
