"""Units convert within a dimension, back and forth, and never across."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pierre_data import SchemaError, Unit
from pierre_data.schema import TABLES

SAME = [(a, b) for a, b in itertools.product(Unit, Unit) if a.dimension == b.dimension]
OTHER = [(a, b) for a, b in itertools.product(Unit, Unit) if a.dimension != b.dimension]


@given(st.sampled_from(SAME), st.floats(-1e6, 1e6))
def test_there_and_back(pair: tuple[Unit, Unit], value: float) -> None:
    a, b = pair
    assert math.isclose(b.to(a)(a.to(b)(value)), value, rel_tol=1e-9, abs_tol=1e-5)


@given(st.sampled_from(SAME), st.sampled_from(list(Unit)), st.floats(-1e5, 1e5))
def test_any_way_round_is_the_same(pair: tuple[Unit, Unit], via: Unit, value: float) -> None:
    a, b = pair
    if via.dimension == a.dimension:
        assert math.isclose(via.to(b)(a.to(via)(value)), a.to(b)(value), rel_tol=1e-9, abs_tol=1e-5)


@pytest.mark.parametrize(("a", "b"), OTHER[::37])
def test_another_dimension_is_refused(a: Unit, b: Unit) -> None:
    with pytest.raises(SchemaError, match="Cannot convert"):
        a.to(b)


@pytest.mark.parametrize(
    ("value", "a", "b", "expected"),
    [
        (26.2188, Unit.MILE, Unit.METRE, 42195.06),
        (100.0, Unit.CELSIUS, Unit.FAHRENHEIT, 212.0),
        (0.0, Unit.KELVIN, Unit.CELSIUS, -273.15),
        (2**30, Unit.SEMICIRCLE, Unit.DEGREE, 90.0),
        (85.0, Unit.STRIDE_PER_MINUTE, Unit.STEP_PER_MINUTE, 170.0),
        (1.0, Unit.KILOCALORIE, Unit.KILOJOULE, 4.184),
        (36.0, Unit.KILOMETRE_PER_HOUR, Unit.METRE_PER_SECOND, 10.0),
        (0.97, Unit.FRACTION, Unit.PERCENT, 97.0),
    ],
)
def test_known_values(value: float, a: Unit, b: Unit, expected: float) -> None:
    assert a.to(b)(value) == pytest.approx(expected, rel=1e-5)


def test_arrays_convert_too() -> None:
    np.testing.assert_allclose(Unit.KILOMETRE.to(Unit.METRE)(np.array([1.0, np.nan])), [1000.0, np.nan])


def test_every_quantity_ends_in_its_unit() -> None:
    for table in TABLES.values():
        for column in table.columns.values():
            if column.unit is not None:
                assert column.unit.ending, (table.name, column.name)
                assert column.name.endswith(column.unit.ending), (table.name, column.name)
