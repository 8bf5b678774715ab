"""No secret shows on any surface of a client: frames, files, reports, warnings, logs, errors, notebooks."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import pierre_data as pierre
from pierre_data import Client
from pierre_data.auth import new_key
from tests.account_kit import Lab, child_environment
from tests.canary import Canaries, Search, everything_logged, fails
from tests.oauth_kit import ROOT
from tests.oauth_server import OAuthServer, Rules


class Watched(Lab):
    """A lab whose secrets are canaries."""

    def __init__(self, directory: Path) -> None:
        self.canaries = Canaries()
        self.search = Search(self.canaries)
        rules = Rules(client_secret=self.canaries.word("clientsecret"), prefix=self.canaries.word("issued"))
        key = new_key()
        self.canaries.know("key", key)
        super().__init__(OAuthServer(rules), directory, key)

    def look(self, client: Client) -> None:
        """Everything a person sees of a client."""
        frame = client.activities()
        shown = [client, client.registry, client.settings, client.last_report, client.status(), client.check_health()]
        for thing in (*shown, frame, client.athlete(), client.registry["acme"], client.registry.config("acme")):
            self.search.things(thing)
            self.search.text("_repr_html_", getattr(thing, "_repr_html_", lambda: "")() or "")
        self.search.text("frame.attrs", repr(frame.attrs))
        pierre.to_parquet(frame, self.directory / "frame.parquet")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setenv("DISPLAY", ":0")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    watched = Watched(tmp_path)
    with watched.server:
        yield watched


def test_connect_fetch_disconnect_shows_nothing(lab: Watched) -> None:
    with everything_logged(lab.search):
        client = lab.client()
        lab.search.things(client.connect("acme", dialogue=lab.talk()))
        lab.look(client)
        lab.search.things(asyncio.run(client.connect_async("acme", again=True, dialogue=lab.talk())))
        lab.look(client)
        lab.search.tree("while connected", lab.directory)
        lab.search.things(client.disconnect("acme"))
        lab.keep()  # and a token that must be refreshed
        lab.look(lab.client())
    assert lab.server.counts["refresh"] == 1
    assert set(lab.canaries.in_(repr(lab.server.log).encode())) == {"clientsecret", "issued"}  # they did travel
    lab.search.tree("home", lab.directory)
    assert lab.search.found() == []
    assert set(lab.search.places) >= {
        "repr", "pickle", "_repr_html_", "frame.attrs", "log at DEBUG", "warnings", "home: SQLite cells",
        "home: Parquet footer", "home: bytes", "home: names",
    }  # fmt: skip
    print(f"\nsearched: {lab.search.places}")


def refused(lab: Watched) -> Client:
    lab.keep(age_s=600)
    lab.server.refuse_api = 100
    return lab.client()


def echoed(lab: Watched) -> Client:
    lab.keep(age_s=600)
    lab.server.fail_api = 422
    return lab.client()


def over(lab: Watched) -> Client:
    lab.keep()
    lab.server.rules.fail_with, lab.server.rules.echo = 400, True
    return lab.client()


def fixed(lab: Watched) -> Client:
    return lab.client(environ={"PIERRE_ACME_ACCESS_TOKEN": lab.canaries.word("environment")})


def elsewhere(lab: Watched) -> Client:
    lab.keep(age_s=600)
    return lab.client(environ={"PIERRE_ACME_API_BASE_URL": "http://127.0.0.1:9/api"})


def in_the_query(lab: Watched) -> Client:
    lab.keep(age_s=600)
    lab.server.fail_api = 403
    return lab.client(params={"token_param": "token"})


@pytest.mark.parametrize("make", [refused, echoed, over, fixed, elsewhere, in_the_query])
def test_failures_show_nothing(lab: Watched, make: Callable[[Watched], Client]) -> None:
    with everything_logged(lab.search):
        client = make(lab)
        error = fails(lab.search, client.activities)
        assert isinstance(error, pierre.PierreError)
        lab.search.things(client.last_report, client.check_health())
    lab.search.tree("home", lab.directory)
    assert lab.search.found() == []


def test_failed_connects_show_nothing(lab: Watched) -> None:
    with everything_logged(lab.search):
        fails(lab.search, lambda: lab.client().connect("acme", dialogue=lab.talk(deny=True)))
        lab.server.rules.fail_with, lab.server.rules.echo = 400, True
        fails(lab.search, lambda: lab.client().connect("acme", dialogue=lab.talk()))
        lab.server.rules.fail_with = 500
        fails(lab.search, lambda: asyncio.run(lab.client().connect_async("acme", dialogue=lab.talk())))
    lab.search.tree("home", lab.directory)
    assert lab.search.found() == []


def test_a_partial_result_shows_nothing(lab: Watched) -> None:
    echoed(lab)
    client = lab.client("acme", "synthetic")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        frame = client.activities("2026-01-01", "2026-02-01", errors="warn")
    (partial,) = [w.message for w in said if isinstance(w.message, pierre.PartialResultWarning)]
    lab.search.text("PartialResultWarning", f"{partial} {partial!r} {vars(partial)}")
    lab.search.things(partial, client.last_report, frame)
    lab.search.text("frame.attrs", repr(frame.attrs))
    pierre.to_parquet(frame, lab.directory / "frame.parquet")
    lab.search.tree("home", lab.directory)
    assert len(frame) > 0
    assert lab.search.found() == []


def test_libraries_at_debug_are_silent_about_it(lab: Watched) -> None:
    """httpx and httpcore log every request and header at DEBUG: the harness hears them."""
    lab.keep(age_s=600)
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(f"{record.name} {record.getMessage()} {record.args!r}")

    ear, root = Ear(), logging.getLogger()
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        lab.client().activities()
    finally:
        root.removeHandler(ear)
        root.setLevel(logging.WARNING)
    assert heard
    lab.search.text("messages and arguments of log records", "\n".join(heard))
    assert lab.search.found() == []


_BOOK = [
    "%xmode Verbose",
    "import os, sys, tempfile, pathlib, pierre_data as pierre\n"
    "from tests.account_kit import Lab\nfrom tests.oauth_server import OAuthServer, Rules\n"
    "rules = Rules(client_secret=os.environ['LAB_CLIENTSECRET'], prefix=os.environ['LAB_ISSUED'])\n"
    "server = OAuthServer(rules).__enter__()\n"
    "lab = Lab(server, pathlib.Path(os.environ['LAB_HOME']), os.environ['LAB_KEY'])\nclient = lab.client()",
    "await client.connect_async('acme', dialogue=lab.talk())",
    "client.activities()",
    "client.status()",
    "client",
    "client.last_report",
    "server.refuse_api = 100\nlab.client(cache='memory').activities()",
    "server.refuse_api, server.fail_api = 0, 422\nlab.client(cache='memory').activities()",
    "rules.fail_with, rules.echo = 400, True\nclient.connect('acme', again=True, dialogue=lab.talk())",
    "client.disconnect('acme')",
    "rules.fail_with = server.refuse_api = server.fail_api = 0\nfrom pierre_data.secret import Secret\n"
    "other = lab.client(environ={'PIERRE_ACME_CLIENT_SECRET': ''}, user='eve')\n"
    "panel = pierre.widgets.ConnectPanel(other)\npanel",
    "model = panel.model\nmodel.supply('acme', 'CLIENT_SECRET', Secret(rules.client_secret))\n"
    "import time\nwork = model.connect('acme')\n"
    "while (consent := model.card('acme').consent) is None: time.sleep(.01)\n"
    "model.paste('acme', Secret(server.consent(consent.reveal())))\nwork.join(60)\nmodel.card('acme')",
    "fetch = pierre.widgets.FetchProgress(other)\nfetch",
    "_ = fetch.model.start()\nwhile fetch.model.running: time.sleep(.01)\nfetch.model.lines",
]


@pytest.mark.slow
def test_a_notebook_keeps_nothing(lab: Watched) -> None:
    """Executed by nbclient with widget state saved, tracebacks in Verbose mode."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in _BOOK])
    words = {name: lab.canaries.word(name) for name in ("clientsecret", "issued")}
    environ = {f"LAB_{name.upper()}": word for name, word in words.items()}
    environ |= {"LAB_HOME": str(lab.directory), "LAB_KEY": lab.key, "DISPLAY": ":0"}
    runner = NotebookClient(
        book, timeout=120, kernel_name="python3", allow_errors=True, store_widget_state=True,
        resources={"metadata": {"path": str(ROOT)}},
    )  # fmt: skip
    runner.execute(env={**os.environ, **child_environment(lab), **environ})
    nbformat.write(book, lab.directory / "executed.ipynb")
    outcomes = [[output.output_type for output in cell.outputs] for cell in book.cells]
    shown = [["stream"], [], *[["execute_result"]] * 5, *[["error"]] * 3, *[["execute_result"]] * 5]
    assert outcomes == shown, book
    assert "status='connected'" in str(book.cells[-3].outputs), book
    assert book.metadata["widgets"]
    lab.search.tree("executed notebook", lab.directory)
    assert lab.search.found() == []
