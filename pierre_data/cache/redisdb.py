"""A store in Redis, on requests-cache's RedisDict."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from requests_cache.backends.redis import RedisDict

from pierre_data.cache.keys import closed
from pierre_data.cache.store import REMEMBER, SKEW, Entry, Times, latest
from pierre_data.errors import StorageError
from pierre_data.secret import Secret

_T = TypeVar("_T")

#: Longest wait for an answer, in seconds; a dropped connection is tried once more.
WAIT = 1.0
# Before each value: what it is and its layout, fetched, expires, keep_until.  Big-endian.
_HEADER = struct.Struct(">4sddd")
_MAGIC = b"pdc1"
_BATCH = 500
_LONGEST = 2.0**52

# Redis runs a script alone, so nothing can come between the look and the write.  The keys of deletions are computed
# in the script, so it is not for Redis Cluster.
_BUMP = """
local function bump(name)
  if redis.call('EXISTS', name) == 0 then
    local t = redis.call('TIME')
    redis.call('SET', name, t[1] .. string.format('%06d', t[2]))
  end
  redis.call('INCR', name)
end
"""
_PUT = (
    _BUMP
    + """
local gone, latest, cut = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 2, #KEYS do
  local value = ARGV[2 * i]
  local _, fetched = struct.unpack('>c4d', value)
  local fits = true
  local old = redis.call('GETRANGE', KEYS[i], 0, 11)
  if #old == 12 then
    local _, at = struct.unpack('>c4d', old)
    fits = fetched >= at or at > latest
  end
  local whole = string.sub(KEYS[i], cut + 1) .. ':'
  local colon = string.find(whole, ':', 1, true)
  while fits and colon do
    local at = tonumber(redis.call('GET', gone .. string.sub(whole, 1, colon)) or '')
    fits = not (at and fetched <= at and at <= latest)
    colon = string.find(whole, ':', colon + 1, true)
  end
  if fits then
    redis.call('SET', KEYS[i], value)
    redis.call('PEXPIREAT', KEYS[i], ARGV[2 * i + 1])
  end
end
bump(KEYS[1])
"""
)
_FORGET = (
    _BUMP
    + """
local at, old = tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[2]) or '')
if not old or old < at or old > tonumber(ARGV[2]) then
  redis.call('SET', KEYS[2], ARGV[1])
end
redis.call('EXPIRE', KEYS[2], ARGV[3])
bump(KEYS[1])
"""
)
_CHANGED = _BUMP + "bump(KEYS[1])"


class RedisStore:
    """Keeps entries in Redis 5 or later, or what speaks its protocol; entries leave by themselves at `keep_until`.

    Every method but `close` raises `StorageError` when the server does not answer within a second or refuses.  Where
    the server evicts keys, an entry may be gone early, and so may what is remembered about a deletion: prefer
    ``maxmemory-policy noeviction``: when memory is full, reads go on and nothing new is kept.

    Parameters
    ----------
    url : str or Secret
        ``redis://``, ``rediss://`` or ``unix://``; never shown.
    namespace : str
        What all keys begin with.

    Raises
    ------
    StorageError
        The URL cannot be read, or the server does not answer.
    """

    def __init__(self, url: str | Secret, namespace: str = "pierre") -> None:
        kept, url = (url if isinstance(url, Secret) else Secret(url)), ""  # no traceback shows what is not there
        self._namespace, self._where = namespace, "an unknown place"
        connection = _client(kept)
        self._where = _place(connection)
        # The stock class ignores a `url`, and keeps everything an hour longer unless told otherwise.
        self._dict = RedisDict(namespace, connection=connection, serializer=None, ttl_offset=0)
        self._redis = connection
        self._run(connection.ping)

    def __repr__(self) -> str:
        return f"RedisStore({self._where!r}, {self._namespace!r})"

    def get(self, key: str) -> Entry | None:
        """Return an entry, however old, or None."""
        try:
            return _entry(self._run(lambda: self._dict[key]))
        except KeyError:
            return None

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, however old."""
        if not keys:
            return {}
        values = self._run(lambda: self._redis.mget([self._name(k) for k in keys]))
        found = {key: _entry(value) for key, value in zip(keys, values, strict=True)}
        return {key: entry for key, entry in found.items() if entry is not None}

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries, all or none."""
        if not entries:
            return
        args: list[bytes | str | float] = [
            self._name("gone:"),
            latest(entries) + SKEW,
            len(self._namespace.encode()) + 1,
        ]
        for e in entries.values():
            until = int(min(e.keep_until * 1000, _LONGEST))
            args += [_HEADER.pack(_MAGIC, e.fetched, e.expires, e.keep_until) + e.value, until]
        self._script(_PUT, [self._name("version"), *(self._name(key) for key in entries)], args)

    def range(self, prefix: str) -> list[Times]:
        """Return the times of the entries a prefix covers, sorted by key, without reading their values."""
        return sorted(self._run(lambda: list(self._headers(prefix))))

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove the entries a prefix covers, and return how many."""
        start = closed(prefix)
        names = [self._name("version"), self._name(f"gone:{start}")]
        # First the deletion is noted, so that nothing older can come back while entries are looked for.
        self._script(_FORGET, names, [at, at + SKEW, int(REMEMBER)])
        return self._remove(lambda: list(self._covered(start)))

    def purge(self, now: float) -> int:
        """Remove what must not be kept any longer, and return how many entries went."""

        def doomed() -> list[bytes]:
            rows = self._headers("tenant:")
            return [self._name(k) for k, fetched, _, until in rows if until <= now or fetched > now + SKEW]

        return self._remove(doomed)

    def version(self) -> tuple[int, ...]:
        """Return what differs after any write; entries that left by themselves do not count."""
        return (int(self._run(lambda: self._redis.get(self._name("version"))) or 0),)

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        self._redis.close()

    def _name(self, key: str) -> bytes:
        return f"{self._namespace}:{key}".encode()

    def _covered(self, start: str) -> Iterator[bytes]:
        """Yield the names of the entries a prefix covers; a scan may name one twice."""
        whole = self._name(start[:-1])
        seen = {whole} if self._redis.exists(whole) else set()
        yield from seen
        for name in self._redis.scan_iter(match=_escaped(self._name(start)) + b"*", count=_BATCH):
            if name not in seen:
                seen.add(name)
                yield name

    def _headers(self, prefix: str) -> Iterator[Times]:
        names = list(self._covered(closed(prefix)))
        for at in range(0, len(names), _BATCH):
            part = names[at : at + _BATCH]
            pipeline = self._redis.pipeline(transaction=False)
            for name in part:
                pipeline.getrange(name, 0, _HEADER.size - 1)
            for name, header in zip(part, pipeline.execute(), strict=True):
                times = _times(header)
                if times is not None:
                    yield (name.decode()[len(self._namespace) + 1 :], *times)

    def _remove(self, which: Callable[[], list[bytes]]) -> int:
        names = self._run(which)
        removed = 0
        for at in range(0, len(names), _BATCH):
            removed += int(self._run(partial(self._redis.delete, *names[at : at + _BATCH])))
        if removed:
            self._script(_CHANGED, [self._name("version")], [])
        return removed

    def _script(self, text: str, names: Sequence[bytes], args: Sequence[bytes | str | float]) -> None:
        self._run(lambda: self._redis.register_script(text)(keys=names, args=args))

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


def _entry(value: object) -> Entry | None:
    times = _times(value) if isinstance(value, bytes) else None
    return Entry(value[_HEADER.size :], *times) if isinstance(value, bytes) and times else None


def _times(value: bytes) -> tuple[float, float, float] | None:
    """Return the times before a value, or None when it was not written by us."""
    if len(value) < _HEADER.size:
        return None
    magic, fetched, expires, keep_until = _HEADER.unpack_from(value)
    return (fetched, expires, keep_until) if magic == _MAGIC else None


def _escaped(name: bytes) -> bytes:
    """Return a name in which nothing is a pattern for Redis."""
    for special in b"\\*?[]":
        name = name.replace(bytes([special]), b"\\" + bytes([special]))
    return name
