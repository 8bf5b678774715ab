"""The contract at the door: what a call may be given, what it answers, and whom its warnings point at."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pierre_data as pierre
from pierre_data import Client, FitnessProvider, ProviderRegistry, schema
from pierre_data.cache import MemoryStore
from pierre_data.settings import Settings
from tests.strava_server import TOKEN, Answer, StravaServer, fault
from tests.test_client import settings

WINDOW = ("2026-01-01", "2026-02-01")
TABLE_METHODS = (
    "activities sleep sleep_stages recovery health personal_records athlete stats gear table activity streams laps "
    "zones segment_efforts first_available duplicates estimate"
).split()


@pytest.fixture
def synthetic() -> Client:
    return Client("synthetic", cache="memory")


@pytest.fixture
def strava() -> Iterator[StravaServer]:
    with StravaServer() as server:
        yield server


# ------------------------------------------------------------------------------------------- words, dates, signatures


@pytest.mark.parametrize("method", TABLE_METHODS)
def test_every_argument_is_spelt_out(synthetic: Client, method: str) -> None:
    parameters = inspect.signature(getattr(synthetic, method)).parameters
    assert not {p.kind for p in parameters.values()} & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    if method not in ("duplicates", "estimate"):
        assert {"policy", "on_rate_limit", "progress", "cancel"} <= set(parameters)
    with pytest.raises(TypeError, match=rf"{method}\(\) got an unexpected keyword argument 'dedupeee'"):
        getattr(synthetic, method)("x", dedupeee=True)


def test_every_table_takes_the_same_arguments(synthetic: Client) -> None:
    for method in ("sleep", "recovery", "health", "sleep_stages"):
        ask = getattr(synthetic, method)
        assert len(ask("2026-03-01", "2026-03-20", limit=3, on_rate_limit="wait", tz="local")) == 3
    nights = synthetic.sleep("2026-03-01", "2026-03-08", tz="local")
    assert nights.start_time_local.between("2026-03-01", "2026-03-08").all()
    assert len(synthetic.athlete(limit=1, on_rate_limit="raise")) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"errors": "rasie"}, "errors='rasie' is unknown. Did you mean 'raise'"),
        ({"errors": "ignore"}, "Use one of: 'raise', 'warn', 'keep'"),
        ({"policy": "refesh"}, "Did you mean 'refresh'"),
        ({"policy": 3}, "policy=3 is unknown"),
        ({"on_rate_limit": "wiat"}, "Did you mean 'wait'"),
        ({"sport": "quidditch"}, "is not a sport"),
        ({"limit": 2.5}, "limit=2.5 makes no sense"),
        ({"limit": True}, "limit=True makes no sense"),
        ({"tz": 3}, "3 is no time zone"),
        ({"after": np.datetime64("NaT", "s")}, "is no date"),
        ({"after": 20260101}, "is no date"),
    ],
)
def test_a_word_that_is_none_is_told(synthetic: Client, given: dict[str, Any], words: str) -> None:
    with pytest.raises(pierre.QueryError) as caught:
        synthetic.activities(**given)
    assert words in str(caught.value)


def test_a_table_has_a_name(synthetic: Client) -> None:
    pd.testing.assert_frame_equal(synthetic.table("sleep", *WINDOW), synthetic.sleep(*WINDOW))
    with pytest.raises(pierre.QueryError, match=r"table='slep' is unknown\. Did you mean 'sleep'"):
        synthetic.table("slep")
    with pytest.raises(pierre.QueryError, match="is no activity this client knows"):
        synthetic.laps(pd.Series(["a"]))  # type: ignore[arg-type]


def test_policies_are_words_too(strava: StravaServer, tmp_path: Path) -> None:
    client = Client("strava", settings=settings(strava, tmp_path))
    client.activities()
    asked = len(strava.asked)
    client.activities(policy="use_cache")
    assert len(strava.asked) == asked
    for policy in ("refresh", "bypass"):
        client.activities(policy=policy)  # type: ignore[arg-type]
        assert len(strava.asked) > asked
        asked = len(strava.asked)


@pytest.mark.parametrize(
    "bounds",
    [
        (np.datetime64("2026-01-01"), np.datetime64("2026-02-01T00:00:00")),
        (pd.Timestamp("2026-01-01"), pd.Timestamp("2026-02-01", tz="UTC")),
        (dt.date(2026, 1, 1), dt.datetime(2026, 2, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))),
    ],
)
def test_dates_of_every_library(synthetic: Client, bounds: tuple[Any, Any]) -> None:
    pd.testing.assert_frame_equal(synthetic.activities(*bounds), synthetic.activities(*WINDOW))


@pytest.mark.parametrize(
    ("word", "family"), [("cycling", "ride"), ("Biking", "ride"), ("jogging", "run"), ("hiking", "hike")]
)
def test_words_people_say_for_a_sport_lead_to_ours(synthetic: Client, word: str, family: str) -> None:
    with pytest.raises(pierre.QueryError, match=f"{word!r} is not a sport. Did you mean {family!r}"):
        synthetic.activities(*WINDOW, sport=word)


# ------------------------------------------------------------------------------------------------- providers and names


def test_options_given_per_call_act(synthetic: Client) -> None:
    seven = Client(pierre.provider("synthetic", seed=7), cache="memory")
    frame = synthetic.activities(*WINDOW, providers=[pierre.provider("synthetic", seed=7)])
    pd.testing.assert_frame_equal(frame, seven.activities(*WINDOW))
    # A name that is the client's own keeps the client's options.
    pd.testing.assert_frame_equal(seven.activities(*WINDOW, providers="synthetic"), frame)
    assert not frame.equals(synthetic.activities(*WINDOW))


def test_a_single_name_will_do_everywhere(synthetic: Client) -> None:
    whole = synthetic.activities(*WINDOW)
    pd.testing.assert_frame_equal(synthetic.first_available("synthetic", *WINDOW), whole)
    pd.testing.assert_frame_equal(synthetic.activities(*WINDOW, providers="synthetic"), whole)
    assert len(synthetic.estimate(*WINDOW, providers="synthetic")) == 1


def test_one_provider_several_times(tmp_path: Path) -> None:
    one, two = pierre.provider("synthetic", alias="ann", seed=1), pierre.provider("synthetic", alias="bob", seed=2)
    client = Client([one, two], cache="memory")
    assert client.providers == ("ann", "bob")
    rows = client.activities(*WINDOW, dedupe=False)
    assert set(rows.provider) == {"ann", "bob"}
    assert set(client.activities(*WINDOW, providers="bob").provider) == {"bob"}
    merged = client.activities(*WINDOW)
    assert client.activity(merged.activity_id[0]).provider[0] == merged.provider[0]
    assert {"ann", "bob"} <= set(client.status().provider)
    assert set(client.check_health().provider) == {"ann", "bob"}
    with pytest.raises(pierre.ConfigurationError, match="named twice"):
        Client([one, one])
    with pytest.raises(pierre.ConfigurationError, match="another provider's name"):
        Client([pierre.provider("synthetic", alias="strava")])
    with pytest.raises(pierre.ConfigurationError, match="is no alias"):
        pierre.provider("synthetic", alias="My Watch")


def test_variables_of_an_alias_go_before_those_of_the_name(strava: StravaServer, tmp_path: Path) -> None:
    made = settings(strava, tmp_path, PIERRE_BOB_ACCESS_TOKEN="another")
    client = Client([pierre.provider("strava", alias="bob"), "strava"], settings=made)
    frame = client.activities(errors="keep")
    assert set(strava.tokens) == {f"Bearer {TOKEN}", "Bearer another"}
    assert set(frame.provider) == {"strava"}  # the server knows one token only
    assert [p.provider for p in client.last_report.providers if p.error] == ["bob"]


def test_a_misspelt_variable_is_told() -> None:
    registry = ProviderRegistry(Settings.read({"PIERRE_PROVIDERS": "strva,synthetic"}))
    with pytest.warns(pierre.ConfigurationNotice, match="names strva, .* Did you mean 'strava'"):
        Client("synthetic", registry=registry, cache="memory")
    Client("synthetic", registry=registry, cache="memory")  # once


def test_a_misspelt_section_is_told(tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text("[cache]\nstats = 5\n[strva]\nmax_retries = 1\n[bob]\nmax_retries = 1\n")
    registry = ProviderRegistry(Settings.read({"PIERRE_CONFIG_DIR": str(tmp_path)}))
    with pytest.warns(pierre.ConfigurationNotice, match=r"providers.toml names strva, .* Did you mean 'strava'"):
        Client(pierre.provider("synthetic", alias="bob"), registry=registry, cache="memory")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("max_retires = 1", r"\[strava\] max_retires in providers.toml is unknown. Did you mean 'max_retries'"),
        ('max_retries = "many"', r"max_retries = 'many' in providers.toml cannot be used"),
        ("max_retries = 1.5", "max_retries = 1.5 in providers.toml cannot be used"),
        ("timeout_secs = -1", "timeout_s is -1"),
    ],
)
def test_a_section_is_checked(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "providers.toml").write_text(f"[strava]\n{line}\n")
    registry = ProviderRegistry(Settings.read({"PIERRE_CONFIG_DIR": str(tmp_path)}))
    with pytest.raises(pierre.ConfigurationError, match=words):
        registry.create_provider("strava")


@pytest.mark.parametrize(("value", "right"), [("9", 9), (9.0, 9), (np.int64(9), 9), ("many", None), (9.5, None)])
def test_values_of_options_are_validated(value: Any, right: int | None) -> None:
    registry = ProviderRegistry()
    if right is not None:
        assert registry.config("synthetic", seed=value).options["seed"] == right
        return
    with pytest.raises(pierre.ConfigurationError, match="is no value for synthetic's option 'seed': Input should be"):
        registry.config("synthetic", seed=value)


def test_what_is_no_provider_is_told(synthetic: Client) -> None:
    with pytest.raises(pierre.ConfigurationError, match="7 is no provider"):
        synthetic.activities(providers=[7])  # type: ignore[list-item]


def test_a_bare_descriptor_is_filled_from_the_class() -> None:
    bare = pierre.ProviderDescriptor(name="diary", display_name="My diary")
    registry = registered("diary", Diary, descriptor=bare)
    assert (registry["diary"].display_name, registry["diary"].tables()) == ("My diary", ("activities",))


def test_tokens_in_memory_and_no_other_word(strava: StravaServer, tmp_path: Path) -> None:
    assert len(Client("strava", tokens="memory", settings=settings(strava, tmp_path)).activities(limit=1)) == 1
    for argument in ("tokens", "cache"):
        with pytest.raises(pierre.ConfigurationError, match=f"{argument}='disk' is unknown"):
            Client("strava", **{argument: "disk"})  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ providers as classes


class Diary(FitnessProvider):
    """Enough for a provider."""

    calls = 0

    def activities(self, after: dt.datetime | None = None, before: dt.datetime | None = None) -> pd.DataFrame:
        type(self).calls += 1
        start = pd.to_datetime(["2026-01-05T07:00Z", "2026-01-06T07:00Z"])
        return pd.DataFrame({"id": ["1", "2"], "sport": "run", "start_time": start, "elapsed_s": 1800.0})


class Alone:
    """The same without the base class."""

    def __init__(self, config: pierre.ProviderConfig) -> None:
        self.name, self.config = config.name, config

    def sleep_sessions(self, after: dt.datetime | None, before: dt.datetime | None) -> pd.DataFrame:
        night = pd.to_datetime(["2026-01-05T22:00Z", "2026-01-06T06:00Z"])
        return pd.DataFrame({"id": ["n"], "start_time": night[:1], "end_time": night[1:]})


def registered(name: str, factory: Any, **how: Any) -> ProviderRegistry:
    registry = ProviderRegistry()
    registry.register_factory(name, factory, **how)
    return registry


@pytest.mark.parametrize("factory", [Diary, lambda config: Diary(config)])
def test_a_class_with_one_method_is_a_provider(factory: Callable[[pierre.ProviderConfig], object]) -> None:
    registry = registered("diary", factory)
    assert registry["diary"].tables() == ("activities",)
    assert "diary" in registry.activity_providers()
    assert "diary" not in registry.sleep_providers()
    client = Client("diary", registry=registry, cache="memory")
    assert client.activities("2026-01-06").sources.tolist() == ["diary:2"]  # cut to the window
    with pytest.raises(pierre.UnsupportedFeature):
        client.sleep()
    assert client.check_health().is_healthy.all()
    assert isinstance(registry.create_provider("diary"), FitnessProvider)
    renamed = Client(pierre.provider("diary", alias="paper"), registry=registry, cache="memory")
    assert set(renamed.activities().provider) == {"paper"}


def test_a_class_is_cached_like_any_other() -> None:
    counted = type("Counted", (Diary,), {"calls": 0})
    registry, store = registered("diary", counted), MemoryStore()
    for _ in range(2):  # another client of the same store
        client = Client("diary", registry=registry, cache=store)
        for _ in range(3):
            assert len(client.activities()) == 2
    assert counted.calls == 1
    client.activities(policy="refresh")
    assert counted.calls == 2


def test_a_class_of_frame_alone_says_itself_what_it_lacks() -> None:
    def frame(self: Any, query: pierre.Query) -> pd.DataFrame:
        return Diary.activities(self) if query.table == schema.ACTIVITIES else FitnessProvider.frame(self, query)

    registry = registered("own", type("Own", (Diary,), {"activities": FitnessProvider.activities, "frame": frame}))
    client = Client(["own", "synthetic"], registry=registry, cache="memory")
    assert set(client.activities(*WINDOW, dedupe=False).provider) == {"own", "synthetic"}
    assert set(client.sleep(*WINDOW).provider) == {"synthetic"}
    with pytest.raises(pierre.UnsupportedFeature, match="own does not offer sleep"):
        client.sleep(providers="own")


def test_a_class_without_our_base_is_a_provider() -> None:
    client = Client("alone", registry=registered("alone", Alone), cache="memory")
    assert client.sleep("2026-01-01").provider.tolist() == ["alone"]
    with pytest.raises(pierre.UnsupportedFeature, match="alone does not offer activities"):
        client.activities()


@pytest.mark.parametrize(
    ("members", "lacks"),
    [
        ({}, "it lacks 'name', 'config', a method such as 'activities' or 'frame'"),
        ({"name": "half", "config": pierre.ProviderConfig("half")}, "it lacks a method such as"),
        ({"frame": lambda self, query: None}, "it lacks 'name', 'config'"),
    ],
)
def test_what_is_no_provider_is_refused_when_it_is_made(members: dict[str, Any], lacks: str) -> None:
    half = type("Half", (), {"__init__": lambda self, config: None, **members})
    with pytest.raises(pierre.ProviderBroken) as caught:
        registered("half", half).create_provider("half")
    assert lacks in str(caught.value)


@pytest.mark.parametrize("raised", [ValueError("oops"), KeyError("x"), RecursionError("deep")])
def test_what_a_plug_in_raises_is_its_providers_error(raised: Exception) -> None:
    class Raising(Diary):
        def activities(self, after: dt.datetime | None = None, before: dt.datetime | None = None) -> pd.DataFrame:
            raise raised

    client = Client(["synthetic", "mine"], registry=registered("mine", Raising), cache="memory")
    with pytest.raises(pierre.ProviderBroken, match=f"'mine' raised {type(raised).__name__}") as caught:
        client.activities(*WINDOW)
    assert caught.value.__cause__ is raised
    assert set(client.activities(*WINDOW, errors="keep").provider) == {"synthetic"}
    assert not client.last_report.complete


@pytest.mark.parametrize("returned", [None, [], pd.DataFrame({"id": ["1"]})])
def test_what_a_plug_in_returns_is_looked_at(returned: Any) -> None:
    odd = type("Odd", (Diary,), {"activities": lambda self, after=None, before=None: returned})
    with pytest.raises(pierre.ProviderBroken, match="'odd' returned"):
        Client("odd", registry=registered("odd", odd), cache="memory").activities()


def test_a_factory_that_raises_is_a_broken_provider() -> None:
    def make(config: pierre.ProviderConfig) -> Diary:
        raise OSError("no disk")

    with pytest.raises(pierre.ProviderBroken, match="OSError: no disk"):
        registered("lost", make).create_provider("lost")


@pytest.mark.slow
def test_the_class_of_the_docstring_passes_a_strict_checker(tmp_path: Path) -> None:
    mypy = importlib.import_module("mypy.api")  # of [lint]: this test is marked slow, and CI installs it
    lines = [line.strip() for line in (FitnessProvider.__doc__ or "").splitlines()]
    code = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    file = tmp_path / "diary.py"
    file.write_text("\n".join(code).replace("class Diary", "\n\nclass Diary") + "\n")
    # As an author runs it: numpy's own types are written for the Python that runs.
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    words = ["--strict", "--config-file", os.devnull, "--python-version", version, "--cache-dir", str(tmp_path)]
    out, _, status = mypy.run([*words, "--follow-imports", "silent", str(file)])
    assert status == 0, out


def test_a_registry_is_walked_as_one_moment() -> None:
    registry = ProviderRegistry()
    client = Client("synthetic", registry=registry, cache="memory")
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            registry.register_factory("churn", Diary)
            registry.unregister("churn")

    other = threading.Thread(target=churn)
    other.start()
    try:
        for _ in range(30):
            assert set(dict(registry.items())) >= {"strava"}
            assert len(list(registry.values())) > 5
            assert "synthetic" in registry.activity_providers()
            client.status()
    finally:
        done.set()
        other.join()


def test_credentials_of_plain_text(strava: StravaServer, tmp_path: Path) -> None:
    registry = ProviderRegistry(settings(strava, tmp_path, PIERRE_STRAVA_ACCESS_TOKEN=""))
    provider = registry.create_provider("strava")
    assert not provider.is_authenticated()
    provider.set_credentials(pierre.Credentials(TOKEN))
    assert len(provider.activities()) == 50
    assert TOKEN not in repr(pierre.Credentials(TOKEN, refresh_token=TOKEN))


# --------------------------------------------------------------------------------------- answers, reports and warnings


def test_a_report_belongs_to_its_frame(strava: StravaServer, tmp_path: Path) -> None:
    client = Client(["strava", "synthetic"], settings=settings(strava, tmp_path))
    strava.script.extend([fault(401, "no")] * 2)
    part = client.activities(*WINDOW, errors="keep")
    small = client.activities(*WINDOW, providers="synthetic")
    assert not client.report(part).complete
    assert client.report(small).complete
    assert client.report(small[small.sport == "run"]).complete
    assert set(part.attrs["pierre"]) <= {"table", "report", "complete", "terms"}
    with pytest.raises(pierre.QueryError, match="none of the last"):
        client.report(pd.DataFrame())


def test_a_thread_is_told_of_its_own_call(synthetic: Client) -> None:
    synthetic.activities(*WINDOW)
    mine = synthetic.last_report
    seen: list[str] = []

    def other() -> None:
        seen.append(synthetic.last_report.id)  # none of its own yet: the client's
        synthetic.sleep(*WINDOW)
        seen.append(synthetic.last_report.providers[0].table)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [mine.id, "sleep"]
    assert synthetic.last_report is mine


def test_what_one_thread_leaves_out_is_not_remembered_as_complete() -> None:
    def fail(self: Any, after: Any = None, before: Any = None) -> pd.DataFrame:
        raise pierre.NetworkError("The line broke.", "Try again.")

    broken = type("Broken", (Diary,), {"activities": fail})
    client = Client(["synthetic-watch", "broken"], registry=registered("broken", broken), cache="memory")
    done = threading.Event()

    def small() -> None:
        while not done.wait(0.001):  # a thread that never rests would keep the interpreter from the other
            client.activities("2026-01-01", "2026-01-08", providers=["synthetic-watch"])

    other = threading.Thread(target=small)
    other.start()
    try:
        for year in range(2018, 2024):
            client.activities(f"{year}-01-01", f"{year + 1}-01-01", errors="keep")
            with pytest.raises(pierre.NetworkError):
                client.activities(f"{year}-01-01", f"{year + 1}-01-01")
    finally:
        done.set()
        other.join()


def test_a_question_asked_again_is_answered_from_memory(strava: StravaServer, tmp_path: Path) -> None:
    client = Client("strava", settings=settings(strava, tmp_path))
    merged = client.activities(limit=1)
    for ask in (
        lambda: client.activities(limit=1),
        lambda: client.activity(merged.activity_id[0]),
        lambda: client.athlete(),
        lambda: client.stats(),
    ):
        ask()  # fetched, which writes to the store
        first = ask()
        report, asked = client.last_report, len(strava.asked)
        best = 1.0  # of this thread's own time: a busy machine takes none of it away
        for _ in range(20):
            began = time.thread_time()
            again = ask()
            best = min(best, time.thread_time() - began)
        pd.testing.assert_frame_equal(first, again)
        assert client.last_report is report
        assert len(strava.asked) == asked
        assert best < 0.001


def test_marks_of_rows_nobody_has_are_told() -> None:
    client = Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    client.mark_same("synthetic-watch:1", "synthetic-phone:2")
    client.activities(*WINDOW)  # they may lie outside
    with pytest.warns(pierre.ConfigurationNotice, match="Marks name what is not there: synthetic-phone:2"):
        client.activities()
    client.unmark("synthetic-watch:1", "synthetic-phone:2")
    client.activities()


def test_what_cannot_be_forgotten_is_told(synthetic: Client) -> None:
    with pytest.raises(pierre.QueryError, match=r"resource='activity_lst' is unknown\. Did you mean 'activity_list'"):
        synthetic.invalidate(resource="activity_lst")
    with pytest.raises(pierre.ProviderNotFound):
        synthetic.invalidate(provider="strva")


def test_a_store_of_ones_own_never_breaks_a_read(strava: StravaServer, tmp_path: Path) -> None:
    class Gone(MemoryStore):
        def get_many(self, keys: Any) -> Any:
            raise pierre.StorageError("The bucket is gone.", "Look for it.")

    class Wrapped:
        def __init__(self) -> None:
            self.inner = Gone()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    client = Client("strava", settings=settings(strava, tmp_path), cache=Wrapped())
    with pytest.warns(pierre.StorageNotice, match="The bucket is gone"):
        assert len(client.activities()) == 50


def test_warnings_point_at_the_caller(strava: StravaServer, tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = Client(["strava", "synthetic"], settings=settings(strava, tmp_path))
        strava.script.extend([fault(401, "no")] * 2)
        client.activities(*WINDOW, errors="warn")
        client.unmark("a:1", "b:2")
        Client(settings=Settings.read({"PIERRE_CACHE_DIR": str(tmp_path / "a-file" / "no")}))
    kinds = {w.category for w in caught}
    assert kinds >= {pierre.PartialResultWarning, pierre.ConfigurationNotice, pierre.SyntheticDataNotice}
    assert {Path(w.filename).name for w in caught} == {Path(__file__).name}


def test_parts_of_an_activity_can_be_merged_with_it(tmp_path: Path) -> None:
    client = Client("synthetic", cache="memory")
    activities = client.activities("2026-03-01", "2026-04-01")
    key = activities.activity_id[0]
    laps = client.laps(key)
    joined = laps.merge(activities, on="activity_id", suffixes=("", "_activity"))
    assert len(joined) == len(laps) > 0
    assert set(laps.id) == {activities.id[0]}
    assert set(client.streams(key).activity_id) == {key}
    assert client.laps(f"synthetic:{activities.id[0]}").activity_id.isna().all()


def test_health_is_asked_of_what_there_is_and_failures_outlive_a_client(strava: StravaServer, tmp_path: Path) -> None:
    assert Client("synthetic-phone", cache="memory").check_health().is_healthy.all()
    strava.script.extend([fault(401, "no")] * 2)
    for failures in (1, 2):
        client = Client("strava", settings=settings(strava, tmp_path))
        assert client.check_health().consecutive_failures.tolist() == [failures]
    assert Client("strava", settings=settings(strava, tmp_path)).check_health().consecutive_failures.tolist() == [0]
    strava.script.extend([Answer(401, b"")])
    assert Client("strava", settings=settings(strava, tmp_path)).check_health().consecutive_failures.tolist() == [1]


def test_what_the_registry_makes_is_connected_and_cached(strava: StravaServer, tmp_path: Path) -> None:
    registry = ProviderRegistry(settings(strava, tmp_path))
    provider = registry.create_caching_provider("strava", MemoryStore())
    assert provider.is_authenticated()
    assert len(provider.activities()) == 50
    asked = len(strava.asked)
    assert len(provider.activities()) == 50
    assert len(strava.asked) == asked
    assert registry.create_provider("strava", alias="mine").name == "mine"


def test_public_rooms_are_there() -> None:
    for room in ("schema", "spi", "widgets", "plots", "synthetic", "testing", "models"):
        assert getattr(pierre, room).__name__ == f"pierre_data.{room}"
    assert schema.ACTIVITIES.name == "activities"


# ----------------------------------------------------------------------- found by trying: numbers that were wrong


def diary(*rows: tuple[Any, ...], name: str = "diary", **more: Any) -> type[FitnessProvider]:
    """A provider class whose activities are (id, start, sport, ...)."""

    def activities(self: Any, after: Any = None, before: Any = None) -> pd.DataFrame:
        frame = pd.DataFrame([row[:3] for row in rows], columns=["id", "start_time", "sport"])
        return frame.assign(**{"elapsed_s": 1800.0, **more})

    return type(name.title(), (FitnessProvider,), {"activities": activities})


@pytest.mark.parametrize("hours", [20, 40, 47, 72])
@pytest.mark.parametrize("linked", ["by mark", "by id"])
def test_windows_side_by_side_are_the_whole_however_far_copies_start(hours: int, linked: str, tmp_path: Path) -> None:
    first = pd.Timestamp("2026-01-05T07:00Z")
    registry = registered("a", diary(("0", first, "run")))
    other = diary(("1", first + pd.Timedelta(hours=hours), "run"), external_id="a:0" if linked == "by id" else None)
    registry.register_factory("b", other)
    where = Settings.read({f"PIERRE_{n}_DIR": str(tmp_path / n) for n in ("CACHE", "CONFIG", "DATA")})
    client = Client(["a", "b"], registry=registry, settings=where, cache="memory")
    if linked == "by mark":
        client.mark_same("a:0", "b:1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # marks that reach too far are told
        whole = client.activities("2026-01-01", "2026-02-01")
        assert whole.n_sources.sum() == 2
        assert len(whole) == (1 if hours < 48 else 2)
        for cut in range(-2, hours + 4, 3):
            at = first + pd.Timedelta(hours=cut)
            parts = [client.activities("2026-01-01", at), client.activities(at, "2026-02-01")]
            assert sorted(s for part in parts for s in part.sources) == sorted(whole.sources), cut
            merges = [client.duplicates("2026-01-01", at), client.duplicates(at, "2026-02-01")]
            assert sum(map(len, merges)) == 2 - len(whole)


def test_another_token_or_server_never_sees_what_is_kept(tmp_path: Path) -> None:
    with StravaServer() as one, StravaServer([]) as other:
        assert len(Client("strava", settings=settings(one, tmp_path)).activities()) == 50
        assert Client("strava", settings=settings(other, tmp_path)).activities().empty
        asked = len(one.asked)
        assert len(Client("strava", settings=settings(one, tmp_path)).activities()) == 50
        assert len(one.asked) == asked
        somebody = settings(one, tmp_path, PIERRE_STRAVA_ACCESS_TOKEN="of somebody else")
        with pytest.raises(pierre.AuthenticationFailed):
            Client("strava", settings=somebody).activities()


def test_a_class_that_was_mended_is_asked_again(tmp_path: Path) -> None:
    where = Settings.read({f"PIERRE_{n}_DIR": str(tmp_path / n) for n in ("CACHE", "CONFIG", "DATA")})
    start = pd.Timestamp("2026-01-05T07:00Z")

    class Wrong(FitnessProvider):
        def activities(self, after: Any = None, before: Any = None) -> pd.DataFrame:
            return pd.DataFrame({"id": ["1"], "start_time": [start], "sport": ["run"], "elapsed_s": [5.0]})

    class Mended(FitnessProvider):
        def activities(self, after: Any = None, before: Any = None) -> pd.DataFrame:
            return pd.DataFrame({"id": ["1"], "start_time": [start], "sport": ["run"], "elapsed_s": [5000.0]})

    for cls, seconds in ((Wrong, 5.0), (Mended, 5000.0), (Mended, 5000.0)):
        client = Client("diary", registry=registered("diary", cls), settings=where)
        assert client.activities().elapsed_s.tolist() == [seconds]
        client.close()


def test_rows_of_a_class_are_read_like_those_of_a_page() -> None:
    good = ("1", "2026-01-05T07:00:00Z", "run")
    odd = [("2", 1767596400, "run"), ("3", "soon", "run"), (float("nan"), "2026-01-05T07:00:00Z", "run")]
    client = Client("diary", registry=registered("diary", diary(good, *odd)), cache="memory")
    with pytest.warns(pierre.PartialResultWarning):
        assert client.activities(errors="warn").id.tolist() == ["1"]
    for value in (True, float("inf"), "far"):
        client = Client("diary", registry=registered("diary", diary(good, distance_m=value)), cache="memory")
        with pytest.warns(pierre.PartialResultWarning):
            assert client.activities(errors="warn").empty
    told = Client("diary", registry=registered("diary", diary(("1", good[1], "Quidditch"))), cache="memory")
    frame = told.activities()
    assert frame[["sport", "sport_raw"]].to_numpy().tolist() == [["other", "Quidditch"]]
    assert any("Quidditch" in line for line in told.report(frame).lines())


def test_an_object_asked_by_id_needs_not_repeat_it() -> None:
    def laps(self: Any, id: str) -> pd.DataFrame:
        return pd.DataFrame({"elapsed_s": [60.0, 61.0]}, index=pd.Index([1.0, 2.0], name="lap"))

    registry = registered("diary", type("Laps", (diary(("1", "2026-01-05T07:00:00Z", "run")),), {"laps": laps}))
    assert Client("diary", registry=registry, cache="memory").laps("diary:1")[["id", "lap"]].to_numpy().tolist() == [
        ["1", 1.0],
        ["1", 2.0],
    ]


@pytest.mark.parametrize("leaving", [SystemExit, GeneratorExit])
def test_a_class_that_would_end_the_process_is_broken(leaving: type[BaseException]) -> None:
    def leave(self: Any, after: Any = None, before: Any = None) -> pd.DataFrame:
        raise leaving

    client = Client("rude", registry=registered("rude", type("Rude", (Diary,), {"activities": leave})), cache="memory")
    with pytest.raises(pierre.ProviderBroken):
        client.activities()


@pytest.mark.parametrize("sport", [["run"], 5, b"run"])
def test_a_sport_is_text(synthetic: Client, sport: Any) -> None:
    with pytest.raises(pierre.QueryError, match="is no text"):
        synthetic.activities(*WINDOW, sport=sport)


@pytest.mark.parametrize("cache", [{}, object(), 3])
def test_what_is_no_store_is_refused_at_once(cache: Any) -> None:
    with pytest.raises(pierre.ConfigurationError, match="which is no store: it lacks"):
        Client("synthetic", cache=cache)


@pytest.mark.parametrize("given", [{"k": b"zzz"}, [1], {"k": None}, 7])
def test_a_store_that_gives_rubbish_breaks_no_read(given: Any) -> None:
    class Odd:
        def __init__(self) -> None:
            self.inner = MemoryStore()

        def get_many(self, keys: Any) -> Any:
            return given

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    client = Client("diary", registry=registered("diary", Diary), cache=Odd())  # type: ignore[arg-type]
    with pytest.warns(pierre.StorageNotice, match="Going on without the cache"):
        assert len(client.activities()) == 2
