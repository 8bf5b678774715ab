"""What a connect panel knows and does; no ipywidgets here."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

import pandas as pd
import traitlets

from pierre_data.auth import Dialogue
from pierre_data.client import Client
from pierre_data.errors import Cancelled
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import OAuthParams
from pierre_data.widgets.background import WidgetModel, in_background


@dataclass(frozen=True, slots=True)
class Card:
    """One provider, as a person sees it."""

    name: str
    display_name: str
    status: str  # connected, disconnected, expired or broken
    offers: str = ""
    account: str = ""
    detail: str = ""
    expires: dt.datetime | None = None
    can_connect: bool = False
    can_disconnect: bool = False
    asks: tuple[str, ...] = ()  # settings a person gives, such as CLIENT_ID ...
    lacks: tuple[str, ...] = ()  # ... and those that are missing still
    register_url: str = ""
    doing: str = ""  # connecting or disconnecting
    consent: Secret | None = None  # the vendor's page, while it is waited for
    says: str = ""  # the result of what was done last

    def __str__(self) -> str:
        until = f" until {self.expires:%Y-%m-%d %H:%M} UTC" if self.expires is not None else ""
        who = f" as {self.account}" if self.account else ""
        return f"{self.display_name}: {self.status}{who}{until}"

    def needs(self) -> str:
        """Return which settings are missing, and where to get them; empty when nothing is."""
        if not self.lacks:
            return ""
        names = ", ".join(variable(self.name, n) for n in self.lacks)
        return f"Needs {names}{f', from {self.register_url}' if self.register_url else ''}."


class ConnectModel(WidgetModel):
    """Accounts of a client: connect, paste, cancel, disconnect; each runs in the background."""

    #: Name -> card of every provider; never changed in place.
    cards = traitlets.Dict()

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self._stops: dict[str, threading.Event] = {}
        self._pasted: dict[str, Secret] = {}
        self._threads: dict[str, threading.Thread] = {}
        self.refresh()

    def card(self, name: str) -> Card:
        """Return one provider's card."""
        card: Card = self.cards[name]
        return card

    def refresh(self) -> None:
        """Read the state of every provider anew."""
        cards = [_card(self.client, row) for row in self.client.status().to_dict("records")]
        with self._lock:
            before = [self.cards.get(card.name, card) for card in cards]
            self.cards = {
                card.name: replace(card, doing=was.doing, consent=was.consent, says=was.says)
                for card, was in zip(cards, before, strict=True)
            }

    def supply(self, name: str, setting: str, value: Secret) -> None:
        """Take a setting a person typed; it stays in this process."""
        self.client.settings.supply(name, setting, value)
        self.refresh()

    def connect(self, name: str) -> threading.Thread:
        """Ask for consent; the card says where, and how it ended."""
        stop, again = threading.Event(), self.card(name).status in ("connected", "expired")

        def show(url: str, advice: str) -> None:
            self._change(name, consent=Secret(url), says=advice)

        def work() -> None:
            dialogue = Dialogue(show, pasted=lambda: self._pasted.pop(name, None))
            try:
                done = self.client.connect(name, again=again, dialogue=dialogue, cancel=stop)
            except Cancelled as error:
                self._change(name, says=error.what)
                return
            lacking = [f"{table} ({', '.join(scopes)})" for table, scopes in done.missing.items()]
            short = f" Without consent for: {'; '.join(lacking)}." if lacking else ""
            self._change(name, says=f"Connected: {done.how}.{short}")

        return self._begin(name, "connecting", work, stop)

    def paste(self, name: str, address: Secret) -> None:
        """Take the address the browser ended at."""
        if name in self._stops:
            self._pasted[name] = address

    def cancel(self, name: str) -> None:
        """Give up waiting for consent."""
        if (stop := self._stops.get(name)) is not None:
            stop.set()

    def disconnect(self, name: str) -> threading.Thread:
        """Revoke and forget the token; the card says what was revoked and what is left."""

        def work() -> None:
            done = self.client.disconnect(name)
            gone = "The token was forgotten" if done.forgotten else "There was no token"
            revoked = " and revoked at the vendor" if done.forgotten and not done.left else ""
            says = f"{gone}{revoked}, and the cache of the account was cleared."
            self._change(name, says=" ".join([says, *done.left]))

        return self._begin(name, "disconnecting", work)

    def _begin(
        self, name: str, doing: str, work: Callable[[], None], stop: threading.Event | None = None
    ) -> threading.Thread:
        """Run it in the background, one thing per provider: while it runs, another click begins nothing."""

        def ended() -> None:
            self._stops.pop(name, None)
            self._pasted.pop(name, None)
            self._change(name, doing="", consent=None)
            self.refresh()

        with self._lock:
            if self.card(name).doing:
                return self._threads[name]
            if stop is not None:
                self._stops[name] = stop
            self._change(name, doing=doing, says="")
            thread = in_background(f"connect-{name}", work, lambda text: self._change(name, says=text), ended)
            self._threads[name] = thread
            return thread

    def _change(self, name: str, **changes: Any) -> None:
        with self._lock:
            self.cards = {**self.cards, name: replace(self.card(name), **changes)}


# A model holds its client, so that an id is that client's as long as its model lives.
_SHARED: WeakValueDictionary[int, ConnectModel] = WeakValueDictionary()
_SHARING = threading.Lock()


def shared_model(client: Client) -> ConnectModel:
    """Return the client's model: panels of one client show the same."""
    with _SHARING:
        return _SHARED.get(id(client)) or _SHARED.setdefault(id(client), ConnectModel(client))


def _card(client: Client, row: Mapping[Any, Any]) -> Card:
    name, status = str(row["provider"]), str(row["status"])
    texts: dict[str, Any] = {
        n: "" if pd.isna(row[n]) else str(row[n]) for n in ("display_name", "offers", "account", "detail", "needs")
    }
    needs = texts.pop("needs")
    if status == "broken":
        return Card(name, status=status, **texts)
    descriptor, wanted = client.registry[name], _wanted(client, name)
    if needs not in ("", "consent", "key") and status != "connected":
        how = f"pierre.provider({name!r}, {needs.split(',')[0]}=...)"
        texts["detail"] = f"Needs the option {needs}: {how}. {texts['detail']}"
    return Card(
        name,
        status=status,
        expires=None if pd.isna(row["expires"]) else row["expires"].to_pydatetime(),
        can_connect=needs in ("consent", "key") and status != "connected",
        can_disconnect=needs == "consent" and status in ("connected", "expired"),
        asks=tuple(wanted),
        lacks=() if status == "connected" else tuple(setting for setting, there in wanted.items() if not there),
        register_url=descriptor.register_url,
        **texts,
    )


def _wanted(client: Client, name: str) -> dict[str, bool]:
    """Return the settings that a consent or the keys need, and whether each is set."""
    descriptor, settings = client.registry[name], client.settings
    if descriptor.oauth_endpoints is None:
        return {n: settings.secret(name, n) is not None for n in descriptor.key_headers.values()}
    params = descriptor.oauth_params or OAuthParams()
    wanted = {"CLIENT_ID": bool(settings.text(name, "CLIENT_ID"))}
    if params.client_auth != "none":
        wanted["CLIENT_SECRET"] = settings.secret(name, "CLIENT_SECRET") is not None
    if not params.any_port:
        wanted["REDIRECT_URI"] = bool(settings.text(name, "REDIRECT_URI"))
    return wanted
