"""What a conformance check found, and what it verified."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WireFields:
    """Which fields of a vendor's rows an endpoint knows, as dotted paths, sorted.

    Parameters
    ----------
    read : tuple of str
        Mapped to a column.
    ignored : tuple of str
        Knowingly not read (`Endpoint.ignored`).
    unmentioned : tuple of str
        Neither: a new field of the vendor, or a forgotten one.

    Examples
    --------
    >>> from pierre_data.testing import WireFields
    >>> WireFields(read=("id",), unmentioned=("vo2max",)).unmentioned
    ('vo2max',)
    """

    read: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    unmentioned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` did.

    Parameters
    ----------
    provider : str
        Registry name.
    verified : tuple of str
        What was verified, one sentence each.
    findings : tuple of str
        What is wrong; empty in the report that `check` returns.
    notes : tuple of str
        What people should know, and what could not be verified.
    delivered : mapping of str to int
        Declared table (``"laps/{id}"`` for single objects) -> rows that came.
    refused : tuple of str
        Undeclared tables, written likewise: each raised `UnsupportedFeature`.
    fields : mapping of str to WireFields
        The same names -> which wire fields are read, ignored and not mentioned.

    Examples
    --------
    >>> from pierre_data.testing import CheckReport
    >>> print(CheckReport("acme", findings=("athlete: a row is missing.",)))
    acme: 1 finding(s)
      wrong:
        - athlete: a row is missing.
    """

    provider: str
    verified: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    delivered: Mapping[str, int] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    fields: Mapping[str, WireFields] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{self.provider}: {len(self.findings)} finding(s)"]
        for title, lines in (("wrong", self.findings), ("verified", self.verified), ("to know", self.notes)):
            parts += [f"  {title}:", *(f"    - {line}" for line in lines)] if lines else []
        return "\n".join(parts)


class ConformanceError(AssertionError):
    """A provider does not keep what its descriptor promises; all findings are in the message and in `.report`.

    Examples
    --------
    >>> from pierre_data.testing import CheckReport, ConformanceError
    >>> ConformanceError(CheckReport("acme", findings=("athlete: a row is missing.",))).report.provider
    'acme'
    """

    def __init__(self, report: CheckReport) -> None:
        self.report = report
        super().__init__(str(report))


@dataclass(slots=True)
class Findings:
    """A report that is being written; what concerns a name in `accept` is knowingly so."""

    provider: str
    accept: Collection[str] = ()
    wrong: list[str] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    delivered: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    fields: dict[str, WireFields] = field(default_factory=dict)

    def add(self, text: str, *names: str) -> None:
        """Add something wrong, unless one of the names it concerns is accepted; each sentence once."""
        if not set(names) & set(self.accept) and text not in self.wrong:
            self.wrong.append(text)

    def report(self) -> CheckReport:
        """Return what there is so far, each sentence once."""
        return CheckReport(
            self.provider,
            tuple(dict.fromkeys(self.verified)),
            tuple(self.wrong),
            tuple(dict.fromkeys(self.notes)),
            self.delivered,
            tuple(self.refused),
            self.fields,
        )
