"""One attempt on the wire: httpx in, our values and our errors out; no body is a bomb."""

import functools
import io
import logging
import re
import ssl
import time
import urllib.request
import zlib
from collections.abc import Iterator
from typing import NoReturn
from urllib.parse import urlencode

import httpx

from pierre_data.errors import ConfigurationError, NetworkError, PayloadError, PierreError, Timeout
from pierre_data.http.deadline import DeadlineTransport, within
from pierre_data.http.origin import is_loopback
from pierre_data.http.redaction import excerpt
from pierre_data.http.resilience import ResilienceConfig
from pierre_data.spi.messages import Headers, Request, Response

_LOG = logging.getLogger("pierre_data.http")
_OFFLINE_FIX = "Check the network, or set PIERRE_OFFLINE=1 to work from the cache."
_PIECE_BYTES = 2**20
# Below this no ratio is too high: a short page of zeros may honestly shrink a thousandfold.
_RATIO_FLOOR_BYTES = 16 * 2**20
_HEADER_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)


@functools.cache
def shared_tls() -> ssl.SSLContext:
    """The TLS context of this process: loading the certificates costs about 30 ms, so it happens once."""
    return httpx.create_ssl_context()


def transport_for(url: httpx.URL, tls: ssl.SSLContext | None = None) -> httpx.BaseTransport:
    """A keep-alive pool for one origin, through the proxy the environment names for it (never for loopback)."""
    proxy, proxies = None, {}
    if not is_loopback(url.host) and not urllib.request.proxy_bypass(url.host):
        proxies = urllib.request.getproxies()
        proxy = proxies.get(url.scheme) or proxies.get("all")
    try:
        return DeadlineTransport(tls or shared_tls(), proxy)
    except (ValueError, httpx.InvalidURL):
        del proxy, proxies  # they may hold a password, as httpx's message does
    raise ConfigurationError(
        f"The proxy address for {url.host} cannot be used.",
        f"Write {url.scheme.upper()}_PROXY as http://host:port, with http:// in front.",
    )


def exchange(request: Request, transport: httpx.BaseTransport, config: ResilienceConfig, provider: str) -> Response:
    """Send a request once and read the whole answer, whatever its status.

    Raises Timeout, NetworkError, Cancelled, PayloadError or ConfigurationError.
    """
    started = time.monotonic()
    outcome: Response | PierreError
    try:
        with within(config.timeout_s):
            outcome = _on_the_wire(request, transport, config)
    except PierreError as error:
        outcome = error
    except httpx.TransportError as error:
        outcome = _translated(error, request, time.monotonic() - started)
    # Raised here and not where it was caught: no traceback of ours leads to httpx's exceptions, whose
    # requests show query and headers.
    if isinstance(outcome, PierreError):
        outcome.provider = outcome.provider or provider
        raise outcome.with_traceback(None)
    if _LOG.isEnabledFor(logging.DEBUG):
        elapsed_ms = 1000 * (time.monotonic() - started)
        _LOG.debug("%s %s %d %.0f ms", request.method, request.place, outcome.status, elapsed_ms)
    return outcome


def readable_json(request: Request, response: Response, provider: str) -> None:
    """Look whether a body can be JSON at all (it is not parsed).

    Raises PayloadError for a web page, and NetworkError where the body ends before its JSON does: it was cut where
    no length said so.
    """
    start = response.body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if "html" in response.headers.get("content-type", "").lower() or start == b"<":
        raise PayloadError(
            f"{provider} answered {request.place} with a web page instead of data.",
            "Log in to the network (captive portal), or wait if the provider is under maintenance.",
            provider=provider,
            path=request.place,
        )
    closing = {b"{": b"}", b"[": b"]"}.get(start)
    if closing and response.body[-64:].rstrip()[-1:] != closing:
        raise NetworkError(f"The answer of {request.place} was cut short.", "Try again.", provider=provider)


def _on_the_wire(request: Request, transport: httpx.BaseTransport, config: ResilienceConfig) -> Response:
    answer = transport.handle_request(_sendable(request, config.timeout_s))
    try:
        headers = Headers(answer.headers.multi_items())
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > config.max_body_bytes:
            raise _too_large(request, config.max_body_bytes)
        body = _read_body(answer.iter_raw(), headers.get("content-encoding", ""), request, config)
    finally:
        answer.close()
    return Response(answer.status_code, headers, body)


def _sendable(request: Request, timeout_s: float) -> httpx.Request:
    """The httpx request; nothing httpx or h11 would complain about, since they quote the value they refuse."""
    headers = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "pierre-data"}
    headers |= {name.lower(): value for name, value in request.headers.items()}
    if not all(_HEADER_NAME.fullmatch(name) for name in headers) or not all(
        value.isascii() and value.isprintable() and value == value.strip() for value in headers.values()
    ):
        _refuse(request)
    url = request.path.partition("#")[0]
    if request.params:
        params = {k: str(v).lower() if isinstance(v, bool) else v for k, v in request.params.items()}
        url = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        address = None
    if address is None:
        raise ConfigurationError("An address is not a URL with a host.", "Use a URL such as https://api.example.")
    return httpx.Request(
        request.method,
        address,
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


def _read_body(chunks: Iterator[bytes], encoding: str, request: Request, config: ResilienceConfig) -> bytes:
    """Collect and decode a body.

    httpx decodes 292 KB to 300 MB without a question and takes a gzip stream that was cut for a complete one
    (0.28.1, 2026-11), so the decoding is done here.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise PayloadError(
            f"The answer of {request.place} is encoded as {encoding[:40]!r}, which was not asked for.",
            "Check for a proxy between you and the provider.",
            path=request.place,
        )
    inflater = None if encoding in ("", "identity") else _Inflater()
    sink, received = io.BytesIO(), 0
    try:
        for chunk in chunks:
            received += len(chunk)
            for piece in inflater.feed(chunk) if inflater else (chunk,):
                sink.write(piece)
                if sink.tell() > config.max_body_bytes:
                    raise _too_large(request, config.max_body_bytes)
                if sink.tell() > max(_RATIO_FLOOR_BYTES, config.max_ratio * received):
                    raise PayloadError(
                        f"The answer of {request.place} unpacks to more than {config.max_ratio:g} times its size.",
                        "Report it to the provider: this is how a decompression bomb looks.",
                        path=request.place,
                    )
        damaged = inflater is not None and received > 0 and not inflater.complete
    except zlib.error:
        damaged = True
    if damaged:
        raise NetworkError(f"The compressed answer of {request.place} is damaged or was cut short.", "Try again.")
    return sink.getvalue()


def _too_large(request: Request, max_bytes: int) -> PayloadError:
    return PayloadError(
        f"The answer of {request.place} is larger than {max_bytes:,} bytes.",
        "Ask for less at once, or raise max_body_bytes.",
        path=request.place,
    )


class _Inflater:
    """gzip or zlib, member after member, in pieces of bounded size."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=47)  # 47: gzip or zlib, told apart by the header

    @property
    def complete(self) -> bool:
        return self._inflate.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not self._inflate.eof:
            if self._inflate.eof:
                data = data.lstrip(b"\0")  # padding between and after members is allowed
                if not data:
                    return
                self._inflate = zlib.decompressobj(wbits=47)
            piece = self._inflate.decompress(data, _PIECE_BYTES)
            if piece:
                yield piece
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if not data and len(piece) < _PIECE_BYTES:
                return


def _translated(error: httpx.TransportError, request: Request, elapsed_s: float) -> PierreError:
    """Our error for httpx's; its text may quote what the server sent, never what we sent."""
    host, text = httpx.URL(request.path).host, excerpt(str(error) or type(error).__name__)
    if isinstance(error, httpx.TimeoutException):
        return Timeout(f"No complete answer from {request.place} after {elapsed_s:.3g} s.", "Try again later.")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        fix = "Check the clock; behind a company proxy point SSL_CERT_FILE to its certificates."
        return NetworkError(f"Could not trust the certificate of {host}: {text}.", fix, retryable=False)
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return NetworkError(f"Could not reach {host}: {text}.", _OFFLINE_FIX)
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return ConfigurationError(f"The request to {request.place} cannot be sent.", "Report this as a bug.")
    return NetworkError(f"The connection to {request.place} broke: {text}.", "Try again.")
