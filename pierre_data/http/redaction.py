"""Keep secrets out of messages and logs."""

import logging
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from pierre_data.errors import PierreError
from pierre_data.http.deadline import in_flight
from pierre_data.spi.messages import Request

_NAMED = re.compile(
    r"(?i)\b((?:access|refresh|id|auth|bearer|verify)?_?token|client_?secret|secret|password|passwd|code|code_verifier"
    r"|(?:x-)?api[_-]?key|authorization|signature|state)(['\"]?\s*[:=]\s*['\"]?)(?:bearer\s+|basic\s+)?[^\s'\",;&}\]]+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")
_QUERY = re.compile(r"(?i)(\bhttps?://[^\s?'\"]*)\?[^\s'\")\]]*")
_HEADER = re.compile(r"\((b'(?:[^'\\]|\\.)*'), (?:b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\")\)")
_SECRET_NAME = re.compile(r"(?i)token|secret|code|password|key|verifier|assertion|signature")
_SHORTEST = 6  # a shorter secret would take ordinary words out of messages
_HARMLESS = {"accept", "content-type", "user-agent"}  # request headers that are nobody's secret
_LOGGED = {"content-type", "content-length", "date"}  # response headers whose values may be logged


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace known secrets (of 6 characters and more), named tokens, Authorization values and queries of URLs.

    Examples
    --------
    >>> redact("bad access_token=abc123 at https://api.example/v3?code=9", ())
    'bad access_token=[redacted] at https://api.example/v3?[redacted]'
    >>> redact("token s3cr3t-s3cr3t is expired", ["s3cr3t-s3cr3t"])
    'token [redacted] is expired'
    """
    for secret in sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(secret, "[redacted]")
    text = _QUERY.sub(r"\1?[redacted]", text)
    text = _BEARER.sub(r"\1 [redacted]", text)
    return _NAMED.sub(r"\1\2[redacted]", text)


def excerpt(text: str, secrets: Iterable[str] = (), *, limit: int = 200) -> str:
    """One printable line of at most `limit` characters, redacted before it is cut.

    Examples
    --------
    >>> excerpt("Rate limit\\x1b[2J exceeded\\n", limit=18)
    'Rate limit[2J e...'
    """
    # Redaction reads a little more than is shown, so that a cut never leaves half a secret behind.
    line = " ".join(text[: 20 * limit].split())
    line = redact("".join(char for char in line if char.isprintable()), secrets)
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def secrets_of(request: Request) -> list[str]:
    """The values of a request that must not be repeated: credentials in its headers, query and form."""
    query = parse_qsl(request.path.partition("?")[2].partition("#")[0])
    fields = [*query, *((name, str(value)) for name, value in request.params.items()), *(request.form or {}).items()]
    secrets = [value for name, value in fields if _SECRET_NAME.search(name)]
    for name, value in request.headers.items():
        if name.lower() not in _HARMLESS:
            secrets += [value, value.split()[-1]] if value.split() else []
    return secrets


def scrub(error: PierreError, secrets: Iterable[str]) -> PierreError:
    """Take known secrets out of everything an error shows, in place; returns the error."""
    known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
    for name in ("what", "fix", "body", "path", "field", "value"):
        text = vars(error).get(name)
        if isinstance(text, str):
            for secret in known:
                text = text.replace(secret, "[redacted]")
            setattr(error, name, text)
    error.args = (f"{error.what} {error.fix}".strip(),)
    return error


class _WireLog(logging.Filter):
    """Rewrites httpcore's debug lines while one of our requests is on the wire in this thread."""

    def filter(self, record: logging.LogRecord) -> bool:
        if in_flight():
            record.msg, record.args = redact(_HEADER.sub(_masked, record.getMessage())), ()
        return True


def _masked(match: re.Match[str]) -> str:
    name = match[1][2:-1]
    return match[0] if name.lower() in _LOGGED else f"({match[1]}, [redacted])"


#: To be attached to everything httpcore 1.x logs to; other people's requests are logged unchanged.  httpx's own logger
#: belongs to httpx.Client, which we do not use.
WIRE_LOG = _WireLog()
WIRE_LOGGERS = tuple(logging.getLogger(f"httpcore.{n}") for n in ("connection", "http11", "http2", "proxy", "socks"))
