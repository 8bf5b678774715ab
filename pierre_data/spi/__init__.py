"""All a provider author needs."""

from pierre_data.secret import Secret
from pierre_data.spi.clock import Moment, moment
from pierre_data.spi.descriptor import Option, ProviderCapabilities, ProviderDescriptor, Terms, check_url
from pierre_data.spi.endpoint import Endpoint, Plan
from pierre_data.spi.fields import (
    Columnwise,
    Field,
    Sports,
    between,
    epoch_millis,
    epoch_seconds,
    fields,
    get_path,
    number,
)
from pierre_data.spi.limits import LimitHeaders, RateLimit
from pierre_data.spi.messages import Headers, Params, Request, Response, decode_json
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
from pierre_data.spi.query import Page, ParallelPlans, Prefetch, Query, Rows
from pierre_data.spi.reading import objects, read_rows, walk
from pierre_data.spi.webhook import Event, Hmac, Received, SharedSecret, Webhook

__all__ = [
    "Columnwise",
    "Credentials",
    "DateWindows",
    "Endpoint",
    "Event",
    "Field",
    "FitnessProvider",
    "Headers",
    "Hmac",
    "LimitHeaders",
    "Moment",
    "NextLink",
    "OAuthEndpoints",
    "OAuthParams",
    "Offset",
    "Option",
    "Page",
    "PageNumber",
    "Paging",
    "ParallelPlans",
    "Params",
    "Plan",
    "Prefetch",
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
    "Response",
    "Rows",
    "Secret",
    "SharedSecret",
    "Single",
    "Sports",
    "Terms",
    "Token",
    "Webhook",
    "between",
    "check_url",
    "decode_json",
    "epoch_millis",
    "epoch_seconds",
    "fields",
    "get_path",
    "moment",
    "number",
    "objects",
    "read_rows",
    "walk",
]
