"""A store in Redis, on requests-cache's RedisDict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from requests_cache.backends.redis import RedisDict

from pierre_data.cache.store import HEADER, Entry, Packed, Version, accepted, deletion
from pierre_data.errors import StorageError
from pierre_data.secret import Secret

_T = TypeVar("_T")

#: Longest wait for an answer, in seconds; a dropped connection is tried once more.
WAIT = 1.0
#: So long a write is tried again when others write the same entries meanwhile, in seconds.
PATIENCE = 10.0
_BATCH = 500
_LONGEST_MS = 2**52
_VERSION = "version"


class RedisEntries(RedisDict):
    """What the stock class of requests-cache 1.3.3 does wrong (2026-11) is overridden.

    It keeps for ever what must not be kept any longer, and takes a namespace for a pattern.
    """

    def __init__(self, namespace: str, connection: Any) -> None:
        # The stock class ignores a `url`, and keeps everything an hour longer unless told otherwise.
        super().__init__(namespace, connection=connection, serializer=None, ttl_offset=0)

    def __setitem__(self, key: str, item: Packed) -> None:
        """Keep an entry, which leaves by itself when it must."""
        left = min((item.expires_unix - time.time()) * 1000, _LONGEST_MS)
        if left < 1:
            self.connection.delete(self._bkey(key))
        else:
            self.connection.psetex(self._bkey(key), int(left), item)

    def keys(self) -> Iterator[str]:  # type: ignore[override]  # as the stock class has it
        """Yield the keys of this namespace."""
        return self.scan("")

    def scan(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix; a scan may name one twice."""
        pattern = self._bkey(prefix)
        for special in b"\\*?[]":  # the backslash first
            pattern = pattern.replace(bytes([special]), b"\\" + bytes([special]))
        for name in self.connection.scan_iter(match=pattern + b"*", count=_BATCH):
            yield name.decode()[len(self.namespace) + 1 :]


class RedisStore:
    """Keeps entries in Redis 5 or later, or what speaks its protocol; entries leave by themselves at `keep_until`.

    Every method but `close` raises `StorageError` when the server does not answer within a second or refuses.  Where
    the server evicts keys, an entry may be gone early, and so may what is remembered about a deletion: prefer
    ``maxmemory-policy noeviction``: when memory is full, reads go on and nothing new is kept.  The URL (``redis://``,
    ``rediss://`` or ``unix://``) is never shown; all keys begin with the namespace.
    """

    def __init__(self, url: str | Secret, namespace: str = "pierre2") -> None:
        kept, url = (url if isinstance(url, Secret) else Secret(url)), ""  # no traceback shows what is not there
        self._where, self._namespace = "an unknown place", namespace
        self._redis = _client(kept)
        self._where = _place(self._redis)
        self._entries = RedisEntries(namespace, self._redis)
        self._run(self._redis.ping)

    def __repr__(self) -> str:
        return f"RedisStore({self._where!r}, {self._namespace!r})"

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, however old."""
        values = self._run(lambda: self._redis.mget(self._entries._bkeys(keys)) if keys else [])
        return {k: e for k, value in zip(keys, values, strict=True) if (e := Entry.unpacked(value)) is not None}

    def put_many(self, entries: Mapping[str, Entry]) -> tuple[Version, Version] | None:
        """Keep entries, all or none: when others wrote what was looked at before, everything is looked at again."""
        until = time.monotonic() + PATIENCE

        def look(pipeline: Any, names: list[str]) -> dict[str, Entry | None]:
            pipeline.watch(*self._entries._bkeys(names))
            headers = self._redis.pipeline(transaction=False)
            for name in self._entries._bkeys(names):
                headers.getrange(name, 0, HEADER.size - 1)
            return dict(zip(names, map(Entry.unpacked, headers.execute()), strict=True))

        def write(pipeline: Any) -> None:
            if time.monotonic() > until:
                what = f"The cache in Redis at {self._where} cannot be used: others write the same all the time."
                raise StorageError(what, "Try again later.")
            written = accepted(entries, partial(look, pipeline))
            pipeline.multi()
            queued = RedisEntries(self._namespace, pipeline)
            for key, entry in written.items():
                queued[key] = entry.packed()
            self._count_write(pipeline)

        if not entries:
            return None
        answers: Any = self._run(lambda: self._redis.transaction(write))
        is_first, count = answers[-2:]  # of `_count_write`
        return (0 if is_first else count - 1,), (count,)

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove what a prefix covers, and return how many entries went."""
        # First the deletion is noted, so that nothing older can come back while entries are looked for.
        self.put_many(deletion(prefix, at))

        def remove() -> int:
            alone = [prefix[:-1]] if prefix[:-1] in self._entries else []
            keys = list(dict.fromkeys([*alone, *self._entries.scan(prefix)]))
            for first in range(0, len(keys), _BATCH):
                self._entries.bulk_delete(keys[first : first + _BATCH])
            self._count_write(self._redis)
            return len(keys)

        return self._run(remove)

    def version(self) -> Version:
        """Return what differs after any write; entries that left by themselves do not count."""
        return (int(self._run(lambda: self._redis.get(self._entries._bkey(_VERSION))) or 0),)

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        self._redis.close()

    def _count_write(self, connection: Any) -> None:
        """Count a write, from the clock on: after a flush no number comes again."""
        name = self._entries._bkey(_VERSION)
        connection.set(name, time.time_ns() // 1000, nx=True)
        connection.incr(name)

    def _run(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except RedisError as error:
            raise StorageError(
                f"The cache in Redis at {self._where} cannot be used: {type(error).__name__}.",
                "Start it, check REDIS_URL, or unset REDIS_URL to use a file.",
            ) from None  # messages of redis-py can quote what was sent


def _client(url: Secret) -> Redis:
    try:
        client = Redis.from_url(
            url.reveal(), socket_timeout=WAIT, socket_connect_timeout=WAIT, retry=Retry(NoBackoff(), 1)
        )
    except (ValueError, RedisError):
        raise StorageError(
            "REDIS_URL cannot be read.", "It looks like redis://:password@host:6379/0, with special characters quoted."
        ) from None  # the cause quotes parts of the URL
    client.connection_pool.connection_kwargs["decode_responses"] = False  # whatever the URL says: values are bytes
    return client


def _place(client: Redis) -> str:
    # In a function of its own: these settings hold the password, and tracebacks show variables.
    settings = client.connection_pool.connection_kwargs
    return str(settings.get("path") or f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}")
