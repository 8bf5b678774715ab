"""Drive plans, turn pages into columns, ask several providers at once."""

from pierre_data.fetch.parse import Parsed, cut, parse_page, parse_rows
from pierre_data.fetch.provider import Batch, DescriptorProvider
from pierre_data.fetch.report import FetchContext, ProviderReport, Rejected, Report

__all__ = [
    "Batch",
    "DescriptorProvider",
    "Parsed",
    "ProviderReport",
    "Rejected",
    "Report",
    "FetchContext",
    "cut",
    "parse_page",
    "parse_rows",
]
