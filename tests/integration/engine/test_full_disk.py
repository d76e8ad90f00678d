"""A disk that is really full: everything pauses, nothing is lost or doubled, and it goes on by itself."""

import logging
import os
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import Means
from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.reserve import Reserve
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.bench import FAST, OUT
from tests.integration.engine.crashing_daemon import DurableRemote
from tests.integration.engine.reckoning import start
from tests.integration.engine.test_engine import until
from tests.integration.engine.test_kill import assert_nothing_lost_or_doubled, assert_the_books_agree

ITEMS = 300


RESERVE = 256 * 1024


@contextmanager
def disk_of(folder, size):
    """A disk of its own, as far as this machine lets us have one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def enlarge(folder, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path):
    with disk_of(tmp_path / "disk", "2m") as folder:
        yield folder


@pytest.fixture
def two_disks(tmp_path):
    """The ledger's, with room enough, and the blobs', with little."""
    with disk_of(tmp_path / "ledger", "60m") as ledger, disk_of(tmp_path / "blobs", "600k") as blobs:
        yield ledger, blobs


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
        enlarge(small_disk, "60m")
        assert daemon.wait(240) == 0
    finally:
        daemon.kill()
        daemon.wait(10)
    assert_nothing_lost_or_doubled(small_disk, ITEMS)
    assert_the_books_agree(small_disk, ITEMS)


@contextmanager
def running(tmp_path, ledger_folder, blobs, items, room):
    """An engine in this process; what its remotes have seen is journalled on the large disk."""
    clock = SystemClock()
    ledger = Ledger.open(f"sqlite:///{ledger_folder}/ledger.db", clock.now())
    systems = {name: DurableRemote(name, tmp_path, blobs, items) for name in ("dms", "axis")}
    engine = Engine(ledger, systems, [OUT], {}, replace(FAST, drains=2), clock, means=Means(room=room))
    engine.start()
    try:
        yield engine, ledger
    finally:
        engine.stop()
        for system in systems.values():
            system.close()
        ledger.close()


def column(place, query):
    with closing(sqlite3.connect(place)) as journal:
        return {row[0] for row in journal.execute(query)}


@pytest.mark.slow
def test_a_full_disk_of_blobs_gives_up_its_reserve_says_so_and_gets_it_back(two_disks, tmp_path, caplog):
    """The ledger lies elsewhere: it keeps its own reserve, and what is acknowledged is what is stored."""
    ledger_folder, folder = two_disks
    items = 60
    room = Reserve((ledger_folder, folder), RESERVE)
    blobs = LocalBlobs(folder)
    caplog.set_level(logging.CRITICAL)
    with running(tmp_path, ledger_folder, blobs, items, room) as (engine, ledger):
        until(lambda: engine.trouble() is not None, 60)
        assert engine.trouble().code == "STORE_FULL"
        reserved = {disk.folder: disk.reserved for disk in room.headroom()}
        assert reserved == {ledger_folder: True, folder: False}
        assert free_bytes(folder) >= RESERVE // 2, "somebody lives off the reserve"
        assert any("STORE_FULL" in told.getMessage() for told in caplog.records)
        with pytest.raises(HeldForPerson) as refusal:
            blobs.put([os.urandom(RESERVE + 16384)], limit_bytes=10_000_000)
        assert refusal.value.code == "STORE_FULL"
        stored = {message.external_id for message in ledger.messages(link="out")}
        assert column(tmp_path / "dms.db", "SELECT external_id FROM acknowledged") <= stored
        enlarge(folder, "30m")
        until(lambda: all(disk.reserved for disk in room.headroom()), 60)
        assert engine.run_until_settled(timedelta(seconds=60))
        assert engine.trouble() is None
    log = tmp_path / "daemon.log"
    log.write_text("")
    (tmp_path / "ledger.db").symlink_to(ledger_folder / "ledger.db")
    assert_nothing_lost_or_doubled(tmp_path, items)
    assert len(list(blobs.kept())) == 2 * items


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_start_is_waited_for(small_disk, tmp_path):
    """Nothing is fetched as long as there is no room for the reserve."""
    (small_disk / "somebody-elses").write_bytes(bytes(free_bytes(small_disk) - RESERVE))
    room = Reserve((small_disk,), RESERVE)
    with running(tmp_path, tmp_path, LocalBlobs(small_disk), 3, room) as (engine, ledger):
        assert engine.trouble().code == "STORE_FULL"
        assert not engine.run_until_settled(timedelta(seconds=1))
        assert ledger.counts() == {}
        (small_disk / "somebody-elses").unlink()
        assert engine.run_until_settled(timedelta(seconds=60))
        assert room.keep()
