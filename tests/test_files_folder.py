"""Folders with many files: read once, in parallel, from anywhere, with little memory."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tracemalloc
import zipfile
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pierre_data import schema
from pierre_data.errors import ConfigurationError, StorageNotice
from pierre_data.fetch.provider import DescriptorProvider
from pierre_data.files import open_archive, read_recording, workers
from pierre_data.files.index import Index, index_of
from pierre_data.files.library import survey
from pierre_data.providers.files import BATCH, descriptor
from pierre_data.spi import ProviderConfig, Query, Rows
from tests import fit_writer as fw
from tests.payload_tree import fetched

START = 1_100_000_000
ROOT = Path(__file__).parents[1]
SCRIPT = """
import sys
print("hello")
{before}
from pathlib import Path
from pierre_data.fetch.provider import DescriptorProvider
from pierre_data.providers.files import descriptor
from pierre_data.spi import ProviderConfig
config = ProviderConfig("files", options=dict(path=Path(r"{path}"), workers=2))
print(len(DescriptorProvider(descriptor, config).activities()))
"""


def fill(folder: Path, count: int, seconds: int = 5) -> Path:
    for n in range(count):
        (folder / f"{n:04d}.fit").write_bytes(fw.run(START + 1000 * n, seconds))
    return folder


def activities(path: Path, cache_dir: Path | None = None) -> pd.DataFrame:
    config = ProviderConfig("files", options={"path": path})
    return DescriptorProvider(descriptor, config, cache_dir=cache_dir).activities()


def python(arguments: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=True, timeout=120)


def test_parallel_is_the_same_as_one_after_the_other(tmp_path: Path) -> None:
    fill(tmp_path, 40)
    (tmp_path / "broken.gpx").write_bytes(b"<gpx>")
    archive = open_archive(tmp_path)
    one, two = (list(survey(archive, Index(), workers=n)) for n in (1, 2))
    assert len(one) == 41
    assert one == two


def test_from_stdin_and_a_script_without_a_guard(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    text = SCRIPT.format(path=fill(files, 33), before="")
    assert python(["-"], text).stdout == "hello\n33\n"
    script = tmp_path / "script.py"
    script.write_text(text)
    done = python([str(script)])
    assert (done.stdout, done.stderr) == ("hello\n33\n", "")  # the script ran once, in no child again


@pytest.mark.parametrize(("count", "notices"), [(33, 1), (31, 0)])
def test_a_pool_that_cannot_start_says_so_once(tmp_path: Path, count: int, notices: int) -> None:
    before = 'sys.executable = "/no/such/python"'
    done = python(["-"], SCRIPT.format(path=fill(tmp_path, count), before=before))
    assert done.stdout == f"hello\n{count}\n"
    assert done.stderr.count("one after the other") == notices


def test_a_pool_whose_children_end_at_once(tmp_path: Path) -> None:
    before = 'sys.executable = "/bin/true"'
    done = python(["-"], SCRIPT.format(path=fill(tmp_path, 33), before=before))
    assert done.stdout == "hello\n33\n"
    assert done.stderr.count("they ended at once") == 1


def test_a_child_that_is_killed_costs_one_file(tmp_path: Path) -> None:
    archive = open_archive(fill(tmp_path, 300))  # more than a pipe holds of the answers: no child is ahead of the end
    child = workers.Child(str(tmp_path), list(archive.members))
    with closing(child):
        assert child.begin()
        digests = [child.next()]
        child._process.kill()
        digests += [child.next() for _ in range(299)]
    lost = [digest["problems"] for digest in digests if not digest["activities"]]
    assert lost == [[["file", "the process that read it ended"]]]
    assert len({digest["sha"] for digest in digests}) == 300


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    path = fill(tmp_path, 3) / "0001.fit"
    first = activities(tmp_path)
    found, other = path.stat(), fw.run(START + 9000, 5)
    path.write_bytes(other)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert path.stat().st_size == found.st_size
    pd.testing.assert_frame_equal(activities(tmp_path), first)  # size and time are the same: not read again
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    assert set(activities(tmp_path).id) ^ set(first.id) == {first.id[1], activities(tmp_path).id[1]}
    path.unlink()
    assert len(activities(tmp_path)) == 2


def test_the_index_lasts_between_processes_and_is_private(tmp_path: Path) -> None:
    files, cache = tmp_path / "files", tmp_path / "cache"
    files.mkdir()
    first = activities(fill(files, 3), cache_dir=cache)
    (place,) = cache.iterdir()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    content = json.loads(place.read_text())
    sha, digest = next(iter(content["digests"].items()))
    content["digests"][sha] = digest.replace('"sport":"run"', '"sport":"walk"')
    place.write_text(json.dumps(content))
    archive = open_archive(files)
    recalled = [row["sport"] for _, d in survey(archive, Index(place)) for row in d["activities"]]
    assert sorted(recalled) == ["run", "run", "walk"]
    assert len(first) == 3


@pytest.mark.parametrize("text", ["{", "[]", '{"reader": 1, "seen": 3, "digests": {}}', '{"reader": 1}'])
def test_a_damaged_index_is_read_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.warns(StorageNotice, match="read again"):
        index = Index(tmp_path / "index.json")
    archive = open_archive(fill(tmp_path, 2))
    assert len(list(survey(archive, index))) == 2
    assert len(list(survey(archive, Index(tmp_path / "index.json")))) == 2


def test_an_index_of_another_reader_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('{"reader": 0, "seen": {}, "digests": {}}')
    assert Index(tmp_path / "index.json").digest(next(iter(open_archive(fill(tmp_path, 1)).members.values()))) is None


def test_an_index_that_cannot_be_written_costs_nothing_but_a_notice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    files = tmp_path / "files"
    files.mkdir()
    with pytest.warns(StorageNotice, match="cannot be written"):
        assert len(activities(fill(files, 2), cache_dir=tmp_path / "file" / "cache")) == 2


def test_progress_counts_every_file(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    query = Query(
        schema.ACTIVITIES,
        options={"path": fill(tmp_path, 3)},
        progress=lambda done, total: seen.append((done, total)),
    )
    list(descriptor.endpoints[schema.ACTIVITIES].plan(query))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_stopping_keeps_what_was_read(tmp_path: Path) -> None:
    archive = open_archive(fill(tmp_path, 40))
    index = Index()
    with closing(survey(archive, index, workers=2)) as walk:
        name, _ = next(walk)
    assert index.digest(archive.members[name]) is not None


def test_rows_come_in_batches(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    for n in range(BATCH):
        (tmp_path / f"x{n}.gpx").write_bytes(b"<gpx><trk/></gpx>" + b" " * n)
    plan = descriptor.endpoints[schema.ACTIVITIES].plan(
        Query(schema.ACTIVITIES, options={"path": tmp_path, "workers": 1})
    )
    batches = [rows for rows in plan if isinstance(rows, Rows)]
    assert [len(b.rejected) for b in batches] == [BATCH - 1, 1]


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        folder = tmp_path / str(count)
        folder.mkdir()
        archive = open_archive(fill(folder, count, seconds=120))
        tracemalloc.start()
        for _ in survey(archive, Index(), workers=1):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    few, many = peak(5), peak(30)
    # What stays is the digest, about 2 KB of text a file; a decoded file of this size takes 250 KB.
    assert many - few < 25 * 10_000


def test_one_index_per_folder_and_process(tmp_path: Path) -> None:
    archive = open_archive(tmp_path)
    assert index_of(archive) is index_of(archive)
    assert index_of(archive, tmp_path) is not index_of(archive)


def test_without_fitdecode_fit_files_are_named_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 1)
    point = b'<trkpt lat="1" lon="2"><time>2026-01-01T00:00:00Z</time></trkpt>'
    (tmp_path / "ride.gpx").write_bytes(b"<gpx><trk>" + point + b"</trk></gpx>")
    archive, index = open_archive(tmp_path), Index()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "fitdecode", None)
        first = dict(survey(archive, index))
        with pytest.raises(ConfigurationError, match="pip install fitdecode"):
            read_recording((tmp_path / "0000.fit").read_bytes())
    assert len(first["ride.gpx"]["activities"]) == 1
    assert "pip install fitdecode" in first["0000.fit"]["problems"][0][1]
    again = dict(survey(archive, index))  # what was not read is read once it can be
    assert [len(again[name]["activities"]) for name in ("0000.fit", "ride.gpx")] == [1, 1]


def test_every_unreadable_file_is_named_and_every_row_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (fill(tmp_path, 1) / "0000.fit").rename(tmp_path / "below" / "a.fit")
    (tmp_path / "b.fit").write_bytes((tmp_path / "below" / "a.fit").read_bytes())
    for name in ("x.fit", "y.fit", "z.gpx"):
        (tmp_path / name).write_bytes(b"")
    index = Index()
    digests = dict(survey(open_archive(tmp_path), index))
    assert sorted(digests) == ["b.fit", "x.fit", "y.fit", "z.gpx"]
    frame = activities(tmp_path)
    assert frame["source_file"].tolist() == ["b.fit"]
    one = DescriptorProvider(descriptor, ProviderConfig("files", options={"path": tmp_path})).activity(frame["id"][0])
    assert one["source_file"].tolist() == ["b.fit"]
    (tmp_path / "b.fit").rename(tmp_path / "c.fit")
    assert activities(tmp_path)["source_file"].tolist() == ["below/a.fit"]


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_zips_inside_are_read_as_folders_are(tmp_path: Path) -> None:
    one, two, three = (fw.run(START + 1000 * n, 5) for n in range(3))
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "plain.fit").write_bytes(one)
    zip_of(folder / "1.zip", {"1_ACTIVITY.fit": two, "../out.fit": two})
    inner = zip_of(tmp_path / "inner.zip", {"deep/ride.fit": three}).read_bytes()
    zip_of(folder / "2.zip", {"more.ZIP": inner})
    (folder / "3.zip").write_bytes(b"cut off")
    whole = zip_of(tmp_path / "all.zip", {"plain.fit": one, "x.zip": inner})
    provider = DescriptorProvider(descriptor, ProviderConfig("files", options={"path": folder}))
    frame, report, _ = fetched(provider, Query(schema.ACTIVITIES))
    assert frame["source_file"].tolist() == ["plain.fit", "1.zip/1_ACTIVITY.fit", "2.zip/more.ZIP/deep/ride.fit"]
    assert {(r.row, r.field) for r in report.rejected} == {("1.zip/../out.fit", "path"), ("3.zip", "file")}
    assert len(provider.streams(frame["id"][2])) == 6
    assert activities(whole)["source_file"].tolist() == ["plain.fit", "x.zip/deep/ride.fit"]


def test_many_files_in_a_zip_inside_are_read_in_parallel_and_remembered(tmp_path: Path) -> None:
    zip_of(tmp_path / "a.zip", {f"{n}.fit": fw.run(START + 1000 * n, 2) for n in range(40)})
    archive, index = open_archive(tmp_path), Index()
    digests = [list(survey(archive, index, workers=n)) for n in (2, 1)]
    assert digests[0] == digests[1]
    assert [digest["problems"] for _, digest in digests[0]] == [[]] * 40
    assert all(index.digest(member) for member in archive.members.values())
