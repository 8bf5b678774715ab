"""The conformance kit for provider authors: one call of `check` tests a provider against its payloads."""

from pierre_data.testing.answers import Seen
from pierre_data.testing.check import check
from pierre_data.testing.findings import CheckReport, ConformanceError, WireFields
from pierre_data.testing.replay import ReplayServer

__all__ = ["CheckReport", "ConformanceError", "ReplayServer", "Seen", "WireFields", "check"]
