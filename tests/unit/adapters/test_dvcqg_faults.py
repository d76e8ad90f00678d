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
        ("Mã đơn vị không hợp lệ", Meaning.UNIT_REFUSED),
        ("Tài khoản hoặc mật khẩu không đúng", Meaning.LOGIN_REFUSED),
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
