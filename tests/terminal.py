"""pierre-data in this process; or a person at a terminal: commands run on a pseudo terminal, what is shown is read."""

from __future__ import annotations

import contextlib
import io
import os
import selectors
import subprocess
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self
from unittest import mock

from pierre_data.cli import main
from tests.nursery import Child


def run_here(words: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run pierre-data in this process, which has loaded everything: a second less than a fresh one takes."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.dict(os.environ, environ, clear=True),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("default")
        try:
            main(words)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


class Terminal:
    """pierre-data on a terminal, as a context manager; `shown` is all that was on the screen."""

    def __init__(self, words: Sequence[str], cwd: Path, environ: Mapping[str, str], piped: Path | None = None) -> None:
        self.shown = ""
        self._screen, theirs = os.openpty()
        stdin = theirs if piped is None else os.open(piped, os.O_RDONLY)
        environ = {**environ, "TERM": "dumb", "COLUMNS": "2000"}
        code = "from pierre_data.cli import main; main()"
        self._child = Child(code, words, cwd=cwd, env=environ, files=(stdin, theirs, theirs), terminal=True)
        for fd in {stdin, theirs}:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait(60)
        os.close(self._screen)

    def _read(self) -> bool:
        """Read what is shown; false at the end."""
        try:
            data = os.read(self._screen, 65536)
        except OSError:  # nobody has the terminal any more
            data = b""
        self.shown += data.decode()
        return bool(data)

    def wait_for(self, text: str, timeout_s: float = 60.0) -> str:
        """Read until a text is shown; returns everything."""
        end = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as ready:
            ready.register(self._screen, selectors.EVENT_READ)
            while text not in self.shown:
                assert time.monotonic() < end, f"{text!r} never came: {self.shown}"
                if ready.select(0.5):
                    assert self._read(), f"{text!r} never came: {self.shown}"
        return self.shown

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        os.write(self._screen, f"{line}\n".encode())

    def end(self, timeout_s: float = 60.0) -> int:
        """Read to the end; returns the exit status."""
        while self._read():
            pass
        return self._child.wait(timeout_s)
