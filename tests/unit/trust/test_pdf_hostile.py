"""Whatever is done to a file, there is a report, and nothing passes that was touched where it was signed."""

import random

import pytest

from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.samples import AT, assembled, gap_of, plain_pdf, updated

FLIPS = 60
MUTATIONS = 300


@pytest.mark.parametrize("seed", range(4))
def test_no_signed_byte_can_be_changed(desk, issued, seed):
    """Each seed takes another fourth of the positions; gaps are the signatures themselves."""
    start, end = gap_of(issued)
    choose = random.Random(seed)
    covered = [n for n in range(len(issued)) if not start <= n < end]

    for position in choose.sample(covered, FLIPS // 4):
        changed = bytearray(issued)
        changed[position] ^= 1 << choose.randrange(8)

        assert desk.verdict(bytes(changed)).indication is not Indication.TOTAL_PASSED, position


def flip(pdf, choose):
    changed = bytearray(pdf)
    for _ in range(choose.choice((1, 1, 3, 40))):
        changed[choose.randrange(len(changed))] = choose.randrange(256)
    return bytes(changed)


def cut(pdf, choose):
    return pdf[: choose.randrange(len(pdf))]


def leave_out(pdf, choose):
    start = choose.randrange(len(pdf))
    return pdf[:start] + pdf[start + choose.randrange(2000) :]


def repeat(pdf, choose):
    start = choose.randrange(len(pdf))
    return pdf[: start + 500] + pdf[start:]


def insert(pdf, choose):
    token = choose.choice(
        [
            b"<<",
            b">>",
            b"[",
            b"obj",
            b"stream\n",
            b"%%EOF\n",
            b"endobj",
            b"0 R",
            b"\0" * 50,
            b"/ByteRange [0 9 9 9]",
        ]
    )
    start = choose.randrange(len(pdf))
    return pdf[:start] + token + pdf[start:]


def change_number(pdf, choose):
    """Offsets and lengths are where parsers break."""
    digits = [n for n in range(len(pdf)) if pdf[n : n + 1].isdigit() and not 1500 < n < len(pdf) - 1500]
    start = choose.choice(digits)
    return pdf[:start] + choose.choice([b"9", b"0", b"-", b"99999999999"]) + pdf[start + 1 :]


WAYS = (flip, cut, leave_out, repeat, insert, change_number)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_mutations_give_reports_and_never_exceptions(desk, issued, way):
    choose = random.Random(way.__name__)
    start, end = gap_of(issued)
    signed = issued[:start] + issued[end:]

    for _ in range(MUTATIONS // len(WAYS)):
        pdf = way(issued, choose)

        report = desk.verdict(pdf)

        assert report.to_json()
        if report.indication is Indication.TOTAL_PASSED:
            assert len(pdf) == len(issued)
            assert pdf[:start] + pdf[end:] == signed


@pytest.mark.parametrize(
    "pdf",
    [
        assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"null"]),
        assembled([b"<</Type/Catalog/Pages 9 0 R>>"]),
        assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count (x)>>"]),
        assembled([b"<</Type/Catalog/AcroForm 1 0 R/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"]),
        assembled(
            [
                b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[3 0 R]>>>>",
                b"<</Type/Pages/Kids[]/Count 0>>",
                b"<</FT/Sig/T(a)/V 4 0 R>>",
                b"<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>",
            ]
        ),
        assembled(
            [
                b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[3 0 R]>>>>",
                b"<</Type/Pages/Kids[]/Count 0>>",
                b"<</FT/Sig/T(a)/V(none)/Kids[3 0 R]>>",
            ]
        ),
        assembled(
            [
                b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[3 0 R]>>>>",
                b"<</Type/Pages/Kids[]/Count 0>>",
                b"<</FT/Sig/T(a)/V<</Type/Sig/SubFilter/ETSI.RFC3161>>>>",
            ]
        ),
        plain_pdf().replace(b"/Root 1 0 R", b"/Root 8 0 R"),
        plain_pdf().replace(b"%%EOF", b""),
        plain_pdf().replace(b"startxref\n", b"startxref\n9"),
        b"%PDF-1.7\n" + b"%%EOF" * 5000,
        b"%PDF-1.7\n" + b"1 0 obj\n" * 5000 + b"startxref\n0\n%%EOF",
        b"\0" * 5000,
        b"%PDF-" * 4000,
    ],
)
def test_broken_files_give_reports(desk, pdf):
    assert desk.verdict(pdf).indication is not Indication.TOTAL_PASSED


def test_a_signature_of_another_file_does_not_pass(desk):
    """The object of one signature put into the place of another."""
    from tests.unit.trust.samples import with_contents

    other = desk.signed(updated(plain_pdf(), lambda writer: writer.update_root()))
    start, end = gap_of(other)
    stolen = bytes.fromhex(other[start + 1 : end - 1].decode())

    report = desk.verdict(with_contents(desk.signed(), lambda _: stolen))

    assert report.sub_indications == ("HASH_FAILURE",)


def test_a_fake_byte_range_does_not_hide_content_from_the_judge(desk):
    """A /ByteRange outside any signature names a long hex string of the page: pyHanko must still see it."""
    secret = b"<" + b"41" * 600 + b">"
    pdf = assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Title " + secret + b">>",
            b"<</ByteRange [0 00000000 00000000 1]>>",
        ]
    )
    at = pdf.index(secret)
    pdf = pdf.replace(b"[0 00000000 00000000 1]", b"[0 %08d %08d 1]" % (at, at + len(secret)))

    report = desk.verdict(desk.signed(pdf))

    assert report.indication is Indication.TOTAL_PASSED
    assert "PDF_SIGNATURE_OUTSIDE_FORM" in {f.code for f in report.findings}


def test_a_fake_byte_range_cannot_make_two_contents_look_alike(desk):
    """Content that differs only inside a place declared as a gap is still a change after signing."""
    old = b"<" + b"41" * 600 + b">"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Title " + old + b">>"
    pdf = desk.signed(
        assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page])
    )
    changed = old.replace(b"41", b"42")
    body = b"3 0 obj\n" + page.replace(old, changed) + b"\nendobj\n"
    fake = b"9 0 obj\n<</ByteRange [0 %d %d 1]>>\nendobj\n"
    at = [pdf.index(old), len(pdf) + body.index(changed)]
    tail = body + b"".join(fake % (n, n + len(old)) for n in at)
    start = len(pdf) + len(tail)
    previous = int(pdf[pdf.rindex(b"startxref") :].split()[1])
    table = b"xref\n3 1\n%010d 00000 n \ntrailer\n<</Size 99/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"

    report = desk.verdict(pdf + tail + table % (len(pdf), previous, start))

    assert report.indication is Indication.TOTAL_FAILED


@pytest.mark.parametrize("kind", ["pdf", "zip", "xml", "cms", "text"])
def test_random_bytes_behind_a_known_beginning_give_reports(desk, trust, kind):
    beginning = {
        "pdf": b"%PDF-1.7\n",
        "zip": b"PK\x03\x04",
        "xml": b"<?xml",
        "cms": bytes.fromhex("308006092a864886f70d010702"),
        "text": b"xin chao ",
    }[kind]
    from ebrvt_connect.trust.policy import VN_2025

    for seed in range(20):
        data = beginning + random.Random(seed).randbytes(800)

        report = verify_bytes(data, policy=VN_2025, trust=trust, at=AT)

        assert report.indication is not Indication.TOTAL_PASSED
