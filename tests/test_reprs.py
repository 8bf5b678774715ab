"""What a notebook shows of our values is escaped, fetches nothing, and has a plain-text twin."""

import importlib.metadata
import re
from html.parser import HTMLParser

import pytest

import pierre_data as pierre
from pierre_data.fetch import ProviderReport, Report
from pierre_data.reprs import escaped, shown
from pierre_data.schema import ACTIVITIES
from pierre_data.spi import Endpoint, Option, ProviderDescriptor, Terms, fields

HARM = "</td><img src=x onerror=alert(1)><script>alert(2)</script>\x1b[31m\u202e"


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


def harmless(text: str) -> None:
    tags = Tags(text)
    assert tags.seen <= {"div", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert tags.attributes <= {"style", "scope", "class"}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "url(" not in text


def odd() -> ProviderDescriptor:
    return ProviderDescriptor(
        name="acme",
        display_name=HARM,
        access=HARM,
        register_url="https://acme.example/",
        terms=Terms("https://acme.example/terms", note=HARM),
        options={"path": Option(meaning=HARM, required=True)},
        endpoints={ACTIVITIES: Endpoint("/a", fields("id sport start_time elapsed_s"))},
        api_base_url="https://api.acme.example",
    )


def test_everything_is_escaped_once() -> None:
    assert escaped("a & <b>") == "a &amp; &lt;b&gt;"
    assert escaped(None) == ""
    harmless(shown(HARM, [HARM], [[HARM, None, 3]], [HARM]))


def test_a_descriptor() -> None:
    harmless(odd()._repr_html_())
    assert "consent" in pierre.ProviderRegistry()["strava"]._repr_html_()
    assert repr(pierre.ProviderRegistry()["synthetic-watch"]).startswith("<ProviderDescriptor synthetic-watch: ")


def test_a_registry_also_when_a_provider_is_broken() -> None:
    registry = pierre.ProviderRegistry()
    registry.register(odd())
    torn = importlib.metadata.EntryPoint("torn", "no_such_module_here:descriptor", "pierre_data.providers")
    registry.register_entry(torn, owner=HARM)
    text = registry._repr_html_()
    harmless(text)
    assert "no_such_module_here" in text
    assert "torn" in repr(registry)


def test_a_report_and_a_client() -> None:
    client = pierre.Client(["synthetic-watch"], cache="memory")
    harmless(client._repr_html_())
    assert "nothing was fetched yet" in client.last_report._repr_html_()
    client.activities("2026-01-01", "2026-02-01")
    assert "synthetic-watch" in client.last_report._repr_html_()
    assert repr(client) == "<Client: synthetic-watch>"
    failed = ProviderReport(HARM, "activities", error=pierre.NetworkError(HARM, HARM))
    harmless(Report("1", (failed,))._repr_html_())


@pytest.mark.parametrize("user", ["ann", HARM])
def test_a_users_name_is_data_too(user: str) -> None:
    harmless(pierre.Client("synthetic", cache="memory", user=user)._repr_html_())
