"""Fetching over real HTTP with 50 ms per page: pages in flight, and six providers at once."""

from __future__ import annotations

import dataclasses
import statistics
import time

import pierre_data as pierre
from pierre_data.schema import ACTIVITIES
from pierre_data.settings import Settings
from pierre_data.spi import Token
from tests.benchmarks.strava_pages import apart

PAGES, LATENCY_S, ROUNDS = 50, 0.05, 3


def run() -> list[tuple[str, float, str]]:
    """Return medians of three cold fetches each, parsing included."""
    rows: list[tuple[str, float, str]] = []
    with apart(PAGES * 200, LATENCY_S) as url:
        for in_flight in (1, 4, 8):
            seconds = statistics.median(_cold(url, in_flight) for _ in range(ROUNDS))
            floor = PAGES * LATENCY_S / in_flight
            rows.append((f"{PAGES} pages at 50 ms, {in_flight} in flight", seconds, "s"))
            rows.append(
                (f"{PAGES} pages, {in_flight} in flight: times the floor (4: at most 1.7)", seconds / floor, "x")
            )
        for in_flight in (1, 4, 8):
            seconds = statistics.median(_cursor(url, in_flight) for _ in range(ROUNDS))
            rows.append((f"{PAGES} pages behind a cursor, in {in_flight} window(s) at once", seconds, "s"))
    with apart(2000, LATENCY_S) as url:
        one = statistics.median(_several(url, 1) for _ in range(ROUNDS))
        six = statistics.median(_several(url, 6) for _ in range(ROUNDS))
    rows.append(("10 pages of one provider", one, "s"))
    rows.append(("10 pages of six providers at once (at most 1.6 times the slowest)", six / one, "x"))
    return rows


def _settings(url: str, names: list[str]) -> Settings:
    environ = {"PIERRE_PROGRESS": "0"}
    for name in names:
        stem = f"PIERRE_{name.upper().replace('-', '_')}"
        environ |= {f"{stem}_API_BASE_URL": url, f"{stem}_ACCESS_TOKEN": "bench"}
    return Settings.read(environ)


def _cold(url: str, in_flight: int) -> float:
    registry = pierre.ProviderRegistry(_settings(url, ["one"]))
    registry.register(dataclasses.replace(registry["strava"], name="one", in_flight=in_flight))
    began = time.perf_counter()
    frame = pierre.Client(["one"], registry=registry, cache="memory").activities(dedupe=False)
    assert len(frame) == PAGES * 200
    return time.perf_counter() - began


def _cursor(url: str, in_flight: int) -> float:
    registry = pierre.ProviderRegistry(_settings(url, ["one"]))
    strava = registry["strava"]
    paging = Token("next", "token", 200, "per_page")
    endpoint = dataclasses.replace(strava.endpoints[ACTIVITIES], path="/cursor", paging=paging, records="records")
    registry.register(
        dataclasses.replace(strava, name="one", in_flight=in_flight, endpoints={ACTIVITIES: endpoint}, details={})
    )
    began = time.perf_counter()
    frame = pierre.Client(["one"], registry=registry, cache="memory").activities("2010-01-01", dedupe=False)
    assert len(frame) == PAGES * 200
    return time.perf_counter() - began


def _several(url: str, count: int) -> float:
    names = [f"vendor-{n}" for n in range(count)]
    registry = pierre.ProviderRegistry(_settings(url, names))
    for name in names:
        registry.register(dataclasses.replace(registry["strava"], name=name, in_flight=1))
    began = time.perf_counter()
    frame = pierre.Client(names, registry=registry, cache="memory").activities(dedupe=False)
    assert len(frame) == count * 2000
    return time.perf_counter() - began
