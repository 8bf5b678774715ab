"""Decoded rows read as fields say; pushes that the vendor did not sign are refused."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from typing import Any

import pytest

from pierre_data.errors import AccessDenied, ConfigurationError, PayloadError
from pierre_data.schema import ACTIVITIES, Unit
from pierre_data.secret import Secret
from pierre_data.spi import (
    Columnwise,
    Event,
    Field,
    Headers,
    Hmac,
    Page,
    PageNumber,
    Received,
    SharedSecret,
    Sports,
    Token,
    Webhook,
    read_rows,
    walk,
)

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
WANTED = {
    "id": Field("id"),
    "sport": Field("kind", via=Sports({"run": "run"}, {"sauna": "other"})),
    "distance_m": Field("far.km", Unit.KILOMETRE),
    "average_heart_rate_bpm": Field("hr", "pulse"),
    "name": Field("title", via=Columnwise(lambda titles: [t and t.upper() for t in titles])),
    "manual": Field("a", "b", via=lambda a, b: a == b),
    "start_latitude_deg": Field("at.0"),
}


def test_rows_in_our_columns_and_units() -> None:
    good: dict[str, Any] = {"id": 1, "kind": "RUN", "far": {"km": 5}, "pulse": 140, "title": "x", "at": [45.0]}
    rows = read_rows([good, {"id": 2, "kind": "sauna"}, {"id": 3, "kind": "Quidditch", "at": []}], WANTED, ACTIVITIES)
    assert rows.rejected == ()
    assert rows.columns == {
        "id": [1, 2, 3],
        "sport": ["run", "other", "other"],
        "sport_raw": ["RUN", "sauna", "Quidditch"],
        "is_exercise": [True, False, True],
        "distance_m": [5000.0, None, None],
        "average_heart_rate_bpm": [140, None, None],
        "name": ["X", None, None],
        "manual": [True, True, True],
        "start_latitude_deg": [45.0, None, None],
    }


@pytest.mark.parametrize("far", ["tall", True, []])
def test_a_row_that_cannot_be_translated_is_set_aside(far: Any) -> None:
    rows = read_rows([{"id": 7, "far": {"km": far}}, {"id": 8}], WANTED, ACTIVITIES)
    assert rows.columns["id"] == [8]
    assert rows.rejected == (("7", "far.km", repr(far)),)


def test_no_rows() -> None:
    assert set(read_rows([], WANTED, ACTIVITIES).columns) == {*WANTED, "sport_raw", "is_exercise"}


def _hex(message: bytes, key: bytes = b"key") -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


IN_LINE = Hmac("X-Acme-Signature acme-signature", stamp="t=")
BESIDE = Hmac("Acme-Signature", stamp="Acme-Stamp", encoding="base64", unit_s=0.001)
STAMP = str(int(NOW.timestamp()))


def judged(signature: str) -> str:
    return IN_LINE.fault(Headers({"acme-signature": signature}), b"{}", b"key", NOW)


def base64_of(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def test_a_good_signature_passes_in_either_spelling() -> None:
    signed = f"t={STAMP}, v1=00, v1={_hex(STAMP.encode() + b'.{}')}"
    assert not judged(signed)
    beside = {"acme-stamp": f"{STAMP}000", "acme-signature": base64_of(_hex(f"{STAMP}000".encode() + b"{}"))}
    assert not BESIDE.fault(Headers(beside), b"{}", b"key", NOW)


def test_a_body_may_be_signed_alone_and_in_any_case() -> None:
    alone = Hmac("Acme-Signature")
    for given in (_hex(b"{}"), _hex(b"{}").upper()):
        assert not alone.fault(Headers({"acme-signature": given}), b"{}", b"key", NOW)
    assert alone.fault(Headers({"acme-signature": _hex(b"{ }")}), b"{}", b"key", NOW) == "has a wrong signature"
    upper = {"acme-stamp": STAMP, "acme-signature": _hex(f"{STAMP}{{}}".encode()).upper()}
    assert not Hmac("Acme-Signature", stamp="Acme-Stamp").fault(Headers(upper), b"{}", b"key", NOW)


@pytest.mark.parametrize(
    "body", [b'{"own": {"secret": "other"}}', b"{}", b"[]", b"", b'{"own": {"secret": null}}', b"{"]
)
def test_a_secret_may_be_in_the_body(body: bytes) -> None:
    inside = SharedSecret(path="own.secret")
    assert not inside.fault({}, b'{"own": {"secret": "key"}}', b"key", NOW)
    assert inside.fault({}, body, b"key", NOW) == "has a wrong own.secret"


@pytest.mark.parametrize("given", ["", "00", "ä", "\udcff", _hex(b"{}"), _hex(STAMP.encode() + b".{ }")])
def test_a_wrong_signature_is_refused(given: str) -> None:
    assert judged(f"t={STAMP},v1={given}") == "has a wrong signature"
    other = _hex(STAMP.encode() + b".{}", b"another")
    assert judged(f"t={STAMP},v1={other}") == "has a wrong signature"
    for headers in ({}, {"acme-signature": ""}):
        assert IN_LINE.fault(Headers(headers), b"{}", b"key", NOW) == "is not signed"


@pytest.mark.parametrize("away", ["301", "-301", "nan", "inf", "soon", "", "\udcff"])
def test_an_old_or_unreadable_stamp_is_refused(away: str) -> None:
    stamp = str(NOW.timestamp() + float(away)) if away.lstrip("-").isdigit() else away
    signed = _hex(f"{stamp}.".encode(errors="replace") + b"{}")
    assert judged(f"t={stamp},v1={signed}") == "is not of now"


def test_the_tolerance_is_inclusive() -> None:
    for away in (300, -300):
        stamp = str(int(NOW.timestamp()) + away)
        signed = f"t={stamp},v1={_hex(stamp.encode() + b'.{}')}"
        assert not judged(signed)


def acme(**more: Any) -> Webhook:
    def read(push: Any, _now: dt.datetime) -> list[Event]:
        return [Event(push["kind"], id={"a": "1"}[push["id"]])]

    return Webhook(provider="acme", signature=SharedSecret("X-Key"), read=read, **more)


def test_without_a_secret_nothing_is_believed() -> None:
    for secret in (None, Secret("")):
        with pytest.raises(ConfigurationError, match="PIERRE_ACME_CLIENT_SECRET"):
            acme()({"x-key": "key"}, b"{}", secret, NOW)


def test_a_wrong_or_missing_secret_is_refused() -> None:
    for headers in ({}, {"x-key": "other"}, {"x-key": "\udcff"}):
        with pytest.raises(AccessDenied, match="wrong X-Key") as caught:
            acme()(headers, b"{}", Secret("key"), NOW)
        assert caught.value.provider == "acme"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b'{"a": NaN}', b"[{}, 1]", b"{}", b'{"kind": "update", "id": []}', b"[" * 100_000],
)
def test_what_cannot_be_read_is_one_error_of_ours(body: bytes) -> None:
    with pytest.raises(PayloadError, match="acme pushed"):
        acme()({"X-Key": "key"}, body, Secret("key"), NOW)


def test_an_unsigned_push_is_read_until_an_option_demands_the_signature() -> None:
    hook, body = acme(required_by="strict"), b'{"kind": "update", "id": "a"}'
    assert [event.id for event in hook({}, body, None, NOW).events] == ["1"]
    with pytest.raises(AccessDenied):
        hook({}, body, Secret("key"), NOW, {"strict": True})
    with pytest.raises(AccessDenied):  # a wrong one is never overlooked
        hook({"X-Key": "other"}, body, Secret("key"), NOW)


def test_a_list_of_pushes_and_a_handshake() -> None:
    hook = acme(
        lists=True,
        handshake=lambda content, genuine, _: Received(status=201 if genuine() else 401) if content == 7 else None,
    )
    one = b'{"kind": "update", "id": "a"}'
    assert len(hook({"X-Key": "key"}, b"[" + one + b"," + one + b"]", Secret("key"), NOW).events) == 2
    assert hook({"X-Key": "key"}, b"7", Secret("key"), NOW).status == 201
    assert hook({}, b"7", Secret("key"), NOW).status == 401


def test_pages_are_walked_to_their_end() -> None:
    plan = walk("/x", {"start": "a"}, "data.rows", Token("next", "token", 2))
    assert next(plan).params == {"start": "a", "limit": 2}
    assert plan.send(Page(body={"data": {"rows": [{"id": 1}, None]}, "next": "t"})).params["token"] == "t"
    with pytest.raises(StopIteration) as end:
        plan.send(Page(body={"data": None}))
    assert end.value.value == [{"id": 1}]


def test_a_body_may_be_the_list_itself() -> None:
    plan = walk("/x", {}, "", PageNumber(size=1))
    assert next(plan).params == {"page": 1, "per_page": 1}
    assert plan.send(Page(body=[{"id": 1}])).params == {"page": 2, "per_page": 1}
    with pytest.raises(StopIteration) as end:
        plan.send(Page(status=204))
    assert end.value.value == [{"id": 1}]
    for body in ({"items": []}, None, "text"):
        plan = walk("/x", {}, "")
        next(plan)
        with pytest.raises(PayloadError, match="without a list"):
            plan.send(Page(body=body))


@pytest.mark.parametrize("body", [[], None, "text", {"rows": {}}, {"rows": "none"}])
def test_a_page_without_a_list_is_no_empty_page(body: Any) -> None:
    plan = walk("/x", {}, "rows")
    next(plan)
    with pytest.raises(PayloadError, match="without the list 'rows'"):
        plan.send(Page(body=body))
