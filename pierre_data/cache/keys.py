"""Keys of cache entries: whose, from whom, what."""

from __future__ import annotations

from urllib.parse import quote

from pierre_data.errors import QueryError


def key(tenant: str, user: str, provider: str, resource: str, qualifier: str = "") -> str:
    """Return the key of an entry; every segment is percent-encoded, so that none can break out of its place.

    Parameters
    ----------
    tenant, user, provider, resource : str
        Whose, from whom, what; any text but the empty one.
    qualifier : str
        Which one of the resource: a period, an id; may be empty.

    Returns
    -------
    str
        Letters, digits and ``:%-._~`` only; different arguments give different keys.

    Raises
    ------
    QueryError
        A segment other than the qualifier is empty.

    Examples
    --------
    >>> key("acme", "o'brien", "strava", "activity", "12:3")
    'tenant:acme:user:o%27brien:provider:strava:activity:12%3A3'
    """
    segments = ("tenant", tenant), ("user", user), ("provider", provider)
    head = ":".join(f"{name}:{_segment(name, value)}" for name, value in segments)
    tail = f":{_encoded(qualifier)}" if qualifier else ""
    return f"{head}:{_segment('resource', resource)}{tail}"


def prefix(tenant: str, user: str | None = None, provider: str | None = None, resource: str | None = None) -> str:
    """Return what the keys of a tenant, a user, a provider of the user, or a resource begin with.

    Parameters
    ----------
    tenant : str
        Any text but the empty one, as are the others.
    user, provider, resource : str, optional
        From left to right; one that is left out ends the prefix.

    Returns
    -------
    str
        Ends at a colon, so that tenant ``a`` never covers tenant ``ab``.

    Raises
    ------
    QueryError
        A segment is empty, or one is given although one to its left is not.

    Examples
    --------
    >>> prefix("acme", "ann", "strava")
    'tenant:acme:user:ann:provider:strava:'
    >>> prefix("acme", "ann", "strava", "stats")
    'tenant:acme:user:ann:provider:strava:stats:'
    """
    given = [("tenant", tenant), ("user", user), ("provider", provider), ("resource", resource)]
    out, open_end = "", False
    for name, value in given:
        if value is None:
            open_end = True
            continue
        if open_end:
            raise QueryError(f"A prefix names a {name}, but not what stands before it.", "Name that too.")
        out += f"{_segment(name, value)}:" if name == "resource" else f"{name}:{_segment(name, value)}:"
    return out


def covers(start: str, whole: str) -> bool:
    """Return whether a prefix covers a key: it begins it at a colon, or is all of it.

    Examples
    --------
    >>> covers("a:", "a:b"), covers("a:b:", "a:b"), covers("a:b:", "a:bc")
    (True, True, False)
    """
    return f"{whole}:".startswith(closed(start))


def closed(start: str) -> str:
    """Return a prefix with its colon at the end."""
    return start if start.endswith(":") else f"{start}:"


def ancestors(whole: str) -> list[str]:
    """Return every prefix that covers a key, shortest first.

    Examples
    --------
    >>> ancestors("a:b")
    ['a:', 'a:b:']
    """
    parts = whole.split(":")
    return [":".join(parts[:n]) + ":" for n in range(1, len(parts) + 1)]


def _segment(name: str, value: str) -> str:
    if not value:
        raise QueryError(f"The {name} is empty.", "Give it a name.")
    return _encoded(value)


def _encoded(value: str) -> str:
    """Lone surrogates (from undecodable file names) pass, so that every text has a key of its own."""
    return quote(value, safe="", errors="surrogatepass")
