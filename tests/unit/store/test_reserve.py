"""The reserve of disk space: real blocks, one a disk, given up only by a disk that is full."""

import os
from types import SimpleNamespace

import pytest

from ebrvt_connect.store.reserve import NAME, Reserve

SIZE = 64 * 1024


@pytest.fixture
def disk(monkeypatch):
    """How much is free on every disk, as a test says."""
    told = SimpleNamespace(free=10 * SIZE)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=told.free, f_frsize=1))
    return told


def test_it_takes_real_blocks_for_the_owner_alone(tmp_path):
    assert Reserve((tmp_path,), SIZE).keep()
    found = (tmp_path / NAME).stat()
    assert (found.st_size, found.st_mode & 0o777) == (SIZE, 0o600)
    assert found.st_blocks * 512 >= SIZE


def test_two_folders_of_one_disk_have_one(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    reserve = Reserve((tmp_path / "a", tmp_path / "b"), SIZE)
    assert reserve.keep()
    assert [found.folder.name for found in reserve.headroom()] == ["a"]
    assert not (tmp_path / "b" / NAME).exists()


def test_a_disk_with_room_keeps_it(tmp_path, disk):
    """A write that fails for another reason is no reason to give it up."""
    reserve = Reserve((tmp_path,), SIZE)
    reserve.keep()
    assert not reserve.give_up()
    disk.free = SIZE - 1
    assert reserve.give_up()
    assert not reserve.give_up()
    assert not (tmp_path / NAME).exists()


def test_it_is_made_anew_only_where_there_is_as_much_again(tmp_path, disk):
    reserve = Reserve((tmp_path,), SIZE)
    disk.free = 2 * SIZE - 1
    assert not reserve.keep()
    disk.free = 2 * SIZE
    assert reserve.keep()


def test_one_cut_short_is_made_whole(tmp_path):
    (tmp_path / NAME).write_bytes(b"x")
    assert Reserve((tmp_path,), SIZE).keep()
    assert (tmp_path / NAME).stat().st_size == SIZE


def test_what_cannot_be_made_leaves_nothing(tmp_path, monkeypatch):
    def full(*_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert not Reserve((tmp_path,), SIZE).keep()
    assert not (tmp_path / NAME).exists()


def test_a_disk_that_is_gone_has_no_room(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    reserve = Reserve((folder,), SIZE)
    folder.rmdir()
    assert not reserve.keep()
    assert not reserve.give_up()
