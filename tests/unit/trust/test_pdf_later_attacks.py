"""Later revisions that show another document than the one signed, by ways pyHanko's rules let through."""

import re
from io import BytesIO

import pytest
from asn1crypto import cms, tsp
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields
from pyhanko.sign.signers import pdf_byterange
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper

from ebrvt_connect.trust import pdf_spelling
from ebrvt_connect.trust.signed_data import CmsMalformed, read_contents
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import (
    AT,
    assembled,
    gap_of,
    new_evidence,
    plain_pdf,
    updated,
    with_signed_data,
)

PASSED, FAILED = Indication.TOTAL_PASSED, Indication.TOTAL_FAILED
FONT = b"/Resources<</Font<</F1 5 0 R>>>>"
FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]" + FONT
SUM = b"BT /F1 18 Tf 72 700 Td (So tien: 1.000.000 dong) Tj ET"
FORGED = b"1 g 0 0 595 842 re f 0 g BT /F1 28 Tf 72 500 Td (So tien: 99.000.000.000 dong) Tj ET"


def stream(content, keys=b""):
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(content), keys, content)


def document(
    *more, content=SUM, annotations=b"6 0 R", catalogue=b"", resources=b"", parent=b"2 0 R", contents=b"4 0 R"
):
    page = b"<</Type/Page/Parent %s/MediaBox[0 0 595 842]/Contents %s/Annots[%s]" % (
        parent,
        contents,
        annotations,
    )
    widget = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(ghichu)/V(moi)/Rect[72 600 200 620]/P 3 0 R/F 4>>"
    form = b"/AcroForm<</Fields[6 0 R]/DA(/F1 0 Tf 0 g)>>"
    return assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R" + form + catalogue + b">>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1/Resources<</Font<</F1 5 0 R>>>>>>",
            page + b"/Resources<</Font<</F1 5 0 R>>" + resources + b">>>>",
            stream(content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            widget,
            *more,
        ]
    )


def revised(pdf, objects, root=None, extra=b""):
    """One more revision with these objects, as anybody can append it."""
    previous = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    size = max([int(n) for n in re.findall(rb"/Size (\d+)", pdf)] + [n + 1 for n in objects])
    out, table = bytearray(pdf), b"xref\n"
    for number, body in sorted(objects.items()):
        table += b"%d 1\n%010d 00000 n \n" % (number, len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    root = root or re.findall(rb"/Root (\d+ \d+ R)", pdf)[-1]
    trailer = b"trailer\n<</Size %d/Root %s/Prev %d%s>>" % (size, root, previous, extra)
    return bytes(out + table) + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % start


def catalogue_of(pdf):
    begin = pdf.rfind(b"\n1 0 obj")
    return pdf[begin : pdf.find(b"endobj", begin)].split(b"obj", 1)[1].strip()


def direct(**entries):
    return generic.DictionaryObject({pdf_name("/" + key): value for key, value in entries.items()})


def numbers(*values):
    return generic.ArrayObject(map(generic.NumberObject, values))


def with_field(pdf, change_page=None, **entries):
    """One more revision with a signature field; by default invisible, and empty."""
    kind = {"Type": pdf_name("/Annot"), "Subtype": pdf_name("/Widget"), "FT": pdf_name("/Sig")}
    place = {"T": pdf_string("Moi"), "Rect": numbers(0, 0, 0, 0), "F": generic.NumberObject(4)}

    def add(writer):
        page, form = writer.root["/Pages"]["/Kids"][0], writer.root["/AcroForm"]
        made = {k: v(writer) if callable(v) else v for k, v in {**kind, **place, **entries}.items()}
        field = writer.add_object(direct(**made))
        page["/Annots"].append(field)
        form["/Fields"].append(field)
        if change_page is not None:
            change_page(page)
        for changed in (page["/Annots"], page, form["/Fields"], form):
            writer.update_container(changed)

    return updated(pdf, add)


def referred(*numbers_):
    return lambda writer: generic.ArrayObject(generic.IndirectObject(n, 0, writer) for n in numbers_)


def timestamped(desk, pdf, monkeypatch, *, field=None, value=None, writer=None):
    """With a document timestamp, to whose field or dictionary something is added."""
    with monkeypatch.context() as patched:
        for cls, more in ((fields.SignatureFormField, field), (pdf_byterange.DocumentTimestamp, value)):
            if more is not None:
                patched.setattr(cls, "__init__", adding(cls.__init__, more))
        writer = writer or IncrementalPdfFileWriter(BytesIO(pdf))
        return PdfTimeStamper(desk.stamped(AT)).timestamp_pdf(writer, "sha256").getvalue()


def adding(initialised, more):
    def init(self, *args, **kwargs):
        initialised(self, *args, **kwargs)
        self.update(more)

    return init


def script():
    action = direct(S=pdf_name("/JavaScript"), JS=pdf_string("app.alert(1)"))
    return direct(PO=action)


# --- shadows: what was signed refers to something that only a later revision defines ---------------------


def shadow_under_parent(desk):
    base = document(resources=b"/XObject<</Parent 50 0 R>>", content=SUM + b" /Parent Do")
    return base, lambda pdf: revised(pdf, {50: stream(FORGED, FORM)})


def shadow_of_a_page_tree(desk):
    base = document(content=SUM + b" /X Do", parent=b"50 0 R")
    inherited = b"<</Type/Pages/Kids[3 0 R]/Count 1/Parent 2 0 R/Resources<</XObject<</X 51 0 R>>>>>>"
    return base, lambda pdf: revised(pdf, {50: inherited, 51: stream(FORGED, FORM)})


def shadow_named_as_evidence(desk):
    base, _ = shadow_under_parent(desk)
    store = b"/DSS<</VRI<</" + b"A" * 40 + b"<</TS 50 0 R>>>>>>>>"
    return base, lambda pdf: revised(pdf, {1: catalogue_of(pdf)[:-2] + store, 50: stream(FORGED, FORM)})


def shadow_content(desk):
    return document(contents=b"[4 0 R 50 0 R]"), lambda pdf: revised(pdf, {50: stream(FORGED)})


def shadow_action(desk):
    script = b"<</S/JavaScript/JS(app.alert\\(1\\))>>"
    return document(catalogue=b"/OpenAction 50 0 R"), lambda pdf: revised(pdf, {50: script})


# --- objects written over that play another part ---------------------------------------------------------


def catalogue_over_content(desk):
    return document(), lambda pdf: revised(pdf, {4: catalogue_of(pdf)}, root=b"4 0 R")


def catalogue_over_font(desk):
    return document(), lambda pdf: revised(pdf, {5: catalogue_of(pdf)}, root=b"5 0 R")


def catalogue_moved(desk):
    return document(), lambda pdf: revised(pdf, {60: catalogue_of(pdf)}, root=b"60 0 R")


def string_that_becomes_a_name(desk):
    layers = b"/OCProperties<</OCGs[7 0 R]/D<</BaseState(/OFF)/Order[]>>>>"
    hidden = SUM + b" /OC /L BDC BT /F1 18 Tf 72 660 Td (KHONG CHUYEN NHUONG) Tj ET EMC"
    base = document(
        b"<</Type/OCG/Name(L)>>",
        catalogue=layers,
        resources=b"/Properties<</L 7 0 R>>",
        content=hidden,
    )

    def attack(pdf):
        changed = re.sub(rb"/BaseState ?\([^)]*\)", b"/BaseState /OFF", catalogue_of(pdf))
        assert changed != catalogue_of(pdf)
        return revised(pdf, {1: changed})

    return base, attack


def page_whose_string_becomes_a_name(desk):
    def changed(page):
        page["/Resources"]["/ExtGState"]["/G"][pdf_name("/BM")] = pdf_name("/Multiply")

    base = document(resources=b"/ExtGState<</G<</BM(/Multiply)>>>>")
    return base, lambda pdf: with_field(pdf, changed)


def annotations_in_another_order(desk):
    notes = [b"<</Type/Annot/Subtype/Stamp/Rect[72 400 372 460]/F 4/AP<</N %d 0 R>>>>" % n for n in (9, 10)]
    base = document(*notes, stream(SUM, FORM), stream(FORGED, FORM), annotations=b"6 0 R 8 0 R 7 0 R")

    def turned(page):
        listed = list(page["/Annots"])
        listed[1], listed[2] = listed[2], listed[1]
        page[pdf_name("/Annots")] = generic.ArrayObject(listed)

    def attack(pdf):
        return with_field(pdf, turned)

    return base, attack


def signed_flag_lowered(desk):
    def attack(pdf):
        lowered = re.sub(rb"/SigFlags 3", b"/SigFlags 0", catalogue_of(pdf))
        return revised(pdf, {1: lowered})

    return document(), attack


def object_that_belongs_to_nothing(desk):
    return document(), lambda pdf: revised(pdf, {60: b"<</A 1>>"})


# --- fields ------------------------------------------------------------------------------------------------


def stamp_by_an_empty_field(desk):
    base = document(stream(FORGED, FORM), b"0", b"595", b"842")

    def painted(writer):
        return direct(N=generic.IndirectObject(7, 0, writer))

    return base, lambda pdf: with_field(pdf, Rect=referred(8, 8, 9, 10), AP=painted)


def empty_field(desk):
    return document(), with_field


def script_in_an_empty_field(desk):
    return document(), lambda pdf: with_field(pdf, AA=script())


BY_ANYBODY = [
    shadow_under_parent,
    shadow_of_a_page_tree,
    shadow_named_as_evidence,
    shadow_content,
    shadow_action,
    catalogue_over_content,
    catalogue_over_font,
    catalogue_moved,
    string_that_becomes_a_name,
    page_whose_string_becomes_a_name,
    annotations_in_another_order,
    signed_flag_lowered,
    object_that_belongs_to_nothing,
    stamp_by_an_empty_field,
    empty_field,
    script_in_an_empty_field,
]


@pytest.mark.parametrize("attack", BY_ANYBODY, ids=lambda a: a.__name__)
def test_a_later_revision_that_shows_something_else_fails(desk, attack):
    base, change = attack(desk)
    signed = desk.signed(base, role="person")

    assert desk.verdict(signed).indication is PASSED
    report = desk.verdict(change(signed))
    assert report.indication is FAILED
    assert "CHANGED_AFTER_SIGNING" in {f.code for f in report.signatures[0].findings}


@pytest.fixture(scope="module")
def plain(desk):
    return desk.signed(document(), role="person")


def test_a_timestamp_whose_dictionary_names_what_is_written_over_fails(desk, plain, monkeypatch):
    writer = IncrementalPdfFileWriter(BytesIO(plain))
    forged = generic.StreamObject(stream_data=FORGED)
    forged.container_ref = generic.Reference(4, 0, writer)
    writer.objects[(0, 4)] = forged
    named = direct(
        Type=pdf_name("/SigRef"),
        TransformMethod=pdf_name("/Identity"),
        TransformParams=generic.IndirectObject(4, 0, writer),
    )
    reference = {pdf_name("/Reference"): generic.ArrayObject([named])}
    report = desk.verdict(timestamped(desk, plain, monkeypatch, value=reference, writer=writer))

    assert report.indication is FAILED


def test_a_timestamp_whose_field_has_a_script_fails(desk, plain, monkeypatch):
    report = desk.verdict(timestamped(desk, plain, monkeypatch, field={pdf_name("/AA"): script()}))

    assert report.indication is FAILED


# --- spelling: two readers, two documents ------------------------------------------------------------------


def split_by_a_bracket(inner):
    """PyHanko ends the inner dictionary at `>x`, poppler two keys later."""
    bare = re.sub(rb"/Extensions <<.*?>>\n>>\n|/Type /Catalog\n", b"", inner, flags=re.DOTALL)
    return b"<</Type/Catalog/Extensions<< >x" + bare + b">>"


TWO_FACED = {
    "bracket that one reader takes for an end": split_by_a_bracket,
    "end of one bracket": lambda c: b"<<" + c + b">x",
    "comment": lambda c: b"<<%x\x0c/Pages 51 0 R%\n" + c + b">>",
    "number with a zero before it": lambda c: b"<<" + c.replace(b"/Pages 2 0 R", b"/Pages 02 0 R") + b">>",
    "number beyond any": lambda c: b"<<" + c.replace(b"/Pages 2 0", b"/Pages 4294967298 0") + b">>",
    "key twice, once escaped": lambda c: b"<</P#61ges 51 0 R" + c + b">>",
}


@pytest.mark.parametrize("name", TWO_FACED)
def test_a_catalogue_that_readers_read_differently_fails(desk, plain, name):
    inner = catalogue_of(plain)[2:-2]
    report = desk.verdict(revised(plain, {1: TWO_FACED[name](inner)}))

    assert report.indication is FAILED


@pytest.mark.parametrize(
    "value",
    [
        *(b"<< >x >>", b"<</A 1", b"<</A>>", b"[1>>", b"<</A 1/A 2>>", b"<</A/B/A/C>>", b"<</A#62 1/Ab 2>>"),
        *(b"<4 1", b"<41 g>", b"(a", b"(a(b)", b"<<1 2>>", b"01 0 R R", b"+1 0 R", b"1 00 R", b"/", b"nil"),
        *(b"12abc", b"1.2.3", b"% x\n1", b"[" * 200 + b"]" * 200),
    ],
)
def test_what_is_not_spelled_by_the_grammar_is_odd(value):
    with pytest.raises(pdf_spelling.SpellingOdd):
        pdf_spelling.check_object(value + b"\nendobj\n", 0)


@pytest.mark.parametrize(
    "value",
    [
        *(b"null", b"-1.5", b"+3", b".5", b"/A#20B", b"12 0 R", b"(a(b)\\)c)", b"<4 1>", b"[]", b"<<>>"),
        *(b"<</A[1 2 0 R/B(c)<41>true]/C<</D null>>/E/F>>", b"(\\\r\n\\050)", b"[1 0 0 1 72 4 0 R]"),
    ],
)
def test_what_is_spelled_by_the_grammar_is_not(value):
    pdf_spelling.check_object(value + b"\nendobj\n", 0)


# --- what is honest ----------------------------------------------------------------------------------------


def test_an_honest_reference_to_nothing_means_null(desk):
    """ISO 32000-1, 7.3.10: no error. It did break the examination as soon as a second revision came."""
    base = document(annotations=b"6 0 R 50 0 R", resources=b"/XObject<</X 99 0 R>>")
    report = desk.verdict(desk.issued(base))

    assert report.indication is PASSED


def test_a_field_added_empty_and_signed_next_has_not_changed_the_document(desk, plain):
    report = desk.verdict(desk.signed(with_field(plain), field_name="Moi"))

    assert report.indication is PASSED
    assert len(report.signatures) == 2


def test_evidence_and_timestamps_may_follow_in_any_number(desk):
    pdf = desk.issued(plain_pdf())
    for _ in range(2):
        pdf = desk.with_document_timestamp(updated(pdf, new_evidence))
    report = desk.verdict(pdf)

    assert report.indication is PASSED
    assert len(report.signatures) == 4


# --- signed attributes -------------------------------------------------------------------------------------


def attributes_of(pdf, change):
    """The last signature's attributes changed, and what the reader of signed data says."""

    def rewrite(content):
        signer = content["signer_infos"][0]
        signer["signed_attrs"] = cms.CMSAttributes(change(list(signer["signed_attrs"])))

    changed = with_signed_data(pdf, rewrite)
    start, end = gap_of(changed)
    with pytest.raises(CmsMalformed) as refused:
        read_contents(bytes.fromhex(changed[start + 1 : end - 1].decode()), timestamp=False)
    return refused.value.code


def test_no_signed_attribute_stands_twice(plain):
    time = cms.CMSAttribute({"type": "signing_time", "values": [cms.Time({"utc_time": AT})]})

    assert attributes_of(plain, lambda listed: [*listed, time, time]) == "CMS_MALFORMED"


def test_both_attributes_that_name_the_certificate_must_agree(plain):
    named = tsp.SigningCertificate({"certs": [tsp.ESSCertID({"cert_hash": bytes(20)})]})
    older = cms.CMSAttribute({"type": "signing_certificate", "values": [named]})

    assert attributes_of(plain, lambda listed: [*listed, older]) == "SIGNER_CERTIFICATE_MISMATCH"
