"""Chromium, started once per module; Playwright is imported only here, and only when a test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import chromium

# Read before the clean room of a test takes our variables away.
_KEPT = os.environ.get("PIERRE_ARTEFACTS")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        # Debian's own; the sandbox needs a user other than root, and /dev/shm is small in containers.
        started = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: a folder that CI keeps, or a temporary one."""
    return Path(_KEPT) if _KEPT else tmp_path_factory.mktemp("pictures")
