"""The provider protocol, its configuration, credentials and factory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pierre_data import schema
from pierre_data.errors import UnsupportedFeature
from pierre_data.secret import Secret
from pierre_data.spi.query import Query

#: Tables of a row or few, and lists of which a day is asked; the cheapest first.
_SMALL = (schema.ATHLETE, schema.GEAR, schema.STATS, schema.PERSONAL_RECORDS)
_LISTS = (schema.ACTIVITIES, schema.SLEEP, schema.RECOVERY, schema.HEALTH, schema.SLEEP_STAGES)

if TYPE_CHECKING:
    import pandas as pd

    from pierre_data.spi.descriptor import ProviderDescriptor


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """A provider's settings, from its descriptor, the environment and the caller.

    `api_base_url`, `auth_url`, `token_url`, `revoke_url`, `redirect_uri`: addresses; empty when there is none. `keys`:
    header -> API key.
    """

    name: str
    api_base_url: str = ""
    auth_url: str = ""
    token_url: str = ""
    revoke_url: str = ""
    redirect_uri: str = ""
    client_id: str = ""
    client_secret: Secret | None = None
    access_token: Secret | None = None
    scopes: tuple[str, ...] = ()
    keys: Mapping[str, Secret] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs requests.

    `access_token`: the bearer token; a plain text becomes a `Secret`. `expires_at`: by our own clock, aware UTC.
    `account`: the vendor's id or name of the account, when it says so.

    Examples
    --------
    >>> Credentials("a token").access_token
    Secret(***)
    """

    access_token: Secret
    refresh_token: Secret | None = None
    expires_at: dt.datetime | None = None
    scopes: tuple[str, ...] = ()
    account: str = ""

    # Spelt out so that a checker knows that a plain text will do.
    def __init__(
        self,
        access_token: Secret | str,
        refresh_token: Secret | str | None = None,
        expires_at: dt.datetime | None = None,
        scopes: tuple[str, ...] = (),
        account: str = "",
    ) -> None:
        given = {"access_token": access_token, "refresh_token": refresh_token}
        secrets = {name: Secret(text) if isinstance(text, str) else text for name, text in given.items()}
        for name, value in (secrets | {"expires_at": expires_at, "scopes": scopes, "account": account}).items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How a provider has been doing.

    `last_check`: aware, UTC. `average_latency_ms`: mean over the checks of this process. `detail`: the error's text
    when it is not healthy.
    """

    provider: str
    is_healthy: bool
    last_check: dt.datetime
    consecutive_failures: int = 0
    average_latency_ms: float = float("nan")
    detail: str = ""


class FitnessProvider:
    """One account at one vendor, written as a Python class.

    One table method, or `frame`, is enough: the registry reads off the class what it offers, and what a provider lacks
    raises `UnsupportedFeature`.  A method returns a frame of its table: missing columns are filled, rows may stand in
    any order, and rows outside the window are cut.  A class need not derive from this one: `name`, `config` and one
    of these methods do.

    Examples
    --------
    >>> import datetime as dt
    >>> import pandas as pd
    >>> import pierre_data as pierre
    >>> class Diary(pierre.FitnessProvider):
    ...     def activities(self, after: dt.datetime | None = None, before: dt.datetime | None = None) -> pd.DataFrame:
    ...         start = pd.Timestamp("2026-01-05T07:00Z")
    ...         return pd.DataFrame({"id": ["1"], "sport": ["run"], "start_time": [start], "elapsed_s": [1800.0]})
    >>> registry = pierre.ProviderRegistry()
    >>> registry.register_factory("diary", Diary)
    >>> pierre.Client("diary", registry=registry, cache="memory").activities().sources.tolist()
    ['diary:1']
    """

    #: Whether asking again costs nothing, so that its answers are not kept.
    is_local: bool = False

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        """Registry name."""
        return self._config.name

    @property
    def config(self) -> ProviderConfig:
        """Settings it runs with."""
        return self._config

    def frame(self, query: Query) -> pd.DataFrame:
        """Return the rows a query asks for.

        Raises UnsupportedFeature: the provider does not offer that table.
        Raises PierreError: anything that went wrong at the vendor.
        """
        raise UnsupportedFeature(
            f"{self.name} does not offer {query.table.name}.", "Ask another provider.", provider=self.name
        )

    def set_credentials(self, credentials: Credentials) -> None:
        """Use these credentials from now on."""
        raise UnsupportedFeature(f"{self.name} takes no credentials.", "Drop them.", provider=self.name)

    def is_authenticated(self) -> bool:
        """Return whether requests can be signed (always true where none is needed)."""
        return True

    def disconnect(self) -> None:
        """Forget the credentials."""

    def close(self) -> None:
        """Let go of connections and files; the next question opens new ones."""

    def health_check(self) -> None:
        """Ask for the cheapest table it offers, and raise what goes wrong."""
        now = dt.datetime.now(dt.UTC)
        day = now - dt.timedelta(days=1), now
        for query in (*(Query(t) for t in _SMALL), *(Query(t, *day) for t in _LISTS)):
            try:
                self.frame(query)
            except UnsupportedFeature:
                continue
            return

    def activities(self, after: dt.datetime | None = None, before: dt.datetime | None = None) -> pd.DataFrame:
        """Return activities that start in ``[after, before)``."""
        return self.frame(Query(schema.ACTIVITIES, after, before))

    def activity(self, id: str) -> pd.DataFrame:
        """Return one activity, one row."""
        return self.frame(Query(schema.ACTIVITIES, id=id))

    def athlete(self) -> pd.DataFrame:
        """Return the account's athlete, one row."""
        return self.frame(Query(schema.ATHLETE))

    def stats(self) -> pd.DataFrame:
        """Return the vendor's totals."""
        return self.frame(Query(schema.STATS))

    def personal_records(self) -> pd.DataFrame:
        """Return best efforts."""
        return self.frame(Query(schema.PERSONAL_RECORDS))

    def sleep_sessions(self, after: dt.datetime | None = None, before: dt.datetime | None = None) -> pd.DataFrame:
        """Return nights and naps that start in ``[after, before)``."""
        return self.frame(Query(schema.SLEEP, after, before))

    def sleep_stages(self, after: dt.datetime | None = None, before: dt.datetime | None = None) -> pd.DataFrame:
        """Return stages of sleep that start in ``[after, before)``."""
        return self.frame(Query(schema.SLEEP_STAGES, after, before))

    def recovery_metrics(self, after: dt.datetime | None = None, before: dt.datetime | None = None) -> pd.DataFrame:
        """Return recovery of the days in ``[after, before)``."""
        return self.frame(Query(schema.RECOVERY, after, before))

    def health_metrics(self, after: dt.datetime | None = None, before: dt.datetime | None = None) -> pd.DataFrame:
        """Return body measurements taken in ``[after, before)``."""
        return self.frame(Query(schema.HEALTH, after, before))

    def gear(self) -> pd.DataFrame:
        """Return bikes, shoes and devices."""
        return self.frame(Query(schema.GEAR))

    def streams(self, id: str) -> pd.DataFrame:
        """Return the samples of one activity."""
        return self.frame(Query(schema.STREAMS, id=id))

    def laps(self, id: str) -> pd.DataFrame:
        """Return the laps of one activity."""
        return self.frame(Query(schema.LAPS, id=id))

    def zones(self, id: str) -> pd.DataFrame:
        """Return the time in zones of one activity."""
        return self.frame(Query(schema.ZONES, id=id))

    def segment_efforts(self, id: str) -> pd.DataFrame:
        """Return the segment efforts of one activity."""
        return self.frame(Query(schema.SEGMENT_EFFORTS, id=id))


class ProviderFactory(Protocol):
    """Makes a provider from its settings: any callable that takes a `ProviderConfig`, a class for one.

    What it makes is a `FitnessProvider`, or anything with a name, a config and one of its table methods.  One that
    serves certain names only lists them in an attribute ``supported_providers``.
    """

    def __call__(self, config: ProviderConfig, /) -> object:
        """Make the provider."""


@dataclass(frozen=True, slots=True)
class ProviderPlugin:
    """What an entry point may hold when a descriptor alone is not enough: the descriptor and a factory.

    Examples
    --------
    >>> from pierre_data.spi import ProviderDescriptor
    >>> ProviderPlugin(ProviderDescriptor(name="diary", display_name="Diary"), FitnessProvider).descriptor.name
    'diary'
    """

    descriptor: ProviderDescriptor
    factory: ProviderFactory
