"""What the ministry's software might answer and should not: no success, and named by its effect."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from ebrvt_adapters.baocao import Baocao

from ebrvt_connect.errors import ConnectError, HeldForPerson, Rejected, RetryLater, Scope
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.adapter import Pending, Surroundings
from ebrvt_connect.testing.clock import FakeClock
from tests.contract.baocao.ministry import MINISTRY, PASSWORD, report, work

BEFORE = ["soap-fault-server", "soap-fault-no-detail", "throttled", "unavailable", "html-200", "html-502"]
"""Nothing was done."""
AFTER = ["empty-202", "wrong-types", "no-offset", "missing-element", "doctype", "truncate", "lose-reply"]
"""The report was received, and the answer does not say so."""


@pytest.fixture
def prepared(adapter):
    record = report()
    return record, adapter.prepare(work(record))


@pytest.mark.parametrize("fault", BEFORE)
def test_trouble_before_the_report_was_received_is_tried_again(adapter, prepared, desk, fault):
    record, payload = prepared
    desk.arm(fault, "SubmitReport", count=3)

    with pytest.raises(RetryLater):
        adapter.submit(work(record), payload)

    assert desk.journal("report-received") == []
    assert isinstance(adapter.submit(work(record), payload), Pending)


@pytest.mark.parametrize("fault", AFTER)
def test_answer_that_cannot_be_read_is_no_receipt_and_no_second_report(adapter, prepared, desk, fault):
    record, payload = prepared
    desk.arm(fault, "SubmitReport", count=3)

    with pytest.raises(RetryLater):
        adapter.submit(work(record), payload)

    assert len(desk.journal("report-received")) == 1
    assert isinstance(adapter.ask_after(work(record, State.IN_DOUBT), payload), Pending)
    assert isinstance(adapter.submit(work(record), payload), Pending)
    assert len(desk.journal("report-received")) == 1


@pytest.mark.parametrize("fault", [*BEFORE, *AFTER])
def test_asking_after_a_report_is_tried_again_whatever_comes_back(adapter, prepared, desk, fault):
    record, payload = prepared
    adapter.submit(work(record), payload)
    desk.arm(fault, "GetReportStatus", count=3)

    with pytest.raises(RetryLater):
        adapter.ask_after(work(record, State.AWAITING), payload)


@pytest.mark.parametrize("fault", ["wrong-types", "no-offset", "missing-element"])
def test_catalogue_that_cannot_be_read_is_no_catalogue(client, desk, fault):
    desk.arm(fault, "GetPeriods", count=3)

    with pytest.raises(RetryLater):
        client.periods("NQ17")


def test_one_bad_moment_costs_a_few_seconds_only(adapter, prepared, desk):
    record, payload = prepared
    desk.arm("soap-fault-server", "SubmitReport", count=1)

    assert isinstance(adapter.submit(work(record), payload), Pending)


def test_remote_that_asks_for_patience_is_obeyed(adapter, prepared, desk):
    record, payload = prepared
    desk.arm("throttled", "SubmitReport", count=3)

    with pytest.raises(RetryLater) as busy:
        adapter.submit(work(record), payload)

    assert busy.value.code == "BAOCAO_THROTTLED"
    assert busy.value.retry_after == timedelta(seconds=1)


def test_fault_that_blames_us_without_saying_why_is_for_good(adapter, prepared, desk):
    record, payload = prepared
    desk.arm("soap-fault-client", "SubmitReport")

    with pytest.raises(Rejected):
        adapter.submit(work(record), payload)

    assert desk.journal("refused")[-1]["fault"] == "Client"


def test_wrong_password_pauses_the_system(open_adapter, desk):
    adapter, record = open_adapter(password="sai"), report()
    payload = adapter.prepare(work(record))

    with pytest.raises(HeldForPerson) as held:
        adapter.submit(work(record), payload)

    assert (held.value.code, held.value.scope) == ("BAOCAO_AUTH_FAILED", Scope.SYSTEM)
    assert "WRONG" in held.value.detail
    assert "sai" not in str(held.value)
    assert len(desk.journal("refused")) == 1


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clock_that_is_off_pauses_the_system_and_the_advice_names_it(settings, clock, blobs, desk, minutes):
    skewed = FakeClock(clock.now() + timedelta(minutes=minutes))
    adapter = Baocao.open(settings(), Surroundings("baocao", skewed, blobs))

    with pytest.raises(HeldForPerson) as held:
        adapter.ping()

    adapter.close()
    assert (held.value.code, held.value.scope) == ("BAOCAO_AUTH_FAILED", Scope.SYSTEM)
    assert "giờ của máy chủ" in held.value.advice_vi
    assert desk.journal("refused")[-1]["issues"] == ["STALE"]


@pytest.mark.parametrize(
    ("changes", "effect", "code", "named"),
    [
        ({"test": False}, HeldForPerson, "BAOCAO_PERIOD_CLOSED", "kỳ chưa chốt số liệu"),
        ({"template_version": "0.9"}, Rejected, "BAOCAO_TEMPLATE_VERSION_OLD", "phiên bản hiện hành là 1.0"),
        ({"observations": report().observations[1:]}, Rejected, "BAOCAO_SCHEMA_INVALID", "NQ17.02"),
        ({"sender": "000.00.08.H06"}, HeldForPerson, "BAOCAO_FORBIDDEN_SENDER", "mã cơ quan gửi"),
        ({"regime_code": "NQ99"}, Rejected, "BAOCAO_NOT_FOUND", "chế độ báo cáo"),
        (
            {"observations": (report().observations[0].model_copy(update={"indicator_code": "NQ17.99"}),)},
            Rejected,
            "BAOCAO_INDICATOR_UNKNOWN",
            "body/observation[1]/indicatorCode",
        ),
        ({"receiver": "000.00.00.G22"}, Rejected, "BAOCAO_SCHEMA_INVALID", "header/receiverCode"),
    ],
)
def test_refusal_names_the_field_and_the_cure(adapter, changes, effect, code, named):
    record = report(**changes)
    payload = adapter.prepare(work(record))

    with pytest.raises(ConnectError) as refusal:
        adapter.submit(work(record), payload)

    assert type(refusal.value) is effect
    assert refusal.value.code == code
    assert named in refusal.value.explanation_vi + refusal.value.advice_vi
    assert getattr(refusal.value, "scope", Scope.MESSAGE) is Scope.MESSAGE


def test_packet_id_in_capitals_is_the_same_packet(adapter):
    record = report()
    shouted = record.model_copy(update={"packet_id": record.packet_id.upper()})
    payload = adapter.prepare(work(record))
    adapter.submit(work(record), payload)

    again = payload.model_copy(update={"facts": (("packet_id", shouted.packet_id), ("period", "2026-Q4"))})

    assert isinstance(adapter.submit(work(shouted), again), Pending)
    assert isinstance(adapter.ask_after(work(shouted, State.IN_DOUBT), again), Pending)


def test_certificate_the_ministry_does_not_know_is_refused(open_adapter, sandbox_pki, settings, tmp_path):
    identity = sandbox_pki.identity(f"{MINISTRY}-agency-good")
    path = tmp_path / "other.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"x", identity.key, identity.certificate, None, NoEncryption())
    )
    own = settings().credentials
    other = type(own)(username=own.username, password=PASSWORD, pkcs12=path)
    adapter, record = open_adapter(credentials=other), report()
    payload = adapter.prepare(work(record))

    with pytest.raises(Rejected) as refusal:
        adapter.submit(work(record), payload)

    assert refusal.value.code == "BAOCAO_SIGNATURE_INVALID"
    assert "chứng thư số đã đăng ký" in refusal.value.explanation_vi


def test_packet_changed_in_our_own_store_is_refused_by_the_ministry(adapter, blobs):
    record = report()
    payload = adapter.prepare(work(record))
    changed = blobs.read(payload.blob.sha256).replace(b">21.37<", b">91.37<")
    swapped = payload.model_copy(update={"blob": blobs.put((changed,), limit_bytes=10**6)})

    with pytest.raises(Rejected) as refusal:
        adapter.submit(work(record), swapped)

    assert refusal.value.code == "BAOCAO_SIGNATURE_INVALID"
