"""What a vendor's limit headers say, and the error that a 429 becomes."""

from __future__ import annotations

import datetime as dt

import pytest

from pierre_data.errors import ApiError, QuotaExceeded, RateLimited
from pierre_data.spi import Headers, LimitHeaders, ProviderDescriptor, RateLimit, Response

LIMITS = (RateLimit(100, minutes=15), RateLimit(1000, days=1))
PAIRS = LimitHeaders("X-Limit", "X-Usage", "X-Left", "X-Reset", calendar=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-limit": "100,1000", "x-usage": "100,999"}, 900.0),
        ({"X-Limit": "100,1000", "X-Usage": "3, 1000"}, 86_400.0),
        ({"x-limit": "100,1000", "x-usage": "100,1000"}, 86_400.0),  # the longest counts
        ({"x-limit": "100,1000", "x-left": "7,0"}, 86_400.0),
        ({"x-limit": "1000, 100;window=900, 1000;window=86400"}, 86_400.0),
        ({"x-limit": "100, 100;window=900, 1000;window=86400"}, 900.0),
        ({"x-limit": ",", "x-usage": ","}, 900.0),
        ({"x-limit": "soon"}, 900.0),
        ({}, 900.0),
    ],
)
def test_the_window_that_is_used_up(headers: dict[str, str], seconds: float) -> None:
    window = PAIRS.window(Headers(headers), LIMITS)
    assert window is not None
    assert window.seconds == seconds


def test_windows_nobody_declared_are_not_invented() -> None:
    assert PAIRS.window(Headers({"x-limit": "5, 5;window=60"}), LIMITS) is None
    assert PAIRS.window(Headers({"x-limit": "100"}), ()) is None


def response(headers: dict[str, str], status: int = 429) -> Response:
    return Response(status, headers, b"", dt.datetime(2026, 11, 25, 12, 10, tzinfo=dt.UTC))


def test_a_descriptor_says_when_to_ask_again() -> None:
    acme = ProviderDescriptor(name="acme", display_name="Acme", limits=LIMITS, limit_headers=PAIRS)
    minutes = acme.fault(response({}))
    assert (type(minutes), minutes.retry_after) == (RateLimited, 301.0)  # the next quarter of an hour
    assert "15-minute limit" in str(minutes)
    day = acme.fault(response({"x-limit": "100,1000", "x-usage": "1,1000"}))
    assert (type(day), day.retry_after) == (QuotaExceeded, 42_601.0)  # midnight UTC
    assert "daily limit" in str(day)
    told = acme.fault(response({"x-reset": "37"}))
    assert (told.retry_after, "in 37 s" in str(told)) == (37.0, True)
    assert acme.fault(response({}, 503)) is None
    silent = ProviderDescriptor(name="acme", display_name="Acme", limits=LIMITS, limit_headers=LimitHeaders("X-Limit"))
    assert silent.fault(response({})).retry_after is None


def test_the_vendors_own_words_come_first() -> None:
    own = ApiError("Closed.", "Wait.", status=429)
    acme = ProviderDescriptor(name="acme", display_name="Acme", faults=lambda _: own, limit_headers=PAIRS)
    assert acme.fault(response({})) is own
