"""Identity flows that must fail, with canaries for secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pierre_data.auth import MemoryTokens, export_token, import_token, open_tokens
from pierre_data.auth.consent import Consent
from pierre_data.auth.environment import Environment
from pierre_data.auth.identities import TokenSource
from pierre_data.secret import Secret
from pierre_data.spi import ProviderConfig, ProviderDescriptor
from tests.canary import Canaries, Search
from tests.oauth_kit import ME, link, provider, token_for
from tests.oauth_server import OAuthServer, Rules

BACK = "http://127.0.0.1:8123/callback"
HUB = Environment("jupyterhub", "a JupyterHub server")


class Lab:
    """A server whose codes, tokens and client secret are canaries, and a search over all of them."""

    def __init__(self, **rules: Any) -> None:
        self.canaries = Canaries()
        self.search = Search(self.canaries)
        words = {"client_secret": self.canaries.word("clientsecret"), "prefix": self.canaries.word("issued")}
        self.server = OAuthServer(Rules(**words, **rules))

    def provider(self, **params: Any) -> tuple[ProviderDescriptor, ProviderConfig]:
        return provider(self.server.url, client_secret=self.server.rules.client_secret, **params)

    def question(self, **params: Any) -> tuple[ProviderDescriptor, ProviderConfig, Consent]:
        descriptor, config = self.provider(**params)
        consent = link(descriptor, config).authorize(BACK)
        self.canaries.know("state", consent.state.reveal())
        if consent.verifier:
            self.canaries.know("verifier", consent.verifier.reveal())
        return descriptor, config, consent

    def answer(self, consent: Consent, *, deny: bool = False) -> Secret:
        return Secret(self.server.consent(consent.url, deny=deny))


FAILURES: dict[str, tuple[dict[str, Any], Callable[[Lab], object]]] = {}


def failure(**rules: Any) -> Callable[[Callable[[Lab], object]], Callable[[Lab], object]]:
    def keep(act: Callable[[Lab], object]) -> Callable[[Lab], object]:
        FAILURES[act.__name__] = (rules, act)
        return act

    return keep


@failure()
def denied(lab: Lab) -> object:
    descriptor, config, consent = lab.question()
    return link(descriptor, config).exchange(consent, lab.answer(consent, deny=True))


@failure()
def wrong_state(lab: Lab) -> object:
    descriptor, config, consent = lab.question()
    return link(descriptor, config).exchange(consent, Secret(lab.answer(consent).reveal().replace("state=", "state=x")))


@failure()
def replayed_code(lab: Lab) -> object:
    descriptor, config, consent = lab.question()
    answer = lab.answer(consent)
    link(descriptor, config).exchange(consent, answer)
    return link(descriptor, config).exchange(consent, answer)


@failure(pkce=True)
def wrong_verifier(lab: Lab) -> object:
    descriptor, config, consent = lab.question(use_pkce=True)
    return link(descriptor, config).exchange(
        replace(consent, verifier=Secret(lab.canaries.word("otherverifier"))), lab.answer(consent)
    )


@failure(fail_with=400, echo=True)
def refusal_that_repeats_the_request(lab: Lab) -> object:
    descriptor, config, consent = lab.question()
    return link(descriptor, config).exchange(consent, lab.answer(consent))


@failure(fail_with=500, echo=True, client_auth="basic")
def fault_that_repeats_the_request(lab: Lab) -> object:
    descriptor, config, consent = lab.question(client_auth="basic")
    return link(descriptor, config).exchange(consent, lab.answer(consent))


@failure(delay_s=1.0)
def slow_endpoint(lab: Lab) -> object:
    descriptor, config, consent = lab.question()
    return link(descriptor, config, timeout_s=0.1).exchange(consent, lab.answer(consent))


@failure()
def nobody_there(lab: Lab) -> object:
    descriptor, config, consent = lab.question()
    return link(descriptor, replace(config, token_url="http://127.0.0.1:1/token")).exchange(
        consent, lab.answer(consent)
    )


@failure(spoil=lambda body: body[:-3])
def cut_answer(lab: Lab) -> object:
    descriptor, config, consent = lab.question()
    return link(descriptor, config).exchange(consent, lab.answer(consent))


@failure()
def answer_that_cannot_be_read(lab: Lab) -> object:
    descriptor, config, consent = lab.question(read_token=lambda body: body["body"])
    return link(descriptor, config).exchange(consent, lab.answer(consent))


def refreshing(lab: Lab, **params: Any) -> TokenSource:
    store = MemoryTokens()
    store.save(ME, token_for(lab.server))
    descriptor, config = lab.provider(**params)
    return TokenSource(link(descriptor, config, store))


@failure(fail_with=400, echo=True)
def refused_refresh(lab: Lab) -> object:
    return refreshing(lab)()


@failure(fail_with=502, echo=True)
def failed_refresh(lab: Lab) -> object:
    return refreshing(lab)()


@failure(dialect=lambda body: {"refresh_token": body["refresh_token"], "expires_in": "soon"})
def refresh_without_token(lab: Lab) -> object:
    return refreshing(lab)()


@failure()
def refused_twice(lab: Lab) -> object:
    source = refreshing(lab)
    return source.refreshed_after(source())


@failure(revoke_status=400, echo=True)
def failed_revoke(lab: Lab) -> object:
    for method in ("form", "basic", "bearer", "delete", "get", "query"):
        descriptor, config = lab.provider(revoke=method)
        lab.search.text("disconnect", link(descriptor, config).revoke(token_for(lab.server)))
    raise LookupError("every revoke failed, and said so")


@failure()
def wrong_host(lab: Lab) -> object:
    store = MemoryTokens()
    store.save(ME, token_for(lab.server))
    descriptor, config = lab.provider()
    return TokenSource(link(descriptor, replace(config, api_base_url="http://127.0.0.1:1/api"), store))()


@failure()
def pasted_secret_with_line_break(lab: Lab) -> object:
    descriptor, config = lab.provider()
    return link(descriptor, replace(config, client_secret=Secret(f"{lab.canaries.word('pasted')}\n"))).authorize(BACK)


@failure()
def wrong_pass_phrase(lab: Lab) -> object:
    text = export_token(ME, token_for(lab.server), Secret(lab.canaries.word("phrase")))
    return import_token(text, Secret(lab.canaries.word("otherphrase")))


@failure()
def wrong_key(lab: Lab) -> object:
    return open_tokens(Path("unused"), key=Secret(lab.canaries.word("key")), notice=[].append)
