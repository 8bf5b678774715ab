"""Strava's handshake is answered, its events are read, and forged ones are refused."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from pierre_data import Client, errors, schema
from pierre_data.providers.strava import descriptor
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.settings import Settings
from pierre_data.spi import Received

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
SECRET = Secret("strava-client-secret-canary")
EVENT = {
    "object_type": "activity", "object_id": 2**40, "aspect_type": "create", "updates": {}, "owner_id": 134815,
    "subscription_id": 1, "event_time": 1795608000,
}  # fmt: skip


def push(
    event: Any, *, away_s: int = 0, sign: str | None = "", secret: Secret | None = SECRET, **more: Any
) -> Received:
    body = json.dumps(event).encode()
    stamp = str(int(NOW.timestamp()) + away_s)
    digest = hmac.new(SECRET.reveal().encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {} if sign is None else {"x-strava-signature": f"t={stamp},v1={sign or digest}"}
    return descriptor.webhook(headers, body, secret, NOW, more)


@pytest.mark.parametrize(
    ("change", "kind", "table", "id"),
    [
        ({}, "create", schema.ACTIVITIES, str(2**40)),
        ({"aspect_type": "update", "updates": {"private": "true"}}, "update", schema.ACTIVITIES, str(2**40)),
        ({"aspect_type": "delete"}, "delete", schema.ACTIVITIES, str(2**40)),
        ({"aspect_type": "renamed", "updates": None}, "update", schema.ACTIVITIES, str(2**40)),
        ({"object_type": "athlete", "object_id": 134815, "aspect_type": "update"}, "update", schema.ATHLETE, "134815"),
        (
            {"object_type": "athlete", "aspect_type": "update", "updates": {"authorized": "false"}},
            "disconnect",
            None,
            None,
        ),
        ({"object_type": "athlete", "aspect_type": "delete"}, "disconnect", None, None),
    ],
)
def test_events(change: dict[str, Any], kind: str, table: Table | None, id: str | None) -> None:
    for sign in ("", None):  # signed, or of an older subscription
        received = push(EVENT | change, sign=sign)
        [event] = received.events
        assert (event.kind, event.table, event.id, event.athlete_id) == (kind, table, id, "134815")
        assert received.status == 200


def test_what_is_not_known_yet_changes_nothing() -> None:
    assert push({"object_type": "segment"}).events == ()
    assert push({}).events == ()


def test_forged_events_are_refused() -> None:
    for wrong in ({"sign": "00"}, {"away_s": 301}, {"away_s": -301}, {"sign": None, "require_signature": True}):
        with pytest.raises(errors.AccessDenied) as caught:
            push(EVENT, **wrong)
        assert SECRET.reveal() not in str(caught.value)
    with pytest.raises(errors.ConfigurationError, match="PIERRE_STRAVA_CLIENT_SECRET"):
        push(EVENT, secret=None)
    with pytest.raises(errors.PayloadError):
        descriptor.webhook({}, b"[]", None, NOW)


def test_a_title_makes_no_handshake_and_wrong_types_are_refused() -> None:
    [event] = push(EVENT | {"updates": {"title": "rock &hub.challenge=evil& roll"}}).events
    assert event.id == str(2**40)
    for wrong in ({"aspect_type": []}, {"object_type": {}, "aspect_type": {}}):
        with pytest.raises(errors.PayloadError):
            push(EVENT | wrong)


def test_the_handshake_is_answered() -> None:
    query = b"hub.verify_token=STRAVA&hub.challenge=15f7d1a91c1f40f8a748fd134752feb3&hub.mode=subscribe"
    for token in ("", "STRAVA"):
        received = descriptor.webhook({}, query, SECRET, NOW, {"verify_token": token})
        assert json.loads(received.reply) == {"hub.challenge": "15f7d1a91c1f40f8a748fd134752feb3"}
        assert (received.status, received.content_type, received.events) == (200, "application/json", ())
    with pytest.raises(errors.AccessDenied, match="handshake"):
        descriptor.webhook({}, query, SECRET, NOW, {"verify_token": "another"})


def test_an_operator_can_demand_signatures(tmp_path: Path) -> None:
    farewell = {"object_type": "athlete", "object_id": 134815, "owner_id": 134815, "updates": {"authorized": "false"}}
    env = {f"PIERRE_{name}_DIR": str(tmp_path / name) for name in ("CACHE", "CONFIG", "DATA")}
    env |= {"PIERRE_STRAVA_ACCESS_TOKEN": "a", "PIERRE_STRAVA_CLIENT_SECRET": SECRET.reveal()}
    for demanded in ("0", "1"):
        settings = Settings.read(env | {"PIERRE_STRAVA_REQUIRE_SIGNATURE": demanded})
        with Client(["strava"], settings=settings, cache="memory") as client:
            body = json.dumps(farewell).encode()
            if demanded == "0":
                assert client.receive_webhook("strava", {}, body, athlete="134815").events[0].kind == "disconnect"
            else:
                with pytest.raises(errors.AccessDenied, match="not signed"):
                    client.receive_webhook("strava", {}, body, athlete="134815")
    with pytest.raises(errors.ConfigurationError):
        Client(
            ["strava"], settings=Settings.read(env | {"PIERRE_STRAVA_REQUIRE_SIGNATURE": "perhaps"})
        ).receive_webhook("strava", {}, b"{}")
