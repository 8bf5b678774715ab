"""The command line as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pierre_data as pierre


def run(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environ}
    code = "import sys; from pierre_data.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=cwd, env=env)


def test_demo(tmp_path: Path) -> None:
    done = run("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "real workouts remain" in done.stdout
    assert "Try next:" in done.stdout
    frame = pierre.read_parquet(tmp_path / "pierre-demo" / "activities.parquet")
    assert frame.n_sources.max() == 2
    assert (tmp_path / "pierre-demo" / "weekly-hours.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_next_things_to_try_work(tmp_path: Path) -> None:
    shown = run("demo", cwd=tmp_path).stdout.split("Try next:\n")[1].splitlines()
    commands = [
        line.split("   ")[0].strip() if "   " in line.strip() else line.strip() for line in shown if line.strip()
    ]
    assert len(commands) == 3
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    tool = bin_dir / "pierre-data"
    tool.write_text(f"#!{sys.executable}\nfrom pierre_data.cli import main\nmain()\n")
    tool.chmod(0o755)
    (bin_dir / "python").symlink_to(sys.executable)
    for command in commands:
        path = f"{bin_dir}{os.pathsep}{os.environ['PATH']}"
        site = os.pathsep.join(p for p in sys.path if p)
        env = {**os.environ, "PATH": path, "PYTHONPATH": site}
        done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, env=env)
        assert done.returncode == 0, (command, done.stderr)


def test_status_is_the_seeds_answer(tmp_path: Path) -> None:
    done = run("status", "--json", cwd=tmp_path, PIERRE_STRAVA_ACCESS_TOKEN="token")
    answer = json.loads(done.stdout)
    assert answer["success"] is True
    assert answer["result"]["providers"]["strava"] == {"connected": True, "status": "connected"}
    assert answer["result"]["providers"]["synthetic"] == {"connected": True, "status": "connected"}
    assert "strava" in run("status", cwd=tmp_path).stdout


def test_providers_lists_what_each_offers_and_needs(tmp_path: Path) -> None:
    out = run("providers", cwd=tmp_path).stdout
    assert "offers activities, athlete, stats" in out
    assert "needs consent." in out
    assert "option seed = 1" in out


def test_fetch_and_synth(tmp_path: Path) -> None:
    words = [
        "fetch",
        "-p",
        "synthetic-watch",
        "-p",
        "synthetic-phone",
        "--after",
        "2026-01-01",
        "--before",
        "2026-02-01",
    ]
    done = run(*words, "--sport", "run", "--out", "x.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(pierre.read_parquet(tmp_path / "x.parquet").sport_family) == {"run"}
    for out in ("a.parquet", "b.parquet"):
        assert run("synth", "--seed", "7", "--after", "2026-01-01", "--out", out, cwd=tmp_path).returncode == 0
    one, two = (pierre.read_parquet(tmp_path / out) for out in ("a.parquet", "b.parquet"))
    assert one.equals(two)
    assert len(one) > 50


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fetch", "-p", "strva", "--out", "x.parquet"], "Error: Provider 'strva' is not supported."),
        (["fetch", "-p", "strava", "--out", "x.parquet"], "Error: Strava is not connected."),
        (["fetch", "-p", "synthetic", "--after", "soon", "--out", "x.parquet"], "Error: after='soon' is no date."),
        (["fetch", "-p", "synthetic", "--out", "no/x.parquet"], "Error: no/x.parquet cannot be written"),
        (["synth", "--scenario", "couch", "--out", "x.parquet"], "Error: There is no scenario 'couch'."),
    ],
)
def test_mistakes_are_one_line_and_exit_1(tmp_path: Path, words: list[str], said: str) -> None:
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
