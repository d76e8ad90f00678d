"""The gate over documents whose files are no PDFs: XML, CMS and Office packages are judged."""

from datetime import timedelta

import pytest

from ebrvt_connect.model.document import AttachmentRole
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.testing.sample_ooxml import PackageSignature, office_parts, packed, signed_package
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.trust.xmldsig import sign_part, sign_whole
from tests.unit.ops.test_gate import GateDesk, verdicts
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY

MAIN, APPENDIX = AttachmentRole.MAIN, AttachmentRole.APPENDIX
PAPER = result_paper_xml("Báo cáo", {"Quý": "III"})


def signed_workbook(signers):
    """By the leader, then the seal."""
    parts = office_parts("xlsx")
    for signer in signers:
        parts = signed_package(parts, signer, PackageSignature(signed_at=AT))
    return parts


def with_another_sheet(parts):
    sheet = next(name for name in parts if "/worksheets/sheet" in name)
    return parts | {sheet: parts[sheet].replace(b"<sheetData>", b"<sheetData><row/>")}


@pytest.fixture
def gate(desk):
    return GateDesk(desk, MemoryBlobs(), desk.trust)


@pytest.fixture
def signers(pki):
    return lambda agency=AGENCY: [pki.signer(agency, role="person"), pki.signer(agency)]


def test_cms_signed_by_leader_and_seal_may_go(gate, signers):
    judgement = gate.judge((MAIN, signed_cms(PAPER, signers(), signed_at=AT)))

    assert (judgement.passed, judgement.reason_vi) == (True, "")


def test_xml_of_which_a_part_is_signed_stays(gate, signers):
    judgement = gate.judge((MAIN, signed_xml(PAPER, signers())))

    assert (judgement.passed, judgement.code) == (False, "NOT_SIGNED_BY_ISSUING_AGENCY")
    assert "phần tử bao ngoài, kể cả tên của nó, không được ký" in judgement.reason_vi


def led_and_sealed(signers):
    leader, seal = signers
    led = sign_part(PAPER, leader, reference_id="noi-dung", signed_at=AT - timedelta(minutes=5))
    return sign_whole(led, seal, signed_at=AT)


def test_xml_the_leader_signed_in_part_and_the_seal_as_a_whole_may_go(gate, signers):
    judgement = gate.judge((MAIN, led_and_sealed(signers())))

    assert (judgement.passed, judgement.reason_vi) == (True, "")


def test_a_foreign_seal_on_the_whole_stays(gate, signers):
    judgement = gate.judge((MAIN, led_and_sealed([signers()[0], signers(OTHER_AGENCY)[1]])))

    assert judgement.passed is False


def test_xml_and_cms_of_another_agency_stay(gate, signers):
    for main in (
        sign_whole(PAPER, signers(OTHER_AGENCY)[-1]),
        signed_cms(PAPER, signers(OTHER_AGENCY), signed_at=AT),
    ):
        judgement = gate.judge((MAIN, main))

        assert (judgement.passed, judgement.code) == (False, "NOT_SIGNED_BY_ISSUING_AGENCY")
        assert OTHER_AGENCY in judgement.reason_vi


@pytest.mark.parametrize(
    ("make", "passed", "verdict"),
    [
        (lambda _: PAPER, True, "INDETERMINATE"),
        (lambda _: b"<!DOCTYPE html><p>Signature<br>", True, "INDETERMINATE"),
        (lambda s: sign_whole(PAPER, s[-1]), True, "TOTAL_PASSED"),
        (lambda s: signed_xml(PAPER, s), False, "INDETERMINATE"),
        (lambda s: signed_xml(PAPER, s).replace(b"III", b"IV"), False, "TOTAL_FAILED"),
        (lambda s: signed_cms(PAPER, s, signed_at=AT, detached=True), False, "INDETERMINATE"),
        (lambda _: workbook_xlsx(), True, "INDETERMINATE"),
        (lambda s: packed(signed_workbook(s)), True, "TOTAL_PASSED"),
        (lambda s: packed(with_another_sheet(signed_workbook(s))), False, "TOTAL_FAILED"),
        (lambda _: workbook_xlsx() + b"_xmlsignatures/sig1.xml", False, "TOTAL_FAILED"),
    ],
    ids=[
        "unsigned XML",
        "a page",
        "signed",
        "signed in part",
        "changed",
        "content elsewhere",
        "workbook",
        "signed workbook",
        "changed workbook",
        "workbook with a tail",
    ],
)
def test_an_appendix_goes_unsigned_or_well_signed(gate, signers, make, passed, verdict):
    judgement = gate.judge((MAIN, signed_cms(PAPER, signers(), signed_at=AT)), (APPENDIX, make(signers())))

    assert judgement.passed is passed
    assert verdicts(judgement) == ["TOTAL_PASSED", verdict]
