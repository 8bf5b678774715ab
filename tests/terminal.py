"""A person at a terminal: commands run on a pseudo terminal, what is shown is read, answers are typed."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

#: Gives a command a terminal of its own; its input and output are pipes on our side.
_SPAWN = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


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
