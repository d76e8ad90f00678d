"""Blobs on disk: by content, whole or not at all, cleaned after a crash."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.ports.blobs import CHUNK_BYTES
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.blobs_s3 import S3Blobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.clock import START
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.transport.clock import SystemClock

BIG = os.urandom(3 * CHUNK_BYTES + 17)
LIMIT = 10 * len(BIG)


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def ledger(tmp_path):
    made = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", START)
    yield made
    made.close()


@pytest.fixture(params=["disk", "memory", "s3", "ledger"])
def any_blobs(request, tmp_path):
    if request.param == "s3":
        return S3Blobs(request.getfixturevalue("s3_place"))
    if request.param == "ledger":
        database = request.getfixturevalue("ledger").database
        return LedgerBlobs(database, LocalBlobs(tmp_path / "blobs"), SystemClock())
    return LocalBlobs(tmp_path / "blobs") if request.param == "disk" else MemoryBlobs()


def pieces(content, size=7000):
    return (content[i : i + size] for i in range(0, len(content), size))


@pytest.mark.parametrize("content", [b"", b"x", BIG], ids=["empty", "small", "big"])
def test_what_is_put_can_be_read_by_its_sha256(any_blobs, content):
    ref = any_blobs.put(pieces(content), limit_bytes=LIMIT)
    assert ref.sha256 == hashlib.sha256(content).hexdigest()
    assert ref.size_bytes == len(content)
    assert any_blobs.has(ref.sha256)
    assert any_blobs.read(ref.sha256) == content
    assert b"".join(any_blobs.chunks(ref.sha256)) == content
    with any_blobs.open(ref.sha256) as stream:
        stream.seek(max(0, len(content) - 1))
        assert stream.read() == content[-1:]


def test_the_same_content_twice_is_one_file(blobs):
    first = blobs.put([BIG], limit_bytes=LIMIT)
    written = blobs.path_of(first.sha256).stat().st_ino
    assert blobs.put(pieces(BIG), limit_bytes=LIMIT) == first
    assert blobs.path_of(first.sha256).stat().st_ino == written


def test_small_content_that_is_here_touches_no_disk(blobs, monkeypatch):
    blobs.put([b"small"], limit_bytes=LIMIT)
    monkeypatch.setattr("tempfile.mkstemp", lambda **_given: pytest.fail("wrote again"))
    blobs.put([b"small"], limit_bytes=LIMIT)


def test_a_blob_lies_two_folders_deep(blobs):
    ref = blobs.put([b"x"], limit_bytes=LIMIT)
    assert blobs.path_of(ref.sha256).relative_to(blobs.folder).parts == (
        ref.sha256[:2],
        ref.sha256[2:4],
        ref.sha256,
    )


@pytest.mark.parametrize("content", [b"x" * 100, BIG], ids=["small", "big"])
def test_too_large_is_refused_and_nothing_is_kept(any_blobs, content):
    with pytest.raises(HeldForPerson) as refusal:
        any_blobs.put(pieces(content, 60), limit_bytes=len(content) - 1)
    assert refusal.value.code == "BLOB_TOO_LARGE"
    assert not any_blobs.has(hashlib.sha256(content).hexdigest())


def test_a_source_that_breaks_off_leaves_nothing(blobs):
    def breaking():
        yield BIG
        raise ConnectionResetError

    # A cut connection is an OSError too: it must not be taken for a full disk, which pauses everything.
    with pytest.raises(ConnectionResetError):
        blobs.put(breaking(), limit_bytes=LIMIT)
    assert [path for path in blobs.folder.rglob("*") if path.is_file()] == []


def test_what_a_crash_left_half_written_is_cleaned_at_the_next_opening(blobs):
    half = blobs.folder / ".tmp" / "half"
    half.write_bytes(b"half")
    LocalBlobs(blobs.folder)
    assert not half.exists()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "G" * 64, "ab", "A" * 64])
def test_what_is_no_sha256_is_no_path(blobs, name):
    with pytest.raises(HeldForPerson) as missing:
        blobs.open(name)
    assert missing.value.code == "BLOB_MISSING"
    with pytest.raises(KeyError):
        blobs.path_of(name)


def test_a_missing_blob_holds_the_message_only(any_blobs):
    with pytest.raises(HeldForPerson) as missing:
        any_blobs.open("0" * 64)
    assert (missing.value.code, missing.value.scope) == ("BLOB_MISSING", Scope.MESSAGE)


def test_a_full_disk_is_the_stores_trouble(blobs, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(HeldForPerson) as trouble:
        blobs.put([b"x"], limit_bytes=LIMIT)
    assert (trouble.value.code, trouble.value.scope) == ("STORE_FULL", Scope.STORE)
    monkeypatch.undo()
    assert [path for path in blobs.folder.rglob("*") if path.is_file()] == []


def test_many_threads_may_put_the_same_thing(blobs):
    failures = []

    def putting():
        try:
            for n in range(30):
                blobs.put([b"%d" % n], limit_bytes=LIMIT)
        except BaseException as failure:
            failures.append(failure)
            raise

    threads = [threading.Thread(target=putting) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len([p for p in blobs.folder.rglob("*") if p.is_file()]) == 30


def test_the_file_and_every_folder_that_names_it_are_synced_before_it_counts(blobs, monkeypatch):
    synced = []
    sync = os.fsync

    def noting(handle):
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        sync(handle)

    monkeypatch.setattr("os.fsync", noting)
    ref = blobs.put([b"x"], limit_bytes=LIMIT)
    folder = blobs.path_of(ref.sha256).parent
    assert [p.rsplit("/", 1)[0] for p in synced[:1]] == [str(blobs.folder / ".tmp")]
    assert synced[1:] == [str(blobs.folder), str(folder.parent), str(folder)]


def test_what_another_thread_has_moved_but_not_yet_synced_is_synced_before_it_counts(blobs, monkeypatch):
    """Whichever way a blob is found to be there already: known before writing, or only after."""
    small, big = blobs.put([b"x"], limit_bytes=LIMIT), blobs.put([BIG], limit_bytes=LIMIT)
    synced = []
    monkeypatch.setattr("ebrvt_connect.store.blobs.sync_folder", synced.append)
    blobs.put([b"x"], limit_bytes=LIMIT)
    blobs.put([BIG], limit_bytes=LIMIT)
    assert synced == [blobs.path_of(small.sha256).parent, blobs.path_of(big.sha256).parent]


def test_the_folder_is_for_the_owner_alone(tmp_path):
    LocalBlobs(tmp_path / "var" / "blobs")
    assert (tmp_path / "var" / "blobs").stat().st_mode & 0o777 == 0o700


def test_what_another_process_is_writing_is_left_alone(tmp_path):
    folder = tmp_path / "blobs"
    writing = threading.Event()
    go_on = threading.Event()

    def slowly():
        yield b"x" * 300_000
        writing.set()
        assert go_on.wait(60)
        yield b"y"

    blobs, done = LocalBlobs(folder), []
    thread = threading.Thread(target=lambda: done.append(blobs.put(slowly(), limit_bytes=1_000_000)))
    thread.start()
    assert writing.wait(60)
    (folder / ".tmp" / "of-a-dead-one").write_bytes(b"half")
    other = LocalBlobs(folder)
    assert len(list((folder / ".tmp").iterdir())) == 1
    go_on.set()
    thread.join(60)
    assert other.read(done[0].sha256) == b"x" * 300_000 + b"y"
