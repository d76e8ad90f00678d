"""The client alone, over real HTTP against the simulated one-stop shop."""

import json
from datetime import UTC, datetime

import pytest
from ebrvt_adapters.motcua import MotcuaClient, MotcuaCredentials, mapping, wire

from ebrvt_connect.codec.feed import Cursor
from ebrvt_connect.errors import HeldForPerson, Rejected, RetryLater, Scope
from tests.contract.motcua.shop import CODE, RESULT, dossier, kept, result

FILES = "GET /api/dossiers/{code}/files/{fileId}"
FILED = {
    name: dossier()[name]
    for name in ("procedure", "applicant", "abstract", "channel", "submittedAt", "agency", "components")
} | {"nationalCode": "G22.99-261123-0000007"}
SUPPLEMENT = {
    "dossierCode": CODE,
    "receivedAt": "2026-11-23T08:00:00+07:00",
    "components": [{"name": "Bản sao.pdf", "fileId": "502"}],
}
PAYMENT = {
    "dossierCode": CODE,
    "reference": "dvc1",
    "amount": 150000,
    "paidAt": "2026-11-23T08:00:00+07:00",
    "paidOn": "NATIONAL",
}
ENQUIRY = {"enquiryId": "q-1", "content": "Hỏi về thủ tục", "askedAt": "2026-11-23T08:00:00+07:00"}


@pytest.fixture
def with_file(counter):
    """A dossier whose result has these bytes."""

    def make(content):
        counter.receive()
        counter.do(files={"kq-1": content}, results=[result()])

    return make


@pytest.mark.parametrize(
    "credentials",
    [MotcuaCredentials(token="t0ken"), MotcuaCredentials(username="ebrvt", password="mật khẩu mẫu")],
    ids=["bearer", "basic"],
)
def test_both_ways_to_log_in_are_let_in(settings, clock, credentials):
    with MotcuaClient(settings(credentials=credentials), clock) as client:
        assert client.dossiers().rows == ()


@pytest.mark.parametrize("credentials", [{"token": "wrong"}, {"username": "ebrvt", "password": "wrong"}])
def test_wrong_credentials_pause_the_system(settings, clock, counter, credentials):
    refused = settings(credentials=MotcuaCredentials(**credentials))
    with MotcuaClient(refused, clock) as client, pytest.raises(HeldForPerson) as held:
        client.dossiers()
    assert (held.value.code, held.value.scope) == ("MOTCUA_UNAUTHENTICATED", Scope.SYSTEM)
    assert "wrong" not in str(held.value)
    assert counter.journal("refused")[0]["status"] == 401


def test_pages_follow_each_other_in_the_order_of_change_and_id(client, counter, clock):
    for number in (2, 1, 3):
        counter.receive(f"H06.15-261123-{number:04d}")
    clock.advance(1)
    counter.receive("H06.15-261123-0000")
    seen, after = [], None
    while True:
        page = client.dossiers(after, limit=2)
        seen += [str(mapping.dossier_of(row).code)[-1] for row in page.rows]
        if page.next is None:
            break
        after = Cursor.model_validate(page.next)
    assert seen == ["1", "2", "3", "0"]


def test_a_dossier_is_read_by_its_code_and_its_steps_behind_a_number(client, counter):
    counter.receive(steps=3)
    assert str(mapping.dossier_of(client.dossier(CODE)).code) == CODE
    assert [json.loads(row)["seq"] for row in client.progress(CODE, 1)] == [2, 3]


def test_an_unknown_dossier_is_rejected(client):
    for call in (client.dossier, client.progress):
        with pytest.raises(Rejected) as refused:
            call("H06.15-261123-9999")
        assert refused.value.code == "MOTCUA_NOT_FOUND"


def test_a_file_arrives_untouched_and_goes_on_where_it_broke_off(client, counter, with_file, blobs):
    content = bytes(range(256)) * 5000
    with_file(content)
    counter.count(FILES)
    counter.arm("truncate", FILES, count=2)
    blob = client.download(CODE, "kq-1", blobs)
    assert blobs.read(blob.sha256) == content
    assert counter.calls(FILES) == 3


@pytest.mark.parametrize("kinds", [["wrong-etag"], ["truncate", "file-changed"]])
def test_a_file_that_is_not_what_its_etag_says_is_damage(client, counter, with_file, blobs, kinds):
    with_file(bytes(range(256)) * 5000)
    for kind in kinds:
        counter.arm(kind, FILES, count=1 if kind == "truncate" else 100)
    with pytest.raises(RetryLater) as later:
        client.download(CODE, "kq-1", blobs)
    assert later.value.code == "MOTCUA_FILE_DAMAGED"


def test_a_file_that_is_not_there_is_rejected(client, counter, blobs):
    counter.receive()
    with pytest.raises(Rejected):
        client.download(CODE, "kq-9", blobs)


def test_a_dossier_filed_elsewhere_is_stored_once_however_often_it_is_sent(client, counter):
    filed = wire.FiledDossier.model_validate(FILED)
    first, again = (client.file_dossier(filed, key="k-1") for _ in range(2))
    assert (first.created, again.created) == (True, False)
    assert first.code == again.code == "H06.15-261123-0001"
    assert client.file_dossier(filed, key="k-2").code == "H06.15-261123-0002"
    found = mapping.dossier_of(client.dossier(first.code))
    assert (str(found.national_code), found.status) == ("G22.99-261123-0000007", "new")
    assert counter.state()["inbox"] == 2


def test_a_lost_reply_to_a_filed_dossier_is_repaired_by_its_key(client, counter):
    counter.arm("lose-reply", "POST /api/inbox/dossiers")
    assert client.file_dossier(wire.FiledDossier.model_validate(FILED), key="k").created is False
    assert counter.state()["dossiers"] == 1


def test_other_content_under_a_used_key_is_held(client):
    client.file("enquiries", json.dumps(ENQUIRY).encode(), key="k")
    with pytest.raises(HeldForPerson) as held:
        client.file("enquiries", json.dumps(ENQUIRY | {"content": "khác"}).encode(), key="k")
    assert (held.value.code, held.value.scope) == ("MOTCUA_KEY_REUSED", Scope.MESSAGE)


def test_supplements_payments_and_enquiries_are_taken(client, counter):
    counter.receive()
    supplement = wire.InboxSupplement.model_validate(SUPPLEMENT)
    assert client.file_supplement(supplement, key="s").code == CODE
    assert client.file_payment(wire.InboxPayment.model_validate(PAYMENT), key="p").code == CODE
    assert client.file_enquiry(wire.InboxEnquiry.model_validate(ENQUIRY), key="e").code == "q-1"
    found = mapping.dossier_of(client.dossier(CODE))
    assert [one.file_id for one in found.components] == ["501", "502"]
    assert found.online_payment == "NATIONAL"
    assert found.revision == "3"
    assert [entry["kind"] for entry in counter.journal("inbox")] == ["supplements", "payments", "enquiries"]


@pytest.mark.parametrize(
    ("inbox", "content", "named"),
    [
        ("dossiers", FILED | {"abstract": ""}, "Trích yếu hồ sơ (abstract)"),
        ("dossiers", FILED | {"channel": "FAX"}, "Kênh tiếp nhận (channel)"),
        ("dossiers", FILED | {"applicant": {"kind": "CITIZEN"}}, "Họ tên chủ hồ sơ (applicant.name)"),
        ("dossiers", FILED | {"submittedAt": "hôm nay"}, "Ngày nộp hồ sơ (submittedAt)"),
        ("supplements", SUPPLEMENT | {"components": []}, "Thành phần hồ sơ (components)"),
        ("supplements", SUPPLEMENT, "Mã hồ sơ (dossierCode)"),
        ("payments", PAYMENT | {"amount": "150000"}, "Số tiền (amount)"),
        ("enquiries", {}, "Mã câu hỏi (enquiryId)"),
    ],
)
def test_what_lacks_something_is_rejected_with_the_field(client, counter, inbox, content, named):
    with pytest.raises(Rejected) as refused:
        client.file(inbox, json.dumps(content).encode(), key="k")
    assert refused.value.code == "MOTCUA_INVALID"
    assert named in refused.value.explanation_vi
    assert counter.state()["inbox"] == 0


def test_a_procedure_is_mapped_and_read_back(client, counter):
    row = {"localCode": "BCVT-01", "name": "Cấp phép", "updatedAt": "2026-01-01T00:00:00Z"}
    counter.seed(procedures=[row])
    (before,) = client.procedures()
    assert before.national_code == ""
    mapped = wire.ProcedureRow.model_validate(
        row | {"components": [{"localCode": "a", "componentCode": "000.00.00.G22-KQ0001"}]}
    )
    client.map_procedure("1.001234", mapped)
    (after,) = client.procedures(datetime(2026, 6, 1, tzinfo=UTC))
    assert (after.national_code, after.components[0].component_code) == ("1.001234", "000.00.00.G22-KQ0001")
    assert client.procedures(datetime(2027, 1, 1, tzinfo=UTC)) == ()


def test_a_procedure_under_two_codes_is_refused(client):
    row = wire.ProcedureRow(local_code="a", national_code="1.000001")
    with pytest.raises(Rejected):
        client.map_procedure("1.000002", row)


def test_acknowledging_is_heard_and_an_unknown_feed_refused(client, host):
    cursor = Cursor(updated_after="2026-11-23T08:00:00+07:00", after_id="x")
    client.acknowledge("dossier", cursor)
    with host.held("motcua") as shop:
        assert shop.world.get("acks", "dossier") == cursor.model_dump(by_alias=True)
    with pytest.raises(Rejected):
        client.acknowledge("letters", cursor)


@pytest.mark.parametrize(
    "changes", [{"system": ""}, {"state": "LOST"}, {"at": "hôm nay"}, {"at": None}, {"state": None}]
)
def test_an_exchange_status_the_contract_does_not_know_is_rejected(client, counter, changes):
    counter.receive()
    status = {"system": "dvcqg", "state": "ACCEPTED", "at": "2026-11-23T09:00:00+07:00"} | changes
    with pytest.raises(Rejected) as refused:
        client.report_exchange(CODE, status)
    assert refused.value.code == "MOTCUA_INVALID"
    assert counter.journal("dossier-exchange") == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttled", "MOTCUA_THROTTLED"),
        ("internal", "MOTCUA_INTERNAL"),
        ("unavailable", "MOTCUA_UNAVAILABLE"),
        ("html-502", "REMOTE_ANSWERED_WEB_PAGE"),
        ("cut-before", "REMOTE_CONNECTION_LOST"),
        ("truncate", "REMOTE_CONNECTION_LOST"),
    ],
)
def test_trouble_there_is_tried_later(client, counter, kind, code):
    counter.arm(kind, count=100)
    with pytest.raises(RetryLater) as later:
        client.dossiers()
    assert later.value.code == code


def test_the_sample_file_reads_as_it_is_kept(client, with_file, blobs):
    with_file(RESULT)
    assert client.download(CODE, "kq-1", blobs).sha256 == kept()["sha256"]
