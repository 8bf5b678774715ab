"""How a vendor pages, as values.

Each value gives the parameters of the first page and, from the page that came back, those of the next one.
The driver never sends one request twice in a plan, so no vendor can make a plan loop.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Literal
from urllib.parse import urljoin, urlsplit

from pierre_data.errors import PayloadError
from pierre_data.spi.messages import Params
from pierre_data.spi.query import Page

#: How the next page is asked for: its parameters, or the whole address of it.
Step = Params | str


class Paging:
    """How pages follow one another: what an endpoint needs to know."""

    __slots__ = ()

    @property
    def cursor(self) -> str | None:
        """Dotted path of the cursor in the body, if there is one."""
        return None

    def first(self) -> Params:
        """Return the parameters of the first page."""
        return {}

    def after(self, params: Params, page: Page) -> Step | None:
        """Return the parameters or the address of the page after this one, or None at the end."""
        return None

    def ahead(self, params: Params, page: Page) -> Iterator[Params] | None:
        """Return the following pages, without end, when they can be asked for without this one's answer."""
        return None


class Single(Paging):
    """One page is all.

    Examples
    --------
    >>> Single().after({}, Page(rows=3)) is None
    True
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PageNumber(Paging):
    """Numbered pages.

    `until`: {"empty", "short"}, whether an empty page or the first one that is not full ends the list.

    Examples
    --------
    >>> pages = PageNumber(size=2)
    >>> pages.after(pages.first(), Page(rows=1))
    {'page': 2, 'per_page': 2}
    >>> pages.after({"page": 2, "per_page": 2}, Page(rows=0)) is None
    True
    """

    size: int
    page: str = "page"
    per_page: str = "per_page"
    start: int = 1
    until: str = "empty"

    def first(self) -> Params:
        """Return the parameters of the first page."""
        return {self.page: self.start, self.per_page: self.size}

    def after(self, params: Params, page: Page) -> Params | None:
        """Return the next page's parameters, or None after the last."""
        if page.rows == 0 or (self.until == "short" and page.rows < self.size):
            return None
        return {**params, self.page: int(params[self.page]) + 1}

    def ahead(self, params: Params, page: Page) -> Iterator[Params] | None:
        """Return the following pages; only behind a full page, since a short one is near the end."""
        if page.rows < self.size:
            return None
        return ({**params, self.page: number} for number in count(int(params[self.page]) + 1))


@dataclass(frozen=True, slots=True)
class Offset(Paging):
    """Row offsets.

    `until`: {"short", "empty"}, what ends the list.
    """

    size: int
    offset: str = "offset"
    limit: str = "limit"
    until: str = "short"

    def first(self) -> Params:
        """Return the parameters of the first page."""
        return {self.offset: 0, self.limit: self.size}

    def after(self, params: Params, page: Page) -> Params | None:
        """Return the next page's parameters, or None after the last."""
        if page.rows == 0 or (self.until == "short" and page.rows < self.size):
            return None
        # By what came, not by what was asked: a vendor that caps the size would otherwise lose rows.
        return {**params, self.offset: int(params[self.offset]) + page.rows}

    def ahead(self, params: Params, page: Page) -> Iterator[Params] | None:
        """Return the following pages; only behind a full page."""
        if page.rows < self.size:
            return None
        return ({**params, self.offset: start} for start in count(int(params[self.offset]) + self.size, self.size))


@dataclass(frozen=True, slots=True)
class Token(Paging):
    """A token in the body, or in a header, asks for the next page.

    `cursor`: dotted path of the token in the body. `header`: header that holds the token, instead of a path in the
    body.

    Examples
    --------
    >>> pages = Token(param="cursor", header="x-next-cursor")
    >>> pages.after({}, Page(headers={"x-next-cursor": "b2"})), pages.after({}, Page())
    ({'cursor': 'b2'}, None)
    """

    cursor: str = ""
    param: str = ""
    size: int | None = None
    limit: str = "limit"
    header: str = ""

    def first(self) -> Params:
        """Return the parameters of the first page."""
        return {self.limit: self.size} if self.size else {}

    def after(self, params: Params, page: Page) -> Params | None:
        """Return the next page's parameters, or None when there is no token."""
        token = page.headers.get(self.header) if self.header else page.cursor
        return {**params, self.param: str(token)} if token else None


@dataclass(frozen=True, slots=True)
class NextLink(Paging):
    """The body, or a header, holds the address of the next page.

    `path`: dotted path of the link in the body. `header`: header that holds it: as ``<address>; rel="next"`` (RFC
    8288), or the bare address.

    Raises PayloadError: from `after`: the link leads away from the vendor's own host, where no token may go.

    Examples
    --------
    >>> page = Page(headers={"link": '</list?at=1>; rel="prev", </list?at=3>; rel="next"'}, url="https://api.example/list")
    >>> NextLink(header="link").after({}, page)
    'https://api.example/list?at=3'
    """

    path: str = ""
    header: str = ""

    @property
    def cursor(self) -> str | None:
        """Where the link is in the body."""
        return self.path or None

    def after(self, params: Params, page: Page) -> str | None:
        """Return the address of the next page: it replaces path and parameters."""
        link = _next_link(page.headers.get(self.header, "")) if self.header else page.cursor
        if not link:
            return None
        # Relative to the page it stands on, as RFC 3986 has it.
        whole = urljoin(page.url, str(link))
        if page.url and _origin(whole) != _origin(page.url):
            raise PayloadError(
                f"The next page of {urlsplit(page.url).path} is said to be at another host, "
                f"{(urlsplit(whole).netloc.rpartition('@')[2] or 'an unreadable one')[:100]!r}.",
                "It was not asked, and got no token; what came before is kept.",
                path=urlsplit(page.url).path,
            )
        return whole


@dataclass(frozen=True, slots=True)
class DateWindows(Paging):
    """The vendor limits the span of a window: the question is cut, newest first, and each part paged.

    `oldest`: where history begins, or how far back the vendor answers; bounds an unbounded question.
    """

    span: dt.timedelta
    inner: Paging = field(default_factory=Single)
    oldest: dt.datetime | dt.timedelta | None = None

    @property
    def cursor(self) -> str | None:
        """The cursor of one window's pages."""
        return self.inner.cursor

    def first(self) -> Params:
        """Return the first page of one window."""
        return self.inner.first()

    def after(self, params: Params, page: Page) -> Step | None:
        """Return the next page of one window."""
        return self.inner.after(params, page)

    def ahead(self, params: Params, page: Page) -> Iterator[Params] | None:
        """Return the following pages of one window."""
        return self.inner.ahead(params, page)

    def windows(
        self, after: dt.datetime | None, before: dt.datetime | None, now: dt.datetime
    ) -> list[tuple[dt.datetime, dt.datetime]]:
        """Return the parts of ``[after, before)``, newest first.

        They are half-open, disjoint, together exactly the question; `now` bounds an open end, a day ahead of it for
        clocks that differ.
        """
        end = before or now + dt.timedelta(days=1)
        start = after or dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
        if self.oldest is not None:
            limit = self.oldest if isinstance(self.oldest, dt.datetime) else now - self.oldest
            start = max(start, limit)
        parts = []
        while end > start:
            begin = max(start, end - self.span)
            parts.append((begin, end))
            end = begin
        return parts


def _next_link(value: str) -> str:
    """Return the address whose relation is "next" in a Link header, or a bare address as it is."""
    if not value.lstrip().startswith("<"):
        return value.strip()
    for address, attributes in re.findall(r"<([^>]*)>((?:\s*;\s*[\w*-]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s;,]*))?)*)", value):
        relation = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,]*))", attributes, re.IGNORECASE)
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return str(address)
    return ""


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", None, None


def split(
    after: dt.datetime, before: dt.datetime, count: int, *, whole: Literal["seconds", "days"]
) -> list[tuple[dt.datetime, dt.datetime]]:
    """Return ``[after, before)`` in so many parts, newest first.

    They are half-open, disjoint, together exactly the window; fewer where one would be empty, none below two.  Inner
    ends lie on whole seconds or days: vendors that take dates can be cut at midnight only.

    Examples
    --------
    >>> start, end = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 9, tzinfo=dt.UTC)
    >>> [(a.day, b.day) for a, b in split(start, end, 2, whole="days")]
    [(5, 9), (1, 5)]
    """
    cuts = (after + at * ((before - after) / count) for at in range(1, count))
    if whole == "days":
        inner = {cut.replace(hour=0, minute=0, second=0, microsecond=0) for cut in cuts}
    else:
        inner = {cut.replace(microsecond=0) for cut in cuts}
    ends = [after, *sorted(cut for cut in inner if after < cut < before), before]
    return [(ends[at], ends[at + 1]) for at in range(len(ends) - 2, -1, -1)] if len(ends) > 2 else []
