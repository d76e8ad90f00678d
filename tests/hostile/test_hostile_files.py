"""Files made to be too much, of every kind: each ends with a report, in a worker under limits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from ebrvt_connect import VN_2025, Indication, ToVerify, verify, verify_many
from ebrvt_connect.testing.sample_ooxml import packed
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.transport import verify_process
from tests.hostile import (
    hostile_cms,
    hostile_edxml,
    hostile_layers,
    hostile_ooxml,
    hostile_pdf,
    hostile_xml,
)
from tests.unit.trust import ooxml_samples
from tests.unit.trust.samples import AGENCY, AT, plain_pdf
from tests.unit.trust.xml_samples import ENVELOPED, INCLUSIVE, packet, reference, signature, with_signature

MODULES = {"pdf": hostile_pdf, "xml": hostile_xml, "cms": hostile_cms, "ooxml": hostile_ooxml}
FAMILIES = {**MODULES, "layers": hostile_layers, "edxml": hostile_edxml}
EVERY = 1 if os.environ.get("EBRVT_EVERY_HOSTILE_FILE") else 4
"""How many of each family are left out in the daily run: all of them take a minute."""
MADE = {
    f"{family}: {name}": make
    for family, module in FAMILIES.items()
    for name, make in list(module.MADE.items())[:: 1 if family == "layers" else EVERY]
}
LEFT_OPEN = {
    "SIGNED_DATA_NOT_FOUND",
    "KIND_NOT_JUDGED_YET",
    "SIGNER_CERTIFICATE_MISSING",
    "XML_TOO_LARGE",
    "ENVELOPE_NOT_SIGNED",
    "ATTACHED_FILE_UNCLEAR",
}
"""What has not failed: it reads, but what was looked for is not there, or it is large and nothing else."""


@pytest.fixture
def batch(desk, unhurried):
    def run(sources):
        return verify_many(sources, policy=VN_2025, trust=desk.trust, at=AT, workers=2, limits=unhurried)

    return run


NO_NETWORK = """
import os, sys
def watch(event, arguments):
    if event.removeprefix("socket.") in {"connect", "bind", "sendto", "getaddrinfo", "gethostbyname"}:
        os.abort()
sys.addaudithook(watch)
from ebrvt_connect.transport.verify_worker import main
"""


@pytest.fixture
def without_network(monkeypatch):
    """Workers that die of the first thing they want from the network."""
    monkeypatch.setattr(verify_process, "_PROGRAM", NO_NETWORK + "main()")


def test_a_worker_that_wants_the_network_would_be_seen(batch, monkeypatch):
    asking = NO_NETWORK + "import socket; socket.getaddrinfo('localhost', 1); main()"
    monkeypatch.setattr(verify_process, "_PROGRAM", asking)

    with pytest.raises(RuntimeError, match="did not start: exit code -6"):
        list(batch([b"x"]))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("without_network")
def test_every_hostile_file_ends_with_a_report_and_asks_nobody(batch):
    """Made one by one as workers get free: together they would fill the memory of the test."""
    reports = {r.file: r for r in batch(ToVerify(source=make(), name=name) for name, make in MADE.items())}

    assert list(reports) == list(MADE)
    for name, report in reports.items():
        found = [finding.code for finding in report.all_findings()]
        assert "VERIFICATION_CRASHED" not in found, name
        assert found, name
        if report.indication is Indication.TOTAL_FAILED:
            assert "FORMAT_FAILURE" in report.sub_indications or "ATTACHED_FILE_FAILED" in found, name
        else:
            assert report.indication is Indication.INDETERMINATE, name
            assert set(found) <= LEFT_OPEN, name


@pytest.fixture(scope="module")
def sound(pki, desk, issued):
    """One signed file of each kind, all of which pass."""
    both = [pki.signer(AGENCY, role="person"), pki.signer(AGENCY)]
    return {
        "pdf": issued,
        "xml": signed_xml(result_paper_xml("Giấy phép", {"Số": "12"}), both),
        "cms": signed_cms(plain_pdf(), both, signed_at=AT),
        "ooxml": packed(ooxml_samples.signed(both[0])),
    }


@pytest.mark.parametrize("kind", MODULES)
def test_a_file_cut_short_anywhere_does_not_pass(kind, sound, desk):
    data = sound[kind]
    whole = verify(data, policy=VN_2025, trust=desk.trust, at=AT)
    assert whole.indication is Indication.TOTAL_PASSED

    for percent in range(5, 100, 5):
        cut = data[: len(data) * percent // 100]
        report = verify(cut, policy=VN_2025, trust=desk.trust, at=AT)

        assert report.indication is not Indication.TOTAL_PASSED, percent
        # What still looks signed has failed; a beginning without any signature is only unsigned.
        codes = {finding.code for finding in report.findings}
        assert report.sub_indications[0] == "FORMAT_FAILURE" or codes <= LEFT_OPEN, percent


def test_a_sound_signature_over_much_to_canonicalize_is_within_the_limits(batch, pki):
    """Namespaces in scope everywhere, and as many references as are taken: the work is bounded."""
    spaces = "".join(f' xmlns:n{n}="urn:{n}"' for n in range(200))
    rows = f"<r:row{spaces}>" + "<n7:a n8:b='c'>d</n7:a>" * 30_000 + "</r:row>"
    xml = packet().replace(b"<r:body>", f"<r:body>{rows}".encode())
    references = [reference(etree.fromstring(xml), transforms=(ENVELOPED, INCLUSIVE), value=b"")] * 20

    (report,) = batch([with_signature(xml, signature(references, pki.signer(AGENCY)))])

    assert report.indication is not Indication.TOTAL_PASSED
    assert "VERIFICATION_CRASHED" not in {f.code for f in report.findings}


MEASURED = """
import json, os, pathlib, sys, threading
sys.path.insert(0, ".")
from ebrvt_connect import VN_2025, load_trust_folder, verify_many
from tests.hostile import hostile_cms, hostile_ooxml, hostile_pdf, hostile_xml
made = {"pdf": hostile_pdf, "xml": hostile_xml, "cms": hostile_cms, "ooxml": hostile_ooxml}
data = made[sys.argv[2]].MADE[sys.argv[3]]()
peak, done = 0, threading.Event()
def watch():
    # Not what getrusage tells of children: before it becomes a worker a child is what its parent is.
    global peak
    while not done.wait(0.005):
        for number in pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            place = pathlib.Path("/proc", number)
            try:
                if b"verify_worker" in (place / "cmdline").read_bytes():
                    lines = (place / "status").read_text().splitlines()
                    peak = max(peak, *(int(n.split()[1]) * 1024 for n in lines if n.startswith("VmHWM")))
            except (OSError, TypeError):
                pass
threading.Thread(target=watch, daemon=True).start()
(report,) = verify_many([data], policy=VN_2025, trust=load_trust_folder(pathlib.Path(sys.argv[1])))
done.set()
print(json.dumps([report.indication, len(data), peak]))
"""


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("pdf", "half a million objects"),
        ("pdf", "an object stream bomb"),
        ("xml", "attributes within the limit, on each element"),
        ("cms", "content of fifty megabytes"),
    ],
)
def test_the_largest_worker_stays_within_what_is_promised(kind, name, pki):
    """200 MB and twice the file, interpreter and file and all; the kernel measures."""
    command = [sys.executable, "-c", MEASURED, pki.trust_folder, kind, name]
    done = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[2])
    indication, size, peak = json.loads(done.stdout)

    assert indication != "TOTAL_PASSED"
    assert 50_000_000 < peak <= 200_000_000 + 2 * size
