"""What people are told of an incident, in Vietnamese."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ports.alerts import Alert, Cause, Incident, What

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_HEADINGS = {
    What.OPENED: "Sự cố",
    What.REMINDER: "Sự cố vẫn tiếp diễn",
    What.CLOSED: "Sự cố đã hết",
}


def said(trouble: Cause | Incident) -> str:
    """One line for a log."""
    where = " ".join(part for part in (trouble.system, trouble.place) if part)
    return f"{trouble.code}{f' ({where})' if where else ''} x{trouble.count}: {trouble.reason_vi}"


def alert_of(incident: Incident, what: What, *, nth: int = 0) -> Alert:
    """A message about an incident; `nth` counts reminders."""
    number = f" số {incident.id}" if incident.id else ""
    about = incident.system or incident.place or "ebrvt"
    since = f"{incident.opened_at:%Y%m%dT%H%M%SZ}"
    return Alert(
        id=f"{incident.id or 'direct'}-{incident.code}-{since}-{what}{f'-{nth}' if nth else ''}",
        what=what,
        incident=incident,
        subject_vi=f"[ebrvt] {_HEADINGS[what]}{number}: {about} {incident.code}",
        text_vi="\n".join(_lines(incident, what)),
    )


def _lines(incident: Incident, what: What) -> Iterator[str]:
    yield f"{_HEADINGS[what]}: {incident.reason_vi} [{incident.code}]"
    if incident.system:
        yield f"Hệ thống: {incident.system}"
    if incident.place:
        yield f"Máy: {incident.place}"
    yield f"Bắt đầu: {_local(incident.opened_at)}"
    if incident.count > 1:
        yield f"Số lượng: {incident.count}"
    if incident.returns:
        yield f"Số lần tái diễn: {incident.returns}"
    if incident.closed_at is not None:
        yield f"Kết thúc: {_local(incident.closed_at)}"
        if incident.closed_by:
            yield f"Người đóng: {incident.closed_by} ({incident.closed_why})"
    else:
        yield f"Cách xử lý: {incident.advice_vi}"
        if incident.id:
            yield f"Xem: ebrvt incidents show {incident.id}"


def _local(moment: datetime) -> str:
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")
