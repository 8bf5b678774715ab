"""Connect and disconnect accounts: a card per provider."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets

from pierre_data.client import Client
from pierre_data.secret import Secret
from pierre_data.widgets.connecting import Card, Connecting, connecting
from pierre_data.widgets.listening import plain
from pierre_data.widgets.parts import (
    bundle,
    button,
    label,
    link,
    panel,
    say,
    secret_field,
    show,
    with_classes,
)

_OPEN = {"CLIENT_ID", "REDIRECT_URI"}  # no secrets, so a person may see what he types


class ConnectPanel:
    """A card per provider of the registry: how it stands, and buttons to connect and disconnect.

    Everything waits in the background; the kernel stays free.  What is typed or pasted is taken and cleared at once.
    Without widgets, ``client.connect(name)``, ``client.disconnect(name)`` and ``client.status()`` do the same.

    Parameters
    ----------
    client : Client
        Whose accounts.  Panels of one client show the same.

    Attributes
    ----------
    model : Connecting
        The state, without widgets; every button is a method of it.
    widget : ipywidgets.VBox
        What is shown.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client("synthetic", cache="memory")
    >>> panel = pierre.widgets.ConnectPanel(client)
    >>> panel.model.card("synthetic").status
    'connected'
    """

    def __init__(self, client: Client) -> None:
        self.model: Connecting = connecting(client)
        self._lock = threading.RLock()
        self._shown: dict[str, _CardView] = {}
        self._cards = ipywidgets.VBox()
        head = ipywidgets.HBox([label("Accounts", "pierre-title"), button("Refresh", self.model.refresh)])
        self.widget = panel([head, self._cards], "connect")
        self._render()
        self.model.changed.add(self._render)

    def __repr__(self) -> str:
        lines = "\n".join(f"  {card}" for card in self.model.cards)
        return f'Accounts; in code: client.connect("name"), client.disconnect("name")\n{plain(lines)}'

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        return bundle(self.widget, repr(self), how)

    def _render(self) -> None:
        with self._lock:
            # What is connected comes first; later changes of state move nothing under a person's hand.
            cards = sorted(self.model.cards, key=lambda card: card.status not in ("connected", "expired"))
            for card in cards:
                if card.name not in self._shown:
                    self._shown[card.name] = _CardView(self.model, card)
                self._shown[card.name].render(card)
            boxes = tuple(view.box for name, view in self._shown.items() if name in {card.name for card in cards})
            if self._cards.children != boxes:
                self._cards.children = boxes


class _CardView:
    """One card; widgets that are not needed yet are not made, so that fifty cards paint quickly."""

    def __init__(self, model: Connecting, card: Card) -> None:
        self._model, self._name = model, card.name
        self._parts: dict[str, Any] = {}
        self._asked = False
        self._form_of: tuple[str, ...] = ()
        self._given: set[str] = set()
        self._last: Card | None = None
        self.box = with_classes(ipywidgets.VBox(), "pierre-card", f"pierre-of-{card.name}")

    def render(self, card: Card) -> None:
        """Show how the card stands."""
        if card == self._last:
            return
        if self._last is not None and card.doing != self._last.doing:
            self._asked = False
        self._last = card
        offers = f"Offers {card.offers.replace('_', ' ')}." if card.offers else ""
        children = [self._text("title", str(card)), self._text("quiet", f"{offers} {card.detail}".strip())]
        if card.can_connect and card.lacks:
            children.append(self._text("needs", card.needs()))
        if self._form_of:
            children.append(self._form(card))
        if buttons := self._buttons(card):
            row = self._part("row", ipywidgets.HBox)
            row.children = tuple(buttons)
            children.append(row)
        if card.consent is not None or "link" in self._parts:
            # It stays in place when it is over, emptied: nothing of it is left in the widgets' state.
            children += self._waiting(card)
        if card.says:
            children.append(self._text("says", card.says))
        if self.box.children != tuple(children):
            self.box.children = tuple(children)

    def _part(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._parts:
            self._parts[name] = make()
        return self._parts[name]

    def _text(self, name: str, text: str) -> Any:
        part = self._part(name, lambda: label("", f"pierre-{name}"))
        say(part, text)
        return part

    def _form(self, card: Card) -> Any:
        """Return the fields; they stay where they are while one is typed into, and go when all were given."""

        def make() -> Any:
            fields = [self._field(setting) for setting in self._form_of]
            close = button(f"Close the keys of {card.display_name}", self._close_form)
            return ipywidgets.VBox([*fields, close])

        return self._part("form", make)

    def _field(self, setting: str) -> Any:
        def take(value: Secret) -> None:
            field.placeholder = "received"
            self._model.supply(self._name, setting, value)
            self._given.add(setting)
            if self._given >= set(self._form_of):
                self._close_form()

        title = f"{setting.replace('_', ' ').capitalize()}:"
        field = secret_field(title, take, hint="type or paste, then Enter", hidden=setting not in _OPEN)
        return field

    def _open_form(self) -> None:
        self._form_of = self._last.asks if self._last is not None else ()
        self._again()

    def _close_form(self) -> None:
        self._form_of, self._given = (), set()
        self._parts.pop("form", None)
        self._again()

    def _buttons(self, card: Card) -> list[Any]:
        name, model = card.display_name, self._model
        if card.doing == "connecting":
            return [self._part("stop", lambda: button(f"Stop connecting {name}", lambda: model.cancel(card.name)))]
        if card.doing:
            return []
        out = []
        if card.can_connect and not card.lacks:
            act = partial(model.connect, card.name)
            out.append(self._part("connect", lambda: button(f"Connect {name}", act, primary=True)))
        if card.can_connect and card.asks and not self._form_of:
            words = "Enter" if card.lacks else "Change"
            out.append(self._part(f"{words} keys", lambda: button(f"{words} the keys of {name}", self._open_form)))
        if card.can_disconnect and not self._asked:
            out.append(self._part("disconnect", lambda: button(f"Disconnect {name}", partial(self._ask, True))))
        if card.can_disconnect and self._asked:
            act = partial(model.disconnect, card.name)
            out.append(self._part("really", lambda: button(f"Revoke and forget {name}", act)))
            out.append(self._part("keep", lambda: button(f"Keep {name}", partial(self._ask, False))))
        return out

    def _ask(self, asked: bool) -> None:
        self._asked = asked
        self._again()

    def _again(self) -> None:
        card, self._last = self._last, None
        if card is not None:
            self.render(card)

    def _waiting(self, card: Card) -> list[Any]:
        anchor = self._part("link", ipywidgets.HTML)
        link(anchor, card.consent, f"Open the consent page of {card.display_name}")
        paste = partial(self._model.paste, card.name)
        field = self._part("paste", lambda: secret_field("Or paste the address it ended at:", paste, hint="then Enter"))
        show(field, card.consent is not None)
        show(anchor, card.consent is not None)
        return [anchor, field]
