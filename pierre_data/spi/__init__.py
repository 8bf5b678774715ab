"""All a provider author needs."""

from pierre_data.secret import Secret
from pierre_data.spi.capabilities import ProviderCapabilities
from pierre_data.spi.clock import Moment, moment
from pierre_data.spi.descriptor import Option, ProviderDescriptor, RateLimit, Terms, check_url
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
from pierre_data.spi.json_text import decode_json
from pierre_data.spi.messages import Headers, Params, Request, Response
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
from pierre_data.spi.reading import read_rows, walk
from pierre_data.spi.signature import content, header, known, verify, verify_stamped
from pierre_data.spi.webhook import Event, Received

__all__ = [
    "Columnwise",
    "Credentials",
    "DateWindows",
    "Endpoint",
    "Event",
    "Field",
    "FitnessProvider",
    "Headers",
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
    "Single",
    "Sports",
    "Terms",
    "Token",
    "between",
    "check_url",
    "content",
    "decode_json",
    "epoch_millis",
    "epoch_seconds",
    "fields",
    "get_path",
    "header",
    "known",
    "moment",
    "number",
    "read_rows",
    "verify",
    "verify_stamped",
    "walk",
]
