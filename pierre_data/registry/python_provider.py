"""Providers that are written as Python classes: what they offer, and a wrapper that answers like any other."""

from __future__ import annotations

import hashlib
import inspect
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from pierre_data import schema
from pierre_data.errors import PierreError, ProviderBroken, SchemaError, UnsupportedFeature
from pierre_data.fetch import Batch, FetchContext, ProviderReport, cut, parse_rows
from pierre_data.schema import FAMILY, Table
from pierre_data.schema.types import plain_value
from pierre_data.spi import (
    Credentials,
    Endpoint,
    FitnessProvider,
    ProviderConfig,
    ProviderDescriptor,
    ProviderFactory,
    Query,
    Rows,
)

#: Table -> the method that returns its rows: of a window, of the account, of one object.
_WINDOWED: Mapping[Table, str] = {
    schema.ACTIVITIES: "activities",
    schema.SLEEP: "sleep_sessions",
    schema.SLEEP_STAGES: "sleep_stages",
    schema.RECOVERY: "recovery_metrics",
    schema.HEALTH: "health_metrics",
}
_WHOLE: Mapping[Table, str] = {
    schema.ATHLETE: "athlete",
    schema.STATS: "stats",
    schema.PERSONAL_RECORDS: "personal_records",
    schema.GEAR: "gear",
}
_SINGLE: Mapping[Table, str] = {
    schema.ACTIVITIES: "activity",
    schema.STREAMS: "streams",
    schema.LAPS: "laps",
    schema.ZONES: "zones",
    schema.SEGMENT_EFFORTS: "segment_efforts",
}


def described(bare: ProviderDescriptor, factory: ProviderFactory, config: ProviderConfig) -> ProviderDescriptor:
    """Return what a factory's provider offers, read off its methods; only a plain function is called for it."""
    cls = factory if isinstance(factory, type) else type(factory(config))
    every = _writes(cls, "frame")

    def endpoints(methods: Mapping[Table, str]) -> dict[Table, Endpoint]:
        # All rows come at once, so that nothing is gained by asking year by year.
        has = [t for t, method in methods.items() if every or _writes(cls, method)]
        return {t: Endpoint(columns=tuple(t.columns), newest_first=True) for t in has}

    return replace(bare, endpoints=endpoints({**_WINDOWED, **_WHOLE}), details=endpoints(_SINGLE))


class PythonProvider(FitnessProvider):
    """Asks an object of somebody else's class; whatever it raises becomes an error of its own provider.

    Attributes it has beyond a provider's (``provider.whatever``) are reached through the wrapper.
    """

    def __init__(self, inner: Any, descriptor: ProviderDescriptor) -> None:
        self.inner, self.descriptor = inner, descriptor
        name = descriptor.name
        methods = [*_WINDOWED.values(), *_WHOLE.values(), *_SINGLE.values()]
        lacks = [f"{n!r}" for n in ("name", "config") if getattr(inner, n, None) is None]
        if not any(_writes(type(inner), method) for method in ("frame", *methods)):
            lacks.append(f"a method such as {methods[0]!r} or 'frame'")
        if lacks:
            raise ProviderBroken(
                f"{name}'s factory made a {type(inner).__name__}, which is no provider: it lacks {', '.join(lacks)}.",
                "Derive its class from pierre_data.FitnessProvider, or add what is missing.",
                provider=name,
            )
        super().__init__(replace(inner.config, name=name))
        self.revision = str(getattr(inner, "revision", "") or _code_digest(type(inner)))

    def __repr__(self) -> str:
        return f"<provider {self.name!r}: {type(self.inner).__name__}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def frame(self, query: Query) -> pd.DataFrame:
        """Return the rows a query asks for, as a conformed frame."""
        batches = self.batches(query, FetchContext(ProviderReport(self.name, query.table.name)))
        return query.table.from_arrow(batch.table for batch in batches)

    def batches(self, query: Query, context: FetchContext) -> Iterator[Batch]:
        """Yield the rows of a query, all at once; errors of its own kind become `ProviderBroken`."""
        context.check()
        query = replace(query, options={**self.config.options, **query.options})
        frame = self._call(self._rows, query)
        if not isinstance(frame, pd.DataFrame):
            raise self._broken(f"returned a {type(frame).__name__} where a DataFrame belongs")
        try:
            parsed = parse_rows(_rows(frame, query), query.table, self.name)
        except PierreError as error:
            raise self._broken(f"returned {query.table.name} that do not fit: {error.what.rstrip('.')}") from error
        rows = cut(parsed.table, query.table, query.after, query.before)
        context.arrived(rows.num_rows, parsed.rejected, parsed.unknown, parsed.notes)
        yield Batch(rows, parsed.page)

    def set_credentials(self, credentials: Credentials) -> None:
        """Hand credentials to the object, if it takes any."""
        take = getattr(self.inner, "set_credentials", None) or super().set_credentials
        self._call(take, credentials)

    def is_authenticated(self) -> bool:
        """Return what the object says; one that does not say needs nothing."""
        return bool(self._optional("is_authenticated", True))

    def disconnect(self) -> None:
        """Tell the object to forget its credentials."""
        self._optional("disconnect")

    def close(self) -> None:
        """Tell the object to let go of connections and files."""
        self._optional("close")

    def health_check(self) -> None:
        """Make the check the object has, or ask for the cheapest table it offers."""
        if _writes(type(self.inner), "health_check"):
            self._optional("health_check")
        else:
            super().health_check()

    def _rows(self, query: Query) -> object:
        single = query.id is not None
        method = (_SINGLE if single else {**_WINDOWED, **_WHOLE}).get(query.table, "")
        if _writes(type(self.inner), method):
            return getattr(self.inner, method)(
                *((query.id,) if single else (query.after, query.before) if query.table in _WINDOWED else ())
            )
        if _writes(type(self.inner), "frame"):
            return self.inner.frame(query)
        raise UnsupportedFeature(
            f"{self.name} does not offer {query.table.name}.", "Ask another provider.", provider=self.name
        )

    def _optional(self, method: str, default: object = None) -> object:
        call = getattr(self.inner, method, None)
        return default if call is None else self._call(call)

    def _call(self, call: Any, *given: Any) -> Any:
        try:
            return call(*given)
        except PierreError:
            raise
        except (Exception, SystemExit, GeneratorExit) as error:  # what somebody else's code raises is its own error
            raise self._broken(f"raised {type(error).__name__}: {error}") from error

    def _broken(self, what: str) -> ProviderBroken:
        return ProviderBroken(
            f"Provider {self.name!r} {what}.", "Mend that provider, or look for an update.", provider=self.name
        )


def from_factory(factory: ProviderFactory, descriptor: ProviderDescriptor, config: ProviderConfig) -> FitnessProvider:
    """Make a provider with a factory of somebody else's; refused when it lacks what a provider has."""
    try:
        inner = factory(config)
    except PierreError:
        raise
    except Exception as error:  # code of somebody else's
        raise ProviderBroken(
            f"Provider {descriptor.name!r} cannot be made: {type(error).__name__}: {error}.",
            "Mend that provider, or look for an update.",
            provider=descriptor.name,
        ) from error
    if isinstance(inner, FitnessProvider) and hasattr(inner, "batches"):
        return inner
    return PythonProvider(inner, descriptor)


def _rows(frame: pd.DataFrame, query: Query) -> Rows:
    """Return a frame's rows of the table; an index that has a name is a column, and so is the id asked for."""
    rows = frame.reset_index(level=[name for name in frame.index.names if name is not None])
    columns: dict[str, Any] = {
        name: [plain_value(value) for value in rows[name].tolist()]
        for name in query.table.columns
        if name in rows.columns and name != "provider"
    }
    if query.id is not None:
        columns.setdefault("id", [query.id] * len(rows))
    lacking = [name for name in query.table.required if name != "provider" and name not in columns]
    if len(rows) and lacking:
        raise SchemaError(f"{query.table.name} needs the column {lacking[0]!r}.", "Add it to the frame.")
    words = columns.get("sport", [])
    unknown = Counter(str(word) for word in words if word is not None and word not in FAMILY)
    if unknown:
        columns.setdefault("sport_raw", words)
        columns["sport"] = [word if word is None or word in FAMILY else "other" for word in words]
    return Rows(columns, unknown=unknown)


def _code_digest(cls: type) -> str:
    """Return what differs when a class is written otherwise: rows of its earlier code are not served."""
    try:
        code = inspect.getsource(cls)
    except (OSError, TypeError):  # typed into a plain interpreter
        code = repr(
            [(n, f.__code__.co_code, f.__code__.co_consts) for n, f in inspect.getmembers(cls, inspect.isfunction)]
        )
    return hashlib.blake2b(f"{cls.__module__}.{cls.__qualname__} {code}".encode(), digest_size=8).hexdigest()


def _writes(cls: type, method: str) -> bool:
    """Whether a class has a method of its own, not the base class's."""
    own = getattr(cls, method, None) if method else None
    return own is not None and own is not getattr(FitnessProvider, method, None)
