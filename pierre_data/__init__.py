"""Any set of fitness providers as one deduplicated pandas DataFrame.

Examples
--------
>>> import pierre_data as pierre
>>> client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
>>> runs = client.activities("2026-01-01", "2026-02-01", sport="run")
>>> bool((runs.sport_family == "run").all())
True
"""

# Everything but the errors loads when it is first used: `import pierre_data` has a budget of 5 % of `import pandas`.

from pierre_data.errors import (
    AccessDenied,
    ApiError,
    AuthenticationFailed,
    Cancelled,
    CircuitOpen,
    ConfigurationError,
    NetworkError,
    NoProvidersAvailable,
    NotConnected,
    NotFound,
    PartialResultWarning,
    PayloadError,
    PierreError,
    ProviderBroken,
    ProviderErrors,
    ProviderNotFound,
    ProviderRetired,
    QueryError,
    QuotaExceeded,
    RateLimited,
    SchemaError,
    StorageError,
    StorageNotice,
    SyntheticDataNotice,
    Timeout,
    TokenRefreshFailed,
    UnsupportedFeature,
)

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pierre_data import schema, spi, widgets
    from pierre_data.cache import CachePolicy, CacheTtl, CachingProvider
    from pierre_data.client import Client, ConfiguredProvider, provider
    from pierre_data.dedupe import deduplicate, duplicates
    from pierre_data.export import read_parquet, to_parquet
    from pierre_data.registry import ProviderRegistry
    from pierre_data.schema import Table, Unit
    from pierre_data.spi import (
        Credentials,
        DateWindows,
        Endpoint,
        Field,
        FitnessProvider,
        NextLink,
        OAuthEndpoints,
        OAuthParams,
        Offset,
        Option,
        PageNumber,
        ProviderCapabilities,
        ProviderConfig,
        ProviderDescriptor,
        ProviderFactory,
        ProviderHealth,
        ProviderPlugin,
        Query,
        RateLimit,
        Request,
        Rows,
        Single,
        Sports,
        Terms,
        Token,
    )

_LAZY = {
    "pierre_data.cache": "CachePolicy CacheTtl CachingProvider",
    "pierre_data.client": "Client ConfiguredProvider provider",
    "pierre_data.dedupe": "deduplicate duplicates",
    "pierre_data.export": "read_parquet to_parquet",
    "pierre_data.registry": "ProviderRegistry",
    "pierre_data.schema": "Table Unit",
    "pierre_data.spi": "Credentials DateWindows Endpoint Field FitnessProvider NextLink OAuthEndpoints OAuthParams "
    "Offset Option PageNumber ProviderCapabilities ProviderConfig ProviderDescriptor ProviderFactory ProviderHealth "
    "ProviderPlugin Query RateLimit Request Rows Single Sports Terms Token",
}
_HOME = {name: module for module, names in _LAZY.items() for name in names.split()}
_ROOMS = ("schema", "spi", "widgets")

__all__ = [
    "AccessDenied",
    "ApiError",
    "AuthenticationFailed",
    "CachePolicy",
    "CacheTtl",
    "CachingProvider",
    "Cancelled",
    "CircuitOpen",
    "Client",
    "ConfigurationError",
    "ConfiguredProvider",
    "Credentials",
    "DateWindows",
    "Endpoint",
    "Field",
    "FitnessProvider",
    "NetworkError",
    "NextLink",
    "NoProvidersAvailable",
    "NotConnected",
    "NotFound",
    "OAuthEndpoints",
    "OAuthParams",
    "Offset",
    "Option",
    "PageNumber",
    "PartialResultWarning",
    "PayloadError",
    "PierreError",
    "ProviderBroken",
    "ProviderCapabilities",
    "ProviderConfig",
    "ProviderDescriptor",
    "ProviderErrors",
    "ProviderFactory",
    "ProviderHealth",
    "ProviderNotFound",
    "ProviderPlugin",
    "ProviderRegistry",
    "ProviderRetired",
    "Query",
    "QueryError",
    "QuotaExceeded",
    "RateLimit",
    "RateLimited",
    "Request",
    "Rows",
    "SchemaError",
    "Single",
    "Sports",
    "StorageError",
    "StorageNotice",
    "SyntheticDataNotice",
    "Table",
    "Terms",
    "Timeout",
    "Token",
    "TokenRefreshFailed",
    "Unit",
    "UnsupportedFeature",
    "__version__",
    "deduplicate",
    "duplicates",
    "provider",
    "read_parquet",
    "schema",
    "spi",
    "to_parquet",
    "widgets",
]


def __getattr__(name: str) -> object:
    if name not in _HOME and name not in _ROOMS:
        raise AttributeError(f"module 'pierre_data' has no attribute {name!r}")
    import importlib

    if name in _ROOMS:
        return importlib.import_module(f"pierre_data.{name}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
