"""The provider that runs any descriptor."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pierre_data.auth import FixedToken, Identity, key_identities
from pierre_data.errors import (
    AuthenticationFailed,
    ConfigurationError,
    NotConnected,
    PayloadError,
    PierreError,
    ProviderBroken,
)
from pierre_data.fetch.drive import Driver
from pierre_data.fetch.parse import Parsed, cut, decoded, parse_page, parse_rows
from pierre_data.fetch.report import AnyEvent, FetchContext, ProviderReport, Rejected
from pierre_data.http import DEFAULT_RESILIENCE, HttpClient, ResilienceConfig, redact
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import (
    Credentials,
    Endpoint,
    FitnessProvider,
    Page,
    ProviderConfig,
    ProviderDescriptor,
    Query,
    Request,
)
from pierre_data.spi.reading import UNREADABLE


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as they arrive, cut to the question; `page` says what came before the cut."""

    table: pa.Table
    page: Page


#: Those of this process: a forked child must not read answers from its parent's connections.
_ALIVE: weakref.WeakSet[DescriptorProvider] = weakref.WeakSet()


def _forked() -> None:
    for provider in list(_ALIVE):
        provider.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@dataclass(slots=True, repr=False)
class _Signer:
    """Puts a provider's credentials into its requests; knows no provider, which could not be freed otherwise."""

    resolve: Callable[[], Identity | None]
    keys: Mapping[str, Secret]
    param: str = ""  # of the query, for a vendor that takes no token in a header
    sent: list[Secret] = field(default_factory=list)
    used: threading.local = field(default_factory=threading.local)

    def __call__(self, request: Request) -> Request:
        headers, params = dict(request.headers), dict(request.params)
        headers |= {header: key.reveal() for header, key in self.keys.items()}
        identity = self.resolve()
        if identity is not None:
            token = self.used.token = identity()
            if token not in self.sent:
                self.sent.append(token)
            if self.param:
                params[self.param] = token.reveal()
            else:
                headers["Authorization"] = f"Bearer {token.reveal()}"
        return replace(request, params=params, headers=headers)

    def without_secrets(self, rows: list[Rejected]) -> list[Rejected]:
        """Take what was sent in secret out of what is told of rows: a vendor may echo it."""
        secrets = [secret.reveal() for secret in (*self.keys.values(), *self.sent)]
        return [replace(row, row=redact(row.row, secrets), value=redact(row.value, secrets)) for row in rows]

    def renew(self, refused: AuthenticationFailed) -> None:
        """Get one new token for one that looked good and was refused in this thread; there is no second try."""
        identity = self.resolve()
        if type(refused) is not AuthenticationFailed or identity is None:
            raise refused
        try:
            identity.refreshed_after(self.used.token)
        except AuthenticationFailed as error:
            if type(error) is not AuthenticationFailed:
                raise
            # What the vendor said, and what can be done about it.
            raise AuthenticationFailed(refused.what, error.fix, provider=refused.provider) from None


class DescriptorProvider(FitnessProvider):
    """One account at the vendor a descriptor describes.

    `identity` returns who signs, asked when a request is made (None where nobody needs to), or raises NotConnected; by
    default the configured access token signs.  With `offline` no socket is opened.  In `cache_dir` a source that reads
    files keeps what it read of them.
    """

    def __init__(
        self,
        descriptor: ProviderDescriptor,
        config: ProviderConfig,
        *,
        identity: Callable[[], Identity | None] | None = None,
        resilience: ResilienceConfig | None = None,
        offline: bool = False,
        cache_dir: Path | None = None,
    ) -> None:
        super().__init__(config)
        self.descriptor = descriptor
        #: Whether it reads files or makes rows up: its answers are not kept.
        self.is_local = not descriptor.api_base_url
        self._resilience, self._offline, self._directory = resilience or DEFAULT_RESILIENCE, offline, cache_dir
        self._lock = threading.Lock()
        self._client: HttpClient | None = None
        _ALIVE.add(self)
        token, param = config.access_token, descriptor.oauth_params.token_param if descriptor.oauth_params else ""
        fixed = None if token is None else FixedToken(token, config.name, variable(config.name, "ACCESS_TOKEN"))
        self._signer = _Signer(identity or (lambda: fixed), config.keys, param)

    def __repr__(self) -> str:
        return f"<{self.descriptor.display_name} provider {self.name!r}>"

    def set_credentials(self, credentials: Credentials) -> None:
        """Sign requests with this access token from now on; it is not refreshed."""
        fixed = FixedToken(credentials.access_token, self.name, "set_credentials")
        self._signer.resolve = lambda: fixed

    def is_authenticated(self) -> bool:
        """Return whether requests can be signed."""
        if not self.descriptor.needs_credentials:
            return True
        if self.descriptor.key_headers:
            return all(header in self._config.keys for header in self.descriptor.key_headers)
        try:
            return self._signer.resolve() is not None
        except AuthenticationFailed:
            return False

    def disconnect(self) -> None:
        """Forget the credentials and close the connections."""
        self._signer.resolve = lambda: None
        self.close()

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def reset_after_fork(self) -> None:
        """Let go of the connections without closing them, in a forked child: they are the parent's."""
        self._lock, self._client = threading.Lock(), None

    def frame(self, query: Query) -> pd.DataFrame:
        """Return the rows a query asks for, as a conformed frame."""
        context = FetchContext(ProviderReport(self.name, query.table.name))
        frame = query.table.from_arrow(batch.table for batch in self.batches(query, context))
        # Windows walked side by side share the second at which they meet.
        twice = frame.duplicated(list(query.table.key), keep="last")
        return frame[~twice].reset_index(drop=True) if twice.any() else frame

    def batches(self, query: Query, context: FetchContext) -> Iterator[Batch]:
        """Yield the rows a query asks for, page by page; batches before an error stay good.

        Raises UnsupportedFeature, NotConnected or ConfigurationError before anything is asked, ProviderBroken where
        the provider's own code failed (the cause is chained), and what went wrong at the vendor.
        """
        descriptor, report = self.descriptor, context.report
        endpoint = descriptor.endpoint(query.table, single=query.id is not None)
        lacking = [n for n, o in descriptor.options.items() if o.required and self._config.options.get(n) is None]
        for name in lacking[:1]:
            what = f"{descriptor.display_name} needs its option {name!r}: {descriptor.options[name].meaning}"
            fix = f'Use pierre.provider("{self.name}", {name}=...), or set {variable(self.name, name)}.'
            raise ConfigurationError(what, fix, provider=self.name)
        # Who needs the newest few rows only asks page after page, and stops when there are enough.
        in_flight, options = 1 if query.limit is not None else descriptor.in_flight, self._config.options
        query = replace(query, options=options, in_flight=in_flight)
        query = replace(query, cache_dir=self._directory, progress=context.stepped)
        report.cut_at = report.cut_at or endpoint.cut_at(query.after, query.now)
        # The window of a feed is upload time: its rows may have happened at any time.
        after, before = (None, None) if endpoint.window_kind == "feed" else (query.after, query.before)
        stop, renamed = threading.Event(), None
        ends = stop if context.cancel is None else AnyEvent(context.cancel, stop)
        # One for the whole question: whose token and which settings is not asked anew for every page.
        client = cache(lambda: self._http(context, ends))
        driver = Driver(
            lambda request: self._answer(client(), request, endpoint, query, context),
            lambda rows: parse_rows(rows, query.table, self.name),
            context.check,
            in_flight,
            stop,
        )
        try:
            for parsed in driver.run(endpoint.plan(query)):
                rows, rejected, notes = cut(parsed.table, query.table, after, before), parsed.rejected, parsed.notes
                if rejected or notes:
                    rejected, notes = map(self._signer.without_secrets, (rejected, notes))
                context.arrived(rows.num_rows, rejected, parsed.unknown, notes)
                if parsed.renamed is not None:
                    renamed = parsed.renamed if renamed is None else renamed & parsed.renamed
                yield Batch(rows, parsed.page)
        except PierreError:
            raise
        except UNREADABLE as error:  # a plan trusts the vendor: what an odd answer makes it raise is the answer's fault
            what = f"{descriptor.display_name} answered {query.table.name} in a form its provider does not know"
            fix = "The vendor may have changed its API; look for an update of this provider."
            raise PayloadError(f"{what}: {type(error).__name__}: {error}.", fix, provider=self.name) from error
        except Exception as error:
            raise provider_broken(self.name, error) from error
        report.always_null = tuple(sorted(renamed or ()))

    def _answer(
        self, client: HttpClient, request: Request, endpoint: Endpoint, query: Query, context: FetchContext
    ) -> Parsed | Page:
        try:
            response = client.send(request, expect_json=True)
        except AuthenticationFailed as error:
            self._signer.renew(error)
            response = client.send(request, expect_json=True)
        if not response.body.strip() and response.status == 200 and request.repeatable:
            # A passing fault of a vendor looks like this too; one that has nothing says so twice.
            response = client.send(request, expect_json=True)
        with context.lock:
            context.report.pages += 1
        path, base = request.path.partition("?")[0], self._config.api_base_url or self.descriptor.api_base_url
        url = request.path if "://" in request.path else f"{base.rstrip('/')}/{request.path.lstrip('/')}"
        if not response.body.strip():  # nothing new
            return Page(headers=response.headers, status=204, url=url)
        if request.raw:
            body = decoded(response, self.name, path)
            return Page(body=body, headers=response.headers, status=response.status, url=url)
        return parse_page(response, endpoint, query, self._config.name, path, url)

    def _http(self, context: FetchContext, cancel: threading.Event) -> HttpClient:
        if self.descriptor.key_headers:
            key_identities(self.descriptor, self._config)
        elif self.descriptor.needs_credentials and self._signer.resolve() is None:
            raise NotConnected(
                f"{self.descriptor.display_name} is not connected.",
                f'Connect it: client.connect("{self.name}"), or set {variable(self.name, "ACCESS_TOKEN")}.',
                provider=self.name,
            )
        with self._lock:
            if self._client is None:
                self._client = HttpClient(
                    self._resilience,
                    base_url=self._config.api_base_url or self.descriptor.api_base_url,
                    provider=self._config.name,
                    sign=self._signer if self.descriptor.needs_credentials else None,
                    faults=self.descriptor.fault,
                    offline=self._offline,
                )
                weakref.finalize(self, self._client.close)  # nobody closes a client in a notebook
            return self._client.with_options(cancel, context.waiting, context.max_wait_s)


def provider_broken(provider: str, error: Exception) -> ProviderBroken:
    """Return the error for what a provider's own code raised."""
    return ProviderBroken(
        f"The provider {provider!r} failed: {type(error).__name__}: {error}.",
        "This is a bug of that provider: report it to its author.",
        provider=provider,
    )
