"""What was fetched, kept by period: policy, lifetimes, keys, storage on requests-cache."""

from pierre_data.cache.caching import CachingProvider
from pierre_data.cache.memory import MemoryStore
from pierre_data.cache.policy import CachePolicy, CacheTtl
from pierre_data.cache.resilient import ResilientStore, open_store
from pierre_data.cache.store import Entry, Store

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
