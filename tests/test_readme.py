"""The README's code runs and prints what it says; its generated parts are fresh.

``python -m tests.test_readme`` writes what should be there.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import io
import os
import re
import tempfile
from pathlib import Path

import pandas as pd
import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.S)
PART = re.compile(r"(<!-- (\w+) -->\n)(.*?)(<!-- end -->)", re.S)


def parts() -> dict[str, str]:
    """The generated parts, by the name in their comment."""
    from pierre_data.registry import GROUP, ProviderRegistry
    from pierre_data.schema import MERGED_ACTIVITIES
    from pierre_data.settings import Settings
    from pierre_data.testing import provider_matrix

    ours = importlib.metadata.distribution("pierre-data").entry_points.select(group=GROUP)
    registry = ProviderRegistry(Settings.read({"PIERRE_PROVIDERS": ",".join(e.name for e in ours)}))
    return {"columns": MERGED_ACTIVITIES.markdown(), "matrix": provider_matrix(registry)}


def outputs(text: str) -> list[tuple[str, str, str]]:
    """Run every block in one namespace: code, the output it shows, the output it has."""
    names: dict[str, object] = {}
    found = []
    for block in BLOCK.finditer(text):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            _run(block[1], names)
        found.append((block[1], (block[2] or "").strip("\n"), shown.getvalue().strip("\n")))
    return found


def _run(code: str, names: dict[str, object]) -> None:
    """Run a block as a notebook cell: a last expression is shown."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "README.md", "exec"), names)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), "README.md", "eval"), names)
        if value is not None:
            print(value if isinstance(value, str) else repr(value))


@contextlib.contextmanager
def somewhere() -> object:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with pd.option_context("display.width", 120, "display.max_columns", 12, "display.max_colwidth", 60):
                yield
        finally:
            os.chdir(before)


def test_the_code_prints_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIERRE_PROGRESS", "0")
    with somewhere():
        found = outputs(README.read_text(encoding="utf-8"))
    assert len(found) >= 1
    for code, said, printed in found:
        assert printed == said, code


def test_generated_parts_are_fresh() -> None:
    text = README.read_text(encoding="utf-8")
    found = {name: body.strip() for _, name, body, _ in PART.findall(text)}
    assert found == {name: body.strip() for name, body in parts().items()}


def test_pictures_and_links_exist() -> None:
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", text):
        assert (README.parent / target).exists(), target


def test_exactly_two_set_up_commands() -> None:
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.S))
    commands = [line.split("#")[0].strip() for line in shell.splitlines() if line.startswith("pip")]
    assert commands == ["pip install . && pierre-data demo", 'pip install ".[test]" && pytest']


def write() -> None:
    """Write the outputs and generated parts into the README."""
    text = README.read_text(encoding="utf-8")
    made = parts()
    text = PART.sub(lambda m: f"{m[1]}{made[m[2]]}\n{m[4]}", text)
    with somewhere():
        fresh = iter(outputs(text))

    def block(match: re.Match[str]) -> str:
        code, _, printed = next(fresh)
        return f"```python\n{code}```\n" + (f"\n```text\n{printed}\n```\n" if printed else "")

    README.write_text(BLOCK.sub(block, text), encoding="utf-8")


if __name__ == "__main__":
    write()
