"""The audit of the report: filed once a version, returned once, approved, with the figures of the plan."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.record import record_of
from ebrvt_connect.model.report import Report
from ebrvt_connect.ops.demo.audit import Check, events, once, unchanged
from ebrvt_connect.ops.demo.plan import Flaw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ops.demo.audit_dossiers import OtherJournals
    from ebrvt_connect.ops.demo.story import Plans

Figure = tuple[str, Decimal | None, Decimal | None]
"""Indicator, numerator and denominator."""


def audit_reports(plans: Plans, journals: OtherJournals, ledger: Sequence[Message]) -> list[Check]:
    """All checks, in the order a reader wants them."""
    reports = [m for m in ledger if m.kind is Kind.REPORT]
    filed = Counter(entry["packetId"] for entry in events(journals.ministry, "report-received"))
    returned = sum(1 for _ in events(journals.ministry, "report-returned"))
    approved = [entry["packetId"] for entry in events(journals.ministry, "report-approved")]
    sent = {m.external_id: m.payload.blob.sha256 for m in reports if m.payload}
    same = [sent.get(e["packetId"]) == e["sha256"] for e in events(journals.ministry, "report-received")]
    return [
        once("Mỗi bản báo cáo có mặt ở Bộ đúng một lần", [m.external_id for m in reports], filed),
        _exactly("Báo cáo bị Bộ trả lại một lần", 1, returned),
        _exactly("Báo cáo được Bộ phê duyệt", 1, len(approved)),
        unchanged("Gói báo cáo ở Bộ khớp từng byte với bản đã ký", same),
        once("Số liệu báo cáo được duyệt khớp kế hoạch", planned_figures(plans), _figures(reports)),
    ]


def planned_figures(plans: Plans) -> list[Figure]:
    """What the last report must say, counted from the plan alone."""
    resolved = plans.dossiers.counted
    issued = [d for d in plans.documents.outgoing if d.flaw is not Flaw.SECRET]
    sent = len(plans.documents.leaving)
    return [
        ("NQ17.02", _number(sum(d.online for d in resolved)), _number(len(resolved))),
        ("NQ17.05", _number(sum(not d.late for d in resolved)), _number(len(resolved))),
        ("NQ17.16", _number(sent), _number(len(issued))),
        ("NQ17.17", _number(sent), _number(sent)),
    ]


def _figures(reports: Sequence[Message]) -> Counter[Figure]:
    approved = [record_of(m.kind, m.record) for m in reports if m.state is State.DONE]
    return Counter(
        (one.indicator_code, one.numerator, one.denominator)
        for record in approved
        if isinstance(record, Report)
        for one in record.observations
    )


def _exactly(name_vi: str, wanted: int, found: int) -> Check:
    return Check(name_vi, wanted, found, lost=max(wanted - found, 0), doubled=max(found - wanted, 0))


def _number(count: int) -> Decimal:
    return Decimal(count)
