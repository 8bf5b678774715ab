"""Put a question together by hand: providers in order, days, sport, table; and the code that does the same."""

from __future__ import annotations

import datetime as dt
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
    model : PickerModel
        The state, without widgets; every control is a method of it.
    frame : DataFrame or None
        The last result.
    code : str
        The code that does the same.
    widget : ipywidgets.VBox
        What is shown.

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
        self.model = PickerModel(client)
        self.progress = FetchProgress(self.model.fetching)
        self._setting = False
        rows = ipywidgets.Layout(width="auto", flex="1 1 280px", height="110px")
        self._available = ipywidgets.Select(description="Connected:", layout=rows)
        self._chosen = ipywidgets.Select(
            description="Asked, best first:", layout=rows, style={"description_width": "initial"}
        )
        self._table = ipywidgets.Dropdown(options=[(n.replace("_", " "), n) for n in PICKABLE], description="Table:")
        self._sport = ipywidgets.Dropdown(options=SPORTS, description="Sport:")
        self._after = ipywidgets.DatePicker(description="From:")
        self._before = ipywidgets.DatePicker(description="Before:")
        self._cost = text_label("")
        self._code = with_classes(
            ipywidgets.Textarea(description="Code:", rows=3, layout=ipywidgets.Layout(width="95%")), "pierre-code"
        )
        self._fetch = button("Fetch", self.model.fetch, tip="Fetch in the background", primary=True)
        self._watch()
        self._show(self.model, self._layout(), "picker")
        self.model.fetching.observe(self._fetched, "running")
        self.model.estimate_later()

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

    def _layout(self) -> list[Any]:
        def with_chosen(act: Any) -> Any:
            return lambda: self._chosen.value is not None and act(self._chosen.value)

        def add() -> None:
            if self._available.value is not None:
                self.model.add(self._available.value)

        buttons = [
            button("Add", add, tip="Ask the selected provider too"),
            button("Remove", with_chosen(self.model.remove), tip="Ask it no more"),
            button("Up", with_chosen(lambda n: self.model.move(n, -1)), tip="Ask it before the one above"),
            button("Down", with_chosen(lambda n: self.model.move(n, 1)), tip="Ask it after the one below"),
            button("Refresh", self.model.refresh, tip="Look anew which providers are connected"),
        ]
        return [
            text_label("Question", "pierre-title"),
            ipywidgets.HBox([self._available, self._chosen]),
            ipywidgets.HBox(buttons),
            ipywidgets.HBox([self._table, self._sport]),
            ipywidgets.HBox([self._after, self._before]),
            self._cost,
            self._code,
            ipywidgets.HBox([self._fetch]),
            self.progress.widget,
        ]

    def _watch(self) -> None:
        def day(value: dt.date | None) -> str:
            return value.isoformat() if value is not None else ""

        def changed(_: object) -> None:
            if self._setting:
                return
            sport = "" if self._sport.value == EVERY_SPORT else self._sport.value
            self.model.ask_for(
                table=self._table.value, sport=sport, after=day(self._after.value), before=day(self._before.value)
            )

        for control in (self._table, self._sport, self._after, self._before):
            control.observe(changed, names="value")

    def _render(self) -> None:
        model, choice = self.model, self.model.choice
        self._setting = True
        try:
            _options(self._available, model.available())
            _options(self._chosen, model.chosen())
            self._table.value = choice.table
            self._sport.value = choice.sport or EVERY_SPORT
            self._sport.disabled = choice.table != "activities"
            self._after.value, self._before.value = _day(choice.after), _day(choice.before)
        finally:
            self._setting = False
        say(self._cost, model.cost)
        # What was typed over the code changes nothing: it is shown to be copied.
        self._code.value = plain(model.code)
        if model.cost == "...":
            model.estimate_later()

    def _fetched(self, _: object) -> None:
        self._fetch.disabled = self.model.fetching.running


def _options(select: Any, options: list[tuple[str, str]]) -> None:
    plain_options = [(plain(text), name) for text, name in options]
    if list(select.options) != plain_options:
        selected = select.value
        select.options = plain_options
        if selected in [name for _, name in plain_options]:
            select.value = selected


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None
