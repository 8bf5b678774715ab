"""Field types of records: each says its kind and, for a quantity, its unit and what is plausible."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, NaiveDatetime

from pierre_data.schema.sports import FAMILY, probable_sport
from pierre_data.schema.units import Unit


class Kind(Enum):
    """What a column holds; the value is its pandas dtype, `arrow` its Arrow type, `python_type` what a model holds.

    Examples
    --------
    >>> Kind.INSTANT.value, Kind.INSTANT.arrow
    ('datetime64[us, UTC]', TimestampType(timestamp[us, tz=UTC]))
    """

    _value_: str
    arrow: pa.DataType
    python_type: str

    TEXT = ("str", pa.string(), "str")
    NUMBER = ("float64", pa.float64(), "float")
    COUNT = ("int64", pa.int64(), "int")
    FLAG = ("boolean", pa.bool_(), "bool")
    INSTANT = ("datetime64[us, UTC]", pa.timestamp("us", tz="UTC"), "datetime, UTC")
    WALL = ("datetime64[us]", pa.timestamp("us"), "datetime without a time zone")

    def __new__(cls, dtype: str, arrow: pa.DataType, python_type: str) -> Kind:
        """Let the dtype alone be the value."""
        kind = object.__new__(cls)
        kind._value_, kind.arrow, kind.python_type = dtype, arrow, python_type
        return kind


@dataclass(frozen=True, slots=True)
class Measure:
    """The marker inside an annotated field type: kind, unit, least and greatest plausible value."""

    kind: Kind
    unit: Unit | None = None
    bounds: tuple[float, float] | None = None


def plain_value(value: Any) -> Any:
    """Return a value of pandas or numpy as Python's own; what stands for no value is None."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, np.datetime64):
        return plain_value(pd.Timestamp(value))
    return value.item() if isinstance(value, np.generic) else value


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    return value


def _known_sport(word: str) -> str:
    if word not in FAMILY:
        meant = probable_sport(word.lower())
        raise ValueError(f"{word!r} is not a sport{f'; did you mean {meant!r}?' if meant else ''}")
    return word


_Float = Annotated[float, BeforeValidator(_no_flag)]

Text = Annotated[str, Measure(Kind.TEXT)]
#: A word of the closed vocabulary.
Sport = Annotated[str, AfterValidator(_known_sport), Measure(Kind.TEXT)]
Flag = Annotated[bool, Measure(Kind.FLAG)]
#: An instant, UTC.
Instant = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(dt.UTC)), Measure(Kind.INSTANT)]
#: What the clock on the wall showed; no zone.
WallTime = Annotated[NaiveDatetime, Measure(Kind.WALL)]
#: A score, ratio or count: no unit.
Number = Annotated[_Float, Measure(Kind.NUMBER)]
#: A whole number that is never missing.
Count = Annotated[int, BeforeValidator(_no_flag), Measure(Kind.COUNT)]

Metres = Annotated[_Float, Measure(Kind.NUMBER, Unit.METRE)]
Centimetres = Annotated[_Float, Measure(Kind.NUMBER, Unit.CENTIMETRE, (0.5, 40))]
Seconds = Annotated[_Float, Measure(Kind.NUMBER, Unit.SECOND, (-12 * 3600, 400 * 366 * 86400))]
Milliseconds = Annotated[_Float, Measure(Kind.NUMBER, Unit.MILLISECOND)]
Speed = Annotated[_Float, Measure(Kind.NUMBER, Unit.METRE_PER_SECOND)]
Beats = Annotated[_Float, Measure(Kind.NUMBER, Unit.BEAT_PER_MINUTE, (5, 280))]
Watts = Annotated[_Float, Measure(Kind.NUMBER, Unit.WATT)]
Kilocalories = Annotated[_Float, Measure(Kind.NUMBER, Unit.KILOCALORIE)]
Kilojoules = Annotated[_Float, Measure(Kind.NUMBER, Unit.KILOJOULE)]
CrankCadence = Annotated[_Float, Measure(Kind.NUMBER, Unit.REVOLUTION_PER_MINUTE)]
StepCadence = Annotated[_Float, Measure(Kind.NUMBER, Unit.STEP_PER_MINUTE)]
Breaths = Annotated[_Float, Measure(Kind.NUMBER, Unit.BREATH_PER_MINUTE, (2, 120))]
Celsius = Annotated[_Float, Measure(Kind.NUMBER, Unit.CELSIUS)]
Percent = Annotated[_Float, Measure(Kind.NUMBER, Unit.PERCENT)]
Degrees = Annotated[_Float, Measure(Kind.NUMBER, Unit.DEGREE, (-180, 180))]
Kilograms = Annotated[_Float, Measure(Kind.NUMBER, Unit.KILOGRAM)]
BloodPressure = Annotated[_Float, Measure(Kind.NUMBER, Unit.MILLIMETRE_OF_MERCURY)]
BloodGlucose = Annotated[_Float, Measure(Kind.NUMBER, Unit.MILLIGRAM_PER_DECILITRE)]
OxygenUptake = Annotated[_Float, Measure(Kind.NUMBER, Unit.MILLILITRE_PER_KILOGRAM_MINUTE)]
