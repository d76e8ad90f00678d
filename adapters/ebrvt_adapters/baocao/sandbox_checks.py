"""What the simulated ministry checks of a signed report before it takes it: template, period, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_adapters.baocao import wire
from ebrvt_adapters.baocao.sandbox_door import RefusedError, issue, refused
from ebrvt_adapters.baocao.sandbox_ministry import period_of
from ebrvt_connect.model.period import Frequency
from ebrvt_connect.model.report import Missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ebrvt_adapters.baocao.sandbox_ministry import Ministry

_SHOWN_ISSUES = 10
_DECIMAL = "decimal"


def check_report(packet: wire.Packet, ministry: Ministry, now: datetime) -> None:
    """The report fits its regime, template and period; raises `RefusedError`."""
    header, body = packet.header, packet.body
    if header.packet_type != wire.INDICATOR_DATA or header.schema_version != wire.SCHEMA_VERSION:
        detail = issue("PACKET_TYPE", "header/packetType", "chỉ nhận số liệu chỉ tiêu, phiên bản gói tin 1.0")
        raise refused("SCHEMA_INVALID", "a kind of packet that is not taken here", detail)
    regime = ministry.regime(body.regime_code)
    template = ministry.template(body.template_code)
    if regime["template"] != template.template_code:
        detail = issue("TEMPLATE", "body/templateCode", "biểu mẫu không thuộc chế độ báo cáo này")
        raise refused("SCHEMA_INVALID", "a template of another regime", detail)
    if body.template_version != template.version:
        detail = issue(
            "TEMPLATE_VERSION", "body/templateVersion", f"phiên bản hiện hành là {template.version}"
        )
        raise refused("TEMPLATE_VERSION_OLD", "not the current version of the template", detail)
    _check_period(packet, Frequency(regime["frequency"]), ministry, now)
    _check_figures(body, template)
    ministry.check_replacement(packet)


def _check_period(packet: wire.Packet, frequency: Frequency, ministry: Ministry, now: datetime) -> None:
    """A period whose figures still change takes trials only, a closed one the report itself, in time."""
    body = packet.body
    period = period_of(body.period_code)
    wanted = (period.first_day, period.last_day)
    if period.frequency is not frequency or (body.data_from, body.data_to) != wanted:
        detail = issue("PERIOD_DATES", "body/periodCode", "kỳ hoặc khoảng ngày không đúng chế độ báo cáo")
        raise refused("SCHEMA_INVALID", "not a period of this regime, or other days", detail)
    row = ministry.period(body.regime_code, period, now)
    test = bool(packet.header.test)
    path = "body/periodCode"
    if row.open and not test:
        detail = issue("PERIOD_OPEN", path, "kỳ chưa chốt số liệu, chỉ nhận gói tin thử nghiệm")
    elif row.open:
        return
    elif now < period.starts_at:
        detail = issue("PERIOD_NOT_BEGUN", path, "kỳ báo cáo chưa bắt đầu")
    elif test:
        detail = issue("PERIOD_NOT_OPEN", path, "kỳ đã chốt số liệu, không nhận gói tin thử nghiệm")
    elif now >= row.due_at:
        detail = issue("PERIOD_OVER", path, "đã hết hạn gửi báo cáo của kỳ này")
    else:
        return
    raise refused("PERIOD_CLOSED", "the period does not take this report now", detail)


def _check_figures(body: wire.Body, template: wire.TemplateTold) -> None:
    known = {row.indicator_code: row for row in template.indicator}
    strange = tuple(
        issue("INDICATOR", f"body/observation[{place}]/indicatorCode", "chỉ tiêu không có trong biểu mẫu")
        for place, one in enumerate(body.observation, start=1)
        if one.indicator_code not in known
    )
    if strange:
        raise RefusedError(
            "INDICATOR_UNKNOWN", "indicators the template does not have", strange[:_SHOWN_ISSUES]
        )
    wrong = tuple(_wrong_figures(body, known))
    if wrong:
        raise RefusedError("SCHEMA_INVALID", "figures that do not fit the template", wrong[:_SHOWN_ISSUES])


def _wrong_figures(body: wire.Body, known: Mapping[str, wire.IndicatorRow]) -> Iterator[wire.Issue]:
    seen = set[tuple[str, tuple[tuple[str, str], ...]]]()
    for place, one in enumerate(body.observation, start=1):
        row, path = known[one.indicator_code], f"body/observation[{place}]"
        key = (one.indicator_code, tuple(sorted((b.dimension, b.code) for b in one.breakdown)))
        if key in seen:
            yield issue("REPEATED", path, f"{one.indicator_code}: chỉ tiêu bị lặp")
        seen.add(key)
        if one.missing is not None and one.missing not in set(Missing):
            yield issue(
                "MISSING_REASON",
                f"{path}/missing",
                f"{one.indicator_code}: lý do thiếu không có trong danh mục",
            )
        if one.text is not None and row.data_type == _DECIMAL:
            yield issue("NOT_A_NUMBER", f"{path}/text", f"{one.indicator_code}: phải là số")
        if one.unit is not None and one.unit != row.unit:
            yield issue("UNIT", f"{path}/unit", f"{one.indicator_code}: đơn vị tính phải là {row.unit}")
        if any(breakdown.dimension not in row.dimension for breakdown in one.breakdown):
            yield issue(
                "DIMENSION", f"{path}/breakdown", f"{one.indicator_code}: phân tổ không có trong biểu mẫu"
            )
    given = {one.indicator_code for one in body.observation}
    for code, row in known.items():
        if row.required and code not in given:
            yield issue(
                "REQUIRED", "body/observation", f"{code}: chỉ tiêu bắt buộc, nếu thiếu phải nêu lý do"
            )
