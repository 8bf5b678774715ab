"""A loopback Strava with as many activities as asked, made from the recorded ones."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_ITEMS = Path(__file__).parents[1] / "payloads" / "strava" / "athlete" / "activities.json"


def activities(count: int, years: float = 10.0, end: dt.datetime | None = None) -> list[dict[str, Any]]:
    """Return so many list items, newest first, spread evenly over the years before `end` (now when omitted)."""
    items = json.loads(_ITEMS.read_text(encoding="utf-8"))
    last = (end or dt.datetime.now(dt.UTC)).replace(microsecond=0) - dt.timedelta(hours=2)
    step = dt.timedelta(days=365.25 * years) / count
    rows = []
    for at in range(count):
        item, start = dict(items[at % len(items)]), last - at * step
        start = start.replace(microsecond=0)
        item |= {
            "id": 10_000_000_000 - at,
            "external_id": f"garmin_push_{20_000_000_000 - at}",
            "start_date": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "start_date_local": f"{start + dt.timedelta(seconds=item['utc_offset']):%Y-%m-%dT%H:%M:%SZ}",
        }
        rows.append(item)
    return rows


def pages(rows: list[dict[str, Any]], size: int = 200) -> list[bytes]:
    """Return the rows as bodies of pages."""
    return [json.dumps(rows[at : at + size]).encode() for at in range(0, len(rows), size)]


@contextmanager
def apart(count: int, delay_s: float) -> Iterator[str]:
    """Serve so many rows from a process of its own, so that client and server do not share a lock."""
    words = [sys.executable, "-m", "tests.benchmarks.strava_pages", str(count), str(delay_s)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def served(rows: list[dict[str, Any]], delay_s: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    """Serve the rows as Strava's list; yields the base URL and the growing list of paths asked."""
    starts = [dt.datetime.fromisoformat(row["start_date"]).timestamp() for row in rows]
    asked: list[str] = []
    whole, texts = pages(rows), [json.dumps(row).encode() for row in rows]  # made before: serving costs nothing

    def behind(query: dict[str, int]) -> bytes:
        """Return a page behind a cursor, which says where the page before it ended."""
        first = bisect_left(starts, -query["before"], key=lambda start: -start) if "before" in query else 0
        last = bisect_left(starts, -query["after"], key=lambda start: -start) if "after" in query else len(rows)
        at = query.get("token", first)
        body = b",".join(texts[at : min(at + 200, last)])
        following = str(at + 200) if at + 200 < last else "null"
        return b'{"records":[' + body + b'],"next":' + following.encode() + b"}"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            asked.append(self.path)
            time.sleep(delay_s)
            target = urlsplit(self.path).query
            query = {k: int(v[0]) for k, v in parse_qs(target).items()}
            if urlsplit(self.path).path == "/cursor":
                self.answer(behind(query))
                return
            if "after" not in query and "before" not in query and query["per_page"] == 200:
                self.answer(whole[query["page"] - 1] if query["page"] <= len(whole) else b"[]")
                return
            low, high = query.get("after", -(10**12)), query.get("before", 10**12)
            found = [row for row, start in zip(rows, starts, strict=True) if low < start < high]
            start, size = (query["page"] - 1) * query["per_page"], query["per_page"]
            self.answer(json.dumps(found[start : start + size]).encode())

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    with served(activities(int(sys.argv[1])), float(sys.argv[2])) as (address, _):
        print(address, flush=True)
        threading.Event().wait()
