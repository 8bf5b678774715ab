"""Connect and disconnect accounts: a card per provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import ipywidgets

from pierre_data.client import Client
from pierre_data.secret import Secret
from pierre_data.widgets.connect_model import Card, ConnectModel, shared_model
from pierre_data.widgets.parts import View, button, link, plain, secret_field, show, text_label, with_classes

#: So many cards are shown at first; painting all of fifty takes seconds.
_FIRST = 20
_CONNECTED = ("connected", "expired")
_OPEN = {"CLIENT_ID", "REDIRECT_URI"}  # no secrets, so a person may see what he types


class ConnectPanel(View):
    """A card per provider of the registry: how it stands, and buttons to connect and disconnect.

    Everything waits in the background; the kernel stays free.  What is typed or pasted is taken and cleared at once.
    Without widgets, ``client.connect(name)``, ``client.disconnect(name)`` and ``client.status()`` do the same.

    Parameters
    ----------
    client : Client
        Whose accounts.  Panels of one client show the same.

    Attributes
    ----------
    model, widget : ConnectModel, ipywidgets.VBox
        The state, without widgets, of which every button is a method; and what is shown.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client("synthetic", cache="memory")
    >>> panel = pierre.widgets.ConnectPanel(client)
    >>> panel.model.card("synthetic").status
    'connected'
    """

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.model: ConnectModel = shared_model(client)
        self._shown: dict[str, _CardView] = {}
        self._looks = _Looks(ipywidgets.Layout(), ipywidgets.Label().style, ipywidgets.Layout(width="auto"))
        self._cards = ipywidgets.VBox()
        self._most = _FIRST
        self._more = button("Show all providers", self._show_every)
        head = ipywidgets.HBox([text_label("Accounts", "pierre-title"), button("Refresh", self.model.refresh)])
        self._show(self.model, [head, self._cards, self._more], "connect")

    def __repr__(self) -> str:
        lines = "\n".join(f"  {card}" for card in self.model.cards.values())
        return f'Accounts; in code: client.connect("name"), client.disconnect("name")\n{plain(lines)}'

    def _render(self) -> None:
        # What is connected comes first; later changes of state move nothing under a person's hand.
        cards = sorted(self.model.cards.values(), key=lambda card: card.status not in _CONNECTED)
        for card in cards:
            if card.name not in self._shown and (len(self._shown) < self._most or card.status in _CONNECTED):
                self._shown[card.name] = _CardView(self.model, card, self._looks)
            if card.name in self._shown:
                self._shown[card.name].render(card)
        show(self._more, len(cards) > len(self._shown))
        self._cards.children = tuple(view.box for name, view in self._shown.items() if name in self.model.cards)

    def _show_every(self) -> None:
        self._most = len(self.model.cards)
        self._refresh()


class _Looks(NamedTuple):
    """What all cards share: every widget with a layout and style of its own is three for the browser to make."""

    layout: Any
    text: Any
    button: Any


class _CardView:
    """One card; widgets that are not needed yet are not made, so that fifty cards paint quickly."""

    def __init__(self, model: ConnectModel, card: Card, looks: _Looks) -> None:
        self._model, self._card, self._looks = model, card, looks
        self._parts: dict[str, Any] = {}
        self._rendered: Card | None = None
        self._asked = False  # whether to disconnect, and not answered yet
        self._missing: set[str] = set()  # fields of the key form that were not filled yet; it is open while there are
        box = ipywidgets.VBox(layout=looks.layout)
        self.box = with_classes(box, "pierre-card", f"pierre-of-{card.name}")

    def render(self, card: Card) -> None:
        """Show how the card stands."""
        if card == self._rendered:
            return
        self._asked = self._asked and card.doing == self._card.doing
        self._card = self._rendered = card
        offers = f"Offers {card.offers.replace('_', ' ')}." if card.offers else ""
        children = [self._text("title", str(card)), self._text("quiet", f"{offers} {card.detail}".strip())]
        if card.can_connect and card.lacks:
            children.append(self._text("needs", card.needs()))
        if self._missing:
            children.append(self._part("form", self._form))
        if buttons := self._buttons():
            row = self._part("row", lambda: ipywidgets.HBox(layout=self._looks.layout))
            row.children = tuple(buttons)
            children.append(row)
        if card.consent is not None or "link" in self._parts:
            # It stays in place when it is over, emptied: nothing of it is left in the widgets' state.
            children += self._waiting()
        if card.says:
            children.append(self._text("says", card.says))
        self.box.children = tuple(children)

    def _again(self) -> None:
        """Show another state of the view itself, of the same card."""
        self._rendered = None
        self.render(self._card)

    def _part(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._parts:
            self._parts[name] = make()
        return self._parts[name]

    def _text(self, name: str, text: str) -> Any:
        looks = {"layout": self._looks.layout, "style": self._looks.text}
        part = self._part(name, lambda: text_label("", f"pierre-{name}", **looks))
        part.value = plain(text)
        return part

    def _form(self) -> Any:
        """Return the fields; they stay where they are while one is typed into, and go when all were given."""
        close = button(f"Close the keys of {self._card.display_name}", partial(self._set_form, ()))
        return ipywidgets.VBox([*map(self._field, self._card.asks), close])

    def _field(self, setting: str) -> Any:
        def take(value: Secret) -> None:
            field.placeholder = "received"
            self._model.supply(self._card.name, setting, value)
            self._missing.discard(setting)
            if not self._missing:
                self._set_form(())

        title = f"{setting.replace('_', ' ').capitalize()}:"
        field = secret_field(title, take, hint="type or paste, then Enter", hidden=setting not in _OPEN)
        return field

    def _set_form(self, settings: Iterable[str]) -> None:
        """Open the key form with the fields of these settings; without any it closes."""
        self._missing = set(settings)
        self._parts.pop("form", None)
        self._again()

    def _buttons(self) -> list[Any]:
        card, model, name = self._card, self._model, self._card.display_name
        wanted: dict[str, tuple[str, Callable[[], object]]] = {}
        if card.doing == "connecting":
            wanted["stop"] = (f"Stop connecting {name}", partial(model.cancel, card.name))
        if not card.doing and card.can_connect and not card.lacks:
            wanted["connect"] = (f"Connect {name}", partial(model.connect, card.name))
        if not card.doing and card.can_connect and card.asks and not self._missing:
            verb = "Enter" if card.lacks else "Change"
            wanted[f"{verb} keys"] = (f"{verb} the keys of {name}", lambda: self._set_form(self._card.asks))
        if not card.doing and card.can_disconnect and not self._asked:
            wanted["disconnect"] = (f"Disconnect {name}", partial(self._ask, True))
        elif not card.doing and card.can_disconnect:
            wanted["really"] = (f"Revoke and forget {name}", partial(model.disconnect, card.name))
            wanted["keep"] = (f"Keep {name}", partial(self._ask, False))
        return [
            self._part(key, partial(button, text, act, primary=key == "connect", layout=self._looks.button))
            for key, (text, act) in wanted.items()
        ]

    def _ask(self, asked: bool) -> None:
        self._asked = asked
        self._again()

    def _waiting(self) -> list[Any]:
        anchor, card = self._part("link", ipywidgets.HTML), self._card
        link(anchor, card.consent, f"Open the consent page of {card.display_name}")
        paste = partial(self._model.paste, card.name)
        field = self._part("paste", lambda: secret_field("Or paste the address it ended at:", paste, hint="then Enter"))
        for part in (anchor, field):
            show(part, card.consent is not None)
        return [anchor, field]
