"""Synthetic providers: reproducible, realistic, offline; their rows always say synthetic in `provider`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from pierre_data import schema
from pierre_data.errors import NotFound
from pierre_data.spi import Endpoint, Option, Plan, ProviderDescriptor, Query, Rows
from pierre_data.synthetic import SCENARIOS, View, World

OPTIONS = {
    "seed": Option(int, 1, "The same seed gives the same rows."),
    "scenario": Option(str, "improving-runner", f"Kind of athlete: {', '.join(SCENARIOS)}."),
    "start": Option(str, "2016-01-01", "First day of the world."),
    "end": Option(str, "2026-07-01", "The day after its last."),
}
#: What worlds of this version have: their columns are the endpoints'.
_SAMPLE = World(start="2016-02-01", end="2016-03-01")

Columns = dict[str, Any]
_world = lru_cache(maxsize=8)(World)


def _of(query: Query) -> World:
    return _world(*(query.options.get(name, option.default) for name, option in OPTIONS.items()))


def _instant(time: dt.datetime | None) -> np.datetime64 | None:
    return None if time is None else np.datetime64(time.astimezone(dt.UTC).replace(tzinfo=None), "us")


def _endpoint(ask: Callable[[World, Query], Columns], sample: Query) -> Endpoint:
    """Return an endpoint whose columns are those of the answer to a sample question."""

    def plan(query: Query) -> Plan:
        yield Rows(ask(_of(query), query))

    return Endpoint(columns=tuple(ask(_SAMPLE, sample)), plan_with=plan)


def _windowed(method: str, *view: View) -> Endpoint:
    def ask(world: World, query: Query) -> Columns:
        rows: Columns = getattr(world, method)(*view, _instant(query.after), _instant(query.before))
        return rows

    return _endpoint(ask, Query(schema.ACTIVITIES))


def _one(world: World, query: Query, view: View) -> Columns:
    rows = world.activities(view)
    at = np.flatnonzero(np.asarray(rows["id"]) == query.id)
    if not len(at):
        raise NotFound(f"There is no synthetic activity {query.id!r}.", "Use an id of the frame.", status=404)
    return {name: values[at[0] : at[0] + 1] for name, values in rows.items()}


def _descriptor(name: str, display_name: str, view: View) -> ProviderDescriptor:
    sample = Query(schema.ACTIVITIES, id=_SAMPLE.activities(view)["id"][0])
    endpoints = {schema.ACTIVITIES: _windowed("activities", view)}
    if view != "phone":
        endpoints |= {
            schema.ATHLETE: _endpoint(lambda world, _: world.athlete(view), sample),
            schema.SLEEP: _windowed("sleep"),
            schema.SLEEP_STAGES: _windowed("sleep_stages"),
            schema.RECOVERY: _windowed("recovery"),
            schema.HEALTH: _windowed("health"),
            schema.GEAR: _endpoint(lambda world, _: world.gear(), sample),
        }
    return ProviderDescriptor(
        name=name,
        display_name=display_name,
        endpoints=endpoints,
        details={
            schema.ACTIVITIES: _endpoint(lambda world, query: _one(world, query, view), sample),
            schema.STREAMS: _endpoint(lambda world, query: world.streams(str(query.id)), sample),
            schema.LAPS: _endpoint(lambda world, query: world.laps(str(query.id)), sample),
        },
        options=OPTIONS,
        access="No key, no network; for tutorials, tests and papers.",
        synthetic=True,
    )


descriptor = _descriptor("synthetic", "Synthetic", "truth")
watch = _descriptor("synthetic-watch", "Synthetic watch", "watch")
phone = _descriptor("synthetic-phone", "Synthetic phone", "phone")
