"""Synthetic providers: reproducible, realistic, offline; their rows always say synthetic in `provider`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from pierre_data import schema
from pierre_data.errors import NotFound
from pierre_data.spi import Endpoint, Option, Plan, ProviderDescriptor, Query, Rows
from pierre_data.synthetic import SCENARIOS, World

View = Literal["truth", "watch", "phone"]

OPTIONS = {
    "seed": Option(int, 1, "The same seed gives the same rows."),
    "scenario": Option(str, "improving-runner", f"Kind of athlete: {', '.join(SCENARIOS)}."),
    "start": Option(str, "2016-01-01", "First day of the world."),
    "end": Option(str, "2026-07-01", "The day after its last."),
}
#: What the worlds of this version make, without the table's own `provider`.
_SAMPLE = World(start="2016-02-01", end="2016-03-01")


@lru_cache(maxsize=8)
def world(seed: int, scenario: str, start: str, end: str) -> World:
    """Return a world, made once per process."""
    return World(seed, scenario, start, end)


def _of(query: Query) -> World:
    return world(*(query.options.get(name, option.default) for name, option in OPTIONS.items()))


def _instant(time: dt.datetime | None) -> np.datetime64 | None:
    return None if time is None else np.datetime64(time.astimezone(dt.UTC).replace(tzinfo=None), "us")


def _made(columns: dict[str, Any], plan: Callable[[Query], dict[str, Any]]) -> Endpoint:
    def rows(query: Query) -> Plan:
        yield Rows(plan(query))

    return Endpoint(columns=tuple(columns), plan_with=rows)


def _windowed(method: str, *view: str) -> Endpoint:
    def plan(query: Query) -> dict[str, Any]:
        made: dict[str, Any] = getattr(_of(query), method)(*view, _instant(query.after), _instant(query.before))
        return made

    return _made(getattr(_SAMPLE, method)(*view), plan)


def _one(view: View) -> Endpoint:
    def plan(query: Query) -> dict[str, Any]:
        rows = _of(query).activities(view)
        at = np.flatnonzero(np.asarray(rows["id"]) == query.id)
        if not len(at):
            raise NotFound(f"There is no synthetic activity {query.id!r}.", "Use an id of the frame.", status=404)
        return {name: values[at[0] : at[0] + 1] for name, values in rows.items()}

    return _made(_SAMPLE.activities(view), plan)


def _part(method: str, view: View) -> Endpoint:
    def plan(query: Query) -> dict[str, Any]:
        made: dict[str, Any] = getattr(_of(query), method)(str(query.id))
        size = len(made["elapsed_s"])
        return {"id": [query.id] * size} | made

    return _made({"id": []} | getattr(_SAMPLE, method)(str(_SAMPLE.activities(view)["id"][0])), plan)


def _descriptor(name: str, display_name: str, view: View) -> ProviderDescriptor:
    endpoints = {schema.ACTIVITIES: _windowed("activities", view)}
    if view != "phone":
        endpoints |= {
            schema.ATHLETE: _made(_SAMPLE.athlete(view), lambda query: _of(query).athlete(view)),
            schema.SLEEP: _windowed("sleep"),
            schema.SLEEP_STAGES: _windowed("sleep_stages"),
            schema.RECOVERY: _windowed("recovery"),
            schema.HEALTH: _windowed("health"),
            schema.GEAR: _made(_SAMPLE.gear(), lambda query: _of(query).gear()),
        }
    return ProviderDescriptor(
        name=name,
        display_name=display_name,
        endpoints=endpoints,
        details={
            schema.ACTIVITIES: _one(view),
            schema.STREAMS: _part("streams", view),
            schema.LAPS: _part("laps", view),
        },
        options=OPTIONS,
        access="No key, no network; for tutorials, tests and papers.",
        synthetic=True,
    )


descriptor = _descriptor("synthetic", "Synthetic", "truth")
watch = _descriptor("synthetic-watch", "Synthetic watch", "watch")
phone = _descriptor("synthetic-phone", "Synthetic phone", "phone")
