"""A person connects, chooses, fetches, cancels, reviews and disconnects, in a real JupyterLab and Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.acme_fit import Api
from tests.browser.lab import Lab, Page

pytestmark = [pytest.mark.chromium, pytest.mark.node]

#: Typed into a key form and the consent page; it may be nowhere afterwards.
CANARY = "canary-5f2c9e1b7a"
CELLS = (
    """import warnings
import acme_fit
import pierre_data as pierre
registry = pierre.ProviderRegistry()
registry.register(acme_fit.descriptor())
client = pierre.Client(["synthetic-watch", "synthetic-phone"], registry=registry, cache="memory")
panel = pierre.widgets.ConnectPanel(client)
panel""",
    "picker = pierre.widgets.ProviderPicker(client)\npicker",
    "sum(range(1000))",
    """review = pierre.widgets.DuplicatesReview(client)
review""",
    "print(client.marks().to_string())\nprint(picker.model.fetching.says)",
    """import pandas as pd
rows = picker.frame.assign(start_time=pd.Timestamp("2026-01-01", tz="UTC"))
harm = pd.concat([rows.assign(provider="a"), rows.assign(provider="b")], ignore_index=True)
pierre.widgets.DuplicatesReview(harm[["provider", "id", "name", "sport", "start_time", "elapsed_s", "distance_m"]])""",
    """from IPython.display import display
display(client, client.last_report, registry["acme"], registry, client.status())""",
    """import time
many = pierre.ProviderRegistry()
for n in range(50 - len(many)):
    many.register(acme_fit.descriptor(f"acme-{n}"))
crowd = pierre.Client("synthetic", registry=many, cache="memory")
began = time.perf_counter()
crowded = pierre.widgets.ConnectPanel(crowd)
print(f"made in {time.perf_counter() - began:.2f} s")
crowded""",
    """wide = pierre.widgets.ProviderPicker(crowd)
wide""",
    """import time; time.sleep(3); print("slept")""",
)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run npm's oidc-provider, with its own login and consent pages."""
    assert shutil.which("npm"), "this test needs Node.js and npm (Debian: nodejs npm)"
    place = tmp_path_factory.mktemp("oidc")
    shutil.copytree(Path(__file__).parents[1] / "oidc", place, dirs_exist_ok=True)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=place, check=True)
    environ = {**os.environ, "OIDC_CLIENT_SECRET": CANARY}
    server = subprocess.Popen(
        ["node", "server.mjs"], cwd=place, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.terminate()
    server.communicate()


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with Api() as running:
        yield running


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, issuer: str, api: Api) -> Iterator[Lab]:
    place = tmp_path_factory.mktemp("lab")
    env = {f"PIERRE_{n}_DIR": str(place / n.lower()) for n in ("CACHE", "DATA", "CONFIG")}
    env |= {"PIERRE_TOKEN_STORE": "memory", "ACME_ISSUER": issuer, "ACME_API": api.url, "PIERRE_PROGRESS": "0"}
    with Lab(place, CELLS, env) as running:
        shutil.copy(Path(__file__).with_name("acme_fit.py"), running.folder)
        yield running


@pytest.fixture(scope="module")
def notebook(browser: Any, lab: Lab, pictures: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    yield Page(page, lab, pictures)
    page.close()


def connect(notebook: Page) -> None:
    """Type id and secret, open the vendor's page, log in, consent."""
    page = notebook.page
    card = page.locator(".pierre-of-acme")
    card.get_by_role("button", name=re.compile("^Enter the keys")).click()
    card.get_by_label("Client id:").fill("client-7")
    card.get_by_label("Client id:").press("Enter")
    card.get_by_label("Client secret:").fill(CANARY)
    card.get_by_label("Client secret:").press("Enter")
    notebook.picture("keys", 0)
    button = card.get_by_role("button", name=re.compile("^Connect"))
    button.wait_for()
    assert card.locator("input[type=password]").count() == 0
    button.click()
    with page.expect_popup() as opened:
        card.get_by_role("link", name="Open the consent page").click()
    consent = opened.value
    consent.locator("[name=login]").fill("ann")
    consent.locator("[name=password]").fill(CANARY)
    consent.locator("button[type=submit]").click()
    consent.locator("button[type=submit]", has_text="Continue").click()
    consent.wait_for_url("http://127.0.0.1:*/callback?*")
    consent.close()
    card.get_by_text("Connected: consent").wait_for()


def test_a_whole_session(notebook: Page, lab: Lab, api: Api) -> None:
    page = notebook.page
    began = time.perf_counter()
    notebook.run(0)
    page.locator(".pierre-of-acme").wait_for()
    print(f"\nconnect panel, import and first paint: {time.perf_counter() - began:.2f} s")
    notebook.picture("connect", 0)
    connect(notebook)
    notebook.picture("connected", 0)

    notebook.run(1)
    choose_acme(notebook)
    notebook.picture("picker", 1)
    fetch_and_cancel(notebook, api)
    page.get_by_text(re.compile("^Cancelled: ")).wait_for()
    api.pause_s = 0.0
    notebook.button("Fetch").click()
    page.get_by_text(re.compile(r"^Done: 1,\d\d\d rows")).wait_for()
    notebook.picture("fetched", 1)

    review(notebook)
    notebook.run(4)
    assert "different" in notebook.output(4).inner_text()
    notebook.run(5)
    notebook.output(5).get_by_text("onerror").first.wait_for()
    notebook.picture("harmless", 5)
    disconnect(notebook)
    notebook.run(6)
    notebook.output(6).get_by_text("Last report").wait_for()
    notebook.picture("reprs", 6)
    crowd(notebook)
    deny(notebook)
    queued(notebook, api)
    notebook.picture("everything")
    clean(notebook, lab, api)


def choose_acme(notebook: Page) -> None:
    output = notebook.output(1)
    output.locator("select").first.select_option(index=index_of(output, "acme"))
    notebook.button("Add").click()
    asked = output.locator("select").nth(1).locator("option")
    asked.nth(2).wait_for(state="attached")
    for left in (2, 1):
        output.locator("select").nth(1).select_option(index=0)
        notebook.button("Remove").click()
        asked.nth(left).wait_for(state="detached")
    output.get_by_text(re.compile("^(About|No request)")).wait_for()
    assert "providers=['acme']" in output.locator("textarea").input_value()


def index_of(output: Any, name: str) -> int:
    texts = output.locator("select").first.locator("option").all_inner_texts()
    return next(at for at, text in enumerate(texts) if f"({name})" in text)


def fetch_and_cancel(notebook: Page, api: Api) -> None:
    """Fetch slowly; meanwhile the kernel runs another cell; then stop."""
    page, output = notebook.page, notebook.output(1)
    notebook.button("Fetch").click()
    output.get_by_text(re.compile(r"[1-9]\d* page")).wait_for()
    began = time.perf_counter()
    notebook.run(2)
    print(f"another cell while fetching: {time.perf_counter() - began:.2f} s")
    assert "499500" in notebook.output(2).inner_text()
    notebook.picture("fetching", 1)
    began = time.perf_counter()
    notebook.button("Cancel").click()
    page.get_by_text(re.compile("^Cancelled")).wait_for()
    print(f"Cancel acknowledged: {1000 * (time.perf_counter() - began):.0f} ms")
    assert api.asked < 40


def review(notebook: Page) -> None:
    notebook.run(3)
    output = notebook.output(3)
    output.get_by_label("From:").fill("2026-01-01")
    output.get_by_label("Before:").fill("2026-02-01")
    output.get_by_label("Before:").press("Enter")
    notebook.button("Load").click()
    output.get_by_text(re.compile(r"\d+ merges among")).wait_for()
    notebook.picture("review", 3)
    output.get_by_role("button", name="Next", exact=True).click()
    output.get_by_role("button", name="Different workouts").click()
    output.get_by_text(re.compile("^Remembered: ")).wait_for()


def disconnect(notebook: Page) -> None:
    card = notebook.page.locator(".pierre-of-acme")
    card.get_by_role("button", name=re.compile("^Disconnect")).click()
    notebook.picture("disconnect-asks", 0)
    card.get_by_role("button", name=re.compile("^Revoke and forget")).click()
    card.get_by_text("forgotten and revoked at the vendor").wait_for()


def crowd(notebook: Page) -> None:
    """Fifty providers, and the keyboard."""
    began = time.perf_counter()
    notebook.run(7)
    notebook.output(7).locator(".pierre-card").nth(19).wait_for()
    print(f"50 providers, first paint: {time.perf_counter() - began:.2f} s; {notebook.output(7).inner_text()[:20]!r}")
    began = time.perf_counter()
    notebook.output(7).get_by_role("button", name="Show all providers").click()
    notebook.output(7).locator(".pierre-card").nth(49).wait_for()
    print(f"all 50 cards: {time.perf_counter() - began:.2f} s")
    notebook.run(8)
    output = notebook.output(8)
    output.locator("select").first.wait_for()
    output.get_by_label("Sport:").select_option("run")
    began = time.perf_counter()
    notebook.page.wait_for_function(
        "() => [...document.querySelectorAll('textarea')].some(t => t.value.includes(\"sport='run'\"))"
    )
    print(f"picker with 50 providers updated: {1000 * (time.perf_counter() - began):.0f} ms")
    output.locator("select").first.focus()
    reached = []
    for _ in range(24):  # a date field takes four
        notebook.page.keyboard.press("Tab")
        reached.append(notebook.page.evaluate("document.activeElement.textContent || document.activeElement.type"))
    assert {"Add", "Remove", "Up", "Down", "Refresh", "Fetch"} <= set(reached), reached


def deny(notebook: Page) -> None:
    """Close the vendor's tab, and stop; then decline."""
    page = notebook.page
    card = page.locator(".pierre-of-acme")
    for way in ("stop", "decline"):
        card.get_by_role("button", name=re.compile("^Connect ")).click()
        with page.expect_popup() as opened:
            card.get_by_role("link", name="Open the consent page").click()
        consent = opened.value
        if way == "stop":
            consent.close()
            card.get_by_role("button", name=re.compile("^Stop connecting")).click()
            card.get_by_text("Connecting was cancelled.").wait_for()
        else:
            consent.get_by_role("link", name="Cancel").click()
            consent.wait_for_url("http://127.0.0.1:*/callback?*")
            consent.close()
            card.get_by_text("declined").wait_for()
    notebook.picture("declined", 0)


def queued(notebook: Page, api: Api) -> None:
    """While a cell runs, clicks wait for its end; then Cancel works."""
    output = notebook.output(8)
    notebook.run(9, wait=False)
    began = time.perf_counter()
    output.get_by_role("button", name="Fetch", exact=True).click()
    output.get_by_text(re.compile("^(Fetching|Done)")).wait_for()
    print(f"a click while a cell slept 3 s: seen after {time.perf_counter() - began:.1f} s")
    output.get_by_text(re.compile("^Done: ")).wait_for()
    assert "slept" in notebook.output(9).inner_text()


def clean(notebook: Page, lab: Lab, api: Api) -> None:
    """Nothing secret is left anywhere, and nothing harmful has run."""
    assert notebook.page.evaluate("window.owned") is None
    assert notebook.page.locator(".jp-OutputArea-output a[href^=javascript]").count() == 0
    assert notebook.page.locator(".jp-OutputArea-output img, .jp-OutputArea-output script").count() == 0
    saved, source = notebook.save(), notebook.page.content()
    assert "application/vnd.jupyter.widget-state+json" in saved
    assert api.bearers
    secrets = {CANARY, *api.bearers}
    for place, text in {"notebook": saved, "page": source, "log": lab.log.read_text()}.items():
        found = [secret for secret in secrets if secret in text]
        assert not found, f"a secret is in the {place}"
        assert "code_challenge" not in text, f"the consent's address is in the {place}"
