"""A strict OAuth 2 server on 127.0.0.1, for what third-party ones cannot do.

It checks client, redirect, code, PKCE and scopes; rotates refresh tokens and revokes the whole family when one is
used twice; and can speak like the vendors do: nested, camelCase, absolute expiry, refreshes without a token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

Body = dict[str, Any]


@dataclass
class Family:
    """All tokens of one consent."""

    scope: str
    access: set[str] = field(default_factory=set)
    refresh: str = ""
    used: set[str] = field(default_factory=set)
    revoked: bool = False


@dataclass
class Rules:
    """How strict, and in whose dialect."""

    client_id: str = "client-7"
    client_secret: str = "server-secret"
    client_auth: str = "body"
    separator: str = " "
    pkce: bool = False
    expires_in: float = 3600.0
    rotate: bool = True
    dialect: Callable[[Body], Body] = lambda body: body
    refresh_answer: Callable[[Body], Body] | None = None
    delay_s: float = 0.0
    fail_with: int = 0
    echo: bool = False
    fail_body: Body | None = None
    spoil: Callable[[bytes], bytes] = lambda body: body
    clock_offset_s: float = 0.0
    revoke_status: int = 200
    granted: str | None = None
    prefix: str = ""


class OAuthServer:
    """Use as a context manager; `url` is its origin."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.families: list[Family] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.log: list[tuple[str, str, dict[str, str], Mapping[str, str]]] = []
        self.counts = {"code": 0, "refresh": 0, "reuse": 0, "refused": 0, "revoke": 0}
        self.api: dict[str, Any] = {"/api/me": {"id": 1}}
        self.refuse_api = 0
        self.fail_api = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def consent(self, url: str, *, deny: bool = False) -> str:
        """What the athlete's browser does at the consent page: returns where it is sent."""
        asked = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.rules.client_id
        assert asked["redirect_uri"].startswith(("http://127.0.0.1", "http://localhost", "https://"))
        if deny:
            return f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"
        if self.rules.pkce:
            assert asked["code_challenge_method"] == "S256"
            assert len(asked["code_challenge"]) == 43
        code = f"{self.rules.prefix}code-{secrets.token_urlsafe(16)}"
        self.codes[code] = asked
        answer = {"state": asked["state"], "code": code, "scope": self.rules.granted or asked.get("scope", "")}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def grant(self, scope: str = "read") -> tuple[str, str]:
        """A consent that happened before the test: access and refresh token."""
        with self._lock:
            self.families.append(Family(scope))
            return self._issue(self.families[-1])

    def valid(self, access: str) -> bool:
        return any(access in family.access and not family.revoked for family in self.families)

    # -- what the handler asks

    def answer(self, path: str, authorization: str) -> tuple[int, Any]:
        """The vendor's API; `refuse_api` answers in a row refuse whatever token comes."""
        with self._lock:
            refused, self.refuse_api = self.refuse_api > 0, max(self.refuse_api - 1, 0)
        if self.fail_api:
            return self.fail_api, {"message": f"cannot answer {authorization}", "token": authorization}
        if refused or not self.valid(authorization.removeprefix("Bearer ")):
            return 401, {"message": "no"}
        return 200, self.api[path]

    def token(self, form: dict[str, str], headers: Mapping[str, str]) -> tuple[int, Body]:
        time.sleep(self.rules.delay_s)
        if self.rules.fail_with:
            basic = base64.b64decode(headers.get("Authorization", "").removeprefix("Basic ")).decode("latin-1")
            shown = f"cannot read {form} of {basic} with {dict(headers)}" if self.rules.echo else "out of order"
            return self.rules.fail_with, self.rules.fail_body or {"message": shown, "error_description": shown}
        with self._lock:
            if not self._client(form, headers):
                return self._no(401, "invalid_client")
            if form.get("grant_type") == "authorization_code":
                return self._code(form)
            if form.get("grant_type") == "refresh_token":
                return self._refresh(form.get("refresh_token", ""))
            return self._no(400, "unsupported_grant_type")

    def _client(self, form: dict[str, str], headers: Mapping[str, str]) -> bool:
        wanted = (self.rules.client_id, self.rules.client_secret)
        if self.rules.client_auth == "basic":
            pair = base64.b64encode(":".join(wanted).encode()).decode()
            return headers.get("Authorization") == f"Basic {pair}" and "client_secret" not in form
        if self.rules.client_auth == "none":
            return form.get("client_id") == wanted[0] and "client_secret" not in form
        return (form.get("client_id"), form.get("client_secret")) == wanted and "Authorization" not in headers

    def _code(self, form: dict[str, str]) -> tuple[int, Body]:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return self._no(400, "invalid_grant")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if self.rules.pkce and challenge != asked["code_challenge"]:
            return self._no(400, "invalid_grant")
        self.counts["code"] += 1
        self.families.append(Family(self.rules.granted or asked.get("scope", "")))
        return 200, self._spoken(*self._issue(self.families[-1]), self.families[-1].scope)

    def _refresh(self, refresh: str) -> tuple[int, Body]:
        for family in self.families:
            if refresh in family.used:
                self.counts["reuse"] += 1
                family.revoked = True
            if refresh == family.refresh and not family.revoked:
                self.counts["refresh"] += 1
                if self.rules.refresh_answer is not None:
                    return 200, self.rules.refresh_answer({})
                if self.rules.rotate:
                    family.used.add(refresh)
                return 200, self._spoken(*self._issue(family), family.scope)
        return self._no(400, "invalid_grant")

    def revoke(self, query: dict[str, str], form: dict[str, str], headers: Mapping[str, str]) -> tuple[int, Body]:
        if self.rules.revoke_status != 200:
            shown = f"revoke_failed for {form}{query}{dict(headers)}" if self.rules.echo else "revoke_failed"
            return self.rules.revoke_status, {"error": shown}
        bearer = headers.get("Authorization", "").removeprefix("Bearer ")
        token = form.get("token") or query.get("token") or query.get("access_token") or bearer
        for family in self.families:
            if token in family.access or token == family.refresh:
                family.revoked = True
                self.counts["revoke"] += 1
                return 200, {}
        return 400, {"error": "invalid_token"}

    def _issue(self, family: Family) -> tuple[str, str]:
        access = f"{self.rules.prefix}access-{secrets.token_urlsafe(16)}"
        if self.rules.rotate or not family.refresh:
            family.refresh = f"{self.rules.prefix}refresh-{secrets.token_urlsafe(16)}"
        family.access.add(access)
        return access, family.refresh

    def _spoken(self, access: str, refresh: str, scope: str) -> Body:
        body = {"token_type": "Bearer", "access_token": access, "refresh_token": refresh, "scope": scope}
        return self.rules.dialect({**body, "expires_in": self.rules.expires_in})

    def _no(self, status: int, code: str) -> tuple[int, Body]:
        self.counts["refused"] += 1
        return status, {"error": code}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests."""


def _handler(server: OAuthServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer()

        do_GET = do_DELETE = do_POST  # noqa: N815

        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            length = int(self.headers.get("content-length") or 0)
            form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
            asked = dict(parse_qsl(query))
            server.log.append((self.command, path, {**asked, **form}, dict(self.headers)))
            if path.startswith("/token") and self.command == "POST":
                status, body = server.token(form, self.headers)
            elif path.startswith("/revoke"):
                status, body = server.revoke(asked, form, self.headers)
            elif path in server.api:
                status, body = server.answer(path, self.headers.get("Authorization", ""))
            else:
                status, body = 404, {}
            data = server.rules.spoil(json.dumps(body).encode())
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + server.rules.clock_offset_s)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
