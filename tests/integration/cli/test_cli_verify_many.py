"""`ebrvt verify` with many files: worker processes, one answer, a bar for who watches."""

import json
import os
import pty
import subprocess
import sys

import pytest

from tests.unit.trust.samples import plain_pdf

UNREAD = (
    "Không đọc được tệp (không có tệp này) nên chưa kiểm tra. Xem lại đường dẫn và quyền đọc rồi chạy lại."
)
AT = "2026-11-23T08:00:00+07:00"


@pytest.fixture(scope="module")
def papers(desk, tmp_path_factory):
    folder = tmp_path_factory.mktemp("papers")
    (folder / "good.pdf").write_bytes(desk.issued(timestamper=desk.stamped()))
    (folder / "unsigned.pdf").write_bytes(plain_pdf())
    (folder / "hostile.pdf").write_bytes(b"%PDF-1.7\n" + b"[" * 100_000)
    return folder


def test_files_are_judged_by_workers_and_told_in_their_order(ebrvt, pki, papers):
    names = ["hostile.pdf", "absent.pdf", "good.pdf", "unsigned.pdf", "good.pdf"]
    answer = ebrvt(
        *("verify", "--json", "--workers", "2", "--at", AT, "--trust", pki.trust_folder),
        *(papers / name for name in names),
    )

    told = [(d["file"].rpartition("/")[2], d["indication"]) for d in answer.data["documents"]]
    assert told == [
        ("hostile.pdf", "TOTAL_FAILED"),
        ("good.pdf", "TOTAL_PASSED"),
        ("unsigned.pdf", "INDETERMINATE"),
        ("good.pdf", "TOTAL_PASSED"),
    ]
    assert answer.code == 1
    assert answer.err.splitlines() == [
        f"{papers}/absent.pdf: {UNREAD}",
    ]


@pytest.mark.parametrize("form", [["--json"], []])
def test_workers_change_nothing_but_the_process(ebrvt, pki, papers, form):
    asked = (*form, "--at", AT, "--trust", pki.trust_folder, papers / "good.pdf", papers / "hostile.pdf")

    assert ebrvt("verify", "--workers", "2", *asked) == ebrvt("verify", "--workers", "0", *asked)


def test_a_bar_is_drawn_on_a_terminal_and_leaves_the_answer_alone(pki, papers):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "verify", "--json", "--at", AT]
    command += ["--trust", pki.trust_folder, papers / "good.pdf", papers / "unsigned.pdf"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=False, timeout=60)
    finally:
        os.close(theirs)
    seen = os.read(ours, 65536).decode()
    os.close(ours)

    assert done.returncode == 2
    assert len(json.loads(done.stdout)["documents"]) == 2
    assert "Đang kiểm tra" in seen
    assert "100%" in seen
