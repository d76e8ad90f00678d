"""The examples run as they are and keep what they promise; so does the one in the README."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ebrvt_connect import sign_pdf
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.testing.sandbox_faults import CUT_BEFORE, LOSE_REPLY, STATUS, Fault
from ebrvt_connect.testing.sandbox_host import SandboxHost

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SEND = ROOT / "examples" / "02_send_a_document.py"

AGENCY, NAME = "000.00.15.H06", "Sở Thông tin và Truyền thông (mẫu)"
CABINET, NOBODY, FOREIGN = "000.00.00.G22", "000.00.00.H98", "000.00.00.G14"

PROMISED = {
    "01_verify_a_document.py": [
        r"cong-van\.pdf .*\n.*\nKết luận: HỢP LỆ$",
        r"^TOTAL_PASSED 2 chữ ký$",
        r"cong-van-bi-sua\.pdf .*\n.*\nKết luận: KHÔNG HỢP LỆ",
        r"^TOTAL_FAILED 2 chữ ký$",
    ],
    "02_send_a_document.py": [r"^CHƯA RÕ: ", r"^ĐÃ HỎI LẠI: văn bản đã đến trục, không gửi lại\.$"],
    "03_push_a_dossier.py": [
        r"^ĐÃ THÊM MỚI hồ sơ trên Cổng\.$",
        r"^ĐÃ CẬP NHẬT: Cổng báo hồ sơ đã tồn tại",
        r"^CHƯA RÕ: .*\nĐÃ HỎI LẠI: Cổng đã có bước này, không gửi lại\.$",
    ],
    "04_report_over_soap.py": [
        r"^BỘ ĐÃ TIẾP NHẬN: mã biên nhận (\S+)\nGỬI LẠI CÙNG GÓI TIN: vẫn mã biên nhận \1$",
        r"^BỘ ĐÃ PHÊ DUYỆT báo cáo\.$",
        r"^Gói tin đã gửi: TOTAL_PASSED\nBị sửa một con số: TOTAL_FAILED$",
    ],
    "05_sign_a_document.py": [
        r"^cong-van\.pdf TOTAL_PASSED person: Nguyễn Văn Mẫu, agency: Sở .*, agency: Sở ",
        r"^so-lieu\.csv\.p7m TOTAL_PASSED agency: Sở ",
        r"^Dịch vụ ký số từ xa đã ký 1 lần$",
    ],
    "06_verify_a_packet.py": [
        r"^du-chu-ky\.edxml TOTAL_PASSED HỢP LỆ$",
        r"^phu-luc-chua-ky\.edxml INDETERMINATE ",
        r"^  Phụ lục\.pdf \(appendix\): .* \[APPENDIX_NOT_SIGNED\]$",
    ],
}


def run(folder, *command, **environment):
    """A Python program in another folder, as a reader would start it; its output."""
    answer = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_shows_what_it_promises(example, tmp_path):
    shown = run(tmp_path, str(example))

    assert [
        promise for promise in PROMISED[example.name] if not re.search(promise, shown, re.MULTILINE)
    ] == []
    assert list(tmp_path.iterdir()) == []


# --- sending, to an address given -------------------------------------------------------------------------


@pytest.fixture
def axis(tmp_path):
    with SandboxHost(tmp_path / "axis", ["vxp"]) as host:
        yield host


def send(folder, account, sender, recipient, file):
    where = (account["url"], account["systemid"], sender, recipient, file)
    return run(folder, str(SEND), *where, VXP_SECRET=account["secret"])


ENDS = {
    "taken": (None, AGENCY, CABINET, r"^ĐÃ GỬI: mã gói tin \S+$"),
    "put off": ({"kind": STATUS, "code": 429, "retry_after": 60}, AGENCY, CABINET, r"^CHƯA GỬI: "),
    "reply lost": ({"kind": LOSE_REPLY}, AGENCY, CABINET, r"^CHƯA RÕ: .*\nĐÃ HỎI LẠI: văn bản đã đến trục"),
    "request lost": ({"kind": CUT_BEFORE}, AGENCY, CABINET, r"^CHƯA RÕ: .*\nĐÃ HỎI LẠI: chưa thấy rõ"),
    "refused": (None, AGENCY, NOBODY, r"^BỊ TỪ CHỐI: "),
    "held": (None, FOREIGN, CABINET, r"^CẦN NGƯỜI XỬ LÝ: "),
}


def test_sending_example_lets_no_secret_out(axis, tmp_path):
    file = tmp_path / "Tối mật.pdf"
    file.write_bytes(b"%PDF-1.7 signed elsewhere")
    account = axis.ready_line()["systems"]["vxp"]

    shown = send(tmp_path, account, AGENCY, CABINET, file.name)

    assert re.search(r"^GIỮ LẠI: ", shown, re.MULTILINE)
    assert axis.seats["vxp"].simulator.state()["documents_accepted"] == 0


@pytest.mark.parametrize(("fault", "sender", "recipient", "told"), ENDS.values(), ids=ENDS.keys())
def test_sending_example_tells_every_end(axis, tmp_path, fault, sender, recipient, told):
    file = tmp_path / "cong-van.pdf"
    file.write_bytes(b"%PDF-1.7 signed elsewhere")
    account = axis.ready_line()["systems"]["vxp"]
    if fault:
        axis.arm([Fault(system="vxp", operation="sendEdoc", **fault)])

    shown = send(tmp_path, account, sender, recipient, file.name)

    assert re.search(told, shown, re.MULTILINE)


# --- the README ---------------------------------------------------------------------------------------------


@pytest.fixture
def readme_example():
    """The README's first Python block."""
    return re.search(
        r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )[1]


def test_readme_example_is_ten_lines_and_runs(readme_example, tmp_path):
    pki = SandboxPki.open(tmp_path / "pki", {AGENCY: NAME})
    pdf, now = letter_pdf(Letter(NAME, "7849", "STTTT", "V/v thử nghiệm")), datetime.now(UTC)
    for role in ("person", "agency"):
        pdf = sign_pdf(pdf, pki.signer(AGENCY, role=role), role=role, signed_at=now)
    (tmp_path / "cong-van.pdf").write_bytes(pdf)
    pki.trust_folder.rename(tmp_path / "trust")

    headline, leader, seal, *findings = run(tmp_path, "-c", readme_example).splitlines()

    assert len([line for line in readme_example.splitlines() if line]) <= 10
    assert headline == "HỢP LỆ"
    assert leader.endswith("TOTAL_PASSED")
    assert seal.startswith(NAME)
    assert all(re.match(r"[A-Z0-9_]+ \S", finding) for finding in findings)
