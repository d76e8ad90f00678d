"""edXML packets are opened by workers, one at a time: the process that asks learns names, and verdicts."""

import json
import os
import subprocess
import sys

import pytest

from ebrvt_connect import VN_2025, Indication, ToVerify, VerifyLimits, verify, verify_many
from ebrvt_connect.ops.verify_packet import opened
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport import verify_parts
from ebrvt_connect.transport.verify_batch import attached_names
from tests.hostile import hostile_cms, hostile_edxml, hostile_layers, hostile_pdf
from tests.unit.trust.packet_samples import edxml
from tests.unit.trust.samples import AGENCY, AT, plain_pdf


@pytest.fixture
def packet(tmp_path, pki, issued):
    sealed = signed_cms(plain_pdf(), [pki.signer(AGENCY)], signed_at=AT, detached=True)
    path = tmp_path / "goi.edxml"
    path.write_bytes(edxml({"cv.pdf": issued, "pl.pdf": plain_pdf(), "pl.pdf.p7s": sealed}))
    return path


def test_a_worker_tells_the_names_and_this_process_opens_nothing(packet, tmp_path, monkeypatch):
    (tmp_path / "bom.edxml").write_bytes(hostile_edxml.MADE["an archive that is a bomb"]())
    monkeypatch.setattr(verify_parts, "attached_files", pytest.fail)

    assert list(attached_names([packet, tmp_path / "bom.edxml"], VN_2025)) == [
        ("cv.pdf", "pl.pdf", "pl.pdf.p7s"),
        (),
    ]
    items = opened([packet], {}, VN_2025)
    assert [item.part for _, item in items] == [None, 0, 1, 2]
    assert {item.source for _, item in items} == {packet}, "a path: what is in it nobody holds"


@pytest.mark.parametrize("workers", [0, 2])
def test_each_attached_file_has_the_verdict_it_would_have_beside_the_packet(packet, desk, issued, workers):
    single = {"policy": VN_2025, "trust": desk.trust, "at": AT}
    parts = [ToVerify(source=packet, name=f"{n}", part=n) for n in range(4)]

    reports = list(verify_many(parts, workers=workers, **single))

    assert reports[0] == verify(issued, name="0", **single)
    assert [r.indication for r in reports[:3]] == [
        Indication.TOTAL_PASSED,
        Indication.INDETERMINATE,
        Indication.TOTAL_PASSED,
    ]
    assert reports[2].signatures[0].coverage.covered == ("pl.pdf",)
    assert [f.code for f in reports[3].findings] == ["FILE_UNREADABLE"], "there is no fourth"


LOCKED_OR_CIRCLES = {
    "mat-khau.pdf": hostile_layers.MADE["PDF with a password"],
    "mat-khau.docx": hostile_layers.MADE["a document with a password (OLE)"],
    "khoa.docx": hostile_layers.MADE["a package that is locked"],
    "phong-bi.p7m": hostile_layers.MADE["enveloped data"],
    "cay-trang.pdf": hostile_pdf.MADE["a page tree that doubles on each level"],
    "luu-nhieu.pdf": hostile_pdf.MADE["ten thousand revisions"],
    "tang.p7m": hostile_cms.MADE["values in values"],
    "cuoi.xml": hostile_layers.MADE["laughs in UTF-16"],
    "goi.edxml": hostile_edxml.MADE["an archive that is a bomb"],
}


def test_the_command_answers_with_format_failure_for_each(tmp_path, pki):
    for name, make in LOCKED_OR_CIRCLES.items():
        (tmp_path / name).write_bytes(make())
    command = [sys.executable, "-m", "ebrvt_connect.ops.cli", "verify", "--json", "--workers", "2"]
    done = subprocess.run(
        [*command, "--trust", pki.trust_folder, *LOCKED_OR_CIRCLES],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )

    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    told = {d["file"]: d for d in json.loads(done.stdout)["documents"]}
    assert list(told) == list(LOCKED_OR_CIRCLES)
    for name, document in told.items():
        assert (document["indication"], document["sub_indications"][-1]) == (
            "TOTAL_FAILED",
            "FORMAT_FAILURE",
        ), name


def test_a_machine_that_gives_no_memory_is_told_as_such(tmp_path, pki):
    """An address space limit from outside, below what a file is given: of the file nothing is concluded."""
    (tmp_path / "a.p7m").write_bytes(
        signed_cms(os.urandom(40_000_000), [pki.signer(AGENCY)], signed_at=AT, detached=False)
    )
    program = (
        "import resource, pathlib, sys\n"
        "from ebrvt_connect import VN_2025, load_trust_folder, verify_many\n"
        "trust = load_trust_folder(pathlib.Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_AS, (125_000_000, 125_000_000))\n"
        "(report,) = verify_many([pathlib.Path('a.p7m')], policy=VN_2025, trust=trust)\n"
        "print(report.indication, report.findings[0].code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, pki.trust_folder],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert done.stdout.split() == ["INDETERMINATE", "VERIFICATION_INTERRUPTED"], done.stderr


def test_what_is_given_to_one_file_is_the_whole_process():
    limits = VerifyLimits()
    assert limits.memory_for(100_000_000) == 200_000_000 + 2 * 100_000_000
