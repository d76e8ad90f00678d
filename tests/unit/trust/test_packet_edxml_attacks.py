"""edXML packets somebody has had in his hands: nothing passes that another reader would read otherwise."""

import pytest

from ebrvt_connect.api import verify
from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.ids import AgencyHistory
from ebrvt_connect.model.message import Kind, Message, State
from ebrvt_connect.ops.gate import SIGNED_BY_ISSUING_AGENCY, DocumentGate
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.trust.policy import VN_2025
from tests.unit.trust.edxml_attacks import AMBIGUOUS, PLAIN, SAME, SIGNATURE_MOVED
from tests.unit.trust.packet_samples import Clerk, edxml, sealed_edxml
from tests.unit.trust.samples import AGENCY, AT


@pytest.fixture(scope="module")
def packet(desk):
    """Both files signed by leader and agency, so that each may stand first."""
    one = desk.issued(timestamper=desk.stamped())
    other = desk.issued(one, timestamper=desk.stamped())
    return edxml({"cv.pdf": one, "pl.pdf": other})


@pytest.fixture(scope="module")
def sealed(packet, pki):
    return sealed_edxml(packet, pki.signer(AGENCY))


@pytest.fixture
def judged(desk):
    def judge(data):
        return Clerk(desk).judge(data)

    return judge


@pytest.fixture
def gate(desk):
    """Whether the gate lets a packet pass as it came: read, its files stored, then judged."""

    def judge(data):
        blobs = MemoryBlobs()
        try:
            record = read_document([data], blobs).record
        except InvalidValue:
            return False
        facts = {"policy": VN_2025, "trust": desk.trust, "history": AgencyHistory(), "blobs": blobs}
        asked = DocumentGate([SIGNED_BY_ISSUING_AGENCY], clock=FakeClock(AT), **facts)
        return asked.judge(message_of(record), record).passed

    return judge


def message_of(record):
    named = {"idem_key": "van-ban-den:1:1", "link": "van-ban-den", "source": "axis", "target": "qlvb"}
    kept = {"kind": Kind.DOCUMENT, "lane": "l", "shard": 0, "state": State.RECEIVED, "record": ""}
    return Message(id=1, created_at=AT, updated_at=AT, title=str(record.number), **named, **kept)


def shas(report):
    return sorted(f.report.sha256 for f in report.files if f.report is not None)


@pytest.mark.parametrize("attack", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_readers_may_read_differently_does_not_pass(judged, gate, packet, attack):
    spoilt = attack(packet)

    assert judged(spoilt).indication != "TOTAL_PASSED"
    assert not gate(spoilt)


@pytest.mark.parametrize("attack", [*AMBIGUOUS.values(), *PLAIN.values()], ids=[*AMBIGUOUS, *PLAIN])
def test_a_seal_on_the_whole_notices_every_change(judged, sealed, attack):
    assert judged(attack(sealed)).indication != "TOTAL_PASSED"


@pytest.mark.parametrize("attack", [*PLAIN.values(), *SAME.values()], ids=[*PLAIN, *SAME])
def test_what_nobody_reads_differently_changes_no_file(judged, gate, packet, attack):
    report, before = judged(attack(packet)), judged(packet)

    assert report.indication == before.indication == "TOTAL_PASSED"
    assert set(shas(report)) <= set(shas(before))
    assert gate(attack(packet))


@pytest.mark.parametrize("attack", SAME.values(), ids=SAME)
def test_the_same_packet_in_other_letters_stays_sealed(judged, sealed, attack):
    assert judged(attack(sealed)).indication == "TOTAL_PASSED"


@pytest.mark.parametrize("attack", SIGNATURE_MOVED.values(), ids=SIGNATURE_MOVED)
def test_a_signature_that_cuts_a_text_in_two_does_not_pass(judged, desk, sealed, attack):
    spoilt = attack(sealed)

    assert judged(spoilt).indication != "TOTAL_PASSED"
    assert verify(spoilt, policy=VN_2025, trust=desk.trust, at=AT).indication != "TOTAL_PASSED"


def test_the_reader_is_told_what_may_be_read_differently(judged, packet):
    report = judged(AMBIGUOUS["second date"](packet))
    (told,) = [f for f in report.findings if f.code == "PACKET_AMBIGUOUS"]

    assert "Hãy hỏi lại nơi gửi" in told.message_vi
    assert "PromulgationDate" in told.message_en
