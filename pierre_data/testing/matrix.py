"""The provider matrix: which tables come from whom, and who gets access, as Markdown for the README."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from pierre_data.errors import ProviderBroken
from pierre_data.schema import TABLES
from pierre_data.spi import ProviderDescriptor

#: Whether a table comes as a list, and as single objects -> how that is shown.
_MARKS = {(True, True): "●", (True, False): "○", (False, True): "·", (False, False): ""}


def provider_matrix(registry: Mapping[str, ProviderDescriptor]) -> str:
    """Return two Markdown tables: tables x providers, and how to get access, read off the descriptors.

    Parameters
    ----------
    registry : mapping of str to ProviderDescriptor
        A `ProviderRegistry`, say; a broken plug-in is left out.

    Returns
    -------
    str
        Changes only when a descriptor does.

    Examples
    --------
    >>> from pierre_data.schema import ACTIVITIES, LAPS
    >>> from pierre_data.spi import Endpoint
    >>> rows = Endpoint(columns=("id", "sport", "start_time", "elapsed_s", "lap"))
    >>> acme = ProviderDescriptor(
    ...     name="acme", display_name="Acme", endpoints={ACTIVITIES: rows}, details={LAPS: rows}, access="Free."
    ... )
    >>> print(provider_matrix({"acme": acme}))
    | | acme |
    |---|:-:|
    | activities | ○ |
    | laps | · |
    <BLANKLINE>
    ● lists and single objects, ○ lists, · per activity
    <BLANKLINE>
    | provider | access | keys | terms |
    |---|---|---|---|
    | `acme` Acme | Free. | | |
    """
    known: dict[str, ProviderDescriptor] = {}
    for name in sorted(registry):
        with suppress(ProviderBroken):  # the registry itself reports it; documentation shows what works
            known[name] = registry[name]
    lines = [f"| | {' | '.join(known)} |", f"|---|{':-:|' * len(known)}"]
    for table in TABLES.values():
        marks = [_MARKS[table in d.endpoints, table in d.details] for d in known.values()]
        if any(marks):
            lines.append(f"| {table.name} | {' | '.join(marks)} |")
    lines += ["", "● lists and single objects, ○ lists, · per activity", ""]
    lines += ["| provider | access | keys | terms |", "|---|---|---|---|"]
    lines += [_access(d) for d in known.values()]
    return "\n".join(line.replace("|  |", "| |").replace("|  |", "| |") for line in lines)


def _access(descriptor: ProviderDescriptor) -> str:
    terms = descriptor.terms
    days = f", kept {terms.keep.days} days at most" if terms and terms.keep else ""
    where = f"<{descriptor.register_url}>" if descriptor.register_url else ""
    what = f"[terms]({terms.url}){days}{f'. {terms.note}' if terms.note else ''}" if terms else ""
    cells = (f"`{descriptor.name}` {descriptor.display_name}", descriptor.access, where, what)
    bar = "\\|"
    return f"| {' | '.join(cell.replace('|', bar) for cell in cells)} |"
