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

from pierre_data.errors import *  # noqa: F403  every error is public, and cheap to import

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pierre_data import models as models
    from pierre_data import plots as plots
    from pierre_data import schema as schema
    from pierre_data import spi as spi
    from pierre_data import synthetic as synthetic
    from pierre_data import testing as testing
    from pierre_data import widgets as widgets
    from pierre_data.cache import CachePolicy as CachePolicy
    from pierre_data.cache import CacheTtl as CacheTtl
    from pierre_data.cache import CachingProvider as CachingProvider
    from pierre_data.client import Client as Client
    from pierre_data.client import ConfiguredProvider as ConfiguredProvider
    from pierre_data.client import provider as provider
    from pierre_data.dedupe import deduplicate as deduplicate
    from pierre_data.dedupe import duplicates as duplicates
    from pierre_data.export import read_parquet as read_parquet
    from pierre_data.export import to_parquet as to_parquet
    from pierre_data.registry import ProviderRegistry as ProviderRegistry
    from pierre_data.registry import create_caching_provider as create_caching_provider
    from pierre_data.schema import Table as Table
    from pierre_data.schema import Unit as Unit
    from pierre_data.secret import Secret as Secret
    from pierre_data.spi import Credentials as Credentials
    from pierre_data.spi import DateWindows as DateWindows
    from pierre_data.spi import Endpoint as Endpoint
    from pierre_data.spi import Field as Field
    from pierre_data.spi import FitnessProvider as FitnessProvider
    from pierre_data.spi import NextLink as NextLink
    from pierre_data.spi import OAuthEndpoints as OAuthEndpoints
    from pierre_data.spi import OAuthParams as OAuthParams
    from pierre_data.spi import Offset as Offset
    from pierre_data.spi import Option as Option
    from pierre_data.spi import PageNumber as PageNumber
    from pierre_data.spi import ProviderCapabilities as ProviderCapabilities
    from pierre_data.spi import ProviderConfig as ProviderConfig
    from pierre_data.spi import ProviderDescriptor as ProviderDescriptor
    from pierre_data.spi import ProviderFactory as ProviderFactory
    from pierre_data.spi import ProviderHealth as ProviderHealth
    from pierre_data.spi import ProviderPlugin as ProviderPlugin
    from pierre_data.spi import Query as Query
    from pierre_data.spi import RateLimit as RateLimit
    from pierre_data.spi import Request as Request
    from pierre_data.spi import Response as Response
    from pierre_data.spi import Rows as Rows
    from pierre_data.spi import Single as Single
    from pierre_data.spi import Sports as Sports
    from pierre_data.spi import Terms as Terms
    from pierre_data.spi import Token as Token

_LAZY = {
    "pierre_data.cache": "CachePolicy CacheTtl CachingProvider",
    "pierre_data.client": "Client ConfiguredProvider provider",
    "pierre_data.dedupe": "deduplicate duplicates",
    "pierre_data.export": "read_parquet to_parquet",
    "pierre_data.registry": "ProviderRegistry create_caching_provider",
    "pierre_data.schema": "Table Unit",
    "pierre_data.secret": "Secret",
    "pierre_data.spi": "Credentials DateWindows Endpoint Field FitnessProvider NextLink OAuthEndpoints OAuthParams "
    "Offset Option PageNumber ProviderCapabilities ProviderConfig ProviderDescriptor ProviderFactory ProviderHealth "
    "ProviderPlugin Query RateLimit Request Response Rows Single Sports Terms Token",
}
_HOME = {name: module for module, names in _LAZY.items() for name in names.split()}
_ROOMS = ("models", "plots", "schema", "spi", "synthetic", "testing", "widgets")

__all__ = sorted(
    [*_HOME, *_ROOMS, "__version__", *(name for name, thing in globals().items() if isinstance(thing, type))]
)


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
