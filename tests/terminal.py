"""pierre-data in this process; or a person at a terminal: commands run on a pseudo terminal, what is shown is read."""

from __future__ import annotations

import contextlib
import io
import os
import selectors
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self
from unittest import mock

from pierre_data.cli import main

#: Gives a command a terminal of its own; its input and output are pipes on our side.
_SPAWN = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


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
    """A command on a terminal, as a context manager; `shown` is all that was on the screen."""

    def __init__(self, words: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
        self.shown = ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SPAWN, *words],
            cwd=cwd,
            env={**environ, "TERM": "dumb", "COLUMNS": "2000"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def wait_for(self, text: str, timeout_s: float = 60.0) -> str:
        """Read until a text is shown; returns everything."""
        assert self._process.stdout is not None
        end = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            while text not in self.shown:
                assert time.monotonic() < end, f"{text!r} never came: {self.shown}"
                if ready.select(0.5):
                    data = os.read(self._process.stdout.fileno(), 65536)
                    assert data, f"{text!r} never came: {self.shown}"
                    self.shown += data.decode()
        return self.shown

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def end(self, timeout_s: float = 60.0) -> int:
        """Read to the end; returns the exit status."""
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 65536):
            self.shown += data.decode()
        return self._process.wait(timeout_s)
