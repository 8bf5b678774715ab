"""The conformance check: whether a provider keeps what its descriptor promises."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pierre_data.errors import AuthenticationFailed, NotFound, SchemaError, UnsupportedFeature
from pierre_data.schema import ACTIVITIES, TABLES, Table
from pierre_data.spi import Paging, ProviderDescriptor, ProviderFactory, Query
from pierre_data.testing.expected import check_expected
from pierre_data.testing.faults import all_logs, check_faults, visible_text
from pierre_data.testing.findings import CheckReport, ConformanceError, Findings
from pierre_data.testing.replay import ReplayServer, Select
from pierre_data.testing.rules import check_rows
from pierre_data.testing.stage import CANARY, Outcome, Stage, cell_name, declared
from pierre_data.testing.walks import attempt, check_pages, check_repeats, check_windows
from pierre_data.testing.wirefields import check_fields, payload_files

#: Single objects looked at, per table.
SINGLES = 5


def check(
    descriptor: ProviderDescriptor,
    payloads: Path | None = None,
    *,
    select: Select | None = None,
    factory: ProviderFactory | None = None,
    options: Mapping[str, Any] | None = None,
    lists: Mapping[str, tuple[Paging, str]] | None = None,
    ids: Mapping[str, Sequence[str]] | None = None,
    accept: Collection[str] = (),
    now: dt.datetime | None = None,
    budget: int = 5000,
    write_expected: bool = False,
) -> CheckReport:
    """Check a provider against its payloads: every table, in both directions.

    Parameters
    ----------
    descriptor : ProviderDescriptor
        Who is checked.
    payloads : Path, optional
        Folder that mirrors the vendor's URL paths, served by a `ReplayServer`; ``<table>.expected.csv`` in it is
        what must come out.  None for providers that need neither.
    select : callable, optional
        ``(path, params, rows) -> rows``, the vendor's reading of its own window parameters.
    factory : callable, optional
        Makes the provider, where a descriptor alone is not enough.
    options : mapping, optional
        Values of the descriptor's options.
    lists : mapping of str to (Paging, str), optional
        Path -> paging and path of the rows, for lists that only a plan's code knows.
    ids : mapping of str to sequence of str, optional
        Table -> ids to ask single objects for; found in the payloads when omitted.
    accept : collection of str
        Names that are knowingly as they are: wire paths in no payload, columns, sport words, ids of odd rows.
    now : datetime, optional
        The clock of every question, aware; the present when omitted.
    budget : int
        Requests after which a walk counts as endless.
    write_expected : bool
        Write the expected CSV files instead of comparing: read them before you commit them.

    Returns
    -------
    CheckReport
        What was verified, what to know, and which wire fields are read, ignored and not mentioned.

    Raises
    ------
    ConformanceError
        Something is wrong; the message holds all findings.

    Examples
    --------
    >>> from pierre_data.spi import ProviderDescriptor
    >>> report = check(ProviderDescriptor(name="acme", display_name="Acme"))
    >>> report.refused[:3]
    ('activities', 'activities/{id}', 'athlete')
    """
    findings = Findings(descriptor.name, accept)
    network = payloads is not None and bool(descriptor.api_base_url)
    opened = ReplayServer(payloads, descriptor, select=select, lists=lists) if payloads and network else nullcontext()
    clock = now or dt.datetime.now(dt.UTC)
    with opened as server:
        if server is not None:
            server.tokens = {CANARY}
        stage = Stage(descriptor, server, factory, options or {}, clock, budget)
        with all_logs() as log:
            _Run(stage, findings, payloads, ids or {}, write_expected).all()
        if CANARY in log.getvalue():
            findings.add("The token is in the log.")
    report = findings.report()
    if findings.wrong:
        raise ConformanceError(report)
    return report


@dataclass(slots=True)
class _Run:
    """One check, table by table."""

    stage: Stage
    findings: Findings
    payloads: Path | None
    ids: Mapping[str, Sequence[str]]
    write: bool
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    odd_bodies: bool = True

    def all(self) -> None:
        """Check everything."""
        self.descriptor()
        wanted = set(declared(self.stage.descriptor))
        for table in TABLES.values():
            came: dict[bool, pd.DataFrame] = {}
            for single in (False, True):
                if (table, single) not in wanted:
                    self.refuses(table, single)
                elif (frame := self.delivers(table, single)) is not None:
                    came[single] = frame
            if self.stage.server is not None and self.payloads is not None:
                query = Query(table, now=self.stage.now, options=self.stage.config().options)
                check_fields(self.stage.descriptor, table, came, self.payloads, query, self.findings)
        self.secrets()

    def descriptor(self) -> None:
        """Columns are known, units convertible, required columns mapped."""
        for table, single in declared(self.stage.descriptor):
            endpoint = (self.stage.descriptor.details if single else self.stage.descriptor.endpoints)[table]
            try:
                endpoint.verify(table, self.stage.descriptor.name)
            except SchemaError as error:
                self.findings.add(str(error))
            for column in endpoint.columns:
                if column not in table.columns:
                    self.findings.add(f"{table.name} has no column {column!r}, which the endpoint promises.", column)
        self.findings.verified.append("Columns are known, units are convertible, required columns are mapped.")

    def refuses(self, table: Table, single: bool) -> None:
        """An undeclared table raises, before anything is sent."""
        name, server = cell_name(table, single), self.stage.server
        before = len(server.requests) if server else 0
        try:
            self.stage.fetch(table, id="1" if single else None)
        except UnsupportedFeature:
            self.findings.refused.append(name)
        except Exception as error:  # noqa: BLE001 - whatever an author's code raises is a finding
            self.findings.add(f"{name} is not declared: asking must raise UnsupportedFeature, not {error!r}.")
        else:
            self.findings.add(f"{name} is not declared, and asking for it raises nothing.")
        if server is not None and len(server.requests) > before:
            self.findings.add(f"{name} is not declared, and a request was sent.")
        self.findings.verified.append("What is not declared raises UnsupportedFeature; what is declared delivers rows.")

    def delivers(self, table: Table, single: bool) -> pd.DataFrame | None:
        """A declared table delivers rows that keep the rules."""
        name = cell_name(table, single)
        outcomes = self.singles(table) if single else self.listed(table)
        sound = [check_rows(outcome, table, id, self.stage.now, self.findings) for id, outcome in outcomes.items()]
        if not all(sound) or not (outcomes or single):
            return None
        frames = [outcome.frame for outcome in outcomes.values()]
        frame = pd.concat(frames, ignore_index=True) if frames else table.empty()
        self.findings.delivered[name] = len(frame)
        if frame.empty:
            self.findings.add(f"{name} is declared, and no payload makes it deliver a row.", name)
            return None
        self.frames[name] = frame
        first = next(iter(outcomes))
        check_repeats(self.stage, table, outcomes[first], first, self.findings)
        if not single:
            check_windows(self.stage, table, outcomes[first], self.findings)
            check_pages(self.stage, table, outcomes[first], self.findings)
        # Odd bodies confuse a descriptor's `faults`, which all its tables share: once is enough.
        self.odd_bodies &= not check_faults(self.stage, table, first, self.odd_bodies, self.findings)
        if self.payloads is not None:
            both = single and table in self.stage.descriptor.endpoints
            file = f"{table.name}.single" if both else table.name
            check_expected(frame, table, file, self.payloads, self.write, self.findings)
        return frame

    def listed(self, table: Table) -> dict[str | None, Outcome]:
        """Ask for the whole list; a client remembers when its activities began."""
        outcome = attempt(self.stage, self.findings, table)
        if outcome is None:
            return {}
        if table == ACTIVITIES and {"id", "start_time"} <= set(outcome.frame.columns):
            rows = outcome.frame[["id", "start_time"]].dropna()
            self.stage.starts.update(zip(rows["id"], rows["start_time"].dt.to_pydatetime(), strict=True))
        return {None: outcome}

    def singles(self, table: Table) -> dict[str | None, Outcome]:
        """Ask for the single objects that the payloads hold."""
        explicit, outcomes = self.ids.get(table.name), dict[str | None, Outcome]()
        for id in explicit or self.candidates(table):
            try:
                outcomes[id] = self.stage.fetch(table, id=id)
            except NotFound:
                if explicit:
                    self.findings.add(f"{cell_name(table, True)}: there is no {id!r}.")
            except Exception as error:  # noqa: BLE001 - whatever an author's code raises is a finding
                self.findings.add(f"{cell_name(table, True)} of {id!r}: {type(error).__name__}: {error}")
            if len(outcomes) == SINGLES:
                break
        return outcomes

    def candidates(self, table: Table) -> list[str]:
        """Return ids that the payloads may know, in a stable order."""
        endpoint, known = self.stage.descriptor.details[table], dict[str, None]()
        if self.payloads is not None:
            known |= dict.fromkeys(id for _, id in payload_files(endpoint, self.payloads) if id)
        lists = [self.frames[name] for name in (table.name, "activities") if name in self.frames]
        listed = [str(id) for frame in lists if "id" in frame for id in frame["id"]]
        names = "/".join(str(p) for p in self.payloads.rglob("*.json")) if self.payloads and self.stage.server else ""
        return list(known) or [id for id in dict.fromkeys(listed) if not names or id in names]

    def secrets(self) -> None:
        """The token is nowhere to be seen, and a wrong one is an error that does not name it."""
        with self.stage.provider() as provider:
            if CANARY in repr(provider) + repr(provider.config) + str(provider.config):
                self.findings.add("The token is in the repr of the provider or of its settings.")
        first = list(self.stage.descriptor.endpoints)[:1] if self.stage.descriptor.needs_credentials else []
        for table in first:
            try:
                self.stage.fetch(table, token=f"{CANARY}-wrong")
            except AuthenticationFailed as error:
                if CANARY in visible_text(error):
                    self.findings.add("A wrong token is in the error it causes.")
            except Exception as error:  # noqa: BLE001 - whatever an author's code raises is a finding
                self.findings.add(f"A wrong token must raise AuthenticationFailed, not {error!r}.")
            else:
                self.findings.add(f"{table.name} is delivered with a wrong token.")
        self.findings.verified.append("The token is in no repr, log, error, traceback or frame.")
