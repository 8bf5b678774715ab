"""Every provider of the registry x every table, in both directions; our own vendors are tested like anyone's."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pierre_data import ProviderRegistry
from pierre_data.registry import GROUP
from pierre_data.schema import TABLES
from pierre_data.testing import CheckReport, ConformanceError, check, provider_matrix

PAYLOADS = Path(__file__).parent / "payloads"
NAMES = sorted(e.name for e in importlib.metadata.entry_points(group=GROUP) if e.dist and e.dist.name == "pierre-data")
CELLS = [f"{table}{one}" for table in TABLES for one in ("", "/{id}")]


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
#: Their rows are made by a function, so a row's names are not the wire's; their own tests list the fields.
MADE = {"terra"}
_reports: dict[str, CheckReport] = {}


def report(name: str) -> CheckReport:
    """What the check of a provider says, made once."""
    if name not in _reports:
        case = {"payloads": PAYLOADS / name, **CASES.get(name, dict)()}
        try:
            _reports[name] = check(ProviderRegistry()[name], **case)
        except ConformanceError as error:
            _reports[name] = error.report
    return _reports[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_keeps_what_it_promises(name: str) -> None:
    found = report(name)
    assert found.findings == (), found


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", NAMES)
def test_a_declared_table_delivers_and_another_one_raises(name: str, cell: str) -> None:
    found, table = report(name), TABLES[cell.partition("/")[0]]
    descriptor = ProviderRegistry()[name]
    declared = table in (descriptor.details if cell.endswith("}") else descriptor.endpoints)
    assert (found.delivered.get(cell, 0) > 0, cell in found.refused) == (declared, not declared)


@pytest.mark.parametrize("name", sorted(set(NAMES) - MADE))
def test_every_wire_field_is_read_or_knowingly_ignored(name: str) -> None:
    for cell, fields in report(name).fields.items():
        assert fields.unmentioned == (), f"{name} {cell}: read these, or name them in Endpoint.ignored"


def test_the_matrix_shows_what_the_check_delivered() -> None:
    lines = provider_matrix(ProviderRegistry()).splitlines()
    head = [cell.strip() for cell in lines[0].strip("|").split("|")][1:]
    rows = {cells[0].strip(): cells[1:] for cells in (line.strip("|").split("|") for line in lines[2:])}
    assert set(NAMES) <= set(head)
    for name in NAMES:
        found = report(name)
        for table in TABLES:
            listed, single = found.delivered.get(table, 0) > 0, found.delivered.get(f"{table}/{{id}}", 0) > 0
            mark = rows[table][head.index(name)].strip() if table in rows else ""
            assert mark == {(True, True): "●", (True, False): "○", (False, True): "·"}.get((listed, single), "")


def test_the_plug_in_imports_nothing_heavy() -> None:
    code = (
        "import sys, pierre_data.testing.plugin;"
        "print([m for m in ('pandas', 'numpy', 'pyarrow', 'httpx', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PAYLOADS.parents[1]
    )
    assert done.stdout.strip() == "[]"


def test_the_fixture_checks_the_payloads_beside_a_test(tmp_path: Path) -> None:
    (tmp_path / "payloads").mkdir()
    shutil.copy(PAYLOADS / "strava" / "athlete.json", tmp_path / "payloads")
    (tmp_path / "test_it.py").write_text(
        "from dataclasses import replace\n"
        "import pytest\n"
        "from pierre_data.schema import ATHLETE\n"
        "from pierre_data.testing import ConformanceError\n"
        "from pierre_data.providers.strava import descriptor\n\n"
        "athlete = replace(descriptor, endpoints={ATHLETE: descriptor.endpoints[ATHLETE]}, details={})\n\n\n"
        "def test_beside_it(pierre_check):\n"
        "    assert pierre_check(athlete).delivered == {'athlete': 1}\n\n\n"
        "def test_elsewhere(pierre_check, tmp_path):\n"
        "    with pytest.raises(ConformanceError, match='athlete'):\n"
        "        pierre_check(athlete, tmp_path)\n"
    )
    plugins = importlib.metadata.entry_points(group="pytest11")
    ours = [e for e in plugins if e.value == "pierre_data.testing.plugin"]
    # Those of others take seconds to import, and are not what this is about.
    plug = [word for e in plugins if e not in ours for word in ("-p", f"no:{e.name}")]
    plug += [] if ours else ["-p", "pierre_data.testing.plugin"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plug, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(PAYLOADS.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
