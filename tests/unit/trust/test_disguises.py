"""Files that are two files at once, signatures handed in twice, names and times that get around a rule."""

from __future__ import annotations

import base64
import io
import re
import struct
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from asn1crypto import cms, core
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.transport.signing_pdf import sign_pdf
from ebrvt_connect.trust.policy import POLICIES, VN_2025
from ebrvt_connect.trust.verdict import DocumentKind, Indication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.ooxml_samples import HOW, office_parts, packed, signed_package
from tests.unit.trust.packet_samples import APPENDIX, MAIN, Clerk, document, errors, listed, record_of
from tests.unit.trust.samples import AGENCY, AT, plain_pdf

PASSED, UNCLEAR, FAILED = Indication.TOTAL_PASSED, Indication.INDETERMINATE, Indication.TOTAL_FAILED
CONTENT = b"Van ban mau.\n" * 20
FUTURE = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def both(pki):
    return [pki.signer(AGENCY, role="person"), pki.signer(AGENCY)]


@pytest.fixture(scope="module")
def p7m(desk, both):
    return signed_cms(CONTENT, both, signed_at=AT, timestamper=desk.stamped())


@pytest.fixture
def judge(desk):
    """The verdicts by all policies in a set, and the codes of the errors."""

    def run(data, **beside):
        reports = [
            verify_bytes(data, policy=p, trust=desk.trust, at=AT, detached=beside) for p in POLICIES.values()
        ]
        found = {f.code for r in reports for f in r.all_findings() if f.severity == "error"}
        return {r.indication for r in reports}, found

    return run


@pytest.fixture
def clerk(desk):
    return Clerk(desk)


def carrying(data, value, oid="1.3.6.1.4.1.99999.1"):
    """The file with a value in one more unsigned attribute of its last signer."""
    content = cms.ContentInfo.load(data)["content"]
    *others, last = content["signer_infos"]
    had = last["unsigned_attrs"]
    more = cms.CMSAttribute({"type": oid, "values": [value]})
    fields = ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature")
    unsigned = cms.CMSAttributes([*([] if isinstance(had, core.Void) else had), more])
    made = cms.SignerInfo({k: last[k] for k in fields} | {"unsigned_attrs": unsigned})
    content["signer_infos"] = cms.SignerInfos([*others, made])
    return cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()


def ending_well(make):
    """A file with an archive in it whose comment is all that stands behind: strict readers open it too."""
    archive = packed(office_parts("docx", title="GIA"))
    one = make(archive)
    rest = len(one) - one.index(archive) - len(archive)
    return make(archive[:-2] + struct.pack("<H", rest))


# --- CMS -----------------------------------------------------------------------------------------------


def test_a_cms_file_that_is_also_an_office_file_has_failed(judge, p7m):
    data = ending_well(lambda archive: carrying(p7m, core.OctetString(archive)))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert "word/document.xml" in opened.namelist()

    assert judge(p7m)[0] == {PASSED}
    assert judge(data) == ({FAILED}, {"FILE_IS_TWO_FILES", "CMS_ATTRIBUTE_UNKNOWN"})


@pytest.mark.parametrize(
    "oid",
    ["1.2.840.113549.1.9.16.2.23", "1.2.840.113549.1.9.16.2.24"],
    ids=["certificates", "lists"],
)
def test_nor_does_it_hide_in_an_attribute_that_is_known(judge, p7m, oid):
    sequence = core.SequenceOf([packed(office_parts("docx"))], spec=core.OctetString)

    assert judge(carrying(p7m, sequence, oid))[0] == {FAILED}


@pytest.mark.parametrize("page", [b"<html><body>GIA</body></html>", b"<H1>GIA</H1>", b"<!--x--><b>GIA</b>"])
def test_a_page_in_an_unsigned_attribute_fails_the_file(judge, p7m, page):
    assert judge(carrying(p7m, core.OctetString(page)))[0] == {FAILED}


def test_an_unknown_unsigned_attribute_leaves_it_undecided(judge, p7m):
    assert judge(carrying(p7m, core.OctetString(b"GIA"))) == ({UNCLEAR}, {"CMS_ATTRIBUTE_UNKNOWN"})


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        (b"", PASSED),
        (b'Content-Disposition: attachment;\r\n filename="smime.p7m"\r\n', PASSED),
        (b"X-A: <html><h1>GIA</h1><!--\r\n", FAILED),
        (b"X-A: <b>GIA</b>\r\n", UNCLEAR),
        (b"Content-Description: <b>GIA</b>\r\n", UNCLEAR),
        (b"Subject: GIAY PHEP\r\n", UNCLEAR),
        (b"Content-Type: multipart/mixed\r\n", UNCLEAR),
        (b"Content-Description: " + b"GIAY PHEP " * 200 + b"\r\n", UNCLEAR),
    ],
)
def test_nobody_signs_the_header_lines_of_smime(judge, p7m, more, verdict):
    kind = b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n"
    head = kind + b"Content-Transfer-Encoding: base64\r\n"

    assert judge(head + more + b"\r\n" + base64.encodebytes(p7m))[0] == {verdict}


def test_a_signed_office_file_or_page_is_what_was_signed(judge, desk, both):
    for content in (packed(office_parts("docx")), b"<html><body>x</body></html>"):
        assert judge(signed_cms(content, both, signed_at=AT, timestamper=desk.stamped()))[0] == {PASSED}


# --- PDF -----------------------------------------------------------------------------------------------


def with_evidence(pdf, content, name="/CRLs"):
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    stream = writer.add_object(generic.StreamObject(stream_data=content))
    store = generic.DictionaryObject({generic.pdf_name(name): generic.ArrayObject([stream])})
    writer.root[generic.pdf_name("/DSS")] = writer.add_object(store)
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_pdf_whose_evidence_is_an_office_file_has_failed(judge, issued):
    data = ending_well(lambda archive: with_evidence(issued, archive))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert "word/document.xml" in opened.namelist()

    assert judge(data) == ({FAILED}, {"FILE_IS_TWO_FILES", "CHANGED_AFTER_SIGNING"})


@pytest.mark.parametrize("name", ["/CRLs", "/Certs", "/OCSPs"])
def test_evidence_is_what_its_array_says(judge, pki, issued, name):
    certificate = pki.identity(f"{AGENCY}-agency-good").certificate.public_bytes(Encoding.DER)
    stray = judge(with_evidence(issued, b"GIA", name))
    other = judge(with_evidence(issued, certificate, name))
    behind = judge(with_evidence(issued, certificate + b"GIA", name))

    assert stray == behind == ({FAILED}, {"CHANGED_AFTER_SIGNING"})
    assert other[0] == ({PASSED} if name == "/Certs" else {FAILED})


# --- names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("cv.pdf", True),
        ("cv.PDF", True),
        ("cv", True),
        ("cv.docx", False),
        ("cv.html", False),
        ("cv.p7m", False),
        ("cv.docx ", False),
        ("cv.docx.", False),
        ("cv.docx\u200b", False),
        ("cv.docx\u2060", False),
        ("cv.xml", False),
    ],
)
def test_a_name_promises_the_kind_of_a_file(clerk, issued, name, fits):
    report = clerk.judged({name: issued})

    assert errors(report) == ([] if fits else ["FILE_NAME_OF_ANOTHER_KIND"])
    assert report.indication is (PASSED if fits else UNCLEAR)


@pytest.mark.parametrize(
    "other", ["a.pdf", "A.PDF", "a.pdf\u200b", "a.pdf ", "b/a.pdf", "a.pdf\u2060", "\uff41.pdf"]
)
def test_names_a_reader_cannot_tell_apart_are_one(clerk, issued, other):
    record = document(listed(1, "a.pdf", issued, MAIN), listed(2, other, plain_pdf(), APPENDIX))

    assert "PACKET_NAME_REPEATED" in errors(clerk.judge(record))


# --- one signature twice ---------------------------------------------------------------------------------


def test_one_signature_handed_in_twice_is_one(desk, pki, clerk):
    seal = pki.signer(AGENCY)
    clerk = clerk.registering((seal, AGENCY, "person"), (seal, AGENCY, "agency"))
    one = signed_cms(CONTENT, [seal], signed_at=AT, detached=True)
    again = signed_cms(CONTENT, [seal], signed_at=AT + timedelta(seconds=5), detached=True)
    xml = signed_xml(result_paper_xml("a", {"b": "c"}), [seal])
    element = re.search(rb"<ds:Signature .*</ds:Signature>", xml, re.DOTALL)[0]

    def told(**files):
        report = clerk.judge(*record_of({n.replace("_", "."): c for n, c in files.items()}))
        assert report.indication is not PASSED
        return {f.code for f in report.all_findings() if f.severity == "error"}

    assert "SIGNATURE_REPEATED" in told(a_txt=CONTENT, a_txt_p7s=one, a_p7s=one)
    assert "SIGNATURE_REPEATED" in told(a_xml=xml.replace(element, element + element))
    assert "ONE_SIGNATURE_FOR_BOTH" in told(a_txt=CONTENT, a_txt_p7s=one, a_p7s=again)


# --- times ---------------------------------------------------------------------------------------------


def beside(leader, seal):
    return {"a.txt": CONTENT, "a.txt.p7s": leader, "a.p7s": seal}


@pytest.mark.parametrize(
    ("led", "sealed", "code"),
    [
        (AT, AT, None),
        (AT, AT - timedelta(days=10), "SEAL_BEFORE_LEADER"),
        (AT, FUTURE, "CLAIMED_TIME_IN_FUTURE"),
        (FUTURE, AT, "CLAIMED_TIME_IN_FUTURE"),
    ],
)
def test_a_claimed_time_in_the_future_gets_around_no_rule(clerk, both, led, sealed, code):
    files = beside(
        *(
            signed_cms(CONTENT, [s], signed_at=t, detached=True)
            for s, t in zip(both, (led, sealed), strict=True)
        )
    )
    report = clerk.judge(*record_of(files, dated=date(2026, 11, 13)))

    assert report.indication is (PASSED if code is None else UNCLEAR)
    assert code is None or code in {f.code for f in report.all_findings()}


def test_a_pdf_that_claims_the_future_is_undecided(clerk, both):
    leader, seal = both
    pdf = sign_pdf(plain_pdf(), leader, role="person", signed_at=FUTURE)
    report = clerk.judged({"a.pdf": sign_pdf(pdf, seal, role="agency", signed_at=AT)})

    assert report.indication is UNCLEAR


def test_without_times_neither_order_nor_date_can_be_told(clerk, both):
    xml = signed_xml(result_paper_xml("a", {"b": "c"}), both)
    untold = {"SIGNING_ORDER_UNKNOWN", "SIGNING_DATE_UNKNOWN"}

    assert set(errors(clerk.judged({"a.xml": xml}, dated=date(2020, 1, 1)))) == untold


@pytest.mark.parametrize(("early", "told"), [(timedelta(hours=30), False), (timedelta(days=900), True)])
def test_a_claim_long_before_its_timestamp_is_told(desk, early, told):
    report = desk.verdict(desk.signed(at=AT - early, timestamper=desk.stamped()))

    assert ("CLAIMED_TIME_DIFFERS" in {f.code for f in report.all_findings()}) is told


# --- properties an Office file shows ---------------------------------------------------------------------

_BOUND = (
    b"<w:sdt><w:sdtPr><w:dataBinding w:prefixMappings=\"xmlns:cp='http://schemas.openxmlformats.org/package/2006/"
    b'metadata/core-properties\'" w:xpath="/cp:coreProperties[1]/dc:title[1]" '
    b'w:storeItemID="{6C3C8BC8-F283-45AE-878A-BAB7291924A1}"/><w:text/></w:sdtPr><w:sdtContent><w:p/>'
    b"</w:sdtContent></w:sdt>"
)
_SPLIT = (
    b'<w:p><w:r><w:fldChar w:fldCharType="begin"/><w:instrText> DOCPRO</w:instrText></w:r>'
    b"<w:r><w:instrText>PERTY Gia </w:instrText></w:r></w:p>"
)


@pytest.mark.parametrize(
    ("shown", "weighs"),
    [
        (b"", False),
        (b'<w:p><w:fldSimple w:instr=" PAGE "/></w:p>', False),
        (b'<w:p><w:fldSimple w:instr=" MERGEFIELD Title "/></w:p>', False),
        (b"<w:p><w:r><w:t>TITLE</w:t></w:r></w:p>", False),
        (b'<w:sdt><w:sdtPr><w:dataBinding w:xpath="/a" w:storeItemID="{1}"/></w:sdtPr></w:sdt>', False),
        (_BOUND, True),
        (b'<w:p><w:fldSimple w:instr=" TITLE "/></w:p>', True),
        (b"<w:p><w:fldSimple w:instr='Author'/></w:p>", True),
        (_SPLIT, True),
    ],
)
def test_properties_nobody_signed_weigh_where_they_are_shown(desk, both, shown, weighs):
    parts = office_parts("docx")
    body = parts["word/document.xml"]
    start = body.index(b"<w:body>") + len(b"<w:body>")
    parts["word/document.xml"] = body[:start] + shown + body[start:]
    report = verify_bytes(
        packed(signed_package(parts, both[1], HOW)), policy=VN_2025, trust=desk.trust, at=AT
    )
    codes = {f.code for f in report.all_findings()}

    assert report.kind is DocumentKind.OOXML
    assert report.signatures[0].coverage.level == "partial"
    assert "OOXML_PROPERTIES_UNSIGNED" in codes
    assert ("OOXML_PROPERTIES_SHOWN" in codes) is weighs
    assert report.indication is (UNCLEAR if weighs else PASSED)


def test_xml_that_only_mentions_edxml_is_no_packet_for_who_asks_for_one(desk, pki):
    paper = signed_xml(result_paper_xml("Gửi theo edXML", {"Số": "1"}), [pki.signer(AGENCY)])
    facts = {"policy": VN_2025, "trust": desk.trust, "at": AT}
    asked = verify_bytes(paper, kind=DocumentKind.EDXML, **facts)

    assert verify_bytes(paper, **facts).indication is Indication.TOTAL_PASSED
    assert asked.indication is Indication.TOTAL_FAILED
    assert [f.code for f in asked.findings] == ["KIND_NOT_AS_NAMED"]
