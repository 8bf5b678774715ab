"""Rows from decoded bodies, read column by column as an endpoint's fields say: pages, webhooks and plans alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from pierre_data.errors import PayloadError
from pierre_data.schema import Table
from pierre_data.schema.units import Conversion
from pierre_data.spi.fields import Columnwise, Field, Sports, get_path, number
from pierre_data.spi.messages import Params, Request
from pierre_data.spi.paging import Paging, Single, Step
from pierre_data.spi.query import Page, Rows

_SINGLE = Single()
#: What a translating function may raise for a value it cannot read.
UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)


@dataclass(frozen=True, slots=True)
class Translated:
    """Columns in the units of a table, one value per row; refused rows (position: field, value) included."""

    columns: dict[str, Sequence[Any]] = field(default_factory=dict)
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)

    def refuse(self, at: int, path: str, value: object) -> None:
        """Set a row aside, for its first fault."""
        self.refused.setdefault(at, (path, excerpt_of(value)))


def excerpt_of(value: object) -> str:
    """Return a value for people, at most 80 characters."""
    try:
        return repr(value)[:80]
    except ValueError:  # an integer of more than 4300 digits
        return f"a very large {type(value).__name__}"


def translate(rows: Sequence[Any], wanted: Mapping[str, Field], table: Table) -> Translated:
    """Read decoded rows into columns; what is no object is refused."""
    result = Translated()
    if not all(type(row) is dict for row in rows):
        for at, row in enumerate(rows):
            if not isinstance(row, Mapping):
                result.refuse(at, "row", row)
        rows = [row if isinstance(row, Mapping) else {} for row in rows]
    heads: dict[str, list[Any]] = {}
    for column, item in wanted.items():
        values, via, path = [_values(rows, path, heads) for path in item.paths], item.via, item.paths[0]
        read: Sequence[Any] = values[0]
        if isinstance(via, Sports):
            words = [word or (None, None, None) for word in _each(via.read, values, path, result)]
            result.unknown.update(word for _, word, known in words if word is not None and known is None)
            result.columns["sport_raw"] = [raw for raw, _, _ in words]
            result.columns["is_exercise"] = [known[1] if known else True for _, _, known in words]
            read = [known[0] if known else "other" for _, _, known in words]
        elif isinstance(via, Columnwise):
            read = _columnwise(via, values, path, result)
        elif via is not None:
            read = _each(via, values, path, result, skip_null=len(values) == 1)
        else:
            for other in values[1:]:
                read = [b if a is None else a for a, b in zip(read, other, strict=True)]
        target = table[column].unit
        if item.unit is not None and target is not None and item.unit is not target:
            read = _converted(read, item.unit.to(target), path, result)
        result.columns[column] = read
    return result


def read_rows(items: Iterable[Mapping[str, Any]], wanted: Mapping[str, Field], table: Table) -> Rows:
    """Read decoded rows into the columns and units of a table, as pages are read.

    A row with a value that cannot be translated is in ``rejected``, the others are in ``columns``; sport words in no
    table are counted in ``unknown``.

    Examples
    --------
    >>> from pierre_data.schema import HEALTH, Unit
    >>> wanted = {"height_m": Field("body.cm", Unit.CENTIMETRE)}
    >>> rows = read_rows([{"body": {"cm": 180}}, {"body": {"cm": "tall"}}], wanted, HEALTH)
    >>> rows.columns, rows.rejected
    ({'height_m': [1.8]}, (('1', 'body.cm', "'tall'"),))
    """
    result = translate(list(items), wanted, table)
    ids = result.columns.get(table.row_id)
    labels = {at: at if ids is None or ids[at] is None else ids[at] for at in sorted(result.refused)}
    rejected = tuple((str(label), *result.refused[at]) for at, label in labels.items())
    columns = result.columns
    if rejected:
        columns = {c: [v for at, v in enumerate(part) if at not in result.refused] for c, part in columns.items()}
    return Rows(columns, rejected, unknown=result.unknown)


def walk(
    path: str, params: Params, records: str, paging: Paging = _SINGLE
) -> Generator[Request, Page, list[Mapping[str, Any]]]:
    """Ask for all pages of a list as decoded bodies, for plans that join lists: ``rows = yield from walk(...)``.

    `records`: dotted path of the rows in a body, where missing or null is an empty page; empty: the body is the list.

    Each Request is to be answered by ``send`` with a `Page` that holds the body; the rows come in the order of the
    pages, and what is no object is left out.
    Raises PayloadError: there is no list where the rows should be.

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
    items: list[Mapping[str, Any]] = []
    step: Step | None = paging.first()
    while step is not None:
        page = yield Request(step, raw=True) if isinstance(step, str) else Request(path, {**params, **step}, raw=True)
        body = page.body
        rows = [] if page.status == 204 else get_path(body, records) if records else body
        if not isinstance(rows, list) and not (records and rows is None and isinstance(body, Mapping)):
            what = f"{path} was answered without {f'the list {records!r}' if records else 'a list'}."
            fix = "The vendor may have changed its API; look for an update of this provider."
            raise PayloadError(what, fix, path=path)
        items += [row for row in rows or () if isinstance(row, Mapping)]
        cursor = get_path(body, paging.cursor) if paging.cursor else None
        step = paging.after({} if isinstance(step, str) else step, replace(page, rows=len(rows or ()), cursor=cursor))
    return items


def objects(content: Any, path: str = "") -> list[Mapping[str, Any]]:
    """Return the objects of a list in decoded JSON, whatever else is in it; nothing where there is no list.

    `path`: dotted path of the list in it; by default it is the list itself.

    Examples
    --------
    >>> objects({"data": [{"id": 1}, None]}, "data"), objects([{"id": 2}]), objects("no list")
    ([{'id': 1}], [{'id': 2}], [])
    """
    items = get_path(content, path) if path else content
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _values(rows: Sequence[Any], path: str, heads: dict[str, list[Any]]) -> list[Any]:
    """Return what a path leads to in every row; each step is taken for the whole column, and once."""
    if path in heads:
        return heads[path]
    before, _, step = path.rpartition(".")
    if not before:
        try:
            values = list(map(itemgetter(step), rows))  # twice as fast, where every row has it
        except KeyError:
            values = [row.get(step) for row in rows]
    else:
        parents = _values(rows, before, heads)
        kinds = set(map(type, parents)) - {type(None)}
        if kinds <= {dict}:
            values = [None if parent is None else parent.get(step) for parent in parents]
        elif kinds == {list} and step.isdigit():
            at = int(step)
            values = [parent[at] if parent is not None and at < len(parent) else None for parent in parents]
        else:
            values = [get_path(parent, step) for parent in parents]
    heads[path] = values
    return values


def _columnwise(via: Columnwise, values: list[list[Any]], path: str, result: Translated) -> list[Any]:
    try:
        read = list(via.function(*map(tuple, values)))
        if len(read) == len(values[0]):
            return read
    except UNREADABLE:
        pass  # One value cannot be read: row by row, to know which.
    return _each(lambda *group: via.function(*((v,) for v in group))[0], values, path, result)


def _converted(values: Sequence[Any], to: Conversion, path: str, result: Translated) -> list[Any]:
    if set(map(type, values)) <= {int, float, type(None)}:
        try:
            return [None if v is None else v * to.scale + to.offset for v in values]
        except OverflowError:
            pass
    return _each(lambda value: to(number(value)), [values], path, result, skip_null=True)


def _each(
    via: Callable[..., Any], values: Sequence[Sequence[Any]], path: str, result: Translated, *, skip_null: bool = False
) -> list[Any]:
    """Translate row by row, each distinct group of values once; a value that cannot be read refuses its row."""
    groups = list(zip(*values, strict=True))
    # 1, 1.0 and True are equal, and one translation for all three would be wrong.
    if all(len(set(map(type, column)) - {type(None)}) < 2 for column in values):
        try:
            known = {group: None if skip_null and group[0] is None else via(*group) for group in set(groups)}
            return [known[group] for group in groups]
        except UNREADABLE:
            pass  # An object or a list is no key, or a value cannot be read: one by one, to know which.
    read: list[Any] = []
    for at, group in enumerate(groups):
        try:
            read.append(None if skip_null and group[0] is None else via(*group))
        except UNREADABLE:
            result.refuse(at, path, group[0])
            read.append(None)
    return read
