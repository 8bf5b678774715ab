"""The network: signing, retry and one deadline over all; the only room that knows httpx."""

from pierre_data.http.client import HttpClient, Layer, OnWait, Sign
from pierre_data.http.origin import is_loopback
from pierre_data.http.redaction import excerpt, redact
from pierre_data.http.resilience import ResilienceConfig, retry_after_s
from pierre_data.http.retry import Step
from pierre_data.http.verdict import Faults

__all__ = [
    "Faults",
    "HttpClient",
    "Layer",
    "OnWait",
    "ResilienceConfig",
    "Sign",
    "Step",
    "excerpt",
    "is_loopback",
    "redact",
    "retry_after_s",
]
