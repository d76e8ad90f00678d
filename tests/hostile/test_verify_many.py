"""Batches in worker processes: order, limits, what dies and what goes on. The workers are real."""

import gc
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ebrvt_connect import VN_2025, Indication, ToVerify, VerifyLimits, verify, verify_many
from ebrvt_connect.transport.verify_items import as_item
from tests.hostile import hostile_pdf, hostile_xml
from tests.unit.trust.samples import AT, plain_pdf

PASSED, FAILED, UNCLEAR = Indication.TOTAL_PASSED, Indication.TOTAL_FAILED, Indication.INDETERMINATE


@pytest.fixture
def batch(desk, unhurried):
    def run(sources, limits=unhurried, **more):
        return verify_many(sources, policy=VN_2025, trust=desk.trust, at=AT, limits=limits, **more)

    return run


def codes(report):
    return [finding.code for finding in report.findings]


def children():
    """The processes this one has, by number."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_reports_come_in_the_order_given_and_are_those_of_a_single_verification(
    batch, desk, issued, tmp_path
):
    (tmp_path / "một.pdf").write_bytes(issued)
    tampered = issued.replace(b"Van ban mau", b"Van ban xau", 1)
    detached = ToVerify(source=issued, name="c\udcff.pdf", detached={"a.txt": b"khac"})
    sources = [
        issued,
        tmp_path / "một.pdf",
        tmp_path / "absent.pdf",
        io.BytesIO(tampered),
        tmp_path,
        detached,
        *[plain_pdf()] * 9,
        b"",
    ]

    reports = list(batch(iter(sources), workers=2))

    single = {"policy": VN_2025, "trust": desk.trust, "at": AT}
    assert reports[0] == verify(issued, **single)
    assert reports[1] == verify(tmp_path / "một.pdf", **single)
    assert reports[3] == verify(tampered, **single)
    assert reports[5] == verify(issued, name="c?.pdf", detached={"a.txt": b"khac"}, **single)
    assert [codes(r) for r in reports[2:5:2]] == [["FILE_UNREADABLE"]] * 2
    assert "(không có tệp này)" in reports[2].findings[0].message_vi
    assert {r.indication for r in reports[6:-1]} == {UNCLEAR}
    assert codes(reports[-1]) == ["FILE_EMPTY"]
    assert reports == list(batch(iter(_again(sources)), workers=0))


def _again(sources):
    """The same sources: what has been read to its end is set back."""
    for source in sources:
        if isinstance(source, io.BytesIO):
            source.seek(0)
        yield source


def test_a_file_past_its_processor_time_costs_only_itself(batch, issued):
    slow = hostile_pdf.MADE["fields in fields"]()

    reports = list(batch([slow, issued], workers=1, limits=VerifyLimits(cpu_seconds=0.3)))

    assert codes(reports[0]) == ["VERIFICATION_TIME_EXCEEDED"]
    assert "vượt giới hạn phân tích" in reports[0].findings[0].message_vi
    assert (reports[0].indication, reports[0].sub_indications) == (FAILED, ("FORMAT_FAILURE",))
    assert reports[0].size_bytes == len(slow)
    assert reports[0].sha256 == hashlib.sha256(slow).hexdigest()
    assert reports[0].kind == "pdf"
    assert reports[1].indication is PASSED


def test_a_file_past_its_memory_costs_only_itself(batch, issued):
    fat = hostile_xml.MADE["attributes within the limit, on each element"]()
    limits = VerifyLimits(memory_bytes=130_000_000, memory_per_byte=0)

    reports = list(batch([fat, issued], workers=1, limits=limits))

    assert reports[0].indication is FAILED
    assert reports[0].sub_indications == ("FORMAT_FAILURE",)
    assert set(codes(reports[0])) <= {"VERIFICATION_MEMORY_EXCEEDED", "XML_UNREADABLE"}
    assert reports[1].indication is PASSED


def test_a_source_that_never_comes_is_stopped_by_the_clock(batch, issued, tmp_path):
    os.mkfifo(tmp_path / "pipe.pdf")
    held = os.open(tmp_path / "pipe.pdf", os.O_RDWR)  # a writer that never writes
    try:
        limits = VerifyLimits(wall_seconds=2.5)  # time enough for the other file, on a busy machine too
        reports = list(batch([tmp_path / "pipe.pdf", issued], workers=2, limits=limits))
    finally:
        os.close(held)

    assert codes(reports[0]) == ["VERIFICATION_INTERRUPTED"]
    assert (reports[0].indication, reports[0].sub_indications) == (UNCLEAR, ("GENERIC",))
    assert reports[1].indication is PASSED


def test_a_pipe_nobody_has_opened_is_waited_for_and_not_called_empty(batch, tmp_path):
    os.mkfifo(tmp_path / "pipe.pdf")

    (report,) = batch([tmp_path / "pipe.pdf"], workers=1, limits=VerifyLimits(wall_seconds=0.3))

    assert codes(report) == ["VERIFICATION_INTERRUPTED"]


def test_a_pipe_whose_writer_comes_late_is_read_whole(batch, issued, tmp_path):
    os.mkfifo(tmp_path / "pipe.pdf")
    writer = threading.Timer(0.3, (tmp_path / "pipe.pdf").write_bytes, [issued])
    writer.start()

    (report,) = batch([tmp_path / "pipe.pdf"], workers=1)
    writer.join()

    assert report.indication is PASSED


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (signal.SIGSEGV, "VERIFICATION_CRASHED"),
        (signal.SIGABRT, "VERIFICATION_CRASHED"),
        (signal.SIGKILL, "VERIFICATION_INTERRUPTED"),
        (signal.SIGTERM, "VERIFICATION_INTERRUPTED"),
    ],
)
def test_a_worker_that_is_killed_costs_only_the_file_it_was_at(batch, issued, tmp_path, how, code):
    """What a file does to its worker has failed it; what the system or a person does decides nothing."""
    os.mkfifo(tmp_path / "pipe.pdf")
    held = os.open(tmp_path / "pipe.pdf", os.O_RDWR)

    before = children()

    def sources():
        yield tmp_path / "pipe.pdf"
        for worker in children() - before:
            os.kill(int(worker), how)
            while Path(f"/proc/{worker}/stat").read_text().split()[2] != "Z":
                pass
        yield issued
        yield issued

    try:
        reports = list(batch(sources(), workers=2))
    finally:
        os.close(held)

    assert codes(reports[0]) == [code]
    assert how.name in reports[0].findings[0].message_vi
    assert codes(reports[1]) in ([], [code]), "handed to the other one that was killed"
    assert reports[2].indication is PASSED


def test_sources_are_asked_for_as_workers_get_free_and_an_early_end_leaves_no_process(batch, issued):
    before, asked = children(), []

    def endless():
        while True:
            asked.append(1)
            yield issued

    reports = batch(endless(), workers=2)
    assert not asked
    assert next(reports).indication is PASSED
    assert len(asked) <= 2 * 4
    assert len(children() - before) == 2
    reports.close()

    assert children() == before


def test_a_batch_that_is_forgotten_leaves_no_process(batch, issued):
    before = children()
    reports = batch([issued] * 3, workers=1)
    next(reports)
    del reports
    gc.collect()

    assert children() == before


def test_what_the_sources_raise_is_raised_and_leaves_no_process(batch):
    before = children()

    def failing():
        yield b"x"
        raise LookupError

    with pytest.raises(LookupError):
        list(batch(failing(), workers=1))
    assert children() == before


def test_nothing_to_do_starts_nothing(batch):
    before = children()
    assert list(batch([])) == []
    assert children() == before


@pytest.mark.parametrize("wrong", [{"workers": -1}, {"at": AT.replace(tzinfo=None)}])
def test_a_wrong_call_is_told_at_once(desk, wrong):
    with pytest.raises(ValueError, match=r"negative|aware"):
        verify_many([b"x"], **({"policy": VN_2025, "trust": desk.trust, "at": AT} | wrong))


def test_too_much_content_beside_a_file_is_a_wrong_call():
    with pytest.raises(ValueError, match="at most 100"):
        as_item(ToVerify(source=b"", detached={str(n): b"" for n in range(101)}))


def test_a_device_without_end_is_too_large(batch):
    (report,) = batch([Path("/dev/zero")], workers=1)

    assert codes(report) == ["FILE_TOO_LARGE"]


PROGRAM = """
import signal, sys, pathlib
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
from ebrvt_connect import VN_2025, load_trust_folder, verify_many
data = pathlib.Path(sys.argv[2]).read_bytes()
for n, report in enumerate(verify_many(iter(lambda: data, None), policy=VN_2025,
                           trust=load_trust_folder(pathlib.Path(sys.argv[1])), workers=2)):
    print(n, flush=True)
"""


def test_ctrl_c_ends_the_workers_too(pki, tmp_path):
    """A program without `if __name__ == "__main__"`, in a process group of its own."""
    (tmp_path / "a.pdf").write_bytes(plain_pdf())
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, tmp_path / "program.py", pki.trust_folder, tmp_path / "a.pdf"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as it:
        assert it.stdout.readline() == b"0\n"
        workers = Path(f"/proc/{it.pid}/task/{it.pid}/children").read_text().split()
        os.killpg(it.pid, signal.SIGINT)
        _, told = it.communicate(timeout=60)

    assert len(workers) == 2
    assert told.count(b"Traceback") == 1
    assert b"KeyboardInterrupt" in told
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{number}").exists() for number in workers):
        assert time.monotonic() < deadline, "a worker is left over"
