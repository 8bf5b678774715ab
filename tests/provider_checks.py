"""What `check` says of each of our own providers; a check takes seconds, so it is made once for all tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pierre_data import ProviderRegistry
from pierre_data.testing import CheckReport, ConformanceError, check

PAYLOADS = Path(__file__).parent / "payloads"


def synthetic() -> dict[str, Any]:
    return {"payloads": None, "options": {"start": "2026-01-01", "end": "2026-02-01"}}


def strava() -> dict[str, Any]:
    from tests.test_testing_replay import by_epoch

    return {"select": by_epoch}


def files() -> dict[str, Any]:
    return {"payloads": None, "options": {"path": PAYLOADS / "files", "workers": 1}}


def strava_export() -> dict[str, Any]:
    # The recorded archive has no gear: its tables of bikes and shoes are headers alone.
    folder = Path(tempfile.mkdtemp()) / "export"
    shutil.copytree(PAYLOADS / "strava-export", folder)
    with (folder / "bikes.csv").open("a", encoding="utf-8") as bikes:
        bikes.write("\nRoad bike,Lapierre,Xelius,Ride\n")
    return {"payloads": None, "options": {"path": folder}}


def whoop() -> dict[str, Any]:
    from tests import test_whoop as vendor

    return {"select": vendor.window, "lists": vendor.LISTS, "accept": vendor.ODD, "now": vendor.NOW}


def terra() -> dict[str, Any]:
    from tests import test_terra as vendor

    ids = {"activities": [vendor.RUN, "ride-1"]} | {table: [vendor.RUN] for table in ("streams", "laps", "zones")}
    options = {"user_id": vendor.USER}
    return {"select": vendor.days, "options": options, "ids": ids, "accept": vendor.ODD, "now": vendor.NOW}


def coros() -> dict[str, Any]:
    from tests import test_coros as vendor

    ids = {"activities": [vendor.RUN], "laps": [vendor.TRIATHLON]}
    options = {"open_id": "open-1"}
    return {"select": vendor.days, "options": options, "ids": ids, "accept": vendor.ODD, "now": vendor.NOW}


def fitbit() -> dict[str, Any]:
    from tests import test_fitbit as vendor

    return {"accept": vendor.ODD, "ids": {"streams": [vendor.RUN]}, "now": vendor.NOW}


def garmin() -> dict[str, Any]:
    from tests import test_garmin as vendor

    ids = {table: [vendor.RUN] for table in ("activities", "streams", "laps")}
    options = {"days": 10}
    return {"select": vendor.window, "lists": vendor.LISTS, "options": options, "ids": ids, "accept": vendor.ODD,
            "now": vendor.NOW}  # fmt: skip


def garmin_export() -> dict[str, Any]:
    from tests import test_garmin_export as vendor

    path = vendor.with_recordings(Path(tempfile.mkdtemp()) / "export")
    ids = {table: [vendor.RUN] for table in ("activities", "streams", "laps", "zones")}
    return {"payloads": None, "options": {"path": path}, "ids": ids, "accept": {*vendor.ODD, *vendor.DAMAGED}}


def fitbit_export() -> dict[str, Any]:
    from tests import test_fitbit_export as vendor

    # The Takeout has no profile; the stored answers have.
    path = Path(tempfile.mkdtemp()) / "takeout"
    shutil.copytree(vendor.TAKEOUT, path)
    shutil.copy(vendor.STORED / "profile.json", path)
    return {"payloads": None, "options": {"path": path}, "accept": vendor.ODD}


#: What a provider needs beside its payloads in the folder of its name.
CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "coros": coros,
    "files": files,
    "fitbit": fitbit,
    "fitbit-export": fitbit_export,
    "garmin": garmin,
    "garmin-export": garmin_export,
    "strava": strava,
    "strava-export": strava_export,
    "synthetic": synthetic,
    "synthetic-phone": synthetic,
    "synthetic-watch": synthetic,
    "terra": terra,
    "whoop": whoop,
}


@cache
def report(name: str) -> CheckReport:
    """What the check of a provider says."""
    case = {"payloads": PAYLOADS / name, **CASES.get(name, dict)()}
    try:
        return check(ProviderRegistry()[name], **case)
    except ConformanceError as error:
        return error.report
