"""Tables taken over and pages read at a glance say what pyHanko says, or nothing."""

import random
from io import BytesIO

import pikepdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from ebrvt_connect.trust import pdf_reading
from ebrvt_connect.trust.pdf_pages import PageTree, PlainNode
from ebrvt_connect.trust.pdf_reader import StrictReader
from ebrvt_connect.trust.pdf_spelled import member_entries, numbers_in, object_entries, references_in
from ebrvt_connect.trust.pdf_tables import Listed
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.revisions import sections_of
from tests.unit.trust.pdf_both_ways import no_pdf_short_cuts, tables_of, what_is_read
from tests.unit.trust.samples import assembled

ODD = [
    b"%",
    b"\0",
    b"\x0b",
    b"#41",
    b"(a\\)b)",
    b"<41>",
    b"<<",
    b">>",
    b"[",
    b"]",
    b"R",
    b"/",
    b"//",
    b"1 R",
    b"-",
    b"+1",
]
ODD += [
    b"1.2.3",
    b"99999999999",
    b"0 0 R",
    b"1 0 R1",
    b"true1",
    b"nul",
    b"stream\n",
    b"endobj",
    b"/A 1 /A 2",
    b"\xe9",
]
PLAIN = [
    b"1",
    b"-2.50",
    b".5",
    b"0",
    b"12 0 R",
    b"/N",
    b"/Kids",
    b"(text)",
    b"true",
    b"null",
    b"[1 2 0 R/N]",
    b"[]",
    b"<</A<</B[1]>>>>",
]
KEYS = [
    b"/Type",
    b"/Kids",
    b"/MediaBox",
    b"/CropBox",
    b"/Parent",
    b"/A",
    b"/B",
    b"/Resources",
    b"/A.b-c_d+e*1",
]
BOXES = [
    b"[0 0 595 842]",
    b"[ 0 0 595.28 841.89 ]",
    b"[0 0 1]",
    b"[0 0 1 /N]",
    b"[1 0 R 0 1 1]",
    b"[]",
    b"[0 0 10 10]",
]
REFERENCES = [
    b"[1 0 R 2 0 R]",
    b"[ 3 0 R\n4 0 R ]",
    b"[]",
    b"[1 0 R 5]",
    b"[1 0 R [2 0 R]]",
    b"[<</Type/Page>>]",
]


def written(chosen):
    """A dictionary, mostly of the usual kind."""
    found = []
    for _ in range(chosen.randrange(6)):
        key = chosen.choice(KEYS)
        values = {b"/MediaBox": BOXES, b"/CropBox": BOXES, b"/Kids": REFERENCES}.get(key, PLAIN)
        value = chosen.choice(ODD if chosen.random() < 0.05 else values)
        found.append(key + chosen.choice([b" ", b"", b"\n", b"\t "]) + value)
    between = chosen.choice([b"", b" ", b"\r\n"])
    return b"<<" + between + between.join(found) + between + b">>"


class Nobody:
    """Stands for the file."""

    strict = True

    def get_pdf_handler(self):
        return self


def value_of(written):
    return generic.read_object(BytesIO(written + b" "), Nobody())


@pytest.mark.parametrize("seed", range(40))
def test_what_is_read_at_a_glance_is_what_pyhanko_reads(seed):
    chosen, read = random.Random(seed), 0
    for _ in range(60):
        dictionary = written(chosen)
        ends = chosen.choice(
            [b"\nendobj\n8 0 obj", b" endobj\r\nxref", b"endobj\n1", b"\nendobj\n%", b"", b"\nstream\n"]
        )
        for entries in (
            object_entries(b"7 0 obj" + chosen.choice([b"", b" ", b"\n"]) + dictionary + ends, 7, 0),
            member_entries(b"xx" + dictionary + chosen.choice([b" ", b"\n", b""]) + b"<<>>", 2),
        ):
            if entries is None:
                continue
            read += 1
            theirs = value_of(dictionary)
            assert type(theirs) is generic.DictionaryObject
            assert {str(k): v for k, v in entries.items()} == {
                str(k.encode()): entries[k.encode()] for k in theirs
            }
            for key, value in entries.items():
                raw = theirs.raw_get(key.decode())
                assert type(value_of(value)) is type(raw)
                numbers, references = numbers_in(value), references_in(value)
                assert numbers is None or numbers == tuple(map(float, raw))
                assert references is None or references == [(r.idnum, r.generation) for r in raw]
    assert read > 20


@pytest.mark.parametrize(
    ("piece", "number"),
    [
        (b"7 0 obj<</A 1>>\nendobj\n8", 8),
        (b"7 1 obj<</A 1>>\nendobj\n8", 7),
        (b"07 0 obj <</A 1/A 2>>\nendobj\n8", 7),
        (b"7 0 obj<</A<</B 1/B 2>>>>\nendobj\n8", 7),
        (b"7 0 obj<</A[<</B 1>><</B 2>>]>>\nendobj\n8", 7),
        (b"7 0 obj<</A 1>>\nstream\nx", 7),
        (b"7 0 obj<</A 1>>\nendobj", 7),
        (b"7 0 obj[1]\nendobj\n8", 7),
        (b"7 0 obj<</A%\n1>>\nendobj\n8", 7),
        (b"7 0 obj<</A#41 1>>\nendobj\n8", 7),
        (b"7 0 obj<</A 1 0 R1>>\nendobj\n8", 7),
        (b"7 0 obj<<1/A>>\nendobj\n8", 7),
        (b"7 0 obj<</A 1>>>\nendobj\n8", 7),
        (b"7 0 obj<</A 1> >\nendobj\n8", 7),
    ],
)
def test_what_is_odd_is_left_to_pyhanko(piece, number):
    assert object_entries(piece, number, 0) is None


def paged(pages, *, packed):
    made = BytesIO()
    with pikepdf.new() as pdf:
        for n in range(pages):
            pdf.add_blank_page(page_size=(300 + n, 400))
        mode = pikepdf.ObjectStreamMode.generate if packed else pikepdf.ObjectStreamMode.disable
        pdf.save(made, object_stream_mode=mode, compress_streams=packed, deterministic_id=True)
    return made.getvalue()


@pytest.mark.parametrize("packed", [False, True])
def test_tables_and_pages_of_a_usual_file_are_not_read_twice(packed):
    data = paged(30, packed=packed)
    chain = sections_of(data)
    reader, theirs = StrictReader(BytesIO(data), chain), PdfFileReader(BytesIO(data))
    tree = PageTree(reader, 1_000, 1_000)

    assert all(isinstance(reader.xrefs.get_xref_data(n), Listed) for n in range(len(chain)))
    assert list(tables_of(reader)) == list(tables_of(theirs))
    assert tree.measured() == (31, 300 * 400)
    assert sum(isinstance(node, PlainNode) for node in tree._plain.values()) >= 29
    assert vars(reader).keys() - {"_opened"} == vars(theirs).keys()


def test_a_freed_or_missing_page_is_nothing_at_all(desk):
    data = assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R 9 0 R]/Count 1>>",
            b"<</Type/Page/MediaBox[0 0 1 1]>>",
        ]
    )

    assert "PDF_UNREADABLE" in {finding.code for finding in desk.verdict(data).findings}


def spoiled(data, chosen):
    data = bytearray(data)
    for _ in range(chosen.choice([1, 1, 2])):
        words = [
            b"/Kids",
            b"/MediaBox",
            b"xref",
            b" obj",
            b"/Count",
            b"/W",
            b"/Index",
            b"/N ",
            b"/Size",
            b"/Type",
            b"<<",
            b"]",
        ]
        places = [data.find(word) for word in words] + [data.rfind(word) for word in words]
        at = chosen.choice([place for place in places if place >= 0]) + chosen.randrange(30)
        if chosen.random() < 0.7:
            data[at : at + 1] = bytes([chosen.choice(b"0123456789 /<>[]()%\n\rRnf\0x-.")])
        else:
            data[at : at + chosen.randrange(3)] = chosen.choice(ODD + PLAIN)
    return bytes(data)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("seed", range(15))
def test_spoiled_tables_and_pages_are_read_or_refused_as_pyhanko_does(seed, packed):
    data, chosen = paged(4, packed=packed), random.Random(seed)
    for _ in range(25):
        broken = spoiled(data, chosen)
        try:
            chain = sections_of(broken)
        except pdf_reading.LayoutRefused:
            continue
        short = what_is_read(pdf_reading._fenced, broken, {}, chain, VN_2025)
        with no_pdf_short_cuts():
            assert what_is_read(pdf_reading._fenced, broken, {}, chain, VN_2025) == short
