"""What a client is told about pairs of recordings, and why it merges."""

from __future__ import annotations

import threading

import pandas as pd

from pierre_data import schema
from pierre_data.cache import CachePolicy
from pierre_data.client.fetcher import rows_within
from pierre_data.client.query import (
    ActivityQuery,
    ErrorMode,
    OnRateLimit,
    Policy,
    ProgressCallback,
    TimeRange,
    When,
    read_options,
    read_range,
    utc_bounds,
)
from pierre_data.client.selection import Providers
from pierre_data.client.table_methods import TableMethods
from pierre_data.dedupe import REACH, Override, deduplicate, duplicates, unquoted
from pierre_data.errors import ConfigurationNotice
from pierre_data.notices import notice


class MarkMethods(TableMethods):
    """What a client does with merges and marks."""

    def duplicates(
        self,
        after: When | None = None,
        before: When | None = None,
        *,
        providers: Providers | None = None,
        policy: Policy = CachePolicy.USE_CACHE,
        errors: ErrorMode = "raise",
        on_rate_limit: OnRateLimit | None = None,
        tz: str = "UTC",
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> pd.DataFrame:
        """Return every merge that `activities` makes in a window, with its reason.

        Returns
        -------
        DataFrame
            As of ``pierre_data.duplicates``, with this client's priority and marks; also of recordings outside the
            window, when what they are merged into begins inside.

        Examples
        --------
        >>> import pierre_data as pierre
        >>> client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
        >>> "overlap" in set(client.duplicates("2026-01-01", "2026-02-01").rule)
        True
        """
        options = read_options(policy, errors, on_rate_limit, progress, cancel)
        chosen, marks, window = self._chosen(providers), self._marks.read(), read_range(after, before, tz)
        asked = utc_bounds(ActivityQuery(schema.ACTIVITIES, window, dedupe=True))
        frame = self._ask(ActivityQuery(schema.ACTIVITIES, TimeRange(*asked)), providers, options, named=False)
        priority, spaces = [one.alias for one in chosen], self._fetcher.id_spaces(chosen)
        merged = deduplicate(frame, priority=priority, overrides=marks, id_spaces=spaces, reach=REACH)
        merges = duplicates(frame, priority=priority, overrides=marks, id_spaces=spaces, reach=REACH)
        inside = merges["activity_id"].isin(rows_within(merged, schema.ACTIVITIES, window)["activity_id"])
        return merges[inside].reset_index(drop=True)

    def mark_same(self, a: str, b: str) -> None:
        """Remember that two recordings are one workout; `activities` and `duplicates` follow it before every rule.

        They are named ``provider:id``, as in ``sources``, or `kept` and `dropped` of `duplicates`; others are a
        QueryError.  StorageError when ``overrides`` in the data directory cannot be written.
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
