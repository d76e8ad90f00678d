"""A worker that its file has taken over says what it likes; a slow caller is not the file's fault."""

import time

import pytest

from ebrvt_connect import VN_2025, Indication, ToVerify, VerifyLimits, verify, verify_many
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport import verify_process
from ebrvt_connect.transport.verify_items import as_item
from ebrvt_connect.transport.verify_jobs import Job
from ebrvt_connect.transport.verify_wire import BatchGrounds, spooled
from tests.unit.trust.samples import AGENCY, AT, plain_pdf

TAKEN_OVER = """
import socket, sys
from ebrvt_connect.transport.verify_jobs import Job
from ebrvt_connect.transport.verify_wire import ANSWER, LENGTH, READY
parent = socket.socket(fileno=int(sys.argv[1]))
def asked():
    head, files, _, _ = socket.recv_fds(parent, 4, 101)
    return len(head) == 4 and bool(parent.recv(LENGTH.unpack(head)[0]))
report = open({report!r}, "rb").read()
answer = ANSWER.pack(False, len(report)) + report
asked()
parent.sendall(READY)
while asked():
    parent.sendall({answer})
"""


@pytest.fixture
def batch(desk, unhurried):
    def run(sources, limits=unhurried, **more):
        found = verify_many(
            sources, policy=VN_2025, trust=desk.trust, at=AT, workers=1, limits=limits, **more
        )
        return list(found)

    return run


@pytest.fixture
def taken_over(monkeypatch, tmp_path, desk):
    """Workers that tell what `report` says of the file `of`."""

    def make(of, *, answer="answer"):
        report = verify(of, policy=VN_2025, trust=desk.trust, at=AT, name="a.pdf")
        (tmp_path / "report.json").write_text(report.model_dump_json())
        program = TAKEN_OVER.format(report=str(tmp_path / "report.json"), answer=answer)
        monkeypatch.setattr(verify_process, "_PROGRAM", program)

    return make


def codes(report):
    return [finding.code for finding in report.findings]


def test_its_report_on_the_very_file_is_taken_for_nobody_else_knows(batch, issued, taken_over):
    taken_over(issued)
    (report,) = batch([ToVerify(source=issued, name="a.pdf")])
    assert report.indication is Indication.TOTAL_PASSED


@pytest.mark.parametrize(
    "change",
    [
        {"file": "b.pdf"},
        {"sha256": "0" * 64},
        {"size_bytes": 5},
        {"policy": VN_2025.reference.model_copy(update={"sha256": "0" * 64})},
        {"validation_time": AT.replace(year=2020)},
        {"evidence": ("0" * 64,)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_report_on_anything_else_is_none(desk, issued, change):
    grounds = BatchGrounds(policy=VN_2025, trust=desk.trust, revocation=None, at=AT, limits=VerifyLimits())
    report = verify(issued, policy=VN_2025, trust=desk.trust, at=AT, name="a.pdf")
    job = Job(as_item(ToVerify(source=issued, name="a.pdf")))
    job.open(VN_2025.largest_bytes + 1)
    with pytest.raises(ValueError, match="a report on"):
        job.take(report.model_copy(update=change).model_dump_json().encode(), grounds)
    assert job.report is None
    job.take(report.model_dump_json().encode(), grounds)
    job.close()
    assert job.report == report


def test_the_report_on_a_good_file_is_not_that_of_an_unsigned_one(batch, issued, taken_over, tmp_path):
    taken_over(issued)
    (tmp_path / "a.pdf").write_bytes(plain_pdf())
    reports = batch([tmp_path / "a.pdf", ToVerify(source=plain_pdf(), name="a.pdf")])
    assert [codes(r) for r in reports] == [["VERIFICATION_CRASHED"]] * 2
    assert {(r.indication, r.size_bytes) for r in reports} == {(Indication.TOTAL_FAILED, len(plain_pdf()))}


def test_bytes_behind_an_answer_end_the_worker(batch, issued, taken_over):
    taken_over(issued, answer="answer + b'x'")
    (report,) = batch([ToVerify(source=issued, name="a.pdf")])
    assert codes(report) == ["VERIFICATION_CRASHED"]


def test_what_a_worker_was_handed_nobody_can_change():
    with spooled(b"abc") as file:
        for change in (lambda: file.write(b"d"), lambda: file.truncate(1), lambda: file.truncate(9)):
            with pytest.raises(PermissionError):
                change()


def test_a_file_that_is_changed_meanwhile_is_told_so(batch, issued, taken_over, tmp_path):
    place = tmp_path / "a.pdf"
    place.write_bytes(issued)
    late = f"open({str(place)!r}, 'ab').write(b'x') and answer"
    taken_over(issued, answer=late)
    (report,) = batch([place])
    assert codes(report) == ["FILE_UNREADABLE"]
    assert "bị thay đổi trong lúc kiểm tra" in report.findings[0].message_vi


def test_a_caller_who_is_away_does_not_make_a_file_late(desk, pki):
    """A report of 400 kB does not fit into the socket: its worker waits for us, and not we for it."""
    sealed = signed_cms(b"abc", [pki.signer(AGENCY)], signed_at=AT, detached=True)
    beside = {f"n{n:02}" + "x" * 4000: b"z" for n in range(99)}
    sources = [sealed, ToVerify(source=sealed, detached=beside), ToVerify(source=sealed, detached=beside)]
    limits = VerifyLimits(wall_seconds=3.0)
    found = []
    for report in verify_many(sources, policy=VN_2025, trust=desk.trust, at=AT, workers=2, limits=limits):
        found += codes(report)[:1]
        time.sleep(0 if found[1:] else 3.3)
    assert set(found[1:]) == {"DETACHED_CONTENT_NOT_COVERED"}


def test_names_that_are_no_text_cost_nothing(batch, desk, pki):
    content = plain_pdf()
    sealed = signed_cms(content, [pki.signer(AGENCY)], signed_at=AT, detached=True)
    beside = {"\udcff.pdf": content, "?.pdf": b"z"}
    both, alone = batch(
        ToVerify(source=sealed, name="a.p7s", detached=there) for there in (beside, {"\udcff.pdf": content})
    )
    assert codes(both)[0] == "DETACHED_CONTENT_NOT_COVERED"
    assert "?.pdf" in both.findings[0].message_vi
    assert alone.indication is Indication.TOTAL_PASSED
