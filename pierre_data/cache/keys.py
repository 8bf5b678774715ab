"""Keys of cache entries: whose, from whom, what."""

from __future__ import annotations

from urllib.parse import quote

from pierre_data.errors import QueryError


def key(tenant: str, user: str, provider: str, resource: str, qualifier: str = "") -> str:
    """Return the key of an entry; every segment is percent-encoded, so that none can break out of its place.

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
    tail = f":{quote(qualifier, safe='')}" if qualifier else ""
    return f"{head}:{_segment('resource', resource)}{tail}"


def prefix(tenant: str, user: str, provider: str | None = None, resource: str | None = None) -> str:
    """Return what the keys of a user, of one of the user's providers, or of one resource begin with.

    A prefix never begins another owner's keys: it ends at a colon, or is a whole key.

    Examples
    --------
    >>> prefix("acme", "ann", "strava")
    'tenant:acme:user:ann:provider:strava:'
    """
    head = f"tenant:{_segment('tenant', tenant)}:user:{_segment('user', user)}:"
    if provider is not None:
        head += f"provider:{_segment('provider', provider)}:"
    return head + (f"{_segment('resource', resource)}" if resource is not None else "")


def covers(start: str, whole: str) -> bool:
    """Return whether a prefix begins a key at a colon."""
    return whole.startswith(start) and (start.endswith(":") or len(whole) == len(start) or whole[len(start)] == ":")


def _segment(name: str, value: str) -> str:
    if not value:
        raise QueryError(f"The {name} is empty.", "Give it a name.")
    return quote(value, safe="")
