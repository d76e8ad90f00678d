"""Dossiers and progress on their way to the portal: insert or update, once each, and what is told of it."""

import json

import pytest
from ebrvt_adapters.dvcqg import Dvcqg, faults
from ebrvt_adapters.dvcqg.sandbox import DvcqgSimulator

from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, Rejected, RetryLater, Scope
from ebrvt_connect.model.document import DocumentStatus
from ebrvt_connect.model.dossier import DossierStage, OnlinePayment, Procedure
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.simulator import SimReply
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs, NoSettings
from tests.contract.dvcqg.desk import (
    CODE,
    PROCEDURE,
    make_dossier,
    make_entry,
    make_work,
    settings_for,
    surroundings,
)

WRITES = ("dossier-inserted", "dossier-updated", "dossier-repeated", "exists-refused", "missing-refused")


class Counting(DvcqgSimulator):
    """Keeps the operations it was asked for."""

    def __init__(self, seat):
        super().__init__(seat)
        self.asked = []

    def answer(self, request, now):
        self.asked.append(self.operation(request))
        return super().answer(request, now)


def later(**more):
    return make_dossier(revision="2", stage=DossierStage.IN_PROGRESS, **more)


# --- insert or update ---------------------------------------------------------------------------------------


def test_new_dossier_costs_two_calls_and_its_next_revision_one(linked):
    link = linked(simulator=Counting)
    first = link.delivered(make_dossier())
    link.delivered(later(), first)

    assert link.simulator.asked == ["login", "TraCuuHoSo", "DongBoHoSoMC", "DongBoHoSoMC"]
    assert link.told(*WRITES) == ["dossier-inserted", "dossier-updated"]


def test_progress_costs_one_call(linked):
    link = linked(simulator=Counting)
    dossier = link.delivered(make_dossier())
    link.delivered(make_entry(), dossier)

    assert link.simulator.asked[3:] == ["CapNhatTienDoHoSoMC"]


def test_payload_is_the_array_the_portal_keeps(linked):
    link = linked()
    message = link.delivered(make_dossier())

    assert link.events("dossier-inserted")[0]["sha256"] == message.payload.blob.sha256
    assert json.loads(link.blobs.read(message.payload.blob.sha256))[0]["MaHoSo"] == CODE


def test_progress_of_the_dossier_delivered_is_no_earlier_revision_of_it(linked):
    link = linked()
    entry = link.adapter.prepare(make_work(make_entry()))
    link.delivered(make_dossier(), link.done(make_entry(), entry))

    assert link.told(*WRITES) == ["dossier-inserted"]


@pytest.mark.parametrize("seed", range(6))
def test_dossier_of_another_program_is_flipped_to_an_update(linked, seed):
    link = linked(seed=seed, look_up_first=False)
    link.delivered(make_dossier())
    link.delivered(later())

    assert link.told(*WRITES) == ["dossier-inserted", "exists-refused", "dossier-updated"]


def test_dossier_the_portal_lost_is_flipped_to_an_insert(linked):
    link = linked()
    payload = link.adapter.prepare(make_work(make_dossier()))
    link.delivered(later(), link.done(make_dossier(), payload))

    assert link.told(*WRITES) == ["missing-refused", "dossier-inserted"]


def test_dossier_that_exists_and_does_not_is_for_a_person(linked):
    class Torn(Counting):
        def answer(self, request, now):
            operation = self.operation(request)
            if operation != "DongBoHoSoMC":
                return super().answer(request, now)
            self.asked.append(operation)
            updating = self._body(request)["isUpdating"] == "True"
            said = "Hồ sơ không tồn tại" if updating else "Hồ sơ đã tồn tại"
            return SimReply(body=json.dumps({"error_code": -1, "message": said}).encode())

    link = linked(simulator=Torn)

    with pytest.raises(HeldForPerson) as caught:
        link.delivered(make_dossier())
    assert caught.value.code == "DVCQG_EXISTS_AND_NOT"
    assert CODE in caught.value.explanation_vi
    assert link.simulator.asked.count("DongBoHoSoMC") == 3


def test_insert_that_says_there_is_none_is_refused(linked):
    class Odd(DvcqgSimulator):
        def answer(self, request, now):
            if self.operation(request) != "DongBoHoSoMC":
                return super().answer(request, now)
            return SimReply(
                body=json.dumps({"error_code": -1, "message": "Hồ sơ cha không tồn tại"}).encode()
            )

    with pytest.raises(Rejected) as caught:
        linked(simulator=Odd).delivered(make_dossier())
    assert caught.value.code == "DVCQG_REFUSED"
    assert "Hồ sơ cha" in caught.value.explanation_vi


def test_refused_data_is_refused_with_the_portals_words(linked):
    link = linked()
    wrong = PROCEDURE.model_copy(update={"name": "Tên khác"})
    adapter = Dvcqg.open(
        settings_for(link.host.url("dvcqg"), procedures=(wrong,)), surroundings(link.clock, link.blobs)
    )
    work = make_work(make_dossier(), state=State.SENDING)

    with pytest.raises(Rejected) as caught:
        adapter.submit(work, adapter.prepare(work))
    assert caught.value.code == "DVCQG_PROCEDURE_UNKNOWN"
    assert "không khớp" in caught.value.explanation_vi
    adapter.close()


def test_advice_on_a_step_without_its_dossier_says_what_happens_by_itself():
    advice = faults.DOSSIER_NOT_THERE.advice_vi

    assert advice.index("lưu lại") < advice.index("bản mới được gửi trước") < advice.index("tự được gửi tiếp")
    assert "ebrvt held release" in advice


@pytest.mark.parametrize("operation", ["DongBoHoSoMC", "CapNhatTienDoHoSoMC"])
@pytest.mark.parametrize(
    "fault",
    ["code-1-success", "session-closed", "gateway-504", "gateway-503", "code-0-not-done"],
)
def test_answer_that_contradicts_itself_or_is_a_gateways_is_asked_after_and_nothing_doubled(
    linked, fault, operation
):
    link = linked()
    dossier = make_dossier()
    if operation == "CapNhatTienDoHoSoMC":
        link.delivered(dossier)
    link.arm(fault, operation)

    with pytest.raises(ReconcileFirst):
        link.delivered(dossier if operation == "DongBoHoSoMC" else make_entry())
    assert len(link.told("progress-appended", "progress-repeated", *WRITES)) <= 1 + (operation[0] == "C")


def test_gateway_that_says_too_many_requests_in_json_is_tried_later(linked):
    link = linked()
    link.arm("gateway-429", "DongBoHoSoMC")

    link.delivered(make_dossier())
    assert link.told(*WRITES) == ["dossier-inserted"]


def test_progress_without_its_dossier_is_held_with_a_clear_sentence(linked):
    link = linked()

    with pytest.raises(HeldForPerson) as caught:
        link.delivered(make_entry())
    assert caught.value.code == "DVCQG_DOSSIER_NOT_THERE"
    assert caught.value.scope is Scope.MESSAGE
    assert f"báo hồ sơ {CODE} không tồn tại" in caught.value.explanation_vi


@pytest.mark.parametrize(
    "fault",
    ["html-200", "empty-body", "no-error-code", "code-0-unclear", "truncated-json", "lose-reply", "truncate"],
)
def test_lost_reply_is_in_doubt(linked, fault):
    link = linked()
    link.arm(fault, "DongBoHoSoMC")

    with pytest.raises(ReconcileFirst):
        link.delivered(make_dossier())
    assert link.told(*WRITES) == ["dossier-inserted"]


@pytest.mark.parametrize("fault", ["html-200", "empty-body", "no-error-code", "html-502"])
def test_lost_look_up_is_asked_again(linked, fault):
    link = linked()
    link.arm(fault, "TraCuuHoSo")

    link.delivered(make_dossier())
    assert link.told(*WRITES) == ["dossier-inserted"]


def test_look_up_that_fails_on_sends_nothing(linked):
    link = linked()
    link.arm("html-502", "TraCuuHoSo", count=3)

    with pytest.raises(RetryLater):
        link.delivered(make_dossier())
    assert link.told(*WRITES) == []


# --- preparing ----------------------------------------------------------------------------------------------


def adapter_for(**settings):
    return Dvcqg.open(
        settings_for("http://127.0.0.1:9", **settings), surroundings(FakeClock(), MemoryBlobs())
    )


@pytest.mark.parametrize(
    ("record", "code", "words"),
    [
        (make_dossier(channel=None, online_payment=None), "DVCQG_FIELDS_MISSING", "Kênh thực hiện"),
        (make_dossier(stage=None, status_word="chờ thuế"), "UNMAPPED_STATUS", "“chờ thuế”"),
        (make_dossier(procedure=Procedure(name="Nội bộ")), "UNMAPPED_PROCEDURE", "“Nội bộ”"),
        (make_entry(stage=None, status_word="lạ"), "UNMAPPED_STATUS", "“lạ”"),
        (make_entry(actor_name=""), "DVCQG_PROGRESS_INCOMPLETE", "Người xử lý"),
    ],
)
def test_what_cannot_be_mapped_is_held_and_sends_nothing(record, code, words):
    with pytest.raises(HeldForPerson) as caught:
        adapter_for().prepare(make_work(record))

    assert caught.value.code == code
    assert caught.value.scope is Scope.MESSAGE
    assert words in caught.value.explanation_vi
    assert caught.value.system == "portal"


def test_warnings_are_in_the_payload():
    payload = adapter_for(public_base="").prepare(make_work(make_dossier(due_at=None)))

    assert payload.fact("warning_codes").split(",") == [
        "DUE_DATE_MISSING",
        "COMPONENT_CODE_MISSING",
        "FILE_URL_NOT_PUBLIC",
    ]
    told = json.loads(payload.fact("warnings"))
    assert told[0]["field"] == "NgayHenTra"
    assert all(warning["message_vi"].endswith(".") for warning in told)


def test_payload_is_the_same_each_time():
    work = make_work(make_dossier())

    assert adapter_for().prepare(work) == adapter_for().prepare(work)


def test_a_document_status_is_none_of_the_portals_business():
    work = make_work(make_entry())
    stranger = DocumentStatus.model_construct(code="01")

    with pytest.raises(HeldForPerson):
        adapter_for().prepare(type(work)(work.message, stranger))


def test_too_large_a_dossier_is_held():
    with pytest.raises(HeldForPerson) as caught:
        adapter_for(largest_payload_bytes=1024).prepare(make_work(make_dossier(note="x" * 2000)))
    assert caught.value.code == "BLOB_TOO_LARGE"


# --- procedures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_procedures_come_from_a_file(tmp_path, suffix):
    file = tmp_path / f"procedures.{suffix}"
    entry = PROCEDURE.model_dump()
    lines = "\n".join(f'{name} = "{value}"' for name, value in entry.items())
    file.write_text(
        json.dumps({"procedures": [entry]}) if suffix == "json" else f"[[procedures]]\n{lines}\n", "utf-8"
    )

    adapter = adapter_for(procedures=(), procedures_file=file)
    assert adapter.catalogue.find(PROCEDURE.code) == PROCEDURE
    assert adapter.prepare(make_work(make_dossier())).fact("code") == CODE


@pytest.mark.parametrize(
    "content",
    [
        "",
        "procedures = [",
        'procedures = [{ code = "x" }]',
        'procedures = [{ code = "9.999999", name = "", field_code = "a", field_name = "b" }]',
        "[[procedures]]\ncode='1.000001'\nname='a'\nfield_code='b'\nfield_name='c'\n" * 2,
    ],
)
def test_broken_list_of_procedures_stops_the_start(tmp_path, content):
    file = tmp_path / "procedures.toml"
    file.write_text(content, "utf-8")

    with pytest.raises(HeldForPerson) as caught:
        adapter_for(procedures_file=file)
    assert caught.value.code == "DVCQG_PROCEDURES_FILE_WRONG"
    assert "procedures.toml" in caught.value.explanation_vi


def test_missing_list_of_procedures_stops_the_start(tmp_path):
    with pytest.raises(HeldForPerson):
        adapter_for(procedures_file=tmp_path / "nowhere.toml")


def test_portal_is_asked_once_for_a_procedure_no_list_has(linked):
    link = linked(simulator=Counting, procedures=(), ask_portal_for_procedures=True)
    for _ in range(3):
        link.adapter.prepare(make_work(make_dossier()))

    assert link.simulator.asked == ["login", "LayThuTuc"]


def test_procedure_the_portal_does_not_have_is_asked_for_again_in_minutes(linked):
    link = linked(simulator=Counting, procedures=(), ask_portal_for_procedures=True)
    stranger = make_dossier(procedure=Procedure(national_code="9.999999"))
    for minutes in (0, 4, 2):
        link.clock.advance(minutes * 60)
        with pytest.raises(HeldForPerson):
            link.adapter.prepare(make_work(stranger))

    assert link.simulator.asked.count("LayThuTuc") == 2


def test_portal_that_cannot_be_asked_for_a_procedure_is_no_reason_to_hold(linked):
    link = linked(procedures=(), ask_portal_for_procedures=True)
    link.arm("html-502", "LayThuTuc", count=3)

    with pytest.raises(RetryLater):
        link.adapter.prepare(make_work(make_dossier()))


# --- settings -----------------------------------------------------------------------------------------------


def test_mapping_can_be_changed_by_a_file(tmp_path):
    file = tmp_path / "mapping.toml"
    file.write_text('[identity_kind]\nTAX_CODE = "3"\n[online_payment]\nunpaid = "0"\n', "utf-8")

    adapter = adapter_for(mapping_file=file)
    payload = adapter.prepare(make_work(make_dossier(online_payment=OnlinePayment.UNPAID)))
    [data] = json.loads(adapter._blobs.read(payload.blob.sha256))
    assert data["DuocThanhToanTrucTuyen"] == "0"
    assert adapter._agreed.codes.identity_kind["TAX_CODE"] == "3"
    assert adapter._agreed.codes.identity_kind["CITIZEN_ID"] == "1"


@pytest.mark.parametrize("content", ["[", "[colour]\nred = '1'", "[channel]\ndirect = 1", "channel = 1"])
def test_broken_mapping_stops_the_start(tmp_path, content):
    file = tmp_path / "mapping.toml"
    file.write_text(content, "utf-8")

    with pytest.raises(HeldForPerson) as caught:
        adapter_for(mapping_file=file)
    assert caught.value.code == "DVCQG_MAPPING_FILE_WRONG"


@pytest.mark.parametrize(
    "more",
    [
        {"dstcode": "mã có dấu"},
        {"public_base": "ftp://x"},
        {"public_base": "https://mc.example.vn/f/"},
        {"session_minutes": 0.1, "session_margin_seconds": 30},
        {"procedures": (PROCEDURE, PROCEDURE)},
        {"auth_endpoint": "mapi/login"},
    ],
)
def test_settings_that_cannot_work_are_refused(more):
    with pytest.raises(ValueError, match=r"."):
        settings_for("http://127.0.0.1:9", **more)


def test_settings_of_another_adapter_are_a_mistake():
    with pytest.raises(TypeError):
        Dvcqg.open(NoSettings(), surroundings(FakeClock(), MemoryBlobs()))


def test_ping_logs_in_and_reads(linked):
    assert linked().adapter.ping() == "1 lĩnh vực, 1 thủ tục"


def test_procedure_the_portal_answers_with_another_is_not_taken_for_it(linked):
    class Muddled(DvcqgSimulator):
        def _procedure(self, asked):
            return super()._procedure(asked) if asked.text("maTTHC") == PROCEDURE.code else self._first()

        def _first(self):
            fields = [{"MALINHVUC": "a", "TENLINHVUC": "b"}]
            return self._found([{"MATTHC": "1.000001", "TENTTHC": "Khác", "LINHVUCTHUCHIEN": fields}])

    link = linked(simulator=Muddled, procedures=(), ask_portal_for_procedures=True)

    assert link.adapter.catalogue.find("9.999999") is None
    assert link.adapter.catalogue.find(PROCEDURE.code) == PROCEDURE
