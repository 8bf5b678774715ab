"""From an answer to the error it stands for, in words a person can act on."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from pierre_data.errors import (
    AccessDenied,
    ApiError,
    AuthenticationFailed,
    NetworkError,
    NotFound,
    PayloadError,
    PierreError,
    ProviderRetired,
    QuotaExceeded,
    RateLimited,
)
from pierre_data.http.redaction import excerpt
from pierre_data.http.resilience import retry_after_s
from pierre_data.spi.messages import Request, Response

Faults: TypeAlias = Callable[[Response], PierreError | None]

# A wait above this is a used-up day or month, not a busy minute.
_QUOTA_S = 3600.0
_BOM = b"\xef\xbb\xbf"


def fault_of(
    request: Request,
    response: Response,
    *,
    provider: str,
    now: float,
    faults: Faults | None = None,
    secrets: Iterable[str] = (),
) -> PierreError | None:
    """The error an answer stands for, None when it is a success.

    Parameters
    ----------
    request, response
        What was asked and answered.
    provider : str
        Registry name, for messages and ``error.provider``.
    now : float
        Seconds since 1970 UTC, for Retry-After dates.
    faults : callable, optional
        The vendor's own reading of an answer, of any status (some report errors with 200); asked first.
    secrets : iterable of str, optional
        Values that must not appear in a message.

    Returns
    -------
    PierreError or None
        400 ApiError, 401 AuthenticationFailed, 403 AccessDenied, 404 NotFound, 410 ProviderRetired, 429
        RateLimited (QuotaExceeded when the wait is above an hour), 5xx a retryable ApiError, other ApiError.

    Examples
    --------
    >>> from pierre_data.spi.messages import Headers
    >>> answer = Response(429, Headers([("retry-after", "37")]), b"")
    >>> fault_of(Request("https://api.example/x"), answer, provider="acme", now=0.0)
    RateLimited('acme answered HTTP 429 for api.example/x. Wait 37 s before the next request.')
    """
    wait = retry_after_s(response.headers, now)
    error = faults(response) if faults is not None else None
    if error is not None:
        error.provider = error.provider or provider
        error.retry_after = wait if error.retry_after is None else error.retry_after
        return error
    if 200 <= response.status < 300:
        return None
    said = vendor_words(response, secrets)
    what = f"{provider} answered HTTP {response.status} for {request.place}{f': {said!r}' if said else ''}."
    return _by_status(what, provider, response, wait, said)


def _by_status(what: str, provider: str, response: Response, wait: float | None, said: str) -> PierreError:
    status = response.status
    if status == 401:
        return AuthenticationFailed(what, f'Connect again: client.connect("{provider}").', provider=provider)
    if status == 403:
        fix = "Check the granted scopes and the state of your application and subscription with the provider."
        return AccessDenied(what, fix, provider=provider)
    if status == 410:
        fix = "The provider switched this API off: update pierre-data, or import a file export."
        return ProviderRetired(what, fix, provider=provider)
    if status == 429:
        kind = QuotaExceeded if wait is not None and wait > _QUOTA_S else RateLimited
        fix = "Wait before the next request." if wait is None else f"Wait {wait:.0f} s before the next request."
        return kind(what, fix, provider=provider, retry_after=wait)
    if status == 404:
        fix = "Check the id: the object may be deleted, private, or somebody else's."
        return NotFound(what, fix, status=status, body=said, provider=provider)
    transient = status >= 500
    fix = "Try again later: the provider has a problem." if transient else "Report it if the question was a valid one."
    return ApiError(what, fix, status=status, body=said, provider=provider, retryable=transient, retry_after=wait)


def vendor_words(response: Response, secrets: Iterable[str] = ()) -> str:
    """What the vendor says went wrong: one redacted line of at most 200 characters, empty when there is none.

    Examples
    --------
    >>> from pierre_data.spi.messages import Headers
    >>> body = b'{"message":"Bad Request","errors":[{"resource":"Athlete","field":"id","code":"invalid"}]}'
    >>> vendor_words(Response(400, Headers(), body))
    'Bad Request (Athlete id invalid)'
    """
    text = response.body[:65_536].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return ""
    try:
        return excerpt(_words(json.loads(text)), secrets)
    except (ValueError, RecursionError):
        # Half of a JSON body tells nobody anything, and may hold what only a parser can find.
        return "" if text.startswith(("{", "[")) else excerpt(text, secrets)


def _words(found: object) -> str:
    """The sentence in an error body: RFC 6749, RFC 9457, Strava, Google and their kin."""
    if isinstance(found, str):
        return found
    if not isinstance(found, Mapping):
        return ""
    keys = ("message", "error_description", "detail", "title", "error", "errors")
    main = next((words for key in keys if (words := _words(found.get(key)))), "")
    errors = found.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, Mapping):
        parts = [str(first[key]) for key in ("resource", "field", "code") if first.get(key)]
        main = f"{main} ({' '.join(parts)})" if parts else main
    return main


def readable_json(request: Request, response: Response, *, provider: str) -> bytes:
    """The body without a byte order mark, after a look whether it can be JSON at all (it is not parsed).

    Raises
    ------
    PayloadError
        The vendor answered with a web page.
    NetworkError
        The body ends before its JSON does: it was cut where no length said so.

    Examples
    --------
    >>> from pierre_data.spi.messages import Headers
    >>> readable_json(Request("/x"), Response(200, Headers(), _BOM + b"[]"), provider="acme")
    b'[]'
    """
    body = response.body.removeprefix(_BOM)
    start = body[:64].lstrip()[:1]
    if "html" in response.headers.get("content-type", "").lower() or start == b"<":
        raise PayloadError(
            f"{provider} answered {request.place} with a web page instead of data.",
            "Log in to the network (captive portal), or wait if the provider is under maintenance.",
            provider=provider,
            path=request.place,
        )
    closing = {b"{": b"}", b"[": b"]"}.get(start)
    if closing and body[-64:].rstrip()[-1:] != closing:
        raise NetworkError(f"The answer of {request.place} was cut short.", "Try again.", provider=provider)
    return body
