"""Strava on loopback: list, detail, athlete, stats and errors as documented, over the 50 recorded activities."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

PAYLOADS = Path(__file__).parent / "payloads" / "strava"
TOKEN = "strava-test-token"
#: As documented (not recorded).
ATHLETE = {"id": 1, "username": "ann", "firstname": "Ann", "lastname": "Lee", "sex": "F", "city": "Grenoble",
           "state": None, "country": "France", "weight": 61.5, "ftp": 240, "measurement_preference": "meters",
           "created_at": "2016-02-01T10:00:00Z", "updated_at": "2026-10-01T10:00:00Z"}  # fmt: skip
_TOTALS = {"count": 3, "distance": 12000.5, "moving_time": 3600, "elapsed_time": 3700, "elevation_gain": 80}
STATS = {"biggest_ride_distance": 180000.0} | {
    f"{part}_{sport}_totals": _TOTALS for part in ("recent", "ytd", "all") for sport in ("ride", "run", "swim")
}


@dataclass
class Answer:
    """A scripted answer; None of a field keeps the usual one."""

    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


class StravaServer:
    """A context manager with the base URL in `.url`; `.script` queues answers that come before the usual ones."""

    def __init__(self, items: list[dict[str, Any]] | None = None) -> None:
        self.items = items if items is not None else recorded()
        self.script: deque[Answer | None] = deque()
        self.asked: list[str] = []
        self.tokens: list[str] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                answer = outer.answer(self.path, self.headers.get("Authorization", ""))
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def counts(self) -> Counter[str]:
        """How often each path was asked."""
        return Counter(urlsplit(path).path for path in self.asked)

    def answer(self, target: str, authorization: str) -> Answer:
        with self._lock:
            self.asked.append(target)
            self.tokens.append(authorization)
            scripted = self.script.popleft() if self.script else None
        if scripted is not None:
            return scripted
        if authorization != f"Bearer {TOKEN}":
            return fault(
                401, "Authorization Error", {"resource": "Athlete", "field": "access_token", "code": "invalid"}
            )
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        usual = {"/athlete": ATHLETE, "/athletes/1/stats": STATS, "/athlete/activities": None}
        headers = {"X-ReadRateLimit-Limit": "100,1000", "X-ReadRateLimit-Usage": f"{len(self.asked)},{len(self.asked)}"}
        if url.path == "/athlete/activities":
            return Answer(200, json.dumps(self._page(query)).encode(), headers)
        if url.path in usual:
            return Answer(200, json.dumps(usual[url.path]).encode(), headers)
        found = [i for i in self.items if url.path == f"/activities/{i['id']}"]
        if found:
            detail = found[0] | {"calories": 412.5, "resource_state": 3, "device_name": "Garmin Edge 530"}
            return Answer(200, json.dumps(detail).encode(), headers)
        return fault(404, "Record Not Found", {"resource": "Activity", "field": "id", "code": "invalid"})

    def _page(self, query: dict[str, str]) -> list[dict[str, Any]]:
        low, high = int(query.get("after", -(10**12))), int(query.get("before", 10**12))
        rows = [i for i in self.items if low < epoch(i["start_date"]) < high]
        start, size = (int(query["page"]) - 1) * int(query["per_page"]), int(query["per_page"])
        return rows[start : start + size]


def recorded() -> list[dict[str, Any]]:
    """The 50 real items, newest first as Strava sends them."""
    items = json.loads((PAYLOADS / "athlete" / "activities.json").read_text(encoding="utf-8"))
    return sorted(items, key=lambda i: i["start_date"], reverse=True)


def epoch(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def fault(status: int, message: str, *errors: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
    """Strava's error body."""
    return Answer(status, json.dumps({"message": message, "errors": list(errors)}).encode(), headers or {})
