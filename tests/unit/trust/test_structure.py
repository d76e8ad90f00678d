"""The gate before the parser: what exactly is left out of a signature, byte by byte."""

import pytest

from ebrvt_connect.trust.structure import (
    Gap,
    Slot,
    SlotInvalid,
    ends_at_end_of_file,
    gaps_in,
    labels_of,
    masked,
    overlapping,
    slot_of,
)

CONTENTS = bytes(range(256)) * 2
HEX = b"<" + CONTENTS.hex().encode() + b">"


def document(byte_range=None, place=HEX):
    """A stand-in for a file: a dictionary with its gap, and something behind."""
    head = b"%PDF-1.7\n<</Contents "
    gap = (len(head), len(head) + len(place))
    tail = b" /ByteRange [0 %010d %010d %010d]>>\n%%%%EOF\n"
    length = len(tail % (0, 0, 0))
    numbers = byte_range or (*gap, length)
    return head + place + tail % numbers, Gap(*gap), [0, *numbers]


def test_a_sound_place_is_found_and_hidden_behind_a_label():
    data, gap, numbers = document()

    assert gaps_in(data) == (gap,)
    labels = labels_of(data, [gap])
    copy = masked(data, labels).read()
    (label,) = labels
    assert len(copy) == len(data)
    assert copy[: gap.start] == data[: gap.start]
    assert copy[gap.end :] == data[gap.end :]
    assert label.hex().encode() in copy
    assert HEX not in copy
    assert slot_of(data, numbers, label, labels) == Slot(gap, len(data), CONTENTS)


def test_the_label_depends_on_every_byte_of_the_file():
    data, gap, _ = document()
    other = data.replace(b"%%EOF", b"%%eof")

    assert set(labels_of(data, [gap])) & set(labels_of(other, [gap])) == set()


def test_nothing_to_hide_changes_nothing():
    data, _, _ = document(place=b"<00>")

    assert gaps_in(data) == ()
    assert masked(data, {}).read() == data


def test_the_view_reads_the_same_in_pieces_from_anywhere():
    data, gap, _ = document()
    labels = labels_of(data, [gap])
    whole = masked(data, labels).read()

    view = masked(data, labels)
    for start in range(0, len(data), 37):
        assert view.seek(start) == start
        assert view.read(50) == whole[start : start + 50]
    assert view.seek(-5, 2) == len(data) - 5
    assert view.seek(-3, 1) == len(data) - 8
    assert view.read() == whole[-8:]
    assert view.read(1) == b""


def test_a_gap_that_was_not_hidden_must_hold_what_was_read():
    data, gap, numbers = document(place=b"<3000>")

    assert slot_of(data, numbers, b"\x30\x00", {}).gap == gap
    with pytest.raises(SlotInvalid):
        slot_of(data, numbers, b"\x30\x01", {})


def test_the_digest_leaves_out_the_gap_and_nothing_else():
    data, gap, numbers = document()
    import hashlib

    slot = slot_of(data, numbers, CONTENTS, {})

    assert slot.digest(data, "sha256") == hashlib.sha256(data[: gap.start] + data[gap.end :]).digest()


@pytest.mark.parametrize(
    ("numbers", "gap_lies"),
    [
        ([], False),
        ([0, 1, 2], False),
        ([0, 1, 2, 3, 4], False),
        ([0, 1.5, 2, 3], False),
        (["0", 1, 2, 3], False),
        ([1, 21, 40, 5], False),
        ([0, -1, 40, 5], False),
        ([0, 0, 40, 5], False),
        ([0, 40, 21, 5], False),
        ([0, 21, 40, 0], False),
        ([0, 21, 40, -5], False),
        ([0, 21, 40, 10**9], False),
        ([0, 21, 40, 5], True),
        ([0, 20, 1047, 5], True),
    ],
)
def test_byte_ranges_that_lie_are_refused(numbers, gap_lies):
    data, _, _ = document()

    with pytest.raises(SlotInvalid) as refusal:
        slot_of(data, numbers, CONTENTS, {})

    assert refusal.value.gap is gap_lies


def test_an_odd_number_of_digits_is_no_contents():
    data, _, numbers = document(place=HEX[:-2] + b">")

    with pytest.raises(SlotInvalid):
        slot_of(data, numbers, CONTENTS, {})


def test_the_gap_of_another_signature_is_refused():
    data, gap, numbers = document()
    labels = {b"other": Gap(gap.start, gap.end - 10)}

    with pytest.raises(SlotInvalid):
        slot_of(data, numbers, b"other", labels)


def test_signatures_follow_one_another():
    first, second = Slot(Gap(10, 20), 30, b""), Slot(Gap(40, 50), 60, b"")

    assert overlapping([second, first]) is False
    assert overlapping([first, Slot(Gap(25, 28), 60, b"")]) is True
    assert overlapping([]) is False


@pytest.mark.parametrize(
    ("tail", "expected"),
    [(b"%%EOF", True), (b"%%EOF\n", True), (b"%%EOF\r\n", True), (b"%%EOF\n\n", False), (b"%%EOF x", False)],
)
def test_where_a_file_ends(tail, expected):
    assert ends_at_end_of_file(b"xx" + tail, 2 + len(tail)) is expected


def test_a_flood_of_byte_ranges_is_bounded():
    data, gap, _ = document()
    flood = b"".join(b"/ByteRange [0 %d %d 5]" % (gap.start, gap.end) for _ in range(2000))

    assert gaps_in(data + flood) == (gap,)
