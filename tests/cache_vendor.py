"""A provider written by hand, whose every page is counted, and a clock that goes where it is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pierre_data.cache import CachingProvider, MemoryStore, Store
from pierre_data.fetch import Batch, FetchContext, cut, parse_rows
from pierre_data.schema import ACTIVITIES, Table
from pierre_data.spi import (
    Endpoint,
    Field,
    FitnessProvider,
    Page,
    ProviderConfig,
    ProviderDescriptor,
    Query,
    Rows,
    Terms,
)

UTC = dt.UTC
DAY = 86_400.0


def instant(text: str) -> dt.datetime:
    """Read a time of UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


class Clock:
    """Says what it was told last."""

    def __init__(self, text: str = "2026-11-25T09:00:00") -> None:
        self.seconds = instant(text).timestamp()

    def __call__(self) -> float:
        return self.seconds

    def forward(self, **how_long: float) -> None:
        """Go forward by days, hours ..., or back."""
        self.seconds += dt.timedelta(**how_long).total_seconds()


@dataclass
class Vendor(FitnessProvider):
    """Lists rows as a vendor with numbered pages does, and ends on an empty page; every page is noted in `asked`.

    `items` are id -> start and name; `on_page` is called with each page's number before it is answered.
    """

    items: dict[str, tuple[str, str]]
    size: int = 10
    table: Table = ACTIVITIES
    ignores_windows: bool = False
    order: Callable[[list[str]], list[str]] | None = None
    on_page: Callable[[int], object] = lambda _: None
    asked: list[tuple[dt.datetime | None, dt.datetime | None]] = field(default_factory=list)
    name = "acme"
    config = ProviderConfig("acme")

    def frame(self, query: Query) -> pd.DataFrame:
        """Not used: `batches` is there."""
        raise NotImplementedError

    def batches(self, query: Query, watch: FetchContext) -> Iterator[Batch]:
        """Yield pages."""
        ids = self._ids(query)
        for at in range(0, len(ids) + self.size, self.size):
            watch.check()
            self.asked.append((query.after, query.before))
            self.on_page(len(self.asked))
            part = ids[at : at + self.size]
            watch.report.pages += 1
            rows = parse_rows(Rows(self._columns(part)), self.table, self.name)
            table = rows.table if self.ignores_windows else cut(rows.table, self.table, query.after, query.before)
            watch.arrived(table.num_rows, rows.rejected)
            times = [instant(self.items[i][0]) for i in part]
            yield Batch(table, Page(len(part), None, min(times, default=None), max(times, default=None)))
            if not part:
                return

    def _ids(self, query: Query) -> list[str]:
        if query.id is not None:
            return [i for i in self.items if i == query.id]
        bounds = (query.after, query.before) if not self.ignores_windows else (None, None)
        ids = [
            i
            for i, (start, _) in self.items.items()
            if (bounds[0] is None or instant(start) >= bounds[0]) and (bounds[1] is None or instant(start) < bounds[1])
        ]
        ids.sort(key=lambda i: self.items[i][0], reverse=True)
        return self.order(ids) if self.order else ids

    def _columns(self, ids: list[str]) -> Mapping[str, Any]:
        times = [instant(self.items[i][0]) for i in ids]
        made: dict[str, Any] = {}
        for column in self.table.required + (("name",) if "name" in self.table.columns else ()):
            if column == "name":
                made[column] = [self.items[i][1] for i in ids]
            elif column == self.table.time:
                wall = column in ("day", "date")
                made[column] = [t.replace(tzinfo=None) if wall else t for t in times]
            elif column in ("id", "sleep_id", "effort_id"):
                made[column] = ids
            elif column in ("sport", "stage", "metric"):
                made[column] = [{"sport": "run", "stage": "deep", "metric": "weight_kg"}[column]] * len(ids)
            elif column == "end_time":
                made[column] = [t + dt.timedelta(hours=8) for t in times]
            elif column != "provider":
                made[column] = [60.0] * len(ids)
        return made


def described(table: Table = ACTIVITIES, *, keep_days: float | None = None, **endpoint: Any) -> ProviderDescriptor:
    """Return what a vendor of one table says of itself."""
    fields = endpoint.pop("fields", None) or {n: Field(n) for n in table.required if n != "provider"}
    made = Endpoint("/list", fields, **({"newest_first": True} | endpoint))
    keep = None if keep_days is None else dt.timedelta(days=keep_days)
    terms = Terms("https://acme.example/terms", keep=keep)
    return ProviderDescriptor(
        name="acme",
        display_name="Acme",
        api_base_url="https://api.acme.example",
        endpoints={table: made},
        details={table: made},
        terms=terms,
    )


def kept(vendor: Vendor, clock: Clock, store: Store | None = None, **how: Any) -> CachingProvider:
    """Return the vendor behind a cache."""
    more = {n: how.pop(n) for n in ("offline", "ttl", "user") if n in how}
    descriptor = described(vendor.table, **how)
    return CachingProvider(vendor, store or MemoryStore(), descriptor, now=clock, **more)


def monthly(months: int, each: int = 1, *, end: str = "2026-11") -> dict[str, tuple[str, str]]:
    """Return so many rows on different days of each of the months before and with `end`."""
    year, month = map(int, end.split("-"))
    found = {}
    for back in range(months):
        at = dt.datetime(year + (month - 1 - back) // 12, (month - 1 - back) % 12 + 1, 1)
        for nth in range(each):
            found[f"{at:%Y%m}{nth:02d}"] = (f"{at + dt.timedelta(days=nth):%Y-%m-%d}T06:00:00", "Morning")
    return found
