"""The gate over really signed letters: what is unclear stays, what arrives passes with its verdict."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.model.document import (
    Agency,
    Attachment,
    AttachmentRole,
    Confidentiality,
    Document,
    DocumentStatus,
)
from ebrvt_connect.model.ids import AgencyCode, AgencyHistory, CodeSuccession, DocumentNumber
from ebrvt_connect.model.message import Kind, Message, State
from ebrvt_connect.ops.gate import NOT_SECRET, SIGNED_BY_ISSUING_AGENCY, DocumentGate
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sample_files import archive_zip, workbook_xlsx
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport.signing_cms import sign_cms
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.signers import SignerRegister
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY

OUTGOING = (NOT_SECRET, SIGNED_BY_ISSUING_AGENCY)
INCOMING = ()
MESSAGE = Message(
    id=1,
    idem_key="van-ban-di:vb-1:1",
    link="van-ban-di",
    source="qlvb",
    target="axis",
    kind=Kind.DOCUMENT,
    lane="l",
    shard=0,
    state=State.RECEIVED,
    created_at=AT,
    updated_at=AT,
    title="125/BC-STTTT",
    record="",
)
LETTER = letter_pdf(
    Letter(
        agency="Sở Thông tin và Truyền thông (mẫu)",
        number="125",
        symbol="BC-STTTT",
        abstract="Báo cáo quý III",
    )
)
NO_SUCCESSION = AgencyHistory()
MAIN, APPENDIX = AttachmentRole.MAIN, AttachmentRole.APPENDIX


@dataclass
class GateDesk:
    """Judges documents made of these files; what is not said is as in a sound document."""

    desk: object
    blobs: MemoryBlobs
    trust: object
    history: AgencyHistory = NO_SUCCESSION
    at: datetime = AT
    policy: object = VN_2025

    def judge(self, *files, checks=OUTGOING, issuer=AGENCY, names=(), **changes):
        attachments = []
        for seq, (role, content) in enumerate(files, start=1):
            ref = self.blobs.put([content], limit_bytes=10**9)
            name = names[seq - 1] if names else f"tệp {seq}.bin"
            attachments.append(Attachment(seq=seq, name=name, role=role, **ref.model_dump()))
        record = Document(
            number=DocumentNumber.parse("125/BC-STTTT"),
            issuer=Agency(code=AgencyCode.parse(issuer)),
            attachments=tuple(attachments),
            **changes,
        )
        return self.gate(checks).judge(MESSAGE, record)

    def gate(self, checks=OUTGOING):
        return DocumentGate(
            checks,
            policy=self.policy,
            trust=self.trust,
            history=self.history,
            blobs=self.blobs,
            clock=FakeClock(self.at),
        )


@pytest.fixture
def gate(desk):
    return GateDesk(desk, MemoryBlobs(), desk.trust)


@pytest.fixture(scope="module")
def good(desk):
    """Signed by the leader, then sealed by the agency, each with a timestamp."""
    return desk.issued(LETTER, timestamper=desk.stamped())


def tampered(signed: bytes) -> bytes:
    """One bit of the signed page changed afterwards."""
    place = signed.index(b"stream") + 40
    return signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]


def verdicts(judgement) -> list[str]:
    return [document["indication"] for document in json.loads(judgement.verdict)["documents"]]


def assert_held(judgement, code, *words):
    assert (judgement.passed, judgement.code) == (False, code)
    for word in words:
        assert word in judgement.reason_vi
    assert judgement.advice_vi
    assert "{" not in judgement.reason_vi + judgement.advice_vi


# --- what leaves ------------------------------------------------------------------------------------


def test_a_document_signed_for_its_issuer_leaves_with_its_verdict(gate, good):
    judgement = gate.judge((MAIN, good))
    assert (judgement.passed, judgement.code, judgement.reason_vi) == (True, "", "")
    assert verdicts(judgement) == ["TOTAL_PASSED"]


@pytest.mark.parametrize("issuer", ["000.00.15.H06", "H06.15"])
def test_either_spelling_of_the_code_is_the_same_agency(issuer, gate, good):
    assert gate.judge((MAIN, good), issuer=issuer).passed


@pytest.mark.parametrize("issuer", ["H29.90", "000.00.90.H29"])
def test_a_recoded_agency_is_still_the_one_that_signed(issuer, gate, good):
    gate.history = AgencyHistory.of([CodeSuccession("H06", "H29", date(2025, 7, 1), (("H06.15", "H29.90"),))])
    assert gate.judge((MAIN, good), issuer=issuer).passed
    assert gate.judge((MAIN, good), issuer="H06.15").passed


def test_a_new_code_nobody_has_listed_is_not_guessed(gate, good):
    gate.history = AgencyHistory.of([CodeSuccession("H06", "H29", date(2025, 7, 1))])
    assert_held(gate.judge((MAIN, good), issuer="H29.15"), "NOT_SIGNED_BY_ISSUING_AGENCY", "H29.15")


def test_before_a_succession_begins_the_new_code_is_another_agency(gate, good):
    gate.history = AgencyHistory.of([CodeSuccession("H06", "H29", date(2027, 7, 1), (("H06.15", "H29.90"),))])
    assert not gate.judge((MAIN, good), issuer="H29.90").passed


def test_unsigned_appendixes_that_cannot_be_signed_leave_with_it(gate, good):
    judgement = gate.judge((MAIN, good), (APPENDIX, workbook_xlsx()), (APPENDIX, archive_zip()))
    assert judgement.passed
    assert verdicts(judgement) == ["TOTAL_PASSED", "INDETERMINATE", "INDETERMINATE"]


def test_an_unsigned_pdf_appendix_leaves_with_it(gate, good):
    assert gate.judge((MAIN, good), (APPENDIX, LETTER)).passed


def test_a_well_signed_appendix_of_whomever_leaves_with_it(gate, good, desk):
    other = desk.signed(LETTER, agency=OTHER_AGENCY, timestamper=desk.stamped())
    assert gate.judge((MAIN, good), (APPENDIX, other)).passed


def test_every_main_file_has_to_be_signed(gate, good):
    assert gate.judge((MAIN, good), (MAIN, good)).passed
    assert_held(gate.judge((MAIN, good), (MAIN, LETTER)), "NOT_SIGNED_BY_ISSUING_AGENCY", "tệp 2.bin")


# --- what stays -------------------------------------------------------------------------------------


def test_another_agencys_seal_does_not_do(gate, desk):
    other = desk.issued(LETTER, agency=OTHER_AGENCY, timestamper=desk.stamped())
    judgement = gate.judge((MAIN, other))
    assert_held(judgement, "NOT_SIGNED_BY_ISSUING_AGENCY", "125/BC-STTTT", OTHER_AGENCY, AGENCY)
    assert verdicts(judgement) == ["TOTAL_PASSED"]


def test_an_unsigned_main_file_stays(gate):
    assert_held(gate.judge((MAIN, LETTER)), "NOT_SIGNED_BY_ISSUING_AGENCY", "không có chữ ký số")


@pytest.mark.parametrize(("role", "words"), [("person", "con dấu số"), ("agency", "người có thẩm quyền")])
def test_one_signature_of_the_two_does_not_do(role, words, gate, desk):
    half = desk.signed(LETTER, role=role, timestamper=desk.stamped())
    assert_held(gate.judge((MAIN, half)), "NOT_SIGNED_BY_ISSUING_AGENCY", words)


def test_a_tampered_main_file_stays(gate, good):
    judgement = gate.judge((MAIN, tampered(good)))
    assert_held(judgement, "NOT_SIGNED_BY_ISSUING_AGENCY", "bị thay đổi sau khi ký")
    assert verdicts(judgement) == ["TOTAL_FAILED"]


@pytest.mark.parametrize("flavour", ["impostor", "revoked", "expired", "future", "weak", "unlisted"])
def test_a_flawed_certificate_does_not_do(flavour, gate, desk):
    flawed = desk.issued(LETTER, flavour=flavour, timestamper=desk.stamped())
    assert_held(gate.judge((MAIN, flawed)), "NOT_SIGNED_BY_ISSUING_AGENCY")


def test_a_certificate_taken_off_the_register_does_not_do(gate, good):
    gate.trust = replace(gate.trust, signers=SignerRegister())
    assert_held(gate.judge((MAIN, good)), "NOT_SIGNED_BY_ISSUING_AGENCY")


def test_without_revocation_lists_nothing_leaves(gate, good, desk):
    gate.trust = desk.without_revocation_lists().trust
    assert_held(gate.judge((MAIN, good)), "NOT_SIGNED_BY_ISSUING_AGENCY", "thu hồi")


def test_a_tampered_appendix_stays(gate, good):
    judgement = gate.judge((MAIN, good), (APPENDIX, tampered(good)))
    assert_held(judgement, "APPENDIX_SIGNATURE_FAILED", "tệp 2.bin", "bị thay đổi sau khi ký")
    assert verdicts(judgement) == ["TOTAL_PASSED", "TOTAL_FAILED"]


def test_an_appendix_signed_by_an_impostor_is_unclear_and_stays(gate, good, desk):
    forged = desk.signed(LETTER, flavour="impostor", timestamper=desk.stamped())
    judgement = gate.judge((MAIN, good), (APPENDIX, forged))
    assert_held(judgement, "APPENDIX_SIGNATURE_FAILED", "tệp 2.bin", "giả mạo")
    assert verdicts(judgement) == ["TOTAL_PASSED", "INDETERMINATE"]


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\x03" * 64], ids=["empty", "nobody knows what"])
def test_an_appendix_that_is_nothing_known_stays(content, gate, good):
    assert_held(gate.judge((MAIN, good), (APPENDIX, content)), "APPENDIX_SIGNATURE_FAILED", "tệp 2.bin")


def test_a_signed_workbook_cannot_be_judged_yet_and_stays(gate, good):
    signed = workbook_xlsx() + b"_xmlsignatures/"
    assert_held(gate.judge((MAIN, good), (APPENDIX, signed)), "APPENDIX_SIGNATURE_FAILED")


@pytest.mark.parametrize("files", [(), ((APPENDIX, LETTER),)], ids=["no file", "appendixes only"])
def test_without_a_main_file_it_stays(files, gate):
    assert_held(gate.judge(*files), "MAIN_FILE_MISSING", "125/BC-STTTT")


@pytest.mark.parametrize("level", [level for level in Confidentiality if level is not Confidentiality.NORMAL])
def test_anything_secret_or_of_unknown_secrecy_stays_unread(level, gate, good):
    judgement = gate.judge((MAIN, good), confidentiality=level)
    assert_held(judgement, "SECRET_HELD", "125/BC-STTTT")
    assert judgement.verdict == ""


def test_each_check_holds_alone(gate, good):
    secret = {"confidentiality": Confidentiality.SECRET}
    assert gate.judge((MAIN, good), checks=(SIGNED_BY_ISSUING_AGENCY,), **secret).passed
    assert gate.judge((MAIN, LETTER), checks=(NOT_SECRET,)).passed
    assert not gate.judge((MAIN, good), checks=(NOT_SECRET,), **secret).passed


def test_a_document_without_a_title_is_called_by_its_number(gate):
    untitled = MESSAGE.model_copy(update={"title": ""})
    record = Document(number=DocumentNumber.parse("9/SNV"), issuer=Agency(code=AgencyCode.parse(AGENCY)))
    assert "9/SNV" in gate.gate().judge(untitled, record).reason_vi


def test_braces_in_a_title_are_told_as_they_are(gate):
    odd = MESSAGE.model_copy(update={"title": "{0}{title}{x!r}/SNV"})
    record = Document(number=DocumentNumber.parse("9/SNV"), issuer=Agency(code=AgencyCode.parse(AGENCY)))
    assert "{0}{title}{x!r}/SNV" in gate.gate().judge(odd, record).reason_vi


# --- what arrives -----------------------------------------------------------------------------------


def test_whatever_arrives_passes_with_its_verdict(gate, good, desk):
    forged = desk.issued(LETTER, flavour="impostor", timestamper=desk.stamped())
    for content, indication in (
        (good, "TOTAL_PASSED"),
        (LETTER, "INDETERMINATE"),
        (forged, "INDETERMINATE"),
        (tampered(good), "TOTAL_FAILED"),
        (b"", "TOTAL_FAILED"),
        (b"%PDF-1.7" + b"[" * 50_000, "TOTAL_FAILED"),
    ):
        judgement = gate.judge((MAIN, content), checks=INCOMING, issuer="000.00.00.G22")
        assert (judgement.passed, verdicts(judgement)) == (True, [indication])


def test_an_arriving_secret_document_passes(gate, good):
    judgement = gate.judge((MAIN, good), checks=INCOMING, confidentiality=Confidentiality.TOP_SECRET)
    assert judgement.passed


def test_an_arriving_document_without_files_passes(gate):
    assert verdicts(gate.judge(checks=INCOMING)) == []


def test_an_arriving_file_past_the_limit_has_a_verdict_and_passes(gate, good):
    gate.policy = VN_2025.model_copy(update={"largest_bytes": 1000})
    judgement = gate.judge((MAIN, good), checks=INCOMING)
    assert judgement.passed
    (document,) = json.loads(judgement.verdict)["documents"]
    assert [f["code"] for f in document["findings"]] == ["FILE_TOO_LARGE"]


def test_a_leaving_file_past_the_limit_is_unclear_and_stays(gate, good):
    gate.policy = VN_2025.model_copy(update={"largest_bytes": 1000})
    assert_held(gate.judge((MAIN, good)), "NOT_SIGNED_BY_ISSUING_AGENCY", "giới hạn")


def test_a_status_passes_as_it_is(gate):
    status = DocumentStatus(code="03", reporter=Agency(code=AgencyCode.parse(AGENCY)))
    judgement = gate.gate().judge(MESSAGE, status)
    assert (judgement.passed, judgement.verdict) == (True, "")


# --- what it rests on -------------------------------------------------------------------------------


def test_the_verdict_is_of_the_time_of_judging(gate, good):
    gate.at = datetime(2026, 11, 22, tzinfo=UTC)
    assert not gate.judge((MAIN, good)).passed
    gate.at = AT + timedelta(days=30)
    assert gate.judge((MAIN, good)).passed


def test_files_are_called_by_their_names_in_the_verdict(gate, good):
    judgement = gate.judge((MAIN, good), (APPENDIX, workbook_xlsx()))
    files = [document["file"] for document in json.loads(judgement.verdict)["documents"]]
    assert files == ["tệp 1.bin", "tệp 2.bin"]


def test_a_store_that_lost_a_file_is_told_as_such(gate, good):
    gate.judge((MAIN, good))
    gate.blobs.contents.clear()
    sha256 = "0" * 64
    record = Document(
        number=DocumentNumber.parse("9/SNV"),
        issuer=Agency(code=AgencyCode.parse(AGENCY)),
        attachments=(Attachment(seq=1, name="a.pdf", size_bytes=1, sha256=sha256),),
    )
    with pytest.raises(HeldForPerson) as trouble:
        gate.gate(INCOMING).judge(MESSAGE, record)
    assert trouble.value.code == "BLOB_MISSING"


# --- what reports read from the verdict -------------------------------------------------------------


def signed_for_issuer(judgement):
    return json.loads(judgement.verdict).get("signed_for_issuer")


def test_the_verdict_tells_whether_the_main_files_are_signed_for_the_issuer(gate, good):
    assert signed_for_issuer(gate.judge((MAIN, good))) is True
    assert signed_for_issuer(gate.judge((MAIN, good), issuer="H06.16")) is False
    assert signed_for_issuer(gate.judge()) is False


def test_a_bad_appendix_does_not_undo_the_signature_of_the_main_file(gate, good):
    judgement = gate.judge((MAIN, good), (APPENDIX, tampered(good)))
    assert (judgement.passed, signed_for_issuer(judgement)) == (False, True)


def test_where_nobody_asked_for_whom_it_is_signed_the_verdict_is_silent(gate, good):
    assert signed_for_issuer(gate.judge((MAIN, good), checks=INCOMING)) is None


# --- signatures beside their files --------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(pki):
    def make(content, *roles, agency=AGENCY):
        signers = [pki.signer(agency, role=role) for role in roles]
        return signed_cms(content, signers, signed_at=AT, detached=True)

    return make


def with_sibling(gate, content, signature, **more):
    return gate.judge((MAIN, content), (MAIN, signature), names=("cv.txt", "cv.txt.p7s"), **more)


def test_a_main_file_signed_beside_it_leaves(gate, beside):
    content = b"Noi dung\n"
    judgement = with_sibling(gate, content, beside(content, "person", "agency"))

    assert judgement.passed, judgement.reason_vi
    assert verdicts(judgement) == ["TOTAL_PASSED", "TOTAL_PASSED"]
    assert signed_for_issuer(judgement) is True


@pytest.mark.parametrize(
    ("roles", "agency", "words"),
    [
        (("agency",), AGENCY, "người có thẩm quyền"),
        (("person",), AGENCY, "con dấu số"),
        (("person", "agency"), OTHER_AGENCY, OTHER_AGENCY),
    ],
)
def test_who_signed_beside_it_counts_as_within_it(roles, agency, words, gate, beside):
    content = b"Noi dung\n"
    judgement = with_sibling(gate, content, beside(content, *roles, agency=agency))

    assert_held(judgement, "NOT_SIGNED_BY_ISSUING_AGENCY", "cv.txt", words)


def test_a_file_changed_beside_its_signature_stays(gate, beside):
    judgement = with_sibling(gate, b"Noi dung khac\n", beside(b"Noi dung\n", "person", "agency"))

    assert_held(judgement, "NOT_SIGNED_BY_ISSUING_AGENCY", "cv.txt")
    assert verdicts(judgement) == ["TOTAL_FAILED", "TOTAL_FAILED"]


def test_an_appendix_changed_beside_its_signature_stays(gate, good, beside):
    files = ((MAIN, good), (APPENDIX, b"So lieu khac\n"), (APPENDIX, beside(b"So lieu\n", "agency")))
    judgement = gate.judge(*files, names=("cv.pdf", "pl.csv", "pl.csv.p7s"))

    assert_held(judgement, "APPENDIX_SIGNATURE_FAILED", "pl.csv")


def test_a_signature_without_its_file_is_unclear_and_stays(gate, good, beside):
    judgement = gate.judge((MAIN, good), (APPENDIX, beside(b"So lieu\n", "agency")))

    assert_held(judgement, "APPENDIX_SIGNATURE_FAILED", "tệp 2.bin")


def test_what_arrives_has_the_verdict_of_the_signature_beside_it(gate, beside):
    content = b"Noi dung\n"
    judgement = with_sibling(gate, content, beside(content, "person", "agency"), checks=INCOMING)

    assert (judgement.passed, verdicts(judgement)) == (True, ["TOTAL_PASSED", "TOTAL_PASSED"])


# --- the same rules as for a packet -------------------------------------------------------------------


def test_a_seal_set_before_the_leader_signed_stays(gate, desk):
    turned = desk.signed(desk.signed(timestamper=desk.stamped()), role="person", timestamper=desk.stamped())
    assert_held(gate.judge((MAIN, turned)), "NOT_SIGNED_BY_ISSUING_AGENCY", "trước chữ ký")


def test_the_documents_date_is_told_in_the_verdict_and_holds_nothing(gate, good):
    judgement = gate.judge((MAIN, good), promulgated_on=date(2019, 10, 14))
    (file,) = json.loads(judgement.verdict)["packet"]["files"]

    assert judgement.passed
    assert {f["code"] for f in file["findings"]} == {"SIGNED_LONG_AFTER_DOCUMENT_DATE"}


def test_an_unsigned_appendix_is_told_in_the_verdict(gate, good):
    judgement = gate.judge((MAIN, good), (APPENDIX, workbook_xlsx()))
    files = json.loads(judgement.verdict)["packet"]["files"]

    assert [f["code"] for f in files[1]["findings"]] == ["APPENDIX_NOT_SIGNED"]


@pytest.mark.parametrize("name", ["phu-luc.exe", "phu-luc.pdf"])
def test_a_detached_signature_called_like_another_kind_is_held(gate, desk, pki, name):
    """Its verdict is that of the letter, its name is its own: whoever opens it opens a program."""
    signers = [pki.signer(AGENCY, role="person"), pki.signer(AGENCY, role="agency")]
    both = sign_cms(LETTER, signers, signed_at=AT, detached=True, timestamper=desk.stamped())

    assert gate.judge((MAIN, LETTER), (APPENDIX, both), names=("vb.pdf", "vb.pdf.p7s")).passed
    assert_held(gate.judge((MAIN, LETTER), (APPENDIX, both), names=("vb.pdf", name)), "FILE_NAME_WRONG", name)
