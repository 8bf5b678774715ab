"""Put a question together by hand: providers in order, days, sport, table; and the code that does the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import ipywidgets
import pandas as pd

from pierre_data.client import Client
from pierre_data.widgets.fetch_progress import FetchProgress
from pierre_data.widgets.parts import View, button, plain, say, text_label, with_classes
from pierre_data.widgets.picker_model import EVERY_SPORT, PICKABLE, SPORTS, PickerModel


class ProviderPicker(View):
    """Any set of connected providers, their order, days, sport and table; what it would cost; and the code for it.

    Parameters
    ----------
    client : Client
        Who is asked.

    Attributes
    ----------
    model, widget : PickerModel, ipywidgets.VBox
        The state, without widgets, of which every control is a method; and what is shown.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> picker = pierre.widgets.ProviderPicker(pierre.Client("synthetic", cache="memory"))
    >>> picker.model.ask_for(after="2026-01-01", before="2026-02-01", sport="run")
    >>> picker.code
    "frame = client.activities('2026-01-01', '2026-02-01', sport='run', providers=['synthetic'])"
    """

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.model = model = PickerModel(client)
        rows = ipywidgets.Layout(width="auto", flex="1 1 280px", height="110px")
        self._available = ipywidgets.Select(description="Connected:", layout=rows)
        self._chosen = ipywidgets.Select(
            description="Asked, best first:", layout=rows, style={"description_width": "initial"}
        )
        self._table = ipywidgets.Dropdown(options=[(n.replace("_", " "), n) for n in PICKABLE], description="Table:")
        self._sport = ipywidgets.Dropdown(options=SPORTS, description="Sport:")
        self._after = ipywidgets.DatePicker(description="From:")
        self._before = ipywidgets.DatePicker(description="Before:")
        for control in (self._table, self._sport, self._after, self._before):
            control.observe(self._changed, names="value")
        self._cost = text_label("")
        wide = ipywidgets.Layout(width="95%")
        self._code = with_classes(ipywidgets.Textarea(description="Code:", rows=3, layout=wide), "pierre-code")
        self._fetch = button("Fetch", model.fetch, tip="Fetch in the background", primary=True)
        children = [
            text_label("Question", "pierre-title"),
            ipywidgets.HBox([self._available, self._chosen]),
            ipywidgets.HBox(self._buttons()),
            ipywidgets.HBox([self._table, self._sport]),
            ipywidgets.HBox([self._after, self._before]),
            self._cost,
            self._code,
            ipywidgets.HBox([self._fetch]),
            FetchProgress(model.fetching).widget,
        ]
        self._show(model, children, "picker")
        model.fetching.observe(self._fetched, "running")
        model.estimate_later()

    @property
    def frame(self) -> pd.DataFrame | None:
        """The last result; None before there is one."""
        return self.model.fetching.frame

    @property
    def code(self) -> str:
        """The code that does the same."""
        return self.model.code

    def __repr__(self) -> str:
        return plain(f"{self.code}\n{self.model.cost}")

    def _buttons(self) -> list[Any]:
        model = self.model

        def selected(select: Any, act: Callable[[str], None]) -> Callable[[], None]:
            def click() -> None:
                if select.value is not None:
                    act(select.value)

            return click

        return [
            button("Add", selected(self._available, model.add), tip="Ask the selected provider too"),
            button("Remove", selected(self._chosen, model.remove), tip="Ask it no more"),
            button("Up", selected(self._chosen, lambda n: model.move(n, -1)), tip="Ask it before the one above"),
            button("Down", selected(self._chosen, lambda n: model.move(n, 1)), tip="Ask it after the one below"),
            button("Refresh", model.refresh, tip="Look anew which providers are connected"),
        ]

    def _changed(self, _: object) -> None:
        if self._rendering:
            return
        sport = "" if self._sport.value == EVERY_SPORT else self._sport.value
        after, before = ("" if day.value is None else day.value.isoformat() for day in (self._after, self._before))
        self.model.ask_for(table=self._table.value, sport=sport, after=after, before=before)

    def _fetched(self, change: dict[str, Any]) -> None:
        self._fetch.disabled = change["new"]
        if not change["new"]:
            self.model.estimate_later()  # what was fetched is cached now

    def _render(self) -> None:
        model, choice = self.model, self.model.choice
        _set_options(self._available, model.available())
        _set_options(self._chosen, model.chosen())
        self._table.value = choice.table
        self._sport.value = choice.sport or EVERY_SPORT
        self._sport.disabled = choice.table != "activities"
        self._after.value, self._before.value = _day(choice.after), _day(choice.before)
        say(self._cost, model.cost)
        # What was typed over the code changes nothing: it is shown to be copied.
        self._code.value = plain(model.code)
        if model.cost == "...":
            model.estimate_later()


def _set_options(select: Any, options: list[tuple[str, str]]) -> None:
    """Set what can be selected; what was selected stays so if it is still there."""
    options = [(plain(text), name) for text, name in options]
    if list(select.options) != options:
        selected = select.value
        select.options = options
        if selected in [name for _, name in options]:
            select.value = selected


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None
