"""Which providers exist, how they are set up, who is connected, and how to make one whole."""

from pierre_data.registry.catalogue import GROUP
from pierre_data.registry.configuration import ConfiguredProvider, provider
from pierre_data.registry.registry import Accounts, ProviderRegistry, create_caching_provider

__all__ = ["GROUP", "Accounts", "ConfiguredProvider", "ProviderRegistry", "create_caching_provider", "provider"]
