"""Every provider of the registry x every table, in both directions; our own vendors are tested like anyone's."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pierre_data import ProviderRegistry
from pierre_data.registry import GROUP
from pierre_data.schema import TABLES
from pierre_data.testing import provider_matrix
from tests.provider_checks import PAYLOADS, report

NAMES = sorted(e.name for e in importlib.metadata.entry_points(group=GROUP) if e.dist and e.dist.name == "pierre-data")
CELLS = [f"{table}{one}" for table in TABLES for one in ("", "/{id}")]


#: Their rows are made by a function, so a row's names are not the wire's; their own tests list the fields.
MADE = {"terra"}


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
