"""Reports on their way to the simulated ministry over real HTTP: taken, approved, returned, replaced."""

import uuid
from datetime import timedelta

import pytest
import requests
from ebrvt_adapters.baocao import Baocao
from ebrvt_adapters.baocao.sandbox import BaocaoSimulator
from ebrvt_adapters.baocao.sandbox_ministry import RETURN_REASON_VI
from ebrvt_schemas import open_schema
from lxml import etree

from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, Rejected, RetryLater, Scope
from ebrvt_connect.model.message import Receipt, State
from ebrvt_connect.model.report import ReportState, ReportStatus
from ebrvt_connect.ports.adapter import AskAgain, NotThere, Pending, Settled, Surroundings, Work
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.xml_packet import signed_packet
from tests.contract.baocao.ministry import CLOSED, JUST_CLOSED, NAMESPACE, PROVINCE, report, work

POLL = timedelta(seconds=60)


@pytest.fixture
def send(adapter):
    """Prepare and submit a report."""

    def act(record):
        payload = adapter.prepare(work(record))
        return payload, adapter.submit(work(record), payload)

    return act


def ask(adapter, record, payload, state=State.AWAITING, receipt=None):
    return adapter.ask_after(work(record, state, receipt=receipt), payload)


def test_payload_is_the_signed_packet_and_what_a_sender_needs_beside_it(adapter, blobs):
    record = report()

    payload = adapter.prepare(work(record))

    packet = etree.fromstring(blobs.read(payload.blob.sha256))
    assert packet.get("Id") == f"pkt-{record.packet_id}"
    assert packet[-1].tag == "{http://www.w3.org/2000/09/xmldsig#}Signature"
    assert dict(payload.facts) == {
        "packet_id": record.packet_id,
        "period": "2026-Q4",
        "organization": PROVINCE,
    }


def test_stored_packet_passes_our_own_verifier_without_its_envelope(adapter, blobs, sandbox_pki, clock):
    payload = adapter.prepare(work(report()))

    verdict = signed_packet(
        blobs.read(payload.blob.sha256),
        tag=f"{{{NAMESPACE}}}ReportPacket",
        policy=VN_2025,
        trust=sandbox_pki.trust_store(),
        at=clock.now(),
    )

    assert verdict.signed is not None
    assert verdict.signed.element.findtext(f".//{{{NAMESPACE}}}value") == "21.37"


def test_report_is_taken_and_awaits_its_decision(send, desk):
    record = report()

    _, pending = send(record)

    [entry] = desk.journal("report-received")
    assert isinstance(pending, Pending)
    assert pending.after == POLL
    assert pending.receipt.external_id == entry["receiptId"]
    assert b"SubmitReportResponse" in pending.receipt.raw
    assert (entry["packetId"], entry["test"], entry["observations"]) == (record.packet_id, True, 4)


def test_packet_arrives_byte_for_byte_as_it_was_stored(send, desk):
    payload, _ = send(report())

    [entry] = desk.journal("report-received")
    assert entry["sha256"] == payload.blob.sha256


def test_same_packet_again_is_known_by_its_first_receipt(adapter, send, desk):
    record = report()
    payload, first = send(record)

    again = adapter.submit(work(record), payload)

    assert again.receipt.external_id == first.receipt.external_id
    assert len(desk.journal("report-received")) == len(desk.journal("report-repeated")) == 1


def test_approval_settles_the_report_under_its_first_receipt_number(adapter, send, desk):
    record = report()
    payload, pending = send(record)

    assert ask(adapter, record, payload) == AskAgain(POLL)
    desk.pass_time(10)
    assert ask(adapter, record, payload) == AskAgain(POLL)
    desk.pass_time(10)
    settled = ask(adapter, record, payload, receipt=pending.receipt)

    assert isinstance(settled, Settled)
    assert settled.receipt.external_id == pending.receipt.external_id
    assert b"APPROVED" in settled.receipt.raw


@pytest.mark.parametrize("habits", [{"return_first": True}])
def test_first_report_is_returned_once_and_its_replacement_approved(adapter, send, desk):
    first = report()
    payload, _ = send(first)
    desk.pass_time(10)
    desk.pass_time(10)

    with pytest.raises(Rejected) as refusal:
        ask(adapter, first, payload)

    assert refusal.value.code == "REPORT_RETURNED"
    assert RETURN_REASON_VI in refusal.value.explanation_vi
    assert "2026-Q4" in refusal.value.explanation_vi
    second = report(replaces_packet_id=first.packet_id, version=2)
    payload, _ = send(second)
    desk.pass_time(10)
    desk.pass_time(10)
    assert isinstance(ask(adapter, second, payload), Settled)
    assert desk.state()["by_status"] == {"APPROVED": 1, "SUPERSEDED": 1}


def test_figures_the_ministry_finds_wrong_are_named_in_vietnamese(adapter, send, desk):
    wrong = report().observations[0].model_copy(update={"value": report().observations[1].value})
    record = report(observations=(wrong, *report().observations[1:]))
    payload, _ = send(record)
    desk.pass_time(10)

    with pytest.raises(Rejected) as refusal:
        ask(adapter, record, payload)

    assert refusal.value.code == "REPORT_INVALID"
    assert "NQ17.02: tỷ lệ không khớp tử số, mẫu số (tính được 21.37)" in refusal.value.explanation_vi
    assert "body/observation[1]/value" in refusal.value.explanation_vi


def test_a_corrected_report_after_an_invalid_one_replaces_nothing(adapter, send, desk):
    wrong = report().observations[0].model_copy(update={"value": report().observations[1].value})
    send(report(observations=(wrong, *report().observations[1:])))
    desk.pass_time(10)

    _, pending = send(report())

    assert isinstance(pending, Pending)


def test_period_that_closes_over_a_report_is_for_a_person(open_adapter, clock, desk):
    clock.jump(JUST_CLOSED)
    adapter, record = open_adapter(), report(period=CLOSED, test=False)
    payload = adapter.prepare(work(record))
    adapter.submit(work(record), payload)
    desk.decide(record.packet_id, ReportState.RETURNED, "thiếu thuyết minh")
    desk.pass_time(15 * 24 * 3600)

    with pytest.raises(HeldForPerson) as held:
        ask(adapter, record, payload)

    assert (held.value.code, held.value.scope) == ("REPORT_LOCKED", Scope.MESSAGE)
    assert "2026-Q3" in held.value.explanation_vi


def test_report_replaced_by_another_is_settled_with_a_note(adapter, send, desk):
    record = report()
    payload, pending = send(record)
    desk.decide(record.packet_id, ReportState.SUPERSEDED)

    settled = ask(adapter, record, payload, receipt=pending.receipt)

    assert isinstance(settled, Settled)
    assert settled.receipt.note == "đã được thay bằng báo cáo khác"


def test_report_in_doubt_that_never_arrived_is_sent_again(adapter):
    record = report()
    payload = adapter.prepare(work(record))

    assert ask(adapter, record, payload, State.IN_DOUBT) == NotThere()


def test_report_in_doubt_that_arrived_awaits_its_decision(adapter, send):
    record = report()
    payload, _ = send(record)

    answer = ask(adapter, record, payload, State.IN_DOUBT)

    assert isinstance(answer, Pending)
    assert answer.after == POLL
    assert b"RECEIVED" in answer.receipt.raw


@pytest.mark.parametrize("state", [ReportState.RETURNED, ReportState.INVALID])
def test_report_in_doubt_that_is_turned_down_already_is_asked_after_at_once(adapter, send, desk, state):
    record = report()
    payload, _ = send(record)
    desk.decide(record.packet_id, state, "sai số liệu")

    answer = ask(adapter, record, payload, State.IN_DOUBT)

    assert answer == Pending(answer.receipt, timedelta(0))
    with pytest.raises(Rejected):
        ask(adapter, record, payload)


def test_report_the_ministry_has_lost_is_never_sent_again_by_itself(adapter, send, desk):
    record = report()
    payload, pending = send(record)
    desk.lose_register()

    with pytest.raises(HeldForPerson) as held:
        ask(adapter, record, payload, receipt=pending.receipt)

    assert held.value.code == "BAOCAO_PACKET_LOST"


def test_repeated_report_that_is_approved_already_is_a_receipt(adapter, send, desk):
    record = report()
    payload, _ = send(record)
    desk.decide(record.packet_id, ReportState.APPROVED)

    receipt = adapter.submit(work(record), payload)

    assert isinstance(receipt, Receipt)
    assert receipt.external_id


def test_repeated_report_that_is_returned_already_is_asked_after_at_once(adapter, send, desk):
    record = report()
    payload, _ = send(record)
    desk.decide(record.packet_id, ReportState.RETURNED, "x")

    assert adapter.submit(work(record), payload).after == timedelta(0)


def test_lost_reply_leaves_one_report_behind(adapter, desk):
    record = report()
    payload = adapter.prepare(work(record))
    desk.arm("lose-reply", "SubmitReport")

    pending = adapter.submit(work(record), payload)

    assert isinstance(pending, Pending)
    assert len(desk.journal("report-received")) == len(desk.journal("report-repeated")) == 1


def test_each_attempt_has_a_token_of_its_own(adapter, desk):
    record = report()
    payload = adapter.prepare(work(record))
    desk.arm("lose-reply", "SubmitReport", count=2)

    adapter.submit(work(record), payload)

    assert desk.state()["nonces"] == 3
    assert desk.journal("refused") == []


def test_receipt_for_another_packet_is_no_receipt(adapter, desk):
    record = report()
    payload = adapter.prepare(work(record))
    desk.arm("other-packet", "SubmitReport")

    with pytest.raises(ReconcileFirst) as doubt:
        adapter.submit(work(record), payload)

    assert doubt.value.code == "BAOCAO_REPLY_UNREADABLE"
    assert isinstance(ask(adapter, record, payload, State.IN_DOUBT), Pending)


def test_status_of_another_packet_is_no_answer(adapter, send, desk):
    record = report()
    payload, _ = send(record)
    desk.arm("other-packet", "GetReportStatus", count=3)

    with pytest.raises(RetryLater, match="told of another packet"):
        ask(adapter, record, payload)


def test_packet_id_used_for_other_figures_is_held(adapter, send):
    record = report()
    send(record)
    other = report(packet_id=record.packet_id, signer_name="Trần Thị Mẫu")

    with pytest.raises(HeldForPerson) as held:
        send(other)

    assert held.value.code == "BAOCAO_PACKET_ID_REUSED"


def test_two_reports_prepared_of_one_record_are_the_same_bytes(adapter):
    record = report()

    assert adapter.prepare(work(record)).blob == adapter.prepare(work(record)).blob


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"packet_id": "không phải UUID"}, "BAOCAO_PACKET_ID_UNUSABLE", "2026-Q4"),
        ({"signer_name": "A\x02B"}, "BAOCAO_TEXT_UNUSABLE", "signerName"),
        ({"observations": ()}, "BAOCAO_NO_FIGURES", "2026-Q4"),
        ({"sender": "SAAS.NODE.1"}, "AGENCY_CODE_INVALID", "SAAS.NODE.1"),
    ],
)
def test_report_that_cannot_be_written_is_held_and_the_field_named(adapter, changes, code, told):
    with pytest.raises(HeldForPerson) as held:
        adapter.prepare(work(report(**changes)))

    assert held.value.code == code
    assert told in held.value.explanation_vi


@pytest.mark.parametrize("key", ["missing", "wrong-password"])
def test_key_that_cannot_be_opened_stops_this_system_only(settings, adapter, open_adapter, tmp_path, key):
    own = settings().credentials
    changed = {"pkcs12": tmp_path / "none.p12"} if key == "missing" else {"pkcs12_password": "sai"}
    broken = open_adapter(credentials=own.model_copy(update=type(own)(**own.model_dump() | changed).__dict__))

    for act in (broken.ping, lambda: broken.prepare(work(report()))):
        with pytest.raises(HeldForPerson) as held:
            act()
        assert (held.value.code, held.value.scope) == ("SIGNING_KEY_UNUSABLE", Scope.SYSTEM)


def test_ping_asks_for_the_periods_of_the_regime(adapter):
    assert adapter.ping() == "4 kỳ báo cáo, 1 kỳ đang mở"


def test_what_was_received_survives_the_end_of_the_process(tmp_path, clock, host, adapter):
    record = report()
    payload = adapter.prepare(work(record))
    adapter.submit(work(record), payload)
    host.stop()

    again = SandboxHost(tmp_path, {"baocao": BaocaoSimulator}, now=clock.now, tick_seconds=0)
    with again, again.held("baocao") as ministry:
        assert ministry.ministry.state_of(record.packet_id) is ReportState.RECEIVED


def test_client_alone_reads_periods_and_templates(client):
    periods = client.periods("NQ17", 2026)
    template = client.template("NQ17-Q")

    assert [period.period_code for period in periods] == ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"]
    assert [period.open for period in periods] == [False, False, False, True]
    assert periods[2].due_at.isoformat() == "2026-09-29T17:00:00+07:00"
    required = {row.indicator_code for row in template.indicator if row.required}
    assert required == {"NQ17.02", "NQ17.05", "NQ17.16", "NQ17.17"}
    assert client.template("NQ17-Q", "1.0") == template


@pytest.mark.parametrize(
    "ask_for",
    [
        lambda client: client.status(str(uuid.uuid4())),
        lambda client: client.periods("NQ99"),
        lambda client: client.template("NQ17-Z"),
        lambda client: client.template("NQ17-Q", "0.9"),
    ],
)
def test_what_is_not_there_is_said_so(client, ask_for):
    with pytest.raises(Rejected) as refusal:
        ask_for(client)

    assert refusal.value.code == "BAOCAO_NOT_FOUND"


def test_wsdl_is_the_contract_but_for_its_address(host):
    url = host.url("baocao")
    served = requests.get(f"{url}/soap/reporting?wsdl", timeout=60).content

    expected = open_schema("reporting/mic_reporting.wsdl")
    assert served.replace(url.encode(), b"http://127.0.0.1:8089") == expected
    assert NAMESPACE.encode() in served


def test_repeated_report_that_was_replaced_is_a_receipt_with_a_note(adapter, send, desk):
    record = report()
    payload, _ = send(record)
    desk.decide(record.packet_id, ReportState.SUPERSEDED)

    assert adapter.submit(work(record), payload).note == "đã được thay bằng báo cáo khác"


def test_settings_of_another_adapter_are_a_mistake(adapter, clock, blobs):
    with pytest.raises(TypeError, match="expected BaocaoSettings"):
        Baocao.open(object(), Surroundings("baocao", clock, blobs))


def test_record_that_is_no_report_is_held_before_anything_leaves(adapter):
    status = ReportStatus(packet_id="x", state=ReportState.APPROVED, at="2026-11-23T08:00:00+07:00")

    with pytest.raises(HeldForPerson, match="TypeError"):
        adapter.prepare(Work(work(report()).message, status))


def test_a_refusal_of_the_question_in_doubt_is_handed_on(adapter, send, desk):
    record = report()
    payload, _ = send(record)
    desk.arm("soap-fault-client", "GetReportStatus")

    with pytest.raises(Rejected) as refusal:
        ask(adapter, record, payload, State.IN_DOUBT)

    assert refusal.value.code == "SOAP_FAULT_CLIENT"


def test_a_refusal_of_the_question_is_no_refusal_of_the_report(adapter, send, desk):
    record = report()
    payload, _ = send(record)
    desk.arm("soap-fault-client", "GetReportStatus")

    with pytest.raises(RetryLater) as trouble:
        ask(adapter, record, payload)

    assert trouble.value.code == "BAOCAO_NOT_TOLD"
    assert "SOAP_FAULT_CLIENT" in trouble.value.explanation_vi
    assert ask(adapter, record, payload) == AskAgain(POLL)
