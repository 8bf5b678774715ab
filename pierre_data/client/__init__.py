"""The one door: from a question to a frame."""

from pierre_data.client.client import Client
from pierre_data.client.status import provider_status
from pierre_data.registry import Accounts, ConfiguredProvider, provider

__all__ = ["Accounts", "Client", "ConfiguredProvider", "provider", "provider_status"]
