"""Bytes of a page to validated rows: one pydantic-core validator per endpoint, built from its field map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from pydantic_core import CoreSchema, SchemaValidator, ValidationError, core_schema, from_json

from pierre_data.errors import PayloadError, PierreError
from pierre_data.fetch.fast import fast
from pierre_data.schema import Table
from pierre_data.spi import Endpoint, Query
from pierre_data.spi.fields import get_path

#: Wire path -> its values, one per row; missing values are None.
Records = Callable[[Any, Query], Sequence[Mapping[str, Any]]]
Columns = dict[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row the validator refused."""

    row: int
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded page."""

    columns: Columns
    size: int
    sent: int
    cursor: Any
    bad: tuple[BadRow, ...]


@lru_cache(maxsize=256)
def wire(endpoint: Endpoint, table: Table) -> Wire:
    """Return the endpoint's wire, built at first use."""
    return Wire(endpoint, table)


class Wire:
    """Decodes the pages of one endpoint.

    Parameters
    ----------
    endpoint : Endpoint
        Whose pages.
    table : Table
        Which table they fill.
    """

    def __init__(self, endpoint: Endpoint, table: Table) -> None:
        self.endpoint = endpoint
        self.names: dict[str, tuple[str, ...]] = {}
        self.checked: set[str] = set()
        modes = _modes(endpoint, table)
        for column, item in endpoint.fields.items():
            self.names[column] = item.paths
            if len(item.paths) == 1 and modes[item.paths[0]] != "ANY" and "." not in item.paths[0]:
                self.checked.add(column)
        fields = {
            name: core_schema.typed_dict_field(_value(mode), validation_alias=_alias(name))
            for name, mode in modes.items()
        }
        rows = core_schema.list_schema(core_schema.typed_dict_schema(fields, total=False))
        self._take = itemgetter(*fields)
        self._fields = tuple(fields)
        self._rows = SchemaValidator(rows)
        self._page = SchemaValidator(_envelope(rows, endpoint))
        self._fast = fast(modes, endpoint.records, endpoint.paging.cursor)

    def decode(self, body: bytes, query: Query, provider: str, path: str) -> Decoded:
        """Return the rows of a page; refused rows are set aside.

        Raises
        ------
        PayloadError
            The page is not JSON, or its rows are not where they should be.
        """
        quick = self._fast(body) if self._fast is not None else None
        if quick is not None:
            columns, size, cursor = quick
            return Decoded(columns, size, size, cursor, ())
        if callable(self.endpoint.records):
            return self._validated(
                _found(self.endpoint.records, load(body, provider, path), query, provider, path), None
            )
        if not self.endpoint.records and body.lstrip()[:1] == b"{":
            body = b"[" + body + b"]"
        try:
            page = self._page.validate_json(body)
        except ValidationError:
            return self._slowly(load(body, provider, path), provider, path)
        if page.get("rows") is None:
            return self._slowly(load(body, provider, path), provider, path)
        return self._decoded(page["rows"], len(page["rows"]), page.get("cursor"))

    def _slowly(self, content: Any, provider: str, path: str) -> Decoded:
        where = self.endpoint.records
        rows = get_path(content, where) if isinstance(where, str) and where else content
        if rows is None and isinstance(content, dict) and not any(isinstance(v, list) for v in content.values()):
            rows = []  # an empty answer leaves its list out (Google Health, 2026-11)
        if not isinstance(rows, list):
            raise PayloadError(
                f"{provider} answered {path} without the expected list{f' {where!r}' if where else ''}.",
                "The vendor may have changed its API; look for an update of this provider.",
                provider=provider,
                path=path,
                value=str(content)[:80],
            )
        return self._validated(rows, get_path(content, self.endpoint.paging.cursor or ""))

    def _validated(self, rows: Sequence[Mapping[str, Any]], cursor: Any) -> Decoded:
        rows = list(rows)
        try:
            return self._decoded(self._rows.validate_python(rows), len(rows), cursor)
        except ValidationError as error:
            bad = _bad_rows(error)
        refused = {b.row for b in bad}
        kept = [row for at, row in enumerate(rows) if at not in refused]
        return self._decoded(self._rows.validate_python(kept), len(rows), cursor, bad)

    def _decoded(self, rows: list[dict[str, Any]], sent: int, cursor: Any, bad: tuple[BadRow, ...] = ()) -> Decoded:
        if len(self._fields) == 1:
            values = [tuple(row[self._fields[0]] for row in rows)]
        else:
            values = list(zip(*map(self._take, rows), strict=True)) or [() for _ in self._fields]
        return Decoded(dict(zip(self._fields, values, strict=True)), len(rows), sent, cursor, bad)


def _found(records: Records, content: Any, query: Query, provider: str, path: str) -> list[Mapping[str, Any]]:
    """Ask a provider's function for the rows of a body; whatever it raises on an odd one is the page's fault."""
    try:
        return list(records(content, query))
    except PierreError:
        raise
    except Exception as error:
        raise PayloadError(
            f"The rows of {path} cannot be found in what {provider} answered: {type(error).__name__}: {error}.",
            "The vendor may have changed its API; look for an update of this provider.",
            provider=provider,
            path=path,
            value=str(content)[:80],
        ) from error


def load(body: bytes, provider: str, path: str) -> Any:
    """Decode JSON.

    Raises
    ------
    PayloadError
        It is none.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError:
        raise PayloadError(
            f"{provider} answered {path} with something that is not JSON.",
            "Try again later; if it stays so, the vendor may be down or have changed its API.",
            provider=provider,
            path=path,
            value=body[:80].decode("utf-8", "replace"),
        ) from None


def _steps(path: str) -> list[str | int]:
    return [int(s) if s.isdigit() else s for s in path.split(".")]


def _modes(endpoint: Endpoint, table: Table) -> dict[str, str]:
    """Return each wire path once, and how it is checked: by its column's kind, or not when it is translated."""
    modes: dict[str, str] = {}
    for column, item in endpoint.fields.items():
        kind = table[column].kind.name
        plain = item.via is None and len(item.paths) == 1 and kind in ("NUMBER", "TEXT", "FLAG")
        for name in item.paths:
            mode = kind if plain else "ANY"
            modes[name] = mode if modes.setdefault(name, mode) == mode else "ANY"
    return modes


def _alias(name: str) -> str | list[list[str | int]]:
    return name if "." not in name else [_steps(name)]


def _value(mode: str) -> CoreSchema:
    exact = core_schema.float_schema(strict=True, allow_inf_nan=False)
    inner: CoreSchema
    match mode:
        case "NUMBER":
            # Strict first: it is fast and refuses booleans; numbers as text come second.
            text = core_schema.chain_schema(
                [core_schema.str_schema(strict=True), core_schema.float_schema(allow_inf_nan=False)]
            )
            inner = core_schema.union_schema([exact, text], mode="left_to_right")
        case "TEXT":
            inner = core_schema.str_schema(coerce_numbers_to_str=True)
        case "FLAG":
            inner = core_schema.bool_schema(strict=True)
        case _:
            inner = core_schema.any_schema()
    return core_schema.with_default_schema(core_schema.nullable_schema(inner), default=None)


def _envelope(rows: CoreSchema, endpoint: Endpoint) -> CoreSchema:
    if callable(endpoint.records) or not endpoint.records:
        return core_schema.no_info_after_validator_function(lambda found: {"rows": found}, rows)
    nullable = core_schema.with_default_schema(core_schema.nullable_schema(rows), default=None)
    parts = {"rows": core_schema.typed_dict_field(nullable, validation_alias=[_steps(endpoint.records)])}
    if endpoint.paging.cursor:
        parts["cursor"] = core_schema.typed_dict_field(
            core_schema.with_default_schema(core_schema.any_schema(), default=None),
            validation_alias=[_steps(endpoint.paging.cursor)],
        )
    return core_schema.typed_dict_schema(parts, total=False)


def _bad_rows(error: ValidationError) -> tuple[BadRow, ...]:
    found: dict[int, BadRow] = {}
    for item in error.errors(include_url=False, include_context=False):
        row = int(item["loc"][0])
        steps = [str(s) for s in item["loc"][1:] if not str(s).startswith(("float", "chain", "nullable", "function"))]
        found.setdefault(row, BadRow(row, ".".join(steps) or "row", repr(item["input"])[:80]))
    return tuple(found.values())
