"""Write the tutorial notebooks and execute them: python -m tests.make_notebooks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

QUICKSTART = [
    ("md", "# Quick start\n\nTwo synthetic providers recorded the same athlete. No key and no network are needed."),
    ("py", "import pandas as pd\n\nimport pierre_data as pierre\n\n"
           "pd.set_option('display.width', 120, 'display.max_columns', 8, 'display.precision', 2)"),
    ("md", "The order of the names is their priority."),
    ("py", 'client = pierre.Client(["synthetic-watch", "synthetic-phone"])'),
    ("py", 'runs = client.activities("2026-01-01", sport="run")\n'
           'runs[["start_time", "name", "distance_m", "n_sources", "sources"]].head()'),
    ("py", 'runs.groupby("sport_family").distance_m.sum() / 1000'),
    ("md", "Every merge has a reason."),
    ("py", 'why = pierre.duplicates(client.activities("2026-01-01", dedupe=False))\n'
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
    """Write all, in the environment in which they are tested."""
    sys.path.insert(0, str(NOTEBOOKS))
    import conftest  # noqa: F401

    os.environ["PYTHONPATH"] = str(NOTEBOOKS.parent)
    write("01-quickstart.ipynb", QUICKSTART)


if __name__ == "__main__":
    main()
