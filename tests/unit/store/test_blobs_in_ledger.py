"""Small contents in the ledger: on the disk with the rows that name them, never after them."""

import pytest
import sqlalchemy as sa

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.store import blobs_in_ledger, schema
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import SMALL_BYTES, LedgerBlobs
from ebrvt_connect.store.connect import open_database, reading, writing
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.clock import START, FakeClock

LIMIT = 1_000_000


@pytest.fixture
def ledger(tmp_path):
    made = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", START)
    yield made
    made.close()


@pytest.fixture
def beyond(tmp_path):
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def blobs(ledger, beyond):
    return LedgerBlobs(ledger.database, beyond, FakeClock())


@pytest.fixture
def elsewhere(ledger, beyond):
    """The same store as another process sees it."""
    database = open_database(ledger.url)
    yield LedgerBlobs(database, beyond, FakeClock())
    database.dispose()


def put(blobs, octets):
    return blobs.put([octets], limit_bytes=LIMIT).sha256


def name(tx, sha256):
    """A row that names it."""
    tx.execute(schema.store_meta.insert().values(key=sha256[:8], value=sha256))


def rows(ledger):
    with reading(ledger.database) as tx:
        return set(tx.scalars(sa.select(schema.content.c.sha256)))


def test_a_content_comes_with_the_transaction_that_names_it(ledger, blobs, elsewhere):
    sha256 = put(blobs, b"small")
    assert blobs.read(sha256) == b"small"
    assert not elsewhere.has(sha256)
    with writing(ledger.database) as tx:
        name(tx, sha256)
        assert not elsewhere.has(sha256)
    assert elsewhere.read(sha256) == b"small"


def test_what_is_put_while_a_transaction_is_open_comes_with_it(ledger, blobs, elsewhere):
    with writing(ledger.database) as tx:
        sha256 = put(blobs, b"late")
        name(tx, sha256)
    assert elsewhere.read(sha256) == b"late"


def test_what_a_transaction_that_failed_has_left_comes_with_the_next(ledger, blobs, elsewhere):
    sha256 = put(blobs, b"waits on")
    with pytest.raises(ZeroDivisionError), writing(ledger.database):
        raise ZeroDivisionError
    assert rows(ledger) == set()
    with writing(ledger.database) as tx:
        name(tx, sha256)
    assert elsewhere.read(sha256) == b"waits on"


def test_a_transaction_that_cannot_be_committed_has_not_written_it(ledger, blobs, elsewhere, monkeypatch):
    """The commit itself fails: what waits must not be taken for written."""
    sha256 = put(blobs, b"not yet")
    monkeypatch.setattr(
        ledger.database.dialect, "do_commit", lambda _connection: (_ for _ in ()).throw(OSError)
    )
    with pytest.raises(HeldForPerson, match="STORE_FULL"), writing(ledger.database):
        pass
    monkeypatch.undo()
    assert not elsewhere.has(sha256)
    with writing(ledger.database):
        pass
    assert elsewhere.read(sha256) == b"not yet"


def test_all_who_use_a_database_share_what_waits(ledger, beyond, blobs, elsewhere):
    other = LedgerBlobs(ledger.database, beyond, FakeClock())
    first, second = put(blobs, b"first"), put(other, b"second")
    assert blobs.read(second) == b"second"
    with writing(ledger.database):
        pass
    assert (elsewhere.read(first), elsewhere.read(second)) == (b"first", b"second")


def test_only_what_is_small_lies_in_the_ledger(ledger, beyond, blobs):
    small, large = put(blobs, bytes(SMALL_BYTES)), put(blobs, bytes(SMALL_BYTES + 1))
    with writing(ledger.database):
        pass
    assert rows(ledger) == {small}
    assert [kept.sha256 for kept in beyond.kept()] == [large]
    assert blobs.read(large) == bytes(SMALL_BYTES + 1)


def test_where_too_much_waits_it_goes_beyond_at_once(beyond, blobs, monkeypatch):
    monkeypatch.setattr(blobs_in_ledger, "_MOST_WAITING_BYTES", 10)
    waits, beyond_it = put(blobs, b"ten octets"), put(blobs, b"one more")
    assert (beyond.has(waits), beyond.has(beyond_it)) == (False, True)
    assert blobs.read(beyond_it) == b"one more"


def test_what_was_written_is_read_from_its_row_when_memory_has_let_it_go(ledger, blobs, monkeypatch):
    monkeypatch.setattr(blobs_in_ledger, "_LATELY_BYTES", 4)
    first = put(blobs, b"1234")
    with writing(ledger.database):
        pass
    put(blobs, b"5")
    with writing(ledger.database):
        pass
    assert blobs._waiting.find(first) is None
    assert blobs.read(first) == b"1234"


def test_what_was_deleted_and_is_put_again_is_there_again(ledger, blobs, elsewhere):
    sha256 = put(blobs, b"gone and back")
    with writing(ledger.database):
        pass
    blobs.set_aside(sha256)
    again = put(blobs, b"gone and back")
    blobs.delete(sha256)  # the collector's second look; whoever put it has not come to committing
    with writing(ledger.database) as tx:
        name(tx, again)
    assert elsewhere.read(sha256) == b"gone and back"


def test_what_lies_in_files_from_before_is_read_from_there(beyond, blobs):
    old = put(beyond, b"from before")
    assert blobs.read(old) == b"from before"


def test_a_missing_content_is_told_as_such(blobs):
    with pytest.raises(HeldForPerson) as missing:
        blobs.open("0" * 64)
    assert missing.value.code == "BLOB_MISSING"
