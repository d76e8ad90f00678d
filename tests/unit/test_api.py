"""Verifying and signing as a library user does."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO

import pytest

from ebrvt_connect.api import (
    POLICIES,
    VN_2025,
    averify,
    load_trust_folder,
    sign_pdf,
    signed_content,
    verify,
    verify_many,
    verify_packet,
)
from ebrvt_connect.store.evidence import EvidenceFolder
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.trust.anchors import TrustStore
from ebrvt_connect.trust.revocation import RevocationArchive

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return SandboxPki.open(tmp_path_factory.mktemp("api") / "pki", {"H06.15": "Sở mẫu"})


@pytest.fixture(scope="module")
def trust(pki):
    return load_trust_folder(pki.trust_folder)


@pytest.fixture(scope="module")
def signed(pki):
    pdf = letter_pdf(Letter("Sở mẫu", "1", "CV-STTTT", "V/v thử nghiệm"))
    return sign_pdf(pdf, pki.signer("H06.15"), role="agency", signed_at=AT)


def test_bytes_a_path_and_a_stream_are_judged_alike(tmp_path, trust, signed):
    path = tmp_path / "cong-van.pdf"
    path.write_bytes(signed)

    reports = [verify(s, policy=VN_2025, trust=trust, at=AT) for s in (signed, path, BytesIO(signed))]

    assert {r.sha256 for r in reports} == {reports[0].sha256}
    assert [r.indication for r in reports] == ["TOTAL_PASSED"] * 3
    assert [r.file for r in reports] == ["", "cong-van.pdf", ""]
    assert verify(path, policy=VN_2025, trust=trust, at=AT, name="Công văn 7849").file == "Công văn 7849"


def test_without_a_time_the_clock_is_asked(trust, signed):
    report = verify(signed, policy=VN_2025, trust=trust, clock=FakeClock(AT))

    assert report.validation_time == AT
    assert verify(signed, policy=VN_2025, trust=trust).validation_time > AT.replace(year=2025)


def test_revocation_lists_can_be_added(pki, trust, signed):
    bare = TrustStore(trust.anchors, trust.intermediates)
    lists = RevocationArchive.of(p.read_bytes() for p in (pki.trust_folder / "crl").iterdir())

    assert verify(signed, policy=VN_2025, trust=bare, at=AT).sub_indications == ("TRY_LATER",)
    with_lists = verify(signed, policy=VN_2025, trust=bare, revocation=lists, at=AT)
    assert with_lists.indication == "TOTAL_PASSED"


def test_a_policy_must_be_passed(trust, signed):
    with pytest.raises(TypeError, match="policy"):
        verify(signed, trust=trust)


def test_detached_content_is_not_silently_left_out(trust, signed):
    report = verify(signed, policy=VN_2025, trust=trust, at=AT, detached={"a.pdf": b""})

    assert [f.code for f in report.findings] == ["DETACHED_CONTENT_NOT_COVERED", "SEAL_WITHOUT_LEADER"]
    assert report.indication == "INDETERMINATE"


def test_a_path_that_is_not_there_is_an_os_error(tmp_path, trust):
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "nothing.pdf", policy=VN_2025, trust=trust)


def test_a_stream_past_the_limit_is_not_read_to_its_end(trust):
    class Endless(BytesIO):
        asked = 0

        def read(self, size=-1):
            self.asked = size
            return b"%PDF-" + bytes(size - 5)

    stream = Endless()
    policy = VN_2025.model_copy(update={"largest_bytes": 1000})

    report = verify(stream, policy=policy, trust=trust, at=AT)

    assert (stream.asked, report.findings[0].code) == (1001, "FILE_TOO_LARGE")


def test_verifying_works_inside_a_running_event_loop(trust, signed):
    async def within():
        return verify(signed, policy=POLICIES["VN_2025"], trust=trust, at=AT)

    assert asyncio.run(within()).indication == "TOTAL_PASSED"


def test_the_pure_judge_agrees_whichever_thread_asks(trust, signed):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda _: verify(signed, policy=VN_2025, trust=trust, at=AT), range(40)))

    assert {r.indication for r in reports} == {"TOTAL_PASSED"}
    assert len({r.to_json() for r in reports}) == 1


def test_importing_it_loads_neither_pyhanko_nor_cryptography():
    program = "import sys, ebrvt_connect.api; print(*{n.partition('.')[0] for n in sys.modules})"

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert set(answer.stdout.split()) & {"pyhanko", "cryptography", "asn1crypto", "requests"} == set()


def test_a_file_of_the_kind_named_is_judged_as_ever(trust, signed):
    named = verify(signed, policy=VN_2025, trust=trust, at=AT, kind="pdf")

    assert named == verify(signed, policy=VN_2025, trust=trust, at=AT)


@pytest.mark.parametrize("kind", ["xml", "cms", "ooxml", "edxml"])
def test_a_file_of_another_kind_than_named_has_failed(trust, signed, kind):
    report = verify(signed, policy=VN_2025, trust=trust, at=AT, kind=kind)

    assert report.indication == "TOTAL_FAILED"
    assert report.sub_indications == ("FORMAT_FAILURE",)
    assert [f.code for f in report.all_findings()] == ["KIND_NOT_AS_NAMED"]
    assert report.kind == "pdf"


def test_the_kind_named_is_a_part_of_the_evidence(tmp_path, trust, signed):
    folder = EvidenceFolder(tmp_path)
    verify(signed, policy=VN_2025, trust=trust, at=AT, kind="xml", evidence=folder)
    (name,) = folder.names()

    assert folder.replay(name, signed).differences == ()


def test_a_verdict_tells_which_records_are_its_own(tmp_path, trust, signed):
    folder = EvidenceFolder(tmp_path)
    first, later = (
        verify(signed, policy=VN_2025, trust=trust, at=AT + timedelta(hours=hours), evidence=folder)
        for hours in (0, 1)
    )
    packet = verify_packet(b"<a/>", policy=VN_2025, trust=trust, at=AT, evidence=folder)

    kept = [folder.names_of(report) for report in (first, packet, later)]
    assert [len(names) for names in kept] == [1, 1, 1]
    assert sorted(name for names in kept for name in names) == sorted(folder.names())
    assert folder.names_of(verify(b"", policy=VN_2025, trust=trust, at=AT)) == ()


def test_an_empty_file_is_told_as_empty_whatever_it_was_to_be(trust):
    report = verify(b"", policy=VN_2025, trust=trust, at=AT, kind="pdf")

    assert [f.code for f in report.findings] == ["FILE_EMPTY"]


def test_an_edxml_packet_may_be_named_xml(trust):
    packet = b'<?xml version="1.0"?><edXML:edXML xmlns:edXML="urn:edxml"/>'

    codes = [f.code for f in verify(packet, policy=VN_2025, trust=trust, at=AT, kind="xml").findings]

    assert "KIND_NOT_AS_NAMED" not in codes


@pytest.mark.parametrize("kind", ["docx", "", "unknown"])
def test_a_kind_nobody_knows_is_a_wrong_call(trust, signed, kind):
    with pytest.raises(ValueError, match=r"[kK]ind"):
        verify(signed, policy=VN_2025, trust=trust, at=AT, kind=kind)


def test_a_loop_goes_on_while_files_are_verified(trust, signed):
    async def judged():
        waiting = [asyncio.create_task(averify(signed, policy=VN_2025, trust=trust, at=AT)) for _ in range(3)]
        turns = 0
        while not all(task.done() for task in waiting):
            turns += 1
            await asyncio.sleep(0)
        return turns, [task.result() for task in waiting]

    turns, reports = asyncio.run(judged())

    assert turns > 1
    assert reports == [verify(signed, policy=VN_2025, trust=trust, at=AT)] * 3


def test_a_wrong_call_is_raised_where_it_is_awaited(trust, signed):
    with pytest.raises(ValueError, match="aware"):
        asyncio.run(averify(signed, policy=VN_2025, trust=trust, at=AT.replace(tzinfo=None)))


# --- calls that are slips, told as such ---------------------------------------------------------------------


def _many(source, **grounds):
    return list(verify_many([source], workers=0, **grounds))


CALLS = {"verify": verify, "content": signed_content, "packet": verify_packet, "many": _many}
NO_SOURCES = {"path as text": "cong-van.pdf", "mutable bytes": bytearray(b"%PDF-"), "nothing": None}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("source", NO_SOURCES.values(), ids=NO_SOURCES.keys())
def test_what_is_no_source_is_told_with_what_would_be_one(trust, call, source):
    with pytest.raises(TypeError, match=r"expected bytes, a pathlib\.Path or a file opened with 'rb', got"):
        call(source, policy=VN_2025, trust=trust, at=AT)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_file_opened_as_text_is_told_as_such(trust, call):
    with pytest.raises(TypeError, match="got one that reads text"):
        call(StringIO("%PDF-"), policy=VN_2025, trust=trust, at=AT)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_policys_name_and_a_folder_are_no_grounds(pki, trust, signed, call):
    with pytest.raises(TypeError, match="policy: expected a VerificationPolicy such as VN_2025, got str"):
        call(signed, policy="VN_2025", trust=trust, at=AT)
    with pytest.raises(TypeError, match="trust: expected what load_trust_folder gives"):
        call(signed, policy=VN_2025, trust=pki.trust_folder, at=AT)


def test_a_source_that_is_none_does_not_end_a_batch_as_if_all_were_judged(trust, signed):
    for sources in ([None], [signed, None, signed]):
        with pytest.raises(TypeError, match="got NoneType"):
            list(verify_many(sources, policy=VN_2025, trust=trust, at=AT, workers=1))
