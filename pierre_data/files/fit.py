"""FIT through fitdecode: every message that matters, from files that are not always whole."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pierre_data.errors import ConfigurationError, PayloadError
from pierre_data.files.crc import crc16
from pierre_data.files.recording import Floats, Recording

#: Seconds from 1970 to FIT's epoch, 1989-12-31T00:00:00Z.
EPOCH_S = 631_065_600
#: Smaller times count from when the device was switched on.
FIRST_TIME = 0x10000000
_RECORD = 20
# Global message numbers of the profile that are kept: file_id, sport, session, lap, event, device_info, workout,
# activity, hr.
_KEPT = frozenset((0, 12, 18, 19, 21, 23, 26, 34, 132))
# What fitdecode raises on damaged bytes; its own assertions are among it (0.11.0).
_DAMAGE = (ValueError, TypeError, LookupError, ArithmeticError, AssertionError, AttributeError, struct.error)

Message = dict[str, Any]


@dataclass(slots=True)
class Fit:
    """One FIT file; a stream may chain several.  Nulls are left out of messages, and NaN in the columns of records.

    ``"#"`` and a name is the raw number of a field that has names; developer fields are ``"dev "`` and their name.
    """

    messages: dict[str, list[Message]] = field(default_factory=dict)
    records: dict[str, Floats] = field(default_factory=dict)

    def first(self, name: str) -> Message:
        """Return the first message of a name, or an empty one."""
        return next(iter(self.messages.get(name, ())), {})


@dataclass(slots=True)
class _Group:
    """Records of one definition: names, positions of their values, rows and their places in the file."""

    definition: Any  # kept, so that its id is not given to another
    names: list[str]
    positions: list[int]
    rows: list[list[Any]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def decode_fit(data: bytes, recording: Recording) -> list[Fit]:
    """Decode FIT files in a row, each up to where it is damaged; PayloadError for bytes that do not start like FIT."""
    try:
        import fitdecode
    except ImportError as error:
        raise ConfigurationError(
            "Reading FIT files needs the package fitdecode.", "Run: pip install fitdecode"
        ) from error
    fits: list[Fit] = []
    for part in _parts(data, recording):
        # The checksum is computed at once in `_parts`, and no processor: values are translated where they are used.
        reader = fitdecode.FitReader(
            part, processor=None, check_crc=fitdecode.CrcCheck.DISABLED, error_handling=fitdecode.ErrorHandling.IGNORE
        )
        fit, groups = Fit(), dict[tuple[int, int], _Group]()
        try:
            _read(reader, fit, groups)
        except (fitdecode.FitError, *_DAMAGE) as error:
            recording.problems.append(("fit", f"damaged after {_count(groups)} records: {error}"[:120]))
        fit.records = _columns(groups)
        if fit.first("file_id").get("type", "activity") in ("activity", 4):
            fits.append(fit)
    return fits


def _read(reader: Any, fit: Fit, groups: dict[tuple[int, int], _Group]) -> None:
    place = 0
    for frame in reader:
        if frame.frame_type != 4:  # fitdecode.FIT_FRAME_DATA
            continue
        definition, fields = frame.def_mesg, frame.fields
        number = definition.global_mesg_num
        if number == _RECORD:
            # Fields of one definition come in one order, so their places are looked up once per definition.
            key = (id(definition), len(fields))
            group = groups.get(key)
            if group is None:
                names = {at: name for at, item in enumerate(fields) if (name := _name(item))}
                group = groups[key] = _Group(definition, list(names.values()), list(names))
            group.rows.append([fields[at].value for at in group.positions])
            group.places.append(place)
            place += 1
        elif number in _KEPT:
            message = _message(fields)
            if number == 0 and message.get("type", "activity") not in ("activity", 4) and not fit.messages:
                fit.messages["file_id"] = [message]
                return  # settings, monitoring, a course: the rest is of no interest
            fit.messages.setdefault(frame.name, []).append(message)


def _name(item: Any) -> str:
    known = item.field
    name = getattr(known, "name", None)
    if not isinstance(name, str):
        return ""  # not in the profile
    return f"dev {name.lower()}" if item.field_def is not None and item.field_def.is_dev else name


def _message(fields: list[Any]) -> Message:
    message: Message = {}
    for item in fields:
        name = _name(item)
        if name and not name.startswith("dev ") and item.value is not None:
            message.setdefault(name, item.value)
            parent = item.parent_field
            message.setdefault(f"#{parent.name if parent else name}", item.raw_value)
    return message


def _count(groups: dict[tuple[int, int], _Group]) -> int:
    return sum(len(g.rows) for g in groups.values())


def _columns(groups: dict[tuple[int, int], _Group]) -> dict[str, Floats]:
    size, out = _count(groups), dict[str, Floats]()
    for group in groups.values():
        places = np.array(group.places)
        # Of a field that comes twice in one record the first known value counts.
        for name, values in reversed(list(zip(group.names, zip(*group.rows, strict=True), strict=True))):
            numbers = _floats(values)
            column = out.setdefault(name, np.full(size, np.nan))
            known = ~np.isnan(numbers)
            column[places[known]] = numbers[known]
    return out


def _floats(values: tuple[Any, ...]) -> Floats:
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):  # names, or several values in one field
        numbers = np.empty((0, 0))
    return numbers if numbers.ndim == 1 else np.array([_float(v) for v in values], dtype=np.float64)


def _float(value: Any) -> float:
    while isinstance(value, tuple):
        value = next((v for v in value if v is not None), None)
    return float(value) if isinstance(value, int | float) else float("nan")


def _parts(data: bytes, recording: Recording) -> Iterator[bytes]:
    """Yield each FIT file of a stream, with a length that is true and a checksum that was looked at."""
    at = 0
    while at < len(data):
        if data[at + 8 : at + 12] != b".FIT" or data[at] < 12:
            if at == 0:
                raise PayloadError("This is no FIT file.", "Leave it out.", field="fit")
            recording.problems.append(("fit", f"{len(data) - at} bytes of garbage after the end"))
            return
        head, size = data[at], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + head + size + 2
        whole = end <= len(data) and crc16(data[at:end]) == 0
        if not whole and (end > len(data) or data[end + 8 : end + 12] != b".FIT") and end != len(data):
            rest = max(len(data) - at - head - 2, 0)
            recording.problems.append(("length", f"the header says {size} bytes, {rest} are there"))
            # A device that lost power leaves 0 there; what is there is read as far as it goes.
            end = len(data)
            yield data[at : at + 4] + rest.to_bytes(4, "little") + data[at + 8 : end]
        else:
            if not whole:
                recording.problems.append(("crc", "the checksum is wrong"))
            yield data[at:end]
        at = end
