import hashlib
from datetime import UTC, datetime

import pytest

from ebrvt_connect.testing.world import INLINE_BYTES, SqliteWorld, memory_world


@pytest.fixture(params=["disk", "memory"])
def world(request, tmp_path):
    with SqliteWorld(tmp_path) if request.param == "disk" else memory_world() as opened:
        yield opened


def test_rows_keep_the_order_of_their_first_putting(world):
    for key in ("b", "a", "c"):
        world.put("t", key, {"n": 0})
    world.put("t", "b", {"n": 1})
    assert list(world.rows("t")) == [("b", {"n": 1}), ("a", {"n": 0}), ("c", {"n": 0})]


def test_a_row_handed_out_is_the_callers_own(world):
    world.put("t", "k", {"list": [1]})
    world.get("t", "k")["list"].append(2)
    assert world.get("t", "k") == {"list": [1]}


def test_rows_may_be_changed_while_they_are_read(world):
    for key in "abc":
        world.put("t", key, {})
    for key, _ in world.rows("t"):
        world.delete("t", key)
    assert list(world.rows("t")) == []
    assert world.get("t", "a") is None


def test_a_failed_transaction_leaves_nothing(world):
    def fail():
        with world.transaction():
            world.put("t", "k", {})
            world.journal("happened")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert world.get("t", "k") is None
    assert list(world.journal_entries()) == []


def test_an_inner_failure_that_is_caught_takes_back_its_own_part_only(world):
    def fail():
        with world.transaction():
            world.put("t", "inner", {})
            raise LookupError

    with world.transaction():
        world.put("t", "outer", {})
        with pytest.raises(LookupError):
            fail()
    assert [key for key, _ in world.rows("t")] == ["outer"]


@pytest.mark.parametrize("size", [0, 5, INLINE_BYTES, INLINE_BYTES + 1, 3 * INLINE_BYTES])
def test_bytes_are_kept_by_their_digest_whatever_their_size(world, size):
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    ref = world.keep([content[:7], content[7:]])
    assert (ref.sha256, ref.size_bytes) == (hashlib.sha256(content).hexdigest(), size)
    with world.open(ref.sha256) as stream:
        assert stream.read() == content


@pytest.mark.parametrize("name", ["0" * 64, "", "../world.db", "."])
def test_bytes_never_kept_are_a_key_error(world, name):
    with pytest.raises(KeyError):
        world.open(name)


def test_opening_again_goes_on_where_it_stopped(tmp_path):
    with SqliteWorld(tmp_path, lambda: datetime(2026, 11, 23, tzinfo=UTC)) as first:
        first.put("t", "k", {"tên": "Văn phòng"})
        first.journal("kept", id="k")
        small, large = first.keep([b"small"]), first.keep([b"x" * (INLINE_BYTES + 1)])
    with SqliteWorld(tmp_path) as second:
        assert second.get("t", "k") == {"tên": "Văn phòng"}
        second.journal("more")
        assert next(iter(second.journal_after(0))) == {
            "seq": 1,
            "at": "2026-11-23T00:00:00+00:00",
            "event": "kept",
            "id": "k",
        }
        assert [entry["seq"] for entry in second.journal_after(1)] == [2]
        assert second.open(small.sha256).read() == b"small"
        with second.open(large.sha256) as stream:
            assert len(stream.read()) == INLINE_BYTES + 1


def test_an_arrival_that_breaks_off_leaves_no_file(tmp_path):
    with SqliteWorld(tmp_path) as world:
        with world.spool() as spool:
            spool.write(b"x" * (2 * INLINE_BYTES))
        assert list((tmp_path / "blobs").iterdir()) == []


def test_parts_left_by_a_kill_are_cleared_at_the_next_start(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "dead.part").write_bytes(b"half")
    SqliteWorld(tmp_path).close()
    assert list((tmp_path / "blobs").iterdir()) == []
