"""The network: signing, retry and one deadline over all; the only room that knows httpx."""

from pierre_data.http.client import HttpClient, OnWait, Sign
from pierre_data.http.error_mapping import Faults
from pierre_data.http.origin import is_loopback
from pierre_data.http.redaction import excerpt, redact
from pierre_data.http.resilience import DEFAULT_RESILIENCE, ResilienceConfig, retry_after_s

__all__ = [
    "DEFAULT_RESILIENCE",
    "Faults",
    "HttpClient",
    "OnWait",
    "ResilienceConfig",
    "Sign",
    "excerpt",
    "is_loopback",
    "redact",
    "retry_after_s",
]
