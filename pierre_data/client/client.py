"""The client: any set of fitness providers as one deduplicated frame."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Literal, NoReturn, Self

import pandas as pd

from pierre_data import schema
from pierre_data.auth import Connected, Dialogue, Disconnected, MemoryTokens, StoredToken, TokenStore
from pierre_data.cache import CachePolicy, CachingProvider, MemoryStore, Store, open_store
from pierre_data.cache.resources import LISTS, PARTS, SINGLES
from pierre_data.client.fetcher import Fetcher
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
from pierre_data.client.results import ActivityIndex, Reports, ResultCache
from pierre_data.client.selection import Providers, default_providers, selected
from pierre_data.client.status import HealthBook, health_frame, provider_status
from pierre_data.client.tables import TableMethods
from pierre_data.dedupe import Override, duplicates, unquoted
from pierre_data.errors import (
    ConfigurationError,
    ConfigurationNotice,
    PierreError,
    StorageNotice,
    UnsupportedFeature,
)
from pierre_data.fetch import Report
from pierre_data.notices import notice
from pierre_data.registry import Accounts, ConfiguredProvider, ProviderRegistry
from pierre_data.registry.accounts import terminal_dialogue
from pierre_data.reprs import shown
from pierre_data.schema import Table
from pierre_data.settings import Settings
from pierre_data.spi import ProviderConfig, ProviderDescriptor, Query, Received


class Client(TableMethods):
    """Any set of fitness providers as one deduplicated frame.

    Parameters
    ----------
    providers : str, ConfiguredProvider or sequence of them, optional
        Whom to ask, best first: where sources disagree the earlier one wins.  When omitted: the provider that
        ``PIERRE_DEFAULT_PROVIDER`` names, else every connected real one, else synthetic with one notice.
    registry : ProviderRegistry, optional
        Which providers exist; the installed ones when omitted.
    settings : Settings, optional
        Read from the environment when omitted.
    tenant, user : str
        Whose data: caches and tokens are separate.
    cache : Store or "memory", optional
        Where answers are kept; SQLite in the cache directory (Redis with ``REDIS_URL``) when omitted.
    tokens : TokenStore or "memory", optional
        Where tokens are kept; as the settings say when omitted.

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
        self.registry.tell_typos()
        if isinstance(tokens, str):
            tokens = MemoryTokens() if tokens == "memory" else _no_store("tokens", tokens)
        self._accounts = Accounts(self.registry, self.settings, tenant, user, tokens)
        if providers is None:
            self._own = default_providers(self.registry, self._is_connected)
        else:
            self._own = selected(providers, self.registry)
        self._marks = OverrideStore(self.settings.data_dir, tenant, user)
        if isinstance(cache, str):
            cache = MemoryStore() if cache == "memory" else _no_store("cache", cache)
        here, redis = self.settings.cache_dir, self.settings.redis_url
        store = open_store(here, redis, notice=lambda text: notice(text, StorageNotice), own=cache)
        self._fetcher = Fetcher(self.registry, self.settings, self._accounts, store)
        self._results, self._reports, self._index = ResultCache(store), Reports(), ActivityIndex()
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
    def last_report(self) -> Report:
        """What happened in this thread's last call: pages, rows, what was set aside, what is missing and why.

        In a thread that made no call, the client's last one.
        """
        return self._reports.last

    def report(self, frame: pd.DataFrame) -> Report:
        """Return what happened in the call that returned a frame.

        Parameters
        ----------
        frame : DataFrame
            One of the last 256 this client returned, or what pandas made of it with its ``attrs`` kept.

        Raises
        ------
        QueryError
            It is none of them.

        Examples
        --------
        >>> import pierre_data as pierre
        >>> client = pierre.Client("synthetic", cache="memory")
        >>> client.report(client.activities("2026-01-01", "2026-02-01")).complete
        True
        """
        return self._reports.of(frame)

    def duplicates(
        self,
        after: When | None = None,
        before: When | None = None,
        *,
        providers: Providers | None = None,
        policy: Policy = CachePolicy.USE_CACHE,
        tz: str = "UTC",
    ) -> pd.DataFrame:
        """Return every merge that `activities` makes in a window, with its reason.

        Parameters
        ----------
        after, before, providers, policy, tz
            As for `activities`.

        Returns
        -------
        DataFrame
            As of ``pierre_data.duplicates``, with this client's priority and marks.

        Raises
        ------
        PierreError
            As for `activities`.

        Examples
        --------
        >>> import pierre_data as pierre
        >>> client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
        >>> "overlap" in set(client.duplicates("2026-01-01", "2026-02-01").rule)
        True
        """
        frame = self.activities(after, before, providers=providers, dedupe=False, policy=policy, tz=tz)
        chosen = self._chosen(providers)
        priority, ids = [one.alias for one in chosen], self._fetcher.id_spaces(chosen)
        return duplicates(frame, priority=priority, overrides=self._marks.read(), id_spaces=ids)

    def connect(
        self,
        provider: str,
        *,
        again: bool = False,
        browser: bool = True,
        timeout_s: float = 300.0,
        dialogue: Dialogue | None = None,
        cancel: threading.Event | None = None,
    ) -> Connected:
        """Connect an account: stored token, environment, consent in a browser, pasted address; in this order.

        Parameters
        ----------
        provider : str
            Registry name.
        again : bool
            Ask for consent even if there is a token.
        browser : bool
            Open the consent page; otherwise only show its address.
        timeout_s : float
            Longest wait for the consent, in seconds.
        dialogue : Dialogue, optional
            How the person is spoken to; by default the link is printed, and a terminal can paste the address.
        cancel : threading.Event, optional
            Set it to give up waiting.

        Returns
        -------
        Connected
            How, and which tables lack a scope.

        Raises
        ------
        ConfigurationError
            The application's id, secret or redirect address is missing; the message names the variables.
        AuthenticationFailed
            Consent was declined, or the answer was not ours.
        Timeout, Cancelled
            Nobody consented, or `cancel` was set.
        """
        descriptor, config = self._setup(provider)
        talk, before = dialogue or terminal_dialogue(browser), self._accounts.token(descriptor)
        done = self._accounts.connect(
            descriptor, config, again=again, dialogue=talk, timeout_s=timeout_s, cancel=cancel
        )
        self._reconnected(provider, before, done)
        return done

    async def connect_async(
        self,
        provider: str,
        *,
        again: bool = False,
        browser: bool = True,
        timeout_s: float = 300.0,
        dialogue: Dialogue | None = None,
    ) -> Connected:
        """Do what `connect` does without blocking the kernel; cancelling the task ends the wait.

        `dialogue` is called from another thread.
        """
        stop = threading.Event()
        work = partial(self.connect, again=again, browser=browser, timeout_s=timeout_s, dialogue=dialogue, cancel=stop)
        try:
            return await asyncio.to_thread(work, provider)
        except asyncio.CancelledError:
            stop.set()
            raise

    def disconnect(self, provider: str) -> Disconnected:
        """Revoke the token at the vendor, forget it and everything cached of that account.

        Returns
        -------
        Disconnected
            Says what is left: what the vendor did not revoke, variables that are still set.

        Raises
        ------
        StorageError
            The token or the cache cannot be removed.
        """
        cached = self._caching(provider)  # while the token still says whose cache that is
        done = self._accounts.disconnect(*self._setup(provider))
        cached.invalidate_user()
        self._forget(provider)
        return done

    def receive_webhook(
        self, provider: str, headers: Mapping[str, str], body: bytes, *, athlete: str | None = None
    ) -> Received:
        """Take what a vendor pushed: verify it, forget what changed, keep what it brings.

        Any web framework can call this; answer the vendor with the result's status, content type and reply.

        Parameters
        ----------
        provider : str
            Registry name.
        headers : mapping of str to str
            Of the request, names in any case.
        body : bytes
            As it came; for a handshake by GET, the query string.
        athlete : str, optional
            The vendor's id of this client's athlete.  Without it, the id that came with the consent counts, then the
            one of the profile that is cached (``client.athlete()`` fetches it).

        Returns
        -------
        Received
            What to answer, and all events.  A vendor may push several athletes at once: events of others than the
            client's change nothing, and ``ignored`` counts them; with no id known those are all that name one.

        Raises
        ------
        UnsupportedFeature
            The vendor pushes nothing we know of.
        AccessDenied
            The signature is not the vendor's.
        PayloadError
            The body cannot be read.
        """
        chosen = self._configured(provider)
        descriptor, names = self.registry.describe(chosen), (chosen.alias, chosen.name)
        if descriptor.webhook is None:
            raise UnsupportedFeature(
                f"{descriptor.display_name} pushes nothing we know of.", "Ask it instead.", provider=provider
            )
        secret = self.settings.secret(names, "WEBHOOK_SECRET") or self.settings.secret(names, "CLIENT_SECRET")
        received = descriptor.webhook(headers, body, secret, dt.datetime.now(dt.UTC))
        cached, token = self._fetcher.provider(chosen), self._accounts.token(descriptor)
        own = athlete or (token.account if token is not None else None) or None
        done = [cached.apply_event(event, account=own) for event in received.events]
        ignored = sum(handled.ignored for handled in done)
        if ignored < len(done):
            self._results.clear()
        return replace(received, ignored=ignored, set_aside=sum(len(handled.rejected) for handled in done))

    def mark_same(self, a: str, b: str) -> None:
        """Remember that two recordings are one workout; `activities` and `duplicates` follow it before every rule.

        Parameters
        ----------
        a, b : str
            ``provider:id`` of each, as in ``sources``, or `kept` and `dropped` of `duplicates`.

        Raises
        ------
        QueryError
            One of them is no ``provider:id``, or both are the same recording.
        StorageError
            ``overrides`` in the data directory cannot be written.
        """
        self._marks.mark(Override(True, unquoted(a), unquoted(b)))

    def mark_different(self, a: str, b: str) -> None:
        """Remember that two recordings are two workouts; as `mark_same`."""
        self._marks.mark(Override(False, unquoted(a), unquoted(b)))

    def unmark(self, a: str, b: str) -> bool:
        """Forget what `mark_same` or `mark_different` remembered of a pair; whether there was something.

        Where there was nothing, a `ConfigurationNotice` says so too: an id may be misspelt.
        """
        done = self._marks.unmark(unquoted(a), unquoted(b))
        if not done:
            notice(f"There is no mark of {a} and {b}; client.marks() lists all.", ConfigurationNotice)
        return done

    def marks(self) -> pd.DataFrame:
        """Return what was marked: verdict ("same" or "different"), a and b (``provider:id``); in the file's order."""
        rows = [str(o).split(" ") for o in self._marks.read()]
        return pd.DataFrame(rows, columns=["verdict", "a", "b"], dtype="str")

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
        """Return what a question would cost, without asking it.

        Parameters
        ----------
        after, before, providers, policy, tz
            As for `activities`.
        table : Table
            A table that is kept by period: activities, sleep, sleep_stages, recovery, health.

        Returns
        -------
        DataFrame
            One row per provider: provider, requests (about so many), cached_periods, missing_periods, cached_rows,
            seconds (about so long, the vendor's limits included).

        Raises
        ------
        QueryError, UnsupportedFeature
            As for `table`.
        """
        table, policy = read_table(table), read_options(policy).policy
        chosen = self._fetcher.offering(table, self._chosen(providers), named=providers is not None)
        query = Query(table, *utc_bounds(ActivityQuery(table, read_range(after, before, tz))))
        rows = [asdict(self._fetcher.provider(c).estimate(query, policy)) for c in chosen]
        dtypes = dict.fromkeys(("requests", "cached_periods", "missing_periods", "cached_rows"), "int64")
        return pd.DataFrame(rows).astype({"provider": "str", **dtypes, "seconds": "float64"})

    def invalidate(self, *, provider: str | None = None, resource: str | None = None, user: str | None = None) -> int:
        """Forget what the cache keeps, so that it is fetched anew.

        Parameters
        ----------
        provider : str, optional
            Only of this provider; of all when omitted.
        resource : str, optional
            Only this: ``activity_list``, ``sleep_list``, ``activity``, ``streams``, ``stats``, ``athlete_profile`` ...
        user : str, optional
            Of another user of this tenant.

        Returns
        -------
        int
            How many entries went.

        Raises
        ------
        QueryError, ProviderNotFound
            There is no such resource or provider.
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
        """Return one row per provider of the registry: connected, status, what it offers and needs.

        Returns
        -------
        DataFrame
            Columns provider, display_name, connected (bool), status (connected, disconnected, expired or broken),
            account, scopes (as granted), expires (UTC), kept (where the token is), encrypted, offers, needs,
            detail; sorted by provider.
        """
        return provider_status(self.registry, self._accounts, self._own)

    def check_health(self) -> pd.DataFrame:
        """Ask each of the client's providers for the cheapest table it has, past the cache, and return how it went.

        Returns
        -------
        DataFrame
            Columns provider, is_healthy, last_check (UTC), consecutive_failures (those of
            earlier clients of this person included), average_latency_ms, detail.
        """
        return health_frame(self._health.check(self._fetcher.provider(chosen)) for chosen in self._own)

    def _configured(self, alias: str) -> ConfiguredProvider:
        """Return the client's own provider of a name or alias, or the registry's."""
        [chosen] = selected(alias, self.registry, self._own)
        return chosen

    def _setup(self, alias: str) -> tuple[ProviderDescriptor, ProviderConfig]:
        chosen = self._configured(alias)
        config = self.registry.config(chosen.name, alias=chosen.alias, **chosen.options)
        return self.registry.describe(chosen), config

    def _is_connected(self, chosen: ConfiguredProvider) -> bool:
        try:
            config = self.registry.config(chosen.name, alias=chosen.alias, **chosen.options)
            return self._accounts.connected(self.registry.describe(chosen), config)
        except PierreError:
            return False

    def _caching(self, alias: str, user: str | None = None) -> CachingProvider:
        """Make a provider for this user or another one of the tenant, apart from those that are asked."""
        accounts = self._accounts
        if user is not None and user != self.user:
            accounts = Accounts(self.registry, self.settings, self.tenant, user, accounts.opened)
        return self.registry.open(self._configured(alias), self._fetcher.store, accounts)

    def _reconnected(self, alias: str, before: StoredToken | None, done: Connected) -> None:
        """What was kept for one account must not be shown as another's."""
        if done.how == "consent" and before is not None and done.token is not None:
            same = before.account and before.account == done.token.account
            if not same:
                self._caching(alias).invalidate_user()
        self._forget(alias)

    def _forget(self, alias: str) -> None:
        self._fetcher.forget(alias)
        self._results.clear()


def _no_store(argument: str, word: str) -> NoReturn:
    raise ConfigurationError(f"{argument}={word!r} is unknown.", "Use 'memory', a store, or leave it out.")
