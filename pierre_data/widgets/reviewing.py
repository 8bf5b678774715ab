"""What a review of duplicates knows and does; no ipywidgets here."""

from __future__ import annotations

import threading
from typing import Any

import pandas as pd

from pierre_data.client import Client
from pierre_data.dedupe import Override, deduplicate, duplicates, read_overrides, unquoted
from pierre_data.errors import PierreError
from pierre_data.fetch.report import Report
from pierre_data.widgets.listening import Listeners, in_background

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


class Reviewing:
    """Merges with their reasons, one looked at.

    Parameters
    ----------
    source : Client or DataFrame
        A client, whose activities are loaded with `load` and whose marks are set; or a frame of rows that are not
        deduplicated, whose marks are only in `overrides`.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    >>> model = Reviewing(client.activities("2026-01-01", "2026-02-01", dedupe=False))
    >>> model.judge(same=False)
    >>> len(model.overrides), len(model.merges) > 0
    (1, True)
    """

    def __init__(self, source: Client | pd.DataFrame) -> None:
        self.client = source if isinstance(source, Client) else None
        self.changed = Listeners()
        self.says = "Nothing was fetched yet: choose days and press Load."
        self.at = 0
        self.loading = False
        self.merges = pd.DataFrame({"kept": [], "dropped": [], "rule": []}, dtype="str")
        self._said: dict[tuple[str, str], Override] = {}
        self._rows: pd.DataFrame | None = None
        self._index: dict[str, int] = {}
        if isinstance(source, pd.DataFrame):
            self._show(source)

    @property
    def overrides(self) -> tuple[Override, ...]:
        """What was judged here, for ``deduplicate(frame, overrides=...)``."""
        return tuple(self._said.values())

    @property
    def frame(self) -> pd.DataFrame | None:
        """The rows deduplicated as judged."""
        if self._rows is None:
            return None
        return deduplicate(self._rows, priority=_priority(self._rows), overrides=self._all())

    def load(self, after: str = "", before: str = "") -> threading.Thread | None:
        """Fetch the client's rows in ``[after, before)`` in the background; None without a client."""
        client = self.client
        if client is None or self.loading:
            return None
        self.loading, self.says = True, "Loading ..."
        self.changed.tell()

        def work() -> None:
            try:
                frame = client.activities(after or None, before or None, dedupe=False, errors="keep", progress=False)
                self._show(frame)
                self.says = " ".join([self.says, *_failed(client.last_report)])
            except PierreError as error:
                self.says = str(error)
            except Exception as error:  # noqa: BLE001  a third party's provider may raise anything
                self.says = f"{type(error).__name__}: a provider broke while it was asked."
            finally:
                self.loading = False
                self.changed.tell()

        return in_background(work, "review")

    def titles(self) -> list[str]:
        """Return one line per merge of the page that is looked at."""
        begin = self.at // PAGE * PAGE
        part = self.merges.iloc[begin : begin + PAGE]
        return [
            f"{begin + n + 1}. {self._verdict(str(row['kept']), str(row['dropped']))}"
            f"{row['kept_start_time']:%Y-%m-%d} {row['rule']}: {row['kept']} + {row['dropped']}"
            for n, row in enumerate(part.to_dict("records"))
        ]

    def go(self, at: int) -> None:
        """Look at another merge; the first and last are the ends."""
        self.at = min(max(at, 0), max(len(self.merges) - 1, 0))
        self.changed.tell()

    def pair(self) -> tuple[str, str] | None:
        """Return kept and dropped of the merge that is looked at."""
        if not len(self.merges):
            return None
        row = self.merges.iloc[self.at]
        return str(row["kept"]), str(row["dropped"])

    def reason(self) -> str:
        """Return why the two were merged."""
        if not len(self.merges):
            return ""
        row = self.merges.iloc[self.at].to_dict()
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
        pair = self.pair()
        if pair is None or self._rows is None:
            return []
        a, b = (self._rows.iloc[self._index[unquoted(key)]] for key in pair)
        return [("recording", *pair), *((f, _text(a[f]), _text(b[f])) for f in FIELDS if f in self._rows.columns)]

    def judge(self, same: bool) -> None:
        """Say that the two are one workout, or two; it is remembered by the client, and counts from the next call."""
        pair = self.pair()
        if pair is None:
            return
        said = Override(same, *map(unquoted, pair))
        try:
            if self.client is not None:
                (self.client.mark_same if same else self.client.mark_different)(*pair)
            self._said[said.a, said.b] = said
            self.says = f"Remembered: {pair[0]} and {pair[1]} are {'the same workout' if same else 'two workouts'}."
        except PierreError as error:
            self.says = str(error)
        self.changed.tell()

    def _all(self) -> list[Override]:
        # What the frame's client knew counts as well, except where it was judged anew.
        note = self._rows.attrs.get("pierre", {}) if self._rows is not None else {}
        known = {(o.a, o.b): o for o in read_overrides(str(note.get("overrides", "")))}
        return list((known | self._said).values())

    def _show(self, frame: pd.DataFrame) -> None:
        self._rows = frame
        merges = duplicates(frame, priority=_priority(frame), overrides=self._all())
        keys = (frame["provider"].astype("str") + ":" + frame["id"].astype("str")).tolist()
        self._rows, self._index = frame, {key: at for at, key in enumerate(keys)}
        self.merges, self.at = merges, 0
        self.says = f"{len(merges):,} merges among {len(frame):,} rows."

    def _verdict(self, kept: str, dropped: str) -> str:
        a, b = sorted((unquoted(kept), unquoted(dropped)))
        said = self._said.get((a, b))
        return "" if said is None else "[same] " if said.same else "[different] "


def _priority(frame: pd.DataFrame) -> list[str]:
    # A frame of a client knows the order of its providers; any other counts them by name.
    return str(frame.attrs.get("pierre", {}).get("providers", "")).split()


def _failed(report: Report) -> list[str]:
    return [f"{p.provider}: {p.error}" for p in report.providers if p.error is not None]


def _text(value: Any) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}{' UTC' if value.tzinfo is not None else ''}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
