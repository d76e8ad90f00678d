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


def says(**answer):
    return SimReply(body=json.dumps(answer, ensure_ascii=False).encode())


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
]


@pytest.mark.parametrize(("reply", "effect", "code"), REFUSALS, ids=[str(row[2]) for row in REFUSALS])
def test_refusal_in_so_many_words_is_final(liar, reply, effect, code):
    client, _ = liar(reply)

    with pytest.raises(effect) as caught:
        client.put_dossiers(DATA, updating=False)
    assert caught.value.code == code


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
    assert len(business(simulator)) <= 6


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
        thread.join(20)

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
