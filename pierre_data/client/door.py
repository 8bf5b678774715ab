"""The client: from a question to a frame."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Literal, Self

import pandas as pd

from pierre_data import schema
from pierre_data.auth import Connected, Dialogue, Disconnected, StoredToken, TokenStore
from pierre_data.cache import CachePolicy, MemoryStore, Store, open_store
from pierre_data.client.accounts import Accounts, speaking
from pierre_data.client.choice import chosen
from pierre_data.client.desk import Desk, How, OnRateLimit, Providers, Show
from pierre_data.client.gather import Errors
from pierre_data.client.memory import Memory
from pierre_data.client.overrides import Marks
from pierre_data.client.question import Moment, Question, read_question
from pierre_data.client.status import HealthBook, health_frame, provider_status
from pierre_data.dedupe import Override, unquoted
from pierre_data.errors import (
    ConfigurationError,
    NoProvidersAvailable,
    PierreError,
    QueryError,
    StorageNotice,
    UnsupportedFeature,
)
from pierre_data.fetch import Report
from pierre_data.registry import ProviderRegistry
from pierre_data.reprs import shown
from pierre_data.schema import Table
from pierre_data.settings import Settings
from pierre_data.spi import Query, Received


class Client:
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
    tokens : TokenStore, optional
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
        tokens: TokenStore | None = None,
    ) -> None:
        self.settings = settings or (registry.settings if registry is not None else Settings.read())
        self.registry = registry if registry is not None else ProviderRegistry(self.settings)
        self.tenant, self.user = tenant, user
        self._accounts = Accounts(self.registry, self.settings, tenant, user, tokens)
        choice = chosen(providers, self.registry, self._accounts.connected)
        self._marks = Marks(self.settings.data_dir, tenant, user)
        store = self._open(cache)
        self._desk = Desk(self.registry, self.settings, self._accounts, store, self._marks, choice, tenant, user)
        self._memory = Memory(store)
        self._health = HealthBook()

    def __repr__(self) -> str:
        return f"<Client: {', '.join(self.providers)}>"

    def _repr_html_(self) -> str:
        rows = [(n, self.registry[n].display_name, ", ".join(self.registry[n].tables())) for n in self.providers]
        said = [f"Data of {self.user} in {self.tenant}.", *(self.last_report.lines() if self.last_report.id else ())]
        return shown("Client", ("provider", "name", "offers"), rows, said)

    def close(self) -> None:
        """Close connections and files; the client can be used again, and need not be closed."""
        self._desk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def providers(self) -> tuple[str, ...]:
        """Names of the providers it asks, best first."""
        return tuple(c.name for c in self._desk.choice)

    @property
    def last_report(self) -> Report:
        """What happened in the last call: pages, rows, what was set aside, what is missing and why."""
        return self._desk.report

    def activities(
        self,
        after: Moment | None = None,
        before: Moment | None = None,
        *,
        sport: str | None = None,
        providers: Providers | None = None,
        limit: int | None = None,
        dedupe: bool = True,
        policy: CachePolicy = CachePolicy.USE_CACHE,
        errors: Errors = "raise",
        on_rate_limit: OnRateLimit | None = None,
        tz: str = "UTC",
        progress: Show | None = None,
        cancel: threading.Event | None = None,
    ) -> pd.DataFrame:
        """Return activities, one row per real workout, newest first.

        Parameters
        ----------
        after, before : str, date, datetime or Timestamp, optional
            Start in ``[after, before)``; naive times are in `tz`; no bounds means the whole history.
        sport : str, optional
            A family such as ``"run"``, a sport, or ``"=run"`` for that sport alone.
        providers : names, optional
            Ask only these of the client's providers.
        limit : int, optional
            The newest so many rows, counted after dedupe.
        dedupe : bool, default True
            Merge what several providers recorded of one workout; False returns every row as it came.
        policy : CachePolicy
            How the cache is used.
        errors : {"raise", "warn", "keep"}
            A failed provider raises its error (several raise `ProviderErrors`) after the others finished and
            were cached; "warn" returns what arrived and warns `PartialResultWarning`; "keep" returns it and
            leaves the rest to `last_report`.
        on_rate_limit : {"wait", "raise", "schedule"}, optional
            What to do when a vendor asks to wait: by default wait up to 60 s and raise beyond; "wait" always waits.
        tz : str
            Zone of naive bounds: an IANA name, or ``"local"`` for the athlete's local days.
        progress : bool or callable, optional
            Show a bar after a second; ``PIERRE_PROGRESS`` decides when omitted.  A callable is given a provider's
            report whenever there is news, from any thread.
        cancel : threading.Event, optional
            Set it to stop: what arrived is kept, and `Cancelled` is raised.

        Returns
        -------
        DataFrame
            Columns of ``schema.ACTIVITIES``, after dedupe with ``activity_id``, ``n_sources``, ``sources`` first.
            Times are UTC; quantities are in the unit their name ends in; missing is NaN.

        Raises
        ------
        QueryError
            A date, the sport, the limit or the zone makes no sense.
        PierreError
            What a provider failed with.
        """
        question = read_question(after, before, sport=sport, tz=tz)
        if limit is not None and limit < 1:
            raise QueryError(f"limit={limit} makes no sense.", "Ask for at least one row, or leave it out.")
        names = self._desk.asked(providers)
        key = ("activities", names, question, limit, dedupe, self._marks.read())
        if policy is CachePolicy.USE_CACHE and (known := self._memory.get(key)) is not None:
            frame, self._desk.report = known
            return frame

        version = self._memory.version()
        how = How(policy, errors, on_rate_limit, progress, cancel)

        def ask(window: Question) -> pd.DataFrame:
            frame = self._desk.merged(window, names, dedupe, how)
            if question.sports is not None:
                frame = frame[frame["sport"].isin(question.sports)].reset_index(drop=True)
            return frame

        frame = ask(question) if limit is None else self._desk.limited(question, limit, ask)
        self._memory.put(key, frame, self._desk.report, version)
        return frame

    def sleep(self, after: Moment | None = None, before: Moment | None = None, **how: Any) -> pd.DataFrame:
        """Return nights and naps that start in ``[after, before)``; `how` as for `table`."""
        return self.table(schema.SLEEP, after, before, **how)

    def sleep_stages(self, after: Moment | None = None, before: Moment | None = None, **how: Any) -> pd.DataFrame:
        """Return stages of sleep that start in ``[after, before)``; `how` as for `table`."""
        return self.table(schema.SLEEP_STAGES, after, before, **how)

    def recovery(self, after: Moment | None = None, before: Moment | None = None, **how: Any) -> pd.DataFrame:
        """Return recovery of the days in ``[after, before)``; `how` as for `table`."""
        return self.table(schema.RECOVERY, after, before, **how)

    def health(self, after: Moment | None = None, before: Moment | None = None, **how: Any) -> pd.DataFrame:
        """Return body measurements taken in ``[after, before)``; `how` as for `table`."""
        return self.table(schema.HEALTH, after, before, **how)

    def personal_records(self, after: Moment | None = None, before: Moment | None = None, **how: Any) -> pd.DataFrame:
        """Return best efforts; `how` as for `table`."""
        return self.table(schema.PERSONAL_RECORDS, after, before, **how)

    def athlete(self, **how: Any) -> pd.DataFrame:
        """Return the athlete of each account, one row per provider; `how` as for `table`."""
        return self.table(schema.ATHLETE, **how)

    def stats(self, **how: Any) -> pd.DataFrame:
        """Return totals as the vendors count them; `how` as for `table`."""
        return self.table(schema.STATS, **how)

    def gear(self, **how: Any) -> pd.DataFrame:
        """Return bikes, shoes and devices; `how` as for `table`."""
        return self.table(schema.GEAR, **how)

    def table(
        self,
        table: Table,
        after: Moment | None = None,
        before: Moment | None = None,
        *,
        providers: Providers | None = None,
        policy: CachePolicy = CachePolicy.USE_CACHE,
        errors: Errors = "raise",
        progress: Show | None = None,
        cancel: threading.Event | None = None,
    ) -> pd.DataFrame:
        """Return any table of every provider that has it, newest first.

        Parameters
        ----------
        table : Table
            One of ``pierre_data.schema``.
        after, before : str, date, datetime or Timestamp, optional
            ``[after, before)`` of the table's time; naive means UTC.
        providers : names, optional
            Ask only these.
        policy, errors, progress, cancel
            As for `activities`.

        Returns
        -------
        DataFrame
            Columns of the table; rows of several providers stand side by side.

        Raises
        ------
        UnsupportedFeature
            No provider asked has it, or one named here has not.
        PierreError
            What a provider failed with.
        """
        question = read_question(after, before)
        names = self._desk.able(table, self._desk.asked(providers), named=providers is not None)
        query = Query(table, *question.utc)
        return self._desk.answer(query, names, How(policy, errors, None, progress, cancel))

    def activity(self, key: str, *, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return one activity with everything its vendor knows, one row.

        Parameters
        ----------
        key : str
            ``"strava:123"``, or an ``activity_id`` of a frame this client returned (its best source is asked).
        policy : CachePolicy
            How the cache is used.

        Raises
        ------
        QueryError
            The key is neither.
        NotFound
            The vendor does not know it.
        """
        return self._desk.one(schema.ACTIVITIES, key, policy)

    def streams(self, key: str, *, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the samples of one activity, indexed by seconds since its start; `key` as for `activity`."""
        frame = self._desk.one(schema.STREAMS, key, policy)
        return frame.set_index("elapsed_s").sort_index(kind="stable")

    def laps(self, key: str, *, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the laps of one activity; `key` as for `activity`."""
        return self._desk.one(schema.LAPS, key, policy)

    def zones(self, key: str, *, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the time in zones of one activity; `key` as for `activity`."""
        return self._desk.one(schema.ZONES, key, policy)

    def segment_efforts(self, key: str, *, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the segment efforts of one activity; `key` as for `activity`."""
        return self._desk.one(schema.SEGMENT_EFFORTS, key, policy)

    def first_available(self, providers: Sequence[str], *window: Moment | None, **how: Any) -> pd.DataFrame:
        """Return the activities of the first provider that answers.

        Parameters
        ----------
        providers : sequence of str
            Names, best first.
        *window, **how
            As for `activities`.

        Raises
        ------
        NoProvidersAvailable
            The sequence is empty, or all failed; their errors are the cause.
        """
        failed: list[PierreError] = []
        for name in providers:
            try:
                return self.activities(*window, **{**how, "providers": [name], "errors": "raise"})
            except QueryError:
                raise
            except PierreError as error:
                failed.append(error)
        if not failed:
            raise NoProvidersAvailable("No provider was named.", f"Name some of: {', '.join(self.registry)}.")
        what = " ".join(f"{name}: {error.what}" for name, error in zip(providers, failed, strict=True))
        raise NoProvidersAvailable(
            f"None of {', '.join(providers)} answered. {what}", "Mend one of them, or name another."
        ) from ExceptionGroup("every provider failed", failed)

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
        talk, before = dialogue or speaking(browser), self._accounts.token(provider)
        done = self._accounts.connect(provider, again=again, dialogue=talk, timeout_s=timeout_s, cancel=cancel)
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
        made = self._desk.caching(provider, self.user)  # while the token still says whose cache that is
        done = self._accounts.disconnect(provider)
        made.invalidate_user()
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
        descriptor = self.registry[provider]
        if descriptor.webhook is None:
            raise UnsupportedFeature(
                f"{descriptor.display_name} pushes nothing we know of.", "Ask it instead.", provider=provider
            )
        secret = self.settings.secret(provider, "WEBHOOK_SECRET") or self.settings.secret(provider, "CLIENT_SECRET")
        received = descriptor.webhook(headers, body, secret, dt.datetime.now(dt.UTC))
        made, token = self._desk.provider(provider), self._accounts.token(provider)
        own = athlete or (token.account if token is not None else None) or None
        done = [made.apply_event(event, account=own) for event in received.events]
        ignored = sum(handled.ignored for handled in done)
        if ignored < len(done):
            self._memory.clear()
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
        """Forget what `mark_same` or `mark_different` remembered of a pair; whether there was something."""
        return self._marks.unmark(unquoted(a), unquoted(b))

    def marks(self) -> pd.DataFrame:
        """Return what was marked: verdict ("same" or "different"), a and b (``provider:id``); in the file's order."""
        rows = [str(o).split(" ") for o in self._marks.read()]
        return pd.DataFrame(rows, columns=["verdict", "a", "b"], dtype="str")

    def estimate(
        self,
        after: Moment | None = None,
        before: Moment | None = None,
        *,
        table: Table = schema.ACTIVITIES,
        providers: Providers | None = None,
        policy: CachePolicy = CachePolicy.USE_CACHE,
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
        question = read_question(after, before, tz=tz)
        names = self._desk.able(table, self._desk.asked(providers), named=providers is not None)
        query = Query(table, *question.utc)
        rows = [asdict(self._desk.provider(name).estimate(query, policy)) for name in names]
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
        """
        names = [provider] if provider is not None else list(self.providers)
        gone = sum(self._desk.caching(name, user or self.user).invalidate(resource) for name in names)
        self._memory.clear()
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
        return provider_status(self.registry, self._accounts)

    def check_health(self) -> pd.DataFrame:
        """Ask each of the client's providers for its athlete, past the cache, and return how it went.

        Returns
        -------
        DataFrame
            Columns provider, is_healthy, last_check (UTC), consecutive_failures, average_latency_ms, detail.
        """
        return health_frame(self._health.check(self._desk.provider(name)) for name in self.providers)

    def _reconnected(self, name: str, before: StoredToken | None, done: Connected) -> None:
        """What was kept for one account must not be shown as another's."""
        if done.how == "consent" and before is not None and done.token is not None:
            known = before.account and before.account == done.token.account
            if not known:
                self._desk.caching(name, self.user).invalidate_user()
        self._forget(name)

    def _forget(self, name: str) -> None:
        self._desk.forget(name)
        self._memory.clear()

    def _open(self, cache: Store | Literal["memory"] | None) -> Store:
        if cache == "memory":
            return MemoryStore()
        if isinstance(cache, str):
            raise ConfigurationError(f"cache={cache!r} is unknown.", "Use 'memory', a store, or leave it out.")
        if cache is not None:
            return cache
        return open_store(self.settings.cache_dir, self.settings.redis_url, notice=_notice)


def _notice(text: str) -> None:
    warnings.warn(text, StorageNotice, stacklevel=3)
