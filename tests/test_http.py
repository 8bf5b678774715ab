"""The client against a real server: addresses, signing, redirects, proxy, threads."""

import datetime as dt
import threading
import time
from dataclasses import replace

import pytest

from pierre_data import errors
from pierre_data.http import HttpClient, ResilienceConfig
from pierre_data.spi import Request
from tests.fault_server import FaultServer, hang, json, reply

QUICK = ResilienceConfig(base_delay_s=0.001, max_delay_s=0.005, timeout_s=5.0)


def client(server, **options):
    """A quick client of the server; options as for HttpClient."""
    options = {"config": QUICK, "provider": "acme", "base_url": f"{server.url}/v3"} | options
    return HttpClient(options.pop("config"), **options)


def bearer(request):
    return replace(request, headers={**request.headers, "Authorization": "Bearer canary-token"})


def get(path="/activities", **fields):
    return Request(path, **fields)


def test_a_request_reaches_the_path_below_the_base_with_its_parameters_merged():
    with FaultServer(json([1, 2])) as server, client(server, sign=bearer) as acme:
        answer = acme.send(get("/activities?page=2", params={"id": 2}, headers={"X-Extra": "yes"}))
    assert (answer.status, answer.body) == (200, b"[1, 2]")
    assert answer.headers["CONTENT-TYPE"] == "application/json"
    assert (dt.datetime.now(dt.UTC) - answer.at).total_seconds() < 60
    seen = server.seen[0]
    assert (seen.method, seen.target) == ("GET", "/v3/activities?page=2&id=2")
    assert seen.headers["authorization"] == "Bearer canary-token"
    assert (seen.headers["x-extra"], seen.headers["accept-encoding"]) == ("yes", "gzip")


def test_bodies_are_sent_as_json_or_as_a_form():
    with FaultServer(json({})) as server, client(server) as acme:
        acme.send(Request("/a", method="POST", json={"x": 1}))
        acme.send(Request("/a", method="POST", form={"grant": "a b"}))
    assert [(seen.headers["content-type"], seen.body) for seen in server.seen] == [
        ("application/json", b'{"x":1}'),
        ("application/x-www-form-urlencoded", b"grant=a+b"),
    ]
    with pytest.raises(ValueError, match="not both"):
        Request("/a", method="POST", json={}, form={})


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
        client(home, sign=lambda request: replace(request, path=other.url)) as acme,
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
            acme.send(Request("/activities", method="POST", json={}))
        assert len(server.seen) == 5
    for bad in ({}, {"Location": "http://[::"}):
        with (
            FaultServer(reply(302, b"", headers=bad)) as server,
            client(server) as acme,
            pytest.raises(errors.ApiError, match="unreadable"),
        ):
            acme.send(get())


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
        acme.send(Request("/x", method="G ET"), retry=True)
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
            thread.join(60)
    assert bodies == {(n, t): f"/v3/{n}/{t}".encode() for n in range(8) for t in range(5)}
    assert server.connections <= 8


def test_a_hang_does_not_hold_up_another_thread():
    with FaultServer(hang, json([])) as server, client(server) as acme:
        stop = threading.Event()
        ended = []

        def slow():
            try:
                acme.with_options(cancel=stop).send(get("/hang"))
            except errors.PierreError as error:
                ended.append(type(error))

        thread = threading.Thread(target=slow)
        thread.start()
        while not server.seen:
            time.sleep(0.005)
        assert acme.send(get()).body == b"[]"
        stop.set()
        thread.join(60)
    assert ended == [errors.Cancelled]
