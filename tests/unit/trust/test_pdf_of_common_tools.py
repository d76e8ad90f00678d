"""What Word exports and iText and PDFBox sign, of which most documents of agencies are; and its abuse.

Written by hand after files these tools made; two signatures by such tools must stand beside each other.
"""

import re
from io import BytesIO

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.reader import PdfFileReader

from ebrvt_connect.transport.signing_appearance import AppearanceRules
from ebrvt_connect.trust.pdf_metadata import stable_metadata
from ebrvt_connect.trust.pdf_reading import open_pdf
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import assembled, plain_pdf, updated
from tests.unit.trust.word_samples import METADATA, PACKED, word_pdf

PASSED, FAILED = Indication.TOTAL_PASSED, Indication.TOTAL_FAILED


def codes(report):
    return {f.code for f in report.all_findings()}


# --- what Word exports -------------------------------------------------------------------------------


def test_a_document_exported_from_word_is_signed_and_judged_like_any_other(desk):
    assert desk.verdict(desk.issued(word_pdf(), timestamper=desk.stamped())).indication is PASSED


def test_each_object_of_a_document_of_word_is_where_other_readers_find_it():
    data = word_pdf()
    ours, theirs = open_pdf(data, VN_2025).reader, PdfFileReader(BytesIO(data), strict=False)
    for number in range(20):
        at = generic.Reference(number, 0)
        try:
            there = theirs.xrefs[at]
        except KeyError:
            there = None
        try:
            here = ours.xrefs[at]
        except KeyError:
            here = None
        assert here == there, number


def moved(wanted, place):
    return lambda number, row: b"\1%s\0\0" % place.to_bytes(4) if number == wanted else row


def gone(wanted):
    return lambda number, row: b"\0\0\0\0\0\0\0" if number == wanted else row


def packed(wanted):
    return lambda number, row: b"\2%s\0\0" % PACKED.to_bytes(4) if number == wanted else row


def behind_itself(data):
    """Some other stream, which stands behind the table and could be written later."""
    end = len(data) + 40
    return re.sub(rb"/XRefStm \d+", b"/XRefStm %d" % end, data)


def named_twice(data):
    """A second table names the hidden one again, as sloppy signing tools do."""
    hidden = int(re.findall(rb"/XRefStm (\d+)", data)[-1])
    start, before = len(data) + 2, int(re.findall(rb"startxref\r\n(\d+)", data)[-1])
    table = b"\r\nxref\r\n0 0\r\ntrailer\r\n<</Size 14/Root 1 0 R/Info 8 0 R/Prev %d/XRefStm %d>>"
    return data + table % (before, hidden) + b"\r\nstartxref\r\n%d\r\n%%%%EOF\r\n" % start


def free_beside(data):
    """What the hidden table has in use the table that names it calls free."""
    free = b"xref\r\n10 1\r\n0000000000 00001 f\r\n"
    at = data.rindex(b"xref\r\n0 0\r\n")
    return data[:at] + free + data[at + len(b"xref\r\n0 0\r\n") :]


DIFFERENT = {
    "an object stands elsewhere": lambda: word_pdf(row=moved(5, 17)),
    "an object is gone": lambda: word_pdf(row=gone(4)),
    "an object is another one, out of a stream": lambda: word_pdf(row=packed(4)),
    "a table that is not there yet": lambda: behind_itself(word_pdf()),
    "two such tables": lambda: named_twice(word_pdf()),
    "free and in use at once": lambda: free_beside(word_pdf()),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_two_tables_that_tell_different_things_are_refused(desk, name):
    report = desk.verdict(DIFFERENT[name]())

    assert report.indication is FAILED
    assert codes(report) & {"PDF_HYBRID_XREF", "PDF_UNREADABLE"}


def test_a_second_table_behind_a_signature_is_refused(desk):
    signed = desk.signed(word_pdf(), timestamper=desk.stamped())
    assert desk.verdict(named_twice(signed + b"\r\n")).indication is FAILED


# --- what signing tools write besides ----------------------------------------------------------------

SAME_ANEW = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 5.1.0-jc003">
  <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description rdf:about="" xmlns:p="http://ns.adobe.com/pdf/1.3/" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
      p:Producer="iText 5.5.13; modified using iText 5.5.13" xmp:CreatorTool="Microsoft® Word 2016"
      xmp:CreateDate="2026-11-20T08:00:00+07:00" xmp:ModifyDate="2026-11-23T22:47:31Z"
      xmp:MetadataDate="2026-11-23T22:47:31Z" xmpMM:DocumentID="uuid:EA62CC18-B0F5-4B5C-8C0A-01"
      xmpMM:InstanceID="uuid:EA62CC18-B0F5-4B5C-8C0A-02">
      <dc:creator>
        <rdf:Seq>
          <rdf:li>Nguyen Van A</rdf:li>
        </rdf:Seq>
      </dc:creator>
    </rdf:Description>
  </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def described_pdf():
    """A plain page with metadata, and no form yet."""
    text = b"BT /F1 18 Tf 72 700 Td (Van ban mau) Tj ET"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
    return assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R/Metadata 6 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            page + b"/Resources<</Font<</F1 5 0 R>>>>>>",
            b"<</Length %d>>\nstream\n%s\nendstream" % (len(text), text),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Type/Metadata/Subtype/XML/Length %d>>\nstream\n%s\nendstream" % (len(METADATA), METADATA),
        ]
    )


def revised(pdf, number, body):
    """One more revision, in which one object is what is given."""
    place, table = len(pdf), len(pdf) + len(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    before = int(pdf[pdf.rindex(b"startxref") :].split()[1])
    size = max(number + 1, *map(int, re.findall(rb"/Size (\d+)", pdf)))
    out = pdf + b"%d 0 obj\n%s\nendobj\nxref\n%d 1\n%010d 00000 n \n" % (number, body, number, place)
    out += b"trailer\n<</Size %d/Root 1 0 R/Prev %d>>\n" % (size, before)
    return out + b"startxref\n%d\n%%%%EOF\n" % table


def described_anew(desk, xmp, more=b"/Type/Metadata/Subtype/XML", pdf=None):
    """The leader's signature, and the metadata as the tool of the next signer writes it."""
    signed = desk.signed(described_pdf() if pdf is None else pdf, role="person")
    stream = b"<<%s/Length %d>>\nstream\n%s\nendstream" % (more, len(xmp), xmp)
    return desk.verdict(revised(signed, 6, stream))


def with_defaults(resources=None, appearance="/Helv 0 Tf 0 g "):
    """As iText leaves them with the form; in the revision of a seal they stand just so."""

    def change(writer):
        form = writer.root["/AcroForm"]
        if resources is not None:
            form[pdf_name("/DR")] = resources(writer)
        if appearance is not None:
            form[pdf_name("/DA")] = pdf_string(appearance)
        writer.update_container(form)

    return change


def dictionary(**entries):
    return generic.DictionaryObject({pdf_name(f"/{key}"): value for key, value in entries.items()})


def font(base="/Helvetica", **more):
    more = {"Encoding": pdf_name("/WinAnsiEncoding"), **more}
    return dictionary(
        Type=pdf_name("/Font"),
        Subtype=pdf_name("/Type1"),
        BaseFont=pdf_name(base),
        Name=pdf_name("/Helv"),
        **more,
    )


def usual_resources(writer):
    drawn = generic.StreamObject(dictionary(Subtype=pdf_name("/Form")), stream_data=b"q Q")
    fonts = dictionary(Helv=writer.add_object(font()), ZaDb=writer.add_object(font("/ZapfDingbats")))
    return dictionary(Font=fonts, XObject=dictionary(FRM=writer.add_object(drawn)))


def followed_by(desk, change, pdf=None):
    """The leader's signature, and what the tool of the next signer writes besides."""
    return desk.verdict(updated(desk.signed(described_pdf() if pdf is None else pdf, role="person"), change))


def test_a_tool_that_writes_the_metadata_anew_changes_nothing(desk):
    assert described_anew(desk, SAME_ANEW).indication is PASSED


def test_a_tool_that_gives_the_form_its_defaults_changes_nothing(desk):
    assert followed_by(desk, with_defaults(usual_resources)).indication is PASSED


def test_leader_and_seal_of_a_document_with_metadata_pass(desk):
    assert desk.verdict(desk.issued(described_pdf())).indication is PASSED


OTHER_METADATA = {
    "another author": SAME_ANEW.replace(b"Nguyen Van A", b"Nguyen Van B"),
    "one more property": SAME_ANEW.replace(b"xmpMM:InstanceID", b'dc:title="Cong van khac" xmpMM:InstanceID'),
    "a property less": SAME_ANEW.replace(b'xmp:CreatorTool="Microsoft\xc2\xae Word 2016"', b""),
    "a property told twice": SAME_ANEW.replace(
        b"<dc:creator>",
        b"<dc:creator><rdf:Seq><rdf:li>Nguyen Van A</rdf:li></rdf:Seq></dc:creator><dc:creator>",
    ),
    "loose text": SAME_ANEW.replace(b"<dc:creator>", b"<dc:creator>Da duyet"),
    "a document type": b'<!DOCTYPE x [<!ENTITY a "b">]>' + SAME_ANEW,
    "no metadata at all": b"Da duyet",
}


@pytest.mark.parametrize("name", OTHER_METADATA)
def test_metadata_that_says_something_else_fails(desk, name):
    assert described_anew(desk, OTHER_METADATA[name]).indication is FAILED


def test_metadata_that_is_a_picture_too_fails(desk):
    assert described_anew(desk, SAME_ANEW, b"/Type/XObject/Subtype/Image/Width 1").indication is FAILED
    crypt = b"/Type/Metadata/Subtype/XML/Filter/Crypt"
    assert described_anew(desk, SAME_ANEW, crypt).indication is FAILED


def test_metadata_that_a_page_paints_may_not_be_written_anew(desk):
    pdf = described_pdf().replace(b"/Contents 4 0 R/Resources", b"/Contents 6 0 R/Resources")
    assert described_anew(desk, SAME_ANEW, pdf=pdf).indication is FAILED


def embedded_font(writer):
    file = writer.add_object(generic.StreamObject(stream_data=b"%!"))
    return dictionary(Font=dictionary(Helv=writer.add_object(font(FontDescriptor=dictionary(FontFile=file)))))


def turned_letters(writer):
    letters = generic.ArrayObject([generic.NumberObject(49), pdf_name("/nine")])
    turned = dictionary(Type=pdf_name("/Encoding"), Differences=letters)
    return dictionary(Font=dictionary(Helv=writer.add_object(font(Encoding=turned))))


DEFAULTS = {
    "a font with letters of its own": with_defaults(embedded_font),
    "a font with its letters turned": with_defaults(turned_letters),
    "a font of another name": with_defaults(lambda _: dictionary(Font=dictionary(F1=font()))),
    "symbols for letters": with_defaults(lambda _: dictionary(Font=dictionary(Helv=font("/Symbol")))),
    "resources of another kind": with_defaults(lambda _: dictionary(Pattern=dictionary())),
    "a default in white": with_defaults(usual_resources, "/Helv 0 Tf 1 g"),
    "another default, besides": with_defaults(usual_resources, "/Helv 0 Tf 0 g 1 1 1 rg"),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_that_could_paint_something_else_fail(desk, name):
    assert followed_by(desk, DEFAULTS[name]).indication is FAILED


def test_a_default_appearance_comes_to_no_form_that_has_text_fields(desk):
    pdf = plain_pdf().replace(b"/DA(/F1 0 Tf 0 g)", b"")
    # The offsets behind it are those of the shorter file.
    offsets = {int(n): m.start() for m in re.finditer(rb"(\d+) 0 obj", pdf) for n in [m[1]]}
    start = pdf.index(b"xref\n0 7")
    entries = b"".join(b"%010d 00000 n \n" % offsets[n] for n in range(1, 7))
    pdf = pdf[:start] + b"xref\n0 7\n0000000000 65535 f \n" + entries
    pdf += b"trailer\n<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start

    assert followed_by(desk, with_defaults(), pdf).indication is FAILED


def test_defaults_that_are_there_may_not_be_replaced(desk):
    signed = desk.signed(described_pdf(), role="person")
    stamped = desk.signed(updated(signed, with_defaults(usual_resources)))
    again = desk.signed(updated(stamped, with_defaults(lambda _: dictionary(Font=dictionary(Helv=font())))))

    assert desk.verdict(stamped).indication is PASSED
    assert desk.verdict(again).indication is FAILED


@pytest.mark.parametrize(
    "xmp",
    [
        b"",
        b"<x/>",
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><a/></rdf:RDF>',
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>' + b" " * 300_000 + b"<!-- -->",
        METADATA.replace(b"<rdf:li>", b"<rdf:li rdf:resource='x'>"),
        METADATA.replace(b'rdf:about="" xmlns:dc', b'rdf:about="x" xmlns:dc'),
    ],
)
def test_what_is_no_metadata_is_told_as_such(xmp):
    with pytest.raises(ValueError, match="metadata"):
        stable_metadata(xmp)


# --- how they write tables and fields ----------------------------------------------------------------


def freeing(pdf, number):
    """One more revision, which calls an object free and does nothing else."""
    before = int(pdf[pdf.rindex(b"startxref") :].split()[1])
    size = max(number + 1, *map(int, re.findall(rb"/Size (\d+)", pdf)))
    out = pdf + b"xref\n%d 1\n0000000000 65535 f \ntrailer\n<</Size %d/Root 1 0 R/Prev %d>>\n" % (
        number,
        size,
        before,
    )
    return out + b"startxref\n%d\n%%%%EOF\n" % len(pdf)


def test_a_number_that_nobody_has_used_may_be_called_free(desk):
    """So does iText with the number of its own cross-reference stream."""
    assert desk.verdict(freeing(desk.signed(described_pdf()), 90)).indication is PASSED


@pytest.mark.parametrize("number", [1, 3, 4, 5, 6, 8])
def test_nothing_that_is_there_may_be_called_free(desk, number):
    assert desk.verdict(freeing(desk.signed(described_pdf()), number)).indication is FAILED


def idle_table(place, *, said=None, widths=b"1 4 2"):
    """A cross-reference stream that no trailer names, as PDFBox leaves it in files of Word."""
    row = b"\1%s\0\0" % (place if said is None else said).to_bytes(4) if widths == b"1 4 2" else b""
    about = b"/Type/XRef/Size 91/Index[90 1]/W[%s]/Root 1 0 R/Length %d" % (widths, len(row))
    return b"<<%s>>\nstream\n%s\nendstream" % (about, row)


def test_a_table_nobody_reads_may_say_what_the_table_says(desk):
    signed = desk.signed(word_pdf())
    assert desk.verdict(revised(signed, 90, idle_table(len(signed)))).indication is PASSED


@pytest.mark.parametrize("more", [{"said": 17}, {"widths": b"0 0 0"}], ids=["another place", "nothing"])
def test_a_table_nobody_reads_may_say_nothing_else(desk, more):
    signed = desk.signed(word_pdf())
    assert desk.verdict(revised(signed, 90, idle_table(len(signed), **more))).indication is FAILED


def prepared_pdf():
    """Two empty fields for signatures below one that only lends them its name."""
    text = b"BT /F1 18 Tf 72 700 Td (Van ban mau) Tj ET"
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(%d)/Rect[100 %d00 250 %d40]/F 4/P 3 0 R/Parent 8 0 R>>"
    fields = [field % (n, n, n) for n in (1, 2)]
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Annots[6 0 R 7 0 R]"
    return assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[8 0 R]/SigFlags 1>>>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            page + b"/Resources<</Font<</F1 5 0 R>>>>>>",
            b"<</Length %d>>\nstream\n%s\nendstream" % (len(text), text),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            *fields,
            b"<</T(form)/Kids[6 0 R 7 0 R]>>",
        ]
    )


def test_a_prepared_field_below_another_may_be_signed_and_seen(desk):
    seen = AppearanceRules.packaged().mark_of_copy("SAO Y", "UBND")
    led = desk.signed(prepared_pdf(), role="person", field_name="form.1")
    sealed = desk.signed(led, field_name="form.2", appearance=seen)

    assert desk.verdict(sealed).indication is PASSED
