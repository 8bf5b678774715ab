"""The provider that runs any descriptor."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
from pierre_data.fetch.drive import drive
from pierre_data.fetch.parse import Parsed, cut, decoded, parse_page, parse_rows
from pierre_data.fetch.report import AnyEvent, FetchContext, ProviderReport
from pierre_data.http import HttpClient, ResilienceConfig
from pierre_data.schema import Table
from pierre_data.settings import variable
from pierre_data.spi import (
    Credentials,
    Endpoint,
    FitnessProvider,
    Page,
    Plan,
    ProviderConfig,
    ProviderDescriptor,
    Query,
    Request,
    Response,
    Rows,
)
from pierre_data.spi.reading import UNREADABLE


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as they arrive.

    Parameters
    ----------
    table : pyarrow.Table
        Some of the table's columns, in its order and units, cut to the question.
    page : Page
        What came before the cut: count, oldest and newest instant.
    """

    table: pa.Table
    page: Page


#: Those of this process: a forked child must not read answers from its parent's connections.
_ALIVE: weakref.WeakSet[DescriptorProvider] = weakref.WeakSet()


def _forked() -> None:
    for provider in list(_ALIVE):
        provider.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class _Signer:
    """Puts a provider's credentials into its requests; knows no provider, which could not be freed otherwise."""

    def __init__(
        self, descriptor: ProviderDescriptor, config: ProviderConfig, resolve: Callable[[], Identity | None]
    ) -> None:
        self.resolve = resolve
        self.needed = descriptor.needs_credentials
        self.param = descriptor.oauth_params.token_param if descriptor.oauth_params else ""
        self._keys, self._used = config.keys, threading.local()

    def __call__(self, request: Request) -> Request:
        headers = {header: key.reveal() for header, key in self._keys.items()}
        params = dict(request.params)
        identity = self.resolve()
        if identity is not None:
            token = self._used.token = identity()
            if self.param:
                params[self.param] = token.reveal()
            else:
                headers["Authorization"] = f"Bearer {token.reveal()}"
        return replace(request, params=params, headers={**request.headers, **headers})

    def renew(self, refused: AuthenticationFailed) -> None:
        """Get one new token for one that looked good and was refused in this thread; there is no second try."""
        identity = self.resolve()
        if type(refused) is not AuthenticationFailed or identity is None:
            raise refused
        try:
            identity.refreshed_after(self._used.token)
        except AuthenticationFailed as error:
            if type(error) is not AuthenticationFailed:
                raise
            # What the vendor said, and what can be done about it.
            raise AuthenticationFailed(refused.what, error.fix, provider=refused.provider) from None


class DescriptorProvider(FitnessProvider):
    """One account at the vendor a descriptor describes.

    Parameters
    ----------
    descriptor : ProviderDescriptor
        What the vendor offers.
    config : ProviderConfig
        Addresses, keys and options.
    identity : callable, optional
        Returns who signs, asked when a request is made: an `Identity`, None where nobody needs to; or raises
        NotConnected.  By default the configured access token signs.
    resilience : ResilienceConfig, optional
        Retries and times.
    offline : bool
        Never open a socket.
    cache_dir : Path, optional
        Where a source that reads files keeps what it read of them.
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
        self.descriptor = descriptor
        self._config = config
        self._resilience = resilience or ResilienceConfig()
        self._offline = offline
        self._lock = threading.Lock()
        self._client: HttpClient | None = None
        self._directory = cache_dir
        _ALIVE.add(self)
        token = config.access_token
        fixed = FixedToken(token, config.name, variable(config.name, "ACCESS_TOKEN")) if token else None
        self._signer = _Signer(descriptor, config, identity or (lambda: fixed))

    @property
    def name(self) -> str:
        """Registry name."""
        return self._config.name

    @property
    def config(self) -> ProviderConfig:
        """Settings it runs with."""
        return self._config

    @property
    def is_local(self) -> bool:
        """Whether it reads files or makes rows up: its answers are not kept."""
        return not self.descriptor.api_base_url

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
        """Yield the rows a query asks for, page by page.

        Parameters
        ----------
        query : Query
            What is asked.
        context : FetchContext
            Is told what happens, and may cancel.

        Raises
        ------
        UnsupportedFeature
            The provider does not offer that table.
        NotConnected
            It needs a token and has none.
        ConfigurationError
            A required option is not set.
        ProviderBroken
            Its own code failed; the cause is chained.
        PierreError
            What went wrong at the vendor; batches before it stay good.
        """
        endpoint = self.descriptor.endpoint(query.table, single=query.id is not None)
        self._check_options()
        # Two options that no caller sets: where to keep what was read of files, and whom to tell how far it is.
        own = {"_cache_dir": self._directory, "_progress": context.stepped}
        # Who needs the newest few rows only asks page after page, and stops when there are enough.
        in_flight = 1 if query.limit is not None else self.descriptor.in_flight
        query = replace(query, options={**own, **self._config.options}, in_flight=in_flight)
        context.report.note_reach(query.after, endpoint.reaches(query.now))
        stop = threading.Event()
        send, read = self._sender(endpoint, query, context, stop), self._reader(query.table)
        plan, renamed = self._guarded(endpoint.plan(query), query), None
        try:
            for parsed in drive(plan, send, read, context.check, query.in_flight, stop):
                # The window of a feed is upload time: its rows may have happened at any time.
                feed = endpoint.window_kind == "feed"
                rows = parsed.table if feed else cut(parsed.table, query.table, query.after, query.before)
                context.arrived(rows.num_rows, parsed.rejected, parsed.unknown, parsed.notes)
                if parsed.renamed is not None:
                    renamed = parsed.renamed if renamed is None else renamed & parsed.renamed
                yield Batch(rows, parsed.page)
        except PierreError:
            raise
        except Exception as error:
            raise provider_broken(self.name, error) from error
        context.report.always_null = tuple(sorted(renamed or ()))

    def _guarded(self, plan: Plan, query: Query) -> Plan:
        """Walk a plan whose code trusts the vendor: what an odd answer makes it raise is the answer's fault."""
        try:
            yield from plan
        except PierreError:
            raise
        except UNREADABLE as error:
            raise PayloadError(
                f"{self.descriptor.display_name} answered {query.table.name} in a form its provider does not know: "
                f"{type(error).__name__}: {error}.",
                "The vendor may have changed its API; look for an update of this provider.",
                provider=self.name,
            ) from error

    def _check_options(self) -> None:
        for name, option in self.descriptor.options.items():
            if option.required and self._config.options.get(name) is None:
                raise ConfigurationError(
                    f"{self.descriptor.display_name} needs its option {name!r}: {option.meaning}",
                    f'Use pierre.provider("{self.name}", {name}=...), or set {variable(self.name, name)}.',
                    provider=self.name,
                )

    def _reader(self, table: Table) -> Callable[[Rows], Parsed]:
        return lambda rows: parse_rows(rows, table, self.name)

    def _sender(
        self, endpoint: Endpoint, query: Query, context: FetchContext, stop: threading.Event
    ) -> Callable[[Request], Parsed | Page]:
        ends, base = AnyEvent(context.cancel, stop), self._config.api_base_url or self.descriptor.api_base_url
        opened: list[HttpClient] = []
        lock = threading.Lock()

        def client() -> HttpClient:
            with lock:  # one for the whole question: whose token, which settings are not asked anew for every page
                if not opened:
                    http = self._http()
                    opened.append(http.with_options(ends, context.waiting, context.max_wait_s))
                return opened[0]

        def send(request: Request) -> Parsed | Page:
            response = self._sent(client(), request)
            path = request.path.partition("?")[0]
            url = request.path if "://" in request.path else f"{base.rstrip('/')}/{request.path.lstrip('/')}"
            context.page()
            if not response.body.strip():  # nothing new
                return Page(headers=response.headers, status=204, url=url)
            if request.raw:
                body = decoded(response, self.name, path)
                return Page(body=body, headers=response.headers, status=response.status, url=url)
            return parse_page(response, endpoint, query, self.name, path, url)

        return send

    def _sent(self, client: HttpClient, request: Request) -> Response:
        try:
            response = client.send(request, expect_json=True)
        except AuthenticationFailed as error:
            self._signer.renew(error)
            response = client.send(request, expect_json=True)
        if response.status == 200 and request.repeatable and not response.body.strip():
            # A passing fault of a vendor looks like this too; one that has nothing says so twice.
            response = client.send(request, expect_json=True)
        return response

    def _http(self) -> HttpClient:
        if self.descriptor.key_headers:
            key_identities(self.descriptor, self._config)
        elif self._signer.needed and self._signer.resolve() is None:
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
                    provider=self.name,
                    sign=self._signer if self._signer.needed else None,
                    faults=self.descriptor.faults,
                    offline=self._offline,
                )
                weakref.finalize(self, self._client.close)  # nobody closes a client in a notebook
            return self._client


def provider_broken(provider: str, error: Exception) -> ProviderBroken:
    """Return the error for what a provider's own code raised."""
    return ProviderBroken(
        f"The provider {provider!r} failed: {type(error).__name__}: {error}.",
        "This is a bug of that provider: report it to its author.",
        provider=provider,
    )
