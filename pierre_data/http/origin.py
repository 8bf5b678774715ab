"""Where a request goes: a token is bound to one origin, and only https or loopback is spoken to."""

import ipaddress
import re

import httpx

from pierre_data.errors import ConfigurationError


def trusted_url(text: str) -> httpx.URL:
    """Parse an absolute URL and refuse what we never talk to.

    The URL that is checked is the object that is sent, so no second parser can see another host in it.

    Parameters
    ----------
    text : str
        Absolute URL.

    Returns
    -------
    httpx.URL
        https anywhere, or http on loopback.

    Raises
    ------
    ConfigurationError
        The text is no URL, uses another scheme, names no host, or carries a user name or password.

    Examples
    --------
    >>> trusted_url("https://api.acme.example/v3").host
    'api.acme.example'
    >>> trusted_url("http://api.acme.example/v3")
    Traceback (most recent call last):
    pierre_data.errors.ConfigurationError: The address of api.acme.example is not https. Use an https URL ...
    """
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


def resolve(base: httpx.URL, target: str) -> httpx.URL:
    """The absolute URL of a request: `target` below `base`, or `target` itself when it is absolute.

    Parameters
    ----------
    base : httpx.URL
        The client's base URL; its query is not inherited.
    target : str
        A path (appended to the base's path, whatever it starts with) or an absolute URL.

    Raises
    ------
    ConfigurationError
        As `trusted_url`.

    Examples
    --------
    >>> base = trusted_url("https://api.acme.example/v3")
    >>> str(resolve(base, "/activities?page=2")), str(resolve(base, "//evil.example/x"))
    ('https://api.acme.example/v3/activities?page=2', 'https://api.acme.example/v3//evil.example/x')
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", target):
        return trusted_url(target)
    root = str(base.copy_with(query=None, fragment=None)).removesuffix("/")
    return trusted_url(f"{root}/{target.removeprefix('/')}")


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port, the default port filled in.

    Examples
    --------
    >>> origin(httpx.URL("https://api.acme.example/v3"))
    ('https', 'api.acme.example', 443)
    """
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine.

    Examples
    --------
    >>> [is_loopback(host) for host in ("localhost", "127.0.0.9", "::1", "127.evil.example")]
    [True, True, True, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
