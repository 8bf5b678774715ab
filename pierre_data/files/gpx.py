"""GPX 1.0 and 1.1: tracks with times become activities."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from pierre_data.files.recording import SECOND, Recording, Samples, Session, add_mean_speed, filled
from pierre_data.files.samples import on_foot, totals, track_m
from pierre_data.files.sports import sport_of_word
from pierre_data.files.xml import Tracks, parse_xml
from pierre_data.files.xml_columns import Points, samples_of

# Local names inside a track point, extensions of any version included -> our column, or an input of it.
# Garmin TrackPointExtension 1 and 2, PowerExtension, Cluetrust; `course` and `wtemp` are knowingly not read.
_POINT = dict(
    pair.split("=")
    for pair in """lat=latitude_deg lon=longitude_deg ele=altitude_m time=time speed=speed_mps hr=heart_rate_bpm
    heartrate=heart_rate_bpm cad=cadence cadence=cadence atemp=temperature_c temp=temperature_c power=power_w
    PowerInWatts=power_w distance=distance_m""".split()
)
_LEAVES = {"name": "name", "type": "type"}


@dataclass(slots=True)
class _Track:
    name: str | None = None
    kind: str | None = None
    points: Points = field(default_factory=Points)
    segments: list[int] = field(default_factory=list)


def read_gpx(data: bytes) -> Recording:
    """Read the tracks of a GPX document that have times; between the segments of a track are pauses."""
    recording = Recording()
    sessions = [_session(track, recording) for track in _parse(data, recording)]
    recording.sessions = sorted((s for s in sessions if s is not None), key=lambda s: s.row["start_time"])
    if not recording.sessions:
        recording.problems.append(("trk", "no track with times"))
    return recording


def _parse(data: bytes, recording: Recording) -> list[_Track]:
    texts, outer = dict[str, str](), list[dict[str, str]]()
    tracks = [_Track()]  # the first takes what stands outside of all, and is dropped

    def track(_attributes: dict[str, str]) -> None:
        texts.clear()
        tracks.append(_Track())

    def describe() -> None:
        tracks[-1].name = tracks[-1].name or texts.get("name")
        tracks[-1].kind = tracks[-1].kind or texts.get("type")

    def segment(_attributes: dict[str, str]) -> None:
        describe()
        tracks[-1].segments.append(len(tracks[-1].points))

    def points() -> Points:
        if not tracks[-1].points:
            describe()  # some write no segment
        return tracks[-1].points

    def link(_attributes: dict[str, str]) -> None:
        outer.append(texts.copy())

    def linked() -> None:  # a link has a type of its own
        if outer:  # none inside a point: there no start is seen
            texts.clear()
            texts.update(outer.pop())

    starts = {"trk": track, "trkseg": segment, "link": link}
    ends = {"trk": describe, "link": linked}
    parse_xml(data, _LEAVES, starts, ends, texts, Tracks("trkpt", points), recording)
    return tracks[1:]


def _session(track: _Track, recording: Recording) -> Session | None:
    own = Recording()
    sport = sport_of_word(track.kind, own)
    samples, times = samples_of(track.points, _POINT, on_foot(sport["sport"]), own)
    if not (times > 0).any():
        return None
    recording.problems += own.problems
    if "distance_m" not in samples.columns and "latitude_deg" in samples.columns:
        samples.columns["distance_m"] = track_m(samples.columns["latitude_deg"], samples.columns["longitude_deg"])
    row: dict[str, Any] = {"name": (track.name or "").strip() or None, "manual": False, **sport, **totals(samples)}
    row["moving_s"] = _moving(samples, times, track.segments)
    add_mean_speed(row)
    return Session(filled(row), samples)


def _moving(samples: Samples, time: Any, segments: list[int]) -> float | None:
    """Return the seconds inside segments, where there are several."""
    edges = [*segments, len(time)]
    parts = [time[a:b][time[a:b] > 0] for a, b in pairwise(edges)]
    parts = [p for p in parts if len(p)]
    if len(parts) < 2 or not len(samples.time):
        return None
    return float(sum(int(np.max(p) - np.min(p)) for p in parts)) / SECOND
