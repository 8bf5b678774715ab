"""What a connect panel knows and does; no ipywidgets here."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd

from pierre_data.auth import Dialogue
from pierre_data.client import Client
from pierre_data.errors import Cancelled, PierreError
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import OAuthParams
from pierre_data.widgets.listening import Listeners, in_background


@dataclass(frozen=True, slots=True)
class Card:
    """One provider, as a person sees it.

    Parameters
    ----------
    name, display_name : str
        Registry name, and the one for people.
    status : {"connected", "disconnected", "expired", "broken"}
        How it stands.
    offers, account, detail : str
        Tables; whose account; what else is to be said.
    expires : datetime, optional
        End of the token, UTC.
    can_connect, can_disconnect : bool
        Which buttons make sense.
    asks, lacks : tuple of str
        Settings a person gives, such as ``CLIENT_ID``; and those that are still missing.
    register_url : str
        Where they come from.
    doing : {"", "connecting", "disconnecting"}
        What runs in the background.
    consent : Secret, optional
        The vendor's page, while it is waited for.
    says : str
        The result of what was done last, or its error in full.
    """

    name: str
    display_name: str
    status: str
    offers: str = ""
    account: str = ""
    detail: str = ""
    expires: dt.datetime | None = None
    can_connect: bool = False
    can_disconnect: bool = False
    asks: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    register_url: str = ""
    doing: str = ""
    consent: Secret | None = None
    says: str = ""

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


@dataclass(slots=True)
class _Wait:
    """A connect that runs."""

    stop: threading.Event = field(default_factory=threading.Event)
    pasted: Secret | None = None

    def take(self) -> Secret | None:
        given, self.pasted = self.pasted, None
        return given


class Connecting:
    """Accounts of a client: connect, paste, cancel, disconnect; each runs in the background.

    Parameters
    ----------
    client : Client
        Whose accounts.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> model = Connecting(pierre.Client("synthetic", cache="memory"))
    >>> print(model.card("synthetic"))
    Synthetic: connected
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.changed = Listeners()
        self._lock = threading.RLock()
        self._cards: dict[str, Card] = {}
        self._waits: dict[str, _Wait] = {}
        self._threads: dict[str, threading.Thread] = {}
        self.refresh()

    @property
    def cards(self) -> tuple[Card, ...]:
        """All providers, by name."""
        with self._lock:
            return tuple(self._cards.values())

    def card(self, name: str) -> Card:
        """Return one provider's card."""
        with self._lock:
            return self._cards[name]

    def refresh(self) -> None:
        """Read the state of every provider anew."""
        rows = self.client.status().to_dict("records")
        with self._lock:
            old = self._cards
            self._cards = {}
            for row in rows:
                name = str(row["provider"])
                known = old.get(name, Card(name, name, ""))
                self._cards[name] = replace(
                    _card(self.client, row), doing=known.doing, consent=known.consent, says=known.says
                )
        self.changed.tell()

    def supply(self, name: str, setting: str, value: Secret) -> None:
        """Take a setting a person typed; it stays in this process."""
        self.client.settings.supply(name, setting, value)
        self.refresh()

    def connect(self, name: str) -> threading.Thread:
        """Ask for consent; the card says where, and how it ended."""
        wait = _Wait()
        with self._lock:
            if self._cards[name].doing:
                return self._threads[name]
            self._waits[name] = wait
            again = self._cards[name].status in ("connected", "expired")
        self._set(name, doing="connecting", says="")

        def show(url: str, advice: str) -> None:
            self._set(name, consent=Secret(url), says=advice)

        def work() -> None:
            done = self.client.connect(name, again=again, dialogue=Dialogue(show, pasted=wait.take), cancel=wait.stop)
            lacking = [f"{table} ({', '.join(scopes)})" for table, scopes in done.missing.items()]
            short = f" Without consent for: {'; '.join(lacking)}." if lacking else ""
            self._set(name, says=f"Connected: {done.how}.{short}")

        return self._run(name, work)

    def paste(self, name: str, address: Secret) -> None:
        """Take the address the browser ended at."""
        with self._lock:
            wait = self._waits.get(name)
        if wait is not None:
            wait.pasted = address

    def cancel(self, name: str) -> None:
        """Give up waiting for consent."""
        with self._lock:
            wait = self._waits.get(name)
        if wait is not None:
            wait.stop.set()

    def disconnect(self, name: str) -> threading.Thread:
        """Revoke and forget the token; the card says what was revoked and what is left."""
        with self._lock:
            if self._cards[name].doing:
                return self._threads[name]
        self._set(name, doing="disconnecting", says="")

        def work() -> None:
            done = self.client.disconnect(name)
            gone = "The token was forgotten" if done.forgotten else "There was no token"
            revoked = " and revoked at the vendor" if done.forgotten and not done.left else ""
            self._set(name, says=" ".join([f"{gone}{revoked}, and the cache of the account was cleared.", *done.left]))

        return self._run(name, work)

    def _run(self, name: str, work: Any) -> threading.Thread:
        def safely() -> None:
            try:
                work()
            except Cancelled as error:
                self._set(name, says=error.what)
            except PierreError as error:
                self._set(name, says=str(error))
            except Exception as error:  # noqa: BLE001  a third party's provider may raise anything
                self._set(name, says=f"{type(error).__name__} in {name}; nothing was changed.")
            finally:
                with self._lock:
                    self._waits.pop(name, None)
                self._set(name, doing="", consent=None)
                self.refresh()

        thread = self._threads[name] = in_background(safely, f"connect-{name}")
        return thread

    def _set(self, name: str, **changes: Any) -> None:
        with self._lock:
            self._cards[name] = replace(self._cards[name], **changes)
        self.changed.tell()


_SHARED: WeakKeyDictionary[Client, Connecting] = WeakKeyDictionary()
_SHARING = threading.Lock()


def connecting(client: Client) -> Connecting:
    """Return the client's model: panels of one client show the same."""
    with _SHARING:
        if client not in _SHARED:
            _SHARED[client] = Connecting(client)
        return _SHARED[client]


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
