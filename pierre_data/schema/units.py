"""Units and the affine conversions between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from pierre_data.errors import SchemaError


@dataclass(frozen=True, slots=True)
class Conversion:
    """An affine map: ``to = scale * value + offset``; works on floats and numpy arrays.

    Examples
    --------
    >>> Conversion(2.0, 1.0)(3.0)
    7.0
    """

    scale: float
    offset: float

    def __call__(self, value: Any) -> Any:
        """Convert one number or an array of numbers."""
        if self.offset == 0.0:
            return value if self.scale == 1.0 else value * self.scale
        return value * self.scale + self.offset


class Unit(Enum):
    """A unit of measure: symbol, dimension, and scale and offset to the dimension's first unit.

    Examples
    --------
    >>> Unit.KILOMETRE.to(Unit.METRE)(5.0)
    5000.0
    >>> round(Unit.FAHRENHEIT.to(Unit.CELSIUS)(212.0), 9)
    100.0
    >>> Unit.BEAT_PER_MINUTE.to(Unit.METRE)
    Traceback (most recent call last):
    pierre_data.errors.SchemaError: Cannot convert bpm (heart rate) to m (length). ...
    """

    METRE = ("m", "length", 1.0, 0.0)
    KILOMETRE = ("km", "length", 1000.0, 0.0)
    CENTIMETRE = ("cm", "length", 0.01, 0.0)
    MILLIMETRE = ("mm", "length", 0.001, 0.0)
    MILE = ("mi", "length", 1609.344, 0.0)
    YARD = ("yd", "length", 0.9144, 0.0)
    FOOT = ("ft", "length", 0.3048, 0.0)
    INCH = ("in", "length", 0.0254, 0.0)
    SECOND = ("s", "time", 1.0, 0.0)
    MILLISECOND = ("ms", "time", 0.001, 0.0)
    MINUTE = ("min", "time", 60.0, 0.0)
    HOUR = ("h", "time", 3600.0, 0.0)
    METRE_PER_SECOND = ("m/s", "speed", 1.0, 0.0)
    MILLIMETRE_PER_SECOND = ("mm/s", "speed", 0.001, 0.0)
    KILOMETRE_PER_HOUR = ("km/h", "speed", 1 / 3.6, 0.0)
    MILE_PER_HOUR = ("mi/h", "speed", 0.44704, 0.0)
    BEAT_PER_MINUTE = ("bpm", "heart rate", 1.0, 0.0)
    WATT = ("W", "power", 1.0, 0.0)
    KILOWATT = ("kW", "power", 1000.0, 0.0)
    JOULE = ("J", "energy", 1.0, 0.0)
    KILOJOULE = ("kJ", "energy", 1000.0, 0.0)
    CALORIE = ("cal", "energy", 4.184, 0.0)
    KILOCALORIE = ("kcal", "energy", 4184.0, 0.0)
    REVOLUTION_PER_MINUTE = ("rpm", "crank cadence", 1.0, 0.0)
    STEP_PER_MINUTE = ("steps/min", "step cadence", 1.0, 0.0)
    # One foot: what Strava, FIT and Garmin samples count.
    STRIDE_PER_MINUTE = ("strides/min", "step cadence", 2.0, 0.0)
    BREATH_PER_MINUTE = ("breaths/min", "breathing rate", 1.0, 0.0)
    CELSIUS = ("degC", "temperature", 1.0, 0.0)
    KELVIN = ("K", "temperature", 1.0, -273.15)
    FAHRENHEIT = ("degF", "temperature", 5 / 9, -160 / 9)
    PERCENT = ("%", "share", 1.0, 0.0)
    FRACTION = ("1", "share", 100.0, 0.0)
    DEGREE = ("deg", "angle", 1.0, 0.0)
    SEMICIRCLE = ("semicircle", "angle", 180.0 / 2**31, 0.0)
    KILOGRAM = ("kg", "mass", 1.0, 0.0)
    GRAM = ("g", "mass", 0.001, 0.0)
    POUND = ("lb", "mass", 0.45359237, 0.0)
    STONE = ("st", "mass", 6.35029318, 0.0)
    MILLIMETRE_OF_MERCURY = ("mmHg", "pressure", 1.0, 0.0)
    MILLIGRAM_PER_DECILITRE = ("mg/dL", "glucose", 1.0, 0.0)
    # Molar mass of glucose 180.156 g/mol.
    MILLIMOLE_PER_LITRE = ("mmol/L", "glucose", 18.0156, 0.0)
    MILLILITRE_PER_KILOGRAM_MINUTE = ("mL/kg/min", "oxygen uptake", 1.0, 0.0)

    @property
    def symbol(self) -> str:
        """What people write, such as ``km/h``."""
        return self.value[0]

    @property
    def dimension(self) -> str:
        """What is measured; only units of one dimension convert."""
        return self.value[1]

    def to(self, other: Unit) -> Conversion:
        """Return the conversion to another unit; a SchemaError when the two measure different things."""
        if self.dimension != other.dimension:
            raise SchemaError(
                f"Cannot convert {self.symbol} ({self.dimension}) to {other.symbol} ({other.dimension}).",
                "Map the field to a column of its own dimension.",
            )
        if self is other:
            return Conversion(1.0, 0.0)
        scale, offset = self.value[2], self.value[3]
        return Conversion(scale / other.value[2], (offset - other.value[3]) / other.value[2])

    __repr__ = Enum.__str__


#: The ending that a column name of each unit must have.
SUFFIX: dict[Unit, str] = {
    Unit.METRE: "_m",
    Unit.CENTIMETRE: "_cm",
    Unit.SECOND: "_s",
    Unit.MILLISECOND: "_ms",
    Unit.METRE_PER_SECOND: "_mps",
    Unit.BEAT_PER_MINUTE: "_bpm",
    Unit.WATT: "_w",
    Unit.KILOCALORIE: "_kcal",
    Unit.KILOJOULE: "_kj",
    Unit.REVOLUTION_PER_MINUTE: "_rpm",
    Unit.STEP_PER_MINUTE: "_spm",
    Unit.BREATH_PER_MINUTE: "_brpm",
    Unit.CELSIUS: "_c",
    Unit.PERCENT: "_pct",
    Unit.DEGREE: "_deg",
    Unit.KILOGRAM: "_kg",
    Unit.MILLIMETRE_OF_MERCURY: "_mmhg",
    Unit.MILLIGRAM_PER_DECILITRE: "_mg_dl",
    Unit.MILLILITRE_PER_KILOGRAM_MINUTE: "_ml_kg_min",
}
