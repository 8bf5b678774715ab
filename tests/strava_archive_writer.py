"""Archives of Strava made for tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pierre_data import schema
from pierre_data.fetch.provider import DescriptorProvider
from pierre_data.fetch.report import FetchContext, ProviderReport
from pierre_data.files.strava_words import COLUMNS
from pierre_data.providers.strava_export import descriptor
from pierre_data.spi import ProviderConfig, Query

#: A run as the archive writes it; the second of a repeated name is under ``Name.1``.
RUN = {
    "Activity ID": "101",
    "Activity Date": "Nov 9, 2024, 7:33:20 AM",
    "Activity Name": "Morning Run",
    "Activity Type": "Run",
    "Elapsed Time": "60",
    "Distance": "0.18",
    "Commute": "false",
    "Filename": "activities/9001.fit.gz",
    "Elapsed Time.1": "60.0",
    "Moving Time": "58.0",
    "Distance.1": "180.25",
    "Average Cadence": "80.0",
    "Max Heart Rate": "150",
    "Commute.1": "0.0",
}


def source(path: Path) -> DescriptorProvider:
    return DescriptorProvider(descriptor, ProviderConfig("strava-export", options={"path": path}))


def table(*rows: Mapping[str, str], names: Sequence[str] = COLUMNS) -> bytes:
    """Return activities.csv with these rows."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    keys = [n if n not in COLUMNS[:at] else f"{n}.1" for at, n in enumerate(COLUMNS)]
    writer.writerows([row.get(key, "") for key in keys] + [""] * (len(names) - len(COLUMNS)) for row in rows)
    return out.getvalue().encode()


def archive(folder: Path, content: bytes, **files: bytes) -> Path:
    (folder / "activities").mkdir()
    (folder / "activities.csv").write_bytes(content)
    for name, data in files.items():
        (folder / name.replace("__", "/").replace("_", ".")).write_bytes(data)
    return folder


def one(folder: Path, **cells: str) -> pd.Series:
    """Return the row that a run with some cells changed gives."""
    (row,) = source(archive(folder, table({**RUN, **cells}))).activities().to_dict("records")
    return pd.Series(row)


def listed(path: Path) -> tuple[list[str], list[tuple[str, str, str]]]:
    watch = FetchContext(ProviderReport("strava-export", "activities"))
    batches = source(path).batches(Query(schema.ACTIVITIES), watch)
    ids = [i for b in batches for i in b.table["id"].to_pylist()]
    return ids, [(r.row, r.field, r.value) for r in (*watch.report.rejected, *watch.report.notes)]
