"""Times that cannot be, and advice that is true: what keeps a dossier here is named with its cure."""

from datetime import UTC, datetime

import pytest
from ebrvt_adapters.dvcqg.mapping import mapped_dossier, mapped_progress

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.dossier import Procedure, Supplement
from tests.contract.dvcqg.desk import AGREED, CODE, catalogue, make_dossier, make_entry


def refusal(**more):
    with pytest.raises(InvalidValue) as caught:
        mapped_dossier(make_dossier(**more), AGREED, catalogue)
    return caught.value


# --- times that cannot be ---------------------------------------------------------------------------------

LAST = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)
FIRST = datetime(1, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("moment", [LAST, FIRST, datetime(999, 6, 1, tzinfo=UTC)])
@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("submitted_at", "Ngày nộp hồ sơ"),
        ("received_at", "Ngày tiếp nhận"),
        ("due_at", "Ngày hẹn trả"),
        ("extended_due_at", "Ngày hẹn trả"),
        ("finished_at", "Ngày kết thúc xử lý"),
        ("returned_at", "Ngày trả kết quả"),
        ("refused_at", "Ngày từ chối"),
    ],
)
def test_time_that_cannot_be_written_is_named_and_never_escapes(attribute, words, moment):
    told = refusal(**{attribute: moment})

    assert told.code == "DVCQG_TIME_UNWRITABLE"
    assert words in told.sentence_vi
    assert CODE in told.sentence_vi


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("requested_at", "Ngày yêu cầu bổ sung (lần bổ sung 2)"),
        ("received_at", "Ngày tiếp nhận bổ sung (lần bổ sung 2)"),
        ("old_due_at", "Ngày hẹn trả trước khi bổ sung (lần bổ sung 2)"),
        ("new_due_at", "Ngày hẹn trả mới sau khi bổ sung (lần bổ sung 2)"),
    ],
)
def test_time_of_a_supplement_that_cannot_be_written_is_named(attribute, words):
    told = refusal(supplements=(Supplement(seq=2, **{attribute: LAST}),))

    assert (told.code, words in told.sentence_vi) == ("DVCQG_TIME_UNWRITABLE", True)


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("at", "Thời điểm xử lý (bước xử lý số 1)"),
        ("step_started_at", "Ngày bắt đầu bước xử lý (bước xử lý số 1)"),
        ("step_due_at", "Hạn xử lý của bước (bước xử lý số 1)"),
    ],
)
@pytest.mark.parametrize("moment", [LAST, FIRST])
def test_time_of_a_step_that_cannot_be_written_is_named(attribute, words, moment):
    with pytest.raises(InvalidValue) as caught:
        mapped_progress(make_entry(**{attribute: moment}))

    assert caught.value.code == "DVCQG_TIME_UNWRITABLE"
    assert words in caught.value.sentence_vi


def test_impossible_time_is_told_beside_other_reasons():
    told = refusal(due_at=LAST, stage=None, status_word="lạ", channel=None)
    assert told.code == "UNMAPPED_STATUS"
    assert "Ngày hẹn trả" in told.sentence_vi
    assert "Kênh thực hiện" in told.sentence_vi

    told = refusal(due_at=LAST, channel=None)
    assert told.code == "DVCQG_TIME_UNWRITABLE"
    assert "Kênh thực hiện" in told.sentence_vi


# --- advice that is true ------------------------------------------------------------------------------------


def test_advice_on_an_unmapped_status_does_not_promise_that_a_release_helps():
    """What the status was read as is kept with the dossier: only a new revision is read anew."""
    advice = refusal(stage=None, status_word="lạ").advice_vi

    for words in ("status_file", "khởi động lại", "lưu lại hồ sơ", "vẫn bị giữ"):
        assert words in advice


def test_advice_on_an_unmapped_procedure_says_that_the_list_is_read_at_the_start():
    advice = refusal(procedure=Procedure(name="Nội bộ")).advice_vi

    assert (
        advice.index("procedures_file") < advice.index("khởi động lại") < advice.index("ebrvt held release")
    )
