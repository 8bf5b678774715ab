"""A third party's distribution, installed by pip without network, is found by its entry point and works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

HERE = Path(__file__).parent
ROWS = [
    {"id": n, "title": f"W{n}", "kind": "running", "started": f"2026-01-0{n}T06:00:00Z", "minutes": 30, "length_km": n}
    for n in range(5, 0, -1)
]


class Acme(BaseHTTPRequestHandler):
    """Acme Fit: two workouts a page, an opaque cursor."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        start = int(query.get("cursor", ["c0"])[0].removeprefix("c"))
        following = f"c{start + 2}" if start + 2 < len(ROWS) else None
        body = json.dumps({"data": {"items": ROWS[start : start + 2], "next": following}}).encode()
        self.send_response(200 if self.headers["Authorization"] == "Bearer token" else 401)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the distribution into a folder of its own."""
    source, target = tmp_path_factory.mktemp("acme") / "source", tmp_path_factory.mktemp("site")
    source.mkdir()
    for file in (HERE / "acme").rglob("*.*"):
        if file.suffix in (".py", ".toml"):
            copy = source / file.relative_to(HERE / "acme")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index"]
    done = subprocess.run([*pip, "--target", str(target), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def python(code: str, site: Path, **environ: str) -> str:
    env = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{HERE.parent}", **environ}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_found_by_its_entry_point_and_fetched_over_http(installed: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Acme)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        out = python(
            "import pierre_data as p; c = p.Client(['acme'], cache='memory'); f = c.activities();"
            "print(f.sources.tolist(), f.distance_m.tolist(), f.elapsed_s.unique().tolist())",
            installed,
            PIERRE_ACME_API_BASE_URL=f"http://127.0.0.1:{server.server_port}",
            PIERRE_ACME_ACCESS_TOKEN="token",
        )
    finally:
        server.shutdown()
        server.server_close()
    assert out.strip() == (
        "['acme:5', 'acme:4', 'acme:3', 'acme:2', 'acme:1'] [5000.0, 4000.0, 3000.0, 2000.0, 1000.0] [1800.0]"
    )


def test_its_broken_half_shows_its_cause(installed: Path) -> None:
    code = (
        "import pierre_data as p; r = p.ProviderRegistry(); print(sorted(set(r) & {'acme', 'acme-broken', 'strava'}));"
        "print(r.broken()['acme-broken'])"
    )
    names, cause = python(code, installed).strip().splitlines()
    assert names == "['acme', 'acme-broken', 'strava']"
    assert "No module named 'no_such_library' (from pierre-acme 1.0)" in cause
