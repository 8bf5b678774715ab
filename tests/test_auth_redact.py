"""Log records of pierre_data hold no secret, and nobody else's records are touched; which libraries are loaded."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from pierre_data.auth.log_filter import FILTER, RedactingFilter, redact_logs
from pierre_data.secret import Secret
from tests.oauth_kit import ROOT


def test_named_and_known_secrets_and_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("pierre_data.auth.test")
    redact_logs()
    redact_logs()
    assert log.filters.count(FILTER) == 1
    FILTER.know(Secret("an-odd-secret-word"), None)
    with caplog.at_level(logging.DEBUG):
        log.debug("got %s and access_token=%s", "an-odd-secret-word", "abcdef")
        log.debug("at https://a.example/x?code=abcdef with Bearer abcdef123")
        try:
            raise ValueError("refresh_token=abcdef")
        except ValueError:
            log.exception("failed")
        log.debug("a bad %d format", "abcdef")
        log.debug("plain words and 100 % stay")
        logging.getLogger("somebody").warning("access_token=abcdef")
    ours = "\n".join(f"{r.getMessage()} {r.exc_text}" for r in caplog.records if r.name.startswith("pierre"))
    assert "odd-secret" not in ours
    assert ours.count("abcdef") == 0
    assert "Traceback" in ours
    assert "plain words and 100 % stay" in ours
    assert "abcdef" in caplog.records[-1].getMessage()


def test_the_filter_keeps_every_record() -> None:
    record = logging.LogRecord("pierre_data", 10, "", 0, "%s", ("x",), None)
    assert RedactingFilter().filter(record)
    assert record.getMessage() == "x"


def test_authlibs_integrations_are_never_loaded() -> None:
    """They switch to httpx2 when that is installed, silently."""
    code = (
        "import sys, tests.oauth_kit as k; from tests.oauth_server import OAuthServer; from pierre_data.auth import *\n"
        "with OAuthServer() as server:\n"
        "    d, c = k.provider(server.url); a = k.link(d, c); q = a.authorize('http://127.0.0.1:1/callback')\n"
        "    a.exchange(q, server.consent(q.url))\n"
        "print([m for m in sys.modules if m.startswith(('authlib.integrations', 'httpx2', 'requests', 'keyring'))])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
