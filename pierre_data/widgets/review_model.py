"""What a review of duplicates knows and does; no ipywidgets here."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import traitlets

from pierre_data.client import Client
from pierre_data.dedupe import Override, deduplicate, duplicates, unquoted
from pierre_data.errors import PierreError
from pierre_data.widgets.background import WidgetModel, in_background

#: What is compared side by side.
FIELDS = (
    "name",
    "sport",
    "start_time",
    "elapsed_s",
    "moving_s",
    "distance_m",
    "elevation_gain_m",
    "average_heart_rate_bpm",
    "device",
)
#: So many merges are listed at a time.
PAGE = 100


@dataclass(frozen=True, slots=True, eq=False)
class Merges:
    """Rows, their merges as `pierre.duplicates` explains them, and where each recording is among the rows."""

    rows: pd.DataFrame
    merges: pd.DataFrame
    places: Mapping[str, int]


class ReviewModel(WidgetModel):
    """Merges with their reasons, one looked at; and what a person judged.  The arguments as for `DuplicatesReview`."""

    says = traitlets.Unicode("Nothing was fetched yet: choose days and press Load.")
    at = traitlets.Int()
    loading = traitlets.Bool()
    loaded = traitlets.Instance(Merges, allow_none=True)
    #: What was judged here, for ``deduplicate(frame, overrides=...)``.
    overrides = traitlets.Tuple()

    def __init__(
        self,
        source: Client | pd.DataFrame,
        *,
        priority: Sequence[str] | None = None,
        overrides: Iterable[Override] = (),
    ) -> None:
        super().__init__()
        self.client = source if isinstance(source, Client) else None
        self._priority, self._known = priority, tuple(overrides)
        if isinstance(source, pd.DataFrame):
            self._show(source)

    @property
    def merges(self) -> pd.DataFrame:
        """Every merge with its reason; empty before there are rows."""
        return pd.DataFrame() if self.loaded is None else self.loaded.merges

    @property
    def frame(self) -> pd.DataFrame | None:
        """The rows deduplicated as judged."""
        return None if self.loaded is None else deduplicate(self.loaded.rows, **self._rules())

    def load(self, after: str = "", before: str = "") -> threading.Thread | None:
        """Fetch the client's rows in ``[after, before)`` in the background; None without a client."""
        client = self.client
        if client is None or self.loading:
            return None
        self.loading, self.says = True, "Loading ..."

        def work() -> None:
            frame = client.activities(after or None, before or None, dedupe=False, errors="keep", progress=False)
            failed = [f"{p.provider}: {p.error}" for p in client.report(frame).providers if p.error is not None]
            self._show(frame, failed)

        return in_background("review", work, partial(self.set_trait, "says"), partial(self.set_trait, "loading", False))

    def titles(self) -> list[str]:
        """Return one line per merge of the page that is looked at."""
        begin = self.at // PAGE * PAGE
        verdicts = {(o.a, o.b): f"[{str(o).split(' ')[0]}] " for o in self.overrides}
        titles = []
        for n, row in enumerate(self.merges.iloc[begin : begin + PAGE].to_dict("records"), begin + 1):
            kept, dropped = str(row["kept"]), str(row["dropped"])
            a, b = sorted((unquoted(kept), unquoted(dropped)))
            verdict = verdicts.get((a, b), "")
            titles.append(f"{n}. {verdict}{row['kept_start_time']:%Y-%m-%d} {row['rule']}: {kept} + {dropped}")
        return titles

    def go(self, at: int) -> None:
        """Look at another merge; the first and last are the ends."""
        self.at = min(max(at, 0), max(len(self.merges) - 1, 0))

    def pair(self) -> tuple[str, str] | None:
        """Return kept and dropped of the merge that is looked at."""
        row = self._row()
        return None if row is None else (str(row["kept"]), str(row["dropped"]))

    def reason(self) -> str:
        """Return why the two were merged."""
        if (row := self._row()) is None:
            return ""
        facts = [
            ("score", row["score"], "{:.1f}"),
            ("starts apart", row["start_diff_s"], "{:+.0f} s"),
            ("overlap", row["overlap_iou"], "{:.0%}"),
            ("distance ratio", row["distance_ratio"], "{:.2f}"),
            ("heart rate apart", row["heart_rate_diff_bpm"], "{:.0f} bpm"),
        ]
        return ", ".join([f"Rule: {row['rule']}", *(f"{w} {f.format(v)}" for w, v, f in facts if not pd.isna(v))])

    def side_by_side(self) -> list[tuple[str, str, str]]:
        """Return field, and its value in the kept and in the dropped row."""
        pair, loaded = self.pair(), self.loaded
        if pair is None or loaded is None:
            return []
        a, b = (loaded.rows.iloc[loaded.places[unquoted(key)]] for key in pair)
        return [("recording", *pair), *((f, _text(a[f]), _text(b[f])) for f in FIELDS if f in loaded.rows.columns)]

    def judge(self, same: bool) -> None:
        """Say that the two are one workout, or two; it is remembered by the client, and counts from the next call."""
        if (pair := self.pair()) is None:
            return
        override = Override(same, *map(unquoted, pair))
        try:
            if self.client is not None:
                (self.client.mark_same if same else self.client.mark_different)(*pair)
        except PierreError as error:
            self.says = str(error)
            return
        self.overrides = _together(self.overrides, [override])
        self.says = f"Remembered: {pair[0]} and {pair[1]} are {'the same workout' if same else 'two workouts'}."

    def _rules(self) -> dict[str, Any]:
        """Return what `deduplicate` and `duplicates` are told of these rows."""
        if self.client is None:
            return {"priority": self._priority, "overrides": _together(self._known, self.overrides)}
        marks = self.client.marks().itertuples(index=False, name=None)
        known = (*self._known, *(Override(verdict == "same", unquoted(a), unquoted(b)) for verdict, a, b in marks))
        priority, spaces = self._priority or self.client.providers, self.client.id_spaces
        return {"priority": priority, "overrides": _together(known, self.overrides), "id_spaces": spaces}

    def _show(self, rows: pd.DataFrame, failed: Sequence[str] = ()) -> None:
        keys = (rows["provider"].astype("str") + ":" + rows["id"].astype("str")).tolist()
        merges = duplicates(rows, **self._rules())
        self.at = 0
        self.loaded = Merges(rows, merges, {key: at for at, key in enumerate(keys)})
        self.says = " ".join([f"{len(merges):,} merges among {len(rows):,} rows.", *failed])

    def _row(self) -> dict[Any, Any] | None:
        merges = self.merges
        return merges.iloc[min(self.at, len(merges) - 1)].to_dict() if len(merges) else None


def _together(known: Iterable[Override], new: Iterable[Override]) -> tuple[Override, ...]:
    """Return all judgements; of one pair the last counts."""
    return tuple({(o.a, o.b): o for o in (*known, *new)}.values())


def _text(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}{' UTC' if value.tzinfo is not None else ''}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
