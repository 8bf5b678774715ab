"""Accounts through the client: connect, stay connected, disconnect."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import pierre_data as pierre
from pierre_data import Client, ProviderRegistry
from pierre_data.auth import Account, Dialogue, new_key
from pierre_data.settings import Settings
from pierre_data.spi import Option
from tests.account_kit import ME, Lab, acme, child_environment
from tests.nursery import Child
from tests.oauth_kit import ROOT
from tests.oauth_server import OAuthServer


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("DISPLAY", ":0")  # a computer with a screen
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    with OAuthServer() as server:
        server.rules.dialect = lambda body: {**body, "athlete": "41"}
        yield Lab(server, tmp_path, new_key())


def asked(lab: Lab, path: str = "/api/activities") -> int:
    return sum(target == path for _, target, _, _ in lab.server.log)


def test_connect_fetch_status_disconnect(lab: Lab) -> None:
    client = lab.client()
    with pytest.raises(pierre.NotConnected, match=r'client.connect\("acme"\)'):
        client.activities()
    done = client.connect("acme", dialogue=lab.talk())
    assert (done.how, dict(done.missing)) == ("consent", {})
    assert list(client.activities()["id"]) == ["8", "7"]
    row = client.status().set_index("provider").loc["acme"]
    assert row[["connected", "status", "account", "scopes", "encrypted"]].to_list() == [
        True, "connected", "41", "read write", True,
    ]  # fmt: skip
    assert row.kept == str(lab.directory / "data" / "tokens")
    assert pd.Timedelta(minutes=59) < row.expires - pd.Timestamp.now("UTC") <= pd.Timedelta(hours=1)
    assert row.offers == "activities, athlete"
    assert client.connect("acme", dialogue=lab.talk()).how == "stored"
    gone = client.disconnect("acme")
    assert (gone.forgotten, gone.left) == (True, ())
    assert lab.server.counts["revoke"] == 1
    assert not list((lab.directory / "data" / "tokens").glob("*.token"))
    with pytest.raises(pierre.NotConnected):  # nothing of that account is shown from the cache
        client.activities()
    assert client.status().set_index("provider").loc["acme", "status"] == "disconnected"
    assert not {"httpx2", "authlib.integrations"} & set(sys.modules)  # CI runs this with httpx2 installed


def test_status_without_anything_connected_asks_no_keyring(lab: Lab) -> None:
    frame = lab.client("synthetic", environ={"PIERRE_TOKEN_KEY": ""}).status()
    assert frame.set_index("provider").connected.to_dict() == {"acme": False, "synthetic": True}
    assert frame.dtypes.astype(str)["expires"] == "datetime64[us, UTC]"
    assert not (lab.directory / "data").exists()


def test_connect_async_leaves_the_loop_free(lab: Lab) -> None:
    lab.server.rules.delay_s = 0.3
    client, ticks = lab.client(), 0

    async def cell() -> str:
        nonlocal ticks
        task = asyncio.create_task(client.connect_async("acme", dialogue=lab.talk()))
        while not task.done():
            await asyncio.sleep(0.02)
            ticks += 1
        return (await task).how

    assert asyncio.run(cell()) == "consent"
    assert ticks >= 5
    assert len(client.activities()) == 2


def test_a_cancelled_connect_async_ends_its_wait(lab: Lab) -> None:
    client, shown = lab.client(), threading.Event()
    silent = Dialogue(lambda url, advice: shown.set(), open_browser=lambda url: None)

    async def cell() -> None:
        task = asyncio.create_task(client.connect_async("acme", dialogue=silent))
        await asyncio.to_thread(shown.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cell())
    assert [t for t in threading.enumerate() if t.name.startswith("asyncio_")] == []


def test_an_expired_token_is_refreshed_once(lab: Lab) -> None:
    lab.keep()
    client = lab.client()
    assert len(client.activities()) == 2
    assert len(client.athlete()) == 1
    assert lab.server.counts["refresh"] == 1


def test_a_401_refreshes_once_and_only_once(lab: Lab) -> None:
    lab.keep(age_s=600)
    lab.server.refuse_api = 1
    client = lab.client()
    assert len(client.activities()) == 2
    assert (lab.server.counts["refresh"], asked(lab)) == (1, 2)
    lab.keep(age_s=600)
    lab.server.refuse_api = 100
    with pytest.raises(pierre.AuthenticationFailed):
        lab.client(cache="memory").activities()
    assert (lab.server.counts["refresh"], asked(lab)) == (2, 4)


def test_a_token_just_issued_and_refused_is_not_refreshed(lab: Lab) -> None:
    lab.keep(age_s=1)
    lab.server.refuse_api = 100
    with pytest.raises(pierre.AuthenticationFailed, match=r"HTTP 401 .* or connect again"):
        lab.client().activities()
    assert (lab.server.counts["refresh"], asked(lab)) == (0, 1)


def test_a_consent_that_is_over_says_how_to_go_on(lab: Lab) -> None:
    lab.keep()
    lab.server.families[-1].revoked = True
    client = lab.client()
    with pytest.raises(pierre.TokenRefreshFailed, match=r'Connect again: client.connect\("acme"\)'):
        client.activities()
    assert client.connect("acme", again=True, dialogue=lab.talk()).how == "consent"
    assert len(client.activities()) == 2


def test_a_failed_revoke_is_said_and_the_token_is_gone(lab: Lab) -> None:
    lab.keep(age_s=600)
    lab.server.rules.revoke_status = 500
    client = lab.client()
    assert len(client.activities()) == 2
    done = client.disconnect("acme")
    assert done.forgotten
    assert "did not confirm that the token is revoked" in done.left[0]
    assert done.left[0].endswith(f"{lab.server.url}/apps.")
    assert lab.store().load(ME) is None


def test_a_variable_that_is_still_set_is_said(lab: Lab) -> None:
    done = lab.client(environ={"PIERRE_ACME_ACCESS_TOKEN": "x"}).disconnect("acme")
    assert not done.forgotten
    assert done.left == ("PIERRE_ACME_ACCESS_TOKEN is still set: unset it.",)


def test_disconnect_deletes_this_accounts_cache_only(lab: Lab) -> None:
    for user in ("ann", "bob"):
        lab.keep(age_s=600, account=Account("acme", "default", user))
        assert len(lab.client(user=user).activities()) == 2
    lab.client(user="ann").disconnect("acme")
    before = asked(lab)
    assert len(lab.client(user="bob").activities()) == 2
    assert asked(lab) == before
    with pytest.raises(pierre.NotConnected):
        lab.client(user="ann").activities()


@pytest.mark.parametrize("options", [{}, {"athlete": Option(str, required=True, from_account=True)}])
def test_after_a_disconnect_everything_is_fetched_anew(lab: Lab, options: dict[str, Option]) -> None:
    client = lab.client(params={"options": options})
    for times in (1, 2):
        client.connect("acme", dialogue=lab.talk())
        assert len(client.activities()) == len(client.activities()) == 2
        assert asked(lab) == times
        client.disconnect("acme")


def test_what_another_process_does_is_seen_at_once(lab: Lab) -> None:
    here, there = lab.client(), lab.client()
    with pytest.raises(pierre.NotConnected):
        here.activities()
    there.connect("acme", dialogue=lab.talk())
    assert len(here.activities()) == 2
    there.disconnect("acme")
    with pytest.raises(pierre.NotConnected):
        here.activities()
    there.connect("acme", dialogue=lab.talk())
    assert len(here.activities()) == 2


def test_another_account_does_not_see_the_first_ones_cache(lab: Lab) -> None:
    client = lab.client()
    client.connect("acme", dialogue=lab.talk())
    assert list(client.activities()["id"]) == ["8", "7"]
    lab.server.rules.dialect = lambda body: {**body, "athlete": "42"}
    lab.server.api["/api/activities"] = [{"id": 9, "sport": "run", "start": "2026-03-05T07:00:00Z", "seconds": 60}]
    client.connect("acme", again=True, dialogue=lab.talk())
    assert list(client.activities()["id"]) == ["9"]
    before = asked(lab)
    client.connect("acme", again=True, dialogue=lab.talk())  # the same account: what is kept stays
    assert list(client.activities()["id"]) == ["9"]
    assert asked(lab) == before


def test_tenants_and_users_are_separate(lab: Lab) -> None:
    client = lab.client(tenant="lab", user="ann")
    client.connect("acme", dialogue=lab.talk())
    assert len(client.activities()) == 2
    for other in ({"tenant": "lab", "user": "bob"}, {"tenant": "other", "user": "ann"}, {}):
        with pytest.raises(pierre.NotConnected):
            lab.client(**other).activities()


def test_threads_of_two_clients_share_one_refresh(lab: Lab) -> None:
    lab.keep()
    lab.server.rules.delay_s = 0.2
    clients = [lab.client(cache="memory"), lab.client(cache="memory")]
    gate, found = threading.Barrier(6), list[int]()

    def ask(client: Client) -> None:
        gate.wait(60)
        found.append(len(client.activities()))

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2] * 6
    assert (lab.server.counts["refresh"], lab.server.counts["reuse"]) == (1, 0)


def test_processes_share_one_refresh(lab: Lab) -> None:
    lab.keep()
    lab.server.rules.delay_s = 0.2
    how = {"module": True, "env": child_environment(lab), "files": (None, None, 2)}
    crowd = [Child("tests.account_kit", [lab.server.url], **how) for _ in range(2)]
    for process in crowd:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0].strip() for process in crowd] == ['["8", "7"]'] * 2
    assert (lab.server.counts["refresh"], lab.server.counts["reuse"]) == (1, 0)


def test_a_client_without_names_finds_what_is_connected(lab: Lab) -> None:
    registry = ProviderRegistry(lab.settings())
    registry.register(acme(lab.server.url))
    with pytest.warns(pierre.SyntheticDataNotice):
        assert Client(registry=registry).providers == ("synthetic",)
    lab.keep(age_s=600)
    found = Client(registry=registry)
    assert found.providers == ("acme",)
    assert len(found.activities()) == 2


def test_a_missing_application_names_its_variables_and_where_to_register(lab: Lab) -> None:
    client = lab.client(environ={"PIERRE_ACME_CLIENT_ID": "", "PIERRE_ACME_CLIENT_SECRET": ""})
    with pytest.raises(pierre.ConfigurationError) as caught:
        client.connect("acme", dialogue=lab.talk())
    for word in ("PIERRE_ACME_CLIENT_ID", "PIERRE_ACME_CLIENT_SECRET", "https://acme.example/developers"):
        assert word in str(caught.value)


def test_denied_consent_keeps_what_was_there(lab: Lab) -> None:
    client = lab.client()
    client.connect("acme", dialogue=lab.talk())
    with pytest.raises(pierre.AuthenticationFailed):
        client.connect("acme", again=True, dialogue=lab.talk(deny=True))
    assert len(client.activities()) == 2


def test_scopes_that_were_not_granted_are_named(lab: Lab) -> None:
    lab.server.rules.granted = "write"
    client = lab.client()
    done = client.connect("acme", dialogue=lab.talk())
    assert done.missing == {"activities": ("read",), "athlete": ("read",)}
    assert client.status().set_index("provider").loc["acme", "scopes"] == "write"


def test_an_unwritable_home_keeps_the_token_in_memory_and_says_so(lab: Lab) -> None:
    (lab.directory / "file").write_text("in the way")
    client = lab.client(environ={"PIERRE_DATA_DIR": str(lab.directory / "file" / "data")})
    with pytest.warns(pierre.StorageNotice, match="kept in memory"):
        client.connect("acme", dialogue=lab.talk())
    assert len(client.activities()) == 2
    row = client.status().set_index("provider").loc["acme"]
    assert (row.connected, row.kept) == (True, "memory")


def test_a_corrupt_token_is_set_aside_and_said(lab: Lab) -> None:
    lab.keep(age_s=600)
    (file,) = (lab.directory / "data" / "tokens").glob("*.token")
    file.write_bytes(b"{")
    client = lab.client()
    with pytest.warns(pierre.StorageNotice, match="corrupt and is set aside"), pytest.raises(pierre.NotConnected):
        client.activities()
    assert len(list(file.parent.glob("*.corrupt-*"))) == 1
    client.connect("acme", dialogue=lab.talk())
    assert len(client.activities()) == 2


def test_a_token_that_cannot_be_read_is_said_by_status(lab: Lab) -> None:
    lab.keep(age_s=600)
    (file,) = (lab.directory / "data" / "tokens").glob("*.token")
    file.rename(file.with_name("elsewhere"))
    file.symlink_to(file.with_name("elsewhere"))
    row = lab.client().status().set_index("provider").loc["acme"]
    assert row.status == "disconnected"
    assert "symbolic link" in row.detail


def test_a_keyring_that_hangs_does_not_hang_us(lab: Lab) -> None:
    lab.keep(age_s=600)
    code = (
        "import sys, pierre_data as pierre; from tests.account_kit import acme\n"
        "registry = pierre.ProviderRegistry(); registry.register(acme(sys.argv[1]))\n"
        "print(pierre.Client(['acme'], registry=registry).status().set_index('provider').loc['acme', 'status'])"
    )
    environ = child_environment(lab, PYTHON_KEYRING_BACKEND="tests.hanging_keyring.Hanging", PYTHONWARNINGS="always")
    del environ["PIERRE_TOKEN_KEY"]
    words = [sys.executable, "-c", code, lab.server.url]
    # The keyring never answers; who waits for it is stopped.
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert done.stdout == "disconnected\n", done.stderr
    assert "did not answer within 3 s" in done.stderr


@pytest.mark.parametrize("url", ["http://acme.example/api", "ftp://127.0.0.1/api", "acme.example"])
def test_an_address_that_is_neither_https_nor_loopback(lab: Lab, url: str) -> None:
    lab.keep(age_s=600)
    with pytest.raises(pierre.ConfigurationError, match="PIERRE_ACME_API_BASE_URL is neither https nor loopback"):
        lab.client(environ={"PIERRE_ACME_API_BASE_URL": url}).activities()
    assert lab.server.log == []


def test_a_token_goes_to_its_own_host_only(lab: Lab) -> None:
    lab.keep()
    with OAuthServer() as thief:
        for name in ("API_BASE_URL", "TOKEN_URL"):
            client = lab.client(environ={f"PIERRE_ACME_{name}": f"{thief.url}/api"}, cache="memory")
            with pytest.raises(pierre.ConfigurationError, match=r"is not sent to 127\.0\.0\.1"):
                client.activities()
        done = lab.client(environ={"PIERRE_ACME_REVOKE_URL": f"{thief.url}/revoke"}).disconnect("acme")
        assert "was not sent to" in done.left[0]
        assert thief.log == []


def test_settings_of_another_environment_do_not_leak_in(lab: Lab) -> None:
    assert Settings.read(lab.environ).text("acme", "CLIENT_ID") == lab.server.rules.client_id
    assert lab.server.rules.client_secret not in repr(lab.client()) + repr(lab.settings())


def test_two_accounts_at_one_vendor_under_aliases(lab: Lab) -> None:
    both = [pierre.provider("acme", alias=name) for name in ("ann", "bob")]
    client = lab.client(
        *both, environ={"PIERRE_ACME_CLIENT_ID": "", "PIERRE_ANN_CLIENT_ID": lab.server.rules.client_id}
    )
    with pytest.raises(pierre.NotConnected, match=r'client.connect\("ann"\)'):
        client.activities(providers="ann")
    assert client.connect("ann", dialogue=lab.talk()).how == "consent"
    assert client.activities(providers="ann").sources.tolist() == ["ann:8", "ann:7"]
    assert client.status().set_index("provider").status[["ann", "bob"]].tolist() == ["connected", "disconnected"]
    with pytest.raises(pierre.ConfigurationError, match="PIERRE_BOB_CLIENT_ID"):
        client.connect("bob", dialogue=lab.talk())
    assert lab.store().load(Account("ann")) is not None
    assert client.disconnect("ann").forgotten
    assert lab.store().load(Account("ann")) is None
