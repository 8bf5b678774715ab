"""The environment is read when asked, with the seed's names."""

from pathlib import Path

import pytest

from pierre_data import ConfigurationError, ProviderRegistry
from pierre_data.settings import Settings


def test_prefixed_wins_and_empty_is_unset() -> None:
    env = {"STRAVA_CLIENT_ID": "old", "PIERRE_STRAVA_CLIENT_ID": "new", "PIERRE_STRAVA_SCOPES": "a,b  c"}
    assert Settings.read(env).text("strava", "CLIENT_ID") == "new"
    assert Settings.read(env | {"PIERRE_STRAVA_CLIENT_ID": " "}).text("strava", "CLIENT_ID") == "old"
    assert ProviderRegistry(Settings.read(env)).config("strava").scopes == ("a", "b", "c")
    assert Settings.read({"ACME_FIT_REDIRECT_URI": "x"}).text("acme-fit", "REDIRECT_URI") == "x"
    assert Settings.read({"STRAVA_ACCESS_TOKEN": "x"}).text("strava", "ACCESS_TOKEN") == ""


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hush\n")
    settings = Settings.read({"PIERRE_STRAVA_CLIENT_SECRET_FILE": str(file)})
    secret = settings.secret("strava", "CLIENT_SECRET")
    assert secret is not None
    assert secret.reveal() == "hush"
    assert "hush" not in repr(settings)
    assert settings.text("strava", "CLIENT_SECRET") == "hush"
    gone = Settings.read({"PIERRE_STRAVA_CLIENT_SECRET_FILE": str(tmp_path / "gone")})
    with pytest.raises(ConfigurationError, match="PIERRE_STRAVA_CLIENT_SECRET_FILE"):
        gone.secret("strava", "CLIENT_SECRET")


def test_switches_and_directories(tmp_path: Path) -> None:
    settings = Settings.read({"PIERRE_OFFLINE": "1", "PIERRE_PROGRESS": "off", "PIERRE_CACHE_DIR": str(tmp_path)})
    assert (settings.offline, settings.progress, settings.cache_dir) == (True, False, tmp_path)
    with pytest.raises(ConfigurationError, match="PIERRE_OFFLINE is 'perhaps'"):
        Settings.read({"PIERRE_OFFLINE": "perhaps"})
    with pytest.raises(ConfigurationError, match="PIERRE_TOKEN_STORE"):
        Settings.read({"PIERRE_TOKEN_STORE": "cloud"})


def test_provider_file(tmp_path: Path) -> None:
    settings = Settings.read({"PIERRE_CONFIG_DIR": str(tmp_path)})
    assert settings.provider_file() == {}
    (tmp_path / "providers.toml").write_text("[garmin]\nmax_retries = 5\n")
    assert settings.provider_file()["garmin"] == {"max_retries": 5}
    (tmp_path / "providers.toml").write_text("[garmin\n")
    with pytest.raises(ConfigurationError, match=r"providers\.toml cannot be read"):
        settings.provider_file()


def test_nothing_is_kept_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIERRE_DEFAULT_PROVIDER", "strava")
    assert Settings.read().default_provider == "strava"
    monkeypatch.delenv("PIERRE_DEFAULT_PROVIDER")
    assert Settings.read().default_provider is None
