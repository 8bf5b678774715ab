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
    """A unit of measure: scale and offset lead to the dimension's first unit; only units of one dimension convert.

    Attributes
    ----------
    symbol : str
        What people write, such as ``km/h``.
    dimension : str
        What is measured.
    ending : str
        That of the name of a column in this unit, such as ``_m``; empty where no column is in it.

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

    METRE = ("m", "length", 1.0, "_m")
    KILOMETRE = ("km", "length", 1000.0)
    CENTIMETRE = ("cm", "length", 0.01, "_cm")
    MILLIMETRE = ("mm", "length", 0.001)
    MILE = ("mi", "length", 1609.344)
    YARD = ("yd", "length", 0.9144)
    FOOT = ("ft", "length", 0.3048)
    INCH = ("in", "length", 0.0254)
    SECOND = ("s", "time", 1.0, "_s")
    MILLISECOND = ("ms", "time", 0.001, "_ms")
    MINUTE = ("min", "time", 60.0)
    HOUR = ("h", "time", 3600.0)
    METRE_PER_SECOND = ("m/s", "speed", 1.0, "_mps")
    MILLIMETRE_PER_SECOND = ("mm/s", "speed", 0.001)
    KILOMETRE_PER_HOUR = ("km/h", "speed", 1 / 3.6)
    MILE_PER_HOUR = ("mi/h", "speed", 0.44704)
    BEAT_PER_MINUTE = ("bpm", "heart rate", 1.0, "_bpm")
    WATT = ("W", "power", 1.0, "_w")
    KILOWATT = ("kW", "power", 1000.0)
    JOULE = ("J", "energy", 1.0)
    KILOJOULE = ("kJ", "energy", 1000.0, "_kj")
    CALORIE = ("cal", "energy", 4.184)
    KILOCALORIE = ("kcal", "energy", 4184.0, "_kcal")
    REVOLUTION_PER_MINUTE = ("rpm", "crank cadence", 1.0, "_rpm")
    STEP_PER_MINUTE = ("steps/min", "step cadence", 1.0, "_spm")
    # One foot: what Strava, FIT and Garmin samples count.
    STRIDE_PER_MINUTE = ("strides/min", "step cadence", 2.0)
    BREATH_PER_MINUTE = ("breaths/min", "breathing rate", 1.0, "_brpm")
    CELSIUS = ("degC", "temperature", 1.0, "_c")
    KELVIN = ("K", "temperature", 1.0, "", -273.15)
    FAHRENHEIT = ("degF", "temperature", 5 / 9, "", -160 / 9)
    PERCENT = ("%", "share", 1.0, "_pct")
    FRACTION = ("1", "share", 100.0)
    DEGREE = ("deg", "angle", 1.0, "_deg")
    SEMICIRCLE = ("semicircle", "angle", 180.0 / 2**31)
    KILOGRAM = ("kg", "mass", 1.0, "_kg")
    GRAM = ("g", "mass", 0.001)
    POUND = ("lb", "mass", 0.45359237)
    STONE = ("st", "mass", 6.35029318)
    MILLIMETRE_OF_MERCURY = ("mmHg", "pressure", 1.0, "_mmhg")
    MILLIGRAM_PER_DECILITRE = ("mg/dL", "glucose", 1.0, "_mg_dl")
    # Molar mass of glucose 180.156 g/mol.
    MILLIMOLE_PER_LITRE = ("mmol/L", "glucose", 18.0156)
    MILLILITRE_PER_KILOGRAM_MINUTE = ("mL/kg/min", "oxygen uptake", 1.0, "_ml_kg_min")

    def __init__(self, symbol: str, dimension: str, scale: float, ending: str = "", offset: float = 0.0) -> None:
        self.symbol, self.dimension, self.ending = symbol, dimension, ending
        self._scale, self._offset = scale, offset

    def to(self, other: Unit) -> Conversion:
        """Return the conversion to another unit; a SchemaError when the two measure different things."""
        if self.dimension != other.dimension:
            raise SchemaError(
                f"Cannot convert {self.symbol} ({self.dimension}) to {other.symbol} ({other.dimension}).",
                "Map the field to a column of its own dimension.",
            )
        if self is other:
            return Conversion(1.0, 0.0)
        return Conversion(self._scale / other._scale, (self._offset - other._offset) / other._scale)

    __repr__ = Enum.__str__
