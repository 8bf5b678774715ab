"""Requests and pages over real HTTP: headers, POST lists, empty bodies, links elsewhere, pages that repeat."""

from __future__ import annotations

import json as jsonlib
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest

from pierre_data import ApiError, PayloadError, ProviderBroken
from pierre_data.fetch import DescriptorProvider, FetchContext, ProviderReport
from pierre_data.http import ResilienceConfig
from pierre_data.schema import ACTIVITIES
from pierre_data.secret import Secret
from pierre_data.spi import (
    Endpoint,
    NextLink,
    Offset,
    Page,
    PageNumber,
    Paging,
    ProviderConfig,
    ProviderDescriptor,
    Query,
    Request,
    Rows,
    Token,
    fields,
    walk,
)
from tests.fault_server import Answer, FaultServer, Line, json, reply, reset

FIELDS = fields("id sport start_time=start elapsed_s=seconds")
ROWS = [
    {"id": n, "sport": "run", "start": f"2026-01-{n:02}T07:00:00Z", "seconds": 60} for n in range(1, 21)
]  # twenty days, one run a day
QUICK = ResilienceConfig(base_delay_s=0.001, max_delay_s=0.002, timeout_s=5.0)


def provider(url: str, **endpoint: Any) -> DescriptorProvider:
    acme = ProviderDescriptor(
        name="acme",
        display_name="Acme",
        api_base_url="https://acme.example",
        key_headers={"x-api-key": "API_KEY"},
        endpoints={ACTIVITIES: Endpoint("/list", FIELDS, **endpoint)},
    )
    config = ProviderConfig("acme", api_base_url=f"{url}/v1", keys={"x-api-key": Secret("canary-key")})
    return DescriptorProvider(acme, config, resilience=QUICK)


def asked(url: str, **endpoint: Any) -> pd.DataFrame:
    made = provider(url, **endpoint)
    try:
        return made.frame(Query(ACTIVITIES))
    finally:
        made.close()


def listed(link: Any, envelope: bool = False) -> Answer:
    """Ten rows a page; `link` makes the headers, or the part of the body, that leads on."""

    def answer(line: Line) -> bool:
        url = urlsplit(line.request.target)
        params = dict(parse_qsl(url.query)) | dict(parse_qsl(line.request.body.decode()))
        first = int(params.get("at", 0))
        part, more = ROWS[first : first + 10], first + 10 < len(ROWS)
        extra = link(first + 10, line) if more else {}
        return json({"rows": part} | extra)(line) if envelope else json(part, **extra)(line)

    return answer


def relative(at: int, line: Line) -> dict[str, str]:
    return {"Link": f'</v1/list?at=0>; rel="prev first", </v1/list?at={at}>; title="x, y"; rel=next'}


def whole(at: int, line: Line) -> dict[str, str]:
    return {"Link": f'<http://{line.request.headers["host"]}/v1/list?at={at}>; rel="NEXT"'}


@pytest.mark.parametrize(
    ("paging", "link", "envelope"),
    [
        (NextLink(header="link"), whole, False),
        (NextLink(header="link"), relative, False),
        (NextLink(header="x-next"), lambda at, line: {"X-Next": f"?at={at}"}, False),
        (NextLink("next.url"), lambda at, line: {"next": {"url": f"/v1/list?at={at}"}}, True),
        (Token(param="at", header="X-Cursor"), lambda at, line: {"x_cursor": str(at)}, False),
        (Token("more", "at"), lambda at, line: {"more": at}, True),
    ],
    ids=["link", "relative link", "bare link", "link in the body", "token in a header", "token in the body"],
)
def test_the_next_page_is_found_where_the_vendor_says_it_is(paging: Paging, link: Any, envelope: bool) -> None:
    with FaultServer(listed(link, envelope)) as server:
        frame = asked(server.url, paging=paging, records="rows" if envelope else "")
        assert sorted(map(int, frame["id"])) == list(range(1, 21))
        assert len(server.seen) == 2
        assert {seen.headers["x-api-key"] for seen in server.seen} == {"canary-key"}


@pytest.mark.parametrize("where", ["http://other.example:{port}/v1/list", "http://127.0.0.1:9/x", "//evil.example/x"])
@pytest.mark.parametrize("header", ["", "link"])
def test_a_link_to_another_host_is_not_followed(where: str, header: str) -> None:
    def away(at: int, line: Line) -> dict[str, Any]:
        url = where.format(port=line.request.headers["host"].rpartition(":")[2])
        return {"Link": f'<{url}>; rel="next"'} if header else {"next": url}

    paging = NextLink(header=header) if header else NextLink("next")
    with FaultServer(listed(away, not header)) as server:
        made = provider(server.url, paging=paging, records="" if header else "rows")
        context = FetchContext(ProviderReport("acme", "activities"))
        batches = made.batches(Query(ACTIVITIES), context)
        assert next(batches).table.num_rows == 10  # what came before is kept
        with pytest.raises(PayloadError, match="is said to be at another host") as caught:
            list(batches)
        made.close()
        assert len(server.seen) == 1
        assert caught.value.path == "/v1/list"


@pytest.mark.parametrize("send", ["form", "json"])
def test_a_list_by_post_has_its_parameters_in_the_body_and_is_repeated(send: Any) -> None:
    def answer(line: Line) -> bool:
        text = line.request.body.decode()
        body = jsonlib.loads(text) if send == "json" else dict(parse_qsl(text))
        start, size = int(body["offset"]), int(body["limit"])
        return json(ROWS[start : start + size])(line)

    with FaultServer(reset, answer) as server:
        frame = asked(server.url, paging=Offset(10), params={"kind": "all"}, send=send)
        assert len(frame) == 20
        assert {(s.method, s.target) for s in server.seen} == {("POST", "/v1/list")}
        assert len(server.seen) >= 4  # one was cut, and asked again; what is behind the last page was asked ahead


@pytest.mark.parametrize(("reads", "requests"), [(None, 1), (False, 1), (True, 2)])
def test_a_post_is_sent_again_only_where_it_says_that_it_reads(reads: bool | None, requests: int) -> None:
    def plan(query: Query) -> Any:
        body = (yield Request("/measure", method="POST", json={"a": 1}, raw=True, reads=reads)).body
        yield Rows({name: [item[field.paths[0]] for item in body] for name, field in FIELDS.items()})

    with FaultServer(json({}, 503), json(ROWS)) as server:
        with nullcontext() if reads else pytest.raises(ApiError, match="503"):
            assert len(asked(server.url, plan_with=plan)) == 20
        assert len(server.seen) == requests


def test_what_makes_two_requests_the_same() -> None:
    first = Request("/a", {"x": 1}, method="POST", json={"page": 1})
    assert first.identity() == Request("/a", {"x": "1"}, method="POST", json={"page": 1}).identity()
    others = [
        Request("/a", {"x": 1}),
        Request("/a", {"x": 1}, method="POST", json={"page": 2}),
        Request("/a", {"x": 1}, method="POST", form={"page": "1"}),
        Request("/b", {"x": 1}, method="POST", json={"page": 1}),
    ]
    assert len({first.identity(), *(other.identity() for other in others)}) == 5


@pytest.mark.parametrize("answer", [reply(204, b""), reply(200, b""), reply(200, b" \r\n")])
def test_nothing_is_an_empty_page(answer: Answer) -> None:
    with FaultServer(answer) as server:
        assert len(asked(server.url, paging=PageNumber(10))) == 0
        assert len(server.seen) <= 2  # an empty 200 is asked once more: a passing fault looks like it

    plan = walk("/x", {}, "rows")
    next(plan)
    with pytest.raises(StopIteration) as end:
        plan.send(Page(status=204))
    assert end.value.value == []


def test_an_empty_body_that_passes_is_asked_again() -> None:
    with FaultServer(reply(200, b""), json(ROWS)) as server:
        assert len(asked(server.url)) == 20
        assert len(server.seen) == 2


@pytest.mark.parametrize("body", [{}, {"error": "odd"}, {"rows": []}])
def test_an_object_where_a_list_of_pages_is_declared_is_a_fault(body: object) -> None:
    with FaultServer(json(ROWS[:10]), json(body)) as server, pytest.raises(PayloadError, match="without the expected"):
        asked(server.url, paging=PageNumber(10))


@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_page_that_comes_for_every_number_ends_the_walk(in_flight: int) -> None:
    with FaultServer(json(ROWS[:10])) as server:
        made = provider(server.url, paging=PageNumber(10))
        object.__setattr__(made.descriptor, "in_flight", in_flight)
        with pytest.raises(PayloadError, match="same page twice"):
            made.frame(Query(ACTIVITIES))
        made.close()
        assert len(server.seen) <= 1 + in_flight


@pytest.mark.parametrize("part", ["plan", "faults", "via"])
def test_what_a_providers_own_code_raises_is_its_own_error(part: str) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("oops")

    with FaultServer(json({"rows": ROWS})) as server:
        made = provider(server.url, records="rows")
        endpoint = made.descriptor.endpoints[ACTIVITIES]
        if part == "plan":
            object.__setattr__(endpoint, "plan_with", fail)
        elif part == "faults":
            object.__setattr__(made.descriptor, "faults", fail)
        else:
            endpoint.fields["id"].via = fail
        try:
            with pytest.raises(ProviderBroken, match=r"'acme' failed: RuntimeError: oops") as caught:
                made.frame(Query(ACTIVITIES))
        finally:
            endpoint.fields["id"].via = None
            made.close()
    assert caught.value.provider == "acme"
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_key_that_the_vendor_echoes_is_in_no_report() -> None:
    rows = [ROWS[0], ROWS[1] | {"seconds": "canary-key"}, ROWS[2] | {"id": "canary-key", "start": "soon"}]
    with FaultServer(json(rows)) as server:
        made, context = provider(server.url), FetchContext(ProviderReport("acme", "activities"))
        assert sum(batch.table.num_rows for batch in made.batches(Query(ACTIVITIES), context)) == 1
        made.close()
    assert len(context.report.rejected) == 2
    assert "canary-key" not in repr(context.report)
