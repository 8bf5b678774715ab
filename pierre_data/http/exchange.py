"""One attempt on the wire: httpx in, our values and our errors out; no body is a bomb."""

import contextlib
import io
import logging
import re
import ssl
import time
import urllib.request
import zlib
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx

from pierre_data.errors import ConfigurationError, NetworkError, PayloadError, PierreError, Timeout
from pierre_data.http.deadline import Wire, shared_tls, within
from pierre_data.http.origin import is_loopback
from pierre_data.http.redaction import excerpt
from pierre_data.http.resilience import ResilienceConfig
from pierre_data.spi.messages import Headers, Request, Response

_LOG = logging.getLogger("pierre_data.http")
_OFFLINE_FIX = "Check the network, or set PIERRE_OFFLINE=1 to work from the cache."
_PIECE_BYTES = 2**20
# Below this no ratio is too high: a short page of zeros may honestly shrink a thousandfold.
_RATIO_FLOOR_BYTES = 16 * 2**20
_ALWAYS = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "pierre-data"}
_HEADER_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)


def transport_for(url: httpx.URL, tls: ssl.SSLContext | None = None) -> httpx.BaseTransport:
    """HTTP/1.1 with keep-alive, obeying `within`, through the proxy the environment names (never for loopback)."""
    proxy, proxies = None, {}
    if not is_loopback(url.host) and not urllib.request.proxy_bypass(url.host):
        proxies = urllib.request.getproxies()
        proxy = proxies.get(url.scheme) or proxies.get("all")
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
    try:
        transport = httpx.HTTPTransport(verify=tls or shared_tls(), proxy=proxy, limits=limits)
    except (ValueError, httpx.InvalidURL):
        transport = None
    if transport is None:
        del proxy, proxies  # they may hold a password, as httpx's message does
        raise ConfigurationError(
            f"The proxy address for {url.host} cannot be used.",
            f"Write {url.scheme.upper()}_PROXY as http://host:port, with http:// in front.",
        )
    # 2026-11, httpx 0.28: no public way to pass a backend to the pool; a test pins both attributes down.
    transport._pool._network_backend = Wire(transport._pool._network_backend)  # type: ignore[assignment]
    return transport


def exchange(request: Request, transport: httpx.BaseTransport, config: ResilienceConfig, provider: str) -> Response:
    """Send a request once and read the whole answer, whatever its status.

    Raises Timeout, NetworkError, Cancelled, PayloadError or ConfigurationError.
    """
    started = time.monotonic()
    outcome: Response | PierreError
    try:
        with (
            within(config.timeout_s),
            contextlib.closing(transport.handle_request(_sendable(request, config.timeout_s))) as answer,
        ):
            headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw)
            outcome = Response(answer.status_code, headers, _read_body(answer.iter_raw(), headers, request, config))
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


def _sendable(request: Request, timeout_s: float) -> httpx.Request:
    """The httpx request; nothing httpx or h11 would complain about, since they quote the value they refuse."""
    headers = _ALWAYS | {name.lower(): value for name, value in request.headers.items()}
    if not all(
        _HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable() and value == value.strip()
        for name, value in headers.items()
    ):
        raise ConfigurationError(
            f"A header of the request to {request.place} cannot be sent.",
            "Check that the token or client secret was copied whole, without line breaks or spaces.",
        )
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
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
    return httpx.Request(
        request.method,
        address,
        headers=headers,
        json=request.json,
        data=request.form,
        extensions={"timeout": timeouts},
    )


def _read_body(chunks: Iterator[bytes], headers: Headers, request: Request, config: ResilienceConfig) -> bytes:
    """Collect and decode a body.

    httpx decodes 292 KB to 300 MB without a question and takes a gzip stream that was cut for a complete one
    (0.28.1, 2026-11), so the decoding is done here.
    """
    most, received, sink = config.max_body_bytes, 0, io.BytesIO()
    too_large = f"is larger than {most:,} bytes.", "Ask for less at once, or raise max_body_bytes."
    length, encoding = headers.get("content-length", ""), headers.get("content-encoding", "").strip().lower()
    if length.isdecimal() and int(length[:20]) > most:
        raise _unfit(request, *too_large)
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        what = f"is encoded as {encoding[:40]!r}, which was not asked for."
        raise _unfit(request, what, "Check for a proxy between you and the provider.")
    inflater = None if encoding in ("", "identity") else _Inflater()
    try:
        for chunk in chunks:
            received += len(chunk)
            for piece in inflater.feed(chunk) if inflater else (chunk,):
                sink.write(piece)
                if sink.tell() > most:
                    raise _unfit(request, *too_large)
                if sink.tell() > max(_RATIO_FLOOR_BYTES, config.max_ratio * received):
                    what = f"unpacks to more than {config.max_ratio:g} times its size."
                    raise _unfit(request, what, "Report it to the provider: this is how a decompression bomb looks.")
        damaged = inflater is not None and received > 0 and not inflater.complete
    except zlib.error:
        damaged = True
    if damaged:
        raise NetworkError(f"The compressed answer of {request.place} is damaged or was cut short.", "Try again.")
    return sink.getvalue()


def _unfit(request: Request, what: str, fix: str) -> PayloadError:
    return PayloadError(f"The answer of {request.place} {what}", fix, path=request.place)


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
