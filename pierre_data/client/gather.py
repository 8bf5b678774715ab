"""Ask several providers at once, and put what they say into one frame."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from pierre_data.cache import CachePolicy, CachingProvider
from pierre_data.errors import PartialResultWarning, PierreError, ProviderErrors
from pierre_data.fetch import FetchContext, Fetched, ProviderReport, Report
from pierre_data.schema import Table
from pierre_data.spi import Query

Errors = Literal["raise", "warn", "keep"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the providers said: pieces of the table, and one report each."""

    pieces: list[pa.Table]
    reports: tuple[ProviderReport, ...]


def gather(
    providers: Sequence[CachingProvider],
    query: Query,
    policy: CachePolicy,
    *,
    cancel: threading.Event | None = None,
    progress: Callable[[ProviderReport], None] | None = None,
    max_wait_s: float = 60.0,
) -> Gathered:
    """Ask every provider, each in a thread of its own.

    Parameters
    ----------
    providers : sequence of CachingProvider
        Whom to ask.
    query : Query
        What.
    policy : CachePolicy
        How the cache is used.
    cancel, progress, max_wait_s
        As for `FetchContext`.

    Returns
    -------
    Gathered
        Failures are in the reports: the others finish, and what arrived is kept.
    """
    watches = [FetchContext(ProviderReport(p.name, query.table.name), cancel, progress, max_wait_s) for p in providers]

    def ask(provider: CachingProvider, context: FetchContext) -> Fetched:
        try:
            return provider.fetch(query, context, policy)
        except PierreError as error:  # an unsupported table, a provider of a third party
            return Fetched([], replace(context.report, error=error))

    if len(providers) == 1:
        found = [ask(providers[0], watches[0])]
    else:
        with ThreadPoolExecutor(max(len(providers), 1), thread_name_prefix="pierre") as pool:
            found = list(pool.map(ask, providers, watches))
    return Gathered([piece for f in found for piece in f.tables], tuple(f.report for f in found))


def settle(report: Report, errors: Errors) -> None:
    """Raise or warn about what went wrong.

    Raises
    ------
    PierreError
        With ``errors="raise"``: the one provider's own error, or `ProviderErrors` for several.
    """
    failed = [p.error for p in report.providers if p.error is not None]
    if failed and errors == "raise":
        if len(failed) == 1:
            raise failed[0]
        raise ProviderErrors(f"{len(failed)} providers failed", failed)
    if errors != "keep" and not report.complete:
        warnings.warn(" ".join(report.lines()), PartialResultWarning, stacklevel=4)


def newest_first(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return rows newest first, ties by provider and id."""
    if table.time is None or len(frame) < 2:
        return frame
    times = frame[table.time].to_numpy(dtype="datetime64[us]").view("int64")
    falling = times[1:] < times[:-1]
    if falling.all():
        return frame
    names = [n for n in table.key if n != table.time]
    if (times[1:] <= times[:-1]).all() and not _ties_disordered(frame, names, ~falling):
        return frame
    order = frame[[table.time, *names]].sort_values(
        [table.time, *names], ascending=[False] + [True] * len(names), kind="stable"
    )
    return frame.take(order.index.to_numpy()).reset_index(drop=True)


def _ties_disordered(
    frame: pd.DataFrame, names: Sequence[str], tied: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> bool:
    at = np.flatnonzero(tied)
    first, second = (list(frame[list(names)].iloc[rows].itertuples(index=False, name=None)) for rows in (at, at + 1))
    return any(a > b for a, b in zip(first, second, strict=True))
