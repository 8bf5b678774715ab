"""Synthetic providers: reproducible, realistic, offline; their rows always say synthetic in `provider`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from pierre_data.errors import QueryError
from pierre_data.schema import ACTIVITIES, ATHLETE, HEALTH, RECOVERY, SLEEP, Table
from pierre_data.spi import Endpoint, Option, Plan, ProviderDescriptor, Query, Rows
from pierre_data.synthetic import SCENARIOS, World

OPTIONS = {
    "seed": Option(int, 1, "The same seed gives the same rows."),
    "scenario": Option(str, "improving-runner", f"Kind of athlete: {', '.join(SCENARIOS)}."),
    "start": Option(str, "2016-01-01", "First local day of the world."),
    "end": Option(str, "2026-07-01", "The day after its last."),
}


@lru_cache(maxsize=8)
def world(seed: int, scenario: str, start: str, end: str) -> World:
    """Return a world, made once per process."""
    return World(seed, scenario, start, end)


def _of(query: Query) -> World:
    return world(*(query.options.get(name, option.default) for name, option in OPTIONS.items()))


def _instant(time: dt.datetime | None) -> np.datetime64 | None:
    return None if time is None else np.datetime64(time.astimezone(dt.UTC).replace(tzinfo=None), "us")


def _window(method: str, *view: str) -> Callable[[Query], Plan]:
    def plan(query: Query) -> Plan:
        rows: Mapping[str, Any] = getattr(_of(query), method)(*view, _instant(query.after), _instant(query.before))
        yield Rows(rows)

    return plan


def _one(view: str) -> Callable[[Query], Plan]:
    def plan(query: Query) -> Plan:
        rows = _of(query).activities(view)  # type: ignore[arg-type]
        if query.id not in rows["id"]:
            raise QueryError(f"There is no synthetic activity {query.id!r}.", "Use an id of the frame.")
        at = rows["id"].index(query.id)
        yield Rows({name: values[at : at + 1] for name, values in rows.items()})

    return plan


def _athlete(query: Query) -> Plan:
    yield Rows(_of(query).athlete())


def _endpoint(table: Table, plan: Callable[[Query], Plan]) -> Endpoint:
    made = {
        ACTIVITIES: lambda: World(end="2016-02-01").activities(),
        SLEEP: lambda: World(end="2016-02-01").sleep(),
        RECOVERY: lambda: World(end="2016-02-01").recovery(),
        HEALTH: lambda: World(end="2016-02-01").health(),
        ATHLETE: lambda: World(end="2016-02-01").athlete(),
    }[table]()
    return Endpoint(columns=tuple(made), plan_with=plan)


def _descriptor(name: str, display_name: str, view: str) -> ProviderDescriptor:
    endpoints = {ACTIVITIES: _endpoint(ACTIVITIES, _window("activities", view))}
    if view != "phone":
        endpoints |= {
            ATHLETE: _endpoint(ATHLETE, _athlete),
            SLEEP: _endpoint(SLEEP, _window("sleep")),
            RECOVERY: _endpoint(RECOVERY, _window("recovery")),
            HEALTH: _endpoint(HEALTH, _window("health")),
        }
    return ProviderDescriptor(
        name=name,
        display_name=display_name,
        endpoints=endpoints,
        details={ACTIVITIES: _endpoint(ACTIVITIES, _one(view))},
        options=OPTIONS,
        access="No key, no network; for tutorials, tests and papers.",
        synthetic=True,
    )


descriptor = _descriptor("synthetic", "Synthetic", "truth")
watch = _descriptor("synthetic-watch", "Synthetic watch", "watch")
phone = _descriptor("synthetic-phone", "Synthetic phone", "phone")
