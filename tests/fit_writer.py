"""A small FIT encoder: definition and data messages, header and checksum, as the protocol says."""

from __future__ import annotations

import struct
from collections.abc import Sequence

EPOCH = 631_065_600
#: Base type -> (number, struct code, invalid).
BASES = {
    "enum": (0x00, "B", 0xFF),
    "sint8": (0x01, "b", 0x7F),
    "uint8": (0x02, "B", 0xFF),
    "uint16": (0x84, "H", 0xFFFF),
    "sint32": (0x85, "i", 0x7FFFFFFF),
    "uint32": (0x86, "I", 0xFFFFFFFF),
    "uint32z": (0x8C, "I", 0),
}
Field = tuple[int, str, int | None]

FILE_ID, SESSION, LAP, RECORD, EVENT, DEVICE, ACTIVITY, HR = 0, 18, 19, 20, 21, 23, 34, 132


def crc(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value


class FitWriter:
    """Messages in the order they are added."""

    def __init__(self) -> None:
        self.body = bytearray()
        self._last: tuple[int, tuple[tuple[int, str], ...]] | None = None

    def add(self, number: int, fields: Sequence[Field]) -> FitWriter:
        """Add a message of fields (number, base type, value or None for invalid)."""
        shape = (number, tuple((n, base) for n, base, _ in fields))
        if shape != self._last:
            self.body += struct.pack("<BBBHB", 0x40, 0, 0, number, len(fields))
            for n, base, _ in fields:
                code, letter, _ = BASES[base]
                self.body += bytes((n, struct.calcsize(letter), code))
            self._last = shape
        self.body += b"\0"
        for _, base, value in fields:
            _, letter, invalid = BASES[base]
            self.body += struct.pack("<" + letter, invalid if value is None else value)
        return self

    def raw(self, data: bytes) -> FitWriter:
        """Add bytes as they are."""
        self.body += data
        self._last = None
        return self

    def done(self, *, size: int | None = None, checksum: int | None = None, after: bytes = b"") -> bytes:
        """Return the file; `size` and `checksum` may lie, `after` follows it."""
        head = struct.pack("<BBHI4sH", 14, 0x20, 2132, len(self.body) if size is None else size, b".FIT", 0)
        whole = head + bytes(self.body)
        return whole + struct.pack("<H", crc(whole) if checksum is None else checksum) + after


def head(writer: FitWriter, start: int, serial: int = 12345, kind: int = 4) -> FitWriter:
    """Add a file_id: Garmin, product 1836."""
    return writer.add(
        FILE_ID,
        [(0, "enum", kind), (1, "uint16", 1), (2, "uint16", 1836), (3, "uint32z", serial), (4, "uint32", start)],
    )


def records(
    writer: FitWriter, start: int, seconds: Sequence[int], *, cadence: int = 80, heart: int = 120, step_m: float = 3.0
) -> FitWriter:
    """Add records at seconds after the start: north at `step_m` a second, altitude 100 m."""
    for at in seconds:
        writer.add(
            RECORD,
            [
                (253, "uint32", start + at),
                (0, "sint32", round((47.0 + at * step_m / 111_195) * 2**31 / 180)),
                (1, "sint32", round(8.0 * 2**31 / 180)),
                (2, "uint16", (100 + 500) * 5),
                (3, "uint8", heart),
                (4, "uint8", cadence),
                (5, "uint32", round(at * step_m * 100)),
                (6, "uint16", round(step_m * 1000)),
            ],
        )
    return writer


def session(
    writer: FitWriter,
    start: int,
    elapsed: int,
    *,
    sport: int = 1,
    sub: int = 0,
    timer: int | None = None,
    metres: int = 0,
    heart: int = 120,
) -> FitWriter:
    """Add a session message; sport 1 is running, 2 cycling, 3 transition, 5 swimming."""
    return writer.add(
        SESSION,
        [
            (253, "uint32", start + elapsed),
            (2, "uint32", start),
            (5, "enum", sport),
            (6, "enum", sub),
            (7, "uint32", elapsed * 1000),
            (8, "uint32", (elapsed if timer is None else timer) * 1000),
            (9, "uint32", metres * 100),
            (11, "uint16", 300),
            (16, "uint8", heart),
            (18, "uint8", 80),
        ],
    )


def run(start: int = 1_100_000_000, seconds: int = 60, **options: int) -> bytes:
    """Return a whole file of one run."""
    writer = head(FitWriter(), start, **options)
    records(writer, start, range(seconds + 1))
    return session(writer, start, seconds, metres=3 * seconds).done()
