"""The few widgets all views are made of: labels that cannot run anything, labelled buttons, one checked link."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets

from pierre_data.reprs import visible
from pierre_data.secret import Secret
from pierre_data.widgets.background import WidgetModel

# The one HTML widget without a word of data: colours follow the host's theme, light or dark.
_STYLE = """<style>
.pierre .widget-label { white-space: normal; height: auto; line-height: 1.4; overflow-wrap: anywhere; }
.pierre-card { border: 1px solid var(--jp-border-color2, #8888); border-radius: 6px; padding: 6px 12px; margin: 4px 0; }
.pierre-title .widget-label, .pierre-title.widget-label { font-weight: 600; }
.pierre > .widget-hbox { align-items: center; gap: 2px 4px; flex-wrap: wrap; }
.pierre-quiet.widget-label { opacity: .75; }
.pierre-bad.widget-label { color: var(--jp-error-color1, #c62828); }
.pierre-code textarea, .pierre-code input { font-family: var(--jp-code-font-family, monospace); }
.pierre button:focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; }
</style>"""
_ADDRESS = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


def plain(text: object) -> str:
    """Return text that a label shows as it is: no terminal codes, no reversed writing, no formulas."""
    # Labels cannot run HTML, but they typeset what stands between dollars or after a backslash, and a formula can hold
    # a link (MathJax; seen in ipywidgets 8.1, November 2026).
    return visible(text).replace("$", "＄").replace("\\", "＼")


class View:
    """What a notebook shows of a model: a widget, and the view's own repr where there are no widgets."""

    widget: Any

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rendering = False  # what a view sets itself is no choice of a person

    def _show(self, model: WidgetModel, children: Iterable[Any], name: str) -> None:
        """Put the widgets into a panel, and follow the model from now on."""
        style = ipywidgets.HTML(_STYLE, layout=ipywidgets.Layout(display="none"))
        self.widget = with_classes(ipywidgets.VBox([style, *children]), "pierre", f"pierre-{name}")
        self._refresh()
        model.observe(self._refresh)

    def _refresh(self, _: object = None) -> None:
        """Render the model's state; models change in any thread, and widgets are set by one at a time."""
        with self._lock:
            self._rendering = True
            try:
                self._render()
            finally:
                self._rendering = False

    def _render(self) -> None:
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return {**(self.widget._repr_mimebundle_(**options) or {}), "text/plain": repr(self)}


def with_classes(widget: Any, *names: str) -> Any:
    """Return a widget with CSS classes of ours."""
    for name in names:
        widget.add_class(name)
    return widget


def text_label(text: object = "", *classes: str, **looks: Any) -> Any:
    """Return a label; its text is shown as it is.  `looks` may share a layout and a style with other labels."""
    return with_classes(ipywidgets.Label(plain(text), **looks), *classes)


def say(widget: Any, text: object) -> None:
    """Set a label's text, and hide it when there is none."""
    widget.value = plain(text)
    show(widget, bool(widget.value))


def show(widget: Any, visible: bool) -> None:
    """Show or hide a widget."""
    widget.layout.display = None if visible else "none"


def button(text: str, act: Callable[[], object], *, tip: str = "", primary: bool = False, **looks: Any) -> Any:
    """Return a button that says what it does and can be reached with the keyboard; `looks` as for `text_label`."""
    widget = ipywidgets.Button(
        description=plain(text),
        tooltip=plain(tip or text),
        button_style="primary" if primary else "",
        **({"layout": ipywidgets.Layout(width="auto")} | looks),
    )
    widget.on_click(lambda _: act())
    return widget


def secret_field(text: str, take: Callable[[Secret], None], *, hint: str = "", hidden: bool = True) -> Any:
    """Return a field whose value is taken when it is complete (Enter, or leaving the field) and cleared at once."""
    kind = ipywidgets.Password if hidden else ipywidgets.Text
    field = kind(
        description=plain(text),
        placeholder=plain(hint),
        continuous_update=False,
        layout=ipywidgets.Layout(width="95%"),
        style={"description_width": "initial"},
    )

    def changed(change: dict[str, Any]) -> None:
        if value := change["new"]:
            field.value = ""  # before anybody acts on it: a saved notebook may hold the state of its widgets
            take(Secret(value))

    field.observe(changed, names="value")
    return field


def link(widget: Any, address: Secret | None, text: str) -> None:
    """Show a link in an HTML widget, as core ipywidgets open pages in no other way; without an address it is empty."""
    shown = ""
    # The address is made by us for the vendor's host; a character that no address has refuses it all the same.
    if address is not None and _ADDRESS.fullmatch(address.reveal()):
        href = html.escape(address.reveal(), quote=True)
        shown = f'<a href="{href}" target="_blank" rel="noopener noreferrer">{html.escape(text)}</a>'
    widget.value = shown
