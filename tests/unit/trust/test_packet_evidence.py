"""Evidence of a packet: one record for the whole, whose replay comes to the same or says what differs."""

import hashlib
import io
import json
from datetime import date
from pathlib import Path

import pytest

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.ids import AgencyHistory, CodeSuccession
from ebrvt_connect.store.evidence import EvidenceFolder
from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.trust.evidence import read_record
from ebrvt_connect.trust.packet_evidence import PacketRecord, packet_replayed
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.packet_samples import Clerk, edxml, record_of, sealed_edxml
from tests.unit.trust.samples import AGENCY, OTHER_AGENCY


@pytest.fixture(scope="module")
def clerk(desk):
    return Clerk(desk)


@pytest.fixture
def folder(tmp_path):
    return EvidenceFolder(tmp_path / "bang-chung")


@pytest.fixture(scope="module")
def sealed(desk):
    return desk.signed(timestamper=desk.stamped())


def test_a_packet_is_one_record_that_names_its_files_and_rules(clerk, folder, issued, sealed):
    packet = edxml({"cv.pdf": issued, "pl.pdf": sealed})
    report = clerk.judge(packet, evidence=folder, name="125.edxml")

    (name,) = folder.names()
    record = folder.record(name)
    assert isinstance(record, PacketRecord)
    assert [part.name for part in record.parts] == ["125.edxml", "cv.pdf", "pl.pdf"]
    assert (record.file_sha256, record.indication) == (report.sha256, report.indication)
    assert {record.rules, record.signers, record.history, record.report} <= record.digests()
    assert all(folder.content(sha256) for sha256 in record.digests())


def test_every_fate_of_a_packet_is_replayed_to_the_same(clerk, desk, folder, issued, sealed):
    packets = [
        edxml({"cv.pdf": issued, "pl.pdf": sealed}),
        edxml({"cv.pdf": issued.replace(b"Van ban mau", b"Van ban xau", 1)}),
        edxml({"cv.pdf": issued, "pl.xlsx": workbook_xlsx()}),
        edxml({"cv.pdf": issued}, issuer=OTHER_AGENCY),
        edxml({"cv.pdf": issued, "lai.pdf": issued}),
        sealed_edxml(edxml({"cv.pdf": issued}), desk.pki.signer(AGENCY)),
        b"<edXML",
    ]
    for packet in packets:
        before = set(folder.names())
        report = clerk.judge(packet, evidence=folder)
        (name,) = set(folder.names()) - before

        again = folder.replay(name, packet)
        assert again.differences == ()
        assert again.report.indication is report.indication
        assert (again.rules_changed, again.rules_known) == (False, True)


def test_a_record_with_its_files_is_replayed_with_them(clerk, folder, issued, sealed):
    document, files = record_of({"cv.pdf": issued, "pl.pdf": sealed})
    data = document.model_dump_json().encode()
    for source in (data, document):
        before = set(folder.names())
        clerk.judge(source, files, evidence=folder)
        (name,) = set(folder.names()) - before
        assert folder.replay(name, data, files).differences == ()

    for given in ({}, {**files, "la.pdf": b"la"}, {**files, "pl.pdf": issued}):
        with pytest.raises(InvalidValue) as refused:
            folder.replay(name, data, given)
        assert refused.value.code == "EVIDENCE_OTHER_CONTENT"
    with pytest.raises(InvalidValue) as refused:
        folder.replay(name, data + b" ", files)
    assert refused.value.code == "EVIDENCE_OTHER_FILE"


class Overwritten(type(Path())):
    """A file that another program writes anew between two readings."""

    def open(self, *_args, **_kwargs):
        content = io.BytesIO(Path(self).read_bytes())
        Path(self).write_bytes(b"%PDF-1.4 khac")
        return content


def test_a_file_overwritten_meanwhile_is_told_and_no_evidence_names_bytes_nobody_judged(
    clerk, folder, issued, tmp_path
):
    document, files = record_of({"cv.pdf": issued})
    given = {name: Overwritten(tmp_path / name) for name in files}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidValue) as told:
        clerk.judge(document, given, evidence=folder)
    assert told.value.code == "FILE_CHANGED_MEANWHILE"
    assert list(folder.names()) == []


def test_which_agency_followed_which_is_kept_too(clerk, folder, issued):
    codes = (("H06.15", "H29.90"),)
    history = AgencyHistory.of([CodeSuccession("H06", "H29", date(2025, 7, 1), codes)])
    packet = edxml({"cv.pdf": issued}, issuer="000.00.90.H29")
    report = clerk.judge(packet, evidence=folder, history=history)
    (name,) = folder.names()

    assert report.indication is Indication.TOTAL_PASSED
    assert folder.replay(name, packet).differences == ()


def test_another_outcome_is_told(clerk, folder, issued):
    """The register is made to hold nobody: whoever signed is a stranger now, and the rules say so."""
    packet = edxml({"cv.pdf": issued})
    clerk.judge(packet, evidence=folder)
    record = folder.record(folder.names()[0])
    nobody = b"[]"
    empty = hashlib.sha256(nobody).hexdigest()

    def read(sha256):
        return nobody if sha256 == empty else folder.content(sha256)

    with pytest.raises(InvalidValue) as refused:  # the parts were judged by other registers than the packet
        packet_replayed(record.model_copy(update={"signers": empty}), read, packet)
    assert refused.value.code == "EVIDENCE_DAMAGED"

    told = json.loads(folder.content(record.report))
    told["packet"]["findings"] = [{"code": "PACKET_FILE_UNLISTED"}]
    other = json.dumps(told).encode()
    changed = record.model_copy(update={"report": hashlib.sha256(other).hexdigest()})
    again = packet_replayed(changed, lambda s: other if s == changed.report else folder.content(s), packet)
    assert again.differences == ("phát hiện về gói tin",)
    with pytest.raises(TypeError):
        bool(again)


def test_a_packet_without_the_evidence_of_a_part_is_damaged_and_not_passed(clerk, folder, issued, sealed):
    packet = edxml({"cv.pdf": issued, "pl.pdf": sealed})
    clerk.judge(packet, evidence=folder)
    record = folder.record(folder.names()[0])

    for parts in (record.parts[:-1], ()):
        with pytest.raises(InvalidValue) as refused:
            packet_replayed(record.model_copy(update={"parts": parts}), folder.content, packet)
        assert refused.value.code == "EVIDENCE_DAMAGED"


def test_deleting_a_packet_takes_what_only_it_named(clerk, folder, issued, sealed):
    first, second = edxml({"cv.pdf": issued, "pl.pdf": sealed}), edxml({"cv.pdf": issued})
    clerk.judge(first, evidence=folder)
    (one,) = folder.names()
    clerk.judge(second, evidence=folder)
    (two,) = set(folder.names()) - {one}

    assert folder.delete(one) > 0
    assert folder.replay(two, second).differences == ()
    folder.delete(two)
    assert not [p for p in (folder.folder / "objects").rglob("*") if p.is_file()]


def test_a_verdict_edited_in_the_record_is_damage_and_not_a_verdict(clerk, folder, issued):
    """A record's name is its digest, and whoever edits it can give it the new one."""
    bad = edxml({"cv.pdf": issued.replace(b"Van ban mau", b"Van ban xau", 1)})
    clerk.judge(bad, evidence=folder, name="125.edxml")
    (name,) = folder.names()
    edited = folder.record(name).model_copy(update={"indication": Indication.TOTAL_PASSED})
    part = read_record(folder.content(edited.parts[-1].record))
    edited_part = part.model_copy(update={"indication": Indication.TOTAL_PASSED})

    assert folder.indication(folder.record(name)) is Indication.TOTAL_FAILED
    for run in (
        lambda: packet_replayed(edited, folder.content, bad),
        lambda: folder.indication(edited),
        lambda: folder.indication(edited_part),
    ):
        with pytest.raises(InvalidValue) as refusal:
            run()
        assert refusal.value.code == "EVIDENCE_DAMAGED"
