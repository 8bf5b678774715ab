"""Bytes that lie, one row of the table of measured faults after the other."""

import gzip
import zlib

import pytest

from pierre_data import errors
from pierre_data.http import HttpClient, ResilienceConfig
from pierre_data.spi import Request
from tests.fault_server import FaultServer, json, raw, reply, reset

QUICK = ResilienceConfig(base_delay_s=0.001, max_delay_s=0.005, timeout_s=5.0)
ZIPPED = gzip.compress(b'{"rows": [1, 2, 3]}' * 50)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GZIP = {"Content-Encoding": "gzip"}
GET = Request("/activities")


def client(server, config=QUICK):
    return HttpClient(config, base_url=server.url, provider="acme")


CUT = {
    "reset": reset,
    "closed before the reply": raw(b""),
    "closed in the head": raw(HEAD),
    "shorter than Content-Length": reply(200, b'[{"id": 1}', length=5000),
    "cut chunk": raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n20\r\n[1,2"),
    "no last chunk": raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n"),
    "cut JSON without a length": raw(HEAD + b'\r\n[{"id": 1}, {"id"'),
    "cut gzip with a length": reply(200, ZIPPED[:-12], headers=GZIP),
    "cut gzip without a length": raw(HEAD + b"Content-Encoding: gzip\r\n\r\n" + ZIPPED[:20]),
    "garbage gzip": reply(200, b"\x1f\x8bnonsense and more of it", headers=GZIP),
    "not gzip at all": reply(200, b'{"a": 1}', headers=GZIP),
    "damaged gzip": reply(200, ZIPPED[:-6] + b"\0\0" + ZIPPED[-4:], headers=GZIP),
    "300 KB of headers": raw(HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(300)) + b"\r\n[]"),
    "not HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
}


@pytest.mark.parametrize("fault", CUT.values(), ids=CUT.keys())
def test_a_cut_or_damaged_answer_is_retried_and_never_returned(fault):
    with FaultServer(fault, fault, json([1])) as server, client(server) as acme:
        answer = acme.send(GET, expect_json=True)
    assert (answer.body, len(server.seen)) == (b"[1]", 3)


@pytest.mark.parametrize("fault", CUT.values(), ids=CUT.keys())
def test_it_ends_as_a_network_error_after_all_attempts(fault):
    with (
        FaultServer(fault) as server,
        client(server) as acme,
        pytest.raises(errors.NetworkError, match="after 4 attempts") as caught,
    ):
        acme.send(GET, expect_json=True)
    assert len(server.seen) == 4
    assert (caught.value.provider, caught.value.retryable) == ("acme", True)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (ZIPPED, "gzip"),
        (ZIPPED, "X-GZIP"),
        (gzip.compress(b'{"rows": [1, 2, 3]}' * 20) + gzip.compress(b'{"rows": [1, 2, 3]}' * 30), "gzip"),
        (ZIPPED + b"\0" * 100, "gzip"),
        (zlib.compress(b'{"rows": [1, 2, 3]}' * 50), "deflate"),
        (b'{"rows": [1, 2, 3]}' * 50, "identity"),
        (b"", "gzip"),
    ],
)
def test_whole_bodies_are_decoded(body, encoding):
    with FaultServer(reply(200, body, headers={"Content-Encoding": encoding})) as server, client(server) as acme:
        assert acme.send(GET).body == (b'{"rows": [1, 2, 3]}' * 50 if body else b"")


def test_chunked_gzip_is_decoded():
    chunks = b"".join(b"1\r\n" + ZIPPED[n : n + 1] + b"\r\n" for n in range(len(ZIPPED))) + b"0\r\n\r\n"
    head = HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    with FaultServer(raw(head + chunks)) as server, client(server) as acme:
        assert acme.send(GET).body == b'{"rows": [1, 2, 3]}' * 50


def test_an_unasked_encoding_is_refused():
    with (
        FaultServer(reply(200, b"\x0b", headers={"Content-Encoding": "br"})) as server,
        client(server) as acme,
        pytest.raises(errors.PayloadError, match="'br', which was not asked for"),
    ):
        acme.send(GET)
    assert len(server.seen) == 1


def _bomb(megabytes):
    pack = zlib.compressobj(9, wbits=31)
    return b"".join([pack.compress(bytes(2**20)) for _ in range(megabytes)] + [pack.flush()])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (QUICK, "more than 200 times its size"),
        (ResilienceConfig(max_body_bytes=2**20), "larger than 1,048,576 bytes"),
    ],
)
def test_a_gzip_bomb_is_stopped(config, said):
    with (
        FaultServer(reply(200, _bomb(300), headers=GZIP)) as server,
        client(server, config) as acme,
        pytest.raises(errors.PayloadError, match=said) as caught,
    ):
        acme.send(GET)
    assert (len(server.seen), caught.value.retryable, caught.value.provider) == (1, False, "acme")


def test_a_short_page_may_shrink_well_and_a_long_one_may_be_long():
    page = gzip.compress(bytes(15 * 2**20))
    with FaultServer(reply(200, page, headers=GZIP)) as server, client(server) as acme:
        assert len(acme.send(GET).body) == 15 * 2**20
    with FaultServer(reply(200, b"x" * 3_000_000)) as server, client(server) as acme:
        assert len(acme.send(GET).body) == 3_000_000


def test_an_announced_giant_is_refused_before_it_is_read():
    with (
        FaultServer(reply(200, b"[", length=10**18)) as server,
        client(server) as acme,
        pytest.raises(errors.PayloadError, match="larger than 268,435,456 bytes"),
    ):
        acme.send(GET)
    assert len(server.seen) == 1


def test_an_unannounced_giant_is_refused_while_it_is_read():
    with (
        FaultServer(raw(HEAD + b"\r\n" + b"x" * 3_000_000)) as server,
        client(server, ResilienceConfig(max_body_bytes=100_000)) as acme,
        pytest.raises(errors.PayloadError, match="larger than 100,000 bytes"),
    ):
        acme.send(GET)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!doctype html><p>Log in to Hotel WiFi", "application/json"),
        (b"  \n<html>", "application/json"),
        (b"\xef\xbb\xbf<html>", "application/json"),
        (b"Down for maintenance", "Text/HTML; charset=utf-8"),
    ],
)
def test_a_web_page_instead_of_data_is_told_apart(body, kind):
    with FaultServer(reply(200, body, headers={"Content-Type": kind})) as server, client(server) as acme:
        with pytest.raises(errors.PayloadError, match=r"web page.*captive portal.*maintenance") as caught:
            acme.send(GET, expect_json=True)
        assert acme.send(GET).body == body
    assert caught.value.path.endswith("/activities")


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b"", None),
        (b"null", None),
        (b" [1]\r\n", [1]),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
    ],
)
def test_bodies_come_as_they_are_and_are_decoded_whatever_they_begin_with(body, content):
    with FaultServer(reply(200, body)) as server, client(server) as acme:
        response = acme.send(GET, expect_json=True)
    assert (response.body, response.content) == (body, content)


def test_a_stale_connection_is_replaced():
    def once(line):
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        return False  # hangs up although it promised to stay

    with FaultServer(once) as server, client(server) as acme:
        assert [acme.send(GET).status for _ in range(3)] == [200, 200, 200]
    assert server.connections >= 3
