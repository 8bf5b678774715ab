"""How the cache is used in one call, and how long what it keeps is good."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pierre_data.errors import ConfigurationError


class CachePolicy(enum.Enum):
    """How one call uses the cache.

    Examples
    --------
    >>> CachePolicy("refresh")
    <CachePolicy.REFRESH: 'refresh'>
    """

    #: Fresh entries are served, the rest is fetched and kept.
    USE_CACHE = "use_cache"
    #: Nothing is read from the cache and nothing is written to it.
    BYPASS = "bypass"
    #: Everything is fetched and replaces what was kept.
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class CacheTtl:
    """How long entries are fresh, in seconds.

    Parameters
    ----------
    profile, activity_list, activity, stats : float
        The athlete's profile (and gear), a month that may still change, one activity (and its parts), the vendor's
        totals and records.
    settled : float
        A month or year that ended more than 30 days ago.

    Examples
    --------
    >>> CacheTtl().activity_list
    900.0
    """

    profile: float = 86_400.0
    activity_list: float = 900.0
    activity: float = 3_600.0
    stats: float = 21_600.0
    settled: float = 30 * 86_400.0

    @classmethod
    def read(cls, part: Mapping[str, Any]) -> CacheTtl:
        """Return the defaults with the ``[cache]`` section of providers.toml on top; only shorter times count.

        Raises
        ------
        ConfigurationError
            An unknown name, or no positive number.
        """
        ttl = cls()
        for name, value in part.items():
            known = name in cls.__dataclass_fields__
            if not known or isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ConfigurationError(
                    f"[cache] {name} = {value!r} in providers.toml cannot be used.",
                    f"Names: {', '.join(cls.__dataclass_fields__)}; values: seconds.",
                )
            ttl = replace(ttl, **{name: min(float(value), getattr(ttl, name))})
        return ttl

    def capped(self, keep: dt.timedelta | None) -> CacheTtl:
        """Return lifetimes that never exceed what the vendor's terms allow."""
        if keep is None:
            return self
        limit = keep.total_seconds()
        return CacheTtl(*(min(getattr(self, n), limit) for n in self.__dataclass_fields__))


def spread(key: str, lifetime: float) -> float:
    """Return a lifetime between half and all of the one given, by key, so that not all entries expire on one day.

    Examples
    --------
    >>> 50.0 <= spread("2019", 100.0) <= 100.0
    True
    """
    share = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") / 2**32
    return lifetime * (0.5 + 0.5 * share)
