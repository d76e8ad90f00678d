"""Verify a whole document: an edXML packet with its files, then one whose appendix nobody sealed.

Real use is the lines of `main`; the rest makes samples with throw-away keys of the sandbox.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from ebrvt_connect import VN_2025, AgencyCode, DocumentNumber, load_trust_folder, sign_pdf, verify_packet
from ebrvt_connect.codec.edxml_write import write_document
from ebrvt_connect.model.document import Agency, Attachment, Document, DocumentType, Signatory
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf

AGENCY, NAME = "000.00.15.H06", "Sở Thông tin và Truyền thông (mẫu)"


def main(folder: Path) -> None:
    """Judge both packets by the trust folder."""
    trust = load_trust_folder(folder / "pki" / "trust")
    for file in ("du-chu-ky.edxml", "phu-luc-chua-ky.edxml"):
        report = verify_packet(folder / file, policy=VN_2025, trust=trust)
        print(file, report.indication, report.headline_vi)
        for part in report.files:
            print(f"  {part.name} ({part.part}):", *(f"{f.message_vi} [{f.code}]" for f in part.findings))


def make_samples(folder: Path) -> None:
    """A letter signed and sealed; beside it an appendix, with the seal and without."""
    pki = SandboxPki.open(folder / "pki", {AGENCY: NAME})
    now = datetime.now(UTC)
    stamper = pki.timestamp_authority().timestamper(now)
    plain = letter_pdf(Letter(NAME, "7849", "STTTT", "V/v dùng chữ ký số"))

    def signed(*roles: str) -> bytes:
        pdf = plain
        for role in roles:
            pdf = sign_pdf(pdf, pki.signer(AGENCY, role=role), role=role, signed_at=now, timestamper=stamper)
        return pdf

    main_file = signed("person", "agency")
    (folder / "du-chu-ky.edxml").write_bytes(packet(main_file, signed("agency"), now))
    (folder / "phu-luc-chua-ky.edxml").write_bytes(packet(main_file, plain, now))


def packet(main_file: bytes, appendix: bytes, now: datetime) -> bytes:
    """An edXML packet of these two files."""
    blobs = MemoryBlobs()
    files = (("7849-STTTT.pdf", main_file), ("Phụ lục.pdf", appendix))
    today = (now + timedelta(hours=7)).date()
    document = Document(
        document_id=f"{AGENCY},{today:%Y/%m/%d},7849/STTTT",
        number=DocumentNumber.parse("7849/STTTT"),
        issuer=Agency(code=AgencyCode.parse(AGENCY), name=NAME),
        recipients=(Agency(code=AgencyCode.parse("000.00.00.G22"), name="Văn phòng Chính phủ (mẫu)"),),
        kind=DocumentType(group=2, detail=18, name="Công văn"),
        abstract="V/v dùng chữ ký số",
        place="Tỉnh Mẫu",
        promulgated_on=today,
        signatory=Signatory(position="Giám đốc", full_name="Trần Thị Ví Dụ"),
        steering=0,
        attachments=tuple(
            Attachment(seq=seq, name=name, **blobs.put([content], limit_bytes=10**8).model_dump())
            for seq, (name, content) in enumerate(files, start=1)
        ),
    )
    return b"".join(write_document(document, blobs, passed_at=now))


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        make_samples(Path(name))
        main(Path(name))
