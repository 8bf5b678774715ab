"""From an answer to the error it stands for, in words a person can act on."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from pierre_data.errors import (
    AccessDenied,
    ApiError,
    AuthenticationFailed,
    NotFound,
    PierreError,
    ProviderRetired,
    QuotaExceeded,
    RateLimited,
)
from pierre_data.http.redaction import excerpt, secrets_of
from pierre_data.http.resilience import retry_after_s
from pierre_data.spi.messages import Request, Response

Faults: TypeAlias = Callable[[Response], PierreError | None]

# A wait above this is a used-up day or month, not a busy minute.
_QUOTA_S = 3600.0


def fault_of(
    request: Request, response: Response, *, provider: str, faults: Faults | None = None
) -> PierreError | None:
    """The error a response stands for, None when it is a success.

    `faults`, the vendor's own reading, is asked first.  By status: 400 ApiError, 401 AuthenticationFailed, 403
    AccessDenied, 404 NotFound, 410 ProviderRetired, 429 RateLimited (QuotaExceeded when the wait is above an hour),
    5xx a retryable ApiError, other ApiError.  What the request carries in secret is in no message.
    """
    wait = retry_after_s(response.headers, time.time())
    error = faults(response) if faults is not None else None
    if error is not None:
        error.provider = error.provider or provider
        error.retry_after = error.retry_after if wait is None else wait  # a word beats a guess
        return error
    if 200 <= response.status < 300:
        return None
    words = vendor_words(response, secrets_of(request))
    what = f"{provider} answered HTTP {response.status} for {request.place}{f': {words!r}' if words else ''}."
    return _by_status(what, provider, response, wait, words)


def _by_status(what: str, provider: str, response: Response, wait: float | None, words: str) -> PierreError:
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
        return NotFound(what, fix, status=status, body=words, provider=provider)
    transient = status >= 500
    fix = "Try again later: the provider has a problem." if transient else "Report it if the question was a valid one."
    return ApiError(what, fix, status=status, body=words, provider=provider, retryable=transient, retry_after=wait)


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


def _words(content: object) -> str:
    """The sentence in an error body: RFC 6749, RFC 9457, Strava, Google and their kin."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Mapping):
        return ""
    keys = ("message", "error_description", "detail", "title", "error", "errors")
    main = next((words for key in keys if (words := _words(content.get(key)))), "")
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, Mapping):
        parts = [str(first[key]) for key in ("resource", "field", "code") if first.get(key)]
        main = f"{main} ({' '.join(parts)})" if parts else main
    return main
