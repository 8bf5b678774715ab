"""What every answer must keep: shape, ids, units, clocks, sports, the columns that are promised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pierre_data.schema import Table
from pierre_data.spi import ProviderDescriptor, Query
from pierre_data.testing.expected import compare, written
from pierre_data.testing.faults import leaks
from pierre_data.testing.findings import Findings
from pierre_data.testing.plausible import oddities
from pierre_data.testing.stage import Outcome, cell_name
from pierre_data.testing.wirefields import known_fields, unseen_paths, wire_rows

_DERIVED = {"provider", "sport_raw", "sport_family", "is_exercise"}


def check_rows(outcome: Outcome, table: Table, id: str | None, now: dt.datetime, findings: Findings) -> bool:
    """Look at one answer; returns whether it is a frame of the table at all."""
    name, frame = cell_name(table, id is not None), outcome.frame
    if list(frame.columns) != list(table.columns) or dict(frame.dtypes.astype(str)) != dict(table.dtypes):
        odd = [c for c in table.columns if c not in frame or str(frame[c].dtype) != table.dtypes[c]]
        findings.add(f"{name}: the frame is not conformed; look at {', '.join(odd[:3]) or 'the order of its columns'}.")
        return False
    for column in table.required:
        if frame[column].isna().any():
            findings.add(f"{name}.{column} is required and has missing values.", column)
    if len(frame) and set(frame.provider) != {findings.provider}:
        findings.add(f"{name}: the provider column says {frame.provider.iloc[0]!r}.")
    _check_ids(frame, table, id, name, findings)
    for column, text in oddities(frame, table, now):
        findings.add(f"{name}.{column}: {text}", column, f"{name}.{column}")
    for word, count in outcome.report.unknown_sports.items():
        findings.add(f"{name}: the sport {word!r} ({count} row(s)) is in no table of the provider.", word)
    for bad in outcome.report.rejected:
        findings.add(f"{name}: row {bad.row} was set aside, {bad.field} = {bad.value}.", bad.row, bad.field)
    for column in leaks(frame):
        findings.add(f"{name}.{column} holds the token.")
    findings.verified += [
        "Frames have the table's columns, order and dtypes; required columns are filled.",
        "Ids are text, were never numbers with decimals, and identify rows.",
        "Values are what bodies and clocks can produce: units, epochs, UTC plus offset is local time.",
        "Every sport word of the payloads is in the provider's table, and every row can be read.",
    ]
    return True


def _check_ids(frame: pd.DataFrame, table: Table, id: str | None, name: str, findings: Findings) -> None:
    distinct = len(frame.drop_duplicates(list(table.key)))
    if len(frame) > 1 and distinct == 1:
        findings.add(f"{name}: all {len(frame)} rows have one key, {', '.join(table.key)}.")
    elif distinct < len(frame):
        findings.notes.append(
            f"{name}: {len(frame) - distinct} row(s) have a key that came before (the last one counts)."
        )
    if id is None or frame.empty:
        return
    column = "id" if "id" in table.columns else "sleep_id"
    other = set(frame[column].dropna()) - {id} if column in table.columns else set()
    if other:
        findings.add(f"{name}: {id!r} was asked for and {column} {sorted(other)[0]!r} came.", column)


def check_fields(
    descriptor: ProviderDescriptor, table: Table, frames: Mapping[bool, pd.DataFrame], folder: Path, query: Query,
    findings: Findings,
) -> None:  # fmt: skip
    """Look at what is read of the vendor's rows, and whether each promised column is ever filled.

    `frames` are single or list -> what came; the query gives clock and options to functions that find rows.
    """
    both = {False: descriptor.endpoints.get(table), True: descriptor.details.get(table)}
    unseen: dict[str, bool] = {}
    for single, endpoint in both.items():
        if endpoint is None or single not in frames:
            continue
        frame = frames[single]
        empty = sorted(c for c in endpoint.produces() - _DERIVED if c in table.columns and frame[c].isna().all())
        if endpoint.plan_with is not None:
            if empty:
                findings.notes.append(f"{cell_name(table, single)}: these payloads leave empty: {', '.join(empty)}.")
            continue
        rows = wire_rows(endpoint, folder, query)
        findings.fields[cell_name(table, single)] = known_fields(rows, endpoint)
        missing = unseen_paths(rows, endpoint)
        for path in {path for item in endpoint.fields.values() for path in item.paths}:
            unseen[path] = unseen.get(path, True) and path in missing
        for column in empty:
            paths = endpoint.fields[column].paths if column in endpoint.fields else ()
            if set(paths) - missing:  # otherwise the path is the finding
                text = f"{cell_name(table, single)}.{column} is null in every row, though {paths[0]!r} is not."
                findings.add(text, column)
    for path in sorted(path for path, missing in unseen.items() if missing):
        findings.add(f"{table.name}: no payload has a value at {path!r}: is it spelled right? If so, add one.", path)
    findings.verified.append(
        "Each wire path that is read, and each column that is promised, has a value in some payload."
    )


def check_expected(frame: pd.DataFrame, table: Table, name: str, folder: Path, write: bool, findings: Findings) -> None:
    """Compare an answer with ``<name>.expected.csv``, or write that file; single objects count together."""
    file = folder / f"{name}.expected.csv"
    frame = frame.drop_duplicates(list(table.key), keep="last")
    if write:
        file.write_text(written(frame, table), encoding="utf-8")
    if not file.exists():
        findings.notes.append(f"{file.name} is not there: write it with check(..., write_expected=True), and read it.")
        return
    for column, text in compare(frame, table, file):
        findings.add(f"{name}: {text}", column)
    findings.verified.append("What comes out equals the expected CSV files.")
