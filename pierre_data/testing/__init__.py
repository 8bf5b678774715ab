"""For authors of providers: `write_package` begins one, one call of `check` tests it against its payloads."""

# Lazy: pytest imports the plug-in of this room in every run, also in those that never use it.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pierre_data.testing.conformance import check as check
    from pierre_data.testing.findings import CheckReport as CheckReport
    from pierre_data.testing.findings import ConformanceError as ConformanceError
    from pierre_data.testing.findings import WireFields as WireFields
    from pierre_data.testing.matrix import provider_matrix as provider_matrix
    from pierre_data.testing.replay import ReplayServer as ReplayServer
    from pierre_data.testing.replay import Seen as Seen
    from pierre_data.testing.scaffold import write_package as write_package
    from pierre_data.testing.store_checks import check_store as check_store

_LAZY = {
    "conformance": "check",
    "findings": "CheckReport ConformanceError WireFields",
    "matrix": "provider_matrix",
    "replay": "ReplayServer Seen",
    "scaffold": "write_package",
    "store_checks": "check_store",
}
_HOME = {name: module for module, names in _LAZY.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'pierre_data.testing' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"pierre_data.testing.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
