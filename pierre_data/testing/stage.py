"""The stage a provider is checked on: its payloads behind a server, settings, and questions to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

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
from pierre_data.testing.answers import Seen
from pierre_data.testing.replay import ReplayServer

#: A token that must never be seen again.
CANARY = "canary-2b7e151628aed2a6"
_ONCE = ResilienceConfig(max_retries=0, timeout_s=20.0)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an answer was made of."""

    frame: pd.DataFrame
    report: ProviderReport
    requests: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """A descriptor, the server its vendor is played by, and how its providers are made.

    Parameters
    ----------
    descriptor : ProviderDescriptor
        Who is checked.
    server : ReplayServer, optional
        None for providers without network.
    factory : callable, optional
        Makes the provider; a `DescriptorProvider` when omitted.
    options : mapping
        Values of the descriptor's options.
    now : datetime
        The clock of every question.
    budget : int
        Requests after which a walk counts as endless.
    """

    descriptor: ProviderDescriptor
    server: ReplayServer | None = None
    factory: ProviderFactory | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    budget: int = 5000

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
            made: FitnessProvider = DescriptorProvider(self.descriptor, config, resilience=_ONCE)
        else:
            made = from_factory(self.factory, self.descriptor, config)
            if config.access_token is not None:
                made.set_credentials(Credentials(config.access_token))
        try:
            yield made
        finally:
            made.disconnect()

    def fetch(
        self, table: Table, after: dt.datetime | None = None, before: dt.datetime | None = None, id: str | None = None
    ) -> Fetched:
        """Ask one question.

        Raises
        ------
        PayloadError
            The walk does not end.
        PierreError
            What the provider raises.
        """
        with self.provider() as provider:
            return self.ask(provider, Query(table, after, before, id, now=self.now))

    def ask(self, provider: FitnessProvider, query: Query) -> Fetched:
        """Ask a provider one question, and stop a walk that does not end."""
        seen = len(self.server.requests) if self.server else 0
        context = FetchContext(ProviderReport(provider.name, query.table.name))
        if self.server is not None:
            self.server.fail("*", 500, times=10**9, after=self.budget)
        try:
            frame = self._frame(provider, query, context)
        finally:
            if self.server is not None:
                self.server.recover()
                if len(self.server.requests) - seen > self.budget:
                    raise PayloadError(f"The walk did not end within {self.budget} requests.")
        return Fetched(frame, context.report, tuple(self.server.requests[seen:]) if self.server else ())

    def _frame(self, provider: FitnessProvider, query: Query, context: FetchContext) -> pd.DataFrame:
        batches = getattr(provider, "batches", None)
        if batches is None:
            return provider.frame(query)
        pieces = []
        for count, batch in enumerate(batches(query, context)):
            if count > self.budget:
                raise PayloadError(f"The walk did not end within {self.budget} pages.")
            pieces.append(batch.table)
        return query.table.from_arrow(pieces)

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


def label(table: Table, single: bool) -> str:
    """Return how reports write a table, or a single object's.

    Examples
    --------
    >>> from pierre_data.schema import LAPS
    >>> label(LAPS, True)
    'laps/{id}'
    """
    return f"{table.name}/{{id}}" if single else table.name
