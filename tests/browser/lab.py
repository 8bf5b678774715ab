"""A real JupyterLab, and a real Chromium that drives it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import nbformat

ROOT = Path(__file__).parents[2]
_SETTINGS = {
    "apputils-extension/notification": ("@jupyterlab", {"fetchNews": "false", "checkForUpdates": False}),
    "jupyterlab-manager/plugin": ("@jupyter-widgets", {"saveState": True}),
}
_FLAGS = (
    "--no-browser --allow-root --expose-app-in-browser --ServerApp.ip=127.0.0.1 --ServerApp.port_retries=0 "
    "--ServerApp.terminals_enabled=False --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate "
    "--LabApp.extension_manager=readonly"
).split()
_KERNEL = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"


class Lab:
    """A JupyterLab server with one notebook, as a context manager."""

    def __init__(self, place: Path, cells: Sequence[str], env: Mapping[str, str]) -> None:
        self.folder, self.log = place / "work", place / "server.log"
        self.folder.mkdir(parents=True)
        self.notebook = self.folder / "test.ipynb"
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, self.notebook)
        for name, (scope, value) in _SETTINGS.items():
            path = place / "settings" / scope / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(value))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.token = secrets.token_hex(16)
        homes = {name: str(place / name.lower()) for name in ("HOME", "IPYTHONDIR")}
        homes |= {f"JUPYTER_{n}_DIR": str(place / n.lower()) for n in ("CONFIG", "DATA", "RUNTIME")}
        homes |= {f"JUPYTERLAB_{n}_DIR": str(place / n.lower()) for n in ("SETTINGS", "WORKSPACES")}
        path = f"{self.folder}{os.pathsep}{ROOT}"
        self._env = {**os.environ, **homes, **env, "JUPYTER_TOKEN": self.token, "PYTHONPATH": path}

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "jupyterlab", *_FLAGS, f"--ServerApp.port={self.port}"]
        command += [f"--ServerApp.root_dir={self.folder}"]
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status?token={self.token}").close()
            except OSError:
                assert time.monotonic() < end, self.log.read_text()[-2000:]
                assert self._server.poll() is None, self.log.read_text()[-2000:]
                time.sleep(0.2)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait(20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/lab/tree/{self.notebook.name}?token={self.token}"


class Page:
    """The notebook in the browser."""

    def __init__(self, page: Any, lab: Lab, pictures: Path) -> None:
        self.page, self._lab, self._pictures = page, lab, pictures
        page.set_default_timeout(30_000)
        page.goto(lab.url)
        self.wait_idle()

    def wait_idle(self) -> None:
        self.page.wait_for_function(f"{_KERNEL} === 'idle'", timeout=60_000)

    def run(self, at: int, *, wait: bool = True) -> None:
        """Run a cell."""
        script = """async at => {
            const book = window.jupyterapp.shell.currentWidget.content;
            book.activeCellIndex = at;
            const done = window.jupyterapp.commands.execute('notebook:run-cell');
            if (%s) await done;
        }""" % ("true" if wait else "false")
        self.page.evaluate(script, at)

    def output(self, at: int) -> Any:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(at).locator(".jp-OutputArea").first

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def save(self) -> str:
        """Save, and return what is in the file."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        return self._lab.notebook.read_text(encoding="utf-8")

    def picture(self, name: str, at: int | None = None) -> None:
        """Keep a screenshot, of everything or of a cell's output."""
        self._pictures.mkdir(parents=True, exist_ok=True)
        (self.page if at is None else self.output(at)).screenshot(path=self._pictures / f"{name}.png")


def chromium() -> str:
    """Return where Chromium is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "these tests need Chromium (Debian: chromium)"
    return found
