"""Which words `obj` a reader could take for the beginning of an object: two numbers stand before it."""

import random
import re
from time import process_time

import pytest

from ebrvt_connect.trust import pdf_heads
from ebrvt_connect.trust.pdf_heads import TooManyWords, heads_in, is_behind_numbers
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import assembled

SKIPPED = rb"(?:%[^\r\n]*[\r\n]|[\0\t\n\x0b\f\r \x1c-\x1f\x80\x85\xa0\xff+)>-])"
FORWARDS = re.compile(rb"[0-9]" + SKIPPED + rb"+[0-9]+" + SKIPPED + rb"*\Z")


def all_heads(data, begin=0, end=None, but=()):
    return list(heads_in(data, begin, len(data) if end is None else end, but=but, most=10**6))


@pytest.mark.parametrize(
    "head",
    [
        b"7 0 obj",
        b"7 0obj",
        b"7\n0\robj",
        b"7\x000\x0bobj",
        b"7%c\n0 obj",
        b"7 0%7 0\robj",
        b"7 % 1\n% 2\r\n 0 % obj\n\n% % %\nobj",
        b"7%" + b"long" * 3_000 + b"\n0%" + b"x" * 5_000 + b"\r obj",
        b"7" + b" " * 3_000 + b"0" + b"\n" * 3_000 + b"obj",
        b"0000000007" + b"0" * 500 + b" 0 obj",
        b"7 " + b"0" * 500 + b" obj",
        b"7 +0 obj",
        b"7-0obj",
        b"+7 -0 obj",
        b"7 ) 0 > obj",
        b"7\xa00\xa0obj",
        b"7\x800\xffobj",
        b"7\x850\x85obj",
        b"7\x1c0\x1fobj",
        b"(7 0 obj)",
        b"x7 0 objx",
    ],
)
def test_whatever_some_reader_takes_for_an_object_is_one(head):
    for before in (b"\x01endobj\n", b"\x01" * 100_000, b"%PDF-1.7\n(a) "):
        assert all_heads(before + head + b"<<>>")[-1:] == [len(before) + head.rindex(b"obj")]


@pytest.mark.parametrize(
    "other",
    [
        b"7obj",
        b" 7 obj",
        b"\n7obj",
        b"a7obj",
        b"7\xc3obj",
        b"7 0 endobj",
        b"7 x 0 obj",
        b"7 0 x obj",
        b"7.0 obj",
        b"7 /0 obj",
        b"7 % 0 obj",
        b"%\n7 obj",
        b"70 % no 0 line end obj",
        b"x" * 5_000 + b"\nobj",
        b"7 0 ob",
    ],
)
def test_a_word_without_two_numbers_is_no_object(other):
    assert all_heads(b"endobj x" + other) == []


@pytest.mark.parametrize("seed", range(30))
def test_looking_backwards_finds_what_reading_forwards_finds(seed, monkeypatch):
    monkeypatch.setattr(pdf_heads, "_FIRST_LOOK_BYTES", 1 + seed % 3)
    chosen = random.Random(seed)
    words = [
        b"1",
        b"0",
        b" ",
        b"\n",
        b"\r",
        b"%",
        b"x",
        b"obj",
        b"\0",
        b"0 obj",
        b" " * 70,
        b"\xa0",
        b"+",
        b")",
    ]
    data = b"".join(chosen.choice(words) for _ in range(120))
    for at in range(len(data)):
        assert is_behind_numbers(data, at) == bool(FORWARDS.search(data[:at]))


def test_numbers_ahead_of_the_range_count():
    assert all_heads(b"7 0 obj", 1) == all_heads(b"7 0 obj", 3) == all_heads(b"7 0 obj", 4) == [4]
    assert all_heads(b"7 0 %c\nobj", 5) == [7]


def test_listed_objects_are_left_out_and_a_flood_is_not_looked_at():
    data = b"\x011 0 obj 2 0 obj x obj"
    assert all_heads(data, but={5}) == [13]
    with pytest.raises(TooManyWords) as told:
        list(heads_in(data, 0, len(data), but={5, 13}, most=2))
    assert told.value.at == 19


@pytest.mark.parametrize(
    "flood",
    [
        b"\robj" * 500_000,
        b" " * 20_000_000 + b"obj",
        b"\n" * 20_000_000 + b"obj",
        (b"\n" * 1_000 + b"obj") * 10_000,
        b"%a\n" * 3_000_000 + b"obj",
        b"x%" * 3_000_000 + b"\nobj",
        (b"x" + b"0" * 1_000 + b" obj") * 5_000,
        (b"%" * 50 + b"\robj") * 100_000,
        (b"% 0 % 0" * 100 + b"\nx 0\n%\n%%0\nobj") * 2_000,
    ],
    ids=lambda flood: f"{flood[:12]!r}",
)
def test_no_flood_of_blanks_comments_or_digits_takes_long(flood):
    begun = process_time()
    all_heads(b"endobj x" + flood)
    assert process_time() - begun < 1


def scanned(size, *strewn):
    """A signed letter with a stream of noise in it, and what chance strews into larger ones."""
    noise = bytearray(random.Random(size).randbytes(size))
    for n, piece in enumerate(strewn, 1):
        at = n * size // (len(strewn) + 1)
        noise[at : at + len(piece)] = piece
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>"
    stream = b"<</Length %d>>\nstream\n%s\nendstream" % (size, bytes(noise))
    return assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, stream])


def test_noise_that_holds_a_digit_and_the_word_by_chance_is_no_object(desk):
    """As about every eighth scan of 50 MB has it."""
    by_chance = (b"\x917obj\xd3", b"\xf00 obj\x07", b"7\x01 3obj", b"\n7obj", b"\n%\x99\r5\tobj", b"%\nobj")
    pdf = desk.signed(scanned(300_000, *by_chance))
    assert pdf.count(b"obj", pdf.index(b"stream")) > len(by_chance)

    assert desk.verdict(pdf).indication is Indication.TOTAL_PASSED


@pytest.mark.parametrize("head", [b"\x917 0 obj", b"\x917 0obj", b"3 0 obj<<", b"7%\n0%\nobj"])
def test_an_object_in_noise_leaves_the_file_undecided(desk, head):
    report = desk.verdict(desk.signed(scanned(100_000, head)))

    assert report.indication is Indication.INDETERMINATE
    assert "PDF_LAYOUT_UNCLEAR" in {finding.code for finding in report.findings}
