"""More attacks on signed PDFs: what may be added, redirected, shadowed or transplanted; none of it passes."""

import re
import zlib

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string

from ebrvt_connect.trust.policy import VN_LEGACY_2018
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AGENCY, assembled, gap_of, plain_pdf, updated

PASSED = Indication.TOTAL_PASSED


def dictionary(**entries):
    return generic.DictionaryObject({pdf_name("/" + key): value for key, value in entries.items()})


def array(*items):
    return generic.ArrayObject(items)


def number(n):
    return generic.NumberObject(n)


def script():
    return dictionary(S=pdf_name("/JavaScript"), JS=pdf_string("app.alert('x')"))


# --- entries added behind the signature ----------------------------------------------------------------


def in_catalog(key, value):
    def change(writer):
        writer.root[pdf_name("/" + key)] = value(writer) if callable(value) else value
        writer.update_root()

    return change


def in_page(key, value):
    def change(writer):
        page = writer.root["/Pages"]["/Kids"][0]
        page[pdf_name("/" + key)] = value(writer) if callable(value) else value
        writer.update_container(page)

    return change


def in_form(key, value):
    def change(writer):
        form = writer.root["/AcroForm"]
        form[pdf_name("/" + key)] = value
        writer.update_root()
        writer.update_container(form)

    return change


def in_signature_field(key, value):
    def change(writer):
        field = writer.root["/AcroForm"]["/Fields"][-1]
        field[pdf_name("/" + key)] = value(writer) if callable(value) else value
        writer.update_container(field)

    return change


def in_signature(key, value):
    def change(writer):
        dictionary_ = writer.root["/AcroForm"]["/Fields"][-1]["/V"]
        dictionary_[pdf_name("/" + key)] = value
        writer.update_container(dictionary_)

    return change


def in_font(key, value):
    def change(writer):
        font = writer.root["/Pages"]["/Kids"][0]["/Resources"]["/Font"]["/F1"]
        font[pdf_name("/" + key)] = value(writer) if callable(value) else value
        writer.update_container(font)

    return change


def stream(writer, data=b"1 g 0 0 595 842 re f", **entries):
    return writer.add_object(generic.StreamObject(dictionary(**entries), stream_data=data))


def form_xobject(writer):
    box = array(*map(number, (0, 0, 595, 842)))
    return stream(writer, Type=pdf_name("/XObject"), Subtype=pdf_name("/Form"), BBox=box)


def page_added(writer):
    pages = writer.root["/Pages"]
    page = dictionary(
        Type=pdf_name("/Page"),
        Parent=writer.root.raw_get("/Pages"),
        MediaBox=array(*map(number, (0, 0, 9, 9))),
    )
    pages["/Kids"].append(writer.add_object(page))
    pages[pdf_name("/Count")] = number(2)
    writer.update_container(pages)


def page_twice(writer):
    pages = writer.root["/Pages"]
    pages["/Kids"].append(pages["/Kids"].raw_get(0))
    pages[pdf_name("/Count")] = number(2)
    writer.update_container(pages)


def page_tree_swapped(writer):
    page = dictionary(Type=pdf_name("/Page"), MediaBox=array(*map(number, (0, 0, 595, 842))))
    tree = dictionary(Type=pdf_name("/Pages"), Kids=array(writer.add_object(page)), Count=number(1))
    writer.root[pdf_name("/Pages")] = writer.add_object(tree)
    writer.update_root()


def page_emptied(writer):
    pages = writer.root["/Pages"]
    pages[pdf_name("/Kids")] = array()
    pages[pdf_name("/Count")] = number(0)
    writer.update_container(pages)


def text_field_redirected(writer):
    """The value comes from a parent now."""
    field = writer.root["/AcroForm"]["/Fields"][0]
    parent = writer.add_object(dictionary(FT=pdf_name("/Tx"), T=pdf_string("cha"), V=pdf_string("sua")))
    field[pdf_name("/Parent")] = parent
    writer.update_container(field)


def signature_copied(writer):
    """A second field shows the same signature dictionary."""
    fields = writer.root["/AcroForm"]["/Fields"]
    copy = dictionary(FT=pdf_name("/Sig"), T=pdf_string("Khac"), V=fields[-1].raw_get("/V"))
    fields.append(writer.add_object(copy))
    writer.update_container(fields)
    writer.update_container(writer.root["/AcroForm"])


def signature_without_place(writer):
    """A later field whose signature has no /ByteRange and no /Contents (USF)."""
    fields = writer.root["/AcroForm"]["/Fields"]
    bare = dictionary(
        Type=pdf_name("/Sig"), Filter=pdf_name("/Adobe.PPKLite"), SubFilter=pdf_name("/ETSI.CAdES.detached")
    )
    fields.append(
        writer.add_object(dictionary(FT=pdf_name("/Sig"), T=pdf_string("Gia"), V=writer.add_object(bare)))
    )
    writer.update_container(fields)
    writer.update_container(writer.root["/AcroForm"])


def link_over_the_page(writer):
    page = writer.root["/Pages"]["/Kids"][0]
    link = dictionary(
        Type=pdf_name("/Annot"),
        Subtype=pdf_name("/Link"),
        Rect=array(*map(number, (0, 0, 595, 842))),
        A=dictionary(S=pdf_name("/URI"), URI=pdf_string("https://example.invalid/")),
    )
    page["/Annots"].append(writer.add_object(link))
    writer.update_container(page["/Annots"])
    writer.update_container(page)


def names_of(tree, what):
    return lambda writer: dictionary(
        **{tree: dictionary(Names=array(pdf_string("a"), writer.add_object(what())))}
    )


ADDED = {
    "open action with a script": in_catalog("OpenAction", script()),
    "named script": in_catalog("Names", names_of("JavaScript", script)),
    "embedded file": in_catalog(
        "Names", names_of("EmbeddedFiles", lambda: dictionary(Type=pdf_name("/Filespec")))
    ),
    "associated file": in_catalog("AF", array(dictionary(Type=pdf_name("/Filespec")))),
    "portfolio": in_catalog("Collection", dictionary(View=pdf_name("/H"))),
    "action when it closes": in_catalog("AA", dictionary(WC=script())),
    "action when the page opens": in_page("AA", dictionary(O=script())),
    "XFA form": in_form("XFA", pdf_string("<xdp/>")),
    "calculation order": in_form("CO", array()),
    "default appearance": in_form("DA", pdf_string("/F1 40 Tf 1 g")),
    "page labels": in_catalog(
        "PageLabels", dictionary(Nums=array(number(0), dictionary(P=pdf_string("99"))))
    ),
    "permissions": in_catalog(
        "Perms", lambda w: dictionary(DocMDP=w.root["/AcroForm"]["/Fields"][-1].raw_get("/V"))
    ),
    "usage rights": in_catalog(
        "Perms", lambda w: dictionary(UR3=w.root["/AcroForm"]["/Fields"][-1].raw_get("/V"))
    ),
    "optional content": in_catalog(
        "OCProperties", dictionary(OCGs=array(), D=dictionary(BaseState=pdf_name("/OFF")))
    ),
    "outline": in_catalog(
        "Outlines",
        lambda w: w.add_object(dictionary(First=w.add_object(dictionary(Title=pdf_string("x"), A=script())))),
    ),
    "viewer preferences": in_catalog(
        "ViewerPreferences", dictionary(HideToolbar=generic.BooleanObject(True))
    ),
    "base of links": in_catalog("URI", dictionary(Base=pdf_string("https://example.invalid/"))),
    "structure tree": in_catalog("StructTreeRoot", dictionary(Type=pdf_name("/StructTreeRoot"))),
    "language": in_catalog("Lang", pdf_string("en")),
    "destinations": in_catalog("Dests", dictionary(a=array())),
    "requirements": in_catalog("Requirements", array(dictionary(S=pdf_name("/EnableJavaScripts")))),
    "page turned": in_page("Rotate", number(180)),
    "page cropped": in_page("CropBox", array(*map(number, (0, 0, 1, 1)))),
    "page enlarged": in_page("MediaBox", array(*map(number, (0, 0, 9999, 9999)))),
    "page scaled": in_page("UserUnit", number(70)),
    "page without content": in_page("Contents", generic.NullObject()),
    "content behind the content": in_page(
        "Contents", lambda w: array(w.root["/Pages"]["/Kids"][0].raw_get("/Contents"), stream(w))
    ),
    "other resources": in_page("Resources", lambda w: dictionary(XObject=dictionary(F1=form_xobject(w)))),
    "page group": in_page("Group", dictionary(S=pdf_name("/Transparency"))),
    "no annotations": in_page("Annots", array()),
    "template": in_page("TemplateInstantiated", pdf_name("/x")),
    "page added": page_added,
    "page shown twice": page_twice,
    "page tree swapped": page_tree_swapped,
    "no pages": page_emptied,
    "font with another encoding": in_font(
        "Encoding", dictionary(Differences=array(number(65), pdf_name("/B")))
    ),
    "font with other glyphs": in_font("Subtype", pdf_name("/Type3")),
    "font with another mapping": in_font("ToUnicode", lambda w: stream(w, b"/CIDInit")),
    "value from a parent": text_field_redirected,
    "link over the page": link_over_the_page,
    "appearance of the signature": in_signature_field("AP", lambda w: dictionary(N=form_xobject(w))),
    "signature enlarged": in_signature_field("Rect", array(*map(number, (0, 0, 595, 842)))),
    "signature field renamed": in_signature_field("T", pdf_string("KyKhac")),
    "signature field with an action": in_signature_field("AA", dictionary(Fo=script())),
    "signature field of another kind": in_signature_field("FT", pdf_name("/Tx")),
    "signature taken out of its field": in_signature_field("V", generic.NullObject()),
    "another reason": in_signature("Reason", pdf_string("Da duyet")),
    "another name": in_signature("Name", pdf_string("Nguoi khac")),
    "another time": in_signature("M", pdf_string("D:20190101000000Z")),
    "another contents": in_signature("Contents", generic.ByteStringObject(b"0")),
    "references of the signature": in_signature(
        "Reference", array(dictionary(TransformMethod=pdf_name("/DocMDP")))
    ),
    "signature shown twice": signature_copied,
    "signature without a place": signature_without_place,
}


@pytest.fixture(scope="module")
def signed(desk):
    return desk.signed(timestamper=desk.stamped())


def refused(desk, data):
    """The most lenient policy does not pass it, so none does."""
    return desk.verdict(data, policy=VN_LEGACY_2018).indication is not PASSED


@pytest.mark.parametrize("name", ADDED)
def test_nothing_may_be_added_behind_a_signature(desk, signed, name):
    assert refused(desk, updated(signed, ADDED[name]))


@pytest.mark.parametrize("name", ["open action with a script", "page turned", "another reason", "page added"])
def test_a_document_timestamp_over_it_heals_nothing(desk, signed, name):
    assert refused(desk, desk.with_document_timestamp(updated(signed, ADDED[name])))


@pytest.mark.parametrize("name", ["open action with a script", "font with other glyphs", "page shown twice"])
def test_a_seal_over_a_changed_file_does_not_heal_the_leader_s_signature(desk, name):
    changed = updated(desk.signed(role="person", timestamper=desk.stamped()), ADDED[name])

    assert refused(desk, desk.signed(changed, timestamper=desk.stamped()))


# --- revisions written by hand -------------------------------------------------------------------------

FAKE = b"<</Length 44>>\nstream\nBT /F1 18 Tf 72 700 Td (NOI DUNG GIA) Tj ET \nendstream"


STREAM = b"\nstream\n%s\nendstream\nendobj\n"


def last_table(pdf):
    return int(pdf[pdf.rindex(b"startxref") :].split()[1])


def root_of(pdf):
    return re.findall(rb"/Root (\d+ \d+ R)", pdf)[-1]


def revised(
    pdf,
    objects,
    *,
    trailer=b"",
    root=None,
    previous=None,
    entry=b"%010d 00000 n \n",
    head=b"%d 0 obj\n%s\nendobj\n",
):
    """One more revision in which these objects are what is given."""
    root = root or root_of(pdf)
    out, lines = pdf, b""
    for key, body in objects.items():
        lines += b"%d 1\n" % key + (entry % len(out) if b"%" in entry else entry)
        out += head % (key, body)
    at = len(out)
    previous = last_table(pdf) if previous is None else previous
    size = b"trailer\n<</Size 99/Root %s/Prev %d%s>>\n" % (root, previous, trailer)
    return out + b"xref\n" + lines + size + b"startxref\n%d\n%%%%EOF\n" % at


def with_stream_table(pdf, *, extends=b""):
    """A cross-reference stream that takes the page's content from an object stream."""
    packed = zlib.compress(b"96 0 <<>>")
    head = b"97 0 obj\n<</Type/ObjStm/N 1/First 5%s/Filter/FlateDecode/Length %d>>" + STREAM
    out = pdf + head % (extends, len(packed), packed)
    content = len(out)
    out += b"4 0 obj\n" + FAKE + b"\nendobj\n"
    at = len(out)
    rows = [(4, 1, content, 0), (96, 2, 97, 0), (97, 1, len(pdf), 0), (98, 1, at, 0)]
    index = b" ".join(b"%d 1" % key for key, *_ in rows)
    table = b"".join(
        bytes([kind]) + place.to_bytes(4, "big") + bytes([last]) for _, kind, place, last in rows
    )
    head = b"98 0 obj\n<</Type/XRef/Size 99/W[1 4 1]/Index[%s]/Root %s/Prev %d/Length %d>>" + STREAM
    return (
        out
        + head % (index, root_of(pdf), last_table(pdf), len(table), table)
        + b"startxref\n%d\n%%%%EOF\n" % at
    )


def loop(pdf):
    return revised(pdf, {4: FAKE}, previous=len(pdf) + len(b"4 0 obj\n" + FAKE + b"\nendobj\n"))


def hybrid(pdf):
    return revised(pdf, {5: b"<</Type/Font>>"}, trailer=b"/XRefStm %d" % last_table(pdf))


def table_of_the_past(pdf):
    """The last word belongs to the first table: the signature is not there any more."""
    return pdf + b"startxref\n%d\n%%%%EOF\n" % pdf.index(b"xref\n0 ")


def freed(number_):
    return lambda pdf: revised(pdf, {number_: FAKE}, entry=b"0000000000 65535 f \n")


def concatenated(front, behind):
    return front + behind


EVIL = assembled(
    [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    ]
)
REVISIONS = {
    "the content": lambda p: revised(p, {4: FAKE}),
    "the font": lambda p: revised(p, {5: b"<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"}),
    "the page": lambda p: revised(p, {3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"}),
    "the page tree": lambda p: revised(p, {2: b"<</Type/Pages/Kids[]/Count 0>>"}),
    "the catalogue": lambda p: revised(p, {1: b"<</Type/Catalog/Pages 2 0 R>>"}),
    "another catalogue": lambda p: revised(p, {90: b"<</Type/Catalog/Pages 2 0 R>>"}, root=b"90 0 R"),
    "content of another generation": lambda p: revised(
        p, {4: FAKE}, entry=b"%010d 00001 n \n", head=b"%d 1 obj\n%s\nendobj\n"
    ),
    "content twice in one table": lambda p: revised(p, {4: FAKE}).replace(b"xref\n4 1\n", b"xref\n4 2\n"),
    "content freed": freed(4),
    "page freed": freed(3),
    "field freed": freed(6),
    "encryption": lambda p: revised(p, {}, trailer=b"/Encrypt<</Filter/Standard/V 1/R 2/O()/U()/P -1>>"),
    "information": lambda p: revised(p, {91: b"<</Title(GIA)>>"}, trailer=b"/Info 91 0 R"),
    "content from an object stream": with_stream_table,
    "object stream that extends another": lambda p: with_stream_table(p, extends=b"/Extends 97 0 R"),
    "table that comes before itself": loop,
    "hybrid table": hybrid,
    "table of the past": table_of_the_past,
    "no table before it": lambda p: revised(p, {4: FAKE}, previous=0),
    "table far behind the file": lambda p: revised(p, {4: FAKE}, previous=10**9),
    "another document behind": lambda p: concatenated(p, EVIL),
    "another document before": lambda p: concatenated(EVIL, p),
    "the same document twice": lambda p: concatenated(p, p),
    "object under another number": lambda p: revised(p, {92: FAKE}, head=b"4 0 obj\n%.0d%s\nendobj\n"),
    "zeros behind": lambda p: p + bytes(2000),
    "a page of blanks and a header behind": lambda p: p + b" " * 2000 + b"%PDF-1.7\n",
}


@pytest.mark.parametrize("name", REVISIONS)
@pytest.mark.timeout(60)
def test_a_revision_that_replaces_something_does_not_pass(desk, signed, name):
    assert refused(desk, REVISIONS[name](signed))


# --- the signature itself ------------------------------------------------------------------------------


def in_place(pdf, old, new):
    """The last of these bytes replaced by as many others."""
    at = pdf.rindex(old)
    return pdf[:at] + new.ljust(len(old))[: len(old)] + pdf[at + len(old) :]


def byte_range(written):
    def change(pdf):
        match = list(re.finditer(rb"/ByteRange \[[^\]]*\] *", pdf))[-1]
        return pdf[: match.start()] + (b"/ByteRange " + written).ljust(len(match[0])) + pdf[match.end() :]

    return change


def gap(change):
    def spoil(pdf):
        start, end = gap_of(pdf)
        inside = pdf[start:end]
        made = change(inside)
        assert len(made) == len(inside)
        return pdf[:start] + made + pdf[end:]

    return spoil


SIGNATURES = {
    "range of nothing": byte_range(b"[0 0 0 0]"),
    "range missing": byte_range(b"null"),
    "range with signs": byte_range(b"[0 -1 1 2]"),
    "range as text": byte_range(b"(0 1 2 3)"),
    "range of six": byte_range(b"[0 1 2 3 4 5]"),
    "range of references": byte_range(b"[1 0 R 2 0 R]"),
    "range of reals": byte_range(b"[0.0 1.0 2.0 3.0]"),
    "contents of zeros": gap(lambda g: b"<" + b"0" * (len(g) - 2) + b">"),
    "contents empty": gap(lambda g: b"<>".ljust(len(g))),
    "contents as text": gap(lambda g: b"(" + g[1:-1] + b")"),
    "contents with blanks": gap(lambda g: g[:-41] + b" " * 40 + g[-1:]),
    "contents with a comment": gap(lambda g: g[:-41] + b"%" + b"x" * 38 + b"\n" + g[-1:]),
    "contents closed early": gap(lambda g: g[:-60] + b">/Prop_Build(" + b"x" * 45 + b")" + b">"),
    "contents and an array": gap(lambda g: g[:-10] + b">[<00000>]"[:10]),
    "dictionary closed inside the gap": gap(lambda g: g[:-30] + b">>>endobj 4 0 obj<</A<0000000>"),
    "another sub-filter": lambda p: in_place(p, b"/ETSI.CAdES.detached", b"/adbe.pkcs7.sha1"),
    "X.509 sub-filter": lambda p: in_place(p, b"/ETSI.CAdES.detached", b"/adbe.x509.rsa_sha1"),
    "timestamp sub-filter": lambda p: in_place(p, b"/ETSI.CAdES.detached", b"/ETSI.RFC3161"),
    "type of a timestamp": lambda p: in_place(p, b"/Type /Sig", b"/Type /Xyz"),
    "another filter": lambda p: in_place(p, b"/Adobe.PPKLite", b"/Xdobe.PPKLite"),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_that_is_not_what_it_must_be_does_not_pass(desk, signed, name):
    assert refused(desk, SIGNATURES[name](signed))


def test_a_signature_of_another_document_does_not_fit(desk, signed):
    """The same layout to the byte, another text."""
    other = desk.signed(plain_pdf().replace(b"Van ban mau", b"Van ban gia"), timestamper=desk.stamped())
    start, end = gap_of(signed)
    at, to = gap_of(other)

    assert refused(desk, other[:at] + signed[start:end].ljust(to - at) + other[to:])


def test_a_signature_of_an_earlier_revision_does_not_fit_a_later_one(desk):
    first = desk.signed(role="person", timestamper=desk.stamped())
    both = desk.signed(first, timestamper=desk.stamped())
    (start, end), (at, to) = gap_of(first), gap_of(both)

    assert refused(desk, both[:at] + both[start:end].ljust(to - at) + both[to:])


def test_a_person_of_another_agency_in_front_changes_nothing_for_the_seal(desk, signed):
    """Two signatures, the first of them broken: the file is as good as its worst."""
    both = desk.signed(signed, agency=AGENCY, timestamper=desk.stamped())
    start, _ = gap_of(signed)
    broken = both[: start + 3000] + bytes([both[start + 3000] ^ 1]) + both[start + 3001 :]

    assert refused(desk, broken)
