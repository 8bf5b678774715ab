"""Write what the version of commit a35cd25 keeps, with its own code: see README.md."""

from __future__ import annotations

import datetime as dt
import gzip
import sys
from pathlib import Path

import pierre_data as pierre
from pierre_data.auth import Account, StoredToken, open_tokens
from pierre_data.secret import Secret
from pierre_data.settings import Settings
from tests.strava_server import TOKEN, StravaServer

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
AT = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
STORED = StoredToken(
    Secret("access-of-a35cd25"),
    AT,
    AT + dt.timedelta(hours=6),
    Secret("refresh-of-a35cd25"),
    ("read", "activity:read_all"),
    "123",
    "www.strava.com",
    "www.strava.com",
)

folder = Path(sys.argv[1]).resolve()
for name, how in {"sealed": {"key": Secret(KEY)}, "plaintext": {"store": "plaintext"}}.items():
    tokens = open_tokens(folder / name / "tokens", **how)
    tokens.save(Account("strava", "default", "default"), STORED)

(folder / "config").mkdir(exist_ok=True)
(folder / "config" / "providers.toml").write_text(
    "[strava]\nmax_retries = 1\nbase_delay_ms = 50\ntimeout_secs = 12.5\n\n"
    "[cache]\nactivity_list = 60\nsettled = 86400\n"
)
with StravaServer() as server:
    settings = Settings.read(
        {
            "PIERRE_STRAVA_API_BASE_URL": server.url,
            "PIERRE_STRAVA_ACCESS_TOKEN": TOKEN,
            "PIERRE_PROGRESS": "0",
            "PIERRE_CACHE_DIR": str(folder / "cache"),
            "PIERRE_CONFIG_DIR": str(folder / "config"),
            "PIERRE_DATA_DIR": str(folder / "data"),
        }
    )
    client = pierre.Client(["strava"], settings=settings)
    client.athlete()
    frame = client.activities(dedupe=False)
    client.mark_same(f"strava:{frame.id[0]}", "garmin:77")
    client.mark_different(f"strava:{frame.id[1]}", f"strava:{frame.id[2]}")
    client.close()
database = folder / "cache" / "cache-v1.sqlite"
database.with_name("cache-v1.sqlite.gz").write_bytes(gzip.compress(database.read_bytes(), mtime=0))
for path in database.parent.iterdir():
    if path.suffix != ".gz":
        path.unlink()
