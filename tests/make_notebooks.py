"""Write the tutorial notebooks and execute them: python -m tests.make_notebooks [name ...]."""

from __future__ import annotations

import os
import sys
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

QUICKSTART = [
    ("md", "# Quick start\n\nTwo synthetic providers recorded the same athlete. No key and no network are needed."),
    ("py", "import pandas as pd\n\nimport pierre_data as pierre\n\n"
           'pd.set_option("display.width", 120, "display.max_columns", 8, "display.precision", 2)'),
    ("md", "The order of the names is their priority."),
    ("py", 'client = pierre.Client(["synthetic-watch", "synthetic-phone"])'),
    ("py", 'runs = client.activities("2026-01-01", sport="run")\n'
           'runs[["start_time", "name", "distance_m", "n_sources", "sources"]].head()'),
    ("py", 'runs.groupby("sport_family").distance_m.sum() / 1000'),
    ("md", "Every merge has a reason."),
    ("py", 'why = client.duplicates("2026-01-01")\n'
           'why[["kept", "dropped", "rule", "score", "start_diff_s"]].head()'),
    ("py", 'why.rule.value_counts()'),
    ("md", "Quantities carry their unit in their name, and in the Parquet schema."),
    ("py", 'import tempfile\n\nfolder = tempfile.TemporaryDirectory()\n'
           'file = pierre.to_parquet(runs, f"{folder.name}/runs.parquet")\n'
           'pierre.read_parquet(file).equals(runs)'),
    ("py", 'import pyarrow.parquet as pq\n\npq.read_schema(file).field("distance_m").metadata'),
    ("md", "What happened, provider by provider:"),
    ("py", 'client.activities("2026-01-01")\nclient.last_report'),
    ("md", "A picture."),
    ("py", 'from pierre_data.plots import weekly_hours\n\nfigure = weekly_hours(client.activities("2026-01-01"))\n'
           'len(figure.axes[0].patches) > 20'),
    ("md", "Mistakes are answered with what to do."),
    ("py", 'try:\n    pierre.Client(["strva"])\nexcept pierre.ProviderNotFound as error:\n'
           '    print(str(error).split(". Supported")[0], "...", str(error).split(". ")[-1])'),
]  # fmt: skip


NEW_PROVIDER = [
    ("md", "# A provider of your own\n\n"
           "A vendor is one module, mostly data. `write_package` (`pierre-data new-provider acme` on the command line) "
           "writes a package that works at once, offline; then you replace its example facts by the vendor's."),
    ("py", '''import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pierre_data as pierre
from pierre_data.testing import write_package

folder = Path(tempfile.mkdtemp())
for file in write_package("acme", folder):
    print(file.relative_to(folder).as_posix())'''),
    ("md", "The module says where things are on the wire, and in which unit; the rest is derived. "
           "`column=path@unit` names the vendor's unit where it is not the column's own."),
    ("py", r'''module = folder / "pierre-acme" / "pierre_acme" / "__init__.py"
lines = module.read_text().splitlines()
print("\n".join(lines[lines.index("descriptor = ProviderDescriptor(") - 16 :]))'''),
    ("md", "Install it. Nothing is downloaded: pierre_data and the build backend are here already."),
    ("py", '''site = folder / "site"
pip = [sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index"]
done = subprocess.run([*pip, "--target", str(site), str(folder / "pierre-acme")], capture_output=True, text=True)
done.returncode'''),
    ("md", "The entry point makes it a provider like any other; nothing of pierre_data was changed."),
    ("py", '''sys.path.insert(0, str(site))
acme = pierre.ProviderRegistry()["acme"]
acme.display_name, acme.capabilities, acme.tables()'''),
    ("md", "Its own test is one call of `check`, which serves the payloads over HTTP on loopback, pages them as "
           "the module declares, plays the vendor's errors, and looks at everything that comes out."),
    ("py", '''env = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
test = [sys.executable, "-m", "pytest", "-q", "-s", "--color=no", "-p", "no:cacheprovider", "--import-mode=importlib"]
done = subprocess.run(test, cwd=folder / "pierre-acme", env=env, capture_output=True, text=True)
print(done.stdout.rpartition(" in ")[0])'''),
    ("md", "Now forget a unit: the vendor sends kilometres, and the module no longer says so."),
    ("py", r'''from dataclasses import replace

from pierre_data.schema import ACTIVITIES
from pierre_data.spi import Field
from pierre_data.testing import ConformanceError, check

payloads = folder / "pierre-acme" / "tests" / "payloads"
workouts = acme.endpoints[ACTIVITIES]
wrong = replace(workouts, fields={**workouts.fields, "distance_m": Field("distance_km")})
try:
    check(replace(acme, endpoints={ACTIVITIES: wrong}), payloads)
except ConformanceError as error:
    print(*error.report.findings, sep="\n")'''),
    ("md", "And ask it, over HTTP, through the same client as everybody else. With a real vendor only the two "
           "variables differ."),
    ("py", '''from pierre_data.testing import ReplayServer

with ReplayServer(payloads, acme) as server:
    os.environ["PIERRE_ACME_API_BASE_URL"] = server.url
    os.environ["PIERRE_ACME_ACCESS_TOKEN"] = "test-token"
    frame = pierre.Client(["acme"], cache="memory").activities()
frame[["start_time", "name", "sport", "distance_m", "elapsed_s", "sources"]]'''),
    ("py", '''import shutil

shutil.rmtree(folder)'''),
]  # fmt: skip

TUTORIALS = {"01-quickstart.ipynb": QUICKSTART, "02-new-provider.ipynb": NEW_PROVIDER}


def write(name: str, cells: list[tuple[str, str]]) -> None:
    """Write and execute one notebook; ids are fixed and no widget state is stored, so that a diff shows changes."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook()
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for at, (kind, text) in enumerate(cells):
        make = nbformat.v4.new_markdown_cell if kind == "md" else nbformat.v4.new_code_cell
        cell = make(text)
        cell["id"] = f"cell-{at:02d}"
        notebook.cells.append(cell)
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", store_widget_state=False, resources=resources
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata.pop("language_info", None)
    nbformat.write(notebook, NOTEBOOKS / name)


def main() -> None:
    """Write the named ones or all, in the environment in which they are tested."""
    sys.path.insert(0, str(NOTEBOOKS))
    import conftest  # noqa: F401

    os.environ["PYTHONPATH"] = str(NOTEBOOKS.parent)
    for name in sys.argv[1:] or TUTORIALS:
        write(name, TUTORIALS[name])


if __name__ == "__main__":
    main()
