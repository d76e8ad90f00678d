"""Writes and really signs the result papers of the demonstration's dossiers: PAdES, XMLDSig and CMS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.ops.demo.plan_dossiers import DEPARTMENT, DEPARTMENT_NAME, DossierFlaw, ResultForm
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.transport.signers import sign_pdf
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.ops.demo.plan_dossiers import PlannedDossier
    from ebrvt_connect.testing.pki import SandboxPki
    from ebrvt_connect.transport.signers import KeySigner


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A result paper as the one-stop shop keeps it."""

    name: str
    media_type: str
    content: bytes


def write_result(planned: PlannedDossier, pki: SandboxPki, now: datetime) -> ResultFile | None:
    """The signed result of a dossier, in the form the plan wants; None where it has none."""
    number = f"{planned.nth + 1}/GP-STTTT"
    match planned.result:
        case ResultForm.NONE:
            return None
        case ResultForm.PDF:
            return ResultFile(f"{planned.code}.pdf", "application/pdf", _pdf(planned, number, pki, now))
        case ResultForm.XML:
            facts = {"Mã hồ sơ": planned.code, "Số": number, "Chủ hồ sơ": planned.applicant}
            paper = result_paper_xml(planned.procedure.name, facts)
            return ResultFile(f"{planned.code}.xml", "application/xml", signed_xml(paper, [_seal(pki)]))
        case ResultForm.CMS:
            text = f"Kết quả giải quyết hồ sơ {planned.code}: {planned.procedure.name}. Số {number}.\n"
            signed = signed_cms(text.encode(), [_seal(pki)], signed_at=now)
            return ResultFile(f"{planned.code}.p7m", "application/pkcs7-mime", signed)


def _pdf(planned: PlannedDossier, number: str, pki: SandboxPki, now: datetime) -> bytes:
    number, _, symbol = number.partition("/")
    pdf = letter_pdf(
        Letter(
            agency=DEPARTMENT_NAME,
            number=number,
            symbol=symbol,
            abstract=f"{planned.procedure.name} cho {planned.applicant}",
            type_name="Giấy phép",
            place="Bà Rịa",
            promulgated_on=now.date(),
            recipients=(planned.applicant,),
            position="GIÁM ĐỐC",
            signatory="Người ký mẫu",
        )
    )
    stamp = pki.timestamp_authority().timestamper(now)
    signed = sign_pdf(pdf, _seal(pki), role=SignatureRole.AGENCY, signed_at=now, timestamper=stamp)
    if planned.flaw is not DossierFlaw.RESULT_TAMPERED:
        return signed
    place = signed.index(b"stream") + 40
    return signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]


def _seal(pki: SandboxPki) -> KeySigner:
    return pki.signer(DEPARTMENT, role=SignatureRole.AGENCY)
