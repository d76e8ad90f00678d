"""Collecting blobs: what is named stays, what is not goes by way of a second look, whoever writes meanwhile.

The same promises hold for a folder and for a bucket on a real S3 server.
"""

import hashlib
import os
import random
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.model.document import Attachment
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.store import collecting, schema
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.blobs_s3 import S3Blobs
from ebrvt_connect.store.collecting import (
    CollectPatience,
    Named,
    adopt,
    check,
    collect,
    ledger_id,
    named_blobs,
    references,
)
from ebrvt_connect.store.connect import writing
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.clock import START
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.bench import Bench, document, item

COLLECTOR = Path(__file__).with_name("endless_collector.py")
LIMIT = 10_000_000
PATIENCE = CollectPatience(unnamed=timedelta(days=7), aside=timedelta(days=1))
NOW = datetime.now(UTC)
IN_A_WEEK = NOW + timedelta(days=8)
LATER_STILL = NOW + timedelta(days=10)


class WrittenAtOnce(LedgerBlobs):
    """What is put in it is followed by a commit."""

    def _put(self, chunks):
        ref = super()._put(chunks)
        with writing(self._database):
            pass
        return ref


@pytest.fixture(params=["folder", "s3", "ledger"])
def blobs(request, tmp_path):
    if request.param == "ledger":
        return WrittenAtOnce(
            request.getfixturevalue("ledger").database, LocalBlobs(tmp_path / "blobs"), SystemClock()
        )
    if request.param == "s3":
        return S3Blobs(request.getfixturevalue("s3_place"))
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def ledger(tmp_path):
    made = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", START)
    yield made
    made.close()


def put(blobs, content):
    return blobs.put([content], limit_bytes=LIMIT).sha256


def run(ledger, blobs, now, **options):
    return collect(ledger.database, blobs, now, PATIENCE, **options)


def lying(blobs):
    return {blob.sha256 for blob in blobs.kept()}


def lying_aside(blobs):
    return {blob.sha256 for blob in blobs.aside()}


def store(url, *items):
    bench = Bench(url)
    try:
        bench.store(*items)
    finally:
        bench.close()


def stopping_when_asked_more_than(times):
    turns = iter((False,) * times)
    return lambda: next(turns, True)


def of(sha256):
    return BlobRef(sha256=sha256, size_bytes=1)


# --- the port ----------------------------------------------------------------------------------------


def test_what_is_kept_is_listed_with_its_size_and_age(blobs):
    sha256 = put(blobs, b"four")
    (found,) = blobs.kept()
    assert (found.sha256, found.size_bytes) == (sha256, 4)
    assert abs(found.since - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_is_set_aside_is_read_as_before(blobs):
    sha256 = put(blobs, b"wanted after all")
    blobs.set_aside(sha256)
    assert (lying(blobs), lying_aside(blobs)) == (set(), {sha256})
    assert blobs.has(sha256)
    assert blobs.read(sha256) == b"wanted after all"


def test_what_is_set_aside_and_put_again_lies_in_its_place_again(blobs):
    sha256 = put(blobs, b"again")
    blobs.set_aside(sha256)
    assert put(blobs, b"again") == sha256
    assert lying(blobs) == {sha256}
    blobs.delete(sha256)
    assert blobs.read(sha256) == b"again"


def test_every_step_may_be_done_twice(blobs):
    sha256 = put(blobs, b"twice")
    for step in (blobs.set_aside, blobs.bring_back, blobs.set_aside, blobs.delete):
        step(sha256)
        step(sha256)
    assert not blobs.has(sha256)
    assert (lying(blobs), lying_aside(blobs)) == (set(), set())


def test_what_is_brought_back_may_lie_there_anew(blobs):
    sha256 = put(blobs, b"both")
    blobs.set_aside(sha256)
    put(blobs, b"both")
    blobs.bring_back(sha256)
    assert (lying(blobs), lying_aside(blobs)) == ({sha256}, set())


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64])
def test_no_made_up_name_is_a_place(blobs, name):
    for step in (blobs.set_aside, blobs.bring_back, blobs.delete):
        with pytest.raises(KeyError):
            step(name)


# --- what is named -----------------------------------------------------------------------------------


def test_whatever_a_row_names_stays(ledger, blobs):
    names = ("original", "attachment", "arrival", "entered", "report", "payload", "fact")
    at = {name: put(blobs, name.encode()) for name in names}
    record = document(1).model_copy(
        update={"attachments": (Attachment(seq=1, name="a", size_bytes=1, sha256=at["attachment"]),)}
    )
    store(ledger.url, item(1, original=of(at["original"]), record=record))
    with ledger.database.begin() as tx:
        facts = f'[["x","{at["fact"]}"]]'
        tx.execute(schema.message.update().values(payload_sha256=at["payload"], payload_facts=facts))
        tx.execute(schema.inbox.update().values(sha256=at["arrival"]))
        tx.execute(schema.proof_entry.insert().values(message_id=1, body=f"x-sha256: {at['entered']}\n"))
        blank = {
            column.name: 0 if isinstance(column.type, sa.Integer) else ""
            for column in schema.report_snapshot.columns
            if column.name not in {"id", "replaces", "handed_over", "created_at", "told_at"}
        }
        frozen = {**blank, "record": at["report"], "created_at": START}
        tx.execute(schema.report_snapshot.insert().values(frozen))
    strange = put(blobs, b"nobody names this")
    assert run(ledger, blobs, IN_A_WEEK).set_aside == 1
    assert lying(blobs) == set(at.values())
    assert lying_aside(blobs) == {strange}


def test_every_column_that_holds_a_blobs_digest_is_read():
    """A new column `..._sha256` is either read for digests or named here as something else."""
    of_something_else = {"report_snapshot.sha256", "content.sha256"}
    columns = {
        f"{table.name}.{column.name}"
        for table in schema.metadata.tables.values()
        for column in table.columns
        if "sha256" in column.name
    }
    read = {
        f"{column.table.name}.{column.name}"
        for query in (collecting._of_messages(), collecting._of_inbox())
        for column in query.selected_columns
    }
    assert columns - of_something_else <= read


def test_all_pages_are_read(ledger, tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "_PAGE", 3)
    digests = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(7)]
    store(ledger.url, *(item(n, original=of(digest)) for n, digest in enumerate(digests)))
    named = named_blobs(ledger.database)
    assert all(digest in named for digest in digests)
    assert [reference.sha256 for reference in references(ledger.database)] == digests


def test_the_filter_never_misses_one_and_seldom_takes_in_a_stranger():
    named = Named()
    digests = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(2000)]
    for digest in digests[:1000]:
        named.add(digest)
    assert all(digest in named for digest in digests[:1000])
    assert sum(digest in named for digest in digests[1000:]) == 0


# --- the way out -------------------------------------------------------------------------------------


def test_what_nobody_names_is_set_aside_after_a_week_and_deleted_at_a_second_look(ledger, blobs):
    sha256 = put(blobs, b"left over")
    assert run(ledger, blobs, NOW + timedelta(days=6)).kept == 1
    assert run(ledger, blobs, IN_A_WEEK).set_aside_bytes == 9
    assert run(ledger, blobs, NOW).deleted == 0
    assert blobs.has(sha256)
    assert run(ledger, blobs, LATER_STILL).deleted_bytes == 9
    assert not blobs.has(sha256)


def test_what_is_named_by_the_second_look_is_brought_back(ledger, blobs):
    """Whoever had written it long ago has committed its row only now."""
    sha256 = put(blobs, b"slowly committed")
    run(ledger, blobs, IN_A_WEEK)
    store(ledger.url, item(1, original=of(sha256)))
    assert run(ledger, blobs, LATER_STILL).brought_back == 1
    assert (lying(blobs), lying_aside(blobs)) == ({sha256}, set())


def test_what_is_found_to_be_there_is_young_again(ledger, tmp_path):
    blobs = LocalBlobs(tmp_path / "blobs")
    big = os.urandom(400_000)
    for content in (b"small", big):
        sha256 = put(blobs, content)
        os.utime(blobs.path_of(sha256), (0, 0))
        put(blobs, content)
    assert run(ledger, blobs, NOW).kept == 2


def test_a_rehearsal_changes_nothing(ledger, blobs):
    left, gone = put(blobs, b"left over"), put(blobs, b"set aside")
    blobs.set_aside(gone)
    done = run(ledger, blobs, LATER_STILL, dry_run=True)
    assert (done.set_aside, done.deleted) == (1, 1)
    assert (lying(blobs), lying_aside(blobs)) == ({left}, {gone})


def test_it_stops_when_it_is_told_to(ledger, blobs):
    put(blobs, b"left over")
    assert not run(ledger, blobs, IN_A_WEEK, stopping=lambda: True).complete
    store(ledger.url, item(1))
    put(blobs, b"set aside")
    blobs.set_aside(hashlib.sha256(b"set aside").hexdigest())
    for asked_before in range(2, 4):  # once for the pages of each table that has any, then for each blob
        stopping = stopping_when_asked_more_than(asked_before)
        assert not run(ledger, blobs, LATER_STILL, stopping=stopping).complete
        assert len(lying(blobs)) == 1


def test_what_a_crash_left_half_written_goes_after_a_day(ledger, tmp_path):
    blobs = LocalBlobs(tmp_path / "blobs")
    half = blobs.folder / ".tmp" / "half"
    half.write_bytes(b"half")
    assert run(ledger, blobs, NOW).unfinished == 0
    assert run(ledger, blobs, NOW + timedelta(days=2)).unfinished == 1
    assert not half.exists()


def test_what_is_still_being_written_is_not_taken_for_half_written(ledger, tmp_path):
    blobs, writing, go_on, done = LocalBlobs(tmp_path / "blobs"), threading.Event(), threading.Event(), []

    def slowly():
        yield b"x" * 300_000
        writing.set()
        assert go_on.wait(60)

    thread = threading.Thread(target=lambda: done.append(blobs.put(slowly(), limit_bytes=LIMIT)))
    thread.start()
    assert writing.wait(60)
    assert run(ledger, blobs, IN_A_WEEK).unfinished == 0
    go_on.set()
    thread.join(60)
    assert blobs.read(done[0].sha256) == b"x" * 300_000


def test_where_another_ledgers_contents_lie_too_nothing_is_collected(ledger, blobs, tmp_path):
    other = Ledger.open(f"sqlite:///{tmp_path}/other.db", START)
    try:
        blobs.own(ledger_id(other.database))
    finally:
        other.close()
    put(blobs, b"the other one's")
    with pytest.raises(HeldForPerson) as refusal:
        run(ledger, blobs, IN_A_WEEK)
    assert refusal.value.code == "BLOBS_SHARED"
    assert len(lying(blobs)) == 1
    adopt(ledger.database, blobs)
    assert run(ledger, blobs, IN_A_WEEK).set_aside == 1


def test_a_ledger_keeps_its_id(ledger):
    assert ledger_id(ledger.database) == ledger_id(ledger.database)
    assert len(ledger_id(ledger.database)) == 32


# --- whoever writes meanwhile ------------------------------------------------------------------------


def test_writers_and_collectors_at_once_lose_nothing_that_is_named(ledger, tmp_path):
    """Collectors set aside whatever they see, beside writers who put it, read it, and commit only later."""
    folder, failures, stop = tmp_path / "blobs", [], threading.Event()
    contents = [b"content %d" % n for n in range(12)]
    impatient = CollectPatience(unnamed=timedelta(days=-1), aside=timedelta(days=1))

    def collecting_on():
        blobs = LocalBlobs(folder)
        while not stop.is_set():
            collect(ledger.database, blobs, datetime.now(UTC), impatient)

    def writing_on(mine):
        blobs = LocalBlobs(folder)
        try:
            for nth in range(15):
                for content in contents[mine::3]:
                    assert blobs.read(put(blobs, content)) == content, nth
        except BaseException as failure:
            failures.append(failure)
            raise

    collectors = [threading.Thread(target=collecting_on) for _ in range(2)]
    writers = [threading.Thread(target=writing_on, args=(n,)) for n in range(3)]
    for thread in (*collectors, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    stop.set()
    for thread in collectors:
        thread.join(60)
    assert failures == []
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    store(ledger.url, *(item(n, original=of(digest)) for n, digest in enumerate(digests)))
    blobs = LocalBlobs(folder)
    run(ledger, blobs, LATER_STILL)
    assert lying(blobs) == set(digests)
    assert list(check(blobs, references(ledger.database))) == []


# --- checking ----------------------------------------------------------------------------------------


def test_missing_and_damaged_blobs_are_named_with_their_messages(ledger, tmp_path):
    blobs = LocalBlobs(tmp_path / "blobs")
    good, bad, gone = put(blobs, b"good"), put(blobs, b"bad"), hashlib.sha256(b"gone").hexdigest()
    blobs.path_of(bad).write_bytes(b"BAD")
    record = document(3).model_copy(
        update={"attachments": (Attachment(seq=1, name="a", size_bytes=1, sha256=gone),)}
    )
    store(ledger.url, item(1, original=of(good)), item(2, original=of(bad)), item(3, record=record))
    found = [
        (fault.reference.title, fault.reference.role, fault.explanation.code)
        for fault in check(blobs, references(ledger.database))
    ]
    assert found == [("2/UBND-VP", "original", "BLOB_DAMAGED"), ("3/UBND-VP", "attachment", "BLOB_MISSING")]
    quick = [fault.explanation.code for fault in check(blobs, references(ledger.database), read=False)]
    assert quick == ["BLOB_MISSING"]
    (missing,) = check(blobs, references(ledger.database), read=False)
    assert gone in missing.sentence_vi


def test_what_a_disk_cannot_read_back_is_damaged(ledger, tmp_path, monkeypatch):
    blobs = LocalBlobs(tmp_path / "blobs")
    store(ledger.url, item(1, original=of(put(blobs, b"x"))))

    def failing(_sha256):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(blobs, "chunks", failing)
    (found,) = check(blobs, references(ledger.database))
    assert found.explanation.code == "BLOB_DAMAGED"


def test_a_store_that_is_away_is_not_taken_for_one_that_has_lost_everything(ledger, s3_place):
    store(ledger.url, item(1, original=of("ab" * 32)))
    blobs = S3Blobs(replace(s3_place, endpoint="http://127.0.0.1:1"))
    for read in (True, False):
        with pytest.raises(HeldForPerson) as away:
            list(check(blobs, references(ledger.database), read=read))
        assert away.value.code == "BLOB_STORE_AWAY"


def test_a_record_that_does_not_read_names_no_files(ledger):
    store(ledger.url, item(1))
    for record in ("", "{", '{"sha256": 5}', '{"sha256": "short"}', "[]"):
        with ledger.database.begin() as tx:
            tx.execute(schema.message.update().values(record=record))
        assert list(references(ledger.database)) == []


# --- killed -------------------------------------------------------------------------------------------


def test_a_collector_killed_at_any_moment_loses_nothing_that_is_named(ledger, tmp_path):
    """Each life begins where the one before was cut off; what is named was set aside as well, at first."""
    folder, chance = tmp_path / "blobs", random.Random(20261123)
    blobs = LocalBlobs(folder)
    named = [put(blobs, b"named %d" % n) for n in range(40)]
    strangers = [put(blobs, b"stranger %d" % n) for n in range(40)]
    for sha256 in named:
        blobs.set_aside(sha256)
    store(ledger.url, *(item(n, original=of(sha256)) for n, sha256 in enumerate(named)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(COLLECTOR), ledger.url, str(folder)]
    for rounds in (1, 1, 1, 4):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as collector:
            for _ in range(rounds):
                assert collector.stdout.readline() == b"a round\n"
            with suppress(subprocess.TimeoutExpired):
                collector.wait(chance.uniform(0.0, 0.1))
            collector.kill()
        assert list(check(blobs, references(ledger.database))) == []
    assert lying(blobs) == set(named)
    assert not any(blobs.has(sha256) for sha256 in strangers)
