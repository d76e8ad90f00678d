"""A disk that is really full: everything pauses, nothing is lost or doubled, and it goes on by itself."""

import os
import subprocess

import pytest

from tests.integration.engine.reckoning import start
from tests.integration.engine.test_engine import until
from tests.integration.engine.test_kill import assert_nothing_lost_or_doubled, assert_the_books_agree

ITEMS = 300


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB, as far as this machine lets us have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def free_bytes(folder):
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


@pytest.mark.slow
def test_a_full_disk_pauses_everything_until_there_is_room_again(small_disk):
    daemon = start(small_disk, ITEMS)
    try:
        until(lambda: free_bytes(small_disk) < 4096 or daemon.poll() is not None, 60)
        assert daemon.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            daemon.wait(2)
        subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
        assert daemon.wait(90) == 0
    finally:
        daemon.kill()
        daemon.wait(10)
    assert_nothing_lost_or_doubled(small_disk, ITEMS)
    assert_the_books_agree(small_disk, ITEMS)
