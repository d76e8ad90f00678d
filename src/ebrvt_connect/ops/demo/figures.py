"""The reports of a demonstration as rows of a table: every version, its figures, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.record import record_of
from ebrvt_connect.model.report import Report
from ebrvt_connect.ops.report_words import INDICATORS_VI, number_vi, value_vi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.report import Observation

_STATES_VI = {
    State.DONE: ("được duyệt", "good"),
    State.REFUSED: ("bị trả lại", "warn"),
    State.AWAITING: ("chờ phê duyệt", "warn"),
    State.HELD: ("bị giữ lại", "bad"),
}


def report_rows(ledger: Sequence[Message]) -> list[dict[str, Any]]:
    """Every report of the ledger, in order."""
    return [_row(message) for message in ledger if message.kind is Kind.REPORT]


def _row(message: Message) -> dict[str, Any]:
    record = record_of(message.kind, message.record)
    assert isinstance(record, Report)  # noqa: S101 - what a report's message holds
    state_vi, colour = _STATES_VI.get(message.state, ("đang gửi", "warn"))
    return {
        "version": record.version,
        "period": f"{record.period}{' (thử nghiệm)' if record.test else ''}",
        "state_vi": state_vi,
        "colour": colour,
        "reason_vi": message.reason_vi if message.state is not State.DONE else "",
        "figures": [_figure(one) for one in record.observations],
    }


def _figure(one: Observation) -> dict[str, str]:
    return {
        "code": one.indicator_code,
        "name_vi": INDICATORS_VI.get(one.indicator_code, ""),
        "numerator": number_vi(one.numerator),
        "denominator": number_vi(one.denominator),
        "value": value_vi(one),
    }
