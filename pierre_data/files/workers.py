"""Read many files in parallel processes that know nothing of the script that asked.

`concurrent.futures.ProcessPoolExecutor` imports the caller's ``__main__`` again in every child: that fails from stdin,
and without a guard runs the whole script once more.  These children are sent names and answer with JSON lines.

Measured (2026-11-28, 32 marathons of 0.24 s each, two cores): 8.0 s here, 5.2 s in two processes, of which 0.6 s
starts them.  Threads gain nothing: decoding is Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

from pierre_data.files.archive import Archive, open_archive
from pierre_data.files.index import Digest, digest_file, unread
from pierre_data.notices import notice

#: Fewer files than this are read here: starting a process costs as much as reading a few.
ENOUGH = 32
MAX_WORKERS = 8
_READY = b"pierre-files ready\n"
_CODE = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from pierre_data.files.workers import serve; "
    "serve(sys.argv[2])"
)


def digests(archive: Archive, names: Sequence[str], workers: int = 0) -> Iterator[tuple[str, Digest]]:
    """Yield name and digest in the order of `names`, in parallel when there are many.

    `workers` is the number of processes: 0 is one per processor, at most `MAX_WORKERS`; 1 reads here.
    """
    wanted = min(workers or min(os.cpu_count() or 1, MAX_WORKERS), max(len(names) // (ENOUGH // 2), 1))
    children = _start(archive, names, wanted) if len(names) >= ENOUGH and wanted > 1 else []
    try:
        for at, name in enumerate(names):
            yield name, children[at % wanted].next() if children else digest_file(archive, name)
    finally:
        for child in children:
            child.close()


def serve(path: str) -> None:
    """Answer a line of names on stdin with digests on stdout: what a child does; a full pipe makes it wait."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    archive = open_archive(path)
    answers.write(_READY)
    answers.flush()
    for name in json.loads(sys.stdin.buffer.readline()):
        answers.write(json.dumps(digest_file(archive, name)).encode() + b"\n")
        answers.flush()


class Child:
    """A process that reads its share of the names, started again behind a file that kills it."""

    def __init__(self, path: str, names: Sequence[str]) -> None:
        self._path, self._names, self._done = path, names, 0
        self._run()

    def _run(self) -> None:
        path = json.dumps([p or os.getcwd() for p in sys.path])
        command = [sys.executable, "-c", _CODE, path, self._path]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._question, self._answers = process, process.stdin, process.stdout

    def begin(self) -> bool:
        """Wait until it runs, and send the names that are left; False when it ended instead."""
        if self._answers.readline() != _READY:
            return False
        with contextlib.suppress(OSError):  # it ended since: the first answer says so
            self._question.write(json.dumps(self._names[self._done :]).encode() + b"\n")
            self._question.flush()
        return True

    def next(self) -> Digest:
        """Return the digest of its next file."""
        line = self._answers.readline()
        self._done += 1
        if line.endswith(b"\n"):
            answer: Digest = json.loads(line)
            return answer
        self.close()
        if self._done < len(self._names):
            self._run()
            self.begin()
        return unread("", "file", "the process that read it ended")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._question, self._answers):
            with contextlib.suppress(OSError):  # what was still to be written has no reader any more
                pipe.close()


def _start(archive: Archive, names: Sequence[str], count: int) -> list[Child]:
    children, reason = list[Child](), "there is no Python to start"
    if sys.executable and not getattr(sys, "frozen", False):
        try:
            children += [Child(str(archive.path.resolve()), names[at::count]) for at in range(count)]
            if all(child.begin() for child in children):
                return children
            reason = "they ended at once"
        except OSError as error:
            reason = str(error)
    for child in children:
        child.close()
    notice(f"Files are read one after the other: parallel processes do not start ({reason}).", RuntimeWarning)
    return []
