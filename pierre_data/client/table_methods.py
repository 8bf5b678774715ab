"""The doors to the tables: one method each, all with the same arguments."""

from __future__ import annotations

import threading

import pandas as pd

from pierre_data import schema
from pierre_data.cache import CachePolicy
from pierre_data.client.fetcher import Fetcher
from pierre_data.client.overrides import OverrideStore, absent
from pierre_data.client.query import (
    ActivityQuery,
    ErrorMode,
    FetchOptions,
    OnRateLimit,
    Policy,
    ProgressCallback,
    When,
    read_limit,
    read_options,
    read_range,
    read_table,
)
from pierre_data.client.results import Results
from pierre_data.client.selection import Providers, selected
from pierre_data.errors import (
    ConfigurationNotice,
    NoProvidersAvailable,
    PartialResultWarning,
    PierreError,
    ProviderErrors,
    QueryError,
)
from pierre_data.fetch import Report
from pierre_data.notices import notice
from pierre_data.registry import ConfiguredProvider
from pierre_data.schema import Table

_CACHED = CachePolicy.USE_CACHE


class TableMethods:
    """What a client is asked for; every argument is explained at `activities`."""

    _fetcher: Fetcher
    _own: tuple[ConfiguredProvider, ...]
    _marks: OverrideStore
    _results: Results

    def activities(
        self, after: When | None = None, before: When | None = None, *, sport: str | None = None,
        providers: Providers | None = None, limit: int | None = None, dedupe: bool = True, policy: Policy = _CACHED,
        errors: ErrorMode = "raise", on_rate_limit: OnRateLimit | None = None, tz: str = "UTC",
        progress: ProgressCallback | None = None, cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return activities, one row per real workout, newest first.

        Parameters
        ----------
        after, before : str, date, datetime, Timestamp or datetime64, optional
            Start in ``[after, before)``; naive times are in `tz`; no bounds means the whole history.
        sport : str, optional
            A family such as ``"run"``, a sport, or ``"=run"`` for that sport alone.
        providers : names or configured providers, optional
            Ask only these: the client's own, which keep their options, or any other of the registry.
        limit : int, optional
            The newest so many rows, counted after dedupe; as little as will do is fetched.
        dedupe : bool, default True
            Merge what several providers recorded of one workout; False returns every row as it came.
        policy : CachePolicy or {"use_cache", "refresh", "bypass"}
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
            A date, the sport, the limit, the zone or a word makes no sense.
        PierreError
            What a provider failed with.

        Examples
        --------
        >>> import pierre_data as pierre
        >>> client = pierre.Client("synthetic", cache="memory")
        >>> len(client.activities("2026-01-01", "2026-06-01", sport="run", limit=5))
        5
        """
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        marks = self._marks.read() if dedupe else ()
        window, sports = read_range(after, before, tz), schema.sport_filter(sport) if sport is not None else None
        newest = None if limit is None else read_limit(limit)
        query = ActivityQuery(schema.ACTIVITIES, window, sports, newest, dedupe, marks)
        return self._ask(query, providers, options, named=False)

    def sleep(
        self, after: When | None = None, before: When | None = None, *, providers: Providers | None = None,
        limit: int | None = None, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, tz: str = "UTC", progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return nights and naps that start in ``[after, before)``; see `table`."""
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask(_query(schema.SLEEP, after, before, tz, limit), providers, options)

    def sleep_stages(
        self, after: When | None = None, before: When | None = None, *, providers: Providers | None = None,
        limit: int | None = None, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, tz: str = "UTC", progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return stages of sleep that start in ``[after, before)``; see `table`."""
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask(_query(schema.SLEEP_STAGES, after, before, tz, limit), providers, options)

    def recovery(
        self, after: When | None = None, before: When | None = None, *, providers: Providers | None = None,
        limit: int | None = None, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, tz: str = "UTC", progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return recovery of the days in ``[after, before)``; see `table`."""
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask(_query(schema.RECOVERY, after, before, tz, limit), providers, options)

    def health(
        self, after: When | None = None, before: When | None = None, *, providers: Providers | None = None,
        limit: int | None = None, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, tz: str = "UTC", progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return body measurements taken in ``[after, before)``; see `table`."""
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask(_query(schema.HEALTH, after, before, tz, limit), providers, options)

    def personal_records(
        self, after: When | None = None, before: When | None = None, *, providers: Providers | None = None,
        limit: int | None = None, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, tz: str = "UTC", progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return best efforts; see `table`."""
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask(_query(schema.PERSONAL_RECORDS, after, before, tz, limit), providers, options)

    def athlete(
        self, *, providers: Providers | None = None, limit: int | None = None, policy: Policy = _CACHED,
        errors: ErrorMode = "raise", on_rate_limit: OnRateLimit | None = None,
        progress: ProgressCallback | None = None, cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return the athlete of each account, one row per provider; see `table`."""
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask(_query(schema.ATHLETE, limit=limit), providers, options)

    def stats(
        self, *, providers: Providers | None = None, limit: int | None = None, policy: Policy = _CACHED,
        errors: ErrorMode = "raise", on_rate_limit: OnRateLimit | None = None,
        progress: ProgressCallback | None = None, cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return totals as the vendors count them; see `table`."""
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask(_query(schema.STATS, limit=limit), providers, options)

    def gear(
        self, *, providers: Providers | None = None, limit: int | None = None, policy: Policy = _CACHED,
        errors: ErrorMode = "raise", on_rate_limit: OnRateLimit | None = None,
        progress: ProgressCallback | None = None, cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return bikes, shoes and devices; see `table`."""
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask(_query(schema.GEAR, limit=limit), providers, options)

    def table(
        self, table: Table | str, after: When | None = None, before: When | None = None, *,
        providers: Providers | None = None, limit: int | None = None, policy: Policy = _CACHED,
        errors: ErrorMode = "raise", on_rate_limit: OnRateLimit | None = None, tz: str = "UTC",
        progress: ProgressCallback | None = None, cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return any table of every provider that has it, newest first.

        Parameters
        ----------
        table : Table or str
            One of ``pierre_data.schema``, or its name.
        after, before : str, date, datetime, Timestamp or datetime64, optional
            ``[after, before)`` of the table's time.

        Returns
        -------
        DataFrame
            Columns of the table; rows of several providers stand side by side.

        Raises
        ------
        QueryError
            There is no such table, or another argument makes no sense.
        UnsupportedFeature
            No provider asked has it, or one named in `providers` has not.

        Examples
        --------
        >>> import pierre_data as pierre
        >>> client = pierre.Client("synthetic", cache="memory")
        >>> len(client.table("recovery", "2026-03-01", "2026-03-08"))
        7
        """
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask(_query(read_table(table), after, before, tz, limit), providers, options)

    def activity(
        self, key: str, *, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return one activity with everything its vendor knows, one row.

        Parameters
        ----------
        key : str
            ``"strava:123"``, or an ``activity_id`` of a frame this client returned (its best source is asked).

        Raises
        ------
        QueryError
            The key is neither.
        NotFound
            The vendor does not know it.

        Examples
        --------
        >>> import pierre_data as pierre
        >>> client = pierre.Client("synthetic", cache="memory")
        >>> newest = client.activities("2026-05-01", limit=1)
        >>> client.activity(newest.activity_id[0]).id[0] == newest.id[0]
        True
        """
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        return self._ask_one(schema.ACTIVITIES, key, options)

    def streams(
        self, key: str, *, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return the samples of one activity, indexed by seconds since its start; `key` as for `activity`.

        Asked by an ``activity_id``, they carry it in their column of that name; so do laps, zones and segment efforts.
        """
        frame = self._ask_one(schema.STREAMS, key, read_options(policy, errors, on_rate_limit, progress, cancel))
        return frame.set_index("elapsed_s").sort_index(kind="stable")

    def laps(
        self, key: str, *, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return the laps of one activity; `key` as for `activity`."""
        return self._ask_one(schema.LAPS, key, read_options(policy, errors, on_rate_limit, progress, cancel))

    def zones(
        self, key: str, *, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return the time in zones of one activity; `key` as for `activity`."""
        return self._ask_one(schema.ZONES, key, read_options(policy, errors, on_rate_limit, progress, cancel))

    def segment_efforts(
        self, key: str, *, policy: Policy = _CACHED, errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None, progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return the segment efforts of one activity; `key` as for `activity`."""
        return self._ask_one(schema.SEGMENT_EFFORTS, key, read_options(policy, errors, on_rate_limit, progress, cancel))

    def first_available(
        self, providers: Providers, after: When | None = None, before: When | None = None, *,
        sport: str | None = None, limit: int | None = None, dedupe: bool = True, policy: Policy = _CACHED,
        on_rate_limit: OnRateLimit | None = None, tz: str = "UTC", progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return the activities of the first provider, best first, that answers.

        Raises
        ------
        NoProvidersAvailable
            None is named, or all failed; their errors are the cause.

        Examples
        --------
        >>> import pierre_data as pierre
        >>> client = pierre.Client("synthetic", cache="memory")
        >>> len(client.first_available(["strava", "synthetic"], "2026-01-01", limit=3))
        3
        """
        options = read_options(policy, "raise", on_rate_limit, progress, cancel)
        marks = self._marks.read() if dedupe else ()
        window, sports = read_range(after, before, tz), schema.sport_filter(sport) if sport is not None else None
        newest = None if limit is None else read_limit(limit)
        query = ActivityQuery(schema.ACTIVITIES, window, sports, newest, dedupe, marks)
        failed: dict[str, PierreError] = {}
        for chosen in self._chosen(providers):
            try:
                return self._ask(query, chosen, options)
            except QueryError:
                raise
            except PierreError as error:
                failed[chosen.alias] = error
        what = " ".join(f"{name}: {error.what}" for name, error in failed.items())
        raise NoProvidersAvailable(
            f"None of {', '.join(failed)} answered. {what}", "Mend one of them, or name another."
        ) from ExceptionGroup("every provider failed", list(failed.values()))

    def _chosen(self, providers: Providers | None) -> tuple[ConfiguredProvider, ...]:
        return self._own if providers is None else selected(providers, self._fetcher.registry, self._own)

    def _ask(
        self, query: ActivityQuery, providers: Providers | None, options: FetchOptions, *, named: bool | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Return rows from the answers remembered here, else from the providers; raise or warn as asked."""
        named = providers is not None if named is None else named
        chosen = self._own if providers is None else self._chosen(providers)
        chosen = self._fetcher.offering(query.table, chosen, named=named)
        key = (query, tuple(c.identity for c in chosen))
        cached, version = self._results.get(key)
        if cached is not None and options.policy is _CACHED:
            self._results.note(cached.report)
            return cached.frame
        result = self._fetcher.ask(query, chosen, options, named=named)
        self._results.put(key, result, version)
        settle(result.report, options.errors)
        whole = query == ActivityQuery(query.table, dedupe=True, overrides=query.overrides) and result.report.complete
        if whole and (lost := absent(query.overrides, result.frame, [c.alias for c in chosen])):
            listed = "client.marks() lists all, client.unmark(a, b) forgets one."
            notice(f"Marks name what is not there: {', '.join(lost[:5])}; {listed}", ConfigurationNotice)
        return result.frame

    def _ask_one(self, table: Table, key: str, options: FetchOptions) -> pd.DataFrame:
        activity = self._results.find(key)
        [chosen] = self._chosen(activity.provider)
        question = (table, activity, chosen.identity)
        cached, version = self._results.get(question)
        if cached is not None and options.policy is _CACHED:
            self._results.note(cached.report)
            return cached.frame
        result = self._fetcher.ask_one(table, activity, chosen, options)
        self._results.put(question, result, version)
        settle(result.report, options.errors)
        return result.frame


def settle(report: Report, errors: ErrorMode) -> None:
    """Raise or warn about what went wrong: the one provider's own error, or `ProviderErrors` for several."""
    failed = [p.error for p in report.providers if p.error is not None]
    if failed and errors == "raise":
        raise failed[0] if len(failed) == 1 else ProviderErrors(f"{len(failed)} providers failed", failed)
    if errors != "keep" and not report.complete:
        notice(" ".join(report.lines()), PartialResultWarning)


def _query(
    table: Table,
    after: When | None = None,
    before: When | None = None,
    tz: str = "UTC",
    limit: int | None = None,
) -> ActivityQuery:
    return ActivityQuery(table, read_range(after, before, tz), limit=None if limit is None else read_limit(limit))
