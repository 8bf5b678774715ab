"""Rows from bodies that a plan or a webhook holds already, read as an endpoint's fields say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pierre_data.errors import PayloadError
from pierre_data.schema import Table
from pierre_data.spi.fields import Columnwise, Field, Sports, get_path, number
from pierre_data.spi.messages import Params, Request
from pierre_data.spi.paging import Paging, Single, Step
from pierre_data.spi.query import Page, Rows

_SINGLE = Single()


def read_rows(items: Iterable[Mapping[str, Any]], wanted: Mapping[str, Field], table: Table) -> Rows:
    """Read decoded rows into the columns and units of a table.

    Parameters
    ----------
    items : iterable of mapping
        A vendor's rows.
    wanted : mapping of str to Field
        Column -> where it is in a row.
    table : Table
        Whose units are kept.

    Returns
    -------
    Rows
        A row with a value that cannot be translated is in ``rejected``, the others are in ``columns``; sport words
        in no table are counted in ``unknown``.

    Examples
    --------
    >>> from pierre_data.schema import HEALTH, Unit
    >>> wanted = {"height_m": Field("body.cm", Unit.CENTIMETRE)}
    >>> found = read_rows([{"body": {"cm": 180}}, {"body": {"cm": "tall"}}], wanted, HEALTH)
    >>> found.columns, found.rejected
    ({'height_m': [1.8]}, (('1', 'body.cm', "'tall'"),))
    """
    rows: list[Mapping[str, Any]] = []
    rejected: list[tuple[str, str, str]] = []
    unknown: Counter[str] = Counter()
    for at, item in enumerate(items):
        row: dict[str, Any] = {}
        odd: list[str] = []
        for column, field in wanted.items():
            values = [get_path(item, path) for path in field.paths]
            try:
                row |= _read(column, field, values, table, odd)
            except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
                rejected.append((str(row.get(table.row_id) or at), field.paths[0], repr(values[0])[:80]))
                break
        else:
            rows.append(row)
            unknown.update(odd)
    columns = dict.fromkeys(wanted) | ({"sport_raw": None, "is_exercise": None} if "sport" in wanted else {})
    return Rows({c: [row.get(c) for row in rows] for c in columns}, tuple(rejected), unknown=unknown)


def walk(
    path: str, params: Params, records: str, paging: Paging = _SINGLE
) -> Generator[Request, Page, list[Mapping[str, Any]]]:
    """Ask for all pages of a list as decoded bodies, for plans that join lists: ``rows = yield from walk(...)``.

    Parameters
    ----------
    path : str
        Relative to the API base URL.
    params : mapping
        Of every page.
    records : str
        Dotted path of the rows in a body; missing or null is an empty page.
    paging : Paging
        How pages follow one another.

    Yields
    ------
    Request
        To be answered by ``send`` with a `Page` that holds the body.

    Returns
    -------
    list of mapping
        Rows in the order they came; what is no object is left out.

    Raises
    ------
    PayloadError
        There is no list where the rows should be.

    Examples
    --------
    >>> plan = walk("/days", {"year": 2026}, "data")
    >>> next(plan).params
    {'year': 2026}
    >>> try:
    ...     plan.send(Page(body={"data": [{"id": 1}]}))
    ... except StopIteration as end:
    ...     print(end.value)
    [{'id': 1}]
    """
    found: list[Mapping[str, Any]] = []
    step: Step | None = paging.first()
    while step is not None:
        page = yield Request(step, raw=True) if isinstance(step, str) else Request(path, {**params, **step}, raw=True)
        body = {} if page.status == 204 else page.body
        rows = get_path(body, records)
        if not isinstance(body, Mapping) or not isinstance(rows, list | None):
            fix = "The vendor may have changed its API; look for an update of this provider."
            raise PayloadError(f"{path} was answered without the list {records!r}.", fix, path=path)
        found += [row for row in rows or () if isinstance(row, Mapping)]
        cursor = get_path(body, paging.cursor) if paging.cursor else None
        step = paging.after({} if isinstance(step, str) else step, replace(page, rows=len(rows or ()), cursor=cursor))
    return found


def _read(column: str, field: Field, values: Sequence[Any], table: Table, unknown: list[str]) -> dict[str, Any]:
    if isinstance(field.via, Sports):
        raw, word, known = field.via.read(*values)
        if word is not None and known is None:
            unknown.append(word)
        sport, exercise = known or ("other", True)
        return {column: sport, "sport_raw": raw, "is_exercise": exercise}
    value = next((v for v in values if v is not None), None)
    if isinstance(field.via, Columnwise):
        value = field.via.function(*((v,) for v in values))[0]
    elif field.via is not None and (len(values) > 1 or value is not None):
        value = field.via(*values)
    target = table[column].unit
    if field.unit is not None and target is not None and value is not None:
        value = field.unit.to(target)(number(value))
    return {column: value}


dig = get_path  # the vendors of today
