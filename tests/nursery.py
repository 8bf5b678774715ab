"""Processes that begin with everything imported: forked by one that has loaded the package and done nothing else.

A fresh interpreter takes a second to load pandas and us; tests that are about several processes, not about how one
begins, start them here.  Run as ``python -m tests.nursery FD`` it is the process that forks.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import importlib
import json
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
import termios
import threading
import traceback
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).parents[1]
_LOADED = "pierre_data.client pierre_data.cli pierre_data.auth pierre_data.cache.sqlite pierre_data.providers.strava"
_PARTS = "getpass requests_cache tests.oauth_server tests.strava_server"


class Child:
    """A child process with the methods of `subprocess.Popen` that the tests use."""

    def __init__(
        self,
        code: str,
        args: Sequence[object] = (),
        *,
        module: bool = False,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        files: Sequence[int | None] = (None, None, None),
        terminal: bool = False,
    ) -> None:
        """Run code, or a module, with arguments; `files` are its stdin, stdout, stderr, where None is a pipe."""
        ours: list[int | None] = [None, None, None]
        theirs = [-1 if file is None else file for file in files]
        for at in [at for at, file in enumerate(files) if file is None]:
            pair = os.pipe() if at else os.pipe()[::-1]
            ours[at], theirs[at] = pair
        words = {"code": code, "args": [str(a) for a in args], "module": module, "cwd": str(cwd)}
        words |= {"env": dict(os.environ if env is None else env), "terminal": terminal}
        here, there = socket.socketpair()
        with there:
            socket.send_fds(_nursery(os.getpid()), [b"x"], [there.fileno()])
        self._line = here
        body = json.dumps(words).encode()
        socket.send_fds(here, [len(body).to_bytes(8, "big")], theirs)
        here.sendall(body)
        for at in [at for at, file in enumerate(files) if file is None]:
            os.close(theirs[at])
        self.stdin, self.stdout, self.stderr = (
            None if fd is None else os.fdopen(fd, "r" if at else "w") for at, fd in enumerate(ours)
        )
        self.pid = int.from_bytes(_read(here, 8), "big")
        self.returncode: int | None = None

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)  # the number is its own until `wait` has heard that it ended

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._line.settimeout(timeout)
            self.returncode = int.from_bytes(_read(self._line, 8), "big", signed=True)
            self._line.sendall(b"x")
            self._line.close()
        return self.returncode

    def communicate(self, text: str = "", timeout: float | None = None) -> tuple[str, str]:
        shown = ["", ""]

        def read(at: int, file: TextIO) -> None:
            with file:
                shown[at] = file.read()

        threads = [
            threading.Thread(target=read, args=(at, file))
            for at, file in enumerate((self.stdout, self.stderr))
            if file is not None and not file.closed
        ]
        for thread in threads:
            thread.start()
        if self.stdin is not None and not self.stdin.closed:
            with contextlib.suppress(BrokenPipeError), self.stdin:
                self.stdin.write(text)
        self.wait(timeout)
        for thread in threads:
            thread.join(timeout)
        return shown[0], shown[1]


def run(
    code: str, args: Sequence[object] = (), *, timeout: float = 120, **how: Any
) -> subprocess.CompletedProcess[str]:
    """Run to the end, as `subprocess.run` does."""
    child = Child(code, args, **how)
    try:
        out, err = child.communicate(timeout=timeout)
    finally:
        child.kill()
    return subprocess.CompletedProcess(code, child.wait(), out, err)


def _read(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = line.recv(size - len(data))
        assert chunk, "the nursery has gone"
        data += chunk
    return data


@cache
def _nursery(owner: int) -> socket.socket:
    """Start the process that forks, once per process that asks; it ends with its owner."""
    here, there = socket.socketpair()
    with there:
        command = [sys.executable, "-m", "tests.nursery", str(there.fileno())]
        env = {k: v for k, v in os.environ.items() if not k.startswith("PIERRE_")}
        env |= {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, pass_fds=[there.fileno()])

    def end() -> None:
        if os.getpid() == owner:
            here.close()
            process.wait(60)

    atexit.register(end)
    return here


def _serve(line: socket.socket) -> None:
    for name in f"{_LOADED} {_PARTS}".split():
        importlib.import_module(name)
    while True:
        data, fds, _, _ = socket.recv_fds(line, 1, 1)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not data:
            return
        if os.fork() == 0:
            line.close()
            _keep(socket.socket(fileno=fds[0]))
        os.close(fds[0])


def _keep(line: socket.socket) -> None:
    """Fork the child, say who it is, and how it ended."""
    head, fds, _, _ = socket.recv_fds(line, 8, 3)
    words = json.loads(_read(line, int.from_bytes(head, "big")))
    child = os.fork()
    if child == 0:
        line.close()
        _be(words, fds)
    for fd in fds:
        os.close(fd)
    line.sendall(child.to_bytes(8, "big"))
    # Its number stays its own until whoever may kill it has heard that it ended.
    info = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert info is not None
    code = info.si_status if info.si_code == os.CLD_EXITED else -info.si_status
    line.sendall(code.to_bytes(8, "big", signed=True))
    line.recv(1)
    os.waitpid(child, 0)
    os._exit(0)


def _be(words: dict[str, Any], fds: Sequence[int]) -> None:
    """Become the process that was asked for."""
    code = 1
    try:
        kept = [os.dup(fd) for fd in fds]
        for at, fd in enumerate(kept):
            os.dup2(fd, at)
        os.closerange(3, max([*kept, *fds]) + 1)
        if words["terminal"]:
            os.setsid()
            fcntl.ioctl(1, termios.TIOCSCTTY, 0)
        os.chdir(words["cwd"])
        os.environ.clear()
        os.environ.update(words["env"])
        random.seed()
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", buffering=1 if words["terminal"] else -1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc,assignment]
        sys.argv = ["-c", *words["args"]]
        if words["module"]:
            runpy.run_module(words["code"], run_name="__main__", alter_sys=True)
        else:
            exec(compile(words["code"], "<string>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter does
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for file in (sys.stdout, sys.stderr):
            try:
                file.flush()
            except OSError:
                code = code or 120
        os._exit(code)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")  # 3.12 counts numpy's threads
    _serve(socket.socket(fileno=int(sys.argv[1])))
