"""The one door: from a question to a frame."""

from pierre_data.client.choice import ConfiguredProvider, provider
from pierre_data.client.door import Client
from pierre_data.client.status import provider_status

__all__ = ["Client", "ConfiguredProvider", "provider", "provider_status"]
