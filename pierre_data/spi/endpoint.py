"""An endpoint: where a table comes from, declared as data, and the plan that walks it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal
from urllib.parse import quote

from pierre_data.errors import PayloadError, QueryError, SchemaError
from pierre_data.schema import Table
from pierre_data.spi.fields import Field, Sports
from pierre_data.spi.messages import Params, Request
from pierre_data.spi.paging import DateWindows, Paging, Single, Step, split
from pierre_data.spi.query import Page, ParallelPlans, Prefetch, Query, Rows

#: What a plan yields, and what it is sent back: a Page for a Request, None for the others.
Plan = Generator[Request | Prefetch | ParallelPlans | Rows, Any, None]


#: Shorter windows are not walked side by side.
_SHORTEST = dt.timedelta(days=7)
_Span = tuple[dt.datetime | None, dt.datetime | None]


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """Where one table of one vendor comes from.

    Parameters
    ----------
    path : relative to the API base URL; ``{id}`` is replaced by the object asked for
    fields : column -> where it is on the wire
    records : dotted path of the rows in the body (``""``: the body itself, a list or one object), or a function of
        the decoded body and the query that returns rows as mappings
    paging : how pages follow one another
    params : parameters of every request, or a function of the query that makes them (from its options, say)
    window : spells ``[after, before)`` (aware UTC or None each) as parameters
    window_kind : whether the vendor cuts by the table's time exactly, by local calendar dates (widen by a day, cut
        afterwards), not at all, or by upload or change time
    newest_first : the vendor lists in that order: periods are kept as paging passes them, and where there is no
        window the walk stops at the question's start
    scopes : OAuth scopes it needs
    columns : columns that come from `plan_with` rather than from `fields`
    ignored : wire fields knowingly not read
    plan_with : replaces the plan for a source that is nothing like a list
    send : where parameters go: into the address of a GET, or into the body of a POST that only reads

    Examples
    --------
    >>> from pierre_data.schema import ACTIVITIES
    >>> from pierre_data.spi import PageNumber
    >>> plan = Endpoint("/activities", paging=PageNumber(size=2)).plan(Query(ACTIVITIES))
    >>> next(plan).params
    {'page': 1, 'per_page': 2}
    >>> plan.send(Page(rows=2)).params
    {'page': 2, 'per_page': 2}
    """

    path: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict)
    records: str | Callable[[Any, Query], Sequence[Mapping[str, Any]]] = ""
    paging: Paging = field(default_factory=Single)
    params: Params | Callable[[Query], Params] = field(default_factory=dict)
    window: Callable[[dt.datetime | None, dt.datetime | None], Mapping[str, str | int | float]] | None = None
    window_kind: Literal["start", "local_date", "none", "feed"] = "start"
    newest_first: bool = False
    scopes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    plan_with: Callable[[Query], Plan] | None = None
    send: Literal["query", "form", "json"] = "query"

    def plan(self, query: Query) -> Plan:
        """Walk the endpoint: a Request is to be answered by ``send`` with a `Page`, everything else with None.

        Raises QueryError where the path needs an id and the query has none.
        """
        if self.plan_with is not None:
            yield from self.plan_with(query)
            return
        day = dt.timedelta(days=1 if self.window_kind == "local_date" else 0)
        start, end = query.after and query.after - day, query.before and query.before + day
        windows: Sequence[_Span] = [(start, end)]
        if isinstance(self.paging, DateWindows):
            windows = self.paging.windows(start, end, query.now)
        if query.in_flight > 1 and len(windows) > 1:
            yield self._side_by_side(query, windows)
            return
        for after, before in windows:
            yield from self._pages(query, after, before)

    def cut_at(self, after: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
        """Return how far back the vendor answers at a time, aware UTC, where a question goes further; else None."""
        oldest = self.paging.oldest if isinstance(self.paging, DateWindows) else None
        # A date is where history begins: nothing is cut there.
        reach = now - oldest if isinstance(oldest, dt.timedelta) else None
        return reach if reach is not None and (after is None or after < reach) else None

    def produces(self) -> frozenset[str]:
        """Return the columns this endpoint fills."""
        sport = any(isinstance(f.via, Sports) for f in self.fields.values())
        derived = {"sport_raw", "sport_family", "is_exercise"} if sport else set()
        return frozenset({"provider", *self.fields, *self.columns, *derived})

    def verify(self, table: Table, provider: str) -> None:
        """Raise SchemaError for an unknown column, a wrong dimension or an unmapped required column."""
        for name, item in self.fields.items():
            try:
                column = table[name]
                if item.unit and column.unit is None:
                    raise SchemaError(f"{name!r} carries no unit.", "Drop the unit of its Field.")
                if item.unit and column.unit:
                    item.unit.to(column.unit)
            except SchemaError as error:
                raise SchemaError(f"{provider}, {table.name}.{name}: {error.what}", error.fix) from None
        missing = [c for c in table.required if c not in self.produces()]
        if missing:
            raise SchemaError(
                f"{provider} does not map {table.name}.{missing[0]}, which is required.", "Add it to its fields."
            )

    def _pages(self, query: Query, after: dt.datetime | None, before: dt.datetime | None) -> Plan:
        always = self.params(query) if callable(self.params) else self.params
        fixed = {**always, **(self.window(after, before) if self.window else {})}
        first: Step = self.paging.first()
        step = first
        page, earlier = (yield self._request(query, fixed, step)), None
        while (following := self._following(after, earlier, step, page)) is not None:
            params: Params = {} if isinstance(step, str) else step
            ahead = self.paging.ahead(params, page) if query.in_flight > 1 else None
            if ahead is not None:
                requests = (self._request(query, fixed, params) for params in ahead)
                yield Prefetch(requests, partial(self._ends, after, page, params))
                return
            parts = self._behind(query, after, before, page) if step == first else []
            if parts:
                yield self._side_by_side(query, parts)
                return
            step, earlier = following, page
            page = yield self._request(query, fixed, step)

    def _ends(self, after: dt.datetime | None, earlier: Page | None, step: Step, page: Page) -> bool:
        return self._following(after, earlier, step, page) is None

    def _side_by_side(self, query: Query, windows: Sequence[_Span]) -> ParallelPlans:
        alone = replace(query, in_flight=1)
        return ParallelPlans(self._pages(alone, after, before) for after, before in windows)

    def _behind(
        self, query: Query, after: dt.datetime | None, before: dt.datetime | None, page: Page
    ) -> Sequence[_Span]:
        """Cut what lies behind the first page of a cursor into windows; empty where that would save no time."""
        exact = self.window_kind == "start"
        if not (self.window and self.newest_first and (exact or self.window_kind == "local_date")):
            return []
        if query.in_flight < 2 or after is None or page.oldest is None or page.newest is None:
            return []
        # Rows that start together may stand on both sides of the page's end; a local day begins up to 14 h earlier.
        end = page.oldest + (dt.timedelta(seconds=1) if exact else dt.timedelta(days=2))
        if page.oldest >= page.newest or end <= after or (before is not None and end >= before):
            return []
        # A guess from the first page, so that what fits in few pages costs no request more.
        pages = int((end - after) / max(page.newest - page.oldest, _SHORTEST))
        return split(after, end, min(query.in_flight, pages), whole="seconds" if exact else "days")

    def _following(self, after: dt.datetime | None, earlier: Page | None, step: Step, page: Page) -> Step | None:
        """Return the next page; None where paging ends, or a newest-first walk without window passed the start."""
        if earlier and page.rows and page.digest and (page.rows, page.digest) == (earlier.rows, earlier.digest):
            raise PayloadError(
                f"{self.path} was answered with the same page twice.",
                "What came before it was kept; the vendor, or a proxy, may ignore the number of the page.",
                path=self.path,
            )
        if self.newest_first and self.window is None and after and page.oldest and page.oldest < after:
            return None
        return self.paging.after({} if isinstance(step, str) else step, page)

    def _request(self, query: Query, fixed: Params, step: Step) -> Request:
        if isinstance(step, str):
            return Request(step)
        if "{id}" in self.path and query.id is None:
            raise QueryError(f"{query.table.name} needs an id.", "Name the activity or object you want.")
        path, params = self.path.replace("{id}", quote(query.id or "", safe="")), {**fixed, **step}
        if self.send == "query":
            return Request(path, params)
        if self.send == "json":
            return Request(path, method="POST", json=params, reads=True)
        return Request(path, method="POST", form={k: str(v) for k, v in params.items()}, reads=True)
