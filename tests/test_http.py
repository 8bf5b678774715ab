"""The chain against a real server: addresses, signing, retry, Retry-After, redirects, errors by status."""

import threading
import time
from dataclasses import replace
from email.utils import formatdate

import pytest

from pierre_data import errors
from pierre_data.http import HttpClient, HttpRequest, HttpResponse, ResilienceConfig
from tests.fault_server import FaultServer, hang, json, raw, reply, reset

QUICK = ResilienceConfig(base_delay_s=0.001, max_delay_s=0.005, timeout_s=5.0)
NOW = 1_800_000_000.0


def client(server, **options):
    """A client whose pauses are recorded in `.slept`, not slept, unless told otherwise."""
    options = {"config": QUICK, "provider": "acme", "base_url": f"{server.url}/v3", "now": lambda: NOW} | options
    return HttpClient(options.pop("config"), **options)


def bearer(request):
    return replace(request, headers={**request.headers, "Authorization": "Bearer canary-token"})


def get(path="/activities", **fields):
    return HttpRequest("GET", path, **fields)


def test_a_request_reaches_the_path_below_the_base_with_its_parameters_merged():
    with FaultServer(json([1, 2])) as server, client(server, sign=bearer) as acme:
        answer = acme.send(get("/activities?page=2", params=[("id", 1), ("id", 2)], headers={"X-Extra": "yes"}))
    assert (answer.status, answer.body, answer.attempts) == (200, b"[1, 2]", 1)
    assert answer.headers["CONTENT-TYPE"] == "application/json"
    assert answer.elapsed_s > 0
    seen = server.seen[0]
    assert (seen.method, seen.target) == ("GET", "/v3/activities?page=2&id=1&id=2")
    assert seen.headers["authorization"] == "Bearer canary-token"
    assert (seen.headers["x-extra"], seen.headers["accept-encoding"]) == ("yes", "gzip")


def test_bodies_are_sent_as_json_or_as_a_form():
    with FaultServer(json({})) as server, client(server) as acme:
        acme.send(HttpRequest("POST", "/a", json={"x": 1}))
        acme.send(HttpRequest("POST", "/a", form={"grant": "a b"}))
    assert [(seen.headers["content-type"], seen.body) for seen in server.seen] == [
        ("application/json", b'{"x":1}'),
        ("application/x-www-form-urlencoded", b"grant=a+b"),
    ]
    with pytest.raises(ValueError, match="not both"):
        HttpRequest("POST", "/a", json={}, form={})


def test_connections_are_kept_and_cookies_are_not():
    with FaultServer(json([], Set_Cookie="session=canary")) as server, client(server) as acme:
        answers = [acme.send(get()) for _ in range(3)]
    assert server.connections == 1
    assert all("set-cookie" not in answer.headers for answer in answers)
    assert all("cookie" not in seen.headers for seen in server.seen)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.acme.example",
        "ftp://127.0.0.1",
        "https://user:pw@api.acme.example",
        "acme",
        "https://",
        "https://[::",
        f"https://{'a' * 64}.example",
        "https://a..b",
    ],
)
def test_a_base_url_must_be_https_or_loopback_and_carry_no_password(url):
    with pytest.raises(errors.ConfigurationError) as caught:
        HttpClient(base_url=url, provider="acme")
    assert "pw" not in str(caught.value)


def test_offline_opens_no_socket():
    with (
        FaultServer(json([])) as server,
        client(server, offline=True) as acme,
        pytest.raises(errors.NetworkError, match="PIERRE_OFFLINE") as caught,
    ):
        acme.send(get())
    assert server.connections == 0
    assert (caught.value.provider, caught.value.retryable) == ("acme", True)


def test_a_closed_client_says_so():
    with FaultServer(json([])) as server:
        acme = client(server)
        acme.close()
        acme.close()
        with pytest.raises(errors.ConfigurationError, match="closed"):
            acme.send(get())


# -- where the token goes ---------------------------------------------------------------------------------------


def test_another_origin_is_asked_without_a_token():
    with FaultServer(json([])) as home, FaultServer(json([])) as other, client(home, sign=bearer) as acme:
        acme.send(get(f"{other.url}/photo"))
        acme.send(get(f"{home.url}/elsewhere"))
    assert "authorization" not in other.seen[0].headers
    assert home.seen[0].headers["authorization"] == "Bearer canary-token"
    assert home.seen[0].target == "/elsewhere"


def test_signing_may_not_move_a_request():
    with (
        FaultServer(json([])) as home,
        FaultServer(json([])) as other,
        client(home, sign=lambda request: replace(request, url=other.url)) as acme,
        pytest.raises(errors.ConfigurationError, match="Signing"),
    ):
        acme.send(get())
    assert (home.seen, other.seen) == ([], [])


def test_a_redirect_within_the_origin_is_followed_with_the_token():
    moved = reply(302, b"", headers={"Location": "/v3/new?page=1"})
    with FaultServer(moved, json([7])) as server, client(server, sign=bearer) as acme:
        assert acme.send(get(params={"after": 5})).body == b"[7]"
    assert [seen.target for seen in server.seen] == ["/v3/activities?after=5", "/v3/new?page=1"]
    assert server.seen[1].headers["authorization"] == "Bearer canary-token"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_off_the_origin_is_not_followed(status):
    with FaultServer(json([])) as other:
        moved = reply(status, b"", headers={"Location": f"{other.url}/steal?code=canary"})
        with (
            FaultServer(moved) as home,
            client(home, sign=bearer) as acme,
            pytest.raises(errors.ApiError, match=r"redirected .* to 127\.0\.0\.1\.") as caught,
        ):
            acme.send(get())
    assert (other.connections, len(home.seen)) == (0, 1)
    assert (caught.value.status, "steal" in str(caught.value), "canary" in str(caught.value)) == (status, False, False)


def test_three_redirects_are_followed():
    moved = reply(307, b"", headers={"Location": "next"})
    with FaultServer(moved, moved, moved, json([3])) as server, client(server) as acme:
        assert acme.send(get("/a/b")).body == b"[3]"
    assert [seen.target for seen in server.seen] == ["/v3/a/b", "/v3/a/next", "/v3/a/next", "/v3/a/next"]


def test_redirect_loops_posts_and_broken_locations_end():
    loop = reply(302, b"", headers={"Location": "/v3/activities"})
    with FaultServer(loop) as server, client(server) as acme:
        with pytest.raises(errors.ApiError, match="more than 3 times"):
            acme.send(get())
        assert len(server.seen) == 4
        with pytest.raises(errors.ApiError, match="not followed"):
            acme.send(HttpRequest("POST", "/activities", json={}))
        assert len(server.seen) == 5
    for bad in ({}, {"Location": "http://[::"}):
        with (
            FaultServer(reply(302, b"", headers=bad)) as server,
            client(server) as acme,
            pytest.raises(errors.ApiError, match="unreadable"),
        ):
            acme.send(get())


# -- retry ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_transient_error_is_retried_and_the_last_one_raised(status):
    said = []
    with (
        FaultServer(json({"message": "Oops"}, status)) as server,
        client(server, on_wait=lambda seconds, reason: said.append((seconds, reason))) as acme,
        pytest.raises(errors.ApiError, match=r"'Oops', after 4 attempts\. Try again later") as caught,
    ):
        acme.send(get())
    assert len(server.seen) == 4
    assert (caught.value.status, caught.value.retryable, caught.value.provider) == (status, True, "acme")
    assert len(said) == 3
    assert all(0 < seconds <= 0.005 for seconds, _ in said)
    assert "retry 1 of 3" in said[0][1]


def test_the_retries_are_counted_in_the_answer():
    with FaultServer(reset, json({}, 503), json([])) as server, client(server) as acme:
        assert acme.send(get()).attempts == 3
    assert len(server.seen) == 3


@pytest.mark.parametrize("answer", [json({}, 503), json({}, 429, Retry_After="0"), reset, raw(b"")])
def test_a_post_is_never_repeated_unless_told(answer):
    with FaultServer(answer) as server, client(server) as acme:
        with pytest.raises(errors.PierreError):
            acme.send(HttpRequest("POST", "/activities", json={}))
        assert len(server.seen) == 1
        with pytest.raises(errors.PierreError):
            acme.send(HttpRequest("POST", "/activities", json={}), retry=True)
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
    slept = []
    config = ResilienceConfig(max_retries=7, base_delay_s=0.1, max_delay_s=5.0, jitter=0.1)
    with (
        FaultServer(json({}, 500)) as server,
        client(server, config=config, sleep=slept.append, chance=lambda: 0.5) as acme,
        pytest.raises(errors.ApiError, match="after 8 attempts"),
    ):
        acme.send(get())
    assert slept == pytest.approx([0.105, 0.21, 0.42, 0.84, 1.68, 3.36, 5.0])


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
    slept = []
    config = ResilienceConfig(base_delay_s=0.1, jitter=0.0)
    with (
        FaultServer(json({}, 429, Retry_After=value), json([])) as server,
        client(server, config=config, sleep=slept.append) as acme,
    ):
        assert acme.send(get()).attempts == 2
    assert slept == [wait]


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
        FaultServer(json({}, 429, Retry_After=value)) as server,
        client(server) as acme,
        pytest.raises(errors.RateLimited) as caught,
    ):
        acme.send(get())
    assert len(server.seen) == 1
    assert (type(caught.value), caught.value.retry_after, caught.value.retryable) == (kind, after, True)


def test_a_retry_date_is_measured_by_the_servers_own_clock():
    slept = []
    skewed = {"Date": formatdate(NOW - 600, usegmt=True), "Retry-After": formatdate(NOW - 590, usegmt=True)}
    with (
        FaultServer(reply(503, b"", headers=skewed), json([])) as server,
        client(server, sleep=slept.append) as acme,
    ):
        acme.send(get())
    assert slept == [10.0]


def test_a_pause_that_nobody_cancels_ends_by_itself():
    with FaultServer(json({}, 503), json([])) as server, client(server, cancel=threading.Event()) as acme:
        assert acme.send(get()).attempts == 2


def test_a_wait_that_outlasts_the_deadline_is_not_begun():
    slept = []
    with (
        FaultServer(json({}, 429, Retry_After="30")) as server,
        client(server, config=replace(QUICK, deadline_s=20.0), sleep=slept.append) as acme,
        pytest.raises(errors.RateLimited),
    ):
        acme.send(get())
    assert (slept, len(server.seen)) == ([], 1)


def test_tuning_shares_the_connection_and_changes_the_patience():
    said = []
    with FaultServer(json([]), json({}, 429, Retry_After="90")) as server, client(server, sleep=said.append) as acme:
        acme.send(get())
        patient = acme.tuned(cancel=None, on_wait=lambda seconds, reason: said.append(reason), max_wait_s=100.0)
        with pytest.raises(errors.RateLimited, match="acme answered HTTP 429"):
            acme.send(get())
        assert said == []
        with pytest.raises(errors.RateLimited, match="after 4 attempts"):
            patient.send(get())
    assert said[1::2] == [90.0, 90.0, 90.0]
    assert server.connections == 1


def test_layers_see_every_attempt_in_order():
    log = []

    def named(name):
        def layer(step):
            def send(request):
                log.append(name)
                return step(request)

            return send

        return layer

    with (
        FaultServer(json({}, 503), json([])) as server,
        client(server, layers=[named("limit"), named("breaker")]) as acme,
    ):
        acme.send(get())
    assert log == ["limit", "breaker"] * 2


# -- errors by status -------------------------------------------------------------------------------------------

FAULT = {"message": "Bad Request", "errors": [{"resource": "Athlete", "field": "id", "code": "invalid"}]}


@pytest.mark.parametrize(
    ("status", "kind", "todo"),
    [
        (400, errors.ApiError, "Report"),
        (401, errors.AuthenticationFailed, r'client\.connect\("acme"\)'),
        (403, errors.AccessDenied, "scopes"),
        (404, errors.NotFound, "deleted"),
        (409, errors.ApiError, "Report"),
        (410, errors.ProviderRetired, "file export"),
        (422, errors.ApiError, "Report"),
        (429, errors.RateLimited, "Wait"),
        (501, errors.ApiError, "later"),
        (300, errors.ApiError, "Report"),
    ],
)
def test_each_status_has_its_error_and_what_to_do(status, kind, todo):
    with (
        FaultServer(json(FAULT, status)) as server,
        client(server) as acme,
        pytest.raises(kind, match=todo) as caught,
    ):
        acme.send(get("/athlete?secret=canary"))
    assert type(caught.value) is kind
    assert caught.value.provider == "acme"
    expected = (
        f"acme answered HTTP {status} for 127.0.0.1:{server.port}/v3/athlete: 'Bad Request (Athlete id invalid)'."
    )
    assert str(caught.value).startswith(expected)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":"invalid_grant","error_description":"Code expired"}', ": 'Code expired'."),
        (b'{"error":{"message":"Quota","status":"X"}}', ": 'Quota'."),
        (b'{"message":"Too Many Requests","errors":"Rate Limit Exceeded"}', ": 'Too Many Requests'."),
        (b"plain words", ": 'plain words'."),
        (b"<html>Bad gateway</html>", "/v3/activities."),
        (b"", "/v3/activities."),
        (b'{"mess', "/v3/activities."),
        (b"[" * 60_000, "/v3/activities."),
        (b"\xff\xfe\x1b[31mred", ": '\ufffd\ufffd[31mred'."),
        (b'{"message":"' + b"x" * 5000 + b'"}', f": '{'x' * 197}...'."),
    ],
)
def test_the_vendors_words_are_quoted_short_and_printable(body, said):
    with FaultServer(reply(400, body)) as server, client(server) as acme, pytest.raises(errors.ApiError) as caught:
        acme.send(get())
    assert caught.value.what.endswith(said)
    assert len(caught.value.body) <= 200


def test_the_vendors_own_reading_goes_first_for_any_status():
    def faults(response: HttpResponse):
        if b"Inactive" in response.body:
            return errors.AccessDenied("The application is inactive.", "Subscribe.")
        if b'"status":601' in response.body:
            return errors.RateLimited("Slow down.")
        return None

    script = [reply(403, b"Inactive"), reply(200, b'{"status":601}', headers={"Retry-After": "3"}), json([])]
    slept = []
    with FaultServer(*script) as server, client(server, faults=faults, sleep=slept.append) as acme:
        with pytest.raises(errors.AccessDenied, match="inactive") as caught:
            acme.send(get())
        assert acme.send(get()).body == b"[]"
    assert (caught.value.provider, slept) == ("acme", [3.0])


def test_nobody_there_says_how_to_go_on():
    with FaultServer(json([])) as server:
        gone = server.url
    with (
        HttpClient(QUICK, base_url=gone, provider="acme") as acme,
        pytest.raises(errors.NetworkError, match=r"Could not reach 127.0.0.1: .*refused.*PIERRE_OFFLINE=1") as caught,
    ):
        acme.send(get())
    assert "after 4 attempts" in str(caught.value)
    assert (caught.value.provider, caught.value.retryable) == ("acme", True)


def test_the_proxy_of_the_environment_is_used_and_never_sees_the_token(monkeypatch):
    with FaultServer(reply(502, b"")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "direct.example")
        with (
            HttpClient(QUICK, base_url="https://api.acme.example", provider="acme", sign=bearer) as acme,
            pytest.raises(errors.NetworkError, match=r"Could not reach api\.acme\.example: 502"),
        ):
            acme.send(get(), retry=False)
        with FaultServer(json([])) as server, client(server) as direct:
            assert direct.send(get()).status == 200
    assert [(seen.method, seen.target) for seen in proxy.seen] == [("CONNECT", "api.acme.example:443")]
    assert "authorization" not in proxy.seen[0].headers


def test_a_request_that_is_no_http_is_a_bug_and_not_retried():
    with (
        FaultServer(json([])) as server,
        client(server) as acme,
        pytest.raises(errors.ConfigurationError, match="cannot be sent"),
    ):
        acme.send(HttpRequest("G ET", "/x"), retry=True)
    assert server.seen == []


def test_headers_are_a_mapping():
    with FaultServer(json([], X_A="1")) as server, client(server) as acme:
        headers = acme.send(get()).headers
    assert dict(headers) == {"content-type": "application/json", "content-length": "2", "x-a": "1"}
    assert (len(headers), 5 in headers) == (3, False)


def test_one_client_serves_many_threads_each_with_its_own_answer():
    def echo(line):
        body = line.request.target.encode()
        return line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    bodies = {}
    with FaultServer(echo) as server, client(server) as acme:

        def work(number):
            for turn in range(5):
                bodies[number, turn] = acme.send(get(f"/{number}/{turn}")).body

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert bodies == {(n, t): f"/v3/{n}/{t}".encode() for n in range(8) for t in range(5)}
    assert server.connections <= 8


def test_a_hang_does_not_hold_up_another_thread():
    with FaultServer(hang, json([])) as server, client(server) as acme:
        stop = threading.Event()
        ended = []

        def slow():
            try:
                acme.tuned(cancel=stop).send(get("/hang"))
            except errors.PierreError as error:
                ended.append(type(error))

        thread = threading.Thread(target=slow)
        thread.start()
        while not server.seen:
            time.sleep(0.005)
        assert acme.send(get()).body == b"[]"
        stop.set()
        thread.join(5)
    assert ended == [errors.Cancelled]
