"""Canaries: no secret in a log line, a message, a repr or a traceback with locals."""

import logging
import pickle
import threading
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pierre_data import errors
from pierre_data.http import HttpClient, ResilienceConfig, excerpt, redact
from pierre_data.http.origin import is_loopback, origin, trusted_url
from pierre_data.http.resilience import retry_after_s
from pierre_data.spi import Request, Response
from pierre_data.spi.messages import Headers
from tests.fault_server import FaultServer, hang, json, raw, reply, reset

CANARY = "canary-4f1c9e7a"
QUICK = ResilienceConfig(base_delay_s=0.001, max_delay_s=0.005, timeout_s=0.3, max_retries=1)
ECHO = {"message": f"no athlete for {CANARY}"}


def bearer(request):
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {CANARY}"})


def shown_by(error):
    """All that a debugger-like traceback shows of an error and of everything it was raised from."""
    seen, queue, text = set(), [error], []
    while queue:
        each = queue.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        queue += [each.__cause__, each.__context__]
        text += [str(each), repr(each), repr(vars(each)), repr(each.args)]
        trace = each.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename != __file__:
                text += [f"{name}={value!r}" for name, value in trace.tb_frame.f_locals.items()]
            trace = trace.tb_next
    return "\n".join(text)


ANSWERS = {
    "200": json([], Set_Cookie=f"session={CANARY}", Location=f"https://x.example/?code={CANARY}"),
    "400 echo": json(ECHO, 400),
    "401 echo in text": reply(401, f"the token {CANARY} is unknown".encode()),
    "429 echo": json(ECHO, 429, Retry_After="0"),
    "503 echo": json(ECHO, 503),
    "redirect": reply(302, b"", headers={"Location": f"https://{CANARY}.example/?t={CANARY}"}),
    "not HTTP": raw(f"{CANARY} and noise\r\n".encode()),
    "reset": reset,
    "hang": hang,
    "web page": reply(200, f"<html>{CANARY}".encode()),
    "encoding": reply(200, b"x", headers={"Content-Encoding": CANARY}),
}
REQUESTS = {
    "header": (Request("/athlete"), bearer),
    "query": (Request(f"/athlete?page=1&access_token={CANARY}"), None),
    "params": (Request("/athlete", params={"access_token": CANARY}), None),
    "form": (Request("/token", method="POST", form={"refresh_token": CANARY, "client_secret": CANARY}), None),
    "signed query": (
        Request("/athlete"),
        lambda request: replace(request, params={"token": CANARY}),
    ),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize(("request_", "sign"), REQUESTS.values(), ids=REQUESTS.keys())
def test_no_secret_is_logged_or_shown(answer, request_, sign, caplog):
    caplog.set_level(logging.DEBUG)
    said = []
    with FaultServer(answer) as server:
        with HttpClient(QUICK, base_url=server.url, provider="acme", sign=sign) as plain:
            acme = plain.with_options(None, lambda *wait: said.append(repr(wait)))
            try:
                shown = repr(acme.send(request_, expect_json=True))
            except errors.PierreError as error:
                shown = shown_by(error)
        assert server.seen
    assert CANARY not in shown
    assert CANARY not in "".join(said)
    assert {"httpcore.http11", "httpcore.connection"} <= {record.name for record in caplog.records}
    for record in caplog.records:
        assert CANARY not in f"{record.getMessage()} {vars(record)!r}"


def test_our_own_log_line_names_method_place_status_and_time(caplog):
    caplog.set_level(logging.DEBUG, "pierre_data.http")
    with FaultServer(json([])) as server, HttpClient(base_url=server.url, provider="acme") as acme:
        acme.send(Request("/athlete", params={"code": CANARY}))
        place = f"127.0.0.1:{server.port}/athlete"
    (record,) = [record for record in caplog.records if record.name == "pierre_data.http"]
    assert record.getMessage().startswith(f"GET {place} 200 ")
    assert record.getMessage().endswith(" ms")


def test_other_peoples_httpx_logs_are_left_alone(caplog):
    caplog.set_level(logging.DEBUG)
    with FaultServer(json([], Set_Cookie="theirs=1")) as server, HttpClient(base_url=server.url, provider="acme"):
        httpx.get(f"{server.url}/x?token=theirs")
    lines = [record.getMessage() for record in caplog.records]
    assert any("?token=theirs" in line for line in lines)
    assert any("theirs=1" in line for line in lines)


@pytest.mark.parametrize("token", [f"{CANARY}\n", f"{CANARY}\r\nX: y", f" {CANARY}", f"{CANARY}\u00fc", f"{CANARY}\0"])
def test_a_token_that_fits_no_header_is_refused_without_being_quoted(token, caplog):
    caplog.set_level(logging.DEBUG)
    sign = lambda request: replace(request, headers={"X-Key": token})  # noqa: E731
    with (
        FaultServer(json([])) as server,
        HttpClient(base_url=server.url, provider="acme", sign=sign) as acme,
        pytest.raises(errors.ConfigurationError, match="copied whole") as caught,
    ):
        acme.send(Request("/athlete"))
    assert server.seen == []
    assert CANARY not in shown_by(caught.value) + caplog.text


def test_a_header_name_that_is_none_is_refused():
    with (
        FaultServer(json([])) as server,
        HttpClient(base_url=server.url, provider="acme") as acme,
        pytest.raises(errors.ConfigurationError, match="cannot be sent"),
    ):
        acme.send(Request("/athlete", headers={"X: y\r\nZ": "1"}))
    assert server.seen == []


@pytest.mark.parametrize("url", [f"http://plain.example/?token={CANARY}", f"https://u:{CANARY}@api.example/x"])
def test_addresses_we_refuse_are_not_quoted(url):
    with (
        HttpClient(base_url="https://api.example", provider="acme") as acme,
        pytest.raises(errors.ConfigurationError) as caught,
    ):
        acme.send(Request(url))
    assert CANARY not in shown_by(caught.value)


def test_values_show_no_secret():
    request = Request(
        f"https://u:{CANARY}@api.example/x?a={CANARY}#{CANARY}",
        {"b": CANARY},
        headers={"Authorization": CANARY},
        form={"c": CANARY},
    )
    answer = Response(200, Headers([("x-token", CANARY)]), CANARY.encode())
    assert CANARY not in f"{request!r} {answer!r} {answer.headers!r} {request.place}"
    with HttpClient(base_url="https://api.example", provider="acme", sign=bearer) as acme:
        assert repr(acme) == "HttpClient('acme', 'api.example')"


def test_errors_survive_pickling_with_their_count():
    with (
        FaultServer(json({}, 503)) as server,
        HttpClient(QUICK, base_url=server.url, provider="acme") as acme,
        pytest.raises(errors.ApiError) as caught,
    ):
        acme.send(Request("/athlete"))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.status, copy.provider) == (str(caught.value), 503, "acme")
    assert "after 2 attempts" in str(copy)


@pytest.mark.parametrize(
    "text",
    [
        f"access_token={CANARY}",
        f"Authorization: Bearer {CANARY}",
        f'{{"refresh_token": "{CANARY}"}}',
        f"client_secret='{CANARY}'",
        f"see https://api.example/cb?code={CANARY}&state=1",
        f"code={CANARY}, state={CANARY}",
        f"api-key: {CANARY}",
        f"Basic {CANARY}",
    ],
)
def test_redaction_finds_what_looks_like_a_secret(text):
    assert CANARY not in redact(text)
    assert CANARY not in excerpt(f"{'x' * 150} {text}", limit=170)


def test_a_cut_leaves_no_half_of_a_secret():
    for start in range(160, 210):
        assert "canary" not in excerpt(f"{'x' * start} {CANARY}", [CANARY])


# -- pure functions, by property --------------------------------------------------------------------------------


@given(st.text())
def test_any_retry_after_gives_seconds_or_nothing(text):
    wait = retry_after_s(Headers([("Retry-After", text)]), 1.8e9)
    assert wait is None or 0 <= wait <= 366 * 86_400


@given(st.integers(1, 10_000))
def test_a_pause_is_never_longer_than_the_longest(retry):
    config, error = ResilienceConfig(), errors.NetworkError("The line broke.")
    assert 0.1 <= config.wait_s(error, retry) <= 5.0
    assert config.wait_s(error, retry) <= config.wait_s(error, retry + 1) * 1.1


@given(st.text())
def test_no_path_leaves_the_base(path):
    signed = []

    def sign(request):
        signed.append(request.path)
        raise errors.NotConnected("Nothing is sent.")

    with (
        HttpClient(base_url="https://api.acme.example/v3", provider="acme", sign=sign) as acme,
        pytest.raises(errors.NotConnected),
    ):
        acme.send(Request(f"/{path}"))
    try:
        url = trusted_url(signed[0])
    except errors.ConfigurationError:
        return
    assert origin(url) == ("https", "api.acme.example", 443)


@pytest.mark.parametrize("host", ["2130706433", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", ""])
def test_only_real_loopback_counts(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "wrong",
    [{"max_retries": -1}, {"timeout_s": 0}, {"deadline_s": 0.0}, {"jitter": float("nan")}, {"max_ratio": float("inf")}],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(errors.ConfigurationError, match=next(iter(wrong))):
        ResilienceConfig(**wrong)


def test_the_filter_is_attached_once_however_many_clients():
    before = set(threading.enumerate())
    for _ in range(3):
        HttpClient(base_url="https://api.example", provider="acme").close()
    names = [type(each).__name__ for each in logging.getLogger("httpcore.http11").filters]
    assert names.count("_WireLog") == 1
    # Those of an earlier test may end meanwhile; none is new.
    assert set(threading.enumerate()) <= before


def test_a_proxy_address_that_cannot_be_used_is_named_without_its_password(monkeypatch):
    for name in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"bob:{CANARY}@127.0.0.1:1")
    with pytest.raises(errors.ConfigurationError, match="HTTPS_PROXY as http://host:port") as caught:
        HttpClient(base_url="https://api.example", provider="acme")
    assert CANARY not in shown_by(caught.value)
