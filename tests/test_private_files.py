"""Files of this user alone: whole, private, never through a link, nothing lost."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pierre_data.errors import StorageError
from pierre_data.private_files import atomic_file, private_directory, read_private, set_aside, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_block_that_fails_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_private(path, b"old")

    def cut() -> None:
        with atomic_file(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut()
    assert (path.read_bytes(), os.listdir(tmp_path), mode(path)) == (b"old", ["a"], 0o600)


def test_a_file_too_large_to_be_ours_is_refused_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(16_000_001)
    with pytest.raises(StorageError, match="too large"):
        read_private(path, [].append)


def test_what_is_set_aside_takes_its_companions_along(tmp_path: Path) -> None:
    for name in ("a", "a-wal"):
        write_private(tmp_path / name, name.encode())
    aside = set_aside(tmp_path / "a", ("-wal", "-shm"))
    assert aside.read_bytes() == b"a"
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"a-wal"
    assert len(os.listdir(tmp_path)) == 2


def test_a_loose_directory_is_tightened_and_a_link_refused(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "loose").mkdir(mode=0o755)
    private_directory(tmp_path / "loose", said.append)
    assert (mode(tmp_path / "loose"), len(said)) == (0o700, 1)
    (tmp_path / "link").symlink_to(tmp_path / "loose")
    with pytest.raises(StorageError, match="symbolic link"):
        private_directory(tmp_path / "link", said.append)
