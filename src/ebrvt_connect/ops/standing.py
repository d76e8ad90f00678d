"""How hard each system is pressed now, and why one waits: for `ebrvt status` and `ebrvt doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ops.calendars import load_calendars
from ebrvt_connect.ops.words import local_time
from ebrvt_connect.resilience.breaker import Position
from ebrvt_connect.resilience.sharing import Common, midnight_after

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.resilience.calendar import Closed
    from ebrvt_connect.store.ledger import Ledger


def standings(loaded: LoadedConfig, ledger: Ledger, now: datetime) -> Iterator[dict[str, Any]]:
    """Of each configured system: its limits, what is used of them, and until when it is left alone.

    Raises `ConfigInvalid` as `load_calendars`.
    """
    shared, today = ledger.shared_limits(), now.astimezone(VIETNAM).date()
    calendars = load_calendars(loaded, now)
    for name, system in loaded.config.systems.items():
        common, closed = shared.get(name, Common()), calendars[name].closed(now)
        breaker = common.breaker
        limits, sent = system.limits, common.bytes_of(today)
        yield {
            "system": name,
            "used": name in shared or closed is not None,
            "in_flight": common.calls(now),
            "in_flight_limit": limits.in_flight,
            "per_second_limit": limits.per_second,
            "bytes_today": sent,
            "bytes_per_day_limit": limits.bytes_per_day,
            "bytes_again_at": midnight_after(now) if limits.bytes_per_day else None,
            "breaker": breaker.position.value,
            "breaker_until": breaker.until,
            "closed_until": closed.until if closed else None,
            "closed_why": closed.why if closed else "",
        }


def closed_text(system: str, closed: Closed) -> str:
    """A system closed by its calendar: until when, and which words of the configuration say so."""
    return _closed_text(system, closed.until, closed.why)


def limits_text(standing: dict[str, Any]) -> str:
    """A line of `ebrvt status`: the limits, what is used of them, and what is waited for."""
    name = standing["system"]
    calls = f"{standing['in_flight']}/{standing['in_flight_limit']} lượt gọi cùng lúc"
    said = [f"Hệ thống {name}: dành {calls}, tối đa {standing['per_second_limit']:g} lượt/giây"]
    if standing["bytes_per_day_limit"]:
        sent, most = (standing[key] / 1e6 for key in ("bytes_today", "bytes_per_day_limit"))
        said[0] += (
            f", hôm nay {sent:.1f}/{most:.1f} MB (tính lại lúc {local_time(standing['bytes_again_at'])})"
        )
    if standing["closed_until"]:
        said.append(_closed_text(name, standing["closed_until"], standing["closed_why"]))
    if standing["breaker"] == Position.OPEN:
        said.append(f"{name} đang gặp sự cố: tạm nghỉ, thử lại từ {local_time(standing['breaker_until'])}")
    elif standing["breaker"] == Position.HALF_OPEN:
        said.append(f"{name} đang được gọi thử một lượt xem đã hoạt động lại chưa")
    return "\n  ".join(said)


def _closed_text(system: str, until: datetime, why: str) -> str:
    return f"{system} đang ngừng giao dịch theo lịch “{why}”, mở lại lúc {local_time(until)}"
