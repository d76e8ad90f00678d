"""Identifiers (mã định danh): agency codes in both official forms, document numbers. Parse or refuse.

Sources: QCVN 102:2016/BTTTT (`000.00.15.H06`, level 1 on the right), QĐ 20/2020/QĐ-TTg (`H06.15`,
level 1 on the left). Which code an agency has at which date is configuration (`AgencyHistory`),
never a constant: since 1 July 2025 the agencies of H06 are re-coded under H29.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from pydantic_core import core_schema

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.text import nfc

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

NOT_AN_AGENCY_CODE = explain(
    "AGENCY_CODE_INVALID",
    "“{text}” không phải là mã định danh cơ quan hợp lệ.",
    "Sửa mã định danh theo danh mục mã định danh đã ban hành (ví dụ H06.15 hoặc 000.00.15.H06).",
)
NOT_A_DOCUMENT_NUMBER = explain(
    "DOCUMENT_NUMBER_INVALID",
    "“{text}” không phải là số, ký hiệu văn bản hợp lệ.",
    "Nhập số và ký hiệu theo mẫu 7849/UBND-VP rồi phát hành lại.",
)

_LENIENT = re.compile(r"[0-9A-Za-z]+(\.[0-9A-Za-z]+){0,4}")
_QCVN_102 = re.compile(r"(\d{3})\.(\d{2})\.(\d{2})\.([A-Z]\d{2})")
_QD_20 = re.compile(r"[A-Z]\d{2}(\.\d{2,3}){0,3}")
_LONGEST_CODE = 40


class CodeForm(StrEnum):
    """How an agency code is spelled."""

    QCVN_102 = "qcvn102"
    QD_20 = "qd20"
    OTHER = "other"
    """Seen in the field (test nodes, SaaS centres); kept verbatim, equal only to itself."""


class ParsedText:
    """A value that is one text (mã, số): lets pydantic read and write it through its own `parse`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the value or raise `InvalidValue`."""
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept an instance or its text; write the text."""
        del source, handler

        def accept(value: object) -> ParsedText:
            if isinstance(value, cls):
                return value
            if isinstance(value, str):
                return cls.parse(value)
            # Not TypeError: pydantic collects this as one more error of the value's field.
            raise ValueError(f"expected a text, got {type(value).__name__}")

        return core_schema.no_info_plain_validator_function(
            accept, serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="always")
        )


@dataclass(frozen=True, slots=True)
class AgencyCode(ParsedText):
    """An agency code (mã định danh cơ quan), kept as written; `same_agency` compares across forms."""

    text: str

    @classmethod
    def parse(cls, text: str) -> AgencyCode:
        """Read a code in either official form or in a form seen in the field; raises `InvalidValue`."""
        bare = nfc(text).strip()
        if len(bare) > _LONGEST_CODE or not _LENIENT.fullmatch(bare):
            raise InvalidValue(
                NOT_AN_AGENCY_CODE,
                f"agency code: got {text[:60]!r}, expected e.g. 'H06.15' or '000.00.15.H06'",
                text=text[:60],
            )
        return cls(bare)

    def __str__(self) -> str:
        """The code as it was written."""
        return self.text

    @property
    def form(self) -> CodeForm:
        """Which official form this spelling has."""
        if _QCVN_102.fullmatch(self.text):
            return CodeForm.QCVN_102
        return CodeForm.QD_20 if _QD_20.fullmatch(self.text) else CodeForm.OTHER

    @property
    def qd20(self) -> str:
        """The QĐ 20/2020 spelling (`H06.15`); a code of neither form stays as it is."""
        if self.form is not CodeForm.QCVN_102:
            return self.text
        groups = self.text.split(".")[::-1]
        while len(groups) > 1 and not groups[-1].strip("0"):
            groups.pop()
        return ".".join(groups)

    @property
    def qcvn102(self) -> str:
        """The QCVN 102:2016 spelling (`000.00.15.H06`); raises `InvalidValue` where it has none."""
        if self.form is CodeForm.QCVN_102:
            return self.text
        groups = self.text.split(".")
        widths = (None, 2, 2, 3)
        fits = all(w is None or len(g) == w for g, w in zip(groups, widths, strict=False))
        if self.form is not CodeForm.QD_20 or not fits:
            raise InvalidValue(
                NOT_AN_AGENCY_CODE,
                f"agency code {self.text!r} has no QCVN 102 spelling: its groups do not fit 3.2.2.1",
                text=self.text,
            )
        padded = [*groups, *("0" * (w or 0) for w in widths[len(groups) :])]
        return ".".join(reversed(padded))

    @property
    def level_1(self) -> str:
        """The ministry or province (cấp 1): `H06` of `000.00.15.H06`."""
        return self.qd20.split(".", maxsplit=1)[0]

    def same_agency(self, other: AgencyCode) -> bool:
        """Whether both spell the same agency, in whichever form."""
        return self.qd20 == other.qd20


@dataclass(frozen=True, slots=True)
class DocumentNumber(ParsedText):
    """The number and symbol of a document (số, ký hiệu): `7849/UBND-VP`."""

    number: str
    symbol: str

    @classmethod
    def parse(cls, text: str) -> DocumentNumber:
        """Split at the first slash; raises `InvalidValue` when either side is missing."""
        number, slash, symbol = nfc(text).strip().partition("/")
        if not slash:
            raise cls._refusal(text)
        return cls.of(number, symbol)

    @classmethod
    def of(cls, number: str, symbol: str) -> DocumentNumber:
        """From the two wire fields; raises `InvalidValue` when one is empty, too long or unprintable."""
        left, right = nfc(number).strip(), nfc(symbol).strip()
        if not (0 < len(left) <= 20 and 0 < len(right) <= 50 and (left + right).isprintable()):  # noqa: PLR2004 - generous bounds, QCVN 102 names 11 and 30
            raise cls._refusal(f"{number}/{symbol}")
        return cls(left, right)

    @staticmethod
    def _refusal(text: str) -> InvalidValue:
        shown = text[:80]
        return InvalidValue(
            NOT_A_DOCUMENT_NUMBER,
            f"document number: got {shown!r}, expected number/symbol such as '7849/UBND-VP'",
            text=shown,
        )

    def __str__(self) -> str:
        """Number and symbol joined as on paper."""
        return f"{self.number}/{self.symbol}"


@dataclass(frozen=True, slots=True)
class CodeSuccession:
    """From `since` on, agencies under level-1 code `old` are found under `new` (kế thừa mã định danh).

    `codes` names the re-coded agencies one by one (old QĐ 20 spelling -> new); where it is silent
    nothing is guessed: the old code stays what it was.
    """

    old: str
    new: str
    since: date
    codes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AgencyHistory:
    """Which code an agency carries at which date; read from a data file, never a constant."""

    successions: tuple[CodeSuccession, ...] = ()

    @classmethod
    def of(cls, successions: Iterable[CodeSuccession]) -> AgencyHistory:
        """In order of their dates."""
        return cls(tuple(sorted(successions, key=lambda s: s.since)))

    def code_on(self, code: AgencyCode, day: date) -> AgencyCode:
        """The code that stands for the same agency on `day` (unknown re-codings keep the old code)."""
        return self._codes_until(code, day)[-1]

    def _codes_until(self, code: AgencyCode, day: date) -> list[AgencyCode]:
        """The code and those that followed it, up to `day`."""
        followed = [code]
        for succession in self.successions:
            new = dict(succession.codes).get(followed[-1].qd20) if day >= succession.since else None
            if new:
                followed.append(AgencyCode.parse(new))
        return followed

    def same_agency(self, one: AgencyCode, other: AgencyCode, day: date) -> bool:
        """Whether two codes, of whatever time, stand for one agency on `day`: one of them followed the other.

        Agencies merged under one new code (sáp nhập) were two before, and neither spoke for the other.
        """
        return any(code.same_agency(other) for code in self._codes_until(one, day)) or any(
            code.same_agency(one) for code in self._codes_until(other, day)
        )
