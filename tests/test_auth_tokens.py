"""The token stores: private, sealed, whole, apart."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import pickle
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pierre_data.auth import Account, FileTokens, MemoryTokens, StoredToken, TokenStore, new_key, open_tokens
from pierre_data.auth.encryption import Cipher, DamagedFile, pack, unpack
from pierre_data.auth.tokens import from_json, to_json
from pierre_data.errors import StorageError, Timeout
from pierre_data.private_files import read_private, write_private
from pierre_data.secret import Secret
from tests.nursery import run
from tests.oauth_kit import ROOT

AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ME = Account("strava", "lab", "ann")
TOKEN = StoredToken(
    Secret("access-1"), AT, AT + dt.timedelta(hours=6), Secret("refresh-1"), ("read",), "9", "a.example", "t.example"
)


def sealed(directory: Path, key: str | None = None, said: list[str] | None = None) -> FileTokens:
    store = open_tokens(directory, key=Secret(key or new_key()), notice=(said if said is not None else []).append)
    assert isinstance(store, FileTokens)
    return store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("kind", ["memory", "sealed", "plaintext"])
def test_save_load_delete_list(kind: str, tmp_path: Path) -> None:
    store: TokenStore = MemoryTokens()
    if kind != "memory":
        plain = "plaintext" if kind == "plaintext" else "keyring"
        store = open_tokens(tmp_path / "t", store=plain, key=Secret(new_key()), notice=[].append)
    other = Account("strava", "lab", "bob")
    assert store.load(ME) is None
    store.save(ME, TOKEN)
    store.save(other, StoredToken(Secret("b"), AT))
    assert store.load(ME) == TOKEN
    assert store.list() == [ME, other]
    assert store.delete(ME)
    assert not store.delete(ME)
    assert store.list() == [other]
    assert store.describe().encrypted == (kind != "plaintext")
    with store.lock(ME), store.lock(ME):
        assert store.load(other) is not None


def test_modes_under_umask_zero(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.umask(0); from pathlib import Path; from tests.test_auth_tokens import *; "
        "store = sealed(Path(sys.argv[1]) / 'new' / 'tokens')\nwith store.lock(ME): store.save(ME, TOKEN)"
    )
    run(code, [tmp_path]).check_returncode()
    made = tmp_path / "new"
    assert {path.suffix for path in (made / "tokens").iterdir()} == {".token", ".lock"}
    assert {mode(path) for path in (made, made / "tokens")} == {0o700}
    assert {mode(path) for path in (made / "tokens").iterdir()} == {0o600}


def test_loose_files_are_tightened_and_reported(tmp_path: Path) -> None:
    said: list[str] = []
    key = new_key()
    with sealed(tmp_path / "t", key).lock(ME):
        sealed(tmp_path / "t", key).save(ME, TOKEN)
    for path in (tmp_path / "t").iterdir():
        path.chmod(0o644)
    (tmp_path / "t").chmod(0o755)
    store = sealed(tmp_path / "t", key, said)
    assert store.load(ME) == TOKEN
    with store.lock(ME):
        assert store.load(ME) == TOKEN
    assert len(said) == 3
    assert all("could be read by other users" in text for text in said)
    assert mode(tmp_path / "t") == 0o700
    assert {mode(path) for path in (tmp_path / "t").iterdir()} == {0o600}


@pytest.mark.parametrize("suffix", ["token", "lock"])
def test_planted_links_are_refused(suffix: str, tmp_path: Path) -> None:
    store, loot = sealed(tmp_path / "t"), tmp_path / "loot"
    loot.write_text("mine")
    (tmp_path / "t" / f"{ME.digest}.{suffix}").symlink_to(loot)
    act = {"token": lambda: store.load(ME), "lock": store.lock(ME, 1.0).__enter__}[suffix]
    with pytest.raises(StorageError):
        act()
    assert loot.read_text() == "mine"


def test_a_linked_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "t").symlink_to(tmp_path / "real")
    said: list[str] = []
    assert isinstance(open_tokens(tmp_path / "t", key=Secret(new_key()), notice=said.append), MemoryTokens)
    assert "symbolic link" in said[0]


def test_a_pipe_does_not_make_us_wait(tmp_path: Path) -> None:
    store = sealed(tmp_path / "t")
    os.mkfifo(tmp_path / "t" / f"{ME.digest}.token", 0o600)
    with pytest.raises(StorageError, match="no plain file"):
        store.load(ME)


@pytest.mark.parametrize(
    "junk", [b"", b"{}", b"\x80abc", b"[1", b"null", b'{"format": "pierre_data token", "version": 9}']
)
def test_corrupt_files_are_set_aside_never_deleted(junk: bytes, tmp_path: Path) -> None:
    said: list[str] = []
    store = sealed(tmp_path / "t", said=said)
    path = tmp_path / "t" / f"{ME.digest}.token"
    write_private(path, junk)
    assert store.load(ME) is None
    (aside,) = (tmp_path / "t").glob("*.corrupt-*")
    assert aside.read_bytes() == junk
    assert "set aside" in said[0]
    store.save(ME, TOKEN)
    assert store.load(ME) == TOKEN
    assert aside.exists()


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    store, path = sealed(tmp_path / "t"), tmp_path / "t" / f"{ME.digest}.token"
    store.save(ME, TOKEN)
    found = json.loads(path.read_bytes())
    raw = bytearray(base64.urlsafe_b64decode(found["data"]))
    raw[40] ^= 1
    found["data"] = base64.urlsafe_b64encode(raw).decode()
    write_private(path, json.dumps(found).encode())
    assert store.load(ME) is None


def test_a_file_copied_to_another_account_is_not_his_token(tmp_path: Path) -> None:
    for store in (sealed(tmp_path / "t"), open_tokens(tmp_path / "p", store="plaintext", notice=[].append)):
        other = Account("strava", "lab", "bob")
        store.save(ME, TOKEN)
        directory = Path(store.describe().where)
        write_private(directory / f"{other.digest}.token", (directory / f"{ME.digest}.token").read_bytes())
        assert store.load(other) is None
        assert store.load(ME) == TOKEN


def test_another_key_leaves_the_file_alone(tmp_path: Path) -> None:
    said: list[str] = []
    first, key = new_key(), new_key()
    sealed(tmp_path / "t", first).save(ME, TOKEN)
    store = sealed(tmp_path / "t", key, said)
    assert store.load(ME) is None
    assert "PIERRE_TOKEN_KEY" in said[0]
    assert sealed(tmp_path / "t", first).load(ME) == TOKEN
    store.save(ME, StoredToken(Secret("new"), AT))  # connected again: the old file is kept
    assert len(list((tmp_path / "t").glob("*.corrupt-*"))) == 1


def test_files_in_clear_are_sealed_when_they_are_read_with_a_key(tmp_path: Path) -> None:
    open_tokens(tmp_path / "t", store="plaintext", notice=[].append).save(ME, TOKEN)
    assert b"access-1" in (tmp_path / "t" / f"{ME.digest}.token").read_bytes()
    said: list[str] = []
    store = sealed(tmp_path / "t", said=said)
    assert store.load(ME) == store.load(ME) == TOKEN
    assert said == ["The token of strava is sealed with the present key now."]
    assert b"access-1" not in (tmp_path / "t" / f"{ME.digest}.token").read_bytes()


#: Written by commit a35cd25: `FileTokens.save` with this key.
OLD_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OLD = ROOT / "tests" / "data" / "token-of-a35cd25.json"


def test_a_token_of_an_earlier_version_stays_readable(tmp_path: Path) -> None:
    store, path = sealed(tmp_path / "t", OLD_KEY), tmp_path / "t" / f"{ME.digest}.token"
    write_private(path, OLD.read_bytes())
    assert store.list() == [ME]
    assert store.load(ME) == TOKEN
    assert json.loads(path.read_bytes())["version"] == 2  # sealed anew
    assert sealed(tmp_path / "t", OLD_KEY).load(ME) == TOKEN


def test_an_old_file_is_not_another_accounts_and_not_opened_by_another_key(tmp_path: Path) -> None:
    other = Account("strava", "lab", "bob")
    store = sealed(tmp_path / "t", OLD_KEY)
    write_private(tmp_path / "t" / f"{other.digest}.token", OLD.read_bytes())
    assert store.load(other) is None
    write_private(tmp_path / "t" / f"{ME.digest}.token", OLD.read_bytes())
    assert sealed(tmp_path / "t").load(ME) is None
    assert store.load(ME) == TOKEN


def test_a_new_key_in_front_of_the_old_one_takes_over(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    sealed(tmp_path / "t", old).save(ME, TOKEN)
    assert sealed(tmp_path / "t", f"{new},{old}").load(ME) == TOKEN
    assert sealed(tmp_path / "t", new).load(ME) == TOKEN  # the old key is not needed any more


def test_a_full_disk_keeps_the_old_token(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path; from tests.test_auth_tokens import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); key = new_key(); store = sealed(Path(sys.argv[1]), key)\n"
        "store.save(ME, TOKEN); resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: store.save(ME, StoredToken(Secret('new' * 100), AT))\n"
        "except StorageError as error: print(error.what)\n"
        "assert store.load(ME) == TOKEN; print(sorted(p.suffix for p in Path(sys.argv[1]).iterdir()))"
    )
    done = run(code, [tmp_path / "t"])
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert done.stdout.strip().endswith("['.token']")  # no half-written part is left


def test_a_held_lock_times_out(tmp_path: Path) -> None:
    key, held, end = new_key(), threading.Event(), threading.Event()

    def other() -> None:
        with sealed(tmp_path / "t", key).lock(ME):
            held.set()
            end.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(60)
    for store in (sealed(tmp_path / "t", key), MemoryTokens()):
        lock = store.lock(ME, 0.1)
        if isinstance(store, FileTokens):
            with pytest.raises(Timeout, match="in use elsewhere"):
                lock.__enter__()
        else:  # every memory store is its own
            with lock:
                assert store.load(ME) is None
    end.set()
    thread.join()
    with sealed(tmp_path / "t", key).lock(ME, 5.0):
        assert held.is_set()


IDS = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["..", "/abs", "a:b", "%2f", "*", "", "CON", "\x00", "\ud800"]
)


@settings(max_examples=200, deadline=None)
@given(st.tuples(IDS, IDS, IDS), st.tuples(IDS, IDS, IDS))
def test_accounts_never_share_a_file(one: tuple[str, str, str], two: tuple[str, str, str]) -> None:
    first, second = Account(*one), Account(*two)
    assert (first.digest == second.digest) == (first == second)
    assert first.digest.isalnum()
    assert from_json(to_json(first, TOKEN)) == (first, TOKEN)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_junk_is_damaged_and_never_quoted(junk: bytes) -> None:
    with pytest.raises(DamagedFile) as caught:
        unpack(junk, Cipher(Secret(new_key())), b"me")
    assert "token file" in str(caught.value)
    with pytest.raises(ValueError, match="this is no stored token"):
        from_json(junk)


def test_nothing_shows_or_pickles_a_secret(tmp_path: Path) -> None:
    cipher = Cipher(Secret(new_key()))
    shown = f"{TOKEN!r} {TOKEN} {cipher!r} {MemoryTokens()!r} {sealed(tmp_path / 't')!r}"
    assert "access-1" not in shown
    assert "refresh-1" not in shown
    for thing in (TOKEN, cipher):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
    assert b"access" not in pack(b"access", cipher, b"")


def test_what_belongs_to_another_user_is_refused(tmp_path: Path) -> None:
    store = sealed(tmp_path / "t")
    store.save(ME, TOKEN)
    foreign = tmp_path / "t" / f"{ME.digest}.token"
    if os.geteuid() == 0:
        os.chown(foreign, 65534, 65534)
    else:  # only root can give a file away: read one of his
        foreign = Path("/etc/passwd")
    with pytest.raises(StorageError, match="belongs to another user"):
        read_private(foreign, [].append)
