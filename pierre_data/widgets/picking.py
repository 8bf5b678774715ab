"""What a provider picker knows and does; no ipywidgets here."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from pierre_data import schema
from pierre_data.client import Client
from pierre_data.errors import PierreError, QueryError
from pierre_data.schema import FAMILIES, Table
from pierre_data.widgets.fetching import Fetching
from pierre_data.widgets.listening import Listeners, in_background

#: Tables with rows over time, and the client's method for each.
PICKABLE: dict[str, Table] = {
    t.name: t for t in (schema.ACTIVITIES, schema.SLEEP, schema.SLEEP_STAGES, schema.RECOVERY, schema.HEALTH)
}
EVERY_SPORT = "every sport"
SPORTS = (EVERY_SPORT, *FAMILIES)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose.

    Parameters
    ----------
    providers : tuple of str
        Best first.
    table : str
        A key of `PICKABLE`.
    after, before : str
        ISO dates, ``[after, before)``; empty is open.
    sport : str
        A family; empty is every sport.
    """

    providers: tuple[str, ...] = ()
    table: str = "activities"
    after: str = ""
    before: str = ""
    sport: str = ""

    def code(self, variable: str = "client") -> str:
        """Return the code that does the same.

        Examples
        --------
        >>> Choice(("strava", "whoop"), after="2026-01-01", sport="run").code()
        "frame = client.activities('2026-01-01', sport='run', providers=['strava', 'whoop'])"
        """
        given = [repr(self.after) if self.after else "None", *([repr(self.before)] if self.before else [])]
        words = given if self.after or self.before else []
        words += [f"sport={self.sport!r}"] if self.sport and self.table == "activities" else []
        return f"frame = {variable}.{self.table}({', '.join([*words, f'providers={list(self.providers)!r}'])})"


class Picking:
    """A question put together by hand.

    Parameters
    ----------
    client : Client
        Who is asked; it also begins with the client's own providers.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> model = Picking(pierre.Client(["synthetic-watch"], cache="memory"))
    >>> model.add("synthetic-phone")
    >>> model.move("synthetic-phone", -1)
    >>> model.code
    "frame = client.activities(providers=['synthetic-phone', 'synthetic-watch'])"
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.fetching = Fetching(client)
        self.changed = Listeners()
        self.cost = ""
        self._choice = Choice(tuple(client.providers))
        self._lock = threading.Lock()
        self._asking: Choice | None = None
        self._status: dict[str, tuple[str, bool, tuple[str, ...]]] = {}
        self.refresh()

    @property
    def choice(self) -> Choice:
        """What is chosen."""
        return self._choice

    @property
    def frame(self) -> pd.DataFrame | None:
        """The last result."""
        return self.fetching.frame

    @property
    def code(self) -> str:
        """The code that does the same."""
        return self._choice.code()

    def refresh(self) -> None:
        """Read anew which providers are connected."""
        rows = self.client.status().to_dict("records")
        self._status = {
            str(r["provider"]): (
                str(r["display_name"]),
                bool(r["connected"]),
                () if pd.isna(r["offers"]) else tuple(str(r["offers"]).split(", ")),
            )
            for r in rows
        }
        self.changed.tell()

    def available(self) -> list[tuple[str, str]]:
        """Return label and name of the providers that can be added: they are connected and offer the table."""
        chosen = self._choice.providers
        return [(label, n) for n, label in self._labels() if n not in chosen and self._able(n)]

    def chosen(self) -> list[tuple[str, str]]:
        """Return label and name of what was chosen, best first."""
        labels = dict(self._labels())
        lacks = "" if self._choice.table == "activities" else f", offers no {self._choice.table}"
        return [
            (f"{labels.get(n, n)}{'' if self._offers(n) else lacks or ', offers no activities'}", n)
            for n in self._choice.providers
        ]

    def add(self, name: str) -> None:
        """Choose a provider; it comes last."""
        if name in self._status and name not in self._choice.providers:
            self._change(providers=(*self._choice.providers, name))

    def remove(self, name: str) -> None:
        """Choose it no more."""
        self._change(providers=tuple(n for n in self._choice.providers if n != name))

    def move(self, name: str, by: int) -> None:
        """Move a provider up (negative) or down the order."""
        order = [n for n in self._choice.providers if n != name]
        if len(order) == len(self._choice.providers):
            return
        at = self._choice.providers.index(name) + by
        order.insert(min(max(at, 0), len(order)), name)
        self._change(providers=tuple(order))

    def ask_for(self, **changes: Any) -> None:
        """Set table, after, before or sport."""
        self._change(**changes)

    def fetch(self) -> threading.Thread | None:
        """Fetch what was chosen, in the background; None when nothing can be asked, and the cost line says why."""
        choice = self._choice
        names = [n for n in choice.providers if self._offers(n)]
        if not names:
            return None
        how: dict[str, Any] = {"providers": names}
        if choice.table == "activities":
            how["sport"] = choice.sport or None
        return self.fetching.start(choice.after or None, choice.before or None, table=PICKABLE[choice.table], **how)

    def estimate(self) -> None:
        """Find out what the choice would cost; slow for a large cache, so views call `estimate_later`."""
        choice = self._choice
        names = [n for n in choice.providers if self._offers(n)]
        if not names:
            text = f"Choose a connected provider that offers {choice.table}."
        else:
            try:
                found = self.client.estimate(
                    choice.after or None, choice.before or None, table=PICKABLE[choice.table], providers=names
                )
                text = cost_line(found)
            except PierreError as error:
                text = error.what if isinstance(error, QueryError) else str(error)
        if choice == self._choice:
            self.cost = text
            self.changed.tell()

    def estimate_later(self) -> None:
        """Do `estimate` in the background, once for the last of several changes."""
        with self._lock:
            busy, self._asking = self._asking is not None, self._choice
        if not busy:
            in_background(self._estimates, "estimate")

    def _estimates(self) -> None:
        while True:
            with self._lock:
                wanted = self._asking
            self.estimate()
            with self._lock:
                if self._asking == wanted:
                    self._asking = None
                    return

    def _change(self, **changes: Any) -> None:
        self._choice = replace(self._choice, **changes)
        self.cost = "..."
        self.changed.tell()

    def _labels(self) -> list[tuple[str, str]]:
        return [(n, f"{label} ({n})" if label != n else n) for n, (label, _, _) in self._status.items()]

    def _offers(self, name: str) -> bool:
        return name in self._status and self._choice.table in self._status[name][2]

    def _able(self, name: str) -> bool:
        return self._status[name][1] and self._offers(name)


def cost_line(estimate: pd.DataFrame) -> str:
    """Return what a question would cost, for people.

    Parameters
    ----------
    estimate : DataFrame
        Of `Client.estimate`.

    Examples
    --------
    >>> cost_line(pd.DataFrame({"requests": [12], "cached_periods": [3], "cached_rows": [90], "seconds": [6.0]}))
    'About 12 requests (6 s); 3 months or years are cached already, with 90 rows.'
    """
    requests, seconds = int(estimate["requests"].sum()), float(estimate["seconds"].max())
    periods, rows = int(estimate["cached_periods"].sum()), int(estimate["cached_rows"].sum())
    took = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    first = f"About {requests:,} requests ({took})" if requests else "No request"
    kept = f"{periods} months or years are cached already, with {rows:,} rows" if periods else "nothing is cached yet"
    return f"{first}; {kept}."
