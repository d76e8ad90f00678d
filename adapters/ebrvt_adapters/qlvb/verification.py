"""The verification report as the document system shows it beside an incoming document. Pure.

A verdict is passed on, never made: where no gate has judged, the field says so (`NOT_VERIFIED`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.model.document import Document

NOT_VERIFIED = "NOT_VERIFIED"
"""Nobody has judged: our own word beside the three of EN 319 102-1."""
_FROM_BEST = ("TOTAL_PASSED", NOT_VERIFIED, "INDETERMINATE", "TOTAL_FAILED")
_HEADLINES_VI = {
    "TOTAL_PASSED": "HỢP LỆ",
    NOT_VERIFIED: "CHƯA KIỂM TRA CHỮ KÝ SỐ",
    "INDETERMINATE": "CHƯA ĐỦ CƠ SỞ KẾT LUẬN",
    "TOTAL_FAILED": "KHÔNG HỢP LỆ",
}


def verification_of(document: Document, verdict: str) -> dict[str, Any]:
    """`verification{indication, headlineVi, perFile[...]}` from a report in the shape of `verify --json`.

    A file the report does not name, by its SHA-256, was not verified; a document is as good as its worst
    file. An empty or unreadable report verifies nothing.
    """
    reports = {report.get("sha256"): report for report in _reports(verdict)}
    files = [_per_file(attachment.seq, reports.get(attachment.sha256)) for attachment in document.attachments]
    worst = max((file["indication"] for file in files), key=_FROM_BEST.index, default=NOT_VERIFIED)
    return {"indication": worst, "headlineVi": _HEADLINES_VI[worst], "perFile": files}


def _reports(verdict: str) -> list[dict[str, Any]]:
    if not verdict:
        return []
    try:
        report = json_value(verdict.encode("utf-8", "replace"))
    except InvalidValue:
        return []
    documents = report.get("documents") if isinstance(report, dict) else None
    return _objects(documents)


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _per_file(seq: int, report: dict[str, Any] | None) -> dict[str, Any]:
    indication = report.get("indication") if report else None
    known = indication if isinstance(indication, str) and indication in _FROM_BEST else NOT_VERIFIED
    return {"seq": seq, "indication": known, "findings": list(_findings(report or {}))}


def _findings(report: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What was noticed about the file and about each of its signatures, each thing once."""
    held_by = [report, *_objects(report.get("signatures"))]
    told: dict[tuple[str, str], dict[str, str]] = {}
    for finding in (one for holder in held_by for one in _objects(holder.get("findings"))):
        code, message = str(finding.get("code", "")), str(finding.get("message_vi", ""))
        severity = str(finding.get("severity", ""))
        told.setdefault((code, message), {"code": code, "severity": severity, "messageVi": message})
    yield from told.values()
