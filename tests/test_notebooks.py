"""The tutorials are written by tests/make_notebooks.py: what it holds is what the files hold."""

from __future__ import annotations

import nbformat
import pytest

from tests.make_notebooks import NOTEBOOKS, TUTORIALS


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_notebook_is_as_it_was_written(name: str) -> None:
    book = nbformat.read(NOTEBOOKS / name, as_version=4)
    kinds = {"markdown": "md", "code": "py"}
    assert [(kinds[cell.cell_type], cell.source) for cell in book.cells] == TUTORIALS[name]
    assert "widgets" not in book.metadata
