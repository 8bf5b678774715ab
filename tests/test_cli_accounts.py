"""Accounts on the command line, as a person at a terminal types it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pierre_data.auth import Account, FileTokens, new_key
from tests.oauth_kit import ROOT, files, token_for
from tests.oauth_server import OAuthServer
from tests.terminal import Terminal, run_here

TOOL = [sys.executable, "-c", "from pierre_data.cli import main; main()"]
STRAVA = Account("strava")


class Desk:
    """One person's computer, with Strava's addresses led to our own server."""

    def __init__(self, server: OAuthServer, home: Path, key: str) -> None:
        server.api = {"/api/athlete": {"id": 41}}
        self.server, self.home, self.key = server, home, key
        home.mkdir()
        self.environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "PIERRE_PROVIDERS": "strava,synthetic",
            "PIERRE_TOKEN_KEY": key,
            "PIERRE_STRAVA_CLIENT_ID": server.rules.client_id,
            "PIERRE_STRAVA_CLIENT_SECRET": server.rules.client_secret,
            "PIERRE_STRAVA_API_BASE_URL": f"{server.url}/api",
            **{f"PIERRE_STRAVA_{n}_URL": f"{server.url}/{p}" for n, p in
               {"AUTH": "consent", "TOKEN": "token", "REVOKE": "revoke"}.items()},
            **{f"PIERRE_{n}_DIR": str(home / n.lower()) for n in ("CACHE", "CONFIG", "DATA")},
        }  # fmt: skip

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return run_here(words, self.home, self.environ | environ)

    def fresh(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own."""
        return subprocess.run(
            [*TOOL, *words], capture_output=True, text=True, cwd=self.home, env=self.environ, timeout=60
        )

    def terminal(self, *words: str, **environ: str) -> Terminal:
        return Terminal(words, self.home, self.environ | environ)

    @property
    def store(self) -> FileTokens:
        return files(self.home / "data" / "tokens", self.key)

    def states(self) -> dict[str, dict[str, object]]:
        answer = json.loads(self.run("status", "--json").stdout)
        assert set(answer) == {"success", "result"}
        assert answer["success"] is True
        assert set(answer["result"]) == {"providers"}
        return dict(answer["result"]["providers"])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with OAuthServer() as server:
        yield Desk(server, tmp_path / "desk", new_key())


@pytest.mark.parametrize("display", [":0", ""])
def test_connect_status_disconnect_by_pasted_address(desk: Desk, display: str) -> None:
    assert desk.states()["strava"] == {"connected": False, "status": "disconnected"}
    with desk.terminal("connect", "strava", "--no-browser", DISPLAY=display) as terminal:
        shown = terminal.wait_for("Address the browser ended at (not shown): ")
        link = re.search(rf"^{desk.server.url}/consent\?\S+", shown, re.MULTILINE)
        assert link is not None
        address = desk.server.consent(link[0])
        terminal.type(address)
        assert terminal.end() == 0, terminal.shown
        assert "strava is connected (consent)." in terminal.shown
        assert address.partition("code=")[2].partition("&")[0] not in terminal.shown
    assert desk.states() == {
        "strava": {"connected": True, "status": "connected"},
        "synthetic": {"connected": True, "status": "connected"},
    }
    end = r"token until \d{4}-\d\d-\d\d \d\d:\d\d UTC"
    line = rf"strava +connected +account unknown, {end}, kept in {desk.home}/data/tokens"
    assert re.fullmatch(line, desk.run("status").stdout.splitlines()[0])
    assert desk.run("connect", "strava").stdout == "strava is connected (stored).\n"
    gone = desk.run("disconnect", "strava")
    assert (gone.returncode, gone.stdout) == (0, "strava: the token is forgotten.\n")
    assert desk.server.counts["revoke"] == 1
    assert desk.states()["strava"] == {"connected": False, "status": "disconnected"}
    assert desk.run("disconnect", "strava").stdout == "strava: there was no stored token.\n"


def test_scopes_that_were_left_out_are_named(desk: Desk) -> None:
    desk.server.rules.granted = "read"
    with desk.terminal("connect", "strava", "--no-browser") as terminal:
        shown = terminal.wait_for("(not shown): ")
        terminal.type(desk.server.consent(shown[shown.index(desk.server.url) :].split()[0]))
        assert terminal.end() == 0, terminal.shown
    assert "Not granted: activity:read, which activities needs. Connect again with --again" in terminal.shown


def test_nothing_pasted_is_one_line(desk: Desk) -> None:
    with desk.terminal("connect", "strava", "--no-browser") as terminal:
        terminal.wait_for("(not shown): ")
        terminal.type("")
        assert terminal.end() == 1
    assert "Error: No address was pasted." in terminal.shown
    assert "Traceback" not in terminal.shown


def test_a_missing_application_is_one_line(desk: Desk) -> None:
    done = desk.run("connect", "strava", PIERRE_STRAVA_CLIENT_ID="", PIERRE_STRAVA_CLIENT_SECRET="")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    for word in ("STRAVA_CLIENT_ID", "STRAVA_CLIENT_SECRET", "https://www.strava.com/settings/api"):
        assert word in done.stderr


def test_a_token_travels_sealed(desk: Desk, tmp_path: Path) -> None:
    token = token_for(desk.server, age_s=60)
    desk.store.save(STRAVA, token)
    out = desk.fresh("export-token", "strava")
    assert out.returncode == 0, out.stderr
    assert re.fullmatch(r"pierre-token:1:\d\d:\S+\n", out.stdout)
    for secret in (token.access, token.refresh):
        assert secret is not None
        assert secret.reveal() not in out.stdout + out.stderr
    phrase = out.stderr.rpartition(": ")[2].strip()
    other = Desk(desk.server, tmp_path / "other", new_key())
    (tmp_path / "blob").write_text(out.stdout)
    for typed, status in (("wrong horse battery", 1), (phrase, 0)):
        with Terminal(["import-token"], other.home, other.environ, tmp_path / "blob") as terminal:
            terminal.wait_for("Pass phrase (not shown): ")
            terminal.type(typed)
            assert terminal.end() == status, terminal.shown
            assert typed not in terminal.shown
    assert "strava is connected; the token is kept in" in terminal.shown
    assert other.store.load(STRAVA) == token


def test_nothing_to_export(desk: Desk) -> None:
    done = desk.run("export-token", "strava")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: There is no stored token of strava.")


def test_doctor_names_what_is_wrong_and_share_hides_whose(desk: Desk) -> None:
    desk.store.save(STRAVA, token_for(desk.server, age_s=60))
    (desk.home / "data" / "tokens").chmod(0o755)
    plain = desk.run("doctor")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert f"note     {desk.home / 'data' / 'tokens'} could be read by other users; it is private now." in plain.stdout
    assert "strava: connected" in plain.stdout
    assert desk.key not in plain.stdout
    (desk.home / "data" / "tokens").chmod(0o755)
    shared = desk.run("doctor", "--share")
    assert (shared.returncode, shared.stderr) == (0, "")
    assert "note     ~/data/tokens could be read by other users" in shared.stdout
    assert "strava: connected" in shared.stdout
    for private in (str(desk.home), os.environ.get("USER") or "\0", desk.server.rules.client_secret, desk.key):
        assert private not in shared.stdout


def test_doctor_survives_what_stops_everything_else(desk: Desk) -> None:
    wrong = {"PIERRE_STRAVA_API_BASE_URL": "http://example.org", "PIERRE_TOKEN_KEY": "no key"}
    done = desk.run("doctor", **wrong)
    assert (done.returncode, done.stderr) == (0, "")
    assert "error    PIERRE_STRAVA_API_BASE_URL is neither https nor loopback. Use an https address" in done.stdout
    assert re.search(r"^error    PIERRE_TOKEN_KEY is .*", done.stdout, re.MULTILINE)
    assert "synthetic: configured." in done.stdout
    assert desk.run("status", **wrong).returncode == 0
