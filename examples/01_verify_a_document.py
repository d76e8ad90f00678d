"""Verify a signed document, then one that was changed after signing.

Real use is the ten lines of `main`; the rest makes a sample with throw-away keys of the sandbox.
"""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ebrvt_connect.api import VN_2025, load_trust_folder, sign_pdf, verify
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf

AGENCY = "000.00.15.H06"


def main(folder: Path) -> None:
    """Judge both files by the trust folder and tell a Vietnamese reader."""
    trust = load_trust_folder(folder / "pki" / "trust")
    for file in ("cong-van.pdf", "cong-van-bi-sua.pdf"):
        report = verify(folder / file, policy=VN_2025, trust=trust)
        print(report.to_text_vi())
        for finding in report.all_findings():
            print(finding.code, finding.severity, finding.legal_ref)
        print(report.indication, len(report.signatures), "chữ ký\n")


def make_samples(folder: Path) -> None:
    """A letter signed by the leader and sealed by the agency, and a copy with one byte changed."""
    pki = SandboxPki.open(folder / "pki", {AGENCY: "Sở Thông tin và Truyền thông (mẫu)"})
    pdf = letter_pdf(Letter("Sở Thông tin và Truyền thông (mẫu)", "7849", "STTTT", "V/v dùng chữ ký số"))
    now = datetime.now(UTC)
    stamper = pki.timestamp_authority().timestamper(now)
    for role in ("person", "agency"):
        pdf = sign_pdf(pdf, pki.signer(AGENCY, role=role), role=role, signed_at=now, timestamper=stamper)
    (folder / "cong-van.pdf").write_bytes(pdf)
    (folder / "cong-van-bi-sua.pdf").write_bytes(pdf.replace(b"/Title", b"/TITLE", 1))


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        make_samples(Path(name))
        main(Path(name))
