"""Field types of records: each says its kind and, for a quantity, its unit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from pierre_data.schema.units import Unit


class Kind(Enum):
    """What a column holds; the value is its pandas dtype."""

    TEXT = "str"
    NUMBER = "float64"
    COUNT = "int64"
    FLAG = "boolean"
    INSTANT = "datetime64[us, UTC]"
    WALL = "datetime64[us]"


@dataclass(frozen=True, slots=True)
class Measure:
    """The marker inside an annotated field type."""

    kind: Kind
    unit: Unit | None = None


Text = Annotated[str, Measure(Kind.TEXT)]
Flag = Annotated[bool, Measure(Kind.FLAG)]
#: An instant, UTC.
Instant = Annotated[dt.datetime, Measure(Kind.INSTANT)]
#: What the clock on the wall showed; no zone.
WallTime = Annotated[dt.datetime, Measure(Kind.WALL)]
#: A score, ratio or count: no unit.
Number = Annotated[float, Measure(Kind.NUMBER)]
#: A whole number that is never missing.
Count = Annotated[int, Measure(Kind.COUNT)]

Metres = Annotated[float, Measure(Kind.NUMBER, Unit.METRE)]
Centimetres = Annotated[float, Measure(Kind.NUMBER, Unit.CENTIMETRE)]
Seconds = Annotated[float, Measure(Kind.NUMBER, Unit.SECOND)]
Milliseconds = Annotated[float, Measure(Kind.NUMBER, Unit.MILLISECOND)]
Speed = Annotated[float, Measure(Kind.NUMBER, Unit.METRE_PER_SECOND)]
Beats = Annotated[float, Measure(Kind.NUMBER, Unit.BEAT_PER_MINUTE)]
Watts = Annotated[float, Measure(Kind.NUMBER, Unit.WATT)]
Kilocalories = Annotated[float, Measure(Kind.NUMBER, Unit.KILOCALORIE)]
Kilojoules = Annotated[float, Measure(Kind.NUMBER, Unit.KILOJOULE)]
CrankCadence = Annotated[float, Measure(Kind.NUMBER, Unit.REVOLUTION_PER_MINUTE)]
StepCadence = Annotated[float, Measure(Kind.NUMBER, Unit.STEP_PER_MINUTE)]
Breaths = Annotated[float, Measure(Kind.NUMBER, Unit.BREATH_PER_MINUTE)]
Celsius = Annotated[float, Measure(Kind.NUMBER, Unit.CELSIUS)]
Percent = Annotated[float, Measure(Kind.NUMBER, Unit.PERCENT)]
Degrees = Annotated[float, Measure(Kind.NUMBER, Unit.DEGREE)]
Kilograms = Annotated[float, Measure(Kind.NUMBER, Unit.KILOGRAM)]
BloodPressure = Annotated[float, Measure(Kind.NUMBER, Unit.MILLIMETRE_OF_MERCURY)]
BloodGlucose = Annotated[float, Measure(Kind.NUMBER, Unit.MILLIGRAM_PER_DECILITRE)]
OxygenUptake = Annotated[float, Measure(Kind.NUMBER, Unit.MILLILITRE_PER_KILOGRAM_MINUTE)]
