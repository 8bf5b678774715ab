"""Drive plans, turn pages into columns, ask several providers at once."""

from pierre_data.fetch.parse import Parsed, cut, parse_page, parse_rows
from pierre_data.fetch.provider import Batch, DescriptorProvider
from pierre_data.fetch.report import FetchContext, Fetched, ProviderReport, Rejected, Report

__all__ = [
    "Batch",
    "DescriptorProvider",
    "FetchContext",
    "Fetched",
    "Parsed",
    "ProviderReport",
    "Rejected",
    "Report",
    "cut",
    "parse_page",
    "parse_rows",
]
