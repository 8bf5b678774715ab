"""What a vendor pushes: how a push is verified, declared as values, and what it says."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pierre_data.errors import AccessDenied, ConfigurationError, PayloadError
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.spi.fields import get_path
from pierre_data.spi.messages import Headers, Response, decode_json
from pierre_data.spi.query import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One thing that happened at the vendor.

    Parameters
    ----------
    kind : what happened; "data" brings rows
    time : when the object is, aware UTC: its period is forgotten.  Unknown forgets what may still change.
    athlete_id : whose, as the vendor names them
    rows : pushed rows, in the units of the table

    Examples
    --------
    >>> from pierre_data.schema import SLEEP
    >>> Event("delete", SLEEP, "n1", athlete_id="7").kind
    'delete'
    """

    kind: Literal["create", "update", "delete", "disconnect", "data"]
    table: Table | None = None
    id: str | None = None
    time: dt.datetime | None = None
    athlete_id: str | None = None
    rows: Rows | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """What to answer, and what happened.

    `events`: in the order of the body. `ignored`: events that changed nothing: they concern another athlete than the
    client's, or nobody knows whose entries the client's are. `set_aside`: pushed rows that could not be read; the
    others are kept.

    Examples
    --------
    >>> Received(status=204).events
    ()
    """

    events: tuple[Event, ...] = ()
    status: int = 200
    reply: bytes = b""
    content_type: str = "application/json"
    ignored: int = 0
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Hmac:
    """The vendor signs its pushes: HMAC-SHA256 of the body, often behind a time stamp.

    Parameters
    ----------
    header : name of the header that holds the signature; of several names, separated by spaces, the first that is
        there
    stamp : header that holds the time stamp, which stands before the body in what is signed.  ``"t="``: the
        signature's own header is ``t=<stamp>,v1=<signature>``, and ``<stamp>.<body>`` is signed.  Empty: the body
        alone is.
    encoding : how the signature is written; hexadecimal in any case
    unit_s : unit of the stamp since 1970 UTC, in seconds
    tolerance : largest distance of the stamp from now, inclusive

    Examples
    --------
    >>> now = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    >>> Hmac("Acme-Signature", stamp="t=").fault(Headers({"acme-signature": "t=1795564800,v1=00"}), b"{}", b"key", now)
    'has a wrong signature'
    """

    header: str
    stamp: str = ""
    encoding: Literal["hex", "base64"] = "hex"
    unit_s: float = 1.0
    tolerance: dt.timedelta = dt.timedelta(minutes=5)

    def fault(self, headers: Mapping[str, str], body: bytes, key: bytes, now: dt.datetime) -> str:
        """Return what is wrong with a push, as the end of a sentence; empty when it is the vendor's."""
        text = _first(headers, self.header)
        if not text:
            return "is not signed"
        stamp, given, signed = "", [text], body
        if self.stamp == "t=":
            parts = [(k.strip(), v.strip()) for k, _, v in (part.partition("=") for part in text.split(","))]
            stamp, given = dict(reversed(parts)).get("t", ""), [v for k, v in parts if k == "v1"]
            signed = stamp.encode(errors="replace") + b"." + body
        elif self.stamp:
            stamp = headers.get(self.stamp, "")
            signed = stamp.encode(errors="replace") + body
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        expected = (digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()).encode()
        given = [text.lower() for text in given] if self.encoding == "hex" else given
        # Every signature is compared, so that the time taken says nothing of which one fits.
        if not sum([hmac.compare_digest(expected, text.encode(errors="replace")) for text in given]):
            return "has a wrong signature"
        if not self.stamp:
            return ""
        try:
            away_s = abs(now.timestamp() - float(stamp) * self.unit_s)
        except ValueError:
            away_s = float("nan")
        return "" if away_s <= self.tolerance.total_seconds() else "is not of now"


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """The vendor signs nothing, but sends what only it and you know.

    `header`: the header that holds it. `path`: where it is in the JSON body, dotted, where no header holds it.

    Examples
    --------
    >>> SharedSecret("Authorization").fault({"Authorization": "other"}, b"", b"key", dt.datetime.now(dt.UTC))
    'has a wrong Authorization'
    >>> SharedSecret(path="secret").fault({}, b'{"secret": "key"}', b"key", dt.datetime.now(dt.UTC))
    ''
    """

    header: str = ""
    path: str = ""

    def fault(self, headers: Mapping[str, str], body: bytes, key: bytes, now: dt.datetime) -> str:
        """Return what is wrong with a push, as the end of a sentence; empty when it is the vendor's."""
        given = _first(headers, self.header) or str(get_path(Response(200, body=body).object, self.path) or "")
        fits = hmac.compare_digest(key, given.encode(errors="replace"))
        return "" if fits else f"has a wrong {self.header or self.path}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Webhook:
    """What a vendor pushes, as a value: who may, and what it means.

    Called as ``webhook(headers, body, secret, now, options)`` it verifies, answers a handshake and reads.

    Parameters
    ----------
    signature : how a push is known to be the vendor's
    read : ``(object, now) -> events`` of one pushed JSON object.  A TypeError, ValueError, LookupError,
        AttributeError or ArithmeticError of it means that the vendor sent something else: `PayloadError`.
    handshake : ``(content, genuine, options) -> Received or None``: the answer where the vendor asks whether anybody
        is there. `content` is the decoded JSON (None: an empty body), or the bytes where it is none; ``genuine()``
        says whether the signature fits.
    secret : the setting that holds the secret, without ``PIERRE_`` and name
    required_by : pushes without any signature are read, unless this option of the provider is true.  Empty: they
        never are.
    reply : body of the answer

    Examples
    --------
    >>> hook = Webhook(provider="acme", signature=SharedSecret("x-key"), read=lambda push, now: [Event(push["kind"])])
    >>> hook({"X-Key": "k"}, b'{"kind": "update"}', Secret("k"), dt.datetime.now(dt.UTC)).events[0].kind
    'update'
    """

    provider: str
    signature: Hmac | SharedSecret
    read: Callable[[Any, dt.datetime], Iterable[Event]]
    handshake: Callable[[Any, Callable[[], bool], Mapping[str, Any]], Received | None] | None = None
    secret: str = "CLIENT_SECRET"
    lists: bool = False
    required_by: str = ""
    status: int = 200
    reply: bytes = field(default=b"", repr=False)

    def __call__(
        self,
        headers: Mapping[str, str],
        body: bytes,
        secret: Secret | None,
        now: dt.datetime,
        options: Mapping[str, Any] | None = None,
    ) -> Received:
        """Verify a push, answer a handshake, and read what happened.

        Raises AccessDenied: the signature is wrong, too old or missing.
        Raises ConfigurationError: there is no secret to check it with: what cannot be verified is not believed.
        Raises PayloadError: the body is no JSON object, or means nothing we know.
        """
        options, known = options or {}, Headers(headers)

        def fault() -> str:
            if not secret:
                variable = f"PIERRE_{self.provider.upper().replace('-', '_')}_{self.secret}"
                own = self.signature
                meaning = f" to what comes as {own.header or own.path}" if isinstance(own, SharedSecret) else ""
                what = f"A push of {self.provider} cannot be verified without its secret."
                raise ConfigurationError(what, f"Set {variable}{meaning}.", provider=self.provider)
            return self.signature.fault(known, body, secret.reveal().encode(), now)

        try:
            content = decode_json(body)
        except ValueError:
            content = body
        answer = self.handshake(content, lambda: not fault(), options) if self.handshake else None
        if answer is not None:
            return answer
        must = not self.required_by or options.get(self.required_by) or _first(known, self.signature.header)
        if must and (wrong := fault()):
            fix = "Check the secret and this machine's clock; nothing changed."
            raise AccessDenied(f"A push of {self.provider} {wrong}.", fix, provider=self.provider)
        return Received(tuple(self._events(content, now)), self.status, self.reply)

    def _events(self, content: Any, now: dt.datetime) -> list[Event]:
        pushes = content if self.lists and isinstance(content, list) else [content]
        try:
            if not all(isinstance(push, dict) for push in pushes):
                raise TypeError("not a JSON object")
            return [event for push in pushes for event in self.read(push, now)]
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            what = f"{self.provider} pushed something that cannot be read ({type(error).__name__})"
            raise PayloadError(f"{what}.", "Nothing was changed.", provider=self.provider) from error


def _first(headers: Mapping[str, str], names: str) -> str:
    return next((headers[name] for name in names.split() if headers.get(name)), "")
