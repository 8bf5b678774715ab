"""Each status and each vendor's words as an error a person can act on."""

import pytest

from pierre_data import errors
from pierre_data.http import HttpClient, ResilienceConfig
from pierre_data.spi import Request, Response
from tests.fault_server import FaultServer, json, reply
from tests.test_http_retry import Clock

QUICK = ResilienceConfig(base_delay_s=0.001, max_delay_s=0.005, timeout_s=5.0)


def client(server, **options):
    """A quick client of the server; options as for HttpClient."""
    options = {"config": QUICK, "provider": "acme", "base_url": f"{server.url}/v3"} | options
    return HttpClient(options.pop("config"), **options)


def get(path="/activities", **fields):
    return Request(path, **fields)


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
    def faults(response: Response):
        if b"Inactive" in response.body:
            return errors.AccessDenied("The application is inactive.", "Subscribe.")
        if b'"status":601' in response.body:
            return errors.RateLimited("Slow down.")
        return None

    script = [reply(403, b"Inactive"), reply(200, b'{"status":601}', headers={"Retry-After": "3"}), json([])]
    slept = Clock()
    with FaultServer(*script) as server, client(server, faults=faults, cancel=slept) as acme:
        with pytest.raises(errors.AccessDenied, match="inactive") as caught:
            acme.send(get())
        assert acme.send(get()).body == b"[]"
    assert (caught.value.provider, slept.waits) == ("acme", [3.0])
