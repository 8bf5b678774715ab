"""A vendor's payload files fetched over HTTP, and what came compared with ease."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pierre_data.fetch import Batch, DescriptorProvider, FetchContext, ProviderReport
from pierre_data.http import ResilienceConfig
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.spi import ProviderConfig, ProviderDescriptor, Query
from pierre_data.testing import ReplayServer
from tests.fault_server import FaultServer

PAYLOADS = Path(__file__).parent / "payloads"
TOKEN = "test-token"
ONCE = ResilienceConfig(max_retries=0, timeout_s=5.0)


def payload(path: str) -> Any:
    """Return a decoded payload file."""
    return json.loads((PAYLOADS / path).read_bytes())


def asked(server: ReplayServer) -> list[tuple[str, dict[str, str]]]:
    """Return path and parameters of every request."""
    return [(seen.path, dict(seen.params)) for seen in server.requests]


def provider(descriptor: ProviderDescriptor, server: ReplayServer | FaultServer, **options: Any) -> DescriptorProvider:
    """Return a provider of this server that tries once, with the token and keys it accepts."""
    keys = {name: Secret(TOKEN) for name in descriptor.key_headers}
    token = Secret(TOKEN) if descriptor.oauth_endpoints else None
    config = ProviderConfig(descriptor.name, api_base_url=server.url, access_token=token, keys=keys, options=options)
    return DescriptorProvider(descriptor, config, resilience=ONCE)


def fetched(made: DescriptorProvider, query: Query) -> tuple[pd.DataFrame, ProviderReport, list[Batch]]:
    """Return the rows of a question, its report and its batches; a row that came twice counts as it came last."""
    watch = FetchContext(ProviderReport(made.name, query.table.name))
    batches = list(made.batches(query, watch))
    made.disconnect()
    frame = query.table.from_arrow([batch.table for batch in batches])
    return frame.drop_duplicates(list(query.table.key), keep="last").reset_index(drop=True), watch.report, batches


def filled(frame: pd.DataFrame, table: Table, at: int = 0) -> dict[str, Any]:
    """Return what is not null in a row, times as ISO text."""
    row = {c: frame[c].iloc[at] for c in table.columns if pd.notna(frame[c].iloc[at])}
    return {c: v.isoformat() if isinstance(v, pd.Timestamp) else v for c, v in row.items()}


def wire_names(descriptor: ProviderDescriptor, table: Table, *, single: bool = False) -> set[str]:
    """Return the paths an endpoint reads."""
    endpoint = descriptor.endpoint(table, single=single)
    return {path for field in endpoint.fields.values() for path in field.paths}


def leaves(content: Any, at: str = "") -> set[str]:
    """Return the dotted path of every value in decoded JSON; positions in lists are left out."""
    if isinstance(content, dict):
        return {leaf for name, part in content.items() for leaf in leaves(part, f"{at}.{name}" if at else name)}
    if isinstance(content, list) and content:
        return {leaf for part in content for leaf in leaves(part, at)}
    return {at}
