"""Which activity a person means."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from pierre_data.errors import QueryError


def source_of(key: str, known: Mapping[str, str]) -> tuple[str, str]:
    """Return provider and id of a key.

    Parameters
    ----------
    key : str
        ``"strava:123"`` (the id percent-encoded as in the column ``sources``), or an activity_id.
    known : mapping of str to str
        activity_id -> sources.

    Raises
    ------
    QueryError
        It is neither.

    Examples
    --------
    >>> source_of("strava:123", {})
    ('strava', '123')
    """
    text = key if ":" in key else known.get(key, "").split(" ")[0]
    provider, _, id = text.partition(":")
    if not provider or not id:
        raise QueryError(
            f"{key!r} is no activity this client knows.",
            "Use 'provider:id' as in the column sources, or an activity_id of a frame this client returned.",
        )
    return provider, unquote(id)
