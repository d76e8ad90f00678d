"""The package is upgraded under a running batch: workers started later run other code than their parent.

What came of that was `VERIFICATION_CRASHED`, a failed document, or the end of the whole batch.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ebrvt_connect
from ebrvt_connect import VN_2025, verify_many
from ebrvt_connect.transport import verify_batch, verify_process
from tests.unit.trust.samples import AT, plain_pdf

PROGRAM = """
import json, os, pathlib, signal, sys
from ebrvt_connect import VN_2025, load_trust_folder, verify_many
package, change, trust = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
document = pathlib.Path(sys.argv[4]).read_bytes()

def upgrade():
    if change == "another version":
        first = package / "__init__.py"
        first.write_text(first.read_text().replace('__version__ = "', '__version__ = "9.'))
    else:
        (package / "transport" / "verify_worker.py").unlink()
    for worker in pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        os.kill(int(worker), signal.SIGKILL)
        while pathlib.Path(f"/proc/{worker}/stat").read_text().split()[2] != "Z":
            pass

def sources():
    yield document
    yield b"%PDF-1.7 no more than this"  # once asked for, the first is being judged or has been
    yield document

reports = verify_many(sources(), policy=VN_2025, trust=load_trust_folder(trust), workers=1)
told = [next(reports)]
upgrade()
told += reports
print(json.dumps([[f.code for f in r.findings] for r in told]))
print(told[-1].findings[0].message_vi)
"""


@pytest.mark.parametrize("change", ["another version", "half of it"])
def test_what_is_left_of_a_batch_stays_open_and_says_why(pki, issued, tmp_path, change):
    package = tmp_path / "code" / "ebrvt_connect"
    shutil.copytree(
        Path(ebrvt_connect.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "a.pdf").write_bytes(issued)

    done = subprocess.run(
        [sys.executable, tmp_path / "program.py", package, change, pki.trust_folder, tmp_path / "a.pdf"],
        env=os.environ | {"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    codes, sentence = done.stdout.splitlines()
    first, *others = json.loads(codes)
    assert "VERIFICATION_INTERRUPTED" not in first
    assert others[-1] == ["VERIFICATION_INTERRUPTED"]
    assert "VERIFICATION_CRASHED" not in codes
    assert (
        "chương trình bị thay bằng bản khác trong lúc đang chạy; dịch vụ thì phải khởi động lại" in sentence
    )


STUMBLING = """
import socket, sys
from ebrvt_connect.transport.verify_wire import READY
parent = socket.socket(fileno=int(sys.argv[1]))
socket.recv_fds(parent, 6, 1)
parent.sendall(READY)
parent.recv(1)
{end}
"""
ENDS = {"a module that is gone": "import ebrvt_connect.gone", "a report of another shape": "{answer}"}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize(("changed", "code"), [(True, "INTERRUPTED"), (False, "CRASHED")])
def test_a_worker_that_stumbles_is_the_files_fault_only_while_the_code_is_the_same(
    desk, monkeypatch, end, changed, code
):
    answer = (
        "from ebrvt_connect.transport.verify_wire import ANSWER; parent.sendall(ANSWER.pack(0, 2) + b'[]')"
    )
    monkeypatch.setattr(verify_process, "_PROGRAM", STUMBLING.format(end=end.format(answer=answer)))
    monkeypatch.setattr(verify_batch, "was_changed", lambda: changed)

    (report,) = verify_many([plain_pdf()], policy=VN_2025, trust=desk.trust, at=AT, workers=1)

    assert [f.code for f in report.findings] == [f"VERIFICATION_{code}"], report.findings
