"""What Strava pushes: the handshake of a subscription, and events that hold no data (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
import hmac
import json
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qs

from pierre_data import schema
from pierre_data.errors import AccessDenied
from pierre_data.secret import Secret
from pierre_data.spi import Event, Received
from pierre_data.spi.signature import content, header, known, verify_stamped

_KINDS: Mapping[Any, Literal["create", "update", "delete"]] = {"create": "create", "delete": "delete"}


def receive(
    headers: Mapping[str, str],
    body: bytes,
    secret: Secret | None,
    now: dt.datetime,
    *,
    require_signature: bool = False,
    verify_token: Secret | None = None,
) -> Received:
    """Read a webhook, or answer the handshake.

    Parameters
    ----------
    headers : mapping of str to str
        Of the request, any case.
    body : bytes
        As it came; for the handshake, a GET without a body, its query string.
    secret : Secret, optional
        The application's client secret, which signs.
    now : datetime
        Aware.
    require_signature : bool
        Refuse events without a signature.  2026-11: newer subscriptions are signed, older ones are not.
    verify_token : Secret, optional
        What the subscription was made with; the handshake must repeat it.

    Returns
    -------
    Received
        At most one event, in any order with others and up to three times; the answer must be out within 2 s.

    Raises
    ------
    AccessDenied
        The signature is wrong, old or missing though required; the handshake is not ours.
    ConfigurationError
        It is signed, and there is no secret to check it with.
    PayloadError
        The body is no JSON object.

    Examples
    --------
    >>> at = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    >>> receive({}, b"hub.mode=subscribe&hub.challenge=15f7", None, at).reply
    b'{"hub.challenge": "15f7"}'
    """
    if body.startswith(b"hub.") or b"&hub." in body[:2000]:
        return _handshake(body, verify_token)
    if signature := header(headers, "X-Strava-Signature"):
        verify_stamped("strava", known("strava", secret, "PIERRE_STRAVA_CLIENT_SECRET"), body, signature, now)
    elif require_signature:
        raise AccessDenied("A push of strava is not signed.", "Nothing changed.", provider="strava")
    return Received(_events(content("strava", body)))


def _handshake(query: bytes, wanted: Secret | None) -> Received:
    asked = {name: values[0] for name, values in parse_qs(query.decode("utf-8", "replace")).items()}
    token = asked.get("hub.verify_token", "").encode()
    if wanted is not None and not hmac.compare_digest(token, wanted.reveal().encode()):
        raise AccessDenied("A handshake of strava is not ours.", "Check its verify_token.", provider="strava")
    return Received(reply=json.dumps({"hub.challenge": asked.get("hub.challenge", "")}).encode())


def _events(push: Mapping[str, Any]) -> tuple[Event, ...]:
    kind, updates = _KINDS.get(push.get("aspect_type"), "update"), push.get("updates")
    owner, thing = (None if push.get(name) is None else str(push[name]) for name in ("owner_id", "object_id"))
    if push.get("object_type") == "activity":
        return (Event(kind, schema.ACTIVITIES, thing, athlete_id=owner),)
    if push.get("object_type") != "athlete":
        return ()
    # Booleans are sent as text.  2026-11: some see a withdrawn consent as athlete and delete.
    withdrawn = isinstance(updates, Mapping) and str(updates.get("authorized")).lower() == "false"
    if withdrawn or kind == "delete":
        return (Event("disconnect", athlete_id=owner or thing),)
    return (Event("update", schema.ATHLETE, thing, athlete_id=owner),)
