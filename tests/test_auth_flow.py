"""The code flow against a strict server, in the dialects of the vendors."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pierre_data.auth import StoredToken
from pierre_data.auth.consent import read_redirect
from pierre_data.auth.token_response import TokenRefused, missing_scopes
from pierre_data.auth.tokens import utc_now
from pierre_data.errors import ApiError, AuthenticationFailed, ConfigurationError, NetworkError, PierreError
from pierre_data.providers.strava import descriptor as strava
from pierre_data.secret import Secret
from pierre_data.spi import ProviderDescriptor
from tests.oauth_kit import link, provider, token_for
from tests.oauth_server import OAuthServer, Rules

BACK = "http://127.0.0.1:8123/callback"


def through(server: OAuthServer, **params: Any) -> StoredToken:
    """A whole consent."""
    descriptor, config = provider(server.url, **params)
    consent = link(descriptor, config).authorize(BACK)
    return link(descriptor, config).exchange(consent, server.consent(consent.url))


def test_consent_to_token() -> None:
    with OAuthServer() as server:
        token = through(server)
        host = server.url.removeprefix("http://")
        assert server.valid(token.access.reveal())
        assert token.scopes == ("read", "write")
        assert (token.issued_host, token.token_host) == (host, host)
        assert token.expires_at is not None
        assert token.expires_at - token.obtained_at == dt.timedelta(hours=1)


def test_pkce_is_really_sent_and_checked() -> None:
    with OAuthServer(Rules(pkce=True)) as server:
        through(server, use_pkce=True)
        assert len(server.log[0][2]["code_verifier"]) >= 43
        descriptor, config = provider(server.url, use_pkce=True)
        consent = link(descriptor, config).authorize(BACK)
        wrong = replace(consent, verifier=Secret("x" * 64))
        with pytest.raises(TokenRefused, match="invalid_grant"):
            link(descriptor, config).exchange(wrong, server.consent(consent.url))
    without = link(*provider("http://127.0.0.1:9")).authorize(BACK)
    assert without.verifier is None
    assert "code_challenge" not in without.url


@pytest.mark.parametrize("auth", ["body", "basic", "none"])
def test_client_authentication(auth: str) -> None:
    with OAuthServer(Rules(client_auth=auth)) as server:
        secret = "" if auth == "none" else "server-secret"
        assert server.valid(through(server, client_auth=auth, client_secret=secret).access.reveal())


def test_commas_extra_parameters_and_fewer_scopes_than_asked() -> None:
    with OAuthServer(Rules(granted="read")) as server:
        params = {"scope_separator": ",", "additional_auth_params": (("approval_prompt", "auto"),)}
        descriptor, config = provider(server.url, **params, additional_token_params=(("action", "requesttoken"),))
        consent = link(descriptor, config).authorize(BACK)
        asked = parse_qs(urlsplit(consent.url).query)
        assert asked["scope"] == ["read,write"]
        assert asked["approval_prompt"] == ["auto"]
        assert link(descriptor, config).exchange(consent, server.consent(consent.url)).scopes == ("read",)
        assert server.log[0][2]["action"] == "requesttoken"


def test_scopes_of_the_redirect_count_when_the_body_names_none() -> None:
    """Strava: the athlete may untick scopes, and only the redirect says so."""
    with OAuthServer(Rules(granted="read", dialect=lambda b: {k: v for k, v in b.items() if k != "scope"})) as server:
        token = through(server, scope_separator=",")
        assert token.scopes == ("read",)
    assert missing_scopes(strava, token.scopes)["activities"] == ("activity:read",)


def test_a_larger_scope_includes_a_smaller_one() -> None:
    assert strava.oauth_params is not None
    params = replace(strava.oauth_params, implied_scopes=(("activity:read_all", "activity:read"),))
    assert missing_scopes(replace(strava, oauth_params=params), strava.default_scopes) == {}


def nested(body: dict[str, Any]) -> dict[str, Any]:
    return {"status": 0, "body": {**body, "userid": 42}}


def read_nested(body: Mapping[str, Any]) -> Mapping[str, Any]:
    if body.get("status") != 0:
        return {"error": f"status {body.get('status')}", "error_description": body.get("error")}
    return {**body["body"], "account": body["body"]["userid"]}


def camel(body: dict[str, Any]) -> dict[str, Any]:
    words = {"access_token": "accessToken", "refresh_token": "refreshToken", "expires_in": "expiresIn"}
    return {words.get(name, name): value for name, value in body.items()} | {"openId": "id-9"}


def read_camel(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "access_token": body["accessToken"],
        "refresh_token": body["refreshToken"],
        "expires_in": body["expiresIn"],
        "account": body["openId"],
    }


def absolute(body: dict[str, Any]) -> dict[str, Any]:
    life = body.pop("expires_in")
    return {**body, "expires_at": int(utc_now().timestamp() + life), "athlete": {"id": 12345678901234}}


@pytest.mark.parametrize(
    ("dialect", "params", "account"),
    [
        (nested, {"read_token": read_nested}, "42"),
        (camel, {"read_token": read_camel}, "id-9"),
        (absolute, {"account": "athlete.id"}, "12345678901234"),
        (lambda b: {**b, "expires_in": str(b["expires_in"])}, {}, ""),
        (lambda b: {**b, "scope": ["read", "write"]}, {}, ""),
    ],
    ids=["nested", "camel", "absolute", "text", "list"],
)
def test_dialects(dialect: Callable[[dict[str, Any]], dict[str, Any]], params: dict[str, Any], account: str) -> None:
    with OAuthServer(Rules(dialect=dialect)) as server:
        token = through(server, **params)
        assert server.valid(token.access.reveal())
        assert token.refresh is not None
        assert token.account == account
        assert token.expires_at is not None
        assert abs((token.expires_at - token.obtained_at).total_seconds() - 3600) < 5


@pytest.mark.parametrize("offset_s", [-600.0, 600.0])
def test_absolute_expiry_is_measured_by_the_vendors_clock(offset_s: float) -> None:
    def skewed(body: dict[str, Any]) -> dict[str, Any]:
        return {**absolute(body), "expires_at": int(utc_now().timestamp() + offset_s + 3600)}

    with OAuthServer(Rules(dialect=skewed, clock_offset_s=offset_s)) as server:
        token = through(server)
        assert token.expires_at is not None
        assert abs((token.expires_at - token.obtained_at).total_seconds() - 3600) < 5


def test_an_error_with_status_200_is_an_error() -> None:
    rules = Rules(dialect=lambda _: {"status": 293, "error": {"a": 1}, "body": {}})
    with OAuthServer(rules) as server, pytest.raises(TokenRefused, match="status 293"):
        through(server, read_token=read_nested)


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, {"status": "x"}, {"access_token": ["a"]}])
def test_an_answer_without_token(body: dict[str, Any]) -> None:
    with OAuthServer(Rules(dialect=lambda _: body)) as server, pytest.raises(PierreError, match="without a token"):
        through(server, read_token=read_camel if "status" in body else None)


def test_replayed_code() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        consent = link(descriptor, config).authorize(BACK)
        back = server.consent(consent.url)
        link(descriptor, config).exchange(consent, back)
        with pytest.raises(TokenRefused, match="invalid_grant") as caught:
            link(descriptor, config).exchange(consent, Secret(back))
        assert "code-" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda back: back.replace("state=", "state=x"), "another question"),
        (lambda back: back.replace("state=", "other="), "another question"),
        (lambda back: back.replace("code=", "other="), "no code"),
        (lambda back: f"{back}&code=second", "twice"),
        (lambda back: f"{back}&error=access_denied", "declined"),
        (lambda back: f"{BACK}?error=access_denied", "declined"),
        (lambda back: f"{BACK}?error=<script>alert(1)</script>&error_description=%1b[2J", "answered"),
        (lambda back: f"{BACK}#{back.partition('?')[2]}&access_token=evil", "another question"),
        (lambda back: "code-only", "another question"),
        (lambda back: "", "another question"),
        (lambda back: "http://[::1", "twice, or is no address"),
    ],
)
def test_answers_that_are_not_ours(change: Callable[[str], str], says: str) -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        consent = link(descriptor, config).authorize(BACK)
        with pytest.raises(AuthenticationFailed, match=says) as caught:
            link(descriptor, config).exchange(consent, change(server.consent(consent.url)))
        assert server.log == []  # nothing was asked of the token endpoint
        assert "\x1b" not in str(caught.value)


def test_a_denial_never_becomes_another_grant() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        consent = link(descriptor, config).authorize(BACK)
        with pytest.raises(AuthenticationFailed, match="declined"):
            link(descriptor, config).exchange(consent, server.consent(consent.url, deny=True))
        assert server.log == []


def test_no_address_is_ever_ours_by_chance() -> None:
    consent = link(*provider("http://127.0.0.1:9")).authorize(BACK)

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=200))
    def refused(address: str) -> None:
        with pytest.raises(AuthenticationFailed):
            read_redirect(consent, Secret(address))

    refused()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"client_id": ""}, ("PIERRE_ACME_CLIENT_ID", "https://acme.example/developers")),
        ({"client_secret": None}, ("PIERRE_ACME_CLIENT_SECRET", "https://acme.example/developers")),
        ({"client_secret": Secret("pasted\nsecret")}, ("PIERRE_ACME_CLIENT_SECRET", "Copy")),
        ({"auth_url": "http://acme.example/consent"}, ("PIERRE_ACME_AUTH_URL", "https")),
        ({"token_url": "http://acme.example/token"}, ("PIERRE_ACME_TOKEN_URL", "https")),
        ({"token_url": "", "auth_url": ""}, ("not connected by consent",)),
    ],
)
def test_what_is_missing_is_named(change: dict[str, Any], names: tuple[str, ...]) -> None:
    descriptor, config = provider("http://127.0.0.1:9")
    with pytest.raises(ConfigurationError) as caught:
        link(descriptor, replace(config, **change)).authorize(BACK)
    assert all(name in str(caught.value) for name in names)
    assert "pasted" not in str(caught.value)


def test_slow_and_failing_token_endpoints() -> None:
    with OAuthServer(Rules(fail_with=502)) as server:
        with pytest.raises(ApiError) as caught:
            through(server)
        assert caught.value.retryable
        assert len(server.log) == 1
    with OAuthServer(Rules(delay_s=2)) as server:
        descriptor, config = provider(server.url)
        consent = link(descriptor, config).authorize(BACK)
        with pytest.raises(NetworkError):
            link(descriptor, config, timeout_s=0.2).exchange(consent, server.consent(consent.url))
        assert len(server.log) == 1


@pytest.mark.parametrize("method", ["form", "basic", "bearer", "delete", "get", "query"])
def test_revoke(method: str) -> None:
    with OAuthServer() as server:
        params = {"revoke": method, "revoke_param": "access_token" if method == "query" else "token"}
        descriptor, config = provider(server.url, **params)
        assert link(descriptor, config).revoke(token_for(server)) == ""
        assert server.families[0].revoked
        (sent,) = server.log
        assert sent[0] == {"delete": "DELETE", "get": "GET"}.get(method, "POST")
        assert ("client_secret" in sent[2]) == (method == "form")


def test_a_revoke_that_names_the_account() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url, revoke="delete")
        config = replace(config, revoke_url=f"{server.url}/revoke/{{account}}/x")
        assert link(descriptor, config).revoke(replace(token_for(server), account="a/b")) == ""
        assert server.log[0][1] == "/revoke/a%2Fb/x"


@pytest.mark.parametrize(
    ("rules", "params", "change", "says"),
    [
        (Rules(revoke_status=500), {"revoke": "form"}, {}, "HTTP 500"),
        (Rules(revoke_status=400), {"revoke": "form"}, {}, "revoke_failed"),
        (Rules(), {"revoke": "none"}, {}, "no way to revoke"),
        (Rules(), {"revoke": "form"}, {"revoke_url": "http://127.0.0.1:1/revoke"}, "not sent to 127.0.0.1:1"),
    ],
)
def test_what_could_not_be_revoked(rules: Rules, params: dict[str, Any], change: dict[str, Any], says: str) -> None:
    with OAuthServer(rules) as server:
        descriptor, config = provider(server.url, **params)
        token = token_for(server)
        left = link(descriptor, replace(config, **change)).revoke(token)
        assert says in left
        assert "https://acme.example/apps" in left
        assert token.access.reveal() not in left


def test_a_question_shows_no_secret() -> None:
    consent = link(*provider("http://127.0.0.1:9", use_pkce=True)).authorize(BACK)
    assert consent.state.reveal() not in repr(consent)
    with pytest.raises(TypeError):
        pickle.dumps(consent)


def test_stravas_way_to_say_no() -> None:
    assert strava.oauth_params is not None
    for resource, code in (("RefreshToken", "invalid_grant"), ("Application", "invalid_client")):
        errors = [{"resource": resource, "field": "x", "code": "invalid"}]
        rules = Rules(fail_with=400, fail_body={"message": "Bad Request", "errors": errors})
        with OAuthServer(rules) as server, pytest.raises(TokenRefused) as caught:
            through(server, read_error=strava.oauth_params.read_error)
        assert caught.value.code == code


def test_a_refusal_in_a_spelling_nobody_knows_is_a_refusal() -> None:
    for body in ({"errors": "no"}, {"errors": [None]}, {"errors": []}, {}):
        with OAuthServer(Rules(fail_with=400, fail_body=body)) as server, pytest.raises(TokenRefused) as caught:
            through(server, read_error=strava.oauth_params.read_error)  # type: ignore[union-attr]
        assert caught.value.code == "HTTP 400"


def test_a_provider_without_consent() -> None:
    plain = ProviderDescriptor(name="terra", display_name="Terra")
    config = replace(provider("http://127.0.0.1:9")[1], auth_url="")
    with pytest.raises(ConfigurationError, match="not connected by consent"):
        link(plain, config).authorize(BACK)
