"""Give a token back to the vendor."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from urllib.parse import quote

from pierre_data.auth.granted import host_of, vendor_hosts
from pierre_data.auth.session import oauth_params
from pierre_data.auth.tokens import StoredToken
from pierre_data.auth.wire import Wire
from pierre_data.errors import PierreError
from pierre_data.spi import ProviderConfig, ProviderDescriptor, Request


def revoke(
    descriptor: ProviderDescriptor, config: ProviderConfig, token: StoredToken, *, wire: Wire | None = None
) -> str:
    """Give a token back, the way the vendor wants it.

    Parameters
    ----------
    descriptor, config
        The provider.
    token : StoredToken
        What is given back.
    wire : Wire, optional
        How the vendor is reached.

    Returns
    -------
    str
        Empty when the vendor confirmed; otherwise a sentence that says what could not be revoked, why, and where to
        do it by hand.
    """
    method, name = oauth_params(descriptor).revoke, descriptor.display_name
    if method == "none" or not config.revoke_url:
        return f"{name} has no way to revoke a token from here{_by_hand(descriptor)}."
    if not _trusted(descriptor, config, token):
        return (
            f"The token was not sent to {host_of(config.revoke_url)}: that is no host of {name}{_by_hand(descriptor)}."
        )
    try:
        (wire or Wire(descriptor.name)).send(
            _REQUESTS[method](config, token, oauth_params(descriptor).revoke_param), secrets=_secrets(config, token)
        )
    except PierreError as error:
        return f"{name} did not confirm that the token is revoked ({error.what}){_by_hand(descriptor)}."
    return ""


def _by_hand(descriptor: ProviderDescriptor) -> str:
    page = oauth_params(descriptor).manage_url
    return f"; remove the application in your account there{f': {page}' if page else ''}"


def _trusted(descriptor: ProviderDescriptor, config: ProviderConfig, token: StoredToken) -> bool:
    known = vendor_hosts(descriptor)
    issued = {host for host in (token.issued_host, token.token_host) if host}
    target = host_of(config.revoke_url)
    return target in issued or (target in known and bool(issued & known))


def _secrets(config: ProviderConfig, token: StoredToken) -> tuple[str, ...]:
    secrets = (token.access, token.refresh, config.client_secret)
    return tuple(secret.reveal() for secret in secrets if secret)


def _url(config: ProviderConfig, token: StoredToken) -> str:
    return config.revoke_url.replace("{account}", quote(token.account, safe=""))


def _form(config: ProviderConfig, token: StoredToken, name: str) -> Request:
    # Most vendors drop the whole grant with the refresh token, but only the access token with the access token.
    fields = {name: (token.refresh or token.access).reveal(), "client_id": config.client_id}
    if config.client_secret:
        fields["client_secret"] = config.client_secret.reveal()
    return Request(_url(config, token), method="POST", form=fields)


def _basic(config: ProviderConfig, token: StoredToken, name: str) -> Request:
    pair = f"{config.client_id}:{config.client_secret.reveal() if config.client_secret else ''}"
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return Request(
        _url(config, token), method="POST", headers=headers, form={name: (token.refresh or token.access).reveal()}
    )


def _bearer(method: str) -> Callable[[ProviderConfig, StoredToken, str], Request]:
    def request(config: ProviderConfig, token: StoredToken, name: str) -> Request:
        params = {"client_id": config.client_id} if method == "GET" else {}
        headers = {"Authorization": f"Bearer {token.access.reveal()}"}
        return Request(_url(config, token), method=method, headers=headers, params=params)

    return request


def _query(config: ProviderConfig, token: StoredToken, name: str) -> Request:
    return Request(_url(config, token), method="POST", params={name: token.access.reveal()})


_REQUESTS: Mapping[str, Callable[[ProviderConfig, StoredToken, str], Request]] = {
    "form": _form,
    "basic": _basic,
    "bearer": _bearer("POST"),
    "delete": _bearer("DELETE"),
    "get": _bearer("GET"),
    "query": _query,
}
