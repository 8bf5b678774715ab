"""A column, and the columns that a record declares."""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pierre_data.errors import SchemaError
from pierre_data.schema.types import Kind, Measure
from pierre_data.schema.units import Unit

if TYPE_CHECKING:
    from pierre_data.schema.records import Record


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        Ends in its unit, if it has one.
    kind : Kind
        What it holds; ``kind.value`` is its pandas dtype.
    unit : Unit, optional
        In which its values are kept.
    meaning : str
        One sentence.
    required : bool
        It is never null.
    merge : str
        From which row a merged activity takes it: a policy of `records`, or the column it goes with.
    bounds : (float, float), optional
        Least and greatest plausible value, in `unit`.

    Examples
    --------
    >>> from pierre_data.schema import ACTIVITIES
    >>> ACTIVITIES["moving_s"].merge, ACTIVITIES["average_heart_rate_bpm"].bounds
    ('distance_m', (5, 280))
    """

    name: str
    kind: Kind
    unit: Unit | None
    meaning: str
    required: bool
    merge: str = ""
    bounds: tuple[float, float] | None = None

    @property
    def python_type(self) -> str:
        """What a model's field holds, with its unit: for documentation."""
        unit, optional = f", {self.unit.symbol}" if self.unit else "", "" if self.required else ", optional"
        return f"{self.kind.python_type}{unit}{optional}"


def columns_of_record(record: type[Record]) -> list[Column]:
    """Return the columns a record declares, those of the most derived class first."""
    # pydantic drops the metadata inside `X | None`, so the hints are read here.
    hints = typing.get_type_hints(record, include_extras=True)
    names = [n for cls in record.__mro__ for n in inspect.get_annotations(cls) if n in record.model_fields]
    columns = []
    for name in dict.fromkeys(names):
        field = record.model_fields[name]
        measure = _measure(hints[name])
        if measure is None:
            raise SchemaError(f"{record.__name__}.{name} has no kind.", "Use a type of pierre_data.schema.types.")
        unit = measure.unit
        if unit and not (unit.ending and name.endswith(unit.ending)):
            raise SchemaError(f"{record.__name__}.{name} must end in {unit.ending!r}.", "Rename it or change its unit.")
        extra: Any = field.json_schema_extra or {}
        bounds = tuple(extra["bounds"]) if "bounds" in extra else measure.bounds
        meaning, merge = field.description or "", extra.get("merge", "")
        columns.append(Column(name, measure.kind, unit, meaning, field.is_required(), merge, bounds))
    return columns


def _measure(hint: Any) -> Measure | None:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next((m for arm in typing.get_args(hint) if (m := _measure(arm)) is not None), None)
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Measure)), None)
