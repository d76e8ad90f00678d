"""Incidents as commands show them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ebrvt_connect.ops.redaction import redacted_text
from ebrvt_connect.ops.words import local_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.ports.alerts import Incident

WHAT_VI = {"opened": "báo sự cố", "reminder": "nhắc lại", "closed": "báo đã hết"}


def incident_data(incident: Incident) -> dict[str, Any]:
    """As `--json` has it."""
    return asdict(incident) | {"reason_vi": redacted_text(incident.reason_vi)}


def incident_line(incident: Incident) -> str:
    """Which one, how long, how many, and what to do."""
    about = " ".join(part for part in (incident.system, incident.place) if part) or "ebrvt"
    many = f", số lượng {incident.count}" if incident.count > 1 else ""
    return (
        f"  số {incident.id}  {about}  [{incident.code}]  {_since(incident)}{many}\n"
        f"    {redacted_text(incident.reason_vi)}\n    → {incident.advice_vi}"
    )


def incident_story(incident: Incident, told: list[dict[str, Any]]) -> Iterator[str]:
    """One incident from its beginning, and who was told of it."""
    yield f"Sự cố số {incident.id} [{incident.code}]"
    yield f"  {redacted_text(incident.reason_vi)}"
    if incident.system:
        yield f"  Hệ thống: {incident.system}"
    if incident.place:
        yield f"  Máy: {incident.place}"
    yield f"  Bắt đầu: {local_time(incident.opened_at)}; thấy lần cuối: {local_time(incident.last_at)}"
    yield f"  Số lượng nhiều nhất: {incident.count}; số lần tái diễn: {incident.returns}"
    if incident.closed_at is not None:
        by = f", {incident.closed_by} đóng: {incident.closed_why}" if incident.closed_by else ""
        yield f"  Kết thúc: {local_time(incident.closed_at)}{by}"
    elif incident.gone_at is not None:
        yield f"  Đã yên từ {local_time(incident.gone_at)}, sắp được coi là kết thúc"
    else:
        yield f"  Cách xử lý: {incident.advice_vi}"
    for alert in told:
        sent = f"đã gửi {local_time(alert['sent_at'])}" if alert["sent_at"] else _unsent(alert)
        yield f"  {WHAT_VI[alert['what']]} qua {alert['sink']}: {sent}"


def _since(incident: Incident) -> str:
    if incident.closed_at is not None:
        return f"{local_time(incident.opened_at)} – {local_time(incident.closed_at)}"
    calm = f", đã yên từ {local_time(incident.gone_at)}" if incident.gone_at else ""
    return f"từ {local_time(incident.opened_at)}{calm}"


def _unsent(alert: dict[str, Any]) -> str:
    return f"chưa gửi được sau {alert['attempts']} lần [{alert['code']}]" if alert["attempts"] else "chờ gửi"
