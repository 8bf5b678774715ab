"""A list whose windows mean upload or change time: rows are put into their periods, and a watermark says how far."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pyarrow as pa

from pierre_data.cache.namespace import CacheNamespace, walked, watermark
from pierre_data.cache.period_cache import Batches, PeriodCache, Served, upsert
from pierre_data.cache.periods import CachePolicy
from pierre_data.errors import Cancelled, PierreError
from pierre_data.fetch import FetchContext
from pierre_data.spi import Endpoint, Query

#: What was uploaded shortly before the last look may not have been listed then.
_OVERLAP = dt.timedelta(days=1)


class UploadFeed(PeriodCache):
    """One account's periods of a feed, for one question by the table's own time.

    A feed is never complete: it tells what was uploaded since somebody looks.  What it listed or pushed once may not
    come again, so that rows of another revision of the parser are served too until they do; the watermark is not.
    """

    any_revision = True

    def __init__(self, namespace: CacheNamespace, resource: str, endpoint: Endpoint | None, query: Query) -> None:
        super().__init__(namespace, resource, endpoint, query)
        self._resource = resource
        self._mark, self._walked = namespace.key(watermark(resource)), namespace.key(walked(resource))

    def offline(self) -> Served:
        """Return what is kept."""
        return self._use(reversed(self._cached))

    def catch_up(self, policy: CachePolicy, batches: Batches, context: FetchContext) -> Served:
        """Return the rows of the question; what was uploaded since the last look is fetched first."""
        namespace, served, nothing = self.namespace, self.served, pa.table({})
        known = namespace.find([self._mark, self._walked]) if policy is CachePolicy.USE_CACHE else {}
        if self._mark in known and namespace.now() < known[self._mark].expires:
            served.good_until = known[self._mark].expires
            return self._use(reversed(self._cached))
        before, pieces, began = known.get(self._walked), list[pa.Table](), namespace.now()
        since = dt.datetime.fromtimestamp(before.fetched, dt.UTC) - _OVERLAP if before else None
        try:
            for batch in batches(replace(self.query, after=since, before=None, now=self.clock), context):
                pieces.append(batch.table)
        except PierreError as error:
            kept = before is not None or bool(self._cached)  # otherwise there is nothing that could be stale
            stale = kept and error.retryable and not isinstance(error, Cancelled)
            served.stale_because, served.error = (error, None) if stale else (None, error)
        served.writes |= upsert(namespace, self._resource, self.query.table, pieces, began, feed=True)
        if served.error is None and served.stale_because is None:
            # Two entries: an event forgets that we looked lately, and not how far.
            ttl = namespace.ttl
            marks = {self._mark: (nothing, ttl.activity_list), self._walked: (nothing, ttl.settled)}
            served.writes |= namespace.put(marks, began)
        again = UploadFeed(namespace, self._resource, None, self.query)
        again.served = served
        return again.offline()
