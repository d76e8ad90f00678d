"""Why an XML file, or the part of it that was asked for, cannot be signed: one reason, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.codec.xml import parse_tree
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.trust.xml_words import NC_NAME

SIGN_XML_UNSUITABLE = explain(
    "SIGN_XML_UNSUITABLE",
    "Không ký được tệp XML {file}: {reason}.",
    "{remedy}, hoặc ký thành tệp riêng bằng --detached.",
)
if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_FIX_FILE_VI = "Sửa tệp XML rồi ký lại"
_FIX_PART_VI = "Sửa --part"


def unsuitable(content: bytes, name: str, part: str, failure: ValueError) -> InvalidValue:
    """The refusal of a file that signing has found unsuitable; only the failure's class is told of it."""
    reason, remedy = _why(content, part)
    detail = f"cannot be signed as XML: {type(failure).__name__}"
    return InvalidValue(SIGN_XML_UNSUITABLE, detail, file=name, reason=reason, remedy=remedy)


def _why(content: bytes, part: str) -> tuple[str, str]:
    """What is wrong, and what to change."""
    try:
        root = parse_tree(content, keep_remarks=True)
    except InvalidValue as failure:
        sentence = failure.sentence_vi.rstrip(".")
        return sentence[:1].lower() + sentence[1:], _FIX_FILE_VI
    wanted = part or root.get("Id") or ""
    if part and root.get("Id") == part:
        return f"phần tử có Id “{part}” là cả tệp, không phải một phần", "Bỏ --part"
    count = _count(root, wanted) if wanted else 0
    if part and not count:
        return f"không có phần tử nào có Id “{part}”", _FIX_PART_VI
    if count > 1:
        return f"có {count} phần tử cùng Id “{wanted}”", _FIX_FILE_VI
    if wanted and not NC_NAME.match(wanted):
        return f"Id “{wanted}” không phải là tên XML (bắt đầu bằng chữ, không có khoảng trắng)", _FIX_FILE_VI
    if root.xpath("//comment() | //processing-instruction()"):
        return "trong tệp có chú thích hoặc chỉ thị xử lý", "Bỏ chúng khỏi tệp rồi ký lại"
    if part:
        return f"ngay sau phần tử có Id “{part}” còn có chữ không thuộc phần tử nào", _FIX_FILE_VI
    return "tệp có cấu trúc không ký được trong tệp", _FIX_FILE_VI


def _count(root: Element, wanted: str) -> int:
    """Elements with this Id, as signing counts them: ID, id and xml:id are Ids as well."""
    return sum(
        value == wanted and str(name).rpartition("}")[2].lower() == "id"
        for element in root.iter()
        for name, value in element.attrib.items()
    )


__all__ = ["SIGN_XML_UNSUITABLE", "unsuitable"]
