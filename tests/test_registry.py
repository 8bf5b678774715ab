"""The registry is lazy, restricted by the environment, and survives broken plug-ins."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace

import pandas as pd
import pytest

import pierre_data as pierre
from pierre_data import (
    ConfigurationError,
    FitnessProvider,
    Option,
    ProviderBroken,
    ProviderCapabilities,
    ProviderConfig,
    ProviderDescriptor,
    ProviderNotFound,
    ProviderRegistry,
    Query,
    SchemaError,
)
from pierre_data.schema import ACTIVITIES, Unit
from pierre_data.settings import Settings
from pierre_data.spi import Endpoint, Field, OAuthEndpoints, RateLimit, Sports


def descriptor(name: str = "acme", **changes: object) -> ProviderDescriptor:
    fields = {
        "id": Field("id"),
        "sport": Field("sport", via=Sports({"run": "run"})),
        "start_time": Field("start"),
        "elapsed_s": Field("minutes", Unit.MINUTE),
    }
    given = {"name": name, "display_name": "Acme", "endpoints": {ACTIVITIES: Endpoint("/x", fields)}} | changes
    return ProviderDescriptor(**given)


def registry(**environ: str) -> ProviderRegistry:
    return ProviderRegistry(Settings.read(environ))


class Fixed(FitnessProvider):
    """A provider written by hand: the protocol's defaults do the rest."""

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def config(self) -> ProviderConfig:
        return self._config

    def frame(self, query: Query) -> pd.DataFrame:
        if query.table is not ACTIVITIES:
            return super().frame(query)
        start = pd.Timestamp("2026-01-01", tz="UTC")
        row = {"provider": self.name, "id": "1", "sport": "run", "start_time": start, "elapsed_s": 60.0}
        return ACTIVITIES.conform(pd.DataFrame([row]))


def test_a_mapping_that_imports_nothing_until_used() -> None:
    code = (
        "import sys; from pierre_data import ProviderRegistry; r = ProviderRegistry(); "
        "print(len(r) > 2, sorted(r) == r.supported_providers(), 'strava' in r, "
        "any(m.startswith('pierre_data.providers.') for m in sys.modules)); r['strava']; "
        "print('pierre_data.providers.strava' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["True", "True", "True", "False", "True"]


def test_the_environment_restricts() -> None:
    small = registry(PIERRE_PROVIDERS="strava, nothing")
    assert list(small) == ["strava"]
    with pytest.raises(ProviderNotFound, match="Supported providers: strava"):
        small["synthetic"]


def test_unknown_names_are_answered_with_what_there_is() -> None:
    made = registry()
    with pytest.raises(ProviderNotFound) as caught:
        made["strva"]
    assert str(caught.value).startswith("Provider 'strva' is not supported. Supported providers: ")
    assert str(caught.value).endswith("Did you mean 'strava'?")
    assert ", ".join(made.supported_providers()) in str(caught.value)
    assert isinstance(caught.value, LookupError)


def test_register_and_unregister() -> None:
    made = registry()
    made.register(descriptor())
    assert made.is_supported("acme")
    assert made["acme"].capabilities is ProviderCapabilities.ACTIVITIES
    with pytest.raises(ConfigurationError, match="'acme' is taken by this process, and notebook wants it too"):
        made.register(descriptor(), owner="notebook")
    with pytest.raises(ConfigurationError, match=r"'strava' is taken by pierre-data .*, and this process"):
        made.register(descriptor("strava"))
    made.unregister("acme")
    assert "acme" not in made
    with pytest.raises(ProviderNotFound):
        made.unregister("acme")
    assert "acme" not in registry()


def test_a_factory_of_ones_own() -> None:
    made = registry()
    made.register_factory("fixed", Fixed, config=ProviderConfig("fixed", client_id="7"))
    provider = made.create_provider("fixed")
    assert isinstance(provider, FitnessProvider)
    assert provider.config.client_id == "7"
    assert len(provider.activities()) == 1
    with pytest.raises(pierre.UnsupportedFeature, match="fixed does not offer sleep"):
        provider.sleep_sessions()
    made.unregister("fixed")
    made.register_factory("fixed", Fixed, descriptor=descriptor("fixed"))
    client = pierre.Client(["fixed"], registry=made, cache="memory")
    assert client.activities().sources.tolist() == ["fixed:1"]


def test_a_factory_says_which_names_it_serves() -> None:
    class Both(Fixed):
        supported_providers = ("left", "right")

    made = registry()
    made.register_factory("left", Both)
    assert made.create_provider("left").name == "left"
    with pytest.raises(ConfigurationError, match="makes left, right, and no 'up'"):
        made.register_factory("up", Both)


def test_capability_queries() -> None:
    made = registry()
    made.register(descriptor("acme", oauth_endpoints=OAuthEndpoints("https://a.example", "https://a.example")))
    assert {"acme", "strava"} <= set(made.oauth_providers())
    assert "acme" in made.activity_providers()
    assert "acme" not in made.sleep_providers() + made.recovery_providers() + made.health_providers()
    full = made.with_capability(ProviderCapabilities.full_fitness())
    assert {"acme", "strava"} <= set(full)
    assert "synthetic" not in full
    assert "synthetic" in made.sleep_providers()


def test_configuration_comes_from_descriptor_environment_and_caller() -> None:
    made = registry(
        PIERRE_STRAVA_CLIENT_ID="12",
        STRAVA_CLIENT_SECRET="hush",
        PIERRE_STRAVA_API_BASE_URL="http://127.0.0.1:9",
        PIERRE_ACME_SEED="5",
    )
    config = made.config("strava")
    assert (config.client_id, config.api_base_url) == ("12", "http://127.0.0.1:9")
    assert config.token_url == "https://www.strava.com/oauth/token"
    assert config.client_secret is not None
    assert "hush" not in repr(config)
    made.register(descriptor(options={"seed": Option(int, 1, "Seed."), "mood": Option(str, "calm")}))
    assert made.config("acme").options == {"seed": 5, "mood": "calm"}
    assert made.config("acme", seed=9).options["seed"] == 9
    with pytest.raises(ConfigurationError, match=r"acme has no option 'sead'\. Its options: seed, mood"):
        made.create_provider("acme", sead=1)
    with pytest.raises(ConfigurationError, match="PIERRE_ACME_SEED"):
        made.create_provider("acme", seed="many")


@pytest.mark.parametrize("url", ["http://example.org", "ftp://127.0.0.1", "example.org", "https://"])
def test_an_address_must_be_https_or_loopback(url: str) -> None:
    with pytest.raises(ConfigurationError, match="PIERRE_STRAVA_TOKEN_URL is neither https nor loopback"):
        registry(PIERRE_STRAVA_TOKEN_URL=url).config("strava")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"distanse_m": Field("d")}, "no column 'distanse_m'"),
        ({"distance_m": Field("d", Unit.BEAT_PER_MINUTE)}, "Cannot convert bpm"),
        ({"name": Field("n", Unit.METRE)}, "'name' carries no unit"),
    ],
)
def test_a_wrong_field_is_an_error_at_import(change: dict[str, Field], message: str) -> None:
    good = descriptor().endpoints[ACTIVITIES]
    with pytest.raises(SchemaError, match=message) as caught:
        descriptor(endpoints={ACTIVITIES: replace(good, fields={**good.fields, **change})})
    assert "acme, activities." in str(caught.value)


def test_a_missing_required_column_is_an_error_at_import() -> None:
    with pytest.raises(SchemaError, match=r"acme does not map activities\.sport, which is required"):
        descriptor(endpoints={ACTIVITIES: Endpoint("/x", {"id": Field("id")}, columns=("start_time", "elapsed_s"))})
    with pytest.raises(SchemaError, match="no provider name"):
        descriptor("Acme Fit")
    with pytest.raises(SchemaError, match="at least one request"):
        RateLimit(10)
    with pytest.raises(SchemaError, match="no sport"):
        Sports({"Run": "running"})


def test_a_plug_in_that_cannot_be_imported_spoils_nothing() -> None:
    import importlib.metadata

    made = registry()
    entry = importlib.metadata.EntryPoint("lost", "no_such_package:descriptor", "pierre_data.providers")
    made.register_entry(entry, owner="pierre-lost 0.1")
    with pytest.raises(ProviderBroken, match=r"ModuleNotFoundError.*\(from pierre-lost 0\.1\)") as caught:
        made["lost"]
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert set(made.broken()) == {"lost"}
    assert "strava" in made.activity_providers()
    state = pierre.Client(["synthetic"], registry=made, cache="memory").status().set_index("provider").status
    assert state["lost"] == "broken"


def test_many_threads_see_one_descriptor() -> None:
    made, seen = registry(), []
    threads = [threading.Thread(target=lambda: seen.append(made["strava"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(map(id, seen))) == 1
