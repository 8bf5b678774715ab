"""Rows from bodies that a plan or a webhook holds already, read as an endpoint's fields say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pierre_data.schema import Table
from pierre_data.spi.fields import Columnwise, Field, Sports, number
from pierre_data.spi.query import Rows


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
        A row with a value that cannot be translated is in ``rejected``, the others are in ``columns``.

    Examples
    --------
    >>> from pierre_data.schema import HEALTH, Unit
    >>> wanted = {"height_m": Field("body.cm", Unit.CENTIMETRE)}
    >>> read_rows([{"body": {"cm": 180}}, {"body": {"cm": "tall"}}], wanted, HEALTH)
    Rows(columns={'height_m': [1.8]}, rejected=(('1', 'body.cm', "'tall'"),))
    """
    rows: list[Mapping[str, Any]] = []
    rejected: list[tuple[str, str, str]] = []
    for at, item in enumerate(items):
        row: dict[str, Any] = {}
        for column, field in wanted.items():
            values = [_dig(item, path.split(".")) for path in field.paths]
            try:
                row |= _read(column, field, values, table)
            except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
                rejected.append((str(row.get("id") or at), field.paths[0], repr(values[0])[:80]))
                break
        else:
            rows.append(row)
    columns = dict.fromkeys(wanted) | ({"sport_raw": None, "is_exercise": None} if "sport" in wanted else {})
    return Rows({c: [row.get(c) for row in rows] for c in columns}, tuple(rejected))


def _read(column: str, field: Field, values: Sequence[Any], table: Table) -> dict[str, Any]:
    if isinstance(field.via, Sports):
        raw = next((str(v) for v in values if v is not None and not isinstance(v, bool)), None)
        word = raw if field.via.word is None else field.via.word(*values)
        sport, exercise = field.via.sport(word or "") or ("other", True)
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


def _dig(item: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(item, Mapping):
            item = item.get(step)
        elif isinstance(item, list) and step.isdigit() and int(step) < len(item):
            item = item[int(step)]
        else:
            return None
    return item
