"""Strava pages to a frame: ours beside stravalib's models and msgspec structs, in one process, interleaved."""

from __future__ import annotations

import datetime as dt
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from pierre_data.fetch import parse_page
from pierre_data.providers.strava import descriptor
from pierre_data.schema import ACTIVITIES
from pierre_data.spi import Query, Response
from tests.benchmarks.strava_pages import activities, pages

ROWS, ROUNDS = 10_000, 7


def run() -> list[tuple[str, float, str]]:
    """Return medians of seven rounds."""
    bodies = pages(activities(ROWS))
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: _ours(bodies),
        "msgspec structs, page by page": _msgspec(bodies),
        "stravalib models": _stravalib(bodies),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    median = {name: statistics.median(t) for name, t in times.items()}
    rows = [(f"parse {ROWS} Strava rows to a frame, {name}", s * 1000, "ms") for name, s in median.items()]
    ours = median["ours"]
    rows.append(
        ("parse: msgspec limit (ours / msgspec, at most 2)", ours / median["msgspec structs, page by page"], "x")
    )
    rows.append(("parse: faster than stravalib (at least 5)", median["stravalib models"] / ours, "x"))
    return rows


def _ours(bodies: list[bytes]) -> pd.DataFrame:
    query, endpoint = Query(ACTIVITIES), descriptor.endpoints[ACTIVITIES]
    return ACTIVITIES.from_arrow(
        parse_page(Response(200, body=b), endpoint, query, "strava", "/x").table for b in bodies
    )


def _msgspec(bodies: list[bytes]) -> Callable[[], pd.DataFrame]:
    """The same columns from structs: the fastest safe decoder, then lists to numpy to a frame."""
    import msgspec

    numbers = """distance moving_time elapsed_time total_elevation_gain utc_offset average_speed max_speed
    average_cadence average_temp average_watts max_watts weighted_average_watts kilojoules average_heartrate
    max_heartrate elev_high elev_low suffer_score workout_type""".split()
    texts = """name sport_type type external_id gear_id device_name timezone location_city location_state
    location_country""".split()
    flags = "trainer commute manual private".split()
    fields: list[Any] = [("id", int), ("start_date", dt.datetime), ("start_date_local", dt.datetime)]
    fields += [("upload_id", int | None, None)]
    fields += [(n, float | None, None) for n in numbers] + [(n, str | None, None) for n in texts]
    fields += [(n, bool | None, None) for n in flags]
    fields += [("start_latlng", list[float] | None, None), ("end_latlng", list[float] | None, None)]
    decoder = msgspec.json.Decoder(list[msgspec.defstruct("Row", fields)])  # type: ignore[misc]

    def frame() -> pd.DataFrame:
        parts: dict[str, list[Any]] = {}
        for body in bodies:
            rows = decoder.decode(body)
            for n in numbers:
                parts.setdefault(n, []).append(np.array([getattr(r, n) for r in rows], dtype=float))
            for n in (*texts, *flags, "start_date", "start_date_local"):
                parts.setdefault(n, []).extend(getattr(r, n) for r in rows)
            for n in ("id", "upload_id"):
                parts.setdefault(n, []).extend(str(getattr(r, n)) for r in rows)
            for n in ("start_latlng", "end_latlng"):
                pairs = [getattr(r, n) or (None, None) for r in rows]
                parts.setdefault(n, []).append(np.array(pairs, dtype=float))
        made: dict[str, Any] = {n: np.concatenate(parts[n]) for n in numbers}
        made |= {n: pd.array(parts[n], dtype="str") for n in (*texts, "id", "upload_id")}
        made |= {n: pd.array(parts[n], dtype="boolean") for n in flags}
        made |= {n: pd.to_datetime(parts[n], utc=True) for n in ("start_date", "start_date_local")}
        for n in ("start_latlng", "end_latlng"):
            both = np.concatenate(parts[n])
            made |= {f"{n}_lat": both[:, 0], f"{n}_lng": both[:, 1]}
        return pd.DataFrame(made)

    return frame


def _stravalib(bodies: list[bytes]) -> Callable[[], pd.DataFrame]:
    """stravalib's summary models, one by one, dumped to a frame."""
    import json

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from stravalib.model import SummaryActivity

    def frame() -> pd.DataFrame:
        rows = [SummaryActivity(**item).model_dump() for body in bodies for item in json.loads(body)]
        return pd.DataFrame(rows)

    return frame
