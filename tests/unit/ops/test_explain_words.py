"""`ebrvt explain` speaks Vietnamese throughout: who decided, what a status says, what a thing is called."""

from datetime import UTC, datetime

import pytest

from ebrvt_connect.errors import Effect
from ebrvt_connect.model.document import StatusCode
from ebrvt_connect.model.dossier import DossierExchange
from ebrvt_connect.model.message import Kind
from ebrvt_connect.model.report import ReportState
from ebrvt_connect.ops.commands.explain import (
    _called,
    _exchange_line,
    _meaning,
    _meaning_text,
    _told,
    _verdict_lines,
    _with_gaps,
)
from ebrvt_connect.ops.words import decision_vi
from ebrvt_connect.ports.ledger import Exchange, Step
from tests.contract.dvcqg.desk import make_dossier, make_message

AT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "detail", "said"),
    [
        (
            "superseded",
            "mot-cua: message 30, a newer version, takes its place",
            "chương trình: bản mới hơn (thông điệp số 30) thay thế bản này",
        ),
        (
            "requeued",
            "mot-cua: goes again after message 30, which corrects what was refused",
            "chương trình: gửi lại sau thông điệp số 30, bản sửa lỗi",
        ),
        ("requeued", "Lan: đã sửa thông điệp", "người xử lý: gửi lại, Lan: đã sửa thông điệp"),
        ("released", "Lan: đã đối chiếu", "người xử lý: cho gửi tiếp, Lan: đã đối chiếu"),
    ],
)
def test_what_the_program_did_by_itself_is_no_persons_decision(code, detail, said):
    assert decision_vi(code, detail) == said
    line = Exchange(step=Step.PERSON, attempt=0, started_at=AT, ended_at=AT, code=code, detail=detail)
    assert _exchange_line(line) == f"  23/11/2026 08:02:03  {said}"


@pytest.mark.parametrize(
    ("attempt", "said"), [(0, "kiểm tra và đóng gói: "), (2, "kiểm tra và đóng gói (lần 2): ")]
)
def test_a_try_is_counted_only_where_there_was_one(attempt, said):
    line = Exchange(
        step=Step.JUDGE, attempt=attempt, started_at=AT, ended_at=AT, effect=Effect.RETRY_LATER, code="X"
    )
    assert f"  {said}sẽ thử lại [X]" in _exchange_line(line)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (Kind.DOCUMENT_STATUS, StatusCode),
        (Kind.DOSSIER_STATUS, DossierExchange),
        (Kind.REPORT_STATUS, ReportState),
    ],
)
def test_every_status_is_told_in_words_with_its_code_behind(kind, codes):
    for code in codes:
        said, _, behind = _told(kind, code.value).partition("” ")
        assert behind == f"[{code.value}]"
        assert said.startswith("“")
        assert not said.isascii()


def test_a_status_nobody_knows_stands_alone():
    assert (_told(Kind.DOCUMENT_STATUS, "99"), _told(Kind.DOSSIER_STATUS, None)) == ("99", "?")


@pytest.mark.parametrize(
    ("title", "called"),
    [("Báo cáo NQ17 2026-Q4", "Báo cáo NQ17 2026-Q4"), ("NQ17 2026-Q4", "Báo cáo NQ17 2026-Q4")],
)
def test_a_report_is_not_called_a_report_twice(title, called):
    message = make_message(make_dossier()).model_copy(update={"kind": Kind.REPORT, "title": title})
    assert _called(message) == called


def test_places_to_be_filled_are_gaps_and_doubled_braces_are_braces():
    assert _with_gaps("Kỳ {period}: {reason} {{ file = ... }}") == "Kỳ …: … { file = ... }"


def test_a_finding_is_explained_with_what_to_do():
    meaning = _meaning("HASH_MISMATCH")

    assert meaning["advice_vi"].startswith("Không sử dụng bản này")
    assert _meaning_text(meaning, "vi").endswith(f"\n  Cách xử lý: {meaning['advice_vi']}")
    assert _meaning("RSA_PKCS1_V15")["advice_vi"] == ""
    assert "Cách xử lý" not in _meaning_text(_meaning("RSA_PKCS1_V15"), "vi")


def test_what_is_wrong_with_several_signatures_is_told_once():
    broken = {"code": "HASH_MISMATCH", "severity": "error", "message_vi": "Nội dung đã bị thay đổi."}
    told = {"code": "NO_TIMESTAMP", "severity": "warning", "message_vi": "Không có dấu thời gian."}
    file = {"file": "a.pdf", "headline_vi": "KHÔNG HỢP LỆ", "findings": []}

    lines = list(_verdict_lines({**file, "signatures": [{"findings": [broken, told]}] * 2}, "vi"))

    assert lines == [
        "    Chữ ký số của “a.pdf”: KHÔNG HỢP LỆ",
        "      Nội dung đã bị thay đổi. [HASH_MISMATCH]",
    ]
