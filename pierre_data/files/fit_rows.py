"""From FIT messages to sessions, laps and samples in our columns and units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pierre_data.files.fit import EPOCH_S, FIRST_TIME, Fit, Message, decode_fit
from pierre_data.files.fit_fields import NO_ZERO, RECORDS, SESSION, SUMMARY, Sources
from pierre_data.files.fit_heart import heart_rates
from pierre_data.files.recording import SECOND, Floats, Recording, Samples, Session, add_mean_speed, container, filled
from pierre_data.files.samples import arrange, ends, name_cadence, on_foot, part, totals
from pierre_data.files.sports import sport_of_fit


def read_fit(data: bytes) -> Recording:
    """Read FIT files: one session per session message, a container before several; without one, the sum of records."""
    recording = Recording()
    for fit in decode_fit(data, recording):
        sessions = _sessions(fit, recording)
        own = _device(fit, recording)
        for at, session in enumerate(sessions):
            session.row |= own
            session.link = _link(fit.first("file_id"), str(at))
        if len(sessions) > 1:
            whole = container(sessions)
            whole.link = _link(fit.first("file_id"), "multisport")
            recording.sessions.append(whole)
        recording.sessions += sessions
    return recording


def _sessions(fit: Fit, recording: Recording) -> list[Session]:
    samples = _samples(fit, recording)
    messages = [m for m in fit.messages.get("session", []) if _time(m.get("start_time")) or _time(m.get("timestamp"))]
    if not messages:
        if not len(samples.time):
            recording.problems.append(("session", "neither a session nor a record"))
            return []
        recording.problems.append(("session", "missing, summed up from the records"))
        lap, sport = fit.first("lap"), fit.first("sport")
        messages = [{k: v for k, v in (lap | sport).items() if k in ("sport", "sub_sport")}]
    messages.sort(key=_start)
    starts = [_start(m) for m in messages]
    edges = np.searchsorted(samples.time, starts[1:])
    laps = fit.messages.get("lap", [])
    places = np.clip(np.searchsorted(starts, [_start(lap) for lap in laps], side="right") - 1, 0, None)
    offset, name = _offset(fit), fit.first("workout").get("wkt_name")
    out = []
    for at, message in enumerate(messages):
        mine = part(samples, int(edges[at - 1]) if at else 0, int(edges[at]) if at < len(edges) else len(samples.time))
        own = [lap for lap, place in zip(laps, places, strict=True) if place == at]
        session = _session(message, mine, own, recording)
        session.row |= filled({"utc_offset_s": offset, "name": name if isinstance(name, str) else None})
        out.append(session)
    return out


def _session(message: Message, samples: Samples, laps: list[Message], recording: Recording) -> Session:
    sport = sport_of_fit(message.get("sport"), message.get("sub_sport"), recording)
    feet = on_foot(sport["sport"])
    name_cadence(samples.columns, feet)
    computed = totals(samples) if len(samples.time) else {}
    stated = _read(message, SESSION) | _cadences(message, feet)
    row = computed | stated if "elapsed_s" in stated else stated | computed
    start = _start(message)
    row |= {"start_time": start or computed["start_time"], "manual": False, **sport, **ends(samples)}
    row.setdefault("elapsed_s", max((_time(message.get("timestamp")) or start) - start, 0) / SECOND)
    row["has_gps"] = "start_latitude_deg" in row
    if row.get("indoor") is None and row["has_gps"]:
        row["indoor"] = False
    strides = message.get("total_strides")
    if feet and isinstance(strides, int | float):
        row["steps"] = 2 * strides  # a stride is two steps
    add_mean_speed(row)
    return Session(filled(row), samples, [_lap(lap, at, feet) for at, lap in enumerate(laps, start=1)])


def _lap(message: Message, at: int, feet: bool) -> dict[str, Any]:
    row = _read(message, SUMMARY) | _cadences(message, feet)
    trigger = message.get("lap_trigger")
    start = _start(message) or None
    row |= {"lap": at, "start_time": start, "kind": trigger if isinstance(trigger, str) else None}
    return filled({k: v for k, v in row.items() if not k.startswith("max_cadence")})


def _samples(fit: Fit, recording: Recording) -> Samples:
    stamps = fit.records.get("timestamp", np.empty(0))
    good = stamps >= FIRST_TIME  # False for NaN
    time = np.where(good, (np.where(good, stamps, 0.0) + EPOCH_S) * SECOND, -1).astype(np.int64)
    columns: dict[str, Floats] = {}
    for column, (names, factor) in RECORDS.items():
        for values in (fit.records[n] * factor for n in names if n in fit.records):
            known = columns.setdefault(column, values)
            columns[column] = np.where(np.isnan(known), values, known)
    turns = fit.records.get("cadence")
    if turns is not None:
        columns["cadence"] = turns + np.nan_to_num(fit.records.get("fractional_cadence", np.zeros(len(turns))))
    if "heart_rate_bpm" not in columns and len(time):
        beats = heart_rates(fit.messages.get("hr", []), time)
        columns |= {} if beats is None else {"heart_rate_bpm": beats}
    return arrange(time, columns, recording, _moving(fit.messages.get("event", []), time))


def _moving(events: Sequence[Message], time: Any) -> Any:
    """Return whether the timer ran at each time, where the file says when it was stopped."""
    timer = [(_time(e.get("timestamp")), str(e.get("event_type"))) for e in events if e.get("event") == "timer"]
    stops = [(t, kind.startswith("stop")) for t, kind in timer if t and (kind.startswith("stop") or kind == "start")]
    if not stops or not len(time):
        return None
    times, stopped = np.array([t for t, _ in stops]), np.array([s for _, s in stops])
    at = np.searchsorted(times, time, side="right") - 1
    # The sample of the very second the timer stops still counts as moving.
    return ~((at >= 0) & stopped[np.maximum(at, 0)] & (time > times[np.maximum(at, 0)]))


def _cadences(message: Message, feet: bool) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for ours, theirs in (("average", "avg"), ("max", "max")):
        value = message.get(f"{theirs}_running_cadence", message.get(f"{theirs}_cadence"))
        if isinstance(value, int | float) and value > 0:
            exact = value + float(message.get(f"{theirs}_fractional_cadence") or 0)
            row[f"{ours}_cadence_{'spm' if feet else 'rpm'}"] = exact * (2 if feet else 1)
    return row


def _read(message: Message, wanted: Sources) -> dict[str, Any]:
    row = {}
    for column, (names, factor) in wanted.items():
        value = next((message[n] for n in names if isinstance(message.get(n), int | float)), None)
        if value is not None and not (column in NO_ZERO and not value):
            row[column] = float(value) * factor
    return row


def _time(stamp: Any) -> int:
    """Return a FIT time as microseconds since 1970, or 0."""
    known = isinstance(stamp, int | float) and stamp >= FIRST_TIME
    return round((stamp + EPOCH_S) * SECOND) if known else 0


def _start(message: Message) -> int:
    start = _time(message.get("start_time"))
    if start:
        return start
    elapsed = message.get("total_elapsed_time")
    end = _time(message.get("timestamp"))
    return end - round(elapsed * SECOND) if end and isinstance(elapsed, int | float) else end


def _offset(fit: Fit) -> float | None:
    """Return local time minus UTC in seconds: quarters of an hour, as zones are."""
    activity = fit.first("activity")
    local, utc = activity.get("local_timestamp"), activity.get("timestamp")
    if not isinstance(local, int | float) or not isinstance(utc, int | float):
        return None
    offset = round((local - utc) / 900) * 900.0
    return offset if -12 * 3600 <= offset <= 14 * 3600 else None


def _device(fit: Fit, recording: Recording) -> dict[str, Any]:
    """Note every device with a serial number; return the column of the one that recorded."""
    head = fit.first("file_id")
    known: dict[str, Message] = {}
    for message in (head, *fit.messages.get("device_info", [])):
        serial = message.get("serial_number")
        if isinstance(serial, int) and serial:
            known.setdefault(f"{message.get('#manufacturer')}-{serial}", message)
    own: dict[str, Any] = {}
    for message in known.values():
        number, model = message.get("#product"), _product(message)
        texts = [None if v is None else str(v) for v in (number, message["serial_number"], model)]
        row = recording.add_device(_label(message), *texts)
        own = own or row
    return own or filled({"device": _label(head)})


def _label(message: Message) -> str | None:
    maker = message.get("manufacturer")
    product = message.get("product_name") or _product(message)
    words = [str(w).replace("_", " ") for w in (maker, product) if w is not None]
    text = " ".join(words)
    return text[:1].upper() + text[1:] or None


def _product(message: Message) -> Any:
    return next((message[n] for n in ("garmin_product", "favero_product", "product") if n in message), None)


def _link(head: Message, session: str) -> str:
    """Return what a file keeps when it is uploaded again elsewhere: the numbers of its file_id, and the session."""
    created, serial = _time(head.get("time_created")), head.get("serial_number")
    if not created or not isinstance(serial, int):
        return ""
    maker, product = head.get("#manufacturer", 0), head.get("#product", 0)
    return f"fit:{maker}-{product}-{serial}-{created // SECOND}-{session}"
