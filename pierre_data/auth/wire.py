"""One request to a token or revoke endpoint: sent once, its refusal read, nothing of it left in a traceback."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pierre_data.errors import AuthenticationFailed, PierreError
from pierre_data.http import HttpClient, ResilienceConfig, excerpt
from pierre_data.http.redaction import scrub
from pierre_data.spi import Request, Response

_LARGEST = 1_000_000


class TokenRefused(AuthenticationFailed):
    """The token endpoint said no.

    Parameters
    ----------
    what, fix, provider
        As in `PierreError`.
    code : str
        The vendor's word, such as "invalid_grant".
    """

    def __init__(self, what: str, fix: str = "", *, provider: str | None = None, code: str = "") -> None:
        super().__init__(what, fix, provider=provider)
        self.code = code


@dataclass(frozen=True, slots=True)
class Wire:
    """How token endpoints are reached.

    Parameters
    ----------
    provider : str
        Registry name, for messages.
    timeout_s : float
        One request, from the DNS question to the last byte, in seconds.
    offline : bool
        Refuse before any socket is opened.
    tls : ssl.SSLContext, optional
        Instead of the process-wide context.
    cancel : threading.Event, optional
        When set, a request ends at once.
    """

    provider: str
    timeout_s: float = 30.0
    offline: bool = False
    tls: ssl.SSLContext | None = None
    cancel: threading.Event | None = None

    def send(self, request: Request, *, secrets: tuple[str, ...] = ()) -> Response:
        """Send a request once, never again, and return its successful answer.

        Parameters
        ----------
        request : Request
            To an absolute URL.
        secrets : tuple of str
            More texts that must not appear in a message.

        Raises
        ------
        TokenRefused
            The vendor answered 400 to 499 (but 429), or an OAuth error.
        NetworkError, ApiError, RateLimited, Timeout, Cancelled, PayloadError, ConfigurationError
            As `HttpClient.send`.
        """
        outcome = self._outcome(request, secrets)
        del request, secrets
        if isinstance(outcome, PierreError):
            raise outcome.with_traceback(None)
        return outcome

    def _outcome(self, request: Request, secrets: tuple[str, ...]) -> Response | PierreError:
        config = ResilienceConfig(max_retries=0, timeout_s=self.timeout_s, max_body_bytes=_LARGEST)
        try:
            with HttpClient(
                config,
                base_url=request.path,
                provider=self.provider,
                faults=lambda answer: refusal(answer, self.provider, request.place),
                cancel=self.cancel,
                offline=self.offline,
                tls=self.tls,
            ) as client:
                return client.send(request, retry=False)
        except PierreError as error:
            return scrub(error, secrets)


def refusal(answer: Response, provider: str, place: str) -> TokenRefused | None:
    """The vendor's no, in any spelling; None for a yes, for 429 and for a fault of its servers.

    Examples
    --------
    >>> from pierre_data.spi import Headers
    >>> body = b'{"error":"invalid_grant","error_description":"expired"}'
    >>> refusal(Response(400, Headers(), body), "acme", "acme.example/token").code
    'invalid_grant'
    """
    if answer.status >= 500 or answer.status == 429 or answer.status in (408, 410):
        return None
    body = body_of(answer)
    code = body.get("error")
    if answer.status < 400 and not isinstance(code, str):
        return None
    found = code if isinstance(code, str) else _strava_code(body)
    return refused(provider, place, found or f"HTTP {answer.status}", body.get("error_description"))


def refused(provider: str, place: str, code: str, description: object = None) -> TokenRefused:
    """The error for a token endpoint's no."""
    said = excerpt(" ".join(part for part in (code, description) if isinstance(part, str)))
    fix = f'Connect again: client.connect("{provider}").'
    if code in ("invalid_client", "unauthorized_client"):
        fix = "Check the client id and secret of your application: they must be copied whole and belong together."
    return TokenRefused(f"{place} refused: {said}.", fix, provider=provider, code=code)


def body_of(answer: Response) -> Mapping[str, Any]:
    """The JSON object in an answer; empty when there is none."""
    try:
        found = json.loads(answer.body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _strava_code(body: Mapping[str, Any]) -> str:
    """Strava's errors name a resource: the application itself, or the code or token that was sent (2026-11)."""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return ""
    return "invalid_client" if first.get("resource") == "Application" else "invalid_grant"
