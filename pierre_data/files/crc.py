"""The checksum of FIT files, many bytes at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Lanes a long message is split into; each is computed at once with the others.
_LANES = 1024
_ARRAY: npt.NDArray[np.uint16] = np.arange(256, dtype=np.uint16)
for _ in range(8):
    _ARRAY = (_ARRAY >> 1 ^ (_ARRAY & 1) * 0xA001).astype(np.uint16)
_TABLE: list[int] = _ARRAY.tolist()


def crc16(data: bytes, crc: int = 0) -> int:
    """Return the CRC-16/ARC of FIT, going on from `crc`; 0 over a message that ends with its own checksum."""
    length = len(data) // _LANES
    if length < 64:
        return _plain(data, crc)
    # A CRC is linear: the lanes' own checksums, each moved by the zeros that follow it, add up.  The last 16
    # lanes carry the single bits through as many zeros as a lane is long, which is what moving means.
    lanes = np.frombuffer(data, np.uint8, _LANES * length).reshape(_LANES, length).T
    state = np.zeros(_LANES + 16, dtype=np.uint16)
    state[_LANES:] = 1 << np.arange(16)
    fed = np.zeros((length, _LANES + 16), dtype=np.uint8)
    fed[:, :_LANES] = lanes
    for step in fed:
        state = (state >> 8) ^ _ARRAY[(state ^ step) & 0xFF]
    moved = state[_LANES:].tolist()
    for lane in state[:_LANES].tolist():
        shifted = 0
        for bit in range(16):
            if crc >> bit & 1:
                shifted ^= moved[bit]
        crc = shifted ^ lane
    return _plain(data[_LANES * length :], crc)


def _plain(data: bytes, crc: int) -> int:
    table = _TABLE
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc
