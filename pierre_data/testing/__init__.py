"""The conformance kit for provider authors."""

from pierre_data.testing.answers import Seen
from pierre_data.testing.replay import ReplayServer

__all__ = ["ReplayServer", "Seen"]
