"""A vendor on loopback for notebooks: consent at another server, slow pages, names that try to do harm."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from pierre_data.schema import ACTIVITIES
from pierre_data.spi import Endpoint, OAuthEndpoints, OAuthParams, ProviderDescriptor, Token, fields

#: Each of these would set `window.owned`, colour the terminal, or become a link.
HARM = (
    "<img src=x onerror=\"window.owned='img'\">",
    "<script>window.owned='script'</script>",
    "**bold** [link](javascript:window.owned='md')",
    "\x1b[31mred\x1b[0m $\\href{javascript:window.owned='tex'}{tex}$",
)
PAGES, SIZE, STEP = 40, 25, timedelta(hours=12)


def window(after: datetime | None, before: datetime | None) -> dict[str, str]:
    ends = {"from": after, "to": before}
    return {name: end.isoformat() for name, end in ends.items() if end is not None}


def descriptor(name: str = "acme") -> ProviderDescriptor:
    """Acme, at the addresses that the environment names."""
    issuer, api = os.environ["ACME_ISSUER"], os.environ["ACME_API"]
    return ProviderDescriptor(
        name=name,
        display_name=f"Acme {HARM[0]}",
        api_base_url=api,
        oauth_endpoints=OAuthEndpoints(f"{issuer}/auth", f"{issuer}/token", f"{issuer}/token/revocation"),
        oauth_params=OAuthParams(use_pkce=True, any_port=True, revoke="form"),
        default_scopes=("read", "write"),
        register_url="https://acme.example/developers",
        endpoints={
            ACTIVITIES: Endpoint(
                "/workouts",
                fields("id name sport start_time elapsed_s distance_m"),
                records="items",
                paging=Token(cursor="next", param="cursor", size=SIZE),
                window=window,
                newest_first=True,
            )
        },
    )


class Api:
    """Serves `PAGES` pages, each after `pause_s`; remembers the bearer tokens it saw."""

    def __init__(self) -> None:
        self.pause_s = 0.4
        self.bearers: set[str] = set()
        self.asked = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def page(self, at: int, before: str | None) -> dict[str, Any]:
        """Newest first, one row each half day, from the page's place in the window on."""
        first = datetime.fromisoformat("2026-03-01T06:00:00+00:00")
        end = datetime.fromisoformat(before) if before else first + STEP
        skipped = max(0, (first - end) // STEP + 1)
        items = [
            {
                "id": str(n),
                "name": HARM[n % len(HARM)],
                "sport": "run",
                "start_time": (first - n * STEP).isoformat(),
                "elapsed_s": 1800,
                "distance_m": 5000,
            }
            for n in range(skipped + at * SIZE, min(skipped + (at + 1) * SIZE, PAGES * SIZE))
        ]
        return {"items": items, "next": str(at + 1) if skipped + (at + 1) * SIZE < PAGES * SIZE else None}


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.bearers.add(self.headers.get("Authorization", "").removeprefix("Bearer "))
            api.asked += 1
            time.sleep(api.pause_s)
            query = parse_qs(urlsplit(self.path).query)
            body = json.dumps(api.page(int(query.get("cursor", ["0"])[0]), query.get("to", [None])[0])).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a cancelled request hangs up
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
