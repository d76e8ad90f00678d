"""Words found many bytes at a time, hashes continued where they stopped, gaps skipped: as the plain way."""

import hashlib
import random
import re
from io import BytesIO

import pytest

from ebrvt_connect.trust import scanning
from ebrvt_connect.trust.file_digests import FileDigests
from ebrvt_connect.trust.revisions import _CLOSE, _keywords
from ebrvt_connect.trust.scanning import BYTE_RANGE, TRAILER, XREF, Landmarks, places_of
from ebrvt_connect.trust.structure import Gap, labels_of, masked

PIECES = [
    b"trailer",
    b"xref",
    b"startxref",
    b"obj",
    b"endobj",
    b" ",
    b"\n",
    b"0",
    b"x",
    b"xre",
    b"f",
    b"A",
    b"\r",
]
AS_ONE_EXPRESSION = re.compile(rb"(?<![A-Za-z])xref(?=[\0\t\n\f\r 0-9])|trailer")


def scrambled(seed, pieces=400):
    chosen = random.Random(seed)
    return b"".join(chosen.choice(PIECES) for _ in range(pieces))


@pytest.mark.parametrize("seed", range(30))
def test_keywords_are_those_one_expression_finds(seed):
    data = scrambled(seed)
    marks = Landmarks(data)
    for begin, end in ((0, len(data)), (seed, len(data) - seed), (seed * 3, seed * 20)):
        wanted = [m.start() for m in AS_ONE_EXPRESSION.finditer(data, begin, end)]

        assert sorted(_keywords(marks, begin, end)) == wanted
        assert list(places_of(b"obj", data, begin, end)) == [
            m.start() for m in re.finditer(b"obj", data[:end]) if m.start() >= begin
        ]


@pytest.mark.parametrize("most", [100_000, 5])
def test_landmarks_are_where_the_words_stand(monkeypatch, most):
    """Kept, and in a flood: the same places, whatever the range cuts in two."""
    monkeypatch.setattr(scanning, "_MOST_KEPT", most)
    for seed in range(40):
        data, chosen = spliced(seed), random.Random(seed)
        marks = Landmarks(data)
        for _ in range(20):
            begin, end = sorted(chosen.randrange(len(data) + 1) for _ in range(2))
            for word in (XREF, TRAILER, BYTE_RANGE):
                found = [m.start() for m in marks.matches_of(re.compile(word), word, begin, end)]
                assert found == [
                    at for at in range(begin, end - len(word) + 1) if data[at : at + len(word)] == word
                ]


def spliced(seed, size=600):
    """Noise with whole words, halves of them and their last letters strewn in."""
    chosen = random.Random(seed)
    words = [
        b"xref",
        b"trailer",
        b"/ByteRange",
        b"startxref",
        b"xre",
        b"railer",
        b"/Byte",
        b"Range",
        b"e",
        b"er",
    ]
    return b"".join(
        chosen.choice(words) if chosen.random() < 0.5 else chosen.randbytes(chosen.randrange(6))
        for _ in range(size // 5)
    )


@pytest.mark.parametrize("stops", [(), (0, 5, 900), (900, 5, 5, 100_000), range(200)])
def test_digests_are_those_of_the_bytes(stops):
    data = random.Random(1).randbytes(2_000)
    digests = FileDigests(data, stops)
    for _ in range(2):
        for start, stop, end in ((900, 1_000, 2_000), (5, 6, 7), (0, 1, 2_000), (1_500, 1_501, 1_600)):
            for algorithm in ("sha256", "sha512", "sha1"):
                wanted = hashlib.new(algorithm, data[:start] + data[stop:end]).digest()
                assert digests.around(start, stop, end, algorithm) == wanted
        assert digests.whole() == hashlib.sha256(data).digest()
    with pytest.raises(ValueError, match="nonsense"):
        digests.around(1, 2, 3, "nonsense")


def in_one_go(data, labels):
    """The masked file, written out."""
    for label, gap in labels.items():
        written = b"<" + label.hex().encode() + b">%"
        blanks = b" " * (gap.end - gap.start - len(written) - 1)
        data = data[: gap.start] + written + blanks + b"\n" + data[gap.end :]
    return data


def test_whoever_reads_through_a_mask_in_pieces_reads_one_file():
    data = b"A" * 700 + b"<" + b"0" * 600 + b">" + b"B" * 50 + b"<" + b"f" * 800 + b">" + b"C" * 300
    gaps = (Gap(700, 1302), Gap(1352, 2154))
    labels = labels_of(data, gaps)
    whole, view = in_one_go(data, labels), masked(data, labels)
    chosen = random.Random(7)

    assert (view.read(), view.seek(0)) == (whole, 0)
    for _ in range(3_000):
        at, size = chosen.randrange(len(data) + 5), chosen.choice([0, 2, 3, 16, 700, -1])
        view.seek(at)
        assert view.read(size) == BytesIO(whole[at:]).read(size)
        assert view.tell() == max(at, min(at + size, len(data)) if size >= 0 else len(data))


def test_a_comment_skipped_byte_by_byte_ends_where_the_gap_ends():
    data = b"A" * 700 + b"<" + b"0" * 60_000 + b">" + b"BCD"
    view = masked(data, labels_of(data, (gap := Gap(700, 60_702),)))
    view.seek(gap.start)
    read = [view.read(1) for _ in range(70)]

    assert b"".join(read[:66]).startswith(b"<")
    assert (read[66], read[67:]) == (b"%", [b"\n", b"B", b"C"])
    assert view.tell() == gap.end + 2


def test_whoever_reads_backwards_through_a_comment_gets_out_of_it():
    data = b"A" * 700 + b"<" + b"0" * 5_000 + b">" + b"BCD"
    labels = labels_of(data, (Gap(700, 5_702),))
    whole, view = in_one_go(data, labels), masked(data, labels)
    read = []
    for at in range(len(data) - 1, 600, -1):
        view.seek(at)
        read.append(view.read(1))

    assert b"".join(reversed(read)) == whole[601:]


@pytest.mark.parametrize("before", [b"", b"\n", b"\n%note\n", b"%\r\n%\r"])
def test_a_startxref_within_a_comment_is_none(before):
    """Python before 3.11.5 took the comment's sign for a part of the note before it."""
    assert not _CLOSE.match(before + b"%startxref\n12\n%%EOF")
    assert _CLOSE.match(before + b"%\nstartxref\n12\n%%EOF")
