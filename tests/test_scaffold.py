"""A new provider's package installs without network, is found, and passes its own test at once."""

from __future__ import annotations

import csv
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pierre_data.errors import ConfigurationError, StorageError
from pierre_data.testing import write_package

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index"]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package("acme-band", tmp_path_factory.mktemp("made"))[0].parent


@pytest.fixture(scope="module")
def site(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run([*PIP, "--target", str(target), str(package)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def run(site: Path, where: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # -P: the installed package is meant, not the one in the folder it was made in.
    env = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    return subprocess.run([sys.executable, "-P", *command], capture_output=True, text=True, env=env, cwd=where)


def test_it_passes_its_own_test_at_once(package: Path, site: Path) -> None:
    done = run(site, package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-s", "--import-mode=importlib")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "acme-band: 0 finding(s)" in done.stdout
    assert "What comes out equals the expected CSV files." in done.stdout
    assert "2 passed" in done.stdout


def test_a_mistake_in_it_is_found(package: Path, site: Path) -> None:
    module = site / "pierre_acme_band" / "__init__.py"
    right = module.read_text()
    try:
        module.write_text(right.replace("distance_m=distance_km@km", "distance_m=distance_km"))
        # Plug-ins of others take seconds to import, and this is not about them.
        others = [e.name for e in importlib.metadata.entry_points(group="pytest11") if e.name != "pierre_data"]
        plug = [word for name in others for word in ("-p", f"no:{name}")]
        done = run(site, package, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plug, "--import-mode=importlib")
    finally:
        module.write_text(right)
    assert done.returncode == 1
    assert "the unit of distance_m or elapsed_s is wrong" in done.stdout


def test_it_is_found_and_asked_like_any_other(package: Path, site: Path) -> None:
    code = (
        "import pierre_data as p; from pathlib import Path; from pierre_data.testing import ReplayServer;"
        "r = p.ProviderRegistry(); import os; s = ReplayServer(Path('tests/payloads'), r['acme-band']).__enter__();"
        "os.environ.update(PIERRE_ACME_BAND_API_BASE_URL=s.url, PIERRE_ACME_BAND_ACCESS_TOKEN='test-token');"
        "f = p.Client(['acme-band'], cache='memory').activities();"
        "print(f.sources.tolist()[0], f.distance_m.tolist()[0], 'acme-band' in p.ProviderRegistry().oauth_providers())"
    )
    done = run(site, package, "-c", code)
    assert done.stdout.strip() == "acme-band:105 7100.0 True", done.stderr


def test_the_module_is_short_and_clean(package: Path) -> None:
    module = package / "pierre_acme_band" / "__init__.py"
    assert len(module.read_text().splitlines()) < 65
    files = [str(f) for f in package.rglob("*") if f.is_file()]
    assert len(files) == 8
    assert not [f for f in files if "$" in f or "$" in Path(f).read_text(encoding="utf-8")]
    with (package / "tests" / "payloads" / "activities.expected.csv").open(encoding="utf-8") as rows:
        assert {row["provider"] for row in csv.DictReader(rows)} == {"acme-band"}


@pytest.mark.parametrize("name", ["", "Acme", "1acme", "acme_band", "acme-", "-acme", "a--b", "../acme", "a" * 41, "é"])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no provider name"):
        write_package(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'strava' is installed already"):
        write_package("strava", tmp_path)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "pierre-acme").mkdir()
    assert len(write_package("acme", tmp_path)) == 8
    with pytest.raises(ConfigurationError, match="is there already"):
        write_package("acme", tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        write_package("acme", tmp_path / "file")
