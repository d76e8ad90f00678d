"""The client against answers of every kind: what counts as success, and what a doubtful one means."""

import json
import threading

import pytest
from ebrvt_adapters.dvcqg import DvcqgClient, faults
from ebrvt_adapters.dvcqg.sandbox import DvcqgSimulator

from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, Rejected, RetryLater, Scope
from ebrvt_connect.ports.simulator import SimReply
from tests.contract.dvcqg.desk import CODE, PASSWORD, PROCEDURE, USERNAME, data_of

DATA = json.dumps([data_of()], ensure_ascii=False).encode()
HTML = (("content-type", "text/html"),)


class Liar(DvcqgSimulator):
    """Logs in honestly, then says what it is told to say to everything else, one reply after the other."""

    replies: tuple[SimReply, ...] = (SimReply(),)
    login_reply: SimReply | None = None
    asked: list[str]

    def __init__(self, seat):
        super().__init__(seat)
        self.asked = []

    def answer(self, request, now):
        operation = self.operation(request)
        self.asked.append(operation)
        if operation == "login":
            return self.login_reply or super().answer(request, now)
        told = [name for name in self.asked if name != "login"]
        return self.replies[min(len(told), len(self.replies)) - 1]


def says(status=200, **answer):
    return SimReply(status, json.dumps(answer, ensure_ascii=False).encode())


@pytest.fixture
def liar(linked):
    """A portal that says these things; the client and the liar."""

    def make(*replies, login=None, **settings):
        link = linked(simulator=Liar, **settings)
        link.simulator.replies = replies or (SimReply(),)
        link.simulator.login_reply = login
        return link.adapter.client, link.simulator

    return make


def business(simulator):
    return [name for name in simulator.asked if name != "login"]


# --- writes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, "0", "00", " 0"])
@pytest.mark.parametrize("words", ["Đồng bộ thành công", "CẬP NHẬT THÀNH CÔNG", "tha\u0300nh co\u0302ng"])
def test_write_succeeds_by_code_and_words_together(liar, code, words):
    client, _ = liar(says(error_code=code, message=words))

    assert client.put_dossiers(DATA, updating=False).raw


DOUBTFUL = {
    "empty_body": SimReply(body=b""),
    "html_200": SimReply(body=b"<html></html>", headers=HTML),
    "html_under_a_json_label": SimReply(body=b"<!DOCTYPE html><p>x"),
    "truncated": SimReply(body=b'{"error_code":"0","mess'),
    "not_json": SimReply(body=b"OK"),
    "no_error_code": says(message="Cập nhật thành công"),
    "null_error_code": says(error_code=None, message="Cập nhật thành công"),
    "boolean_error_code": says(error_code=True, message="Cập nhật thành công"),
    "a_list": SimReply(body=b"[]"),
    "code_0_without_words": says(error_code="0", message=""),
    "code_0_other_words": says(error_code=0, message="Đã ghi nhận"),
    "code_0_no_success": says(error_code=0, message="Đồng bộ không thành công"),
    "code_0_session": says(error_code=0, message="Session không hợp lệ"),
    "code_0_not_there": says(error_code=0, message="Hồ sơ không tồn tại"),
    "trouble": says(error_code=-1, message="Lỗi hệ thống"),
    "words_with_status_500": SimReply(500, b'{"error_code":"0","message":"th\xc3\xa0nh c\xc3\xb4ng"}'),
    "code_1_with_words_of_success": says(error_code=1, message="Cập nhật thành công"),
    "code_1_with_words_of_success_and_reserve": says(error_code=1, message="Cập nhật thành công, có lỗi phụ"),
    "code_0_0_with_words_of_success": says(error_code=0.0, message="Cập nhật thành công"),
    "code_0_0": says(error_code=0.0, message="Trường X bắt buộc nhập"),
    "code_000": says(error_code="000", message="Hồ sơ lạ"),
    "code_that_is_no_number": says(error_code="OK", message="Đã nhận"),
    "exists_and_success": says(error_code=0, message="Hồ sơ đã tồn tại, đã cập nhật thành công"),
    "code_0_not_yet": says(error_code=0, message="Chưa đồng bộ thành công"),
    "code_0_not": says(error_code=0, message="Không cập nhật thành công"),
    "code_0_none_of_one": says(error_code=0, message="Đồng bộ 0/1 hồ sơ thành công"),
    "gateway_503": says(503, error_code=503, message="Service Unavailable"),
    "gateway_502": says(502, error_code="502", message="Bad Gateway"),
    "gateway_504": says(504, error_code=-1, message="Read timed out"),
    "gateway_503_under_status_200": says(error_code=503, message="?"),
    "gateway_words_under_status_200": says(error_code=-1, message="Bad Gateway"),
    "portals_words_under_status_500": says(500, error_code=-1, message="Trường X bắt buộc nhập"),
    "request_timeout": says(408, error_code=408, message="Request Timeout"),
    "words_of_the_matter_with_status_404": says(404, error_code=-1, message="Hồ sơ X không tồn tại"),
    "words_of_the_matter_with_status_403": says(403, error_code=-1, message="Trường X không hợp lệ"),
    "status_400_without_a_word": SimReply(400, b"bad request"),
    "status_429_that_says_done": says(429, error_code=0, message="Cập nhật thành công"),
    "something_happened": says(error_code=-1, message="Có lỗi xảy ra"),
    "database_session": says(error_code=-1, message="could not execute statement: Session is closed!"),
    "officers_session": says(error_code=-1, message="Hết thời gian chờ phiên đăng nhập của cán bộ xử lý"),
    "http_502": SimReply(502, b"<html></html>", headers=HTML),
    "http_500": SimReply(500),
    "http_503": SimReply(503),
}


@pytest.mark.parametrize("reply", DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_doubtful_answer_to_a_write_is_asked_after_and_not_sent_again(liar, reply):
    client, simulator = liar(reply)

    with pytest.raises(ReconcileFirst):
        client.put_dossiers(DATA, updating=False)
    with pytest.raises(ReconcileFirst):
        client.add_progress(b"[]")
    assert len(business(simulator)) == 2


REFUSALS = [
    (says(error_code=-1, message="Trường ChuHoSo bắt buộc nhập"), Rejected, "DVCQG_DATA_REFUSED"),
    (says(error_code="-1", message="Thủ tục 1.2 không tồn tại"), Rejected, "DVCQG_PROCEDURE_UNKNOWN"),
    (says(error_code=5, message="Một điều chưa ai biết"), Rejected, "DVCQG_REFUSED"),
    (says(error_code=5), Rejected, "DVCQG_REFUSED"),
    (says(error_code=-1, message="Mã đơn vị không hợp lệ"), HeldForPerson, "DVCQG_UNIT_REFUSED"),
    (says(error_code=-1, message="Hồ sơ X không tồn tại"), faults.DossierNotThere, "DVCQG_DOSSIER_NOT_THERE"),
    (says(error_code=0, message="Hồ sơ X đã tồn tại"), faults.DossierExists, "DVCQG_DOSSIER_EXISTS"),
    (says(error_code=3, message="Hồ sơ X ĐÃ TỒN TẠI"), faults.DossierExists, "DVCQG_DOSSIER_EXISTS"),
    (says(error_code="-3", message="đã tồn tại"), faults.DossierExists, "DVCQG_DOSSIER_EXISTS"),
    (SimReply(404, b"no such path"), HeldForPerson, "DVCQG_PATH_WRONG"),
    (SimReply(403), HeldForPerson, "REMOTE_FORBIDDEN"),
    (SimReply(429), RetryLater, "REMOTE_THROTTLED"),
    (says(429, error_code=429, message="Too Many Requests"), RetryLater, "REMOTE_THROTTLED"),
    (says(404, error_code=404, message="no route"), HeldForPerson, "DVCQG_PATH_WRONG"),
    (says(400, error_code=-1, message="Trường ChuHoSo bắt buộc nhập"), Rejected, "DVCQG_DATA_REFUSED"),
    (says(409, error_code=3, message="Hồ sơ X đã tồn tại"), faults.DossierExists, "DVCQG_DOSSIER_EXISTS"),
    (says(error_code=1, message="Cập nhật không thành công"), Rejected, "DVCQG_REFUSED"),
    (says(error_code=1, message="Đồng bộ 0/1 hồ sơ thành công"), Rejected, "DVCQG_REFUSED"),
    (
        says(error_code=-1, message="Tệp session-notes.pdf không đúng định dạng"),
        Rejected,
        "DVCQG_DATA_REFUSED",
    ),
    (says(error_code=-1, message="Đơn vị xử lý của hồ sơ không hợp lệ"), Rejected, "DVCQG_DATA_REFUSED"),
    (says(error_code=-1, message="Tài khoản của công dân không tồn tại"), Rejected, "DVCQG_DATA_REFUSED"),
    (says(error_code=-1, message="Tài khoản đã bị khóa"), Rejected, "DVCQG_REFUSED"),
]


@pytest.mark.parametrize(
    ("reply", "effect", "code"), REFUSALS, ids=[f"{n}_{row[2]}" for n, row in enumerate(REFUSALS)]
)
def test_refusal_in_so_many_words_is_final(liar, reply, effect, code):
    client, _ = liar(reply)

    with pytest.raises(effect) as caught:
        client.put_dossiers(DATA, updating=False)
    assert caught.value.code == code


UNKEYED = [
    "Session không hợp lệ (mã 17)",
    "Phiên làm việc hết hạn: không ghi được tiến độ",
    "Không ghi được: session",
    "Lỗi 17",
    "transaction aborted",
]


@pytest.mark.parametrize("words", UNKEYED)
def test_words_that_smell_of_trouble_leave_the_write_without_a_key_in_doubt(liar, words):
    client, simulator = liar(says(error_code=-1, message=words))

    with pytest.raises(ReconcileFirst):
        client.add_progress(b"[]")
    assert simulator.asked == ["login", "CapNhatTienDoHoSoMC"]


@pytest.mark.parametrize("words", ["Trường NguoiXuLy bắt buộc nhập", "Bước không thuộc quy trình"])
def test_entry_the_portal_refuses_in_plain_words_is_refused(liar, words):
    client, _ = liar(says(error_code=-1, message=words))

    with pytest.raises(Rejected):
        client.add_progress(b"[]")


@pytest.mark.parametrize("words", ["Session không hợp lệ hoặc đã hết hạn", "Phiên đăng nhập đã hết hạn."])
def test_entry_refused_for_its_session_word_for_word_is_sent_once_more(liar, words):
    client, simulator = liar(says(error_code=-1, message=words), GOOD)

    client.add_progress(b"[]")
    assert simulator.asked == ["login", "CapNhatTienDoHoSoMC", "login", "CapNhatTienDoHoSoMC"]


def test_identity_numbers_the_portal_repeats_are_not_quoted(liar):
    said = f"Số định danh 077123456789 (cũ 273 456 789), a.b@example.vn của hồ sơ {CODE} không hợp lệ"
    client, _ = liar(says(error_code=-1, message=said))

    with pytest.raises(Rejected) as caught:
        client.put_dossiers(DATA, updating=False)
    shown = f"{caught.value} {caught.value.explanation_vi} {caught.value.facts}"
    assert not [one for one in ("077123456789", "273 456 789", "a.b@example.vn") if one in shown]
    assert CODE in caught.value.explanation_vi
    assert "không hợp lệ" in caught.value.explanation_vi


def test_progress_that_exists_already_is_asked_after(liar):
    client, _ = liar(says(error_code=3, message="Tiến độ đã tồn tại"))

    with pytest.raises(ReconcileFirst):
        client.add_progress(b"[]")


# --- look-ups -----------------------------------------------------------------------------------------------


NO_LISTS = {
    **{name: DOUBTFUL[name] for name in ("empty_body", "html_200", "truncated", "no_error_code", "trouble")},
    "no_result": says(error_code=0),
    "null_result": says(error_code=0, result=None),
    "object_result": says(error_code=0, result={}),
    "rows_of_text": says(error_code=0, result=["x"]),
    "code_0_trouble": says(error_code=0, message="Lỗi hệ thống", result=[]),
    "gateway_503": says(503, error_code=503, message="Service Unavailable"),
    "code_1_success": says(error_code=1, message="Tra cứu thành công", result=[]),
    "not_there_with_status_404": says(404, error_code=-1, message="Không tìm thấy hồ sơ"),
}


@pytest.mark.parametrize("reply", NO_LISTS.values(), ids=NO_LISTS.keys())
def test_look_up_without_a_list_is_not_an_empty_one(liar, reply):
    client, _ = liar(reply)

    with pytest.raises(RetryLater):
        client.dossier(CODE)


def test_dossier_is_there_when_any_row_comes(liar):
    client, _ = liar(says(error_code="00", result=[{"TrangThai": 4}]))

    row = client.dossier(CODE)
    assert row is not None
    assert row.tien_do is None
    assert row.model_extra == {"TrangThai": 4}


def test_row_that_does_not_say_whose_it_is_tells_only_that_there_is_one(liar):
    row = {"TRANGTHAIHOSO": "2", "MABAMDULIEU": "ab", "TIENDO": [{"NOIDUNGXULY": "x"}]}
    client, _ = liar(says(error_code=0, result=[row]))

    found = client.dossier(CODE)
    assert found is not None
    assert (found.trang_thai, found.ma_bam, found.tien_do) == ("", "", None)


def test_row_of_another_dossier_is_not_ours(liar):
    client, _ = liar(
        says(error_code=0, result=[{"MAHOSO": "000.00.15.H06-230315-0008", "MABAMDULIEU": "ab"}])
    )

    assert client.dossier(CODE) is None


def test_dossier_is_not_there_when_the_portal_says_so_in_words(liar):
    client, _ = liar(says(error_code=-1, message="Không tìm thấy hồ sơ"))

    assert client.dossier(CODE) is None


def test_look_ups_of_the_catalogue(linked):
    link = linked()
    client = link.adapter.client
    link.simulator.seed({"tech_ids": {"000000000001": "tech-0001"}})

    assert [row.ten for row in client.fields_of_administration()] == ["Bưu chính"]
    assert [row.ma for row in client.procedures()] == [PROCEDURE.code]
    assert [row.ma for row in client.procedures_of("H06")] == [PROCEDURE.code]
    assert [row.technical_id for row in client.technical_ids("000000000001")] == ["tech-0001"]
    assert client.technical_ids("1") == ()
    found = client.procedure(PROCEDURE.code)
    assert found is not None
    assert found.linh_vuc[0].ten == PROCEDURE.field_name
    assert client.procedure("9.999999") is None


def test_procedure_refused_in_words_is_none(liar):
    client, _ = liar(says(error_code=-1, message="Thủ tục không tồn tại"), says(error_code=-1, message="x"))

    assert client.procedure("9.999999") is None
    with pytest.raises(Rejected):
        client.procedure("9.999999")


def test_address_of_a_service_can_be_changed(linked):
    link = linked(endpoint_of={"LayDanhMucLinhVuc": "integration"})

    with pytest.raises(Rejected) as caught:
        link.adapter.client.fields_of_administration()
    assert "không được hỗ trợ" in caught.value.explanation_vi


# --- sessions -----------------------------------------------------------------------------------------------


def logins(simulator):
    return simulator.asked.count("login")


EXPIRED = says(error_code=-1, message="Session không hợp lệ hoặc đã hết hạn")
GOOD = says(error_code=0, message="thành công", result=[])


def test_one_login_serves_many_calls(liar):
    client, simulator = liar(GOOD)
    for _ in range(5):
        client.dossier(CODE)

    assert logins(simulator) == 1


@pytest.mark.parametrize(
    "words", ["Session không hợp lệ", "Phiên làm việc đã hết hạn", "Vui lòng đăng nhập lại", "Chưa đăng nhập"]
)
def test_refused_session_is_renewed_once_and_the_write_made_again(liar, words):
    client, simulator = liar(says(error_code=-1, message=words), GOOD)

    client.put_dossiers(DATA, updating=False)
    assert simulator.asked == ["login", "DongBoHoSoMC", "login", "DongBoHoSoMC"]


def test_status_401_is_a_refused_session(liar):
    client, simulator = liar(SimReply(401), GOOD)

    client.put_dossiers(DATA, updating=False)
    assert logins(simulator) == 2


def test_session_refused_time_and_again_is_left_for_later(liar):
    client, simulator = liar(EXPIRED)

    with pytest.raises(RetryLater) as caught:
        client.put_dossiers(DATA, updating=False)
    assert caught.value.code == "DVCQG_SESSION_REFUSED"
    assert simulator.asked == ["login", "DongBoHoSoMC"] * 2


def test_one_call_logs_in_anew_once_though_patience_repeats_it(liar):
    busy = SimReply(429)
    client, simulator = liar(EXPIRED, busy, EXPIRED, GOOD)

    with pytest.raises(RetryLater):
        client.put_dossiers(DATA, updating=False)
    assert logins(simulator) == 2


def test_look_up_with_code_0_that_names_the_session_is_made_again_with_a_new_one(liar):
    client, simulator = liar(says(error_code=0, message="Session không hợp lệ"), GOOD)

    assert client.dossier(CODE) is None
    assert logins(simulator) == 2


def test_session_is_renewed_before_its_time_is_over(linked):
    link = linked(session_minutes=10, session_margin_seconds=30)
    for seconds in (0, 569, 2):
        link.clock.advance(seconds)
        link.adapter.client.dossier(CODE)

    assert len(link.events("logged-in")) == 2
    assert not link.events("session-refused")


def test_all_sessions_lost_at_the_portal_cost_one_more_login(linked):
    link = linked()
    link.arm("expire-sessions", "DongBoHoSoMC")

    link.adapter.client.put_dossiers(DATA, updating=False)
    assert link.told("logged-in", "session-refused", "dossier-inserted") == [
        "logged-in",
        "session-refused",
        "logged-in",
        "dossier-inserted",
    ]


@pytest.mark.parametrize("session", [{}, {"session": ""}, {"session": "  "}, {"session": None}])
def test_blank_session_is_none_and_never_kept(liar, session):
    client, simulator = liar(GOOD, login=says(error_code=0, message="", **session))

    with pytest.raises(RetryLater) as caught:
        client.dossier(CODE)
    assert caught.value.code == "DVCQG_LOGIN_UNREADABLE"
    assert business(simulator) == []

    simulator.login_reply = None
    assert client.dossier(CODE) is None


@pytest.mark.parametrize(
    ("reply", "effect", "code"),
    [
        (says(error_code=-1, message="Sai mật khẩu"), HeldForPerson, "DVCQG_LOGIN_REFUSED"),
        (says(error_code=9, message="lạ"), HeldForPerson, "DVCQG_LOGIN_REFUSED"),
        (says(error_code=-1, message="Tài khoản đã tồn tại"), HeldForPerson, "DVCQG_LOGIN_REFUSED"),
        (SimReply(401), HeldForPerson, "DVCQG_LOGIN_REFUSED"),
        (
            says(error_code=-1, message="Tài khoản của công dân không tồn tại"),
            HeldForPerson,
            "DVCQG_LOGIN_REFUSED",
        ),
        (says(503, error_code=503, message="Service Unavailable"), RetryLater, "REMOTE_UNAVAILABLE"),
        (says(error_code=-1, message="Hệ thống đang bảo trì"), RetryLater, "DVCQG_TROUBLE_THERE"),
        (SimReply(502, b"<html>", headers=HTML), RetryLater, "REMOTE_ANSWERED_WEB_PAGE"),
        (SimReply(404), HeldForPerson, "DVCQG_PATH_WRONG"),
        (SimReply(body=b""), RetryLater, "REMOTE_REPLY_UNREADABLE"),
    ],
)
def test_login_that_fails_sends_nothing(liar, reply, effect, code):
    client, simulator = liar(GOOD, login=reply)

    with pytest.raises(effect) as caught:
        client.put_dossiers(DATA, updating=False)
    assert caught.value.code == code
    assert business(simulator) == []
    if isinstance(caught.value, HeldForPerson):
        assert caught.value.scope is Scope.SYSTEM


def test_threads_share_one_login(liar):
    client, simulator = liar(GOOD)
    together = threading.Barrier(8)
    failures = []

    def ask():
        together.wait()
        try:
            client.dossier(CODE)
        except Exception as failure:  # noqa: BLE001 - told below
            failures.append(failure)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert logins(simulator) == 1


# --- secrets ------------------------------------------------------------------------------------------------


def test_portal_that_repeats_our_secrets_is_not_quoted_with_them(linked):
    class Parrot(Liar):
        def answer(self, request, now):
            operation = self.operation(request)
            if operation == "login":
                return super().answer(request, now)
            body = self._body(request)
            return says(error_code=7, message=f"Lỗi {body['session']} {PASSWORD} {USERNAME}")

    link = linked(simulator=Parrot)

    with pytest.raises(Rejected) as caught:
        link.adapter.client.put_dossiers(DATA, updating=False)
    [(session, _)] = list(link.simulator.world.rows("session"))
    shown = f"{caught.value} {caught.value.explanation_vi} {caught.value.facts}"
    assert "[…]" in shown
    assert not [secret for secret in (session, PASSWORD, USERNAME) if secret in shown]


def test_receipt_that_repeats_our_session_is_kept_without_it(linked):
    class Parrot(DvcqgSimulator):
        def answer(self, request, now):
            reply = super().answer(request, now)
            if self.operation(request) != "DongBoHoSoMC":
                return reply
            return says(error_code=0, message="thành công", session=self._body(request)["session"])

    link = linked(simulator=Parrot)

    raw = link.adapter.client.put_dossiers(DATA, updating=False).raw
    assert json.loads(raw)["session"] == "[…]"


def test_nothing_secret_is_shown_of_a_client(linked):
    link = linked()
    link.adapter.client.dossier(CODE)
    shown = (
        repr(link.adapter.client._sessions._held) + repr(link.adapter._settings) + repr(link.adapter._agreed)
    )

    assert PASSWORD not in shown
    assert USERNAME not in shown
    assert not [token for token, _ in link.simulator.world.rows("session") if token in shown]


def test_client_works_alone(linked):
    link = linked()
    settings = link.adapter._settings

    with DvcqgClient(settings, link.clock) as client:
        assert client.put_dossiers(DATA, updating=False).raw
    assert link.told("dossier-inserted") == ["dossier-inserted"]
