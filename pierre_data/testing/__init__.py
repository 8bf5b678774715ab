"""The conformance kit for provider authors: one call of `check` tests a provider against its payloads."""

# Lazy: pytest imports the plug-in of this room in every run, also in those that never use it.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pierre_data.testing.answers import Seen
    from pierre_data.testing.conformance import check
    from pierre_data.testing.findings import CheckReport, ConformanceError, WireFields
    from pierre_data.testing.matrix import provider_matrix
    from pierre_data.testing.replay import ReplayServer
    from pierre_data.testing.store_checks import check_store

_HOME = {
    "CheckReport": "findings",
    "ConformanceError": "findings",
    "ReplayServer": "replay",
    "Seen": "answers",
    "WireFields": "findings",
    "check": "conformance",
    "check_store": "store_checks",
    "provider_matrix": "matrix",
}

__all__ = [
    "CheckReport",
    "ConformanceError",
    "ReplayServer",
    "Seen",
    "WireFields",
    "check",
    "check_store",
    "provider_matrix",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'pierre_data.testing' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"pierre_data.testing.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
