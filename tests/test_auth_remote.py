"""Kernels elsewhere: where they run, and how a token gets there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pierre_data.auth import export_token, import_token, new_passphrase
from pierre_data.auth.environment import detect_environment
from pierre_data.errors import ConfigurationError
from pierre_data.secret import Secret
from tests.oauth_kit import ME, token_for
from tests.oauth_server import OAuthServer


def test_carry_a_token_to_another_computer(tmp_path: Path) -> None:
    with OAuthServer() as server:
        token, phrase = token_for(server), new_passphrase()
    text = export_token(ME, token, phrase)
    assert token.access.reveal() not in text
    account, found = import_token(f"  {text[:50]}\n{text[50:]}\n", phrase)
    assert (account, found) == (ME, token)
    changed = text[:-3] + ("AAA" if text[-3:] != "AAA" else "BBB")
    for wrong, with_phrase in (
        (text, Secret("another phrase")),
        (changed, phrase),
        (text.replace(":15:", ":14:"), phrase),
    ):
        with pytest.raises(ConfigurationError, match="hold no token"):
            import_token(wrong, with_phrase)
    for junk in (
        "",
        "pierre-token:1:15:",
        "pierre-token:1:99:AAAA",
        "pierre-token:1:15:AAAA",
        "pierre-token:2:15:AAAA",
    ):
        with pytest.raises(ConfigurationError, match="hold no token"):
            import_token(junk, phrase)
    with pytest.raises(ConfigurationError, match="fewer than 12"):
        export_token(ME, token, Secret("short"))


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ann/", "DISPLAY": ":0"}, "jupyterhub"),
        ({"COLAB_RELEASE_TAG": "release", "DISPLAY": ":0"}, "colab"),
        ({"CODESPACES": "true"}, "codespaces"),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22", "DISPLAY": "localhost:10.0"}, "ssh"),
        ({}, "headless"),
        ({"DISPLAY": ""}, "headless"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "local"),
    ],
)
def test_where_the_kernel_runs(environ: dict[str, str], kind: str) -> None:
    assert detect_environment(environ, platform="linux", modules={}).kind == kind
    advice = detect_environment(environ, platform="linux", modules={}).advice("http://127.0.0.1:1/callback")
    assert "paste" in advice


def test_a_desktop_and_a_colab_module() -> None:
    assert detect_environment({}, platform="darwin", modules={}).has_browser
    assert detect_environment({}, platform="win32", modules={}).has_browser
    assert detect_environment({}, platform="linux", modules={"google.colab": object()}).kind == "colab"
