"""Retry and Retry-After, counted by a real server."""

import threading
from dataclasses import replace
from email.utils import formatdate

import pytest

from pierre_data import errors
from pierre_data.http import HttpClient, ResilienceConfig
from pierre_data.spi import Request
from tests.fault_server import FaultServer, json, raw, reply, reset

QUICK = ResilienceConfig(base_delay_s=0.001, max_delay_s=0.005, timeout_s=5.0)
NOW = 1_800_000_000.0


def client(server, **options):
    """A quick client of the server; options as for HttpClient."""
    options = {"config": QUICK, "provider": "acme", "base_url": f"{server.url}/v3"} | options
    return HttpClient(options.pop("config"), **options)


class Clock(threading.Event):
    """A cancel that nobody sets; what waits for it passes at once."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return False


def get(path="/activities", **fields):
    return Request(path, **fields)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_transient_error_is_retried_and_the_last_one_raised(status):
    said = []
    with (
        FaultServer(json({"message": "Oops"}, status)) as server,
        client(server) as acme,
        pytest.raises(errors.ApiError, match=r"'Oops', after 4 attempts\. Try again later") as caught,
    ):
        acme.with_options(None, lambda seconds, reason: said.append((seconds, reason))).send(get())
    assert len(server.seen) == 4
    assert (caught.value.status, caught.value.retryable, caught.value.provider) == (status, True, "acme")
    assert len(said) == 3
    assert all(0 < seconds <= 0.005 for seconds, _ in said)
    assert "retry 1 of 3" in said[0][1]


def test_the_retries_are_counted_in_the_answer():
    with FaultServer(reset, json({}, 503), json([])) as server, client(server) as acme:
        assert (acme.send(get()).status, len(server.seen)) == (200, 3)
    assert len(server.seen) == 3


@pytest.mark.parametrize("answer", [json({}, 503), json({}, 429, Retry_After="0"), reset, raw(b"")])
def test_a_post_is_never_repeated_unless_told(answer):
    with FaultServer(answer) as server, client(server) as acme:
        with pytest.raises(errors.PierreError):
            acme.send(Request("/activities", method="POST", json={}))
        assert len(server.seen) == 1
        with pytest.raises(errors.PierreError):
            acme.send(Request("/activities", method="POST", json={}), retry=True)
        assert len(server.seen) == 5
        with pytest.raises(errors.PierreError):
            acme.send(get(), retry=False)
        assert len(server.seen) == 6


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 501])
def test_what_will_not_change_is_asked_once(status):
    with FaultServer(json({}, status)) as server, client(server) as acme, pytest.raises(errors.PierreError):
        acme.send(get())
    assert len(server.seen) == 1


def test_the_pauses_double_up_to_the_longest():
    clock = Clock()
    config = ResilienceConfig(max_retries=7, base_delay_s=0.1, max_delay_s=5.0, jitter=0.1)
    with (
        FaultServer(json({}, 500)) as server,
        client(server, config=config, cancel=clock) as acme,
        pytest.raises(errors.ApiError, match="after 8 attempts"),
    ):
        acme.send(get())
    assert clock.waits == pytest.approx([0.105, 0.21, 0.42, 0.84, 1.68, 3.36, 5.0], rel=0.05)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("0", 0.1),
        ("-30", 0.1),
        (formatdate(NOW + 20, usegmt=True), 20.0),
        (formatdate(NOW - 9000, usegmt=True), 0.1),
    ],
)
def test_retry_after_is_honoured_in_every_readable_form(value, wait):
    clock = Clock()
    config = ResilienceConfig(base_delay_s=0.1, jitter=0.0)
    with (
        FaultServer(json({}, 429, Retry_After=value, Date=formatdate(NOW, usegmt=True)), json([])) as server,
        client(server, config=config, cancel=clock) as acme,
    ):
        assert (acme.send(get()).status, len(server.seen)) == (200, 2)
    assert clock.waits == [wait]


@pytest.mark.parametrize(
    ("value", "kind", "after"),
    [
        ("61", errors.RateLimited, 61.0),
        ("7200", errors.QuotaExceeded, 7200.0),
        ("9" * 5000, errors.QuotaExceeded, 366 * 86400.0),
        (formatdate(NOW + 7200, usegmt=True), errors.QuotaExceeded, 7200.0),
        ("soon", errors.RateLimited, None),
        ("inf", errors.RateLimited, None),
        ("nan", errors.RateLimited, None),
        ("Fri, 99 Foo 2026 25:61:61 GMT", errors.RateLimited, None),
        ("", errors.RateLimited, None),
    ],
)
def test_a_wait_that_is_long_or_unknown_is_raised_at_once(value, kind, after):
    with (
        FaultServer(json({}, 429, Retry_After=value, Date=formatdate(NOW, usegmt=True))) as server,
        client(server) as acme,
        pytest.raises(errors.RateLimited) as caught,
    ):
        acme.send(get())
    assert len(server.seen) == 1
    assert (type(caught.value), caught.value.retry_after, caught.value.retryable) == (kind, after, True)


def test_a_retry_date_is_measured_by_the_servers_own_clock():
    clock = Clock()
    skewed = {"Date": formatdate(NOW - 600, usegmt=True), "Retry-After": formatdate(NOW - 590, usegmt=True)}
    with (
        FaultServer(reply(503, b"", headers=skewed), json([])) as server,
        client(server, cancel=clock) as acme,
    ):
        acme.send(get())
    assert clock.waits == [10.0]


def test_a_pause_that_nobody_cancels_ends_by_itself():
    with FaultServer(json({}, 503), json([])) as server, client(server, cancel=threading.Event()) as acme:
        assert (acme.send(get()).status, len(server.seen)) == (200, 2)


def test_a_wait_that_outlasts_the_deadline_is_not_begun():
    clock = Clock()
    with (
        FaultServer(json({}, 429, Retry_After="30")) as server,
        client(server, config=replace(QUICK, deadline_s=20.0), cancel=clock) as acme,
        pytest.raises(errors.RateLimited),
    ):
        acme.send(get())
    assert (clock.waits, len(server.seen)) == ([], 1)


def test_tuning_shares_the_connection_and_changes_the_patience():
    clock, reasons = Clock(), []
    with FaultServer(json([]), json({}, 429, Retry_After="90")) as server, client(server, cancel=clock) as acme:
        acme.send(get())
        patient = acme.with_options(clock, lambda seconds, reason: reasons.append((seconds, reason)), 100.0)
        with pytest.raises(errors.RateLimited, match="acme answered HTTP 429"):
            acme.send(get())
        assert reasons == []
        with pytest.raises(errors.RateLimited, match="after 4 attempts"):
            patient.send(get())
    assert [seconds for seconds, _ in reasons] == clock.waits == [90.0, 90.0, 90.0]
    assert server.connections == 1
