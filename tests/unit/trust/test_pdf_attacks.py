"""Attacks that once passed: each document is built here and named for its defect."""

import asyncio
import zlib
from io import BytesIO

import pikepdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp
from reportlab.pdfgen.canvas import Canvas

from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import assembled, new_evidence, plain_pdf, updated

PASSED, UNCLEAR, FAILED = Indication
HIDDEN = (
    b"\n4 0 obj\n<</Length 44>>\nstream\nBT /F1 18 Tf 72 700 Td (NOI DUNG GIA) Tj ET \nendstream\nendobj\n"
)


def codes(report):
    return {f.code for f in report.all_findings()}


def appended(
    pdf,
    *,
    hidden=HIDDEN,
    table=b"xref\n0 0\n",
    keyword=b"trailer\n",
    start=b"startxref\n%d\n",
    off=0,
    root=b"/Root 1 0 R",
):
    """One more revision that lists nothing, behind an object it does not mention."""
    previous = int(pdf[pdf.rindex(b"startxref") :].split()[1])
    out = pdf + hidden
    at = len(out)
    trailer = keyword + b"<</Size 99%s/Prev %d>>\n" % (root, previous)
    return out + table + trailer + start % (at + off) + b"%%EOF\n"


def listed_at(pdf, offset):
    return b"xref\n98 1\n%010d 00000 n \n" % offset


HIDING = {
    "object no table lists": {},
    "subsection number past any object": {"table": b"xref\n99999999999 0\n"},
    "line ends before the table": {"table": b"\n\nxref\n0 0\n"},
    "blanks before the table": {"table": b"   xref\n0 0\n"},
    "table on one line": {"table": b"xref 0 0 "},
    "entry that points nowhere": {"table": b"xref\n98 1\n0000000003 00000 n \n"},
    "entry of nineteen bytes": {"table": b"xref\n98 1\n0000000003 00000 n\n"},
    "free entry of nineteen bytes": {"table": b"xref\n0 1\n0000000000 65535 f\n"},
    "count of zeros": {"table": b"xref\n0 00000000000\n"},
    "trailer without root": {"root": b""},
    "plus before startxref": {"start": b"startxref\n+%d\n"},
    "blanks before startxref": {"start": b"startxref\n" + b" " * 3000 + b"%d\n"},
    "zeros before startxref": {"start": b"startxref\n0000%d\n"},
    "comment inside the object's head": {"hidden": HIDDEN.replace(b"4 0 obj", b"4 0 %x\nobj")},
    "long comment inside the object's head": {
        "hidden": HIDDEN.replace(b"4 0 obj", b"4 0 %" + b"x" * 99 + b"\nobj")
    },
    "blanks inside the object's head": {"hidden": HIDDEN.replace(b"4 0 obj", b"4 0" + b" " * 99 + b"obj")},
    "second trailer": {"hidden": b"\ntrailer\n<</Root 4 0 R>>\n"},
}


@pytest.mark.parametrize("name", HIDING)
def test_a_revision_that_hides_objects_fails(desk, issued, name):
    report = desk.verdict(appended(issued, **HIDING[name]))

    assert report.indication is FAILED
    assert codes(report) & {"PDF_BYTES_AFTER_END", "PDF_UNREADABLE"}


def test_a_document_timestamp_over_a_hidden_object_does_not_heal_it(desk, issued):
    pdf = desk.with_document_timestamp(appended(issued))

    assert desk.verdict(pdf).indication is FAILED


def test_an_object_stream_with_a_member_no_table_lists_fails(desk, issued):
    packed = b"4 0 <</Type/Catalog>>"
    stream = b"98 0 obj\n<</Type/ObjStm/N 1/First 4/Length %d>>\nstream\n%s\nendstream\nendobj\n"
    hidden = stream % (len(packed), packed)

    report = desk.verdict(appended(issued, hidden=hidden, table=listed_at(issued, len(issued))))

    assert "PDF_BYTES_AFTER_END" in codes(report)
    assert report.indication is FAILED


def test_an_unlisted_object_in_the_signed_bytes_is_undecided(desk):
    pdf = plain_pdf()
    at = pdf.index(b"xref\n0")
    pdf = (
        pdf[:at]
        + HIDDEN[1:]
        + pdf[at:].replace(b"startxref\n%d" % at, b"startxref\n%d" % (at + len(HIDDEN) - 1))
    )

    report = desk.verdict(desk.issued(pdf))

    assert report.indication is UNCLEAR
    assert "PDF_LAYOUT_UNCLEAR" in codes(report)


def drawn():
    out = BytesIO()
    canvas = Canvas(out)
    canvas.drawString(99, 99, "Van ban mau")
    canvas.save()
    return out.getvalue()


def saved(**how):
    out = BytesIO()
    with pikepdf.open(BytesIO(drawn())) as pdf:
        pdf.save(out, **how)
    return out.getvalue()


OBJECT_STREAMS = pikepdf.ObjectStreamMode.generate
WRITERS = {
    "reportlab": drawn,
    "pikepdf": saved,
    "pikepdf with object streams": lambda: saved(object_stream_mode=OBJECT_STREAMS),
    "linearised": lambda: saved(linearize=True),
    "linearised with object streams": lambda: saved(linearize=True, object_stream_mode=OBJECT_STREAMS),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_common_writers_make_passes(desk, name):
    pdf = desk.with_document_timestamp(updated(desk.issued(WRITERS[name]()), new_evidence))

    report = desk.verdict(pdf)

    assert report.indication is PASSED
    assert codes(report) <= {"SIGNED_AGAIN_AFTER", "NO_TIMESTAMP", "RSA_PKCS1_V15"}


# --- what is painted after signing -------------------------------------------------------------------


def painting(writer, box):
    numbers = generic.ArrayObject(generic.NumberObject(n) for n in box)
    stream = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): numbers,
        },
        stream_data=b"1 g 0 0 595 842 re f",
    )
    return generic.DictionaryObject({pdf_name("/N"): writer.add_object(stream)})


def painted_timestamp(desk, pdf, box):
    """A document timestamp that paints: no key of the agency is needed for it."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    steps = PdfCMSEmbedder(SigFieldSpec("Dau", box=box)).write_cms("Dau", writer)
    field = next(steps).get_object()
    field["/AP"] = painting(writer, box)
    steps.send(SigObjSetup(sig_placeholder=DocumentTimestamp(bytes_reserved=16384)))
    prepared, out = steps.send(SigIOSetup(md_algorithm="sha256", in_place=False, output=BytesIO()))
    token = desk.stamped().async_timestamp(prepared.document_digest, "sha256")
    steps.send(asyncio.run(token))
    return out.getvalue()


@pytest.mark.parametrize(
    "box", [(0, 0, 595, 842), (0, 0, 1, 1), (0, 0, 0, 0)], ids=["page", "dot", "nothing"]
)
def test_a_later_document_timestamp_may_paint_nothing(desk, issued, box):
    report = desk.verdict(painted_timestamp(desk, issued, box))

    assert report.indication is FAILED
    assert "CHANGED_AFTER_SIGNING" in codes(report)


def sealed_with_box(desk, box):
    writer = IncrementalPdfFileWriter(BytesIO(desk.signed(role="person")))
    append_signature_field(writer, SigFieldSpec("Dau", box=box))
    field = writer.root["/AcroForm"]["/Fields"][-1]
    blank = field["/AP"].raw_get("/N")
    field["/AP"] = painting(writer, box)
    del writer.objects[(blank.generation, blank.idnum)]  # what belongs to nothing may not be there
    writer.update_container(field)
    out = BytesIO()
    writer.write(out)
    return desk.verdict(desk.signed(out.getvalue(), field_name="Dau"))


def test_a_later_seal_may_not_cover_the_page(desk):
    report = sealed_with_box(desk, (0, 0, 595, 842))

    assert report.indication is UNCLEAR
    assert "SIGNATURE_COVERS_PAGE" in codes(report)


def test_a_seal_of_usual_size_may_be_seen(desk):
    """Leader and seal as they look on paper: ten by seven centimetres."""
    assert "SIGNATURE_COVERS_PAGE" not in codes(sealed_with_box(desk, (300, 100, 580, 300)))


# --- changes -----------------------------------------------------------------------------------------


def form_with_appearance():
    """A text field that shows one sum and holds another."""
    content, shown = b"BT /F1 18 Tf 72 700 Td (Van ban mau) Tj ET", b"BT /F1 12 Tf 2 4 Td (So tien 100) Tj ET"
    widget = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(ghichu)/V(So tien 900)/DA(/F1 12 Tf 0 g)"
    fonts = b"/Resources<</Font<</F1 5 0 R>>>>"
    return assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]/DA(/F1 12 Tf 0 g)>>>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R" + fonts + b"/Annots[6 0 R]>>",
            b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            widget + b"/Rect[72 600 300 620]/P 3 0 R/F 4/Ff 1/AP<</N 7 0 R>>>>",
            b"<</Type/XObject/Subtype/Form/BBox[0 0 228 20]%s/Length %d>>\nstream\n%s\nendstream"
            % (fonts, len(shown), shown),
        ]
    )


def test_an_untouched_field_with_an_appearance_passes(desk):
    assert desk.verdict(desk.issued(form_with_appearance())).indication is PASSED


def new_in_form(key, value):
    def change(writer):
        writer.root["/AcroForm"][pdf_name(key)] = value
        writer.update_root()
        writer.update_container(writer.root["/AcroForm"])

    return change


def new_title(writer):
    writer.set_info(generic.DictionaryObject({pdf_name("/Title"): pdf_string("QUYET DINH GIA")}))


def new_metadata(writer):
    kind = {pdf_name("/Type"): pdf_name("/Metadata"), pdf_name("/Subtype"): pdf_name("/XML")}
    writer.root["/Metadata"] = writer.add_object(generic.StreamObject(kind, stream_data=b"<x/>"))
    writer.update_root()


CHANGES = {
    "NeedAppearances": new_in_form("/NeedAppearances", generic.BooleanObject(True)),
    "form resources": new_in_form(
        "/DR", generic.DictionaryObject({pdf_name("/Pattern"): generic.DictionaryObject()})
    ),
    "title": new_title,
    "metadata": new_metadata,
}


@pytest.mark.parametrize("make", [plain_pdf, form_with_appearance])
@pytest.mark.parametrize("name", CHANGES)
def test_nothing_but_signatures_and_evidence_may_follow(desk, name, make):
    assert desk.verdict(updated(desk.issued(make()), CHANGES[name])).indication is FAILED


# --- files made to exhaust ---------------------------------------------------------------------------


def with_table(dictionary, content=b""):
    head = b"%PDF-1.7\n"
    table = b"9 0 obj\n<<%s/Length %d>>\nstream\n%s\nendstream\nendobj\n" % (
        dictionary,
        len(content),
        content,
    )
    return head + table + b"startxref\n%d\n%%%%EOF\n" % len(head)


def many_revisions():
    pdf = plain_pdf()
    for _ in range(1010):
        pdf = appended(pdf, hidden=b"")
    return pdf


def many_pages():
    kids = b"3 0 R " * 25_000
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    return assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[%s]>>" % kids, page])


ZEROS = zlib.compress(bytes(1 << 24), 9)
FLATE = b"/Type/XRef/Root 1 0 R/Filter/FlateDecode"
EXHAUSTING = {
    "a thousand million entries of no width": lambda: with_table(
        b"/Type/XRef/Size 1000000000/W[0 0 0]/Index[0 1000000000]/Root 1 0 R"
    ),
    "three million entries": lambda: with_table(FLATE + b"/Size 3000000/W[1 2 1]", ZEROS),
    "table that unpacks to more than it says": lambda: with_table(FLATE + b"/Size 1/W[1 2 1]", ZEROS),
    "table packed twice": lambda: with_table(
        b"/Type/XRef/Size 1/W[1 2 1]/Root 1 0 R/Filter[/FlateDecode/FlateDecode]", zlib.compress(ZEROS)
    ),
    "a thousand revisions": many_revisions,
    "tens of thousands of pages": many_pages,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", EXHAUSTING)
def test_absurd_claims_are_refused_before_they_are_believed(desk, name):
    report = desk.verdict(EXHAUSTING[name]())

    assert report.indication is FAILED
    assert report.sub_indications == ("FORMAT_FAILURE",)
    assert codes(report) in ({"PDF_TOO_COMPLEX"}, {"PDF_CLAIMS_TOO_MUCH"})


def test_a_file_of_too_many_pages_of_its_own_is_left_open(desk):
    """It is large, and no attack: each of its pages is an object, which circles have not."""
    numbers = range(3, 25_003)
    kids = b" ".join(b"%d 0 R" % n for n in numbers)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    pages = b"<</Type/Pages/Count 25000/Kids[%s]>>" % kids
    report = desk.verdict(assembled([b"<</Type/Catalog/Pages 2 0 R>>", pages, *([page] * len(numbers))]))

    assert (report.indication, codes(report)) == (UNCLEAR, {"PDF_TOO_LARGE"})
