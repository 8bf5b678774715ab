"""Pages and rows to Arrow tables in our columns and units."""

from __future__ import annotations

import datetime as dt
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pierre_data.errors import PayloadError, PierreError, SchemaError
from pierre_data.fetch.columns import read
from pierre_data.fetch.report import Rejected
from pierre_data.schema import FAMILY, Table
from pierre_data.spi import Endpoint, Page, Query, Response, Rows, Single, get_path
from pierre_data.spi.reading import Translated, translate

#: So many rows without a field say something of the field.
_TELLING = 5


@dataclass(slots=True)
class Parsed:
    """The rows of one page in the table's columns and units, what the plan is told of it, and what could not be read.

    `notes` are oddities that were read all the same; `renamed` the wire paths in no row of the page beside names
    that are not known, None where too few rows came to tell.
    """

    table: pa.Table
    page: Page
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[Rejected] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    renamed: set[str] | None = None


def parse_page(response: Response, endpoint: Endpoint, query: Query, provider: str, path: str, url: str = "") -> Parsed:
    """Read one page.  Raises PayloadError where it is no JSON, or has no list of rows where one should be."""
    content = decoded(response, provider, path)
    rows = _rows(content, endpoint, query, provider, path)
    translated = translate(rows, endpoint.fields, query.table)
    paths = {name: item.paths[0] for name, item in endpoint.fields.items()}
    parsed = _built(translated, len(rows), paths, query.table, provider)
    parsed.page = replace(
        parsed.page,
        cursor=get_path(content, endpoint.paging.cursor) if endpoint.paging.cursor else None,
        headers=response.headers,
        status=response.status,
        url=url,
        digest=zlib.crc32(response.body),
    )
    parsed.renamed = _renamed(rows, endpoint, parsed.table)
    return parsed


@lru_cache(maxsize=64)
def _known_paths(endpoint: Endpoint) -> frozenset[str]:
    """Return all wire names an endpoint knows, those of enclosing objects too."""
    paths = [*(path for item in endpoint.fields.values() for path in item.paths), *endpoint.ignored]
    steps = [path.split(".") for path in paths]
    return frozenset(".".join(part[:count]) for part in steps for count in range(1, len(part) + 1))


def _renamed(rows: list[Any], endpoint: Endpoint, table: pa.Table) -> set[str] | None:
    """Return the paths that no row has where there are names beside them that the endpoint does not know."""
    if len(rows) < _TELLING or callable(endpoint.records):
        return None
    empty = {c: f.paths[0] for c, f in endpoint.fields.items() if len(f.paths) == 1}
    empty = {c: path for c, path in empty.items() if table[c].null_count == table.num_rows}
    if not empty:
        return set()
    missing: set[str] = set()
    beside: dict[str, set[str]] = {}
    for path in empty.values():
        before, dot, name = path.rpartition(".")
        if before not in beside:
            heads = (get_path(row, before) for row in rows[:20])
            names: set[str] = set().union(*(head for head in heads if isinstance(head, dict)))
            beside[before] = (
                names if any(before + dot + other not in _known_paths(endpoint) for other in names) else set()
            )
        if beside[before] and name not in beside[before]:
            missing.add(path)
    return missing


def decoded(response: Response, provider: str, path: str) -> Any:
    """Return a decoded body.  Raises PayloadError where it is no JSON."""
    try:
        return response.content
    except ValueError:
        raise PayloadError(
            f"{provider} answered {path} with something that is not JSON.",
            "Try again later; if it stays so, the vendor may be down or have changed its API.",
            provider=provider,
            path=path,
            value=response.body[:80].decode("utf-8", "replace"),
        ) from None


def _rows(content: Any, endpoint: Endpoint, query: Query, provider: str, path: str) -> list[Any]:
    records, fix = endpoint.records, "The vendor may have changed its API; look for an update of this provider."
    if callable(records):
        try:
            return list(records(content, query))
        except PierreError:
            raise
        except Exception as error:
            what = f"The rows of {path} cannot be found in what {provider} answered: {type(error).__name__}: {error}."
            raise PayloadError(what, fix, provider=provider, path=path, value=str(content)[:80]) from error
    rows = get_path(content, records)
    if not records and isinstance(content, dict) and isinstance(endpoint.paging, Single):
        return [content]
    usual = {records, (endpoint.paging.cursor or "").partition(".")[0]}
    if rows is None and isinstance(content, dict) and not content.keys() - usual:
        return []  # an empty answer leaves its list out (Google Health, 2026-11); anything else that does is a fault
    if not isinstance(rows, list):
        what = f"{provider} answered {path} without the expected list{f' {records!r}' if records else ''}."
        raise PayloadError(what, fix, provider=provider, path=path, value=str(content)[:80])
    return rows


def parse_rows(rows: Rows, table: Table, provider: str) -> Parsed:
    """Read the rows a plan made itself, which are in our units already.

    Raises SchemaError where a column is not the table's, or columns differ in length.
    """
    sizes = {len(values) for values in rows.columns.values()}
    if len(sizes) > 1:
        raise SchemaError(
            f"{provider} made {table.name} columns of different lengths.", "This is a bug of that provider."
        )
    parsed = _built(Translated(dict(rows.columns)), sizes.pop() if sizes else 0, {}, table, provider)
    parsed.rejected += [Rejected(provider, table.name, *item) for item in rows.rejected]
    parsed.notes += [Rejected(provider, table.name, *item) for item in rows.notes]
    parsed.unknown.update(rows.unknown)
    return parsed


def cut(table: pa.Table, kind: Table, after: dt.datetime | None, before: dt.datetime | None) -> pa.Table:
    """Return the rows with a time in ``[after, before)``; a table without time is left alone."""
    if kind.time is None or kind.time not in table.schema.names or not (after or before):
        return table
    # In numpy: pyarrow's comparisons and min_max took up to 2 ms a page (pyarrow 26, 2026-11).
    times, keep = table[kind.time].to_numpy(), np.full(table.num_rows, True)
    if after is not None:
        keep &= times >= np.datetime64(after.astimezone(dt.UTC).replace(tzinfo=None))
    if before is not None:
        keep &= times < np.datetime64(before.astimezone(dt.UTC).replace(tzinfo=None))
    return table if keep.all() else table.filter(pa.array(keep))


def _built(rows: Translated, size: int, paths: Mapping[str, str], table: Table, provider: str) -> Parsed:
    """Make Arrow columns of values, and set the rows aside that are refused or miss what is required."""
    columns: dict[str, pa.Array] = {}
    for name, values in rows.columns.items():
        columns[name], bad = read(values, table[name].kind)
        for at in bad:
            rows.refuse(at, paths.get(name, name), values[at])
    columns["provider"] = pa.repeat(pa.scalar(provider, pa.string()), size)
    _derive(columns)
    for name in table.required if size else ():
        column = columns.get(name)
        if column is None:
            raise SchemaError(f"{provider} made no {table.name}.{name}.", "This is a bug of that provider.")
        if column.null_count:
            for at in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
                rows.refused.setdefault(at, (name, "missing"))
    names = [name for name in table.columns if name in columns]
    result = pa.table([columns[name] for name in names], schema=pa.schema([table.fields[name] for name in names]))
    rejected = []
    if rows.refused:
        ids = columns[table.row_id].to_pylist() if table.row_id in columns else [None] * size
        for at in sorted(rows.refused):
            rejected.append(Rejected(provider, table.name, str(ids[at] or at), *rows.refused[at]))
        result = result.filter(pa.array([at not in rows.refused for at in range(size)]))
    oldest = newest = None
    if table.time is not None and result.num_rows and table.time in names:
        times = result[table.time].to_numpy()
        if len(times := times[~np.isnat(times)]):
            oldest, newest = (t.item().replace(tzinfo=dt.UTC) for t in (times.min(), times.max()))
    return Parsed(result, Page(size, oldest=oldest, newest=newest), rejected, unknown=rows.unknown)


def _derive(columns: dict[str, pa.Array]) -> None:
    """Derive what follows from other columns."""
    if "sport" in columns and "sport_family" not in columns:
        coded = columns["sport"].dictionary_encode()
        families = pa.array([FAMILY.get(s, "other") for s in coded.dictionary.to_pylist()], pa.string())
        columns["sport_family"] = families.take(coded.indices)
    start, local, offset = (columns.get(n) for n in ("start_time", "start_time_local", "utc_offset_s"))
    if start is None:
        return
    wall = pa.timestamp("us")
    if offset is None and local is not None:
        gap = pc.subtract(local, start.cast(wall)).cast(pa.int64())
        columns["utc_offset_s"] = pc.divide(gap.cast(pa.float64()), 1e6)
    if local is None and offset is not None:
        shift = pc.multiply(offset, 1e6).cast(pa.int64(), safe=False).cast(pa.duration("us"))
        columns["start_time_local"] = pc.add(start.cast(wall), shift)
