"""Look at merges one by one, side by side, and say which are right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import ipywidgets
import pandas as pd

from pierre_data.client import Client
from pierre_data.dedupe import Override
from pierre_data.widgets.parts import View, button, plain, say, show, text_label
from pierre_data.widgets.review_model import FIELDS, PAGE, ReviewModel


class DuplicatesReview(View):
    """Merges with their reasons, the two rows side by side, and Same and Different.

    With a client the buttons call ``client.mark_same(a, b)`` and ``client.mark_different(a, b)``: remembered, and
    applied before every other rule.  With a frame they are in ``review.model.overrides``.

    Parameters
    ----------
    source : Client or DataFrame
        Whose activities are loaded; or rows fetched with ``dedupe=False``.
    priority : sequence of str, optional
        Providers, best first; a client's own when omitted.
    overrides : iterable of Override
        What was judged before, beside the client's marks.

    Attributes
    ----------
    model, widget : ReviewModel, ipywidgets.VBox
        The state, without widgets; and what is shown.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    >>> rows = client.activities("2026-01-01", "2026-02-01", dedupe=False)
    >>> review = pierre.widgets.DuplicatesReview(rows, priority=client.providers)
    >>> review.model.says
    '... merges among ... rows.'
    """

    def __init__(
        self,
        source: Client | pd.DataFrame,
        *,
        priority: Sequence[str] | None = None,
        overrides: Iterable[Override] = (),
    ) -> None:
        super().__init__()
        self.model = ReviewModel(source, priority=priority, overrides=overrides)
        self._says, self._reason = text_label("", "pierre-title"), text_label("")
        wide = ipywidgets.Layout(width="95%", height="140px")
        self._list = ipywidgets.Select(description="Merges:", layout=wide)
        self._cells = [
            [text_label("", "pierre-quiet" if n == 0 else "") for n in range(3)] for _ in range(len(FIELDS) + 1)
        ]
        cells = [cell for row in self._cells for cell in row]
        columns = ipywidgets.Layout(grid_template_columns="14em 1fr 1fr", width="95%")
        self._table = ipywidgets.GridBox(cells, layout=columns)
        self._after = ipywidgets.Text(description="From:", placeholder="2026-01-01", continuous_update=False)
        self._before = ipywidgets.Text(description="Before:", placeholder="2026-02-01", continuous_update=False)
        self._load = button(
            "Load",
            lambda: self.model.load(self._after.value.strip(), self._before.value.strip()),
            tip="Fetch the rows of these days",
            primary=True,
        )
        choose = ipywidgets.HBox([self._after, self._before, self._load])
        show(choose, self.model.client is not None)
        self._judge = ipywidgets.HBox(self._buttons())
        shown = [self._says, choose, self._list, self._reason, self._table, self._judge]
        self._list.observe(self._selected, names="index")
        self._show(self.model, shown, "review")

    @property
    def frame(self) -> pd.DataFrame | None:
        """The rows deduplicated as judged; None before there are any."""
        return self.model.frame

    def __repr__(self) -> str:
        way = 'in code: pierre.duplicates(frame), client.mark_same("a:1", "b:2"), client.mark_different("a:1", "b:2")'
        return plain(f"{self.model.says} {way}")

    def _buttons(self) -> list[Any]:
        model = self.model
        return [
            button("Same workout", lambda: model.judge(same=True), tip="They are one workout: always merge them"),
            button("Different workouts", lambda: model.judge(same=False), tip="They are two: never merge them"),
            button("Previous", lambda: model.go(model.at - 1), tip="Look at the merge before"),
            button("Next", lambda: model.go(model.at + 1), tip="Look at the next merge"),
            button("Next page", lambda: model.go(model.at + PAGE), tip=f"Look {PAGE} merges further"),
        ]

    def _selected(self, change: dict[str, Any]) -> None:
        if not self._rendering and change["new"] is not None:
            self.model.go(self.model.at // PAGE * PAGE + int(change["new"]))

    def _render(self) -> None:
        model = self.model
        say(self._says, model.says)
        self._load.disabled = model.loading
        titles = [plain(title) for title in model.titles()]
        if list(self._list.options) != titles:
            self._list.options = titles
        self._list.index = model.at % PAGE if titles else None
        say(self._reason, model.reason())
        rows = model.side_by_side()
        for at, cells in enumerate(self._cells):
            texts = rows[at] if at < len(rows) else ("", "", "")
            for cell, text in zip(cells, texts, strict=True):
                say(cell, text or ("-" if at < len(rows) else ""))
        for part in (self._list, self._table, self._judge):
            show(part, bool(titles))
