"""Imports point down; each third-party library has one owner."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "pierre_data"

# Top to bottom; rooms of one row know nothing of each other.
ROWS = [
    {"__main__"},
    {"cli"},
    {"widgets", "testing"},
    {"plots", "scale"},
    {"client"},
    {"registry", "export", "analysis", "models"},
    {"cache"},
    {"fetch"},
    {"auth"},
    {"http"},
    {"providers"},
    {"synthetic", "files"},
    {"spi", "dedupe", "settings"},
    {"schema"},
    {"secret", "private_files", "reprs"},
    {"errors", "notices", "forking"},
]
LEVEL = {room: len(ROWS) - at for at, row in enumerate(ROWS) for room in row}
OWNERS = {
    "httpx": "http",
    "httpcore": "",
    "requests_cache": "cache",
    "authlib": "auth",
    "ipywidgets": "widgets",
    "dask": "scale",
    "matplotlib": "plots",
}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or p.name != "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] in OWNERS:
            assert here == OWNERS[parts[0]], f"{here} imports {name}"
        if parts[0] != "pierre_data" or len(parts) == 1:
            continue
        there = parts[1]
        if there not in LEVEL:  # a public name of the package itself
            assert here in ("cli", "testing", "widgets"), f"{here} imports {name} through the front door"
        elif there != here:
            assert LEVEL[there] < LEVEL[here], f"{here} imports {name}, which is not below it"
            assert there != "providers", "nothing imports a vendor"


@pytest.mark.parametrize("path", [p for p in FILES if room(p) == "providers"], ids=lambda p: p.stem)
def test_a_vendor_is_written_as_a_third_party_would(path: Path) -> None:
    # `{module}.{name}` of what is imported: a front door exports names, which are no modules of its room.
    inside = {str(p.relative_to(ROOT.parent).with_suffix("")).replace("/", ".") for p in FILES}
    vendor = path.stem.partition("_")[0]
    for name in imports(path):
        room, _, rest = name.removeprefix("pierre_data.").partition(".")
        if not name.startswith("pierre_data.") or room in ("schema", "errors"):
            continue
        if room == "providers":
            assert rest.partition(".")[0].partition("_")[0] == vendor, f"{path.stem} imports {name} of another vendor"
        else:
            assert room in ("spi", "files", "synthetic"), f"{path.stem} imports {name}"
            assert name.rpartition(".")[0] not in inside, f"{path.stem} imports {name} past the door of {room}"


def test_import_is_light() -> None:
    code = (
        "import sys, pierre_data; heavy = ['pandas', 'numpy', 'pyarrow', 'httpx', 'requests_cache', 'authlib', "
        "'ipywidgets', 'matplotlib', 'pydantic', 'dask', 'typing', 'dataclasses', 'enum'] ; "
        "before = set(sys.stdlib_module_names); print([m for m in heavy[:10] if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_does_not_load_pandas() -> None:
    code = "import sys; import pierre_data.cli; print('pandas' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
