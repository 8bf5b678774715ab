"""Ten thousand files with one broken, and parallel processes from a notebook."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import pierre_data as pierre
from tests.test_files_folder import ROOT, fill

MANY = 10_000


@pytest.mark.slow
def test_ten_thousand_files_with_one_broken(tmp_path: Path) -> None:
    fill(tmp_path, MANY - 1, seconds=2)
    broken = tmp_path / f"{MANY:05d}.fit"
    broken.write_bytes((tmp_path / "0000.fit").read_bytes()[:20])
    client = pierre.Client([pierre.provider("files", path=tmp_path, workers=2)], cache="memory")
    with pytest.warns(pierre.PartialResultWarning, match=f"the first is row {broken.name}"):
        frame = client.activities(dedupe=False, progress=False)
    assert len(frame) == frame["id"].nunique() == MANY - 1
    rejected = {reject.row for reject in client.last_report.providers[0].rejected}
    assert rejected == {broken.name}


@pytest.mark.slow
def test_parallel_processes_from_a_notebook(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    fill(tmp_path / "files", 40)
    code = (
        "import warnings; warnings.simplefilter('error'); import pierre_data as pierre\n"
        f"files = pierre.provider('files', path={str(tmp_path / 'files')!r}, workers=2)\n"
        "client = pierre.Client([files], cache='memory')\n"
        "len(client.activities(dedupe=False, progress=False))"
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute(
        env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    (output,) = book.cells[0].outputs
    assert output["data"]["text/plain"] == "40"
