"""What the portal's words mean."""

import pytest
from ebrvt_adapters.dvcqg import faults
from ebrvt_adapters.dvcqg.faults import Meaning
from ebrvt_adapters.dvcqg.wire import Envelope


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("Hồ sơ 000.00.15.H06-230315-0007 đã tồn tại", Meaning.DOSSIER_EXISTS),
        ("HO SO DA TON TAI", Meaning.DOSSIER_EXISTS),
        ("Hồ sơ 1 không tồn tại", Meaning.DOSSIER_NOT_THERE),
        ("Không tìm thấy hồ sơ", Meaning.DOSSIER_NOT_THERE),
        ("Thủ tục 1.001234 không tồn tại", Meaning.PROCEDURE_UNKNOWN),
        ("Mã TTHC không hợp lệ", Meaning.PROCEDURE_UNKNOWN),
        ("Session không hợp lệ hoặc đã hết hạn", Meaning.SESSION_REFUSED),
        ("Phiên làm việc hết hạn", Meaning.SESSION_REFUSED),
        ("Bạn chưa đăng nhập", Meaning.SESSION_REFUSED),
        ("Phiên làm việc đã hết hạn, vui lòng đăng nhập lại", Meaning.SESSION_REFUSED),
        ("Session không hợp lệ (mã 17)", Meaning.SESSION_REFUSED),
        ("Mã đơn vị không hợp lệ", Meaning.UNIT_REFUSED),
        ("Mã đơn vị (madonvi) không hợp lệ", Meaning.UNIT_REFUSED),
        ("Tài khoản hoặc mật khẩu không đúng", None),
        ("Lỗi hệ thống", Meaning.TROUBLE_THERE),
        ("Trường X bắt buộc nhập", Meaning.DATA_REFUSED),
        ("Trường X không đúng định dạng", Meaning.DATA_REFUSED),
        ("Xin chào", None),
        ("", None),
    ],
)
def test_words_and_their_meaning(said, meaning):
    assert faults.meaning_of(said) is meaning


@pytest.mark.parametrize(
    ("code", "said", "succeeded"),
    [
        ("0", "Đồng bộ hồ sơ thành công", True),
        ("00", "THÀNH CÔNG.", True),
        ("0", "Tha\u0300nh co\u0302ng", True),
        ("1", "thành công", False),
        ("000", "thành công", False),
        ("0", "Đồng bộ không thành công", False),
        ("0", "Chưa thành công", False),
        ("0", "Cập nhật thất bại, không có bản ghi thành công", False),
        ("0", "Hồ sơ đã tồn tại, cập nhật thành công", False),
        ("0", "thanh cong", False),
        ("0.0", "Cập nhật thành công", False),
        ("0", "Chưa đồng bộ thành công", False),
        ("0", "Không cập nhật thành công", False),
        ("0", "Đồng bộ 0/1 hồ sơ thành công", False),
        ("0", "Đồng bộ 1/2 hồ sơ thành công", False),
        ("0", "Đồng bộ thành công: 0", False),
        ("0", "Đồng bộ thành công 0 hồ sơ", False),
        ("0", "Cập nhật thành công, 1 bản ghi lỗi", False),
        ("0", "Đồng bộ 1/1 hồ sơ thành công", True),
        ("0", "Đồng bộ thành công 10 hồ sơ", True),
        ("0", "Cập nhật thành công lúc 9:05 ngày 23/11/2026", True),
        ("0", "Hồ sơ 000.00.15.H06-230315-0007 cập nhật thành công", True),
        ("0", "Đồng bộ hồ sơ phòng cháy chữa cháy thành công", True),
        ("0", "", False),
    ],
)
def test_success_is_code_and_words(code, said, succeeded):
    assert faults.write_succeeded(Envelope(error_code=code, message=said)) is succeeded


def test_every_meaning_has_words():
    assert {meaning for meaning, _ in faults._words().meanings} == set(Meaning)


def test_endless_words_are_read_to_a_limit():
    assert faults.meaning_of("ho so " * 100_000 + "khong ton tai") is None


def test_empty_secrets_blot_nothing():
    assert faults.without("abc", ("", "b")) == "a[…]c"


# --- words that stand in errors about something else ------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("could not execute statement: Session is closed!", Meaning.TROUBLE_THERE),
        ("Session is closed!", Meaning.TROUBLE_THERE),
        ("Hết thời gian chờ phiên đăng nhập của cán bộ xử lý", Meaning.TROUBLE_THERE),
        ("Tệp session-notes.pdf không đúng định dạng", Meaning.DATA_REFUSED),
        ("Phiên họp hội đồng không được để trống", Meaning.DATA_REFUSED),
        ("Lịch sử phiên làm việc của công dân", None),
    ],
)
def test_the_word_session_alone_says_nothing_about_ours(said, meaning):
    assert faults.meaning_of(said) is meaning


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("Đơn vị xử lý của hồ sơ không hợp lệ", Meaning.DATA_REFUSED),
        ("Đơn vị xử lý không tồn tại trong danh mục", Meaning.DATA_REFUSED),
        ("Tài khoản của công dân không tồn tại (MaDoiTuong)", Meaning.DATA_REFUSED),
        ("Đơn vị không có quyền cập nhật hồ sơ này", None),
    ],
)
def test_a_unit_or_an_account_named_in_a_dossier_is_not_ours(said, meaning):
    assert faults.meaning_of(said) is meaning


@pytest.mark.parametrize(
    "said",
    [
        "Giấy phép lưu hành xe quá tải không hợp lệ",
        "Thiếu hồ sơ bảo trì công trình",
        "Dịch vụ công chứng: thiếu bản sao",
    ],
)
def test_trades_that_sound_like_trouble_are_none(said):
    assert faults.meaning_of(said) is Meaning.DATA_REFUSED


@pytest.mark.parametrize(
    "said",
    [
        "Service Unavailable",
        "Bad Gateway",
        "Read timed out",
        "Hệ thống đang bảo trì",
        "Có lỗi xảy ra",
        "ORA-00060",
    ],
)
def test_words_of_trouble_are_understood(said):
    assert faults.meaning_of(said) is Meaning.TROUBLE_THERE


@pytest.mark.parametrize(
    "said",
    [
        "Session không hợp lệ",
        "Phiên làm việc đã hết hạn, vui lòng đăng nhập lại.",
        "Chưa đăng nhập",
        "Session expired",
    ],
)
def test_session_refused_word_for_word(said):
    assert faults._is_exactly_a_session_refused(said)


@pytest.mark.parametrize("said", ["Session is closed!", "Session không hợp lệ: could not execute", "session"])
def test_session_refused_in_other_words_is_not_exact(said):
    assert not faults._is_exactly_a_session_refused(said)


@pytest.mark.parametrize("meaning", ["Lỗi hệ thống", "Session không hợp lệ", "Mã đơn vị không hợp lệ"])
def test_look_up_with_code_0_and_words_of_trouble_is_no_answer(meaning):
    assert not faults.read_succeeded(Envelope(error_code="0", message=meaning))
