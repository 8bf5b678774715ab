"""CSV that was written by more than one convention: quotes doubled or escaped, lines inside cells, broken rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pierre_data.errors import PayloadError


@dataclass(slots=True)
class Sheet:
    """A table of texts: the header as it is, rows as wide, and (line from 1, beginning) of rows that are not."""

    header: list[str]
    rows: list[list[str]] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)


def read_sheet(data: bytes, name: str) -> Sheet:
    """Read a CSV file in UTF-8; PayloadError where it is empty or something else.

    Quotes inside cells may be doubled or escaped by a backslash: each row is read as gives it the header's width.
    After a row that fits neither way, reading goes on at the next line that begins with a number and a comma.
    """
    try:
        # Not splitlines: it also splits at separators that are no ends of rows.
        lines = [line + "\n" for line in data.decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        raise PayloadError(f"{name} is not UTF-8: {error.reason}.", "Take the file as exported.", path=name) from error
    header, at = _row(lines, 0, escaped=False)
    if not header or len(header) < 2:
        raise PayloadError(f"{name} has no header.", "Take the file as exported.", path=name)
    sheet = Sheet([h.strip() for h in header])
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        cells, after = _fitting(lines, at, len(header))
        if cells is None:
            sheet.broken.append((at + 1, lines[at].strip()[:80]))
        else:
            sheet.rows.append(cells)
        at = after
    return sheet


def _fitting(lines: list[str], at: int, width: int) -> tuple[list[str] | None, int]:
    plain, after = _row(lines, at, escaped=False)
    fits = plain is not None and len(plain) == width
    if fits and not any('\\"' in line for line in lines[at:after]):
        return plain, after
    other, other_after = _row(lines, at, escaped=True)
    if other is not None and len(other) == width and (not fits or other_after == after):
        return other, other_after
    if fits:
        return plain, after
    numbered = (n for n in range(at + 1, len(lines)) if re.match(r'"*\d+"*,', lines[n]))
    return None, next(numbered, len(lines))


def _row(lines: list[str], at: int, *, escaped: bool) -> tuple[list[str] | None, int]:
    """Return the row that begins at a line, and where the next one begins."""
    used = 0

    def rest() -> Iterator[str]:
        nonlocal used
        for used in range(1, len(lines) - at + 1):
            yield lines[at + used - 1]

    try:
        cells = next(csv.reader(rest(), escapechar="\\" if escaped else None, strict=False), None)
    except csv.Error:
        return None, at + max(used, 1)
    return cells, at + max(used, 1)
