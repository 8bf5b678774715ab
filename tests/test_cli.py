"""The command line as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pierre_data as pierre
from tests.terminal import Terminal, run_here


def run(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return run_here(words, cwd, {**os.environ, **environ})


def fresh(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own."""
    code = "import sys; from pierre_data.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=cwd)


def test_demo(tmp_path: Path) -> None:
    done = fresh("demo", cwd=tmp_path)
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
    for out, run_it in (("a.parquet", run), ("b.parquet", fresh)):
        assert run_it("synth", "--seed", "7", "--after", "2026-01-01", "--out", out, cwd=tmp_path).returncode == 0
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


@pytest.mark.parametrize("command", [["-c", "from pierre_data.cli import main; main()"], ["-m", "pierre_data"]])
def test_version_by_both_ways(command: list[str]) -> None:
    done = subprocess.run([sys.executable, *command, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"pierre-data {pierre.__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [[], ["fetch"], ["fetch", "--ou", "x"], ["connect"], ["connect", "a", "b"], ["nonsense"], ["con", "strava"],
     ["synth", "--seed", "x", "--out", "y"]],
)  # fmt: skip
def test_a_wrong_usage_is_status_2_and_makes_nothing(tmp_path: Path, words: list[str]) -> None:
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "usage: pierre-data" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_help_names_every_command_and_option_of_each(tmp_path: Path) -> None:
    wanted = {
        "demo": "--out", "providers": "", "connect": "--browser --no-browser --again", "disconnect": "provider",
        "status": "--json", "fetch": "--out --provider -p --after --before --sport --dedupe --no-dedupe",
        "synth": "--out --seed --scenario --after --before", "doctor": "--share --online",
        "new-provider": "--folder", "export-token": "provider", "import-token": "",
    }  # fmt: skip
    shown = run("--help", cwd=tmp_path).stdout
    for name, options in wanted.items():
        assert name in shown
        done = run(name, "--help", cwd=tmp_path)
        assert done.returncode == 0
        assert not [option for option in options.split() if option not in done.stdout], done.stdout


def test_new_provider_says_what_its_test_needs(tmp_path: Path) -> None:
    done = run("new-provider", "acme-band", "--folder", "made", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "made" / "pierre-acme-band" / "pyproject.toml").is_file()
    assert done.stdout.splitlines()[-1] == 'Its test needs pytest and hatchling: pip install "pierre-data[test]"'
    again = run("new-provider", "acme-band", "--folder", "made", cwd=tmp_path)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)


def test_a_reader_that_stops_is_no_traceback(tmp_path: Path) -> None:
    tool = f"{sys.executable} -c 'from pierre_data.cli import main; main()'"
    done = subprocess.run(["sh", "-c", f"{tool} providers | true"], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""


def test_the_end_of_the_input_is_one_line(tmp_path: Path) -> None:
    with Terminal(["import-token"], tmp_path, os.environ) as terminal:
        terminal.wait_for("Sealed token: ")
        terminal.type("\x04")
        assert terminal.end() == 1
    assert "Aborted." in terminal.shown
    assert "Traceback" not in terminal.shown
