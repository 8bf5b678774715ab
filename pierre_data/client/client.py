"""The client: any set of fitness providers as one deduplicated frame."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal, NoReturn, Self

import pandas as pd

from pierre_data import schema
from pierre_data.auth import MemoryTokens, TokenStore
from pierre_data.cache import CachePolicy, MemoryStore, Store, open_store
from pierre_data.cache.namespace import LISTS, PARTS, SINGLES
from pierre_data.client.account_methods import AccountMethods
from pierre_data.client.fetcher import Fetcher
from pierre_data.client.mark_methods import MarkMethods
from pierre_data.client.overrides import OverrideStore
from pierre_data.client.query import (
    ActivityQuery,
    Policy,
    When,
    read_options,
    read_range,
    read_table,
    unknown_word,
    utc_bounds,
)
from pierre_data.client.results import Results
from pierre_data.client.selection import Providers, default_providers, selected
from pierre_data.client.status import HealthBook, health_frame, provider_status
from pierre_data.errors import (
    ConfigurationError,
    StorageNotice,
)
from pierre_data.fetch import Report
from pierre_data.notices import notice
from pierre_data.registry import Accounts, ProviderRegistry
from pierre_data.reprs import shown
from pierre_data.schema import Table
from pierre_data.settings import Settings
from pierre_data.spi import Query


class Client(AccountMethods, MarkMethods):
    """Any set of fitness providers as one deduplicated frame.

    Parameters
    ----------
    providers : names or configured providers, optional
        Whom to ask, best first: where sources disagree the earlier one wins.  When omitted: the provider that
        ``PIERRE_DEFAULT_PROVIDER`` names, else every connected real one, else synthetic with one notice.
    registry, settings : optional
        The installed providers and the environment when omitted.
    tenant, user : str
        Whose data: caches and tokens are separate.
    cache : Store or "memory", optional
        SQLite in the cache directory (Redis with ``REDIS_URL``) when omitted.
    tokens : TokenStore or "memory", optional
        As the settings say when omitted.

    Raises
    ------
    ProviderNotFound, ProviderBroken, ConfigurationError, NoProvidersAvailable
        The providers cannot be used; the message says why and what to do.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    >>> runs = client.activities("2026-01-01", "2026-02-01", sport="run")
    >>> int(runs.n_sources.max())
    2
    """

    def __init__(
        self,
        providers: Providers | None = None,
        *,
        registry: ProviderRegistry | None = None,
        settings: Settings | None = None,
        tenant: str = "default",
        user: str = "default",
        cache: Store | Literal["memory"] | None = None,
        tokens: TokenStore | Literal["memory"] | None = None,
    ) -> None:
        self.settings = settings or (registry.settings if registry is not None else Settings.read())
        self.registry = registry if registry is not None else ProviderRegistry(self.settings)
        self.tenant, self.user = tenant, user
        if isinstance(tokens, str):
            tokens = MemoryTokens() if tokens == "memory" else _no_store("tokens", tokens)
        self._accounts = Accounts(self.registry, self.settings, tenant, user, tokens)
        if providers is None:
            self._own = default_providers(self.registry, self._is_connected)
        else:
            self._own = selected(providers, self.registry)
        self.registry.tell_typos(self.providers)
        self._marks = OverrideStore(self.settings.data_dir, tenant, user)
        if isinstance(cache, str):
            cache = MemoryStore() if cache == "memory" else _no_store("cache", cache)
        here, redis = self.settings.cache_dir, self.settings.redis_url
        store = open_store(here, redis, notice=lambda text: notice(text, StorageNotice), own=cache)
        self._fetcher = Fetcher(self.registry, self.settings, self._accounts, store)
        self._results = Results(store)
        self._health = HealthBook(self.settings.data_dir, tenant, user)

    def __repr__(self) -> str:
        return f"<Client: {', '.join(self.providers)}>"

    def _repr_html_(self) -> str:
        descriptors = [self.registry.describe(chosen) for chosen in self._own]
        rows = [(d.name, d.display_name, ", ".join(d.tables())) for d in descriptors]
        notes = [f"Data of {self.user} in {self.tenant}.", *(self.last_report.lines() if self.last_report.id else ())]
        return shown("Client", ("provider", "name", "offers"), rows, notes)

    def close(self) -> None:
        """Close connections and files; the client can be used again, and need not be closed."""
        self._fetcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def providers(self) -> tuple[str, ...]:
        """What the providers it asks go by, best first."""
        return tuple(chosen.alias for chosen in self._own)

    @property
    def id_spaces(self) -> dict[str, str]:
        """Whose ids each provider's are, where they are not its own; see `deduplicate`."""
        return self._fetcher.id_spaces(self._own)

    @property
    def last_report(self) -> Report:
        """What happened in this thread's last call: pages, rows, what was set aside, what is missing and why.

        In a thread that made no call, the client's last one.
        """
        return self._results.last_report

    def report(self, frame: pd.DataFrame) -> Report:
        """Return what happened in the call that returned a frame: one of the last 256, its ``attrs`` kept.

        Any other is a QueryError.

        Examples
        --------
        >>> import pierre_data as pierre
        >>> client = pierre.Client("synthetic", cache="memory")
        >>> client.report(client.activities("2026-01-01", "2026-02-01")).complete
        True
        """
        return self._results.report(frame)

    def estimate(
        self,
        after: When | None = None,
        before: When | None = None,
        *,
        table: Table | str = schema.ACTIVITIES,
        providers: Providers | None = None,
        policy: Policy = CachePolicy.USE_CACHE,
        tz: str = "UTC",
    ) -> pd.DataFrame:
        """Return what a question would cost, without asking it; errors are those of `table`.

        Parameters
        ----------
        table : Table or str
            A table that is kept by period: activities, sleep, sleep_stages, recovery, health.

        Returns
        -------
        DataFrame
            One row per provider: provider, requests (about so many), cached_periods, missing_periods, cached_rows,
            seconds (about so long, the vendor's limits included).
        """
        table, policy = read_table(table), read_options(policy).policy
        chosen = self._fetcher.offering(table, self._chosen(providers), named=providers is not None)
        query = Query(table, *utc_bounds(ActivityQuery(table, read_range(after, before, tz))))
        rows = [asdict(self._fetcher.provider(c).estimate(query, policy)) for c in chosen]
        dtypes = dict.fromkeys(("requests", "cached_periods", "missing_periods", "cached_rows"), "int64")
        return pd.DataFrame(rows).astype({"provider": "str", **dtypes, "seconds": "float64"})

    def invalidate(self, *, provider: str | None = None, resource: str | None = None, user: str | None = None) -> int:
        """Forget what the cache keeps, so that it is fetched anew, and return how many entries went.

        Parameters
        ----------
        provider : str, optional
            Only of this provider; ProviderNotFound when there is none of that name.
        resource : str, optional
            Only ``activity_list``, ``sleep_list``, ``activity``, ``streams``, ``stats`` ...; another is a QueryError.
        user : str, optional
            Of another user of this tenant.

        Raises
        ------
        StorageError
            The cache cannot be written.
        """
        words = {*LISTS.values(), *(word for word, _ in SINGLES.values()), *PARTS}
        if resource is not None and resource not in words:
            raise unknown_word("resource", resource, sorted(words))
        names = [provider] if provider is not None else list(self.providers)
        gone = sum(self._caching(name, user).invalidate(resource) for name in names)
        self._results.clear()
        return gone

    def status(self) -> pd.DataFrame:
        """Return one row per provider of the registry, sorted by provider.

        Columns: provider, display_name, connected (bool), status (connected, disconnected, expired or broken),
        account, scopes (as granted), expires (UTC), kept (where the token is), encrypted, offers, needs, detail.
        """
        return provider_status(self.registry, self._accounts, self._own)

    def check_health(self) -> pd.DataFrame:
        """Ask each of the client's providers for the cheapest table it has, past the cache, and return how it went.

        Columns: provider, is_healthy, last_check (UTC), consecutive_failures (those of earlier clients of this person
        included), average_latency_ms, detail.
        """
        return health_frame(self._health.check(self._fetcher.provider(chosen)) for chosen in self._own)


def _no_store(argument: str, word: str) -> NoReturn:
    raise ConfigurationError(f"{argument}={word!r} is unknown.", "Use 'memory', a store, or leave it out.")
