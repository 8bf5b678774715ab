"""Against npm's oidc-provider 9: an OAuth server nobody here wrote, its consent forms filled in without a browser."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from pierre_data.auth import Dialogue, MemoryTokens, StoredToken, connect, disconnect
from pierre_data.auth.consent import Consent
from pierre_data.auth.environment import Environment
from pierre_data.auth.identities import TokenSource
from pierre_data.auth.token_response import TokenRefused
from pierre_data.auth.tokens import utc_now
from pierre_data.errors import AuthenticationFailed, TokenRefreshFailed
from pierre_data.secret import Secret
from pierre_data.spi import OAuthEndpoints, OAuthParams, ProviderConfig, ProviderDescriptor
from tests.oauth_kit import ME, link

pytestmark = pytest.mark.node

SECRET = "oidc-client-secret-of-this-test"
BACK = "http://127.0.0.1:8123/callback"
Acme = tuple[ProviderDescriptor, ProviderConfig]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The running server's address; npm installs exactly what the lock file says."""
    assert shutil.which("npm"), "these tests need Node.js and npm (Debian: nodejs npm)"
    place = tmp_path_factory.mktemp("oidc")
    shutil.copytree(Path(__file__).parent / "oidc", place, dirs_exist_ok=True)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=place, check=True)
    server = subprocess.Popen(
        ["node", "server.mjs"],
        cwd=place,
        env={**os.environ, "OIDC_CLIENT_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.terminate()
    server.communicate()


@pytest.fixture
def acme(issuer: str) -> Acme:
    urls = OAuthEndpoints(f"{issuer}/auth", f"{issuer}/token", f"{issuer}/token/revocation")
    params = OAuthParams(use_pkce=True, any_port=True, revoke="form")
    descriptor = ProviderDescriptor(
        name="acme", display_name="Acme", api_base_url=issuer, oauth_endpoints=urls, oauth_params=params
    )
    config = ProviderConfig(
        "acme",
        api_base_url=issuer,
        auth_url=urls.auth_url,
        token_url=urls.token_url,
        revoke_url=urls.revoke_url or "",
        client_id="client-7",
        client_secret=Secret(SECRET),
        scopes=("read", "write"),
    )
    return descriptor, config


def consent_by_hand(url: str, *, deny: bool = False) -> str:
    """Log in and consent by the server's own forms; the address the browser is finally sent to."""
    with httpx.Client() as browser:
        answer = browser.get(url)
        for _ in range(12):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["location"])
                if url.startswith("http://127.0.0.1") and "/callback?" in url:
                    return url
                answer = browser.get(url)
                continue
            form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
            assert form is not None, answer.text[:300]
            if deny:
                abort = re.search(r'href="([^"]+/abort)"', answer.text)
                assert abort is not None
                url = urljoin(url, abort[1])
                answer = browser.get(url)
                continue
            fields = {"prompt": "login", "login": "ann", "password": "any"}
            found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
            url = urljoin(url, html.unescape(form[1]))
            answer = browser.post(url, data=fields if found.get("prompt") != "consent" else found)
    raise AssertionError("the consent never ended")


def connected(acme: Acme) -> StoredToken:
    consent = link(*acme).authorize(BACK)
    return link(*acme).exchange(consent, consent_by_hand(consent.url))


def over(token: StoredToken) -> StoredToken:
    return replace(token, expires_at=utc_now())


def test_code_pkce_refresh_and_reuse(acme: Acme) -> None:
    token = connected(acme)
    assert token.scopes == ("read", "write")
    assert token.refresh is not None
    store = MemoryTokens()
    store.save(ME, over(token))
    first = TokenSource(link(*acme, store))()
    assert first != token.access
    rotated = store.load(ME)
    assert rotated is not None
    assert rotated.refresh != token.refresh

    store.save(ME, over(token))  # somebody restores a backup: the used refresh token is refused ...
    with pytest.raises(TokenRefreshFailed, match="invalid_grant"):
        TokenSource(link(*acme, store))()
    store.save(ME, over(rotated))  # ... and with it the whole family is gone
    with pytest.raises(TokenRefreshFailed, match="invalid_grant"):
        TokenSource(link(*acme, store))()


@pytest.mark.parametrize("verifier", [Secret("x" * 64), None])
def test_a_wrong_or_missing_verifier_is_refused(acme: Acme, verifier: Secret | None) -> None:
    consent = link(*acme).authorize(BACK)
    back = consent_by_hand(consent.url)
    with pytest.raises(TokenRefused, match="invalid_grant"):
        link(*acme).exchange(replace(consent, verifier=verifier), back)


def test_without_pkce_there_is_no_consent(acme: Acme) -> None:
    descriptor, config = acme
    bare = replace(descriptor, oauth_params=OAuthParams(any_port=True))
    consent = link(bare, config).authorize(BACK)
    with pytest.raises(AuthenticationFailed, match="requires PKCE"):
        link(bare, config).exchange(consent, consent_by_hand(consent.url))


def test_a_replayed_code_is_refused(acme: Acme) -> None:
    consent = link(*acme).authorize(BACK)
    back = consent_by_hand(consent.url)
    link(*acme).exchange(consent, back)
    with pytest.raises(TokenRefused, match="invalid_grant"):
        link(*acme).exchange(consent, back)


def test_a_wrong_secret_is_refused(acme: Acme) -> None:
    descriptor, config = acme
    consent = link(descriptor, config).authorize(BACK)
    wrong = replace(config, client_secret=Secret("not-the-secret"))
    with pytest.raises(TokenRefused, match="Check the client id and secret"):
        link(descriptor, wrong).exchange(consent, consent_by_hand(consent.url))


def test_a_denial(acme: Acme) -> None:
    consent = link(*acme).authorize(BACK)
    with pytest.raises(AuthenticationFailed, match="declined"):
        link(*acme).exchange(consent, consent_by_hand(consent.url, deny=True))


def test_an_answer_to_another_question(acme: Acme) -> None:
    mine, other = link(*acme).authorize(BACK), link(*acme).authorize(BACK)
    assert isinstance(other, Consent)
    with pytest.raises(AuthenticationFailed, match="another question"):
        link(*acme).exchange(mine, consent_by_hand(other.url))


def test_connect_through_the_receiver_and_disconnect(acme: Acme) -> None:
    store = MemoryTokens()
    with ThreadPoolExecutor(1) as browser:
        pages: list[Future[int]] = []
        talk = Dialogue(
            lambda url, advice: None,
            lambda url: pages.append(browser.submit(lambda: httpx.get(consent_by_hand(url)).status_code)),
        )
        done = connect(*acme, store, ME, talk, here=Environment("local", "this computer"))
        assert pages[0].result(60) == 200
    assert done.token == store.load(ME)
    assert done.token is not None
    assert done.token.refresh is not None
    gone = disconnect(*acme, store, ME)
    assert (gone.forgotten, gone.left) == (True, ())
    store.save(ME, over(done.token))
    with pytest.raises(TokenRefreshFailed):
        TokenSource(link(*acme, store))()
