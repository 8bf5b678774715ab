"""What Strava pushes: the handshake of a subscription, and events that hold no data (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import parse_qs

from pierre_data import schema
from pierre_data.errors import AccessDenied
from pierre_data.spi import Event, Hmac, Received, Webhook

_KINDS: Mapping[str, Literal["create", "update", "delete"]] = {"create": "create", "delete": "delete"}


def _handshake(content: Any, _genuine: Callable[[], bool], options: Mapping[str, Any]) -> Received | None:
    # A GET: its query string is handed over as the body.  An event is JSON, whatever its title says.
    query = parse_qs(content.decode("utf-8", "replace")) if isinstance(content, bytes) else {}
    if not any(name.startswith("hub.") for name in query):
        return None
    asked = {name: values[0] for name, values in query.items()}
    token = asked.get("hub.verify_token", "").encode()
    if (wanted := options.get("verify_token")) and not hmac.compare_digest(token, str(wanted).encode()):
        raise AccessDenied("A handshake of strava is not ours.", "Check PIERRE_STRAVA_VERIFY_TOKEN.", provider="strava")
    return Received(reply=json.dumps({"hub.challenge": asked.get("hub.challenge", "")}).encode())


def _events(push: Mapping[str, Any], _now: dt.datetime) -> Iterator[Event]:
    """Yield at most one event; it may come up to three times, in any order; the answer must be out within 2 s."""
    kind, updates = _KINDS.get(push.get("aspect_type", ""), "update"), push.get("updates")
    owner, thing = (None if push.get(name) is None else str(push[name]) for name in ("owner_id", "object_id"))
    if push.get("object_type") == "activity":
        yield Event(kind, schema.ACTIVITIES, thing, athlete_id=owner)
    elif push.get("object_type") == "athlete":
        # Booleans are sent as text.  2026-11: some see a withdrawn consent as athlete and delete.
        withdrawn = isinstance(updates, Mapping) and str(updates.get("authorized")).lower() == "false"
        if withdrawn or kind == "delete":
            yield Event("disconnect", athlete_id=owner or thing)
        else:
            yield Event("update", schema.ATHLETE, thing, athlete_id=owner)


# 2026-11: newer subscriptions are signed with the client secret, older ones are not.
WEBHOOK = Webhook(
    provider="strava",
    signature=Hmac("X-Strava-Signature"),
    read=_events,
    handshake=_handshake,
    required_by="require_signature",
)
