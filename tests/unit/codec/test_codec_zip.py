"""Archives: looked into under limits, unpacked while counting, and written in the vendor's form."""

import io
import struct
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.codec.zip import Archive, ZipLimits, _check_plain_zip, pack_single
from ebrvt_connect.errors import InvalidValue


def zipped(*entries, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return packed.getvalue()


def unpacked(packed, limits=ZipLimits()):  # noqa: B008
    archive = Archive(io.BytesIO(packed), limits)
    archive.check()
    return b"".join(archive.unpack_only())


def refused(packed, limits=ZipLimits()):  # noqa: B008
    with pytest.raises(InvalidValue) as refusal:
        unpacked(packed, limits)
    return refusal.value.code


@pytest.mark.parametrize(
    ("packed", "code"),
    [
        (b"", "ZIP_DAMAGED"),
        (b"PK\x03\x04" + bytes(100), "ZIP_DAMAGED"),
        (zipped(("a", b"x"))[:-5], "ZIP_DAMAGED"),
        (zipped(("../a", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("a/../../b", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("..\\a", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("/a", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("\\\\server\\a", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("C:a", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("a\nb", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("aa", b"x"), ("bb", b"y")).replace(b"bb", b"aa"), "ZIP_NAME_REPEATED"),
        (zipped(("a", b"x"), ("A", b"y")), "ZIP_NAME_REPEATED"),
        (zipped(("a.zip", b"x")), "ZIP_NESTED"),
        (zipped(("a.tar.GZ", b"x")), "ZIP_NESTED"),
        (zipped(("a", bytes(5_000_000))), "ZIP_BOMB"),
        (zipped(("a", b"x"), method=zipfile.ZIP_BZIP2), "ZIP_METHOD_UNSUPPORTED"),
    ],
)
def test_an_archive_not_to_be_unpacked_is_refused(packed, code):
    assert refused(packed) == code


def test_a_name_that_hides_its_ending_behind_a_nul_is_refused():
    packed = zipped(("a.pdf_.exe", b"x")).replace(b"a.pdf_.exe", b"a.pdf\x00.exe")
    assert refused(packed) == "ZIP_NAME_UNSAFE"


def test_an_encrypted_entry_is_refused():
    packed = bytearray(zipped(("a", b"x")))
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(packed)) == "ZIP_ENCRYPTED"


def test_a_zip64_archive_is_refused():
    packed = zipped(("a", b"x"))
    at = packed.rindex(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(16)
    assert refused(packed[:at] + locator + packed[at:]) == "ZIP_METHOD_UNSUPPORTED"


def test_the_list_of_entries_is_measured_before_it_is_loaded():
    packed = zipped(*((f"{n:05}", b"") for n in range(100)))
    assert refused(packed, ZipLimits(entries=99)) == "ZIP_TOO_MANY_ENTRIES"
    assert refused(packed, ZipLimits(directory_bytes=1_000)) == "ZIP_TOO_MANY_ENTRIES"


def test_a_list_longer_than_it_says_is_refused():
    packed = bytearray(zipped(*((f"{n:05}", b"") for n in range(100))))
    at = packed.rindex(b"PK\x05\x06")
    packed[at + 8 : at + 12] = struct.pack("<2H", 1, 1)
    assert refused(bytes(packed), ZipLimits(entries=99)) == "ZIP_TOO_MANY_ENTRIES"


def test_all_entries_together_are_bounded():
    packed = zipped(("a", b"x" * 600), ("b", b"y" * 600))
    with pytest.raises(InvalidValue) as refusal:
        Archive(io.BytesIO(packed), ZipLimits(total_bytes=1_000)).check()
    assert refusal.value.code == "ZIP_TOO_LARGE"


def with_claimed_size(packed, size):
    """The archive with a smaller unpacked size in its list than what comes out."""
    at = packed.index(b"PK\x01\x02") + 24
    return packed[:at] + struct.pack("<L", size) + packed[at + 4 :]


def test_more_than_claimed_never_comes_out():
    packed = with_claimed_size(zipped(("a", bytes(3_000_000))), 10)
    assert refused(packed) == "ZIP_DAMAGED"


def test_an_entry_that_claims_to_be_larger_than_its_archive_is_refused():
    packed = bytearray(zipped(("a", b"x")))
    at = packed.index(b"PK\x01\x02") + 20
    packed[at : at + 4] = struct.pack("<L", 1_000_000)
    assert refused(bytes(packed)) == "ZIP_DAMAGED"


def test_a_wrong_sum_is_refused():
    packed = zipped(("a", b"abc")).replace(struct.pack("<L", zlib.crc32(b"abc")), b"\0\0\0\0")
    assert refused(packed) == "ZIP_DAMAGED"


def test_an_archive_of_two_is_not_unpacked_as_one():
    archive = Archive(io.BytesIO(zipped(("a", b"x"), ("b", b"y"))))
    with pytest.raises(ValueError, match="unpack"):
        list(archive.unpack_only())


def test_an_archive_inside_may_be_allowed_and_is_handed_out_unopened():
    inner = zipped(("a", b"x"))
    assert unpacked(zipped(("a.zip", inner)), ZipLimits(archives_inside=True)) == inner


@given(
    st.lists(st.binary(max_size=300), max_size=10),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=20),
)
def test_a_packed_file_is_what_every_reader_unpacks(chunks, name):
    packed = b"".join(pack_single(name, chunks))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        (entry,) = archive.infolist()
        assert archive.testzip() is None
        assert archive.read(entry) == b"".join(chunks)
    assert entry.orig_filename == name
    assert entry.date_time == (1980, 1, 1, 0, 0, 0)
    assert b"".join(pack_single(name, chunks)) == packed


def test_a_packed_file_is_unpacked_by_ourselves():
    content = bytes(range(256)) * 1_000
    assert unpacked(b"".join(pack_single("a.xlsx", [content]))) == content


@given(st.binary(max_size=200), st.integers(0, 300), st.binary(max_size=6))
def test_a_damaged_archive_is_unpacked_or_refused_with_a_code(content, at, junk):
    packed = zipped(("a.txt", content))
    with suppress(InvalidValue):
        unpacked(packed[:at] + junk + packed[at + len(junk) :])


def test_what_a_plain_zip_cannot_state_is_refused():
    _check_plain_zip(2**32 - 2)
    with pytest.raises(InvalidValue) as refusal:
        _check_plain_zip(2**32 - 1)
    assert refusal.value.code == "ZIP_TOO_LARGE"
