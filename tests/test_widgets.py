"""Widgets without a kernel: the plain models, and what their views put into widget state."""

import gc
import json
import re
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

import pierre_data as pierre
from pierre_data.auth import MemoryTokens
from pierre_data.dedupe import Override
from pierre_data.schema import ACTIVITIES
from pierre_data.secret import Secret
from pierre_data.settings import Settings
from pierre_data.spi import Endpoint, OAuthEndpoints, OAuthParams, ProviderDescriptor, fields
from pierre_data.widgets.connect_model import ConnectModel, shared_model
from pierre_data.widgets.parts import link, plain, secret_field
from pierre_data.widgets.picker_model import Choice, PickerModel, cost_line
from pierre_data.widgets.review_model import PAGE, ReviewModel
from tests.browser.acme_fit import PAGES, Api
from tests.browser.acme_fit import descriptor as acme_fit
from tests.oauth_server import OAuthServer, Rules

CANARY = "canary-77aa01"
HARM = "<img src=x onerror=alert(1)><script>alert(2)</script>\x1b[31m$\\href{javascript:alert(3)}{x}$"


def acme(url: str, name: str = "acme", title: str = "Acme") -> ProviderDescriptor:
    return ProviderDescriptor(
        name=name,
        display_name=title,
        api_base_url=f"{url}/api",
        oauth_endpoints=OAuthEndpoints(f"{url}/consent", f"{url}/token", f"{url}/revoke"),
        oauth_params=OAuthParams(any_port=True, revoke="form"),
        default_scopes=("read",),
        register_url="https://acme.example/developers",
        endpoints={ACTIVITIES: Endpoint("/activities", fields("id sport start_time elapsed_s"))},
    )


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with OAuthServer(Rules(client_secret=CANARY, prefix=CANARY)) as running:
        yield running


def client_of(*descriptors: ProviderDescriptor) -> pierre.Client:
    registry = pierre.ProviderRegistry(Settings.read())
    for descriptor in descriptors:
        registry.register(descriptor)
    return pierre.Client("synthetic", registry=registry, cache="memory", tokens=MemoryTokens())


def soon(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def supplied(model: ConnectModel) -> None:
    model.supply("acme", "CLIENT_ID", Secret("client-7"))
    model.supply("acme", "CLIENT_SECRET", Secret(CANARY))


def pages(text: str) -> int:
    found = re.search(r"(\d+) page", text)
    return int(found[1]) if found else 0


def states() -> str:
    """The state of all widgets, as a saved notebook holds it."""
    from ipywidgets import Widget

    return json.dumps(Widget.get_manager_state(), default=str)


# -- connect


def test_a_card_says_what_is_missing_and_where_it_comes_from(server: OAuthServer) -> None:
    card = ConnectModel(client_of(acme(server.url))).card("acme")
    assert card.lacks == ("CLIENT_ID", "CLIENT_SECRET")
    assert card.needs() == (
        "Needs PIERRE_ACME_CLIENT_ID, PIERRE_ACME_CLIENT_SECRET, from https://acme.example/developers."
    )


def test_connect_by_a_pasted_address_then_disconnect(server: OAuthServer) -> None:
    model = ConnectModel(client_of(acme(server.url)))
    supplied(model)
    assert model.card("acme").lacks == ()
    thread = model.connect("acme")
    assert model.connect("acme") is thread, "a second click begins nothing"
    soon(lambda: model.card("acme").consent is not None)
    consent = model.card("acme").consent
    assert consent is not None
    model.paste("acme", Secret(server.consent(consent.reveal())))
    thread.join(60)
    card = model.card("acme")
    assert (card.status, card.says, card.consent, card.doing) == ("connected", "Connected: consent.", None, "")
    assert card.can_disconnect
    model.disconnect("acme").join(60)
    assert "forgotten and revoked" in model.card("acme").says
    assert server.counts["revoke"] == 1
    assert model.card("acme").status == "disconnected"


def test_denied_consent_is_said_in_full(server: OAuthServer) -> None:
    model = ConnectModel(client_of(acme(server.url)))
    supplied(model)
    thread = model.connect("acme")
    soon(lambda: model.card("acme").consent is not None)
    consent = model.card("acme").consent
    assert consent is not None
    model.paste("acme", Secret(server.consent(consent.reveal(), deny=True)))
    thread.join(60)
    assert "declined" in model.card("acme").says
    assert model.card("acme").status == "disconnected"


def test_giving_up(server: OAuthServer) -> None:
    model = ConnectModel(client_of(acme(server.url)))
    supplied(model)
    thread = model.connect("acme")
    soon(lambda: model.card("acme").consent is not None)
    model.cancel("acme")
    thread.join(60)
    assert model.card("acme").says == "Connecting was cancelled."


def test_a_taken_port_is_named(server: OAuthServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        model = ConnectModel(client_of(acme(server.url)))
        supplied(model)
        model.supply("acme", "REDIRECT_URI", Secret(f"http://127.0.0.1:{port}/callback"))
        model.connect("acme").join(60)
    assert str(port) in model.card("acme").says
    assert model.card("acme").doing == ""


def test_without_an_application_the_error_is_shown(server: OAuthServer) -> None:
    model = ConnectModel(client_of(acme(server.url)))
    model.connect("acme").join(60)
    assert "PIERRE_ACME_CLIENT_ID" in model.card("acme").says


def test_two_panels_of_one_client_share_a_model() -> None:
    client = client_of()
    assert (
        pierre.widgets.ConnectPanel(client).model is pierre.widgets.ConnectPanel(client).model is shared_model(client)
    )


def test_a_model_nobody_shows_is_forgotten_and_frees_its_client() -> None:
    model = shared_model(client_of())
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_typed_secret_is_gone_before_anybody_acts_on_it() -> None:
    seen: list[tuple[str, str]] = []
    field = secret_field("Key:", lambda value: seen.append((value.reveal(), field.value)))
    field.value = CANARY
    assert seen == [(CANARY, "")]
    assert CANARY not in states()


def test_no_state_of_a_panel_holds_a_secret(server: OAuthServer) -> None:
    client = client_of(acme(server.url, title=HARM))
    panel = pierre.widgets.ConnectPanel(client)
    model = panel.model
    supplied(model)
    thread = model.connect("acme")
    soon(lambda: model.card("acme").consent is not None)
    consent = model.card("acme").consent
    assert consent is not None
    model.paste("acme", Secret(server.consent(consent.reveal())))
    thread.join(60)
    soon(lambda: "Connected: consent" in states())
    for text in (states(), repr(panel), json.dumps(panel._repr_mimebundle_())):
        assert CANARY not in text
        assert "state=" not in text
        assert "\\u001b" not in text
    model.disconnect("acme").join(60)


def test_a_link_is_an_address_or_nothing() -> None:
    import ipywidgets

    anchor = ipywidgets.HTML()
    link(anchor, Secret('https://acme.example/a?b="><script>alert(1)</script>'), "Open")
    assert anchor.value == ""
    link(anchor, Secret("https://acme.example/a?b=1&c=2"), HARM)
    assert 'href="https://acme.example/a?b=1&amp;c=2"' in anchor.value
    assert "<script>" not in anchor.value
    link(anchor, Secret("javascript:alert(1)"), "Open")
    assert anchor.value == ""


def test_labels_hold_no_terminal_code_and_no_formula() -> None:
    shown = plain(HARM)
    assert not {"\x1b", "$", "\\"} & set(shown)
    assert plain("\x1b[31mred\x1b[0m costs $5") == "red costs ＄5"
    assert "<script>" in shown, "it is shown as text, by widgets that cannot run HTML"


def test_a_broken_provider_has_a_card(tmp_path: Path) -> None:
    import importlib.metadata

    registry = pierre.ProviderRegistry(Settings.read())
    entry = importlib.metadata.EntryPoint("torn", "no_such_module_here:descriptor", "pierre_data.providers")
    registry.register_entry(entry, owner="torn 1.0")
    client = pierre.Client("synthetic", registry=registry, cache="memory", tokens=MemoryTokens())
    card = ConnectModel(client).card("torn")
    assert card.status == "broken"
    assert "no_such_module_here" in card.detail
    assert pierre.widgets.ProviderPicker(client).model.available()


# -- pick


def test_the_code_does_what_the_picker_did() -> None:
    client = pierre.Client(["synthetic-watch"], cache="memory")
    model = PickerModel(client)
    model.add("synthetic-phone")
    model.move("synthetic-phone", -1)
    model.ask_for(after="2026-01-01", before="2026-02-01", sport="run")
    thread = model.fetch()
    assert thread is not None
    thread.join(60)
    space: dict[str, object] = {"client": client}
    exec(model.code, space)
    assert model.fetching.frame is not None
    frame = space["frame"]
    assert isinstance(frame, pd.DataFrame)
    pd.testing.assert_frame_equal(model.fetching.frame, frame)


def test_order_and_membership() -> None:
    model = PickerModel(pierre.Client(["synthetic"], cache="memory"))
    for name in ("synthetic-watch", "synthetic-phone", "no-such", "synthetic"):
        model.add(name)
    assert model.choice.providers == ("synthetic", "synthetic-watch", "synthetic-phone")
    model.move("synthetic", 5)
    model.move("synthetic-phone", -1)
    model.move("no-such", 1)
    assert model.choice.providers == ("synthetic-phone", "synthetic-watch", "synthetic")
    model.remove("synthetic")
    assert [name for _, name in model.available()] == ["synthetic"]


def test_the_cost_line(tmp_path: Path) -> None:
    model = PickerModel(pierre.Client("synthetic", cache="memory"))
    model.ask_for(after="2026-01-01", before="2026-02-01")
    model.estimate()
    assert model.cost.endswith("nothing is cached yet.")
    model.ask_for(after="2026-03-01", before="2026-02-01")
    model.estimate()
    assert "not earlier" in model.cost
    for name in model.choice.providers:
        model.remove(name)
    model.estimate()
    assert "Choose a connected provider" in model.cost
    assert model.fetch() is None


def test_the_cost_is_said_in_words() -> None:
    answer = pd.DataFrame({"requests": [12], "cached_periods": [3], "cached_rows": [90], "seconds": [6.0]})
    assert cost_line(answer) == "About 12 requests (6 s); 3 months or years are cached already, with 90 rows."
    assert cost_line(answer.assign(seconds=600.0)).startswith("About 12 requests (10 min)")


@pytest.mark.parametrize("table", ["sleep", "recovery", "health", "sleep_stages"])
def test_other_tables_have_no_sport(table: str) -> None:
    assert Choice(("synthetic",), table, sport="run").code() == f"frame = client.{table}(providers=['synthetic'])"


def test_views_follow_their_model_and_the_other_way() -> None:
    picker = pierre.widgets.ProviderPicker(pierre.Client("synthetic", cache="memory"))
    picker.model.ask_for(after="2026-01-01", sport="run")
    assert str(picker._after.value) == "2026-01-01"
    picker._sport.value = "ride"
    assert picker.model.choice.sport == "ride"
    assert "sport='ride'" in picker._code.value


def test_after_a_fetch_the_cost_is_that_of_asking_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Api() as api:
        for name, value in (("ACME_API", api.url), ("ACME_ISSUER", api.url), ("PIERRE_ACME_ACCESS_TOKEN", "any")):
            monkeypatch.setenv(name, value)
        api.pause_s = 0.0
        picker = pierre.widgets.ProviderPicker(client_of(acme_fit()))
        picker.model.ask_for(providers=("acme",))
        soon(lambda: picker.model.cost.endswith("nothing is cached yet."))
        thread = picker.model.fetch()
        assert thread is not None
        thread.join(60)
        soon(lambda: "are cached already, with" in picker._cost.value)


# -- fetch


def test_who_observes_a_model_hears_of_its_changes_and_only_of_those() -> None:
    model = pierre.widgets.FetchProgress(pierre.Client("synthetic", cache="memory")).model
    heard: list[object] = []
    model.observe(lambda change: heard.append(change["new"]), "running")
    model.start("2026-01-01", "2026-02-01").join(60)
    assert heard == [True, False]
    assert [line.provider for line in model.lines] == ["synthetic"]
    model.cancel()
    assert model.says.startswith("Done: "), "what has ended cannot be cancelled"


def test_one_provider_fails_and_the_others_arrive() -> None:
    progress = pierre.widgets.FetchProgress(client_of(acme("http://127.0.0.1:9")))
    assert repr(progress) == "Nothing was fetched yet."
    progress.cancel()
    progress.start("2026-01-01", "2026-02-01", providers=["acme", "synthetic"]).join(60)
    assert progress.frame is not None
    assert len(progress.frame) > 0
    assert progress.model.says.startswith("Incomplete: ")
    errors = {line.provider: line.error for line in progress.model.lines}
    assert "acme" in errors["acme"].lower()
    assert errors["synthetic"] == ""


def test_cancel_closes_the_request_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    with Api() as api:
        monkeypatch.setenv("ACME_API", api.url)
        monkeypatch.setenv("ACME_ISSUER", api.url)
        monkeypatch.setenv("PIERRE_ACME_ACCESS_TOKEN", "any")
        progress = pierre.widgets.FetchProgress(client_of(acme_fit()))
        api.pause_s = 0.1
        thread = progress.start(providers=["acme"])
        soon(lambda: any(pages(line.text) >= 12 for line in progress.model.lines))
        api.pause_s = 60.0
        asked = api.asked
        soon(lambda: api.asked > asked)
        began = time.perf_counter()
        progress.cancel()
        thread.join(25)  # of the 30 s of patience
        print(f"\ncancelled after {1000 * (time.perf_counter() - began):.0f} ms")
        assert not thread.is_alive(), "a request that takes 60 s does not hold the cancel up"
        assert progress.model.says.startswith("Cancelled: ")
        assert not progress.model.running
        before, api.pause_s = api.asked, 0.0
        progress.start(providers=["acme"]).join(60)
        assert progress.model.says == "Done: 1,000 rows."
        assert api.asked - before <= PAGES - 4, "the months of this year had arrived and are not asked for again"


def test_a_question_that_makes_no_sense_is_said() -> None:
    progress = pierre.widgets.FetchProgress(pierre.Client("synthetic", cache="memory"))
    progress.start("2026-02-01", "2026-01-01").join(60)
    assert "not earlier" in progress.model.says
    assert not progress.model.running


# -- review


def test_review_of_a_client_marks_and_remembers() -> None:
    client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    review = pierre.widgets.DuplicatesReview(client)
    assert "Nothing was fetched yet" in repr(review)
    assert review.frame is None
    review.model.judge(same=True)
    assert client.marks().empty
    thread = review.model.load("2026-01-01", "2026-02-01")
    assert thread is not None
    thread.join(60)
    before = review.frame
    assert before is not None
    review.model.go(1)
    assert review.model.reason().startswith("Rule: ")
    assert review.model.side_by_side()[0][1:] == review.model.pair()
    review.model.judge(same=False)
    assert client.marks().verdict.tolist() == ["different"]
    after = review.frame
    assert after is not None
    assert len(after) == len(before) + 1
    assert "[different]" in review.model.titles()[1]


def test_a_review_knows_whose_ids_an_alias_has() -> None:
    client = pierre.Client(
        [pierre.provider("synthetic", alias=name, seed=1) for name in ("ann", "bob")], cache="memory"
    )
    assert client.id_spaces == {"ann": "synthetic", "bob": "synthetic"}
    model = ReviewModel(client)
    thread = model.load("2026-01-01", "2026-02-01")
    assert thread is not None
    thread.join(60)
    assert set(model.merges.rule) == {"exact id"}
    pd.testing.assert_frame_equal(model.merges, client.duplicates("2026-01-01", "2026-02-01"))


def test_a_frame_is_reviewed_in_the_order_and_with_the_judgements_it_is_given() -> None:
    client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    rows = client.activities("2026-01-01", "2026-02-01", dedupe=False)
    for priority in (["synthetic-watch", "synthetic-phone"], ["synthetic-phone", "synthetic-watch"]):
        model = ReviewModel(rows, priority=priority)
        assert set(model.merges.kept.str.split(":").str[0]) == {priority[0]}
        apart = Override(False, *(model.pair() or ("", "")))
        assert len(ReviewModel(rows, priority=priority, overrides=[apart]).merges) == len(model.merges) - 1
        model.judge(same=False)
        assert model.overrides == (apart,)
    assert client.marks().empty


def test_harmful_names_reach_only_labels() -> None:
    frame = pd.DataFrame(
        {
            "provider": ["a", "b"],
            "id": ["1", "2"],
            "name": [HARM, HARM],
            "sport": "run",
            "start_time": pd.Timestamp("2026-01-01", tz="UTC"),
            "elapsed_s": 3600.0,
        }
    )
    review = pierre.widgets.DuplicatesReview(frame, priority=["a", "b"])
    assert review.model.pair() == ("a:1", "b:2")
    shown = [cell for row in review._cells for cell in row if "onerror" in cell.value]
    assert shown
    assert {type(cell).__name__ for cell in shown} == {"Label"}


def test_many_merges_are_listed_by_the_page() -> None:
    times = pd.date_range("2020-01-01", periods=5_000, freq="3h", tz="UTC").repeat(2)
    frame = pd.DataFrame({"start_time": times, "sport": "run", "elapsed_s": 3600.0})
    frame["provider"], frame["id"] = ["a", "b"] * 5_000, [str(n) for n in range(10_000)]
    began = time.perf_counter()
    model = ReviewModel(frame, priority=["a", "b"])
    print(f"\n10,000 rows to review: {time.perf_counter() - began:.2f} s")
    assert len(model.merges) == 5_000
    assert len(model.titles()) == PAGE
    model.go(10**9)
    assert model.at == 4_999
    assert len(model.titles()) == PAGE
    model.go(-5)
    assert model.at == 0


def test_a_question_nobody_can_answer_is_no_traceback() -> None:
    model = ReviewModel(pierre.Client("synthetic", cache="memory"))
    thread = model.load("yesterday")
    assert thread is not None
    thread.join(60)
    assert "no date" in model.says
