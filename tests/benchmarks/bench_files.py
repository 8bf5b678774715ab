"""Files: ours against fitdecode alone, tcxreader and gpxpy, in one run."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pierre_data.files import open_archive, read_recording
from pierre_data.files.fit import decode_fit
from pierre_data.files.index import Index
from pierre_data.files.library import survey
from pierre_data.files.recording import Recording

PAYLOADS = Path(__file__).parents[1] / "payloads" / "files"
#: Points of the XML tracks.
POINTS = 20_000


def best(call: Callable[[], object], rounds: int = 3) -> float:
    """Return the shortest of some runs, seconds of this process: other processes of the machine do not count."""
    return min(_timed(call, time.process_time) for _ in range(rounds))


def _timed(call: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    call()
    return clock() - start


def stretched(name: str, open_tag: str, close_tag: str) -> bytes:
    """Return a sample whose points are repeated, a second apart, until there are `POINTS`."""
    text = (PAYLOADS / name).read_text()
    first, last = text.index(open_tag), text.rindex(close_tag) + len(close_tag)
    body = text[first:last]
    one = body[: body.index(close_tag) + len(close_tag)]
    at = one.index("T14:52:40")
    points = []
    for n in range(POINTS):
        clock = time.strftime("T%H:%M:%S", time.gmtime(n))
        points.append(one[:at] + clock + one[at + len(clock) :])
    return (text[:first] + "\n".join(points) + text[last:]).encode()


def fit() -> list[tuple[str, float, str]]:
    """Return FIT speeds; bare is a loop over all of fitdecode's frames."""
    import fitdecode

    data = (PAYLOADS / "marathon_garmin.fit").read_bytes()
    bare = best(lambda: sum(1 for _ in fitdecode.FitReader(data)))
    off = fitdecode.CrcCheck.DISABLED
    least = best(lambda: sum(1 for _ in fitdecode.FitReader(data, processor=None, check_crc=off)))
    ours, whole = best(lambda: decode_fit(data, Recording())), best(lambda: read_recording(data))
    return [
        ("fit, fitdecode bare", bare, "s"),
        ("fit, fitdecode bare without processor and crc", least, "s"),
        ("fit, decoded by us, crc checked", ours, "s"),
        ("fit, read by us to the end", whole, "s"),
        ("fit, our speed / bare", bare / whole, "x"),
        ("fit, our speed / bare without processor and crc", least / whole, "x"),
    ]


def xml() -> list[tuple[str, float, str]]:
    """Return TCX and GPX speeds; other readers only where they are installed."""
    rows = []
    tcx, gpx = stretched("ride.tcx", "<Trackpoint>", "</Trackpoint>"), stretched("ride.gpx", "<trkpt", "</trkpt>")
    for name, data, other in (("tcx", tcx, "tcxreader"), ("gpx", gpx, "gpxpy")):
        assert len(read_recording(data).sessions[0].samples.time) == POINTS
        ours = best(lambda data=data: read_recording(data))  # type: ignore[misc]
        rows.append((f"{name}, {POINTS} points, ours", ours, "s"))
        if importlib.util.find_spec(other) is None:
            continue
        theirs = best(lambda data=data, other=other: _other(other, data), 1)  # type: ignore[misc]
        rows += [
            (f"{name}, {POINTS} points, {other}", theirs, "s"),
            (f"{name}, our speed / {other}", theirs / ours, "x"),
        ]
    return rows


def _other(name: str, data: bytes) -> object:
    if name == "gpxpy":
        import gpxpy

        return gpxpy.parse(data)
    from tcxreader.tcxreader import TCXReader

    with tempfile.NamedTemporaryFile(suffix=".tcx") as file:
        file.write(data)
        file.flush()
        return TCXReader().read(file.name)


def folder() -> list[tuple[str, float, str]]:
    """Return the time a folder of 40 marathons takes on the wall: here, in two processes, and when nothing changed."""
    data = (PAYLOADS / "marathon_garmin.fit").read_bytes()
    with tempfile.TemporaryDirectory() as place:
        for n in range(40):
            (Path(place) / f"{n}.fit").write_bytes(data + bytes(n))
        archive, index, wall = open_archive(place), Index(), time.perf_counter
        one = _timed(lambda: list(survey(archive, Index(), workers=1)), wall)
        two = _timed(lambda: list(survey(archive, index, workers=2)), wall)
        again = _timed(lambda: list(survey(archive, index)), wall)
    names = ("folder of 40 marathons", "the same, 2 processes", "the same, unchanged")
    return [(name, seconds, "s") for name, seconds in zip(names, (one, two, again), strict=True)]


def run() -> list[tuple[str, float, str]]:
    """Return name, value and unit of every measurement."""
    return [*fit(), *xml(), *folder()]


if __name__ == "__main__":
    for name, value, unit in run():
        print(f"{name:50} {value:10.4f} {unit}")
