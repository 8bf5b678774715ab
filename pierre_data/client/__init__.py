"""The one door: from a question to a frame."""

from pierre_data.client.accounts import Accounts
from pierre_data.client.choice import ConfiguredProvider, provider
from pierre_data.client.door import Client
from pierre_data.client.status import provider_status

__all__ = ["Accounts", "Client", "ConfiguredProvider", "provider", "provider_status"]
