"""Where a request goes: a token is bound to one origin, and only https or loopback is spoken to."""

import ipaddress
from dataclasses import replace

import httpx

from pierre_data.errors import ApiError, ConfigurationError
from pierre_data.http.redaction import excerpt
from pierre_data.spi.messages import Request, Response

_MOST = 3


def trusted_url(text: str) -> httpx.URL:
    """Parse an absolute URL, and refuse all but https anywhere and http on loopback, without user or password."""
    url: httpx.URL | None
    try:
        url = httpx.URL(text)
        url.host.encode("idna")  # as the socket will: an empty or endless label is a UnicodeError there
    except (httpx.InvalidURL, UnicodeError, ValueError):
        url = None
    if url is None or not url.host:
        raise ConfigurationError("An address is not a URL with a host.", "Use a URL such as https://api.example.")
    if url.userinfo:
        raise ConfigurationError(f"The address of {url.host} carries a user or password.", "Remove it.")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.host)):
        raise ConfigurationError(
            f"The address of {url.host} is not https.", "Use an https URL (http only for 127.0.0.1 or localhost)."
        )
    return url


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port, the default port filled in."""
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def redirected(request: Request, response: Response, provider: str, followed: int) -> Request:
    """The request a redirect leads to: at most 3 in a row, of a GET or HEAD, within one origin.

    httpx and requests both forward ``x-api-key`` and the like to another host (measured 2026-11), so neither is asked
    to follow anything.
    """
    if followed >= _MOST:
        what = f"{provider} redirected {request.place} more than {_MOST} times."
        raise ApiError(what, "Report it to the provider.", status=response.status, provider=provider)
    here = httpx.URL(request.path)
    try:
        there = here.join(response.headers.get("location", "")) if "location" in response.headers else None
    except (httpx.InvalidURL, ValueError):
        there = None
    if there is not None and request.method in ("GET", "HEAD") and origin(there) == origin(here):
        return replace(request, path=str(there.copy_with(fragment=None, userinfo=b"")), params={})
    name = excerpt(there.host, limit=100) if there is not None and there.host else "an unreadable address"
    raise ApiError(
        f"{provider} redirected {request.place} to {name}.",
        "Redirects to another host, port or scheme, or of anything but a read, are not followed: check the base URL.",
        status=response.status,
        provider=provider,
    )
