"""One attempt on the wire: httpx in, our values and our errors out."""

import functools
import logging
import re
import ssl
import time
import urllib.request
from typing import NoReturn

import httpx

from pierre_data.errors import ConfigurationError, NetworkError, PierreError, Timeout
from pierre_data.http.body import read_body, too_large
from pierre_data.http.deadline import DeadlineTransport, within
from pierre_data.http.origin import is_loopback
from pierre_data.http.redaction import excerpt
from pierre_data.http.resilience import ResilienceConfig
from pierre_data.spi.messages import Headers, Request, Response

_LOG = logging.getLogger("pierre_data.http")
_OFFLINE_FIX = "Check the network, or set PIERRE_OFFLINE=1 to work from the cache."


@functools.cache
def shared_tls() -> ssl.SSLContext:
    """The TLS context of this process: loading the certificates costs about 30 ms, so it happens once."""
    return httpx.create_ssl_context()


def transport_for(url: httpx.URL, tls: ssl.SSLContext | None = None) -> httpx.BaseTransport:
    """A keep-alive pool for one origin, through the proxy the environment names for it (never for loopback).

    Examples
    --------
    >>> transport_for(httpx.URL("http://127.0.0.1:9")).close()
    """
    proxy = None
    if not is_loopback(url.host) and not urllib.request.proxy_bypass(url.host):
        proxies = urllib.request.getproxies()
        proxy = proxies.get(url.scheme) or proxies.get("all")
    return DeadlineTransport(tls or shared_tls(), proxy)


class Exchange:
    """Sends a request once and reads the whole answer, whatever its status.

    Parameters
    ----------
    transport : httpx.BaseTransport
        Where the bytes go.
    config : ResilienceConfig
        Time of one attempt and sizes.
    provider : str
        Registry name, for errors.
    """

    def __init__(self, transport: httpx.BaseTransport, config: ResilienceConfig, provider: str) -> None:
        self._transport = transport
        self._config = config
        self._provider = provider

    def __call__(self, request: Request) -> Response:
        """Raises Timeout, NetworkError, Cancelled, PayloadError or ConfigurationError."""
        outcome = self._outcome(request)
        # Raised here and not where it was caught: no traceback of ours leads to httpx's exceptions, whose
        # requests show query and headers.
        if isinstance(outcome, PierreError):
            outcome.provider = outcome.provider or self._provider
            raise outcome.with_traceback(None)
        return outcome

    def _outcome(self, request: Request) -> Response | PierreError:
        started = time.monotonic()
        try:
            with within(self._config.timeout_s):
                response = self._on_the_wire(request)
        except PierreError as error:
            return error
        except httpx.TransportError as error:
            return _translated(error, request, time.monotonic() - started)
        elapsed_ms = 1000 * (time.monotonic() - started)
        _LOG.debug("%s %s %d %.0f ms", request.method, request.place, response.status, elapsed_ms)
        return response

    def _on_the_wire(self, request: Request) -> Response:
        answer = self._transport.handle_request(_sendable(request, self._config.timeout_s))
        try:
            headers = Headers(answer.headers.multi_items())
            self._check_length(headers, request.place)
            body = read_body(
                answer.iter_raw(),
                headers.get("content-encoding", ""),
                place=request.place,
                max_bytes=self._config.max_body_bytes,
                max_ratio=self._config.max_ratio,
            )
        finally:
            answer.close()
        return Response(answer.status_code, headers, body)

    def _check_length(self, headers: Headers, place: str) -> None:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._config.max_body_bytes:
            raise too_large(place, self._config.max_body_bytes)


def _sendable(request: Request, timeout_s: float) -> httpx.Request:
    """The httpx request; nothing httpx or h11 would complain about, since they quote the value they refuse."""
    url = httpx.URL(request.path)
    headers = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "pierre-data"}
    headers |= {name.lower(): value for name, value in request.headers.items()}
    if not all(re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII) for name in headers) or not all(
        value.isascii() and value.isprintable() and value == value.strip() for value in headers.values()
    ):
        _refuse(request)
    return httpx.Request(
        request.method,
        url.copy_merge_params(request.params) if request.params else url,
        headers=headers,
        json=request.json,
        data=request.form,
        extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)},
    )


def _refuse(request: Request) -> NoReturn:
    raise ConfigurationError(
        f"A header of the request to {request.place} cannot be sent.",
        "Check that the token or client secret was copied whole, without line breaks or spaces.",
    )


def _translated(error: httpx.TransportError, request: Request, elapsed_s: float) -> PierreError:
    """Our error for httpx's; its text may quote what the server sent, never what we sent."""
    host, said = httpx.URL(request.path).host, excerpt(str(error) or type(error).__name__)
    if isinstance(error, httpx.TimeoutException):
        return Timeout(f"No complete answer from {request.place} after {elapsed_s:.3g} s.", "Try again later.")
    if "CERTIFICATE_VERIFY_FAILED" in said:
        fix = "Check the clock; behind a company proxy point SSL_CERT_FILE to its certificates."
        return NetworkError(f"Could not trust the certificate of {host}: {said}.", fix, retryable=False)
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return NetworkError(f"Could not reach {host}: {said}.", _OFFLINE_FIX)
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return ConfigurationError(f"The request to {request.place} cannot be sent.", "Report this as a bug.")
    return NetworkError(f"The connection to {request.place} broke: {said}.", "Try again.")
