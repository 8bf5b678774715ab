"""GPX 1.0 and 1.1: tracks with times become activities."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from pierre_data.files.recording import SECOND, Recording, Samples, Session, filled
from pierre_data.files.samples import arrange, on_foot, totals, track_m
from pierre_data.files.sports import named
from pierre_data.files.xml import Tracks, walk
from pierre_data.files.xml_points import Points
from pierre_data.files.xml_values import floats, instants

# Local names inside a track point, extensions of any version included -> our column, or an input of it.
# Garmin TrackPointExtension 1 and 2, PowerExtension, Cluetrust; `course` and `wtemp` are knowingly not read.
_POINT = {
    "lat": "latitude_deg",  # these two are attributes
    "lon": "longitude_deg",
    "ele": "altitude_m",
    "time": "time",
    "speed": "speed_mps",
    "hr": "heart_rate_bpm",
    "heartrate": "heart_rate_bpm",
    "cad": "cadence",
    "cadence": "cadence",
    "atemp": "temperature_c",
    "temp": "temperature_c",
    "power": "power_w",
    "PowerInWatts": "power_w",
    "distance": "distance_m",
}
_LEAVES = {"name": "name", "type": "type"}


@dataclass(slots=True)
class _Track:
    name: str | None = None
    kind: str | None = None
    points: Points = field(default_factory=Points)
    segments: list[int] = field(default_factory=list)


def read_gpx(data: bytes) -> Recording:
    """Read the tracks of a GPX document.

    Parameters
    ----------
    data : bytes
        The document.

    Returns
    -------
    Recording
        One session per track that has times.  Distance is the track's length over great circles unless the
        points carry their own; several segments of a track are pauses between them.

    Raises
    ------
    PayloadError
        See `pierre_data.files.xml.walk`.
    """
    recording, tracks = Recording(), _tracks(data)
    if tracks.damage:
        recording.problems.append(("xml", tracks.damage))
    for track in tracks.found:
        session = _session(track, recording)
        if session is not None:
            recording.sessions.append(session)
    if not recording.sessions:
        recording.problems.append(("trk", "no track with times"))
    recording.sessions.sort(key=lambda s: s.row["start_time"])
    return recording


@dataclass(slots=True)
class _Found:
    found: list[_Track] = field(default_factory=list)
    damage: str = ""


def _tracks(data: bytes) -> _Found:
    out, texts, kept = _Found(), dict[str, str](), list[dict[str, str]]()

    def track(_attributes: dict[str, str]) -> None:
        texts.clear()
        out.found.append(_Track())

    def describe() -> None:
        if out.found:
            out.found[-1].name = out.found[-1].name or texts.get("name")
            out.found[-1].kind = out.found[-1].kind or texts.get("type")

    def segment(_attributes: dict[str, str]) -> None:
        describe()
        if out.found:
            out.found[-1].segments.append(len(out.found[-1].points))

    def points() -> Points:
        if not out.found:
            return Points()
        track = out.found[-1]
        if not track.points:
            describe()  # some write no segment
        return track.points

    def link(_attributes: dict[str, str]) -> None:
        kept.append(texts.copy())

    def linked() -> None:  # a link has a type of its own
        if kept:  # none inside a point: there no start is seen
            texts.clear()
            texts.update(kept.pop())

    starts = {"trk": track, "trkseg": segment, "link": link}
    out.damage = walk(data, _LEAVES, starts, {"trk": describe, "link": linked}, texts, Tracks("trkpt", points))
    return out


def _session(track: _Track, recording: Recording) -> Session | None:
    texts = track.points.columns(_POINT)
    time = instants(texts.pop("time", []))
    if not (time > 0).any():
        return None
    sport = named(track.kind, recording)
    columns = {name: floats(column, name, recording) for name, column in texts.items()}
    if "cadence" in columns:
        feet = on_foot(sport["sport"])
        # Garmin's extension counts one foot, as its devices do.
        columns["cadence_spm" if feet else "cadence_rpm"] = columns.pop("cadence") * (2 if feet else 1)
    samples = arrange(time, columns, recording)
    if "distance_m" not in samples.columns and "latitude_deg" in samples.columns:
        samples.columns["distance_m"] = track_m(samples.columns["latitude_deg"], samples.columns["longitude_deg"])
    row: dict[str, Any] = {"name": (track.name or "").strip() or None, "manual": False, **sport, **totals(samples)}
    row["moving_s"] = _moving(samples, time, track.segments)
    duration = row["moving_s"] or row["elapsed_s"]
    if duration and "distance_m" in row:
        row["average_speed_mps"] = row["distance_m"] / duration
    return Session(filled(row), samples)


def _moving(samples: Samples, time: Any, segments: list[int]) -> float | None:
    """Return the seconds inside segments, where there are several."""
    edges = [*segments, len(time)]
    parts = [time[a:b][time[a:b] > 0] for a, b in pairwise(edges)]
    parts = [p for p in parts if len(p)]
    if len(parts) < 2 or not len(samples.time):
        return None
    return float(sum(int(np.max(p) - np.min(p)) for p in parts)) / SECOND
