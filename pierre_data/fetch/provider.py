"""The provider that runs any descriptor."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa

from pierre_data.errors import NotConnected
from pierre_data.fetch.drive import drive
from pierre_data.fetch.parse import Parsed, cut, parse_page, parse_rows
from pierre_data.fetch.report import ProviderReport, Watch
from pierre_data.fetch.wire import load
from pierre_data.http import HttpClient, HttpRequest, HttpResponse, ResilienceConfig
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.spi import (
    Answer,
    Credentials,
    Endpoint,
    FitnessProvider,
    Page,
    ProviderConfig,
    ProviderDescriptor,
    Query,
    Request,
    Rows,
)

#: Puts credentials on a request.
Sign = Callable[[HttpRequest], HttpRequest]


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


class DescriptorProvider(FitnessProvider):
    """One account at the vendor a descriptor describes.

    Parameters
    ----------
    descriptor : ProviderDescriptor
        What the vendor offers.
    config : ProviderConfig
        Addresses, keys and options.
    resilience : ResilienceConfig, optional
        Retries and times.
    offline : bool
        Never open a socket.
    """

    def __init__(
        self,
        descriptor: ProviderDescriptor,
        config: ProviderConfig,
        *,
        resilience: ResilienceConfig | None = None,
        offline: bool = False,
    ) -> None:
        self.descriptor = descriptor
        self._config = config
        self._resilience = resilience or ResilienceConfig()
        self._offline = offline
        self._lock = threading.Lock()
        self._client: HttpClient | None = None
        self._token: Callable[[], Secret] | None = None
        if config.access_token is not None:
            self.set_credentials(Credentials(config.access_token))

    @property
    def name(self) -> str:
        """Registry name."""
        return self._config.name

    @property
    def config(self) -> ProviderConfig:
        """Settings it runs with."""
        return self._config

    def __repr__(self) -> str:
        return f"<{self.descriptor.display_name} provider {self.name!r}>"

    def set_credentials(self, credentials: Credentials) -> None:
        """Sign requests with these from now on."""
        self.set_token_source(lambda: credentials.access_token)

    def set_token_source(self, source: Callable[[], Secret] | None) -> None:
        """Ask this for a token before each request; it may refresh."""
        self._token = source

    def is_authenticated(self) -> bool:
        """Return whether requests can be signed."""
        if not self.descriptor.needs_credentials:
            return True
        return self._token is not None or (bool(self.descriptor.key_headers) and self._has_keys())

    def disconnect(self) -> None:
        """Forget the credentials and close the connections."""
        self._token = None
        self.close()

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def frame(self, query: Query) -> pd.DataFrame:
        """Return the rows a query asks for, as a conformed frame."""
        watch = Watch(ProviderReport(self.name, query.table.name))
        return query.table.from_arrow(batch.table for batch in self.batches(query, watch))

    def batches(self, query: Query, watch: Watch) -> Iterator[Batch]:
        """Yield the rows a query asks for, page by page.

        Parameters
        ----------
        query : Query
            What is asked.
        watch : Watch
            Is told what happens, and may cancel.

        Raises
        ------
        UnsupportedFeature
            The provider does not offer that table.
        NotConnected
            It needs a token and has none.
        PierreError
            What went wrong at the vendor; batches before it stay good.
        """
        endpoint = self.descriptor.endpoint(query.table, single=query.id is not None)
        query = replace(query, options=self._config.options, in_flight=self.descriptor.in_flight)
        send = self._sender(endpoint, query, watch)
        own = self._reader(query.table)
        nulls: set[str] | None = None
        for parsed in drive(endpoint.plan(query), send, own, watch.check, query.in_flight):
            # The window of a feed is upload time: its rows may have happened at any time.
            rows = parsed.table
            if endpoint.window_kind != "feed":
                rows = cut(rows, query.table, query.after, query.before)
            watch.arrived(rows.num_rows, parsed.rejected, parsed.unknown)
            if parsed.table.num_rows:
                null = {n for n in endpoint.fields if parsed.table[n].null_count == parsed.table.num_rows}
                nulls = null if nulls is None else nulls & null
            yield Batch(rows, parsed.page)
        watch.report.always_null = tuple(sorted(nulls or ()))

    def _reader(self, table: Table) -> Callable[[Rows], Parsed]:
        return lambda rows: parse_rows(rows, table, self.name)

    def _sender(self, endpoint: Endpoint, query: Query, watch: Watch) -> Callable[[Request], Parsed | Page]:
        def send(request: Request) -> Parsed | Page:
            client = self._http().tuned(cancel=watch.cancel, on_wait=watch.waiting, max_wait_s=watch.max_wait_s)
            response = client.send(HttpRequest("GET", request.path, params=request.params), expect_json=True)
            path = request.path.partition("?")[0]
            watch.page()
            if request.raw:
                return Page(body=load(response.body, self.name, path))
            return parse_page(response.body, endpoint, query, self.name, path)

        return send

    def _http(self) -> HttpClient:
        if not self.is_authenticated():
            raise NotConnected(
                f"{self.descriptor.display_name} is not connected.", self._how_to_connect(), provider=self.name
            )
        with self._lock:
            if self._client is None:
                faults = self.descriptor.faults
                self._client = HttpClient(
                    self._resilience,
                    base_url=self._config.api_base_url or self.descriptor.api_base_url,
                    provider=self.name,
                    sign=self._sign if self.descriptor.needs_credentials else None,
                    faults=(lambda r: faults(_answer(r))) if faults else None,
                    offline=self._offline,
                )
                weakref.finalize(self, self._client.close)  # nobody closes a client in a notebook
            return self._client

    def _sign(self, request: HttpRequest) -> HttpRequest:
        headers = {h: key.reveal() for h, key in self._config.keys.items()}
        params = dict(request.params)
        if self._token is not None:
            name = self.descriptor.oauth_params.token_param if self.descriptor.oauth_params else ""
            if name:
                params[name] = self._token().reveal()
            else:
                headers["Authorization"] = f"Bearer {self._token().reveal()}"
        return replace(request, params=params, headers={**request.headers, **headers})

    def _has_keys(self) -> bool:
        return all(header in self._config.keys for header in self.descriptor.key_headers)

    def _how_to_connect(self) -> str:
        stem = f"PIERRE_{self.name.upper().replace('-', '_')}_"
        if self.descriptor.key_headers:
            names = " and ".join(stem + n for n in self.descriptor.key_headers.values())
            return f"Set {names}."
        return f"Set {stem}ACCESS_TOKEN to a token of yours."


def _answer(response: HttpResponse) -> Answer:
    return Answer(response.status, dict(response.headers), response.body)
