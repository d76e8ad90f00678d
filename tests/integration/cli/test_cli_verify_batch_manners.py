"""A batch in an operator's hands: a closed file, Ctrl-C, going on, a full disk, what is said at the end."""

import json
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time
import unicodedata
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebrvt_connect.api import VN_2025
from ebrvt_connect.api import verify as verify_file
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.ops.evidence_here import EvidenceHere
from tests.unit.trust.samples import plain_pdf

AT = "2026-11-23T08:00:00+07:00"
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def issued(desk) -> bytes:
    return desk.issued(timestamper=desk.stamped())


@pytest.fixture
def papers(issued, tmp_path):
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / name).write_bytes(issued)
    (tmp_path / "sua.pdf").write_bytes(issued.replace(b"Van ban mau", b"Van ban xau", 1))
    (tmp_path / "chua-ky.pdf").write_bytes(plain_pdf())
    return tmp_path


@pytest.fixture
def verify(ebrvt, pki):
    def run(*arguments):
        return ebrvt("verify", "--at", AT, "--trust", pki.trust_folder, *arguments)

    return run


@pytest.fixture
def begun(pki, papers):
    """The command in a process of its own that comes to a pipe nobody writes to, and waits there."""
    os.mkfifo(papers / "cho.pdf")
    running = []

    def begin(*arguments, **streams):
        command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "verify", "--workers", "1", "--at", AT]
        command += ["--trust", pki.trust_folder, "a.pdf", "sua.pdf", "cho.pdf", *arguments]
        running.append(subprocess.Popen(command, **streams))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()


@contextmanager
def files_of_at_most(size):
    """The kernel's own limit: a write past it fails as one to a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# --- a file that may not be read --------------------------------------------------------------------


def test_a_file_without_read_permission_keeps_no_other_from_being_judged(verify, papers, monkeypatch):
    closed, opened = papers / "chua-ky.pdf", os.open

    def refused(path, *arguments, **more):
        if os.fspath(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(os, "access", lambda path, *_, **__: os.fspath(path) != str(closed))
    monkeypatch.setattr(os, "open", refused)

    answer = verify("--json", closed, papers / "a.pdf")

    assert [d["file"] for d in answer.data["documents"]] == [str(papers / "a.pdf")]
    assert answer.code == 64
    assert "không có quyền đọc" in answer.err


def test_a_name_written_in_two_ways_is_told_apart(verify, papers, issued):
    """NFC and NFD are two files to the disk and were one name to the reader."""
    names = [unicodedata.normalize(form, "Công văn.pdf") for form in ("NFC", "NFD")]
    for name in names:
        (papers / name).write_bytes(issued)

    answer = verify("--json", *names)

    assert [d["file"] for d in answer.data["documents"]] == [
        "Công văn.pdf",
        "Công văn.pdf (tên viết dạng NFD)",
    ]


# --- Ctrl-C -----------------------------------------------------------------------------------------


def test_ctrl_c_leaves_the_answers_so_far_in_the_folder_and_says_how_to_go_on(begun, verify, papers):
    process = begun("-o", "phieu/", stderr=subprocess.PIPE)
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not (papers / "phieu" / "sua.pdf.ket-qua.txt").exists():
        assert time.monotonic() < ends_at
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=PATIENCE_SECONDS)[1].decode()

    assert process.returncode == 130
    assert "đã ghi kết quả của 2/3 tệp vào phieu/ (1 hợp lệ; 1 không hợp lệ: sua.pdf)" in said
    assert "--skip-existing" in said

    (papers / "cho.pdf").unlink()
    (papers / "cho.pdf").write_bytes((papers / "b.pdf").read_bytes())
    went_on = verify("-o", "phieu/", "--skip-existing", "a.pdf", "sua.pdf", "cho.pdf")
    assert went_on.code == 2, "what was skipped is not vouched for"
    assert "1 tệp: 1 hợp lệ; 2 tệp đã có kết quả từ trước" in went_on.err
    assert len(list((papers / "phieu").iterdir())) == 3


def test_ctrl_c_on_a_terminal_tells_what_was_judged_before_it_stops(begun):
    ours, theirs = pty.openpty()
    process = begun(stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen, stopped, ends_at = "", False, time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 65536).decode("utf-8", "replace")
            except OSError:
                break
        if not stopped and "66%" in seen:
            process.send_signal(signal.SIGINT)
            stopped = True
    os.close(ours)

    assert process.wait(timeout=PATIENCE_SECONDS) == 130
    assert seen.count("Kết luận") >= 2
    assert "đã in kết quả của 2/3 tệp" in seen


def test_nothing_is_skipped_without_a_folder(verify, papers):
    assert verify("--skip-existing", papers / "a.pdf").code == 64
    assert verify("--skip-existing", "-o", "mot.txt", papers / "a.pdf").code == 64


# --- where answers go, and what is said -------------------------------------------------------------


def test_a_name_that_ends_in_a_slash_becomes_a_folder(verify, papers):
    answer = verify("-o", f"{papers}/phieu/", papers / "a.pdf")

    assert answer.code == 0
    assert [p.name for p in (papers / "phieu").iterdir()] == ["a.pdf.ket-qua.txt"]
    assert answer.err.endswith(f"đã ghi vào {papers}/phieu/\n")


@pytest.mark.parametrize("place", ["a.pdf/", "khong-co/phieu/"])
def test_a_folder_that_cannot_be_made_is_refused_before_anything(place, verify, papers):
    assert verify("-o", f"{papers}/{place}", papers / "b.pdf").code == 64


def test_a_batch_ends_with_how_it_went(verify, papers):
    answer = verify("a.pdf", "sua.pdf", "b.pdf", "chua-ky.pdf", "mat.pdf")

    assert answer.code == 1, "one failed: that one file is missing does not hide it"
    assert answer.err.splitlines()[-1] == (
        "5 tệp: 2 hợp lệ; 1 không hợp lệ: sua.pdf; 1 chưa đủ cơ sở kết luận: chua-ky.pdf; 1 không đọc được"
    )


def test_one_file_on_stdout_and_json_have_no_closing_line(verify, papers):
    assert verify("a.pdf").err == ""
    assert verify("--json", "a.pdf", "b.pdf").err == ""


def test_of_many_only_some_are_named(verify, papers, issued):
    for nth in range(7):
        (papers / f"x{nth}.pdf").write_bytes(b"khong phai PDF")
    answer = verify("-o", "kq.json", "--json", *(f"x{nth}.pdf" for nth in range(7)))

    assert "x4.pdf và 2 tệp khác; đã ghi vào kq.json" in answer.err
    assert len(json.loads((papers / "kq.json").read_text())["documents"]) == 7


def test_a_packet_goes_into_a_folder_as_well(verify, vectors, papers):
    packet = min(vectors.rglob("*.edxml"))
    answer = verify("--packet", packet, "-o", "phieu/")

    assert [p.name for p in (papers / "phieu").iterdir()] == [f"{packet.name}.ket-qua.txt"]
    assert "đã ghi vào phieu/" in answer.err


def test_evidence_of_a_packet_is_one_record_that_is_replayed_as_a_whole(verify, ebrvt, vectors, papers):
    packet = min(vectors.rglob("*.edxml"))
    verify("--packet", packet, "--evidence", "bang-chung")

    (kept,) = ebrvt("evidence", "list", "bang-chung", "--json").data["records"]
    assert (kept["file"], kept["format"]) == (str(packet), "ebrvt-evidence-packet/1")
    assert str(packet) in [part["name"] for part in kept["parts"]]
    assert "cả gói tin gồm" in ebrvt("evidence", "list", "bang-chung").out
    again = ebrvt("evidence", "replay", "bang-chung", kept["record"], packet, "--json")
    assert (again.code, again.data["same"]) == (0, True)
    assert again.data["packet"]["sha256"] == kept["file_sha256"]


# --- a full disk ------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["kq.txt", "phieu/"])
def test_a_full_disk_is_told_as_one_and_leaves_no_half_answer(where, verify, papers):
    with files_of_at_most(100):
        answer = verify("-o", where, papers / "a.pdf")

    assert (answer.code, answer.err.split(":")[0]) == (64, "DISK_FULL")
    assert "kq.txt" in answer.err or "a.pdf.ket-qua.txt" in answer.err
    assert not list(papers.rglob("*.txt"))


def test_a_disk_that_fills_up_on_the_way_leaves_what_is_written_and_says_how_to_go_on(verify, papers):
    """The tally was told of Ctrl-C only."""
    (papers / "phieu").mkdir()
    assert verify("-o", "phieu/", "a.pdf").code == 0
    size = (papers / "phieu" / "a.pdf.ket-qua.txt").stat().st_size
    with files_of_at_most(size + 50):
        answer = verify("-o", "phieu/", "--skip-existing", "a.pdf", "b.pdf", "sua.pdf", "chua-ky.pdf")

    assert answer.code == 64
    assert "đã ghi kết quả của 1/3 tệp vào phieu/ (1 hợp lệ)" in answer.err
    assert "--skip-existing" in answer.err
    assert "DISK_FULL: " in answer.err


def test_evidence_on_a_full_disk_promises_no_going_on(desk, papers):
    class Caught:
        def keep(self, evidence):
            self.evidence = evidence
            return ""

    caught = Caught()
    verify_file(papers / "a.pdf", policy=VN_2025, trust=desk.trust, evidence=caught)
    kept = EvidenceHere.at(papers / "bang-chung")

    with files_of_at_most(100), pytest.raises(InvalidValue) as refusal:
        kept.keep(caught.evidence)

    assert (refusal.value.code, refusal.value.facts["file"]) == ("DISK_FULL", papers / "bang-chung")
    assert "tự chạy tiếp" not in refusal.value.advice_vi
    assert kept.keep(caught.evidence) in kept.kept.names()


def test_a_place_that_takes_no_evidence_is_named(verify, papers):
    (papers / "tep").write_text("")
    answer = verify("--evidence", papers / "tep" / "bang-chung", papers / "a.pdf")

    assert answer.code == 64
    assert f"{papers}/tep/bang-chung" in answer.err


def test_stdout_that_takes_no_more_is_no_internal_error(pki, papers):
    command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "verify", "--workers", "0", "--json", "a.pdf"]
    command += ["--trust", pki.trust_folder]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)

    assert (done.returncode, done.stderr.decode().split(":")[0]) == (64, "DISK_FULL")
    assert b"Exception ignored" not in done.stderr
