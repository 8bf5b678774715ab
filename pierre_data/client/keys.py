"""Which activity a person means."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from urllib.parse import unquote

import pandas as pd

from pierre_data.errors import QueryError

#: So many answers wait before their keys are read; reading 10,000 keys takes longer than the rest of a warm answer.
_MOST = 16


class Sources:
    """Remembers which sources the activities of returned frames have.

    Examples
    --------
    >>> sources = Sources()
    >>> sources.note(pd.DataFrame({"activity_id": ["0a"], "sources": ["strava:123 garmin:9"]}))
    >>> sources.of("0a")
    ('strava', '123')
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._unread: list[tuple[pd.Series[str], pd.Series[str]]] = []
        self._lock = threading.Lock()

    def note(self, frame: pd.DataFrame) -> None:
        """Remember the activities of a deduplicated frame."""
        with self._lock:
            self._unread.append((frame["activity_id"], frame["sources"]))
            if len(self._unread) > _MOST:
                self._read()

    def of(self, key: str) -> tuple[str, str]:
        """Return provider and id of a key; see `source_of`.

        Raises
        ------
        QueryError
            It is none.
        """
        with self._lock:
            self._read()
            return source_of(key, self._known)

    def _read(self) -> None:
        for ids, sources in self._unread:
            self._known |= dict(zip(ids, sources, strict=True))
        self._unread.clear()


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
