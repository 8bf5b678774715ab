"""OAuth facts of a vendor, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """Where consent and tokens come from.

    `revoke_url`: where a token is given back; None when the vendor has no such place.
    """

    auth_url: str
    token_url: str
    revoke_url: str | None = None


@dataclass(frozen=True, slots=True)
class OAuthParams:
    """How the vendor deviates from plain OAuth 2.

    Parameters
    ----------
    use_pkce : send an S256 challenge and its verifier
    additional_auth_params : more query parameters of the authorisation URL
    client_auth : how the client identifies itself at the token endpoint
    revoke : POST form with client id and secret, POST form with HTTP Basic, POST, DELETE or GET with the bearer token
        (GET adds the client id to the query), POST with the token in the query, or not at all. ``{account}`` in the
        revoke URL is replaced by the account's id.
    refresh_sends_scope : whether a refresh repeats the scopes
    refresh_rotates : whether a refresh may return a new refresh token that replaces the old one
    any_port : whether a loopback redirect may use any port; otherwise the registered port must be configured
    token_param : query parameter that carries the token; empty for the Authorization header
    read_token : turns the vendor's token body into the standard one: access_token, refresh_token, expires_in
        (seconds) or expires_at (seconds since 1970 UTC), scope, account.  A refresh that returns no access_token
        means that the old one lives on.  ``{"error": code, "error_description": text}`` says that the vendor refused.
    additional_token_params : more form fields of every token request (Withings: ``action=requesttoken``)
    read_error : finds the OAuth error code, such as "invalid_grant", in the body of a refusal (HTTP 400 to 499) that
        does not spell it as OAuth does; empty when there is none
    refresh_path : path on the token URL's host where refreshes go when it is not the token URL itself (COROS)
    revoke_param : name of the field or query parameter that carries the token to be revoked
    account : where the token body names the account, dotted: ``"athlete.id"``
    token_hosts : more hosts of the vendor a stored token may go to (an announced new base URL)
    implied_scopes : a scope and another one it includes: ``("activity:read_all", "activity:read")``
    """

    scope_separator: str = " "
    use_pkce: bool = False
    additional_auth_params: tuple[tuple[str, str], ...] = ()
    client_auth: Literal["body", "basic", "none"] = "body"
    revoke: Literal["form", "basic", "bearer", "delete", "get", "query", "none"] = "none"
    refresh_sends_scope: bool = False
    refresh_rotates: bool = True
    any_port: bool = False
    token_param: str = ""
    read_token: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    read_error: Callable[[Mapping[str, Any]], str] | None = None
    additional_token_params: tuple[tuple[str, str], ...] = ()
    refresh_path: str = ""
    revoke_param: str = "token"
    account: str = ""
    token_hosts: tuple[str, ...] = ()
    implied_scopes: tuple[tuple[str, str], ...] = ()
    manage_url: str = ""
