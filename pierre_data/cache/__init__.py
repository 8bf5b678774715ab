"""What was fetched, kept by period: policy, lifetimes, keys, storage on requests-cache."""

from pierre_data.cache.caching import CachingProvider
from pierre_data.cache.memory import MemoryStore, open_store
from pierre_data.cache.periods import CachePolicy, CacheTtl
from pierre_data.cache.store import Entry, ResilientStore, Store

__all__ = [
    "CachePolicy",
    "CacheTtl",
    "CachingProvider",
    "Entry",
    "MemoryStore",
    "ResilientStore",
    "Store",
    "open_store",
]
