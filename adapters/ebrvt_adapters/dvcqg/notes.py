"""What is noticed while a record is mapped: what is missing, cannot be written, was cut or left out. Pure."""

from __future__ import annotations

import tomllib
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from ebrvt_schemas import open_schema

from ebrvt_adapters.dvcqg import wire
from ebrvt_connect.model.document import DataWarning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

CUT = "TEXT_CUT"
FILE_URL_NOT_PUBLIC = "FILE_URL_NOT_PUBLIC"
VALUE_MISSING = "VALUE_MISSING"
VALUE_NOT_IN_LIST = "VALUE_NOT_IN_LIST"
ABSTRACT_MISSING = "ABSTRACT_MISSING"
IDENTITY_MISSING = "IDENTITY_MISSING"
IDENTITY_KIND_UNMAPPED = "IDENTITY_KIND_UNMAPPED"
TECH_ID_MISSING = "TECH_ID_MISSING"
DUE_DATE_MISSING = "DUE_DATE_MISSING"
COMPONENT_CODE_MISSING = "COMPONENT_CODE_MISSING"
COMPONENT_WITHOUT_FILE = "COMPONENT_WITHOUT_FILE"
RESULT_CODE_MISSING = "RESULT_CODE_MISSING"
RESULT_WITHOUT_FILE = "RESULT_WITHOUT_FILE"
FEE_MOMENT_MISSING = "FEE_MOMENT_MISSING"

WARNINGS_VI: Mapping[str, str] = {
    CUT: "Nội dung dài hơn mức Cổng nhận nên đã được rút gọn.",
    FILE_URL_NOT_PUBLIC: "Tệp chưa có địa chỉ mà Cổng tải được; khai báo public_base.",
    VALUE_MISSING: "Phần mềm một cửa không cho biết; để trống, không tự điền “không”.",
    VALUE_NOT_IN_LIST: "Giá trị không có trong danh mục của Cổng nên không gửi.",
    ABSTRACT_MISSING: "Hồ sơ không có trích yếu; dùng tên thủ tục.",
    IDENTITY_MISSING: "Không có giấy tờ định danh của chủ hồ sơ.",
    IDENTITY_KIND_UNMAPPED: "Loại giấy tờ định danh chưa được ghép với danh mục của Cổng nên không gửi.",
    TECH_ID_MISSING: "Hồ sơ trực tuyến nhưng không có mã tài khoản trên Cổng (TechID).",
    DUE_DATE_MISSING: "Không có ngày hẹn trả: Cổng không tính được hồ sơ đúng hạn hay quá hạn.",
    COMPONENT_CODE_MISSING: "Giấy tờ chưa gắn với mã thành phần hồ sơ quốc gia.",
    COMPONENT_WITHOUT_FILE: "Giấy tờ nộp kèm hồ sơ chưa có tệp.",
    RESULT_CODE_MISSING: "Kết quả chưa gắn với mã giấy tờ kết quả quốc gia.",
    RESULT_WITHOUT_FILE: "Giấy tờ kết quả chưa có tệp.",
    FEE_MOMENT_MISSING: "Không biết phí, lệ phí được thu khi nào.",
}
"""What each warning says to a clerk, by its code."""

_ELLIPSIS = "…"


@cache
def field_names_vi() -> Mapping[str, str]:
    """The portal's fields as a clerk knows them."""
    names: dict[str, str] = tomllib.loads(open_schema("dvcqg/required-fields.toml").decode())["names_vi"]
    return names


@dataclass(slots=True)
class Notes:
    """What is noticed while a record is mapped; the same thing at several places is told once, counted."""

    missing: list[str] = field(default_factory=list)
    unwritable: list[str] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    got: dict[tuple[str, str], str] = field(default_factory=dict)

    def warn(self, code: str, name: str, got: str = "") -> None:
        """Note a warning at a field; `got` is what stood there, where that may be told."""
        place = (code, name)
        self.counts[place] = self.counts.get(place, 0) + 1
        if got:
            self.got.setdefault(place, got[:80])

    def needed(self, name: str, value: str) -> str:
        """The value of a field that must be there, and missed where it is empty."""
        if not value:
            self.missing.append(name)
        return value

    def time(self, name: str, moment: datetime | None, *, within_vi: str = "") -> str:
        """As the portal writes it; what it cannot write is remembered by name. `within_vi` says of what."""
        try:
            return wire.written_time(moment)
        except ValueError:
            self.unwritable.append(field_names_vi().get(name, name) + within_vi)
            return ""

    def needed_time(self, name: str, moment: datetime | None) -> str:
        """The same, and missed where there is none."""
        if moment is None:
            self.missing.append(name)
        return self.time(name, moment)

    def cut(self, name: str, text: str, longest: int) -> str:
        """The text in at most so many characters."""
        if len(text) > longest:
            self.warn(CUT, name, str(len(text)))
        return shortened(text, longest)

    def missing_vi(self) -> str:
        """What is missing, in a clerk's words."""
        names = field_names_vi()
        return ", ".join(dict.fromkeys(names.get(name, name) for name in self.missing))

    def unwritable_vi(self) -> str:
        """Which times cannot be written, in a clerk's words."""
        return ", ".join(dict.fromkeys(self.unwritable))

    def warnings(self) -> tuple[DataWarning, ...]:
        """The warnings, each place once, in the order they were noticed."""
        return tuple(
            DataWarning(
                code=code,
                field=name,
                got=self.got.get((code, name), "") or (f"{count} lần" if count > 1 else ""),
                message_vi=WARNINGS_VI[code],
            )
            for (code, name), count in self.counts.items()
        )


def shortened(text: str, longest: int) -> str:
    """The text in at most so many characters, ended by an ellipsis; no mark is parted from its letter."""
    if len(text) <= longest:
        return text
    end = longest - 1
    while end and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + _ELLIPSIS
