"""The dossier gate over really signed result papers in three forms: what is unclear is not pushed."""

import json

import pytest

from ebrvt_connect.model.dossier import Dossier, DossierCode, ProgressEntry, ResultPaper, Unit
from ebrvt_connect.model.ids import AgencyHistory
from ebrvt_connect.model.message import Kind, Message, State
from ebrvt_connect.ops.dossier_gate import RESULTS_SIGNED, RESULTS_SIGNED_WHOLE, DossierGate
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.transport.signers import sign_pdf
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import SignatureRole
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY

CODE = DossierCode("H06.15-230315-0007")
FORMS = ("pdf", "xml", "cms")


@pytest.fixture
def paper(pki):
    """A signed result paper in one of the three forms, by an agency's seal."""

    def make(form, agency=AGENCY, **which):
        seal = pki.signer(agency, role=SignatureRole.AGENCY, **which)
        if form == "pdf":
            letter = Letter(agency="Sở (mẫu)", number="7", symbol="GP-STTTT", abstract="Giấy phép")
            return sign_pdf(letter_pdf(letter), seal, role=SignatureRole.AGENCY, signed_at=AT)
        if form == "xml":
            return signed_xml(result_paper_xml("Giấy phép", {"Số": "7/GP-STTTT"}), [seal])
        return signed_cms("Giấy phép số 7/GP-STTTT".encode(), [seal], signed_at=AT)

    return make


@pytest.fixture
def judge(pki):
    """Judges a dossier with these result papers."""

    def make(*papers, agency=AGENCY, checks=(RESULTS_SIGNED,), names=()):
        blobs = MemoryBlobs()
        results = tuple(
            ResultPaper(
                name=names[nth - 1] if names else f"kết quả {nth}.bin",
                file_id=f"f{nth}",
                content=blobs.put([content], limit_bytes=10**8) if content else None,
            )
            for nth, content in enumerate(papers, start=1)
        )
        record = Dossier(code=CODE, agency=Unit(code=agency), results=results, updated_at=AT, revision="1")
        gate = DossierGate(
            checks,
            policy=VN_2025,
            trust=pki.trust_store(),
            history=AgencyHistory(),
            blobs=blobs,
            clock=FakeClock(AT),
        )
        return gate.judge(message(record, Kind.DOSSIER), record)

    return make


def message(record, kind):
    return Message(
        id=1,
        idem_key="ho-so:1:1",
        link="ho-so",
        source="motcua",
        target="dvcqg",
        kind=kind,
        lane=str(CODE),
        shard=0,
        state=State.RECEIVED,
        created_at=AT,
        updated_at=AT,
        title=str(CODE),
        record=record.model_dump_json(),
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_paper_sealed_by_the_agency_in_charge_may_go(form, paper, judge):
    judgement = judge(paper(form))

    assert judgement.passed, judgement.reason_vi
    assert json.loads(judgement.verdict)["documents"][0]["indication"] == "TOTAL_PASSED"


@pytest.mark.parametrize("form", FORMS)
def test_the_agencys_code_may_be_spelled_either_way(form, paper, judge):
    assert judge(paper(form), agency="H06.15").passed


@pytest.mark.parametrize("form", FORMS)
def test_another_agencys_seal_holds_the_dossier(form, paper, judge):
    judgement = judge(paper(form, OTHER_AGENCY))

    assert not judgement.passed
    assert judgement.code == "RESULT_PAPER_NOT_SIGNED"
    assert str(CODE) in judgement.reason_vi
    assert "kết quả 1.bin" in judgement.reason_vi


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("flavour", ["revoked", "impostor"])
def test_a_revoked_or_borrowed_certificate_holds_it(form, flavour, paper, judge):
    assert not judge(paper(form, flavour=flavour)).passed


@pytest.mark.parametrize("form", FORMS)
def test_one_changed_byte_of_what_is_signed_holds_it(form, paper, judge):
    content = paper(form)
    place = content.index(b"stream") + 40 if form == "pdf" else content.index(b"GP-STTTT")
    spoilt = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

    judgement = judge(spoilt)

    assert not judgement.passed
    assert json.loads(judgement.verdict)["documents"][0]["indication"] == "TOTAL_FAILED"


@pytest.mark.parametrize("content", [b"%PDF-1.7 nothing", b"<giay/>", b"plain words", b"PK\x03\x04"])
def test_an_unsigned_paper_holds_it(content, judge):
    assert judge(content).code == "RESULT_PAPER_NOT_SIGNED"


def test_one_bad_paper_among_good_ones_holds_it(paper, judge):
    judgement = judge(paper("pdf"), b"plain words", paper("xml"))

    assert not judgement.passed
    assert "kết quả 2.bin" in judgement.reason_vi
    assert len(json.loads(judgement.verdict)["documents"]) == 3


@pytest.mark.parametrize("agency", ["", "Sở Thông tin"])
def test_without_the_units_code_nobody_can_say_for_whom_it_is_signed(agency, paper, judge):
    assert judge(paper("pdf"), agency=agency).code == "RESULT_AGENCY_UNKNOWN"


def test_a_result_without_a_file_is_held_where_results_must_be_signed(judge):
    judgement = judge(b"")

    assert not judgement.passed
    assert judgement.code == "RESULT_PAPER_WITHOUT_FILE"
    assert judge(b"", checks=()).passed


def test_without_the_check_it_passes_with_its_verdict(judge):
    judgement = judge(b"plain words", checks=())

    assert judgement.passed
    assert json.loads(judgement.verdict)["documents"][0]["indication"] == "INDETERMINATE"


def test_a_step_of_its_progress_passes(pki):
    entry = ProgressEntry(dossier_code=CODE, local_code=CODE, seq=1, at=AT)
    gate = DossierGate(
        (RESULTS_SIGNED,),
        policy=VN_2025,
        trust=pki.trust_store(),
        history=AgencyHistory(),
        blobs=MemoryBlobs(),
        clock=FakeClock(AT),
    )

    assert gate.judge(message(entry, Kind.PROGRESS), entry).passed


@pytest.mark.parametrize(("content", "passes"), [(b"Giay phep\n", True), (b"Giay phep khac\n", False)])
def test_a_paper_is_signed_by_the_signature_beside_it(content, passes, pki, judge):
    beside = signed_cms(b"Giay phep\n", [pki.signer(AGENCY)], signed_at=AT, detached=True)
    judgement = judge(content, beside, names=("giay-phep.txt", "giay-phep.txt.p7s"))

    assert judgement.passed is passes
    assert passes or "giay-phep.txt" in judgement.reason_vi


def test_a_signature_beside_no_paper_holds_the_dossier(pki, paper, judge):
    beside = signed_cms(b"Giay phep\n", [pki.signer(AGENCY)], signed_at=AT, detached=True)

    assert judge(paper("pdf"), beside, names=("giay.pdf", "khac.p7s")).code == "RESULT_PAPER_NOT_SIGNED"


def test_another_agencys_signature_beside_a_paper_does_not_do(pki, judge):
    beside = signed_cms(b"Giay phep\n", [pki.signer(OTHER_AGENCY)], signed_at=AT, detached=True)

    assert not judge(b"Giay phep\n", beside, names=("giay.txt", "giay.txt.p7s")).passed


@pytest.mark.parametrize(("form", "passed"), [("pdf", True), ("cms", True), ("xml", False)])
def test_where_the_whole_file_must_be_signed_a_signed_part_is_not_enough(form, passed, paper, judge):
    judgement = judge(paper(form), checks=(RESULTS_SIGNED_WHOLE,))

    assert judgement.passed is passed
    assert passed or "kể cả tên của nó, không được ký" in judgement.reason_vi
