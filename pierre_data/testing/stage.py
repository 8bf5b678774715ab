"""The stage a provider is checked on: its payloads behind a server, settings, and questions to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pandas as pd

from pierre_data.errors import PayloadError
from pierre_data.fetch import DescriptorProvider, FetchContext, ProviderReport
from pierre_data.http import ResilienceConfig
from pierre_data.registry.python_provider import from_factory
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.spi import (
    Credentials,
    FitnessProvider,
    Offset,
    PageNumber,
    ProviderConfig,
    ProviderDescriptor,
    ProviderFactory,
    Query,
    Token,
)
from pierre_data.testing.replay import ReplayServer, Seen

#: A token that must never be seen again.
CANARY = "canary-2b7e151628aed2a6"
_ONCE = ResilienceConfig(max_retries=0, timeout_s=20.0)


class Outcome(NamedTuple):
    """What came of a question, and the requests it took."""

    frame: pd.DataFrame
    report: ProviderReport
    requests: Sequence[Seen]


@dataclass(frozen=True, slots=True)
class Stage:
    """A descriptor, the server its vendor is played by (None without network), and how its providers are made.

    `budget` is the requests, or pages, after which a walk counts as endless.
    """

    descriptor: ProviderDescriptor
    server: ReplayServer | None
    factory: ProviderFactory | None
    options: Mapping[str, Any]
    now: dt.datetime
    budget: int
    #: Id -> start of the activities that came in a list: what a client knows when it asks for one of them.
    starts: dict[str, dt.datetime] = field(default_factory=dict)

    def config(self, token: str = CANARY) -> ProviderConfig:
        """Return settings that lead to the server, with a token that it accepts."""
        defaults = {name: option.default for name, option in self.descriptor.options.items()}
        return ProviderConfig(
            self.descriptor.name,
            api_base_url=self.server.url if self.server else "",
            access_token=Secret(token) if self.descriptor.oauth_endpoints else None,
            keys={header: Secret(token) for header in self.descriptor.key_headers},
            options={**defaults, **self.options},
        )

    @contextmanager
    def provider(self, token: str = CANARY) -> Iterator[FitnessProvider]:
        """Make a provider for some questions, and close it."""
        config = self.config(token)
        if self.factory is None:
            provider: FitnessProvider = DescriptorProvider(self.descriptor, config, resilience=_ONCE)
        else:
            provider = from_factory(self.factory, self.descriptor, config)
            if config.access_token is not None:
                provider.set_credentials(Credentials(config.access_token))
        try:
            yield provider
        finally:
            provider.disconnect()

    def fetch(
        self,
        table: Table,
        after: dt.datetime | None = None,
        before: dt.datetime | None = None,
        id: str | None = None,
        token: str = CANARY,
    ) -> Outcome:
        """Ask a new provider one question; whatever it raises comes out, and PayloadError for an endless walk."""
        near = self.starts.get(id) if id is not None else None
        query = Query(table, after, before, id, now=self.now, near=near)
        requests = self.server.requests if self.server else []
        asked = len(requests)
        if self.server is not None:
            self.server.fail("*", 500, times=10**9, after=self.budget)
        try:
            with self.provider(token) as provider:
                context = FetchContext(ProviderReport(provider.name, table.name))
                frame = self._frame(provider, query, context)
        finally:
            if self.server is not None:
                self.server.recover()
                if len(requests) - asked > self.budget:
                    raise PayloadError(f"The walk did not end within {self.budget} requests.")
        return Outcome(frame, context.report, requests[asked:])

    def _frame(self, provider: FitnessProvider, query: Query, context: FetchContext) -> pd.DataFrame:
        batches = getattr(provider, "batches", None)
        if batches is None:  # a class of an author's own owes frames alone
            return provider.frame(query)
        tables = []
        for count, batch in enumerate(batches(query, context)):
            if count > self.budget:
                raise PayloadError(f"The walk did not end within {self.budget} pages.")
            tables.append(batch.table)
        return query.table.from_arrow(tables)

    def paged(self, table: Table, size: int) -> Stage | None:
        """Return the same stage with pages of this many rows; None where the endpoint has no such pages."""
        endpoint = self.descriptor.endpoints.get(table)
        if endpoint is None or not isinstance(endpoint.paging, PageNumber | Offset | Token) or self.factory:
            return None
        endpoints = {**self.descriptor.endpoints, table: replace(endpoint, paging=replace(endpoint.paging, size=size))}
        return replace(self, descriptor=replace(self.descriptor, endpoints=endpoints))


def declared(descriptor: ProviderDescriptor) -> Sequence[tuple[Table, bool]]:
    """Return the tables a descriptor declares, and whether each is a single object's."""
    return [(t, False) for t in descriptor.endpoints] + [(t, True) for t in descriptor.details]


def cell_name(table: Table, single: bool) -> str:
    """Return how reports write a table, or a single object's: laps, laps/{id}."""
    return f"{table.name}/{{id}}" if single else table.name
