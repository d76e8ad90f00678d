"""Reports (báo cáo) of indicators for a period, and what became of them at the ministry.

A report is computed from what the ledger recorded, frozen, and never changed: a correction is a report of
its own that says which one it replaces. A ratio always travels with its numerator and denominator; a figure
that cannot be had is `missing` with its reason, never 0 or 100.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, model_validator

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.period import ReportingPeriod
from ebrvt_connect.model.text import NfcText, Value


class Missing(StrEnum):
    """Why a figure is not there (lý do thiếu số liệu)."""

    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    SOURCE_OFFLINE = "SOURCE_OFFLINE"
    DENOMINATOR_ZERO = "DENOMINATOR_ZERO"


class Observation(Value):
    """One figure (số liệu chỉ tiêu): exactly one of a value, a text, or why it is missing."""

    indicator_code: str
    breakdowns: tuple[tuple[str, str], ...] = ()
    """Dimension and code, e.g. (`LEVEL`, `PROVINCE`)."""
    value: Decimal | None = None
    text: NfcText | None = None
    missing: Missing | None = None
    unit: str = ""
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    note: NfcText = ""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [one for one in (self.value, self.text, self.missing) if one is not None]
        if len(given) != 1:
            raise ValueError(f"{self.indicator_code}: expected one of value, text, missing; got {len(given)}")
        return self


class Report(Value):
    """A report of indicators (báo cáo số liệu) for one period and one organisation."""

    packet_id: str
    """A UUID fixed when the figures were frozen: the idempotency key at the ministry."""
    replaces_packet_id: str = ""
    """The returned report this one corrects."""
    version: int = 1
    """1 for the first of its period, one more for each correction."""
    regime_code: str
    template_code: str
    template_version: str
    period: ReportingPeriod
    organization: AgencyCode
    """Whose figures these are."""
    sender: AgencyCode
    receiver: AgencyCode
    created_at: AwareDatetime
    """When the figures were frozen."""
    test: bool = False
    """A trial that does not count (the period may still be open)."""
    document_code: NfcText = ""
    """Number and symbol of the signed report on paper it accompanies."""
    signer_name: NfcText = ""
    observations: tuple[Observation, ...]
    snapshot_sha256: str = ""
    """Pins the set of ledger rows the figures were computed from."""


class ReportState(StrEnum):
    """Where a report stands at the ministry (trạng thái báo cáo)."""

    RECEIVED = "RECEIVED"
    INVALID = "INVALID"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    RETURNED = "RETURNED"
    SUPERSEDED = "SUPERSEDED"
    LOCKED = "LOCKED"
    HELD = "HELD"
    """Ours: it has not left; a person must look."""


class ReportStatus(Value):
    """What became of a report (kết quả xử lý báo cáo), told to the desk that made it."""

    packet_id: str
    state: ReportState
    at: AwareDatetime
    code: str = ""
    reason_vi: NfcText = ""
    receipt_id: str = ""
