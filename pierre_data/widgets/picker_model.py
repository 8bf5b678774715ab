"""What a provider picker knows and does; no ipywidgets here."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import traitlets

from pierre_data import schema
from pierre_data.client import Client
from pierre_data.errors import PierreError, QueryError
from pierre_data.schema import FAMILIES, Table
from pierre_data.widgets.background import WidgetModel, in_background
from pierre_data.widgets.fetch_model import FetchModel

#: Tables with rows over time, and the client's method for each.
PICKABLE: dict[str, Table] = {
    t.name: t for t in (schema.ACTIVITIES, schema.SLEEP, schema.SLEEP_STAGES, schema.RECOVERY, schema.HEALTH)
}
EVERY_SPORT = "every sport"
SPORTS = (EVERY_SPORT, *FAMILIES)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose: providers (best first), a key of `PICKABLE`, ISO days ``[after, before)`` and a family."""

    providers: tuple[str, ...] = ()
    table: str = "activities"
    after: str = ""
    before: str = ""
    sport: str = ""

    def code(self) -> str:
        """Return the code that does the same."""
        arguments = [repr(self.after or None)] if self.after or self.before else []
        arguments += [repr(self.before)] if self.before else []
        arguments += [f"sport={self.sport!r}"] if self.sport and self.table == "activities" else []
        return f"frame = client.{self.table}({', '.join([*arguments, f'providers={list(self.providers)!r}'])})"


class PickerModel(WidgetModel):
    """A question put together by hand, beginning with the client's own providers; and what it would cost."""

    choice = traitlets.Instance(Choice)
    cost = traitlets.Unicode()
    #: Name -> display name, whether it is connected, which tables it offers.
    known = traitlets.Dict()

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self.fetching = FetchModel(client)
        self.choice = Choice(tuple(client.providers))
        self._asking: Choice | None = None
        self.refresh()

    @property
    def code(self) -> str:
        """The code that does the same."""
        return self.choice.code()

    def refresh(self) -> None:
        """Read anew which providers are connected."""
        self.known = {
            str(row["provider"]): (
                str(row["display_name"]),
                bool(row["connected"]),
                () if pd.isna(row["offers"]) else tuple(str(row["offers"]).split(", ")),
            )
            for row in self.client.status().to_dict("records")
        }

    def available(self) -> list[tuple[str, str]]:
        """Return title and name of the providers that can be added: they are connected and offer the table."""
        table, chosen = self.choice.table, self.choice.providers
        return [
            (self._title(name), name)
            for name, (_, connected, tables) in self.known.items()
            if connected and table in tables and name not in chosen
        ]

    def chosen(self) -> list[tuple[str, str]]:
        """Return title and name of what was chosen, best first."""
        missing = f", offers no {self.choice.table}"
        return [(f"{self._title(n)}{'' if self._offers(n) else missing}", n) for n in self.choice.providers]

    def add(self, name: str) -> None:
        """Choose a provider; it comes last."""
        if name in self.known and name not in self.choice.providers:
            self.ask_for(providers=(*self.choice.providers, name))

    def remove(self, name: str) -> None:
        """Choose it no more."""
        self.ask_for(providers=tuple(n for n in self.choice.providers if n != name))

    def move(self, name: str, by: int) -> None:
        """Move a provider up (negative) or down the order."""
        order = list(self.choice.providers)
        if name in order:
            at = order.index(name) + by
            order.remove(name)
            order.insert(max(at, 0), name)
            self.ask_for(providers=tuple(order))

    def ask_for(self, **changes: Any) -> None:
        """Set table, after, before, sport or providers."""
        self.choice = replace(self.choice, **changes)
        self.cost = "..."

    def fetch(self) -> threading.Thread | None:
        """Fetch what was chosen, in the background; None when nothing can be asked, and the cost line says why."""
        question = self._question()
        if self.choice.table == "activities":
            question["sport"] = self.choice.sport or None
        return self.fetching.start(**question) if question["providers"] else None

    def estimate(self) -> None:
        """Find out what the choice would cost; slow for a large cache, so views call `estimate_later`."""
        choice, question = self.choice, self._question()
        text = f"Choose a connected provider that offers {choice.table}."
        if question["providers"]:
            try:
                text = cost_line(self.client.estimate(**question))
            except PierreError as error:
                text = error.what if isinstance(error, QueryError) else str(error)
        if choice == self.choice:
            self.cost = text

    def estimate_later(self) -> None:
        """Do `estimate` in the background, once for the last of several changes."""

        def work() -> None:
            while True:
                asked = self._asking
                self.estimate()
                with self._lock:
                    if self._asking == asked:
                        self._asking = None
                        return

        def failed(text: str) -> None:
            self._asking, self.cost = None, text

        with self._lock:
            busy, self._asking = self._asking is not None, self.choice
        if not busy:
            in_background("estimate", work, failed)

    def _question(self) -> dict[str, Any]:
        """Return what the client is asked; a provider that does not offer the table is left out."""
        choice = self.choice
        return {
            "after": choice.after or None,
            "before": choice.before or None,
            "table": PICKABLE[choice.table],
            "providers": [name for name in choice.providers if self._offers(name)],
        }

    def _title(self, name: str) -> str:
        title = self.known[name][0] if name in self.known else name
        return f"{title} ({name})" if title != name else name

    def _offers(self, name: str) -> bool:
        return name in self.known and self.choice.table in self.known[name][2]


def cost_line(estimate: pd.DataFrame) -> str:
    """Return what `Client.estimate` says, for people."""
    requests, seconds = int(estimate["requests"].sum()), float(estimate["seconds"].max())
    periods, rows = int(estimate["cached_periods"].sum()), int(estimate["cached_rows"].sum())
    took = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    first = f"About {requests:,} requests ({took})" if requests else "No request"
    cached = f"{periods} months or years are cached already, with {rows:,} rows" if periods else "nothing is cached yet"
    return f"{first}; {cached}."
