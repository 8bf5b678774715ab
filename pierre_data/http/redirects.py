"""Follow a redirect only where the token may go."""

from dataclasses import replace

import httpx

from pierre_data.errors import ApiError
from pierre_data.http.origin import origin
from pierre_data.http.redaction import excerpt
from pierre_data.http.retry import Step
from pierre_data.spi.messages import Request, Response

_MOVED = frozenset({301, 302, 303, 307, 308})
_MOST = 3


def with_redirects(step: Step, provider: str) -> Step:
    """A step that follows at most 3 redirects of a GET or HEAD within its origin.

    httpx and requests both forward ``x-api-key`` and the like to another host (measured 2026-11), so neither
    is asked to follow anything.

    Raises
    ------
    ApiError
        A redirect of another method, to another origin, to nowhere, or the fourth in a row.

    Examples
    --------
    >>> from pierre_data.spi.messages import Headers
    >>> moved = Response(302, Headers([("location", "https://evil.example/?a=b")]), b"")
    >>> with_redirects(lambda request: moved, "acme")(Request("https://api.acme.example/x"))
    Traceback (most recent call last):
    pierre_data.errors.ApiError: acme redirected api.acme.example/x to evil.example. Redirects to ...
    """

    def send(request: Request) -> Response:
        response = step(request)
        for _ in range(_MOST):
            if response.status not in _MOVED:
                return response
            request = _followed(request, response, provider)
            response = step(request)
        if response.status in _MOVED:
            what = f"{provider} redirected {request.place} more than {_MOST} times."
            raise ApiError(what, "Report it to the provider.", status=response.status, provider=provider)
        return response

    return send


def _followed(request: Request, response: Response, provider: str) -> Request:
    here = httpx.URL(request.path)
    try:
        there = here.join(response.headers.get("location", "")) if "location" in response.headers else None
    except (httpx.InvalidURL, ValueError):
        there = None
    if there is not None and request.method in ("GET", "HEAD") and origin(there) == origin(here):
        return replace(request, path=str(there.copy_with(fragment=None, userinfo=b"")), params={})
    name = excerpt(there.host, limit=100) if there is not None and there.host else "an unreadable address"
    raise ApiError(
        f"{provider} redirected {request.place} to {name}.",
        "Redirects to another host, port or scheme, or of anything but a read, are not followed: check the base URL.",
        status=response.status,
        provider=provider,
    )
