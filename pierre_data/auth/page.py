"""What the receiver says to a browser: pure functions from a request's head to an answer."""

from __future__ import annotations

from pierre_data.auth.flow import parameters, same_state
from pierre_data.secret import Secret

#: Largest head of a request, in bytes.
MOST = 16_384

_HEAD = (
    "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n"
    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\nConnection: close\r\n\r\n"
)
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>pierre_data</title><h1>{title}</h1><p>{text}</p></html>"
)
_THANKS = _PAGE.format(title="Thank you", text="You can close this page and go back to where you started.")
_DENIED = _PAGE.format(title="Not connected", text="The consent was declined. You can close this page.")
_OTHER = _PAGE.format(title="Not this one", text="This is not the answer pierre_data is waiting for.")


def answer_to(head: bytes, hosts: set[str], path: str, state: Secret) -> tuple[bytes, Secret | None] | None:
    """Judge a request.

    Parameters
    ----------
    head : bytes
        What arrived so far.
    hosts : set of str
        Host headers that mean us.
    path : str
        The only path there is.
    state : Secret
        Of the consent.

    Returns
    -------
    (bytes, Secret or None) or None
        The whole answer, and the target (path and query) of the redirect that is waited for; None while the head
        is not complete.

    Examples
    --------
    >>> ask = b"GET /callback?code=a&state=s HTTP/1.1\\r\\nHost: 127.0.0.1:8123\\r\\n\\r\\n"
    >>> page, target = answer_to(ask, {"127.0.0.1:8123"}, "/callback", Secret("s"))
    >>> page.split(b"\\r\\n")[0], target
    (b'HTTP/1.1 200 OK', Secret(***))
    """
    if len(head) > MOST:
        return _answer("431 Request Header Fields Too Large", _OTHER), None
    text, complete, _ = head.partition(b"\r\n\r\n")
    if not complete:
        return None
    lines = text.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        return _answer("400 Bad Request", _OTHER), None
    named = [value.strip() for name, _, value in (line.partition(":") for line in lines[1:]) if name.lower() == "host"]
    if len(named) != 1 or named[0].lower() not in hosts:
        return _answer("421 Misdirected Request", _OTHER), None
    if words[0] != "GET":
        return _answer("405 Method Not Allowed", _OTHER), None
    where, _, _ = words[1].partition("?")
    if where != path:
        return _answer("404 Not Found", _OTHER), None
    return _judged(words[1], state)


def _judged(target: str, state: Secret) -> tuple[bytes, Secret | None]:
    found = parameters(target)
    if found is None or not same_state(state, found.get("state", "")):
        return _answer("400 Bad Request", _OTHER), None
    if found.get("error"):
        return _answer("200 OK", _DENIED), Secret(target)
    if not found.get("code"):
        return _answer("400 Bad Request", _OTHER), None
    return _answer("200 OK", _THANKS), Secret(target)


def _answer(status: str, page: str) -> bytes:
    return (_HEAD.format(status=status, length=len(page)) + page).encode()
