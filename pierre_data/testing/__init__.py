"""For authors of providers: `write_package` begins one, one call of `check` tests it against its payloads."""

# Lazy: pytest imports the plug-in of this room in every run, also in those that never use it.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pierre_data.testing.conformance import check
    from pierre_data.testing.findings import CheckReport, ConformanceError, WireFields
    from pierre_data.testing.matrix import provider_matrix
    from pierre_data.testing.replay import ReplayServer, Seen
    from pierre_data.testing.scaffold import write_package
    from pierre_data.testing.store_checks import check_store

_HOME = {
    "CheckReport": "findings",
    "ConformanceError": "findings",
    "ReplayServer": "replay",
    "Seen": "replay",
    "WireFields": "findings",
    "check": "conformance",
    "check_store": "store_checks",
    "provider_matrix": "matrix",
    "write_package": "scaffold",
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
    "write_package",
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
