"""Writes and really signs the documents of the plan: PAdES by leader and agency, with a timestamp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.ops.demo.plan import PROVINCE_AGENCIES, Appendix, Flaw
from ebrvt_connect.testing.sample_files import archive_zip, workbook_xlsx
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.transport.signers import sign_pdf
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.ops.demo.plan import PlannedDocument
    from ebrvt_connect.testing.pki import SandboxPki

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_OFFICIAL_LETTER = "CV"


@dataclass(frozen=True, slots=True)
class Paper:
    """A file of a document."""

    name: str
    media_type: str
    content: bytes
    main: bool


def write_papers(planned: PlannedDocument, pki: SandboxPki, now: datetime) -> list[Paper]:
    """The letter, signed as the plan wants it, and its appendix if it has one."""
    stem = f"{planned.number}-{planned.symbol}"
    papers = [Paper(f"{stem}.signed.pdf", "application/pdf", _letter(planned, pki, now), main=True)]
    match planned.appendix:
        case Appendix.XLSX:
            papers.append(
                Paper("Phụ lục số liệu.xlsx", XLSX, workbook_xlsx(f"Phụ lục {planned.number}"), main=False)
            )
        case Appendix.ZIP:
            papers.append(
                Paper("Hồ sơ kèm theo.zip", "application/zip", archive_zip("Hồ sơ kèm theo"), main=False)
            )
        case Appendix.NONE:
            pass
    return papers


def leader_of(planned: PlannedDocument, pki: SandboxPki) -> dict[str, str]:
    """The sender's leader as named in the certificate: `common_name` and `title`."""
    named: dict[str, str] = pki.signer(
        planned.sender.code, role=SignatureRole.PERSON
    ).certificate.subject.native
    return named


def _letter(planned: PlannedDocument, pki: SandboxPki, now: datetime) -> bytes:
    leader = leader_of(planned, pki)
    pdf = letter_pdf(
        Letter(
            agency=planned.sender.name,
            number=planned.number,
            symbol=planned.symbol,
            abstract=planned.abstract,
            type_name="Công văn" if planned.type_code == _OFFICIAL_LETTER else planned.type_name,
            place=planned.sender.place,
            promulgated_on=now.date(),
            recipients=tuple(r.name for r in planned.recipients),
            position=leader["title"].upper(),
            signatory=leader["common_name"],
        ),
        ballast_bytes=planned.extra_bytes,
    )
    if planned.flaw is Flaw.UNSIGNED:
        return pdf
    signed = _signed(pdf, planned, pki, now)
    return _tampered(signed) if planned.flaw is Flaw.TAMPERED else signed


def _signed(pdf: bytes, planned: PlannedDocument, pki: SandboxPki, now: datetime) -> bytes:
    """Leader first, then the agency's seal (NĐ 30/2020 Điều 32-33)."""
    code = planned.sender.code
    match planned.flaw:
        case Flaw.WRONG_ANCHOR:
            keys = [pki.signer(code, role=role, flavour="impostor") for role in _ROLES]
        case Flaw.REVOKED:
            keys = [pki.signer(code, role=role, flavour="revoked") for role in _ROLES]
        case Flaw.OTHER_AGENCY:
            other = next(a.code for a in PROVINCE_AGENCIES if a.code != code)
            keys = [pki.signer(other, role=role) for role in _ROLES]
        case _:
            keys = [pki.signer(code, role=role) for role in _ROLES]
    stamp = pki.timestamp_authority().timestamper(now)
    for role, key in zip(_ROLES, keys, strict=True):
        pdf = sign_pdf(pdf, key, role=role, signed_at=now, timestamper=stamp)
    return pdf


_ROLES = (SignatureRole.PERSON, SignatureRole.AGENCY)


def _tampered(pdf: bytes) -> bytes:
    """One bit of a signed page changed afterwards."""
    place = pdf.index(b"stream", 0) + 40
    return pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]
