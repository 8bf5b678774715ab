"""All a provider author needs."""

from pierre_data.spi.capabilities import ProviderCapabilities
from pierre_data.spi.clock import Moment, moment
from pierre_data.spi.descriptor import Answer, Option, ProviderDescriptor, RateLimit, Terms, check_url
from pierre_data.spi.endpoint import Endpoint, Plan
from pierre_data.spi.fields import Columnwise, Field, Sports, between, epoch_millis, epoch_seconds, fields, number
from pierre_data.spi.oauth import OAuthEndpoints, OAuthParams
from pierre_data.spi.paging import DateWindows, NextLink, Offset, PageNumber, Paging, Single, Token
from pierre_data.spi.provider import (
    Credentials,
    FitnessProvider,
    ProviderConfig,
    ProviderFactory,
    ProviderHealth,
    ProviderPlugin,
)
from pierre_data.spi.query import Page, ParallelPlans, Prefetch, Query, Request, Rows
from pierre_data.spi.reading import dig, read_rows, walk
from pierre_data.spi.webhook import Event, Hmac, Received, SharedSecret, Webhook

__all__ = [
    "Answer",
    "Columnwise",
    "Credentials",
    "DateWindows",
    "Endpoint",
    "Event",
    "Field",
    "Hmac",
    "Moment",
    "SharedSecret",
    "Webhook",
    "between",
    "dig",
    "moment",
    "read_rows",
    "walk",
    "FitnessProvider",
    "NextLink",
    "OAuthEndpoints",
    "OAuthParams",
    "Offset",
    "Option",
    "Page",
    "PageNumber",
    "Paging",
    "Plan",
    "ProviderCapabilities",
    "ProviderConfig",
    "ProviderDescriptor",
    "ProviderFactory",
    "ProviderHealth",
    "ProviderPlugin",
    "Query",
    "RateLimit",
    "Received",
    "Request",
    "Rows",
    "Single",
    "Sports",
    "Prefetch",
    "Terms",
    "Token",
    "ParallelPlans",
    "check_url",
    "epoch_millis",
    "epoch_seconds",
    "fields",
    "number",
]
