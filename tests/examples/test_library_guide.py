"""The scripts of docs/guide/library.md run as they stand there, over files made as it says."""

import os
import re
import runpy
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from ebrvt_connect import sign_pdf
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf

ROOT = Path(__file__).parents[2]
AGENCY, NAME = "000.00.15.H06", "Sở Thông tin và Truyền thông (mẫu)"
PASSWORD = b"thu-thoi"
BLOCKS = re.findall(
    r"^```python\n(\"\"\"(\w+\.py): .*?)^```$",
    (ROOT / "docs" / "guide" / "library.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the guide has its reader make, and its scripts."""
    place = tmp_path_factory.mktemp("guide")
    pki = SandboxPki.open(place / "pki", {AGENCY: NAME})
    now = datetime.now(UTC)
    stamper = pki.timestamp_authority().timestamper(now)
    draft = signed = letter_pdf(Letter(NAME, "7849", "STTTT", "V/v thử nghiệm"))
    for role in ("person", "agency"):
        signed = sign_pdf(
            signed, pki.signer(AGENCY, role=role), role=role, signed_at=now, timestamper=stamper
        )
    (place / "du-thao.pdf").write_bytes(draft)
    (place / "cong-van.pdf").write_bytes(signed)
    packet = runpy.run_path(str(ROOT / "examples" / "06_verify_a_packet.py"))["packet"]
    (place / "125.edxml").write_bytes(packet(signed, draft, now))
    (place / "mat-khau").write_bytes(PASSWORD)
    for file, role in (("lanh-dao.p12", "person"), ("dau.p12", "agency")):
        own = pki.identity(f"{AGENCY}-{role}-good")
        protection = BestAvailableEncryption(PASSWORD)
        (place / file).write_bytes(
            pkcs12.serialize_key_and_certificates(b"thu", own.key, own.certificate, own.chain, protection)
        )
    pki.trust_folder.rename(place / "trust")
    for block, name in BLOCKS:
        (place / name).write_text(block, encoding="utf-8")
    return place


def run(folder, *command, ends=0):
    answer = subprocess.run(
        [sys.executable, *command], cwd=folder, env=os.environ, capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (ends, "")
    return answer.stdout


def test_an_upload_is_answered(folder):
    good, other = run(folder, "upload.py").splitlines()

    assert good.startswith("cong-van.pdf 200 {'ket_luan': 'HỢP LỆ', 'chu_ky': [{'nguoi_ky': ")
    assert other == "upload.py 415 {'ket_luan': 'Chỉ nhận tệp PDF.'}"


def test_a_letter_is_signed_and_filed_with_what_its_verdict_rests_on(folder):
    shown = run(folder, "sign_and_file.py")

    assert re.fullmatch(r"\d{8}T\d{6}Z-\S+\.json Kiểm tra lại .* giống lần trước\.\n", shown)
    filed = sorted(path.name for path in (folder / "luu-tru").iterdir())
    assert filed == ["bang-chung", "du-thao.pdf", "du-thao.pdf.phieu.pdf"]


def test_a_packet_is_held_against_its_record(folder):
    shown = run(folder, "packet.py", "125.edxml", ends=2)

    assert shown.startswith(f"7849/STTTT {NAME} CHƯA ĐỦ CƠ SỞ KẾT LUẬN\n  Người có thẩm quyền ký: Đạt\n")
    assert "  Phụ lục, tài liệu kèm theo có con dấu số: CHƯA ĐẠT\n" in shown


def test_every_script_of_the_guide_is_one_that_compiles(folder):
    assert [name for _, name in BLOCKS] == ["upload.py", "sign_and_file.py", "sign_visibly.py", "packet.py"]
    compile((folder / "sign_visibly.py").read_text("utf-8"), "sign_visibly.py", "exec")
