"""Their values to ours and back. Nothing is made up: what is missing or unknown is refused by name. Pure."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from pydantic import ValidationError

from ebrvt_connect.codec.jsonfields import written_moment
from ebrvt_connect.codec.jsonwire import JsonValue, json_value
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.document import Agency, DocumentReference, DocumentStatus

from . import wire

FIELDS_WRONG = explain(
    "KHUONMAU_FIELDS_WRONG",
    "Trạng thái lấy về thiếu hoặc sai trường: {fields}.",
    "Sửa các trường này ở hệ thống nguồn rồi cập nhật lại trạng thái.",
)
STATUS_UNKNOWN = explain(
    "KHUONMAU_STATUS_UNKNOWN",
    "Chưa khai báo trạng thái “{status}” trong bảng chuyển đổi.",
    "Bổ sung trạng thái này vào mapping.toml, sau đó cho thông điệp đi tiếp.",
)
VALUE_MISSING = explain(
    "KHUONMAU_VALUE_MISSING",
    "Trạng thái thiếu “{field}” nên chưa gửi được.",
    "Bổ sung thông tin này ở hệ thống nguồn hoặc thông báo cho bên nhận bằng cách khác.",
)

_FIELDS_VI = {
    "status": "trạng thái",
    "documentId": "mã định danh văn bản",
    "number": "số, ký hiệu",
    "issuer": "mã cơ quan ban hành",
    "agency": "cơ quan cập nhật trạng thái",
    "note": "ghi chú",
    "at": "thời điểm",
}
_TABLE = tomllib.loads(files(__package__).joinpath("mapping.toml").read_text("utf-8"))
_CODES: dict[str, str] = _TABLE["status"]
_WORDS = {code: word for word, code in _CODES.items()}


def field_vi(path: list[str]) -> str:
    """What a clerk calls a field; its own name where we have no word for it."""
    return _FIELDS_VI.get(path[0], path[0]) if path else ""


def row_of(row: bytes) -> wire.StatusRow:
    """A row of the feed; raises `InvalidValue` that names the fields which are missing or wrong."""
    try:
        return wire.StatusRow.model_validate(json_value(row))
    except ValidationError as failure:
        found = [[str(part) for part in error["loc"]] for error in failure.errors()]
        names = ", ".join(dict.fromkeys(field_vi(path) for path in found))
        detail = f"wrong or missing: {sorted({'.'.join(path) for path in found})}"
        raise InvalidValue(FIELDS_WRONG, detail, fields=names or "?") from failure


def status_of(row: wire.StatusRow) -> DocumentStatus:
    """A row as a status of ours; raises `InvalidValue` for a word that is not in the table."""
    code = _CODES.get(row.status)
    if code is None:
        shown = row.status[:40]
        raise InvalidValue(STATUS_UNKNOWN, f"status {shown!r}", status=shown)
    about = DocumentReference(
        agency_code=row.issuer,
        number=row.number,
        document_id=row.document_id,
    )
    return DocumentStatus(
        code=code,
        reporter=Agency(code=row.agency.code, name=row.agency.name),
        about=about,
        note=row.note,
        happened_at=row.at,
    )


def told_of(status: DocumentStatus) -> JsonValue:
    """A status as they take it; raises `InvalidValue` for what they need and it has not."""
    word = _WORDS.get(status.code)
    if word is None:
        shown = status.code[:40]
        raise InvalidValue(STATUS_UNKNOWN, f"code {shown!r}", status=shown)
    if status.about is None or not status.about.document_id:
        raise _missing("documentId")
    if status.happened_at is None:
        raise _missing("at")
    return {
        "status": word,
        "documentId": status.about.document_id,
        "number": status.about.number,
        "issuer": str(status.about.agency_code),
        "agency": {"code": str(status.reporter.code), "name": status.reporter.name},
        "note": status.note,
        "at": written_moment(status.happened_at),
    }


def _missing(field: str) -> InvalidValue:
    return InvalidValue(VALUE_MISSING, f"no {field}", field=field_vi([field]))
