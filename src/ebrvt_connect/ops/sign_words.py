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
        raise


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

__all__ = ["advise", "advising_the_caller"]
