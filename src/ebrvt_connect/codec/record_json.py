"""The record of a packet as JSON (tệp mô tả): what `ebrvt edxml extract` and `show --json` write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.document import Document, DocumentStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKET_RECORD_INVALID = explain(
    "PACKET_RECORD_INVALID",
    "Tệp mô tả {file} không đúng cấu trúc ({what}).",
    "Dùng tệp metadata.json do ebrvt edxml extract ghi ra, hoặc kết quả của ebrvt edxml show --json.",
)


def is_record(content: bytes) -> bool:
    """Whether this is to be read as JSON rather than as edXML."""
    return content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def record_fields(content: bytes, *, file: str) -> dict[str, Any]:
    """The fields of a record; raises `InvalidValue` `PACKET_RECORD_INVALID` or `JSON_…`."""
    value: Any = json_value(content)
    record = value.get("record", value) if isinstance(value, dict) else None
    if not isinstance(record, dict):
        raise _invalid(file, "not a JSON object")
    return record


def record_of_fields(fields: Mapping[str, Any], *, file: str) -> Document | DocumentStatus:
    """The record, what was once noticed about it left out; raises `InvalidValue` `PACKET_RECORD_INVALID`."""
    heard = json.dumps({**fields, "unknown": [], "warnings": []})
    try:
        if "reporter" in fields:
            return DocumentStatus.model_validate_json(heard)
        return Document.model_validate_json(heard)
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _invalid(file, f"{where}: {first['msg']}") from failure


def _invalid(file: str, what: str) -> InvalidValue:
    return InvalidValue(PACKET_RECORD_INVALID, f"{file}: {what}", file=file, what=what)
