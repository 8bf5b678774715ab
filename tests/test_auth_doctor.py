"""The doctor finds what is wrong, says how to mend it, and can be quoted in public."""

from __future__ import annotations

import datetime as dt
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from pierre_data.auth import MemoryTokens, diagnose, new_key, report
from pierre_data.auth.doctor import check_clock, shareable
from pierre_data.settings import Settings
from pierre_data.spi import ProviderDescriptor
from tests.oauth_kit import ME, files, provider, token_for
from tests.oauth_server import OAuthServer, Rules


def levels(settings: Settings, store: Any, *pairs: Any, **more: Any) -> dict[str, str]:
    findings = diagnose(settings, store, pairs, tenant="lab", user="ann", **more)
    return {finding.what: finding.level for finding in findings}


def test_the_doctor_finds_nothing_wrong(tmp_path: Path) -> None:
    key = new_key()
    settings = Settings.read({f"PIERRE_{n}_DIR": str(tmp_path / n) for n in ("DATA", "CONFIG", "CACHE")})
    with OAuthServer() as server:
        store = files(tmp_path / "DATA" / "tokens", key)
        store.save(ME, token_for(server, age_s=10))
        found = levels(settings, store, provider(server.url), online=True)
    assert set(found.values()) == {"ok"}
    assert any("clock agrees" in what for what in found)


def test_the_doctor_names_each_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings.read(
        {
            "PIERRE_DATA_DIR": str(tmp_path / "data"),
            "PIERRE_CONFIG_DIR": str(tmp_path / "file" / "x"),
            "PIERRE_CACHE_DIR": str(tmp_path),
        }
    )
    files(tmp_path / "data" / "tokens", new_key())
    tokens = tmp_path / "data" / "tokens"
    (tokens / "a.token").write_text("")
    (tokens / "a.token").chmod(0o644)
    (tokens / "b.token").symlink_to(tmp_path / "file")
    (tokens / "c.token.corrupt-1").write_text("")
    (tokens / "c.token.corrupt-1").chmod(0o600)
    with OAuthServer(Rules(clock_offset_s=600)) as server:
        descriptor, config = provider(server.url)
        store = MemoryTokens()
        future = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
        store.save(ME, replace(token_for(server), obtained_at=future, expires_at=None))
        busy = replace(config, redirect_uri=f"{server.url}/callback")
        far = replace(config, name="other", client_id="")
        other = ProviderDescriptor(name="other", display_name="Other", oauth_endpoints=descriptor.oauth_endpoints)
        found = levels(settings, store, (descriptor, busy), (other, far), online=True)
    text = "\n".join(f"{level} {what}" for what, level in found.items())
    for pattern in (
        "error The config directory .* cannot be written",
        "error .*a.token can be read by other users",
        "error .*b.token is a symbolic link",
        "note 1 corrupt token file",
        "warning Tokens are kept in memory",
        "error acme: Port .* is in use",
        "warning acme: the token is from the future",
        "note other: .*PIERRE_OTHER_CLIENT_ID",
        "note other: not connected",
        "warning The clock is 10 minutes slow",
    ):
        assert re.search(pattern, text), pattern


def test_the_doctors_text_is_safe_to_share(tmp_path: Path) -> None:
    settings = Settings.read({"PIERRE_DATA_DIR": str(Path.home() / "x"), "PIERRE_CACHE_DIR": "/home/somebody/cache"})
    findings = diagnose(settings, MemoryTokens(), [provider("http://127.0.0.1:9")])
    text = report(findings, share=True)
    assert str(Path.home()) not in text
    assert "somebody" not in text
    assert "server-secret" not in text
    assert "client-7" not in text
    assert shareable(f"{os.uname().nodename} said ann@example.org") == "[host] said [mail]"


def test_a_host_that_does_not_answer_or_say_the_time() -> None:
    assert "Could not reach" in check_clock(provider("http://127.0.0.1:1")[1]).what
    with OAuthServer(Rules(clock_offset_s=-600)) as server:
        assert check_clock(provider(server.url)[1]).what == "The clock is 10 minutes fast of acme's."
