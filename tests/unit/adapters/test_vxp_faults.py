"""What the axis' answers mean."""

from datetime import UTC, datetime

import pytest
from ebrvt_adapters.vxp import faults
from ebrvt_adapters.vxp.wire import envelope_of

from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, Rejected, RetryLater, Scope
from ebrvt_connect.transport.http import HttpReply


def failure(status="FAIL", code="99", said="", *, http=200, safe=False, body=b"{}"):
    envelope = envelope_of({"status": status, "ErrorCode": code, "ErrorDesc": said})
    reply = HttpReply(status=http, headers={}, body=body, received_at=datetime(2026, 11, 23, tzinfo=UTC))
    return faults.failure_of(envelope, reply, safe=safe, system="axis", operation="sendEdoc")


@pytest.mark.parametrize(
    ("said", "effect", "code"),
    [
        (
            "Don vi gui 000.00.99.H06 khong dung voi ma da dang ky: x.01",
            HeldForPerson,
            "VXP_SENDER_MISMATCH",
        ),
        ("Đơn vị gửi 000 không đúng với mã đã đăng ký: x", HeldForPerson, "VXP_SENDER_MISMATCH"),
        ("Sai chu ky", faults.AuthenticationRefused, "VXP_NOT_AUTHENTIC"),
        ("Timestamp khong hop le", faults.AuthenticationRefused, "VXP_NOT_AUTHENTIC"),
        ("systemid khong ton tai", HeldForPerson, "VXP_UNKNOWN_SYSTEM"),
        ("Sai hash-file", HeldForPerson, "VXP_FILE_HASH_WRONG"),
        ("Van ban da ton tai tren truc", ReconcileFirst, "VXP_DUPLICATE"),
        ("Don vi nhan khong ton tai: 000.00.00.X99", Rejected, "VXP_UNKNOWN_RECIPIENT"),
        ("edXML khong hop le", Rejected, "VXP_INVALID_PACKET"),
        ("Khong tim thay van ban", Rejected, "VXP_PACKET_NOT_FOUND"),
        ("Loi he thong", ReconcileFirst, "VXP_TROUBLE_THERE"),
        ("Mot dieu chua ai biet", Rejected, "VXP_REFUSED"),
        ("", Rejected, "VXP_REFUSED"),
    ],
)
def test_refusal_by_its_words(said, effect, code):
    told = failure(said=said)

    assert type(told) is effect
    assert told.code == code


def test_numeric_codes_decide_nothing():
    codes = {failure(code=code, said="Sai chu ky").code for code in ("1", "8", "500", "E01")}

    assert codes == {"VXP_NOT_AUTHENTIC"}


@pytest.mark.parametrize(
    ("said", "scope"),
    [
        ("khong dung voi ma da dang ky", Scope.MESSAGE),
        ("sai chu ky", Scope.SYSTEM),
        ("systemid khong ton tai", Scope.SYSTEM),
    ],
)
def test_how_much_stops(said, scope):
    told = failure(said=said)

    assert isinstance(told, HeldForPerson)
    assert told.scope is scope


@pytest.mark.parametrize(("safe", "effect"), [(True, RetryLater), (False, ReconcileFirst)])
def test_doubt_is_asked_after_unless_the_call_may_be_repeated(safe, effect):
    assert type(failure(said="Loi he thong", safe=safe)) is effect
    assert type(failure(status="OK", code="5", safe=safe)) is effect
    assert type(failure(status="FAIL", code="0", safe=safe)) is effect


def test_known_words_win_over_a_contradiction():
    assert failure(status="OK", code="4", said="khong dung voi ma da dang ky").code == "VXP_SENDER_MISMATCH"


def test_refusal_counts_whatever_the_http_status():
    assert failure(said="edXML khong hop le", http=500).code == "VXP_INVALID_PACKET"


@pytest.mark.parametrize(
    ("http", "effect"),
    [
        (500, ReconcileFirst),
        (502, ReconcileFirst),
        (503, ReconcileFirst),
        (401, HeldForPerson),
        (200, ReconcileFirst),
    ],
)
def test_answer_that_is_not_the_axis_own_is_judged_by_its_status(http, effect):
    reply = HttpReply(
        status=http, headers={}, body=b"<html></html>", received_at=datetime(2026, 11, 23, tzinfo=UTC)
    )
    told = faults.failure_of(None, reply, safe=False, system="axis", operation="sendEdoc")

    assert type(told) is effect


def test_the_axis_words_are_quoted_short_and_clean():
    told = failure(said="La\r\n\x00" + "x" * 500)

    assert told.explanation_vi.startswith("Trục liên thông từ chối yêu cầu: La   x")
    assert len(told.explanation_vi) < 250


def test_every_kind_of_our_simulator_is_understood():
    said = {
        "Thieu header timestamp": "VXP_NOT_AUTHENTIC",
        "Sai chu ky (hash-header)": "VXP_NOT_AUTHENTIC",
        "Het han timestamp": "VXP_NOT_AUTHENTIC",
    }

    assert {words: failure(said=words).code for words in said} == said
