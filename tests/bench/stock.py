"""What the benchmarks work on: signed letters, documents with attachments, packets."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from ebrvt_connect.codec.edxml_write import write_document
from ebrvt_connect.model.document import Agency, Attachment, AttachmentRole, Document, DocumentType, Signatory
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.transport.signers import sign_pdf
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from pathlib import Path

    from ebrvt_connect.ports.blobs import Blobs

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""When everything is signed and judged."""
OURS, THEIRS = "000.00.15.H06", "000.00.00.G22"
SYSTEMID, SECRET = "sys.bench.01", "s3cret-bench"
_LARGEST_BYTES = 256 * 2**20


def letter(number: int = 1, *, ballast_bytes: int = 0) -> bytes:
    """An unsigned letter; another number makes another file."""
    wanted = Letter(
        agency="Sở Thông tin và Truyền thông (mẫu)",
        number=str(number),
        symbol="BC-STTTT",
        abstract="Báo cáo kết quả triển khai dịch vụ công trực tuyến",
        recipients=("Văn phòng Chính phủ (mẫu)",),
    )
    return letter_pdf(wanted, ballast_bytes=ballast_bytes)


def signed(pdf: bytes, keys: Path, *, stamped: bool = False, both: bool = False) -> bytes:
    """Sealed by the agency (B-B), with a timestamp (B-T), or signed by the leader first as well."""
    pki = SandboxPki.open(keys)
    stamper = pki.timestamp_authority().timestamper(AT) if stamped else None
    for role in (SignatureRole.PERSON, SignatureRole.AGENCY) if both else (SignatureRole.AGENCY,):
        pdf = sign_pdf(pdf, pki.signer(OURS, role=role), role=role, signed_at=AT, timestamper=stamper)
    return pdf


def document(number: int, blobs: Blobs, content: bytes, *, sender: str = OURS, to: str = THEIRS) -> Document:
    """A document with one attachment, whose bytes are put into the blobs."""
    blob = blobs.put(pieces(content), limit_bytes=_LARGEST_BYTES)
    file = Attachment(
        seq=1,
        name=f"{number}-BC-STTTT.signed.pdf",
        media_type="application/pdf",
        size_bytes=blob.size_bytes,
        sha256=blob.sha256,
        role=AttachmentRole.MAIN,
    )
    return Document(
        document_id=f"{sender},2026/11/23,{number}/BC-STTTT",
        number=DocumentNumber.of(str(number), "BC-STTTT"),
        issuer=Agency(code=AgencyCode(sender), name="Sở Thông tin và Truyền thông (mẫu)"),
        recipients=(Agency(code=AgencyCode(to), name="Văn phòng Chính phủ (mẫu)"),),
        kind=DocumentType(group=2, detail=14, name="Báo cáo"),
        abstract="Báo cáo kết quả triển khai dịch vụ công trực tuyến",
        place="Bà Rịa",
        promulgated_on=date(2026, 11, 23),
        signatory=Signatory(position="GIÁM ĐỐC", full_name="Trần Thị Ví Dụ"),
        steering=0,
        attachments=(file,),
    )


def packet(document: Document, blobs: Blobs) -> bytes:
    """The document as edXML."""
    return b"".join(write_document(document, blobs, passed_at=AT))


def pieces(content: bytes, size: int = 256 * 1024) -> list[bytes]:
    """In pieces, as they come from a connection or a disk."""
    return [content[start : start + size] for start in range(0, len(content), size)]
