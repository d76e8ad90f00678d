"""Makes reports (lập báo cáo): computes a period's figures from the ledger and freezes them.

A frozen report never changes. What was late, or what the ministry sent back, makes a new one that names the
one it replaces; the same period is never reported twice without saying so.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from ebrvt_connect.engine import figures
from ebrvt_connect.errors import Rejected, explain
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind
from ebrvt_connect.model.report import Report, ReportState
from ebrvt_connect.ops.words import local_time
from ebrvt_connect.store.figures import facts_of
from ebrvt_connect.store.snapshots import Freeze, Snapshots

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.engine.figures import Figures
    from ebrvt_connect.model.period import ReportingPeriod
    from ebrvt_connect.store.ledger import Ledger
    from ebrvt_connect.store.snapshots import Snapshot

PERIOD_OPEN = explain(
    "REPORT_PERIOD_OPEN",
    "Kỳ {period} chưa kết thúc (số liệu chốt đến hết ngày {last_day}).",
    "Chờ hết kỳ rồi lập báo cáo; muốn gửi thử thì thêm --test.",
)
REPORT_EXISTS = explain(
    "REPORT_EXISTS",
    "Kỳ {period} đã có báo cáo {packet_id} (lần {version}).",
    "Xem bằng ebrvt report show; nếu cần đính chính, lập lại với --replaces {packet_id}.",
)
REPORT_NOT_NEWEST = explain(
    "REPORT_NOT_NEWEST",
    "Báo cáo {packet_id} không phải là bản mới nhất của kỳ {period} nên không thay thế được.",
    "Xem ebrvt report status rồi thay thế bản mới nhất của đúng kỳ (báo cáo thử tính riêng).",
)
REPORT_IN_FLIGHT = explain(
    "REPORT_IN_FLIGHT",
    "Báo cáo {packet_id} đã chuyển đi và chưa có kết quả nên chưa thể thay thế.",
    "Chờ cơ quan nhận trả lời (ebrvt report status); nếu báo cáo bị giữ thì xử lý bằng ebrvt held.",
)
REPORT_UNKNOWN = explain(
    "REPORT_UNKNOWN",
    "Không có báo cáo {packet_id} trong sổ cái.",
    "Xem danh sách bằng ebrvt report status rồi ghi đúng mã báo cáo.",
)

_UNDECIDED = frozenset({None, ReportState.RECEIVED, ReportState.PENDING_APPROVAL})


class DeskSettings(BaseModel):
    """What is reported, for whom and to whom: `settings` of the system with `adapter = "ledger"`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    regime: Literal["NQ17"] = "NQ17"
    """The regime of reports (chế độ báo cáo): the quarterly indicators of Nghị quyết 17/NQ-CP."""
    template_code: str = "NQ17-Q"
    """The template's code at the ministry (mã biểu mẫu)."""
    template_version: str = "1.0"
    organization: AgencyCode
    """Whose figures these are (đơn vị báo cáo)."""
    sender: AgencyCode | None = None
    """Who sends them; the organization itself where none is named."""
    receiver: AgencyCode
    """The agency that receives the report (cơ quan nhận báo cáo)."""
    document_code: str = ""
    """Number and symbol of the signed report on paper, where there is one."""
    signer_name: str = ""
    dossier_links: tuple[str, ...] = ()
    """Links that carry dossiers to the portal; without any, figures on dossiers are missing."""
    document_links: tuple[str, ...] = ()
    """Links that carry outgoing documents to the axis; without any, figures on documents are missing."""
    recompute_on_return: bool = True
    """Answer a returned report with newly computed figures, if they have changed."""
    recompute_at_most: int = Field(default=3, ge=1, le=20)
    """How many versions of a report the desk makes by itself; then a person must look."""


@dataclass(frozen=True, slots=True)
class ReportMaking:
    """Computes and freezes the reports of one desk."""

    settings: DeskSettings
    ledger: Ledger

    @property
    def snapshots(self) -> Snapshots:
        """The reports frozen in this ledger."""
        return Snapshots(self.ledger.database)

    def compute(self, period: ReportingPeriod, now: datetime) -> Figures:
        """The figures of a period as the ledger has them now."""
        wanted = self.settings
        with facts_of(
            self.ledger.database,
            period,
            dossier_links=wanted.dossier_links,
            document_links=wanted.document_links,
        ) as facts:
            return figures.compute(facts, period, now)

    def freeze(
        self,
        period: ReportingPeriod,
        now: datetime,
        *,
        reason: str,
        test: bool = False,
        replaces: str = "",
        hand_over: bool = False,
    ) -> Snapshot:
        """Compute a period and keep it for good; `replaces` is the packet id of the version before.

        Raises `Rejected`: `REPORT_PERIOD_OPEN` (unless a trial), `REPORT_EXISTS`, `REPORT_NOT_NEWEST`,
        `REPORT_IN_FLIGHT`, `REPORT_UNKNOWN`.
        """
        if not test and now < period.ends_at:
            last_day = period.last_day.strftime("%d/%m/%Y")
            raise Rejected(
                PERIOD_OPEN, f"{period} ends at {period.ends_at}", period=str(period), last_day=last_day
            )
        before = self._before(period, test=test, replaces=replaces)
        report = self.report(period, now, test=test, before=before, figures=self.compute(period, now))
        frozen = self.snapshots.freeze(
            Freeze(report=report, reason=reason, replaces=replaces, hand_over=hand_over), now
        )
        if frozen is None:  # somebody else was faster
            raise self._exists(period, test=test)
        return frozen

    def report(
        self,
        period: ReportingPeriod,
        now: datetime,
        *,
        test: bool,
        before: Snapshot | None,
        figures: Figures,
    ) -> Report:
        """The report these figures make; it names the last version that has left as the one it replaces."""
        wanted = self.settings
        return Report(
            packet_id=str(uuid.uuid4()),
            replaces_packet_id=self._last_that_left(before),
            version=before.report.version + 1 if before else 1,
            regime_code=wanted.regime,
            template_code=wanted.template_code,
            template_version=wanted.template_version,
            period=period,
            organization=wanted.organization,
            sender=wanted.sender or wanted.organization,
            receiver=wanted.receiver,
            created_at=now,
            test=test,
            document_code=wanted.document_code,
            signer_name=wanted.signer_name,
            observations=figures.observations,
            snapshot_sha256=figures.snapshot_sha256,
        )

    def hand_over(self, packet_id: str) -> Snapshot:
        """Have the daemon send a frozen report (again and again comes to the same).

        Raises `Rejected`: `REPORT_UNKNOWN`, and `REPORT_NOT_NEWEST` where another has replaced it.
        """
        if self.snapshots.replaced_by(packet_id) is not None:
            period = self.known(packet_id).report.period
            raise _not_newest(packet_id, period)
        handed = self.snapshots.hand_over(packet_id)
        return handed or self.known(packet_id)

    def known(self, packet_id: str) -> Snapshot:
        """One frozen report by its packet id; raises `Rejected` `REPORT_UNKNOWN`."""
        found = self.snapshots.get(packet_id)
        if found is None:
            raise Rejected(REPORT_UNKNOWN, f"no report {packet_id[:60]!r}", packet_id=packet_id[:60])
        return found

    def has_left(self, packet_id: str) -> bool:
        """Whether it was ever sent."""
        return any(m.attempts > 0 for m in self.ledger.find(packet_id) if m.kind is Kind.REPORT)

    def _before(self, period: ReportingPeriod, *, test: bool, replaces: str) -> Snapshot | None:
        newest = self._newest(period, test=test)
        if not replaces:
            if newest is not None:
                raise self._exists(period, test=test)
            return None
        before = self.known(replaces)
        if newest is None or newest.report.packet_id != replaces:
            raise _not_newest(replaces, period)
        if before.handed_over and before.state in _UNDECIDED:
            raise Rejected(REPORT_IN_FLIGHT, f"report {replaces} is on its way", packet_id=replaces)
        return before

    def _newest(self, period: ReportingPeriod, *, test: bool) -> Snapshot | None:
        wanted = self.settings
        return self.snapshots.newest(wanted.regime, period, str(wanted.organization), test=test)

    def _exists(self, period: ReportingPeriod, *, test: bool) -> Rejected:
        newest = self._newest(period, test=test)
        packet_id = newest.report.packet_id if newest else "?"
        version = newest.report.version if newest else 1
        detail = f"{period} is reported by {packet_id} (version {version})"
        return Rejected(REPORT_EXISTS, detail, period=str(period), packet_id=packet_id, version=version)

    def _last_that_left(self, before: Snapshot | None) -> str:
        """The ministry cannot replace what it never got or never took for one: that is passed over."""
        while before is not None:
            if before.state is not ReportState.INVALID and self.has_left(before.report.packet_id):
                return before.report.packet_id
            before = self.snapshots.get(before.replaces) if before.replaces else None
        return ""


def _not_newest(packet_id: str, period: ReportingPeriod) -> Rejected:
    detail = f"report {packet_id} is not the newest of {period}"
    return Rejected(REPORT_NOT_NEWEST, detail, packet_id=packet_id, period=str(period))


def reason_returned(reason_vi: str, at: datetime) -> str:
    """Why the desk froze a replacing report by itself."""
    return f"Bị trả lại lúc {local_time(at)}: {reason_vi}"
