"""What the version of commit a35cd25 kept is read today: tokens, marks, settings; its cache is fetched anew."""

from __future__ import annotations

import datetime as dt
import gzip
import shutil
import warnings
from pathlib import Path

import pytest

import pierre_data as pierre
from pierre_data.auth import Account, open_tokens
from pierre_data.secret import Secret
from pierre_data.settings import Settings
from tests.strava_server import TOKEN, StravaServer

EARLIER = Path(__file__).parent / "earlier"
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a copy with the modes that the old version gave its files; git keeps none."""
    copy = tmp_path / "home"
    shutil.copytree(EARLIER, copy, ignore=shutil.ignore_patterns("*.py", "*.md"))
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    packed = copy / "cache" / "cache-v1.sqlite.gz"
    database = packed.with_suffix("")
    database.write_bytes(gzip.decompress(packed.read_bytes()))
    database.chmod(0o600)
    packed.unlink()
    return copy


@pytest.mark.parametrize("kind", ["sealed", "plaintext"])
def test_tokens_are_read(home: Path, kind: str) -> None:
    directory = home / kind / "tokens"
    told: list[str] = []
    if kind == "sealed":
        store = open_tokens(directory, key=Secret(KEY), notice=told.append)
    else:
        store = open_tokens(directory, store="plaintext", notice=told.append)
    token = store.load(Account("strava", "default", "default"))
    assert token is not None
    assert (token.access.reveal(), token.refresh and token.refresh.reveal()) == (
        "access-of-a35cd25",
        "refresh-of-a35cd25",
    )
    assert token.expires_at == dt.datetime(2026, 11, 1, 18, tzinfo=dt.UTC)
    assert (token.account, token.scopes) == ("123", ("read", "activity:read_all"))
    assert not [text for text in told if "set aside" in text or "corrupt" in text]


def test_marks_settings_and_an_old_cache(home: Path) -> None:
    with StravaServer() as server:
        settings = Settings.read(
            {
                "PIERRE_STRAVA_API_BASE_URL": server.url,
                "PIERRE_STRAVA_ACCESS_TOKEN": TOKEN,
                "PIERRE_PROGRESS": "0",
                **{f"PIERRE_{name}_DIR": str(home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")},
            }
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            client = pierre.Client(["strava"], settings=settings)
            frame = client.activities(dedupe=False)
        assert len(frame) == 50
        assert server.asked  # the old version's rows were parsed by other code: they are fetched again
        marks = {str(row) for row in client.marks().to_numpy().tolist()}
        assert len(marks) == 2
        assert any("garmin:77" in row and f"strava:{frame.id[0]}" in row for row in marks)
        client.close()
    # Nobody would sweep it, and terms limit how long rows are kept.
    assert [p.name for p in (home / "cache").iterdir()] == ["cache-v2.sqlite"]
    assert dict(settings.provider_file()["cache"]) == {"activity_list": 60, "settled": 86400}
