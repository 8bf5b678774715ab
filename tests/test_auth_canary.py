"""No secret of any identity flow shows anywhere, in success or failure."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient

from pierre_data.auth import (
    Dialogue,
    FixedToken,
    MemoryTokens,
    connect,
    diagnose,
    disconnect,
    export_token,
    import_token,
    new_key,
    open_tokens,
    report,
)
from pierre_data.auth.environment import Environment
from pierre_data.auth.identities import TokenSource
from pierre_data.private_files import write_private
from pierre_data.secret import Secret
from pierre_data.settings import Settings
from tests.canary import Canaries, Search, everything_logged, fails
from tests.canary_flows import FAILURES, Lab
from tests.oauth_kit import ME, ROOT, environment, files, link, token_for

HUB = Environment("jupyterhub", "a JupyterHub server")


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """Without this the other tests could be blind."""
    canaries = Canaries()
    word = canaries.word("x")

    def leak(token: str) -> None:
        raise ValueError(f"bad {len(token)}")

    plants: list[tuple[str, Callable[[Search], None]]] = [
        ("raw", lambda s: s.text("t", f"a {word} b")),
        ("hexadecimal", lambda s: s.text("t", word.encode().hex())),
        ("repr", lambda s: s.things([word])),
        ("local variable", lambda s: s.error(_caught(lambda: compile_in_frame(leak, word)))),
    ]
    for offset in range(3):
        pair = "abc"[:offset] + word
        plants.append((f"base64 {offset}", lambda s, p=pair: s.text("t", base64.b64encode(p.encode()))))
    for name, plant in plants:
        search = Search(canaries)
        plant(search)
        assert search.found(), name
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    connection.execute("create table t (x)")
    connection.execute("insert into t values (?)", (word,))
    connection.commit()
    connection.close()
    pq.write_table(pa.table({"x": ["a"]}).replace_schema_metadata({"note": word}), tmp_path / "a.parquet")
    search = Search(canaries)
    search.tree("planted", tmp_path)
    assert {text.partition(":")[2].split(":")[0] for text in search.found()} >= {" SQLite cells", " Parquet footer"}
    waits = [sys.executable, "-c", "print(flush=True); input()", word]
    sleeper = subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert sleeper.stdout is not None
    sleeper.stdout.readline()
    search = Search(canaries)
    search.processes()
    assert search.found()
    sleeper.communicate(b"\n")


def compile_in_frame(leak: Callable[[str], None], word: str) -> None:
    """Call with a frame outside the tests' folder, as library frames are."""
    exec(compile("leak(token)", "/lib/x.py", "exec"), {"leak": leak, "token": word})


def _caught(act: Callable[[], object]) -> BaseException:
    try:
        act()
    except ValueError as error:
        return error
    raise AssertionError


def test_success_shows_nothing(tmp_path: Path) -> None:
    lab = Lab(pkce=True)
    key, search = new_key(), lab.search
    lab.canaries.know("key", key)
    with lab.server, everything_logged(search):
        descriptor, config, consent = lab.question(use_pkce=True, revoke="basic")
        store = files(tmp_path / "tokens", key)
        token = link(descriptor, config).exchange(consent, lab.answer(consent))
        store.save(ME, replace(token, expires_at=token.obtained_at))
        source = TokenSource(link(descriptor, config, store))
        fixed = FixedToken(source(), "acme", "PIERRE_ACME_ACCESS_TOKEN")
        search.things(
            descriptor,
            config,
            consent,
            token,
            store,
            source,
            fixed,
            link(descriptor, config),
        )
        blob = export_token(ME, token, Secret(lab.canaries.word("passphrase")))
        search.text("export-token", blob)
        search.things(import_token(blob, Secret(lab.canaries.word("passphrase"))))
        settings = Settings.read({"PIERRE_DATA_DIR": str(tmp_path), "PIERRE_TOKEN_KEY": key})
        findings = diagnose(settings, store, [(descriptor, config)], tenant="lab", user="ann", online=True)
        search.text("doctor", report(findings))
        search.text("doctor", report(findings, share=True))
        search.things(settings, findings, disconnect(descriptor, config, store, ME))
        store.save(ME, token)
    search.tree("token files", tmp_path)
    assert search.found() == []
    assert {"repr", "pickle", "log at DEBUG", "token files: bytes", "doctor", "export-token"} <= set(search.places)
    print(f"\nsearched: {search.places}")


def test_the_link_is_the_only_place_of_the_state() -> None:
    lab = Lab()
    with lab.server, everything_logged(lab.search):
        descriptor, config = lab.provider()
        links: list[str] = []

        def show(url: str, advice: str) -> None:
            links.append(url)
            lab.canaries.know("state", url.partition("state=")[2].partition("&")[0])
            lab.search.text("advice", advice)

        talk = Dialogue(show, ask=lambda: lab.server.consent(links[0]))
        lab.search.things(connect(descriptor, config, MemoryTokens(), ME, talk, here=HUB), talk)
    assert lab.search.found() == []
    assert lab.canaries.in_(links[0].encode()) == ["state"]


@pytest.mark.parametrize("name", FAILURES)
def test_failure_shows_nothing(name: str) -> None:
    rules, act = FAILURES[name]
    lab = Lab(**rules)
    with lab.server, everything_logged(lab.search):
        fails(lab.search, lambda: act(lab))
    assert lab.search.found() == []


def test_corrupt_files_in_clear_are_not_quoted(tmp_path: Path) -> None:
    lab = Lab()
    said: list[str] = []
    with lab.server, everything_logged(lab.search):
        store = open_tokens(tmp_path / "t", store="plaintext", notice=said.append)
        store.save(ME, token_for(lab.server))
        path = tmp_path / "t" / f"{ME.digest}.token"
        write_private(path, path.read_bytes()[:-9])
        assert store.load(ME) is None
    lab.search.text("notices", "\n".join(said))
    assert said
    assert lab.search.found() == []


def test_other_processes_and_temporary_files(tmp_path: Path) -> None:
    lab = Lab()
    key = new_key()
    lab.canaries.know("key", key)
    with lab.server:
        lab.server.rules.client_secret = "server-secret"
        files(tmp_path / "data" / "tokens", key).save(ME, token_for(lab.server))
        (tmp_path / "temporary").mkdir()
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.oauth_kit", "ask", lab.server.url, str(tmp_path / "data" / "tokens"), "2"],
            cwd=ROOT,
            env={**environment(key), "TMPDIR": str(tmp_path / "temporary")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert worker.stdout is not None
        worker.stdout.readline()
        lab.search.processes()
        _, errors = worker.communicate(b"go\n", timeout=60)
    assert lab.server.counts["refresh"] == 1
    lab.search.text("standard error", errors)
    lab.search.tree("files of a refreshing process", tmp_path)
    assert lab.search.found() == []


@pytest.mark.slow
def test_a_notebook_keeps_nothing(tmp_path: Path) -> None:
    """Executed by nbclient with widget state saved, tracebacks in Verbose mode."""
    canaries = Canaries()
    names = ("clientsecret", "issued")
    cells = [
        "%xmode Verbose",
        "import os\nfrom pierre_data.auth import *; from tests.canary_flows import *\n"
        "lab = Lab(); rules = lab.server.rules\n"
        "rules.client_secret, rules.prefix = os.environ['LAB_CLIENTSECRET'], os.environ['LAB_ISSUED']\n"
        "_ = lab.server.__enter__(); descriptor, config, consent = lab.question()",
        "token = link(descriptor, config).exchange(consent, lab.answer(consent))\ntoken",
        "config",
        "consent",
        "source = refreshing(lab); source()",
        "rules.fail_with, rules.echo = 400, True\nrefreshing(lab)()",
        "acme = link(descriptor, config)\nacme.exchange(*[(c, lab.answer(c)) for c in [acme.authorize(BACK)]][0])",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    runner = NotebookClient(
        book, timeout=120, kernel_name="python3", allow_errors=True, store_widget_state=True,
        resources={"metadata": {"path": str(ROOT)}},
    )  # fmt: skip
    runner.execute(env={**os.environ, **{f"LAB_{n.upper()}": canaries.word(n) for n in names}, "PYTHONPATH": str(ROOT)})
    nbformat.write(book, tmp_path / "executed.ipynb")
    outcomes = [output.output_type for cell in book.cells for output in cell.outputs]
    assert outcomes == ["stream", *["execute_result"] * 4, "error", "error"], book
    search = Search(canaries)
    search.tree("executed notebook", tmp_path)
    assert search.found() == []
