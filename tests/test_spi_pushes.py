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
from pierre_data.spi import Field, Page, Sports, Token
from pierre_data.spi.fields import Columnwise
from pierre_data.spi.reading import read_rows, walk
from pierre_data.spi.signature import content, header, known, verify, verify_stamped

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


def test_a_good_signature_passes_in_either_spelling() -> None:
    stamp = str(int(NOW.timestamp()))
    verify("acme", b"key", b"body", ["nonsense", _hex(b"body")], stamp=stamp, now=NOW)
    text = base64.b64encode(bytes.fromhex(_hex(b"body"))).decode()
    verify("acme", b"key", b"body", [text], stamp=f"{stamp}000", unit_s=0.001, now=NOW, encoding="base64")
    verify_stamped("acme", b"key", b"{}", f"t={stamp}, v1=00, v1={_hex(stamp.encode() + b'.{}')}", NOW)


@pytest.mark.parametrize("given", [[], [""], ["00"], ["ä"], ["\udcff"], [_hex(b"body", b"another")], [_hex(b"Body")]])
def test_a_wrong_signature_is_refused(given: list[str]) -> None:
    with pytest.raises(AccessDenied, match="wrong signature") as caught:
        verify("acme", b"key", b"body", given, stamp=str(NOW.timestamp()), now=NOW)
    assert caught.value.provider == "acme"
    assert _hex(b"body") not in str(caught.value)


@pytest.mark.parametrize("away", ["301", "-301", "nan", "inf", "soon", ""])
def test_an_old_or_unreadable_stamp_is_refused(away: str) -> None:
    stamp = str(NOW.timestamp() + float(away)) if away.lstrip("-").isdigit() else away
    with pytest.raises(AccessDenied, match="not of now"):
        verify("acme", b"key", b"body", [_hex(b"body")], stamp=stamp, now=NOW)


def test_the_tolerance_is_inclusive() -> None:
    for away in (300, -300):
        verify("acme", b"key", b"body", [_hex(b"body")], stamp=str(NOW.timestamp() + away), now=NOW)
    with pytest.raises(AccessDenied):
        verify_stamped("acme", b"key", b"{}", "", NOW)


def test_without_a_secret_nothing_is_believed() -> None:
    assert known("acme", Secret("key"), "PIERRE_ACME_CLIENT_SECRET") == b"key"
    for secret in (None, Secret("")):
        with pytest.raises(ConfigurationError, match="PIERRE_ACME_CLIENT_SECRET"):
            known("acme", secret, "PIERRE_ACME_CLIENT_SECRET")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"a": NaN}'])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError, match="acme pushed"):
        content("acme", body)


def test_headers_of_any_case() -> None:
    assert header({"X-ACME-Stamp": "1", "b": "2"}, "x-acme-stamp", "B") == "1"
    assert header({}, "x") == ""


def test_pages_are_walked_to_their_end() -> None:
    plan = walk("/x", {"start": "a"}, "data.rows", Token("next", "token", 2))
    assert next(plan).params == {"start": "a", "limit": 2}
    assert plan.send(Page(body={"data": {"rows": [{"id": 1}, None]}, "next": "t"})).params["token"] == "t"
    with pytest.raises(StopIteration) as end:
        plan.send(Page(body={"data": None}))
    assert end.value.value == [{"id": 1}]


@pytest.mark.parametrize("body", [[], None, "text", {"rows": {}}, {"rows": "none"}])
def test_a_page_without_a_list_is_no_empty_page(body: Any) -> None:
    plan = walk("/x", {}, "rows")
    next(plan)
    with pytest.raises(PayloadError, match="without the list 'rows'"):
        plan.send(Page(body=body))
