"""The pytest plug-in: one fixture, which imports nothing until a test asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pierre_data.spi import ProviderDescriptor
    from pierre_data.testing import CheckReport


@pytest.fixture
def pierre_check(request: pytest.FixtureRequest) -> Callable[..., CheckReport]:
    """Return `pierre_data.testing.check`, whose payloads are the folder ``payloads`` beside the test file.

    Examples
    --------
    A provider's whole test::

        def test_conforms(pierre_check):
            pierre_check(descriptor)
    """

    def run(descriptor: ProviderDescriptor, payloads: Any = None, **more: Any) -> CheckReport:
        from pierre_data.testing import check

        beside = request.path.parent / "payloads"
        return check(descriptor, payloads or (beside if beside.is_dir() else None), **more)

    return run
