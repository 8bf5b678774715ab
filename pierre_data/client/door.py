"""The client: from a question to a frame."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Literal, Self

import pandas as pd

from pierre_data import schema
from pierre_data.auth import Connected, Dialogue, Disconnected, TokenStore
from pierre_data.cache import CachePolicy, CachingProvider, MemoryStore, Store, open_store
from pierre_data.client.accounts import Accounts, speaking
from pierre_data.client.choice import ConfiguredProvider, chosen
from pierre_data.client.gather import Errors, gather, newest_first, settle
from pierre_data.client.keys import source_of
from pierre_data.client.memory import Memory
from pierre_data.client.overrides import Marks
from pierre_data.client.question import Moment, Question, read_question
from pierre_data.client.status import HealthBook, health_frame, provider_status
from pierre_data.dedupe import Override, deduplicate, unquoted
from pierre_data.errors import (
    ConfigurationError,
    NoProvidersAvailable,
    PierreError,
    QueryError,
    StorageNotice,
    UnsupportedFeature,
)
from pierre_data.fetch import DescriptorProvider, ProviderReport, Report
from pierre_data.fetch.progress import Progress
from pierre_data.registry import ProviderRegistry
from pierre_data.schema import Table
from pierre_data.settings import Settings
from pierre_data.spi import Query, Received

#: A bar or none, or called with a provider's report whenever there is news, from any thread.
Show = bool | Callable[[ProviderReport], None]
Follow = tuple[Show | None, threading.Event | None]
OnRateLimit = Literal["wait", "raise", "schedule"]
Providers = str | ConfiguredProvider | Sequence[str | ConfiguredProvider]

#: Dedupe looks a day past both ends, so that [a, b) and [b, c) together are [a, c).
_MARGIN = dt.timedelta(days=1)
_PATIENCE_S: dict[str | None, float] = {None: 60.0, "wait": 86_400.0, "raise": 0.0}
#: With a limit, one window for all providers grows until enough rows are there; then the whole history is asked.
_MONTHS = (1, 2, 4, 8, 16, 32, 64)


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
    >>> float(runs.n_sources.max())
    2.0
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
        self._choice = chosen(providers, self.registry, self._accounts.connected)
        self._store = self._open(cache)
        self._made: dict[str, CachingProvider] = {}
        self._memory = Memory(self._store)
        self._health = HealthBook()
        self._marks = Marks(self.settings.data_dir, tenant, user)
        self._sources: dict[str, str] = {}
        self._lock = threading.RLock()
        self._report = Report(id="")

    def __repr__(self) -> str:
        return f"<Client: {', '.join(self.providers)}>"

    def close(self) -> None:
        """Close connections and files; the client can be used again, and need not be closed."""
        for made in self._made.values():
            made.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def providers(self) -> tuple[str, ...]:
        """Names of the providers it asks, best first."""
        return tuple(c.name for c in self._choice)

    @property
    def last_report(self) -> Report:
        """What happened in the last call: pages, rows, what was set aside, what is missing and why."""
        return self._report

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
        names = self._asked(providers)
        key = ("activities", names, question, limit, dedupe, self._marks.read())
        if policy is CachePolicy.USE_CACHE and (known := self._memory.get(key)) is not None:
            frame, self._report = known
            return frame

        version = self._memory.version()

        def ask(window: Question) -> pd.DataFrame:
            frame = self._merged(window, names, dedupe, policy, errors, on_rate_limit, (progress, cancel))
            if question.sports is not None:
                frame = frame[frame["sport"].isin(question.sports)].reset_index(drop=True)
            return frame

        frame = ask(question) if limit is None else self._limited(question, limit, ask)
        self._memory.put(key, frame, self._report, version)
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
        names = self._able(table, self._asked(providers), named=providers is not None)
        query = Query(table, *question.utc)
        return self._answer(query, names, policy, errors, None, (progress, cancel))

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
        return self._one(schema.ACTIVITIES, key, policy)

    def streams(self, key: str, *, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the samples of one activity, indexed by seconds since its start; `key` as for `activity`."""
        frame = self._one(schema.STREAMS, key, policy)
        return frame.set_index("elapsed_s").sort_index(kind="stable")

    def laps(self, key: str, *, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the laps of one activity; `key` as for `activity`."""
        return self._one(schema.LAPS, key, policy)

    def zones(self, key: str, *, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the time in zones of one activity; `key` as for `activity`."""
        return self._one(schema.ZONES, key, policy)

    def segment_efforts(self, key: str, *, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the segment efforts of one activity; `key` as for `activity`."""
        return self._one(schema.SEGMENT_EFFORTS, key, policy)

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
            Longest wait for the consent.
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
        spoken = dialogue or speaking(browser)
        done = self._accounts.connect(provider, again=again, dialogue=spoken, timeout_s=timeout_s, cancel=cancel)
        self._forget_made(provider)
        return done

    async def connect_async(
        self, provider: str, *, again: bool = False, browser: bool = True, timeout_s: float = 300.0
    ) -> Connected:
        """Do what `connect` does without blocking the kernel."""
        stop = threading.Event()
        work = partial(self._accounts.connect, provider, again=again, dialogue=speaking(browser), timeout_s=timeout_s)
        try:
            done = await asyncio.to_thread(work, cancel=stop)
        except asyncio.CancelledError:
            stop.set()
            raise
        self._forget_made(provider)
        return done

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
        done = self._accounts.disconnect(provider)
        self.invalidate(provider=provider)
        self._forget_made(provider)
        return done

    def receive_webhook(self, provider: str, headers: Mapping[str, str], body: bytes) -> Received:
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

        Returns
        -------
        Received
            What to answer, and the events.

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
        made = self._provider(provider)
        for event in received.events:
            made.happened(event)
        if received.events:
            self._memory.clear()
        return received

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
        names = self._able(table, self._asked(providers), named=providers is not None)
        query = Query(table, *question.utc)
        rows = [asdict(self._provider(name).estimate(query, policy)) for name in names]
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
        gone = sum(self._caching(name, user or self.user).invalidate(resource) for name in names)
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
        return health_frame(self._health.check(self._provider(name)) for name in self.providers)

    def _forget_made(self, name: str) -> None:
        with self._lock:
            made = self._made.pop(name, None)
        if made is not None:
            made.close()
        self._memory.clear()

    def _open(self, cache: Store | Literal["memory"] | None) -> Store:
        if cache == "memory":
            return MemoryStore()
        if isinstance(cache, str):
            raise ConfigurationError(f"cache={cache!r} is unknown.", "Use 'memory', a store, or leave it out.")
        if cache is not None:
            return cache
        return open_store(self.settings.cache_dir, self.settings.redis_url, notice=_notice)

    def _asked(self, providers: Providers | None) -> tuple[str, ...]:
        if providers is None:
            return self.providers
        return tuple(c.name for c in chosen(providers, self.registry, self._accounts.connected))

    def _provider(self, name: str) -> CachingProvider:
        with self._lock:
            if name not in self._made:
                self._made[name] = self._caching(name, self.user)
            return self._made[name]

    def _caching(self, name: str, user: str) -> CachingProvider:
        options = next((c.options for c in self._choice if c.name == name), {})
        options = {**options, **self._accounts.filled(name, options)}
        made = self.registry.create_caching_provider(name, self._store, tenant=self.tenant, user=user, **options)
        if isinstance(made.provider, DescriptorProvider):
            made.provider.set_identity(self._accounts.signer(name))
            in_memory = isinstance(self._store, MemoryStore)
            made.provider.set_cache_directory(None if in_memory else self.settings.cache_dir)
        return made

    def _able(self, table: Table, names: Sequence[str], *, named: bool) -> tuple[str, ...]:
        able = [n for n in names if table in self.registry[n].endpoints]
        if not able or (named and len(able) < len(names)):
            lacking = [n for n in names if n not in able]
            raise UnsupportedFeature(
                f"{', '.join(lacking)} {'does' if len(lacking) == 1 else 'do'} not offer {table.name}.",
                "Ask other providers; client.status() lists what each offers.",
            )
        return tuple(able)

    def _merged(
        self,
        question: Question,
        names: Sequence[str],
        dedupe: bool,
        policy: CachePolicy,
        errors: Errors,
        on_rate_limit: OnRateLimit | None,
        follow: Follow,
    ) -> pd.DataFrame:
        names = self._able(schema.ACTIVITIES, names, named=False)
        after, before = question.utc
        if dedupe:
            after, before = after and after - _MARGIN, before and before + _MARGIN
        query = Query(schema.ACTIVITIES, after, before)
        frame = self._answer(query, names, policy, errors, on_rate_limit, follow)
        if dedupe:
            attrs = frame.attrs
            frame = deduplicate(frame, priority=names)
            frame.attrs = attrs
            with self._lock:
                self._sources |= dict(zip(frame["activity_id"], frame["sources"], strict=True))
        if dedupe or question.local:
            frame = _within(frame, question)
        return frame

    def _limited(self, question: Question, limit: int, ask: Callable[[Question], pd.DataFrame]) -> pd.DataFrame:
        end = question.before or dt.datetime.now(dt.UTC).replace(tzinfo=None if question.local else dt.UTC)
        for months in _MONTHS:
            after = end - dt.timedelta(days=31 * months)
            if question.after is not None and after <= question.after:
                break
            frame = ask(replace(question, after=after))
            if len(frame) >= limit:
                return frame.head(limit)
        return ask(question).head(limit)

    def _answer(
        self,
        query: Query,
        names: Sequence[str],
        policy: CachePolicy,
        errors: Errors,
        on_rate_limit: OnRateLimit | None,
        follow: Follow,
    ) -> pd.DataFrame:
        if on_rate_limit not in _PATIENCE_S:
            raise UnsupportedFeature(
                f"on_rate_limit={on_rate_limit!r} is not available yet.", "Use 'wait' or 'raise', or leave it out."
            )
        progress, cancel = follow
        shown = self.settings.progress if progress is None else progress is True
        with Progress(shown) as bar:
            found = gather(
                [self._provider(name) for name in names],
                query,
                policy,
                cancel=cancel,
                progress=progress if callable(progress) else bar,
                max_wait_s=_PATIENCE_S[on_rate_limit],
            )
        self._report = report = Report(uuid.uuid4().hex[:12], found.reports)
        frame = newest_first(query.table.from_arrow(found.pieces), query.table)
        frame.attrs["pierre"] = {
            "table": query.table.name,
            "report": report.id,
            "complete": report.complete,
            "providers": " ".join(names),
        } | self._terms(names)
        if query.table == schema.ACTIVITIES and (marks := self._marks.read()):
            frame.attrs["pierre"]["overrides"] = "\n".join(map(str, marks))
        settle(report, errors)
        return frame

    def _terms(self, names: Sequence[str]) -> dict[str, str]:
        notes = [
            f"{self.registry[n].display_name}: {t.note}" for n in names if (t := self.registry[n].terms) and t.note
        ]
        return {"terms": " ".join(notes)} if notes else {}

    def _one(self, table: Table, key: str, policy: CachePolicy) -> pd.DataFrame:
        with self._lock:
            name, id = source_of(key, self._sources)
        _ = self.registry[name].endpoint(table, single=True)
        return self._answer(Query(table, id=id), [name], policy, "raise", None, (None, None))


def _within(frame: pd.DataFrame, question: Question) -> pd.DataFrame:
    times = frame["start_time_local" if question.local else "start_time"]
    keep = times.notna()
    if question.after is not None:
        keep &= times >= question.after
    if question.before is not None:
        keep &= times < question.before
    return frame if keep.all() else frame[keep].reset_index(drop=True)


def _notice(text: str) -> None:
    warnings.warn(text, StorageNotice, stacklevel=3)
