"""The replay server: payload files over real HTTP, paged, guarded and failing as a vendor does."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pierre_data import schema
from pierre_data.errors import AuthenticationFailed, NotFound, QuotaExceeded, RateLimited, Timeout
from pierre_data.fetch import DescriptorProvider
from pierre_data.http import HttpClient, ResilienceConfig
from pierre_data.providers.strava import descriptor as strava
from pierre_data.secret import Secret
from pierre_data.spi import (
    DateWindows,
    Endpoint,
    NextLink,
    OAuthEndpoints,
    Offset,
    PageNumber,
    Paging,
    ProviderConfig,
    ProviderDescriptor,
    Query,
    Request,
    Single,
    Token,
    fields,
)
from pierre_data.testing import ReplayServer
from pierre_data.testing.pages import page_of, replaced, rows_at

STRAVA = Path(__file__).parent / "payloads" / "strava"
ONCE = ResilienceConfig(max_retries=0)


def by_epoch(path: str, params: Mapping[str, str], rows: Sequence[Any]) -> list[Any]:
    """Strava's own window: later than `after`, earlier than `before`, epoch seconds."""
    low, high = int(params.get("after", -(10**12))), int(params.get("before", 10**12))
    return [row for row in rows if low < dt.datetime.fromisoformat(row["start_date"]).timestamp() < high]


def provider(
    server: ReplayServer, descriptor: ProviderDescriptor, token: str = "test-token", resilience: ResilienceConfig = ONCE
) -> DescriptorProvider:
    config = ProviderConfig(descriptor.name, api_base_url=server.url, access_token=Secret(token))
    return DescriptorProvider(descriptor, config, resilience=resilience)


def small(paging: Paging, records: str = "items") -> ProviderDescriptor:
    columns = fields("id sport=sport start_time=start elapsed_s=seconds")
    return ProviderDescriptor(
        name="small",
        display_name="Small",
        api_base_url="https://small.example",
        endpoints={schema.ACTIVITIES: Endpoint("/workouts", columns, records=records, paging=paging)},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"id": str(n), "sport": "run", "start": f"2026-01-0{n}T06:00:00Z", "seconds": 60 * n} for n in range(1, 8)]
    (tmp_path / "payloads" / "workouts").mkdir(parents=True)
    (tmp_path / "payloads" / "workouts.json").write_text(json.dumps({"items": rows, "total": 7, "meta": {"v": 1}}))
    (tmp_path / "payloads" / "workouts" / "1.json").write_text(json.dumps(rows[0]))
    (tmp_path / "payloads" / "track.gpx").write_text("<gpx/>")
    (tmp_path / "secret.json").write_text('{"outside": true}')
    return tmp_path / "payloads"


@pytest.fixture
def plain(folder: Path) -> Iterator[ReplayServer]:
    with ReplayServer(folder) as server:
        yield server


def ask(server: ReplayServer, path: str) -> bytes:
    with HttpClient(ONCE, base_url=server.url, provider="small") as client:
        return client.send(Request(path)).body


@pytest.mark.parametrize("size", [None, 3])
def test_strava_is_paged_windowed_and_guarded(size: int | None) -> None:
    after, before = (dt.datetime(2018, month, 1, tzinfo=dt.UTC) for month in (6, 7))
    with ReplayServer(STRAVA, strava, select=by_epoch, page_size=size) as server:
        frame = provider(server, strava).frame(Query(schema.ACTIVITIES, after, before))
        asked = [(seen.params["after"], seen.params["before"], seen.params["page"]) for seen in server.requests]
    assert len(frame) == frame.id.nunique() == 13
    assert frame.start_time.min() >= after
    assert frame.start_time.max() < before
    # What lies behind the first short page is walked in windows: one request more for each.
    assert len(set(asked)) == len(asked) == (2 if size is None else 7)
    assert all(seen.headers["authorization"] == "Bearer test-token" for seen in server.requests)


JANUARY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
UNCAPPED: list[Paging] = [PageNumber(size=3, until="short", start=0), Offset(size=3)]
CAPPED: list[Paging] = [
    PageNumber(size=3),
    Offset(size=3, until="empty"),
    Token("meta.next", "cursor", 3),
    Token(param="cursor", size=3, header="x-next-cursor"),
    NextLink("next"),
    NextLink(header="link"),
    DateWindows(dt.timedelta(days=400), Token(param="cursor", size=3, header="x-next-cursor"), oldest=JANUARY),
]


@pytest.mark.parametrize(("paging", "cap"), [(p, None) for p in UNCAPPED + CAPPED] + [(p, 2) for p in CAPPED], ids=str)
def test_every_paging_delivers_every_row_once(folder: Path, paging: Paging, cap: int | None) -> None:
    descriptor = small(paging)
    with ReplayServer(folder, descriptor, page_size=cap) as server:
        frame = provider(server, descriptor).frame(Query(schema.ACTIVITIES))
        asked = [(seen.path, tuple(seen.params.items())) for seen in server.requests]
    assert frame.id.tolist() == list("1234567")
    assert len(set(asked)) == len(asked)


def test_the_envelope_is_kept_and_cursors_are_opaque(folder: Path) -> None:
    with ReplayServer(folder, small(Token("meta.next", "cursor", 3))) as server:
        body = json.loads(ask(server, "/workouts"))
        assert (len(body["items"]), body["total"], body["meta"]["v"]) == (3, 7, 1)
        assert not any(digit == body["meta"]["next"] for digit in "0123456789")
        last = json.loads(ask(server, f"/workouts?limit=10&cursor={body['meta']['next']}"))
        assert [row["id"] for row in last["items"]] == ["4", "5", "6", "7"]
        assert last["meta"]["next"] is None


def test_lists_that_only_code_knows_are_paged(folder: Path) -> None:
    with ReplayServer(folder, lists={"/workouts": (Offset(size=2), "items")}) as server:
        assert len(json.loads(ask(server, "/workouts?offset=6"))["items"]) == 1


@pytest.mark.parametrize("body", [{"form": {"offset": "6", "limit": "2"}}, {"json": {"offset": 6, "limit": 2}}])
def test_a_list_that_is_asked_by_post_is_paged_by_its_body(folder: Path, body: dict[str, Any]) -> None:
    with ReplayServer(folder, lists={"/workouts": (Offset(size=2), "items")}) as server:
        with HttpClient(ONCE, base_url=server.url, provider="small") as client:
            response = client.send(Request("/workouts", method="POST", reads=True, **body))
        assert [row["id"] for row in json.loads(response.body)["items"]] == ["7"]
        seen = server.requests[0]
    assert (seen.method, seen.params) == ("POST", {"offset": "6", "limit": "2"})
    assert seen.body
    assert repr(seen) == "Seen(method='POST', path='/workouts')"


def test_an_empty_file_is_nothing_new(folder: Path) -> None:
    (folder / "workouts.json").write_text("")
    descriptor = small(Single(), records="")
    with ReplayServer(folder, descriptor) as server:
        assert server.answer("GET", "/workouts", {}).status == 204
        assert provider(server, descriptor).frame(Query(schema.ACTIVITIES)).empty
        assert len(provider(server, descriptor).frame(Query(schema.ACTIVITIES))) == 0
        assert server.count("/workouts") == 3


def test_files_and_what_is_missing(plain: ReplayServer) -> None:
    assert json.loads(ask(plain, "/workouts/1"))["id"] == "1"
    assert ask(plain, "/track.gpx") == b"<gpx/>"
    with pytest.raises(NotFound, match="Record Not Found"):
        ask(plain, "/workouts/2")
    assert plain.count("/workouts/2") == 1


def test_a_colon_in_a_path_counts_as_a_slash(folder: Path) -> None:
    (folder / "points").mkdir()
    (folder / "points" / "reconcile.json").write_text('{"points": []}')
    with ReplayServer(folder) as server:
        assert json.loads(ask(server, "/points:reconcile")) == {"points": []}
        assert server.count("/points:reconcile") == 1
        for outside in ("/..:secret", "/points:..:..:secret"):
            with pytest.raises(NotFound):
                ask(server, outside)


OUTSIDE = ["/../secret", "/workouts/../../secret", f"/{quote('../secret', safe='')}", "/%2e%2e/secret", ""]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_the_folder_is_read(plain: ReplayServer, path: str) -> None:
    assert plain.answer("GET", path, {}).status == 404


def test_a_link_that_leads_outside_is_not_followed(folder: Path) -> None:
    (folder / "link.json").symlink_to(folder.parent / "secret.json")
    with ReplayServer(folder) as server:
        assert server.answer("GET", "/link", {}).status == 404


def test_a_wrong_token_is_refused_and_never_shown() -> None:
    with ReplayServer(STRAVA, strava) as server:
        with pytest.raises(AuthenticationFailed):
            provider(server, strava, token="wrong-token").frame(Query(schema.ACTIVITIES))
        assert "wrong-token" not in repr(server.requests)


def test_api_keys_are_asked_for(folder: Path) -> None:
    keyed = ProviderDescriptor(name="keyed", display_name="Keyed", key_headers={"x-api-key": "API_KEY"})
    with ReplayServer(folder, keyed) as server:
        assert server.answer("GET", "/workouts", {"X-API-Key": "test-token"}).status == 200
        assert server.answer("GET", "/workouts", {"X-API-Key": "other"}).status == 401


def test_a_login_by_consent_is_asked_for(folder: Path) -> None:
    urls = OAuthEndpoints("https://small.example/a", "https://small.example/t")
    with ReplayServer(folder, ProviderDescriptor(name="s", display_name="S", oauth_endpoints=urls)) as server:
        server.tokens = {"other"}
        assert server.answer("GET", "/workouts", {"Authorization": "Bearer other"}).status == 200
        assert server.answer("GET", "/workouts", {}).status == 401


def test_scripted_failures_come_when_they_should(plain: ReplayServer) -> None:
    plain.fail("/workouts", 429, headers={"Retry-After": "7"}, after=1)
    plain.fail("*", 429, headers={"Retry-After": "7200"}, after=2)
    assert ask(plain, "/workouts")
    with pytest.raises(RateLimited) as busy:
        ask(plain, "/workouts")
    assert busy.value.retry_after == 7
    assert ask(plain, "/workouts")
    with pytest.raises(QuotaExceeded):
        ask(plain, "/workouts")
    assert ask(plain, "/workouts")


def test_bad_parameters_are_answered_with_400(folder: Path) -> None:
    with ReplayServer(folder, small(Token("meta.next", "cursor", 3))) as server:
        assert server.answer("GET", "/workouts?cursor=made-up", {}).status == 400
        assert server.answer("GET", "/workouts?limit=many", {}).status == 400


def test_a_delay_ends_with_the_server(folder: Path) -> None:
    with ReplayServer(folder) as server:
        server.delay(0.001)
        assert ask(server, "/workouts/1")
        server.delay(3600)
        client = HttpClient(ResilienceConfig(max_retries=0, timeout_s=0.05), base_url=server.url, provider="small")
        with client, pytest.raises(Timeout):
            client.send(Request("/workouts/1"))


def test_rows_are_found_in_a_body_and_replaced_there() -> None:
    assert rows_at({"data": {"items": []}}, "data.items") == "data.items"
    assert (rows_at([], len), rows_at({"days": [], "n": 1}, len), rows_at({"a": [], "b": []}, len)) == (
        "",
        "days",
        None,
    )
    assert replaced({"data": {"items": [1, 2], "n": 2}}, "data.items", [1]) == {"data": {"items": [1], "n": 2}}
    assert page_of(PageNumber(size=2), "abc", "/l", {"page": "2", "per_page": "2"}, cap=None, url="") == ("c", None)
