"""What a person who called `ebrvt sign` can do about a failure: said in options of that call.

Signers, timestamp client and appearance serve running programs as well, which have a configuration and try
again by themselves. Code and sentence stay; only the advice is another one.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ebrvt_connect.errors import ConnectError, HeldForPerson, InvalidValue, RetryLater

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.ops.sign_look import Look

_NOTHING_SIGNED_VI = "Chưa ký gì. Chạy lại sau"
_TSA_SILENT_VI = (
    f"{_NOTHING_SIGNED_VI}, hoặc thêm --allow-unstamped. Nếu lặp lại, kiểm tra địa chỉ ở --tsa và đường "
    "truyền."
)
_TSA_REFUSES_VI = (
    "Chưa ký gì. Kiểm tra địa chỉ ở --tsa, rồi liên hệ tổ chức cấp dấu thời gian; không có dấu thời gian thì "
    "bỏ --tsa."
)
_SERVICE_SILENT_VI = (
    f"{_NOTHING_SIGNED_VI}; nếu lặp lại, kiểm tra đường truyền và báo đơn vị vận hành dịch vụ."
)
_PLACES_VI = {
    "person": "Sửa --place: trang có trong văn bản (-1 là trang cuối), khung nằm trong trang.",
    "agency": "Sửa --place: trang có trong văn bản (-1 là trang cuối), khung đủ chỗ cho con dấu.",
    "attachment": "Rút ngắn --number, hoặc --no-appearance.",
    "copy": "Rút ngắn tên cơ quan bằng --copy-agency, hoặc --no-appearance.",
}
_SURE_OF_PIN_VI = (
    "Hỏi lại người giữ mã PIN, tắt Caps Lock và bộ gõ tiếng Việt khi nhập; chắc chắn rồi mới chạy lại lệnh."
)
_OF_KEYS_VI = {
    "TOKEN_PIN_REFUSED": (
        "Chưa ký gì. ĐỪNG thử lại khi chưa chắc mã PIN: thiết bị tự khóa sau vài lần nhập sai, mở khóa phải "
        f"qua tổ chức cấp chứng thư số. {_SURE_OF_PIN_VI}"
    ),
    "REMOTE_PIN_REFUSED": (
        "Chưa ký gì. ĐỪNG thử lại khi chưa chắc mã PIN: dịch vụ khóa chứng thư sau vài lần nhập sai. "
        f"{_SURE_OF_PIN_VI}"
    ),
    "TOKEN_PIN_AT_RISK": (
        "Chưa ký gì. Khi đã chắc mã PIN, đăng nhập thành công một lần bằng phần mềm của thiết bị để xóa cảnh "
        "báo, rồi chạy lại lệnh."
    ),
    "TOKEN_PIN_LOCKED": (
        "Chưa ký gì. Mở khóa hoặc đặt lại mã PIN theo hướng dẫn của tổ chức cấp chứng thư số, rồi chạy lại "
        "lệnh."
    ),
    "TOKEN_NOT_PRESENT": (
        "Cắm lại thiết bị, hoặc sửa nhãn thiết bị (token, slot-id ở --key; token_label, slot của "
        "[signing.TÊN]), rồi chạy lại lệnh."
    ),
    "TOKEN_AMBIGUOUS": (
        "Nêu rõ thiết bị: token hoặc slot-id ở --key; token_label hoặc slot của [signing.TÊN]."
    ),
    "TOKEN_KEY_NOT_FOUND": (
        "Sửa object, id ở --key (key_label, key_id của [signing.TÊN]); xem trong thiết bị có gì bằng: "
        "pkcs11-tool --login --list-objects. Chứng thư số không nằm trong thiết bị thì khai báo certificate "
        "ở [signing.TÊN]."
    ),
    "TOKEN_FAILED": (
        "Rút và cắm lại thiết bị, thử bằng phần mềm của nhà cung cấp, rồi chạy lại lệnh. Nếu lặp lại, gửi mã "
        "lỗi này cho nhà cung cấp thiết bị."
    ),
    "REMOTE_SIGNING_REFUSED": (
        "Kiểm tra tài khoản khai báo ở [signing.TÊN], rồi gửi mã lỗi này cho nhà cung cấp dịch vụ."
    ),
}
_NO_LEADER_VI = "Ký lãnh đạo trước, hoặc --place."


@contextmanager
def advising_the_caller(look: Look) -> Iterator[None]:
    """Give what signing raises the advice that fits a call; what has none here keeps its own."""
    try:
        yield
    except RetryLater as failure:
        advise(failure, _TSA_SILENT_VI if failure.system == _TSA else _SERVICE_SILENT_VI)
        raise
    except HeldForPerson as failure:
        if failure.code == "SIGNATURE_PLACE_UNUSABLE":
            advise(failure, _place_vi(look))
        elif failure.code == "TIMESTAMP_REFUSED":
            advise(failure, _TSA_REFUSES_VI)
        advise_about_key(failure)
        raise


def advise_about_key(failure: HeldForPerson) -> None:
    """What a token or service that did not sign asks of a person at the terminal."""
    if failure.code in _OF_KEYS_VI:
        advise(failure, _OF_KEYS_VI[failure.code])


def advise(failure: ConnectError | InvalidValue, advice_vi: str) -> None:
    """Put another advice to a failure, to the letter."""
    if isinstance(failure, ConnectError):
        failure.advice_vi = advice_vi
        return
    literal = advice_vi.replace("{", "{{").replace("}", "}}")
    failure.explanation = replace(failure.explanation, advice_vi=literal)


def _place_vi(look: Look) -> str:
    seal_beside_nobody = look.role == "agency" and look.place is None
    return _NO_LEADER_VI if seal_beside_nobody else _PLACES_VI[look.role]


_TSA = "tsa"
"""What the timestamp client calls its authority (`transport.timestamp.SYSTEM`, which takes long to load)."""

__all__ = ["advise", "advise_about_key", "advising_the_caller"]
