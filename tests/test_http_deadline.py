"""The total deadline and the cancel, against servers that take for ever."""

import datetime
import ipaddress
import ssl
import threading
import time

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pierre_data import errors
from pierre_data.http import HttpClient, ResilienceConfig
from pierre_data.http.deadline import shared_tls, within
from pierre_data.http.exchange import transport_for
from pierre_data.spi import Request
from tests.fault_server import FaultServer, drip, hang, json, reset

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GET = Request("/activities")
# Each of these drips for 50 s if nobody stops it.
FOREVER = {
    "hang": hang,
    "drip in the body": drip(HEAD + b"Content-Length: 9000\r\n\r\n"),
    "drip in a chunk": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n"),
    "drip in a body without length": drip(HEAD + b"\r\n"),
    "drip in the headers": drip(HEAD + b"X-Slow: ", b"y"),
    "drip in the status line": drip(b"HTTP/1.1 200 ", b"O"),
    "drip of early hints": drip(b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Files of a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(params=["http", "https"])
def tls(request, certificate):
    """The two ends' TLS contexts, None for plain http."""
    if request.param == "http":
        return None, None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    return server, ssl.create_default_context(cafile=str(certificate[0]))


def ends_with(kind, acme):
    """Send; the error and the seconds it took."""
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        acme.send(GET)
    return caught.value, time.monotonic() - started


@pytest.mark.parametrize("answer", FOREVER.values(), ids=FOREVER.keys())
def test_the_deadline_ends_what_never_ends(answer, tls):
    config = ResilienceConfig(timeout_s=0.4, max_retries=0)
    with (
        FaultServer(answer, tls=tls[0]) as server,
        HttpClient(config, base_url=server.url, provider="acme", tls=tls[1]) as acme,
    ):
        error, took = ends_with(errors.Timeout, acme)
        assert server.hung_up.wait(60)  # before the client is closed
    assert took < 40  # of the 50 s of the drip
    assert (error.provider, error.retryable, len(server.seen)) == ("acme", True, 1)


def test_an_attempt_that_times_out_is_repeated_within_the_deadline():
    config = ResilienceConfig(timeout_s=0.3, base_delay_s=0.001)
    with (
        FaultServer(hang, drip(HEAD), json([5])) as server,
        HttpClient(config, base_url=server.url, provider="acme") as acme,
    ):
        assert (acme.send(GET).status, len(server.seen)) == (200, 3)
    assert len(server.seen) == 3


def test_one_deadline_covers_all_attempts():
    config = ResilienceConfig(timeout_s=30.0, deadline_s=0.5, base_delay_s=0.001)
    with FaultServer(reset, hang) as server, HttpClient(config, base_url=server.url, provider="acme") as acme:
        _, took = ends_with(errors.Timeout, acme)
        assert server.hung_up.wait(60)
    assert (took < 25, len(server.seen)) == (True, 2)  # of the 30 s of one attempt


def cancelled_after(sent, acme, cancel, ready):
    """Send in this thread, cancel in another once `ready`; the error and how long it took from the cancel."""
    moment = []

    def work():
        while not ready():
            time.sleep(0.005)
        moment.append(time.monotonic())
        cancel.set()

    thread = threading.Thread(target=work)
    thread.start()
    with pytest.raises(errors.Cancelled) as caught:
        acme.send(sent)
    thread.join(60)
    return caught.value, time.monotonic() - moment[0]


@pytest.mark.parametrize("answer", [hang, FOREVER["drip in the body"]], ids=["hang", "drip"])
def test_cancel_closes_the_request_in_flight(answer, tls):
    cancel = threading.Event()
    with (
        FaultServer(answer, tls=tls[0]) as server,
        HttpClient(base_url=server.url, provider="acme", cancel=cancel, tls=tls[1]) as acme,
    ):
        error, took = cancelled_after(GET, acme, cancel, lambda: server.seen)
        assert server.hung_up.wait(60)
        with pytest.raises(errors.Cancelled):
            acme.send(GET)
    assert took < 25  # of 30 s of patience
    assert (error.provider, len(server.seen)) == ("acme", 1)


def test_cancel_ends_a_handshake_that_nobody_answers(certificate):
    cancel, deaf = threading.Event(), FaultServer(hang)  # reads the client's hello and never finds a request in it
    with deaf as server:
        https = server.url.replace("http:", "https:")
        with HttpClient(base_url=https, provider="acme", cancel=cancel) as acme:
            _, took = cancelled_after(GET, acme, cancel, lambda: server.connections)
    assert took < 25  # of 30 s of patience


def test_the_deadline_ends_a_handshake_that_nobody_answers():
    with FaultServer(hang) as server:
        https = server.url.replace("http:", "https:")
        config = ResilienceConfig(timeout_s=0.3, max_retries=0)
        with HttpClient(config, base_url=https, provider="acme") as acme:
            ends_with(errors.Timeout, acme)  # the server never gives up


@pytest.mark.parametrize("over", ["deadline", "cancel"])
def test_a_connection_whose_time_is_over_before_the_handshake_is_closed(over):
    cancel = threading.Event()
    transport = transport_for(httpx.URL("http://127.0.0.1"))
    with FaultServer(hang) as server:
        with within(60, cancel):
            stream = transport._pool._network_backend.connect_tcp("127.0.0.1", server.port)
            sock = stream.get_extra_info("socket")
            if over == "cancel":
                cancel.set()
            with within(0 if over == "deadline" else 60), pytest.raises((httpx.ConnectTimeout, errors.Cancelled)):
                stream.start_tls(shared_tls(), "127.0.0.1")
        assert sock.fileno() == -1
    transport.close()


def test_cancel_ends_a_wait():
    cancel, waits = threading.Event(), []
    with (
        FaultServer(json({}, 429, Retry_After="50")) as server,
        HttpClient(base_url=server.url, provider="acme") as plain,
    ):
        acme = plain.with_options(cancel, lambda *wait: waits.append(wait))
        _, took = cancelled_after(GET, acme, cancel, lambda: waits)
    assert took < 40  # of the 50 s that were asked for
    assert (waits[0][0], len(server.seen)) == (50.0, 1)


def test_a_large_body_arrives_whole_under_tls_and_a_cancel_event(tls):
    big = ["x" * 1000] * 3000
    with FaultServer(json(big), tls=tls[0]) as server:
        cancel = threading.Event()
        with HttpClient(base_url=server.url, provider="acme", tls=tls[1], cancel=cancel) as acme:
            assert len(acme.send(GET).body) > 3_000_000
            answer = acme.send(Request("/echo", method="POST", json=big))
    assert answer.status == 200
    assert len(server.seen[1].body) > 3_000_000


def test_an_untrusted_certificate_is_not_retried(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with (
        FaultServer(json([]), tls=context) as server,
        HttpClient(base_url=server.url, provider="acme") as acme,
        pytest.raises(errors.NetworkError, match=r"certificate of 127\.0\.0\.1.*SSL_CERT_FILE") as caught,
    ):
        acme.send(GET)
    assert (server.connections, caught.value.retryable) == (1, False)


def test_the_tls_context_is_made_once_per_process():
    assert shared_tls() is shared_tls()


def test_httpx_still_keeps_its_pool_and_backend_where_we_reach_for_them(monkeypatch):
    plain = httpx.HTTPTransport()
    backend = plain._pool._network_backend
    plain.close()
    assert callable(backend.connect_tcp)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    proxied = transport_for(httpx.URL("https://api.acme.example"))
    proxied.close()
    assert type(proxied._pool).__name__ == "HTTPProxy"
    assert type(proxied._pool._network_backend).__module__ == "pierre_data.http.deadline"


def test_network_work_without_a_deadline_is_a_bug():
    with FaultServer(json([])) as server:
        transport = transport_for(httpx.URL(server.url))
        with pytest.raises(RuntimeError, match="outside of within"):
            transport.handle_request(httpx.Request("GET", server.url))
        transport.close()
