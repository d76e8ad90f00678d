"""edXML packets: the envelope and every attached file, and what the signature in the header leaves out."""

import re
from base64 import b64encode

import pytest

from ebrvt_connect.api import verify
from ebrvt_connect.codec.edxml_write import write_status
from ebrvt_connect.codec.held_files import HeldFiles, TooMuchHeld
from ebrvt_connect.model.document import Agency, DocumentReference, DocumentStatus
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.trust.policy import VN_2025
from tests.unit.trust.packet_samples import (
    Clerk,
    codes,
    edxml,
    errors,
    sealed_edxml,
    without_manifest_entry,
)
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY


@pytest.fixture(scope="module")
def good(desk):
    return desk.issued(timestamper=desk.stamped())


@pytest.fixture(scope="module")
def appendix(desk):
    return desk.signed(timestamper=desk.stamped())


@pytest.fixture
def clerk(desk):
    return Clerk(desk)


@pytest.fixture
def seal(pki):
    return pki.signer(AGENCY)


def tampered(pdf):
    return pdf.replace(b"Van ban mau", b"Van ban xau", 1)


# --- the files ----------------------------------------------------------------------------------------


def test_good_files_pass_in_an_envelope_nobody_signed(clerk, good, appendix):
    report = clerk.judge(edxml({"cv.pdf": good, "pl.pdf": appendix}))

    assert (report.indication, errors(report)) == ("TOTAL_PASSED", [])
    assert "ENVELOPE_NOT_SIGNED" in codes(report, "info")
    assert [f.part for f in report.files] == ["main", "appendix"]
    assert [d["file"] for d in report.to_dict()["documents"]] == ["cv.pdf", "pl.pdf"]
    assert [f.code for f in report.all_findings() if f.severity == "error"] == []
    report.raise_for_status()


@pytest.mark.parametrize(
    ("spoil", "indication"), [(tampered, "TOTAL_FAILED"), (lambda pdf: pdf + b"x", "TOTAL_FAILED")]
)
@pytest.mark.parametrize("signed", [True, False], ids=["envelope signed", "envelope unsigned"])
def test_a_tampered_file_fails_whatever_the_envelope_says(clerk, good, seal, spoil, indication, signed):
    packet = edxml({"cv.pdf": spoil(good)})
    report = clerk.judge(sealed_edxml(packet, seal) if signed else packet)

    assert report.indication == indication
    if signed:
        assert report.envelope.indication == "TOTAL_PASSED"


def test_a_tampered_envelope_fails_however_good_the_files_are(clerk, good, seal):
    packet = sealed_edxml(edxml({"cv.pdf": good}), seal)
    report = clerk.judge(packet.replace(b">125<", b">126<", 1))

    assert (report.indication, report.envelope.indication) == ("TOTAL_FAILED", "TOTAL_FAILED")
    assert report.files[0].report.indication == "TOTAL_PASSED"


def test_an_unsigned_appendix_in_its_own_file_does_not_pass(clerk, good):
    report = clerk.judge(edxml({"cv.pdf": good, "pl.xlsx": workbook_xlsx()}))

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["APPENDIX_NOT_SIGNED"])


def test_a_detached_signature_in_the_packet_signs_its_sibling(clerk, pki, good):
    seal, table = pki.signer(AGENCY), workbook_xlsx()
    beside = signed_cms(table, [seal], signed_at=AT, detached=True)

    packet = edxml({"cv.pdf": good, "pl.xlsx": table, "pl.xlsx.p7s": beside})
    assert clerk.judge(packet).indication == "TOTAL_PASSED"
    replaced = edxml({"cv.pdf": good, "pl.xlsx": workbook_xlsx("Khac"), "pl.xlsx.p7s": beside})
    assert clerk.judge(replaced).indication == "TOTAL_FAILED"
    alone = edxml({"cv.pdf": good, "pl.xlsx.p7s": beside})
    assert clerk.judge(alone).indication == "INDETERMINATE"


def test_a_file_announced_and_not_brought_is_missed(clerk, good, appendix):
    packet = edxml({"cv.pdf": good, "pl.pdf": appendix})
    parts = list(re.finditer(rb"<(?:\w+:)?Attachment>.*?</(?:\w+:)?Attachment>", packet, re.DOTALL))
    report = clerk.judge(packet[: parts[-1].start()] + packet[parts[-1].end() :])

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["PACKET_FILE_MISSING"])


def test_a_file_brought_and_not_announced_does_not_pass(clerk, good, appendix):
    report = clerk.judge(without_manifest_entry(edxml({"cv.pdf": good, "pl.pdf": appendix}), 1))

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["PACKET_FILE_UNLISTED"])


def test_a_file_brought_twice_under_one_announcement_does_not_pass(clerk, good):
    packet = edxml({"cv.pdf": good})
    (part,) = re.findall(rb"<(?:\w+:)?Attachment>.*?</(?:\w+:)?Attachment>", packet, re.DOTALL)
    report = clerk.judge(packet.replace(part, part + part, 1))

    assert report.indication == "INDETERMINATE"
    assert set(errors(report)) >= {"PACKET_FILE_UNLISTED", "PACKET_NAME_REPEATED"}


def test_the_issuer_is_who_the_header_says_and_not_who_signed(clerk, good):
    report = clerk.judge(edxml({"cv.pdf": good}, issuer=OTHER_AGENCY))

    assert (report.indication, errors(report)[0]) == ("INDETERMINATE", "AGENCY_SEAL_FOREIGN")


# --- the signature in the header ----------------------------------------------------------------------


def test_a_signature_over_the_whole_covers_the_files_and_says_so(clerk, good, seal):
    report = clerk.judge(sealed_edxml(edxml({"cv.pdf": good}), seal))

    assert (report.indication, errors(report)) == ("TOTAL_PASSED", [])
    (said,) = [f for f in report.findings if f.code == "ENVELOPE_COVERS_FILES"]
    assert "gồm cả nội dung các tệp đính kèm" in said.message_vi


@pytest.mark.parametrize("part", ["edXMLEnvelope", "edXMLHeader", "MessageHeader", "edXMLBody"])
def test_a_signature_over_a_part_says_plainly_that_the_files_are_left_out(clerk, good, seal, part):
    report = clerk.judge(sealed_edxml(edxml({"cv.pdf": good}), seal, find=part))

    (said,) = [f for f in report.findings if f.code == "ENVELOPE_LEAVES_FILES"]
    assert "KHÔNG bảo vệ nội dung các tệp đính kèm" in said.message_vi
    assert report.indication == "INDETERMINATE"


def test_the_agencys_seal_on_the_whole_packet_covers_an_appendix_with_a_warning(clerk, good, seal):
    packet = edxml({"cv.pdf": good, "pl.xlsx": workbook_xlsx()})
    report = clerk.judge(sealed_edxml(packet, seal))

    assert (report.indication, errors(report)) == ("TOTAL_PASSED", [])
    assert "APPENDIX_IN_SEALED_PACKET" in codes(report, "warning")


@pytest.mark.parametrize("whose", ["other agency", "packets", "part only", "tampered"])
def test_nothing_less_than_the_agencys_seal_on_the_whole_covers_an_appendix(clerk, pki, good, whose):
    packet = edxml({"cv.pdf": good, "pl.xlsx": workbook_xlsx()})
    seal, other = pki.signer(AGENCY), pki.signer(OTHER_AGENCY)
    made = {
        "other agency": lambda: sealed_edxml(packet, other),
        "packets": lambda: sealed_edxml(packet, other),
        "part only": lambda: sealed_edxml(packet, seal, find="edXMLHeader"),
        "tampered": lambda: sealed_edxml(packet, seal).replace(b">125<", b">126<", 1),
    }[whose]()
    if whose == "packets":
        clerk = clerk.registering(
            (pki.signer(AGENCY, role="person"), AGENCY, "person"),
            (seal, AGENCY, "agency"),
            (other, AGENCY, "packet"),
        )
    report = clerk.judge(made)

    assert report.indication != "TOTAL_PASSED"
    assert "APPENDIX_NOT_SIGNED" in errors(report)


def test_the_packets_seal_does_not_replace_the_leader_and_the_seal_on_the_document(clerk, desk, seal):
    from tests.unit.trust.samples import plain_pdf

    report = clerk.judge(sealed_edxml(edxml({"cv.pdf": plain_pdf()}), seal))

    assert report.indication == "INDETERMINATE"
    assert {"AGENCY_SEAL_MISSING", "LEADER_SIGNATURE_MISSING"} <= set(errors(report))


@pytest.mark.parametrize(
    ("flavour", "code"),
    [
        ("impostor", "PACKET_SIGNATURE_MISSING"),
        ("unlisted", "PACKET_SIGNATURE_MISSING"),
        ("revoked", "PACKET_SIGNATURE_NOT_PASSED"),
    ],
)
def test_an_envelope_signed_by_nobody_known_does_not_pass(clerk, pki, good, flavour, code):
    report = clerk.judge(sealed_edxml(edxml({"cv.pdf": good}), pki.signer(AGENCY, flavour=flavour)))

    assert report.indication != "TOTAL_PASSED"
    assert code in errors(report)


def test_a_signature_in_the_namespace_of_edxml_proves_nothing_and_is_told(clerk, good):
    header = b"<Signature><SignedInfo>x</SignedInfo></Signature></edXML:edXMLHeader>"
    packet = edxml({"cv.pdf": good})
    (end,) = set(re.findall(rb"</(?:\w+:)?edXMLHeader>", packet))
    report = clerk.judge(packet.replace(end, header.replace(b"</edXML:edXMLHeader>", end), 1))

    assert "ENVELOPE_NOT_VERIFIABLE" in codes(report, "warning")
    assert report.indication == "TOTAL_PASSED"


# --- what is no packet --------------------------------------------------------------------------------


def test_a_status_packet_carries_no_document(clerk):
    status = DocumentStatus(
        code="03",
        reporter=Agency(code=AgencyCode.parse(AGENCY)),
        about=DocumentReference(agency_code=AgencyCode.parse(OTHER_AGENCY), number="1/A"),
    )
    report = clerk.judge(write_status(status))

    assert (report.indication, errors(report)) == ("INDETERMINATE", ["PACKET_WITHOUT_DOCUMENT"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<edXML",
        b"<edXML/>",
        b'<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"/>',
        b'<!DOCTYPE a [<!ENTITY b "c">]><edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">&b;</edXML>',
        b"%PDF-1.7\n",
        bytes(range(256)) * 8,
    ],
)
def test_whatever_is_no_packet_fails_as_such(clerk, content):
    report = clerk.judge(content)

    assert (report.indication, "PACKET_UNREADABLE" in errors(report)) == ("TOTAL_FAILED", True)
    assert "{" not in report.to_text_vi()


def test_truncated_anywhere_it_never_passes_and_never_raises(clerk, good):
    packet = edxml({"cv.pdf": good})
    for cut in range(0, len(packet) - 1, len(packet) // 25):
        assert clerk.judge(packet[:cut]).indication != "TOTAL_PASSED"


def test_files_do_not_stand_beside_an_edxml_packet(clerk, good):
    with pytest.raises(ValueError, match="own files"):
        clerk.judge(edxml({"cv.pdf": good}), {"cv.pdf": good})


def test_a_packet_past_the_limit_is_unclear(desk, good):
    small = VN_2025.model_copy(update={"largest_bytes": 1000})
    report = Clerk(desk, policy=small).judge(edxml({"cv.pdf": good}))

    assert (report.indication, "FILE_TOO_LARGE" in errors(report)) == ("INDETERMINATE", True)


def test_files_larger_together_than_is_kept_are_not_kept():
    held = HeldFiles(10)
    first = held.put([b"12345", b"678"], limit_bytes=100)
    with pytest.raises(TooMuchHeld):
        held.put(iter([b"abc"]), limit_bytes=100)

    assert held.put([b"12345678"], limit_bytes=100) == first, "the same again is kept once"
    assert held.read(first.sha256) == b"12345678"


# --- verify() on the same -----------------------------------------------------------------------------


@pytest.fixture
def verdict(desk):
    def judge(data):
        return verify(data, policy=VN_2025, trust=desk.trust, at=AT)

    return judge


def test_verify_passes_a_packet_only_with_all_it_carries(verdict, good, seal):
    assert verdict(sealed_edxml(edxml({"cv.pdf": good}), seal)).indication == "TOTAL_PASSED"
    broken = verdict(sealed_edxml(edxml({"cv.pdf": tampered(good)}), seal))
    assert (broken.indication, broken.signatures[0].indication) == ("TOTAL_FAILED", "TOTAL_PASSED")
    assert "ATTACHED_FILE_FAILED" in [f.code for f in broken.findings]
    unsigned = verdict(sealed_edxml(edxml({"cv.pdf": good, "a.xlsx": workbook_xlsx()}), seal))
    assert unsigned.indication == "INDETERMINATE"


def test_verify_says_what_the_header_leaves_out(verdict, good, seal):
    report = verdict(sealed_edxml(edxml({"cv.pdf": good}), seal, find="edXMLHeader"))

    assert "ENVELOPE_LEAVES_FILES" in [f.code for f in report.findings]


def test_verify_of_an_unsigned_packet_is_no_signature(verdict, good):
    report = verdict(edxml({"cv.pdf": good}))

    assert (report.indication, report.kind) == ("INDETERMINATE", "edxml")
    assert report.sub_indications == ("SIGNED_DATA_NOT_FOUND",)


def test_a_packet_within_a_packet_is_not_taken_for_looked_into(clerk, good, seal):
    inner = sealed_edxml(edxml({"cv.pdf": tampered(good)}), seal)
    report = clerk.judge(edxml({"cv.pdf": good, "kem.xml": inner}))

    assert report.indication == "INDETERMINATE"
    assert "ATTACHED_FILES_NOT_JUDGED" in [f.code for f in report.all_findings()]


def test_base64_in_the_packet_that_is_none_is_unreadable(clerk, good):
    packet = edxml({"cv.pdf": good})
    start = packet.index(b64encode(good[:30])[:30])
    report = clerk.judge(packet[:start] + b"!!!!" + packet[start + 4 :])

    assert report.indication == "TOTAL_FAILED"


def test_a_long_comment_in_front_does_not_hide_a_packet_from_its_files(verdict, good, seal):
    packet = sealed_edxml(edxml({"cv.pdf": tampered(good)}), seal)
    hidden = b"<!--" + b"x" * 9000 + b"-->" + re.sub(rb"^<\?xml[^>]*\?>\s*", b"", packet)
    report = verdict(hidden)
    assert (report.kind, report.indication) == ("edxml", "TOTAL_FAILED")
    assert "ATTACHED_FILE_FAILED" in [f.code for f in report.findings]


def test_xml_that_only_mentions_edxml_is_judged_as_the_xml_it_is(verdict):
    report = verdict(b"<bao-cao xmlns='urn:x'><Signature/>theo edXML 1.02</bao-cao>")
    assert (report.kind, report.indication) == ("xml", "INDETERMINATE")
