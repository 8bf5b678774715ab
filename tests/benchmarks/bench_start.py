"""Start-up: `import pierre_data` beside `import pandas`, in child processes; and ten synthetic years."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import pierre_data as pierre

ROUNDS = 7


def run() -> list[tuple[str, float, str]]:
    """Return medians of seven alternating child processes, and of five cold synthetic clients."""
    bare, ours, pandas = ([_child(c) for _ in range(ROUNDS)] for c in ("pass", "import pierre_data", "import pandas"))
    base = statistics.median(bare)
    ours_s, pandas_s = statistics.median(ours) - base, statistics.median(pandas) - base
    synthetic = statistics.median(_synthetic() for _ in range(5))
    return [
        ("import pierre_data", ours_s * 1000, "ms"),
        ("import pandas", pandas_s * 1000, "ms"),
        ("import: share of pandas (under 5)", 100 * ours_s / pandas_s, "%"),
        ("ten synthetic years, new client, dedupe included (under 0.5)", synthetic, "s"),
    ]


def _child(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def _synthetic() -> float:
    began = time.perf_counter()
    frame = pierre.Client(["synthetic"], cache="memory").activities()
    assert len(frame) > 1000
    return time.perf_counter() - began
