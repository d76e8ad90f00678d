"""Makes reports (lập báo cáo): computes a period's figures from the ledger and freezes them.

The figures of a frozen report never change. What was late, or what the ministry sent back, makes a new one
that names the one it replaces; the same period is never reported twice without saying so, in whichever way
the organisation's code is spelled.

What is named is what the ministry has (`report_standing`), looked up when the report is handed over: what was
held or refused at its door is passed over. A held report that has a successor is closed before the successor
is kept, so that nobody can let both go.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from ebrvt_connect.engine import figures, flow
from ebrvt_connect.engine.flow import Event
from ebrvt_connect.errors import Rejected, explain
from ebrvt_connect.model.ids import AgencyCode, AgencyHistory
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.report import Report, ReportState
from ebrvt_connect.ops.report_standing import UNDER_WAY, Standing, standing_of
from ebrvt_connect.ops.words import local_time
from ebrvt_connect.ports.ledger import Act
from ebrvt_connect.store.figures import facts_of
from ebrvt_connect.store.snapshots import Freeze, Snapshots

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.engine.figures import Figures
    from ebrvt_connect.model.message import Message
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

REPORT_REPLACED_UNSENT = explain(
    "REPORT_REPLACED_HERE",
    "Đã lập báo cáo thay thế nên bản này không được gửi nữa.",
    "Không cần thao tác với bản này; xem báo cáo thay thế bằng ebrvt report status.",
)

_UNDECIDED = frozenset({None, ReportState.RECEIVED, ReportState.PENDING_APPROVAL})
_OPEN = frozenset({State.HELD, State.DEAD})
"""A person has to decide."""


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
    history: AgencyHistory = field(default_factory=AgencyHistory)
    """Which codes the organisation has had."""

    @property
    def snapshots(self) -> Snapshots:
        """The reports frozen in this ledger."""
        return Snapshots(self.ledger.database, self.history)

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
        before = self._before(period, now, test=test, replaces=replaces)
        computed = self.compute(period, now)
        if before is not None:  # once more: a person may have let it go meanwhile
            self._refuse_in_flight(before)
            self._close(before, reason, now)
        frozen = self.snapshots.freeze(
            Freeze(
                report=self.report(period, now, test=test, before=before, figures=computed),
                reason=reason,
                replaces=replaces,
                replaces_unsent=before is not None and not before.handed_over,
                hand_over=hand_over,
            ),
            now,
        )
        if frozen is None:  # somebody else was faster: with a report, or by handing over the one before
            self._before(period, now, test=test, replaces=replaces)
            raise self._exists(period, now, test=test)
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
        """The report these figures make; it names the version the ministry has as the one it replaces.

        What corrects a report stands under the very code of that report's organisation, or it would be the
        first report of another one there.
        """
        wanted = self.settings
        named = self.named(before)
        return Report(
            packet_id=str(uuid.uuid4()),
            replaces_packet_id=named.report.packet_id if named else "",
            version=before.report.version + 1 if before else 1,
            regime_code=wanted.regime,
            template_code=wanted.template_code,
            template_version=wanted.template_version,
            period=period,
            organization=named.report.organization if named else wanted.organization,
            sender=wanted.sender or wanted.organization,
            receiver=wanted.receiver,
            created_at=now,
            test=test,
            document_code=wanted.document_code,
            signer_name=wanted.signer_name,
            observations=figures.observations,
            snapshot_sha256=figures.snapshot_sha256,
        )

    def hand_over(self, packet_id: str, now: datetime) -> Snapshot:
        """Have the daemon send a frozen report (again and again comes to the same).

        It names what the ministry has by now. Raises `Rejected`: `REPORT_UNKNOWN`, `REPORT_NOT_NEWEST` where
        another has replaced it, and `REPORT_IN_FLIGHT` while the one before it is under way.
        """
        frozen = self.known(packet_id)
        before = self.snapshots.get(frozen.replaces) if frozen.replaces else None
        if before is not None and not frozen.handed_over:
            self._refuse_in_flight(before)
            self._close(before, frozen.reason_made, now)
        named = self.named(before)
        handed = self.snapshots.hand_over(packet_id, named.report.packet_id if named else "")
        if handed is None:
            raise _not_newest(packet_id, frozen.report.period)
        return handed

    def known(self, packet_id: str) -> Snapshot:
        """One frozen report by its packet id; raises `Rejected` `REPORT_UNKNOWN`."""
        found = self.snapshots.get(packet_id)
        if found is None:
            raise Rejected(REPORT_UNKNOWN, f"no report {packet_id[:60]!r}", packet_id=packet_id[:60])
        return found

    def message(self, packet_id: str) -> Message | None:
        """The message that carries a report; None before the daemon has taken it up."""
        found = [m for m in self.ledger.find(packet_id) if m.kind is Kind.REPORT]
        return found[-1] if found else None

    def standing(self, packet_id: str) -> Standing:
        """What the ministry has of a report."""
        message = self.message(packet_id)
        story = self.ledger.story(message.id) if message else None
        return standing_of(story) if story else Standing.ABSENT

    def named(self, before: Snapshot | None) -> Snapshot | None:
        """The version that a report made after `before` replaces at the ministry; None for none there."""
        while before is not None:
            standing = self.standing(before.report.packet_id)
            if standing is Standing.STANDS:
                return before
            if standing is Standing.DROPPED:
                return None
            before = self.snapshots.get(before.replaces) if before.replaces else None
        return None

    def newest(self, period: ReportingPeriod, now: datetime, *, test: bool) -> Snapshot | None:
        """The last version of this organisation's report of a period; trials are apart."""
        wanted = self.settings
        return self.snapshots.newest(wanted.regime, period, wanted.organization, now, test=test)

    def _before(
        self, period: ReportingPeriod, now: datetime, *, test: bool, replaces: str
    ) -> Snapshot | None:
        newest = self.newest(period, now, test=test)
        if not replaces:
            if newest is not None:
                raise self._exists(period, now, test=test)
            return None
        before = self.known(replaces)
        if newest is None or newest.report.packet_id != replaces:
            raise _not_newest(replaces, period)
        self._refuse_in_flight(before)
        return before

    def _refuse_in_flight(self, before: Snapshot) -> None:
        """Nothing replaces a report of which it is open whether, or how, it will end there."""
        packet_id = before.report.packet_id
        message = self.message(packet_id)
        if message is None:
            under_way = bool(before.handed_over) and before.state in _UNDECIDED
        elif message.state in _OPEN:
            under_way = self.standing(packet_id) is Standing.UNKNOWN
        else:
            under_way = message.state in UNDER_WAY or before.state in _UNDECIDED
        if under_way:
            raise _in_flight(packet_id)

    def _close(self, before: Snapshot, why: str, now: datetime) -> None:
        """A report a person was to look at gives way to the one that replaces it, and cannot be let go."""
        packet_id = before.report.packet_id
        message = self.message(packet_id)
        if message is None or message.state not in _OPEN:
            return
        unsent = message.state is State.HELD and self.standing(packet_id) is Standing.ABSENT
        event = Event.SUPERSEDED if unsent else Event.SKIPPED
        seen = message.attempts

        def decide(now_is: Message) -> Act:
            if now_is.state not in _OPEN or now_is.attempts != seen:
                raise _in_flight(packet_id)
            said = REPORT_REPLACED_UNSENT
            return Act(
                flow.after(now_is.state, event),
                event.value,
                code=said.code,
                reason_vi=said.sentence_vi,
                advice_vi=said.advice_vi,
                fences=True,
            )

        self.ledger.act(message.id, decide, by="ebrvt report", why=why, now=now)

    def _exists(self, period: ReportingPeriod, now: datetime, *, test: bool) -> Rejected:
        newest = self.newest(period, now, test=test)
        packet_id = newest.report.packet_id if newest else "?"
        version = newest.report.version if newest else 1
        detail = f"{period} is reported by {packet_id} (version {version})"
        return Rejected(REPORT_EXISTS, detail, period=str(period), packet_id=packet_id, version=version)


def _in_flight(packet_id: str) -> Rejected:
    return Rejected(REPORT_IN_FLIGHT, f"report {packet_id} is on its way", packet_id=packet_id)


def _not_newest(packet_id: str, period: ReportingPeriod) -> Rejected:
    detail = f"report {packet_id} is not the newest of {period}"
    return Rejected(REPORT_NOT_NEWEST, detail, packet_id=packet_id, period=str(period))


def reason_returned(reason_vi: str, at: datetime) -> str:
    """Why the desk froze a replacing report by itself."""
    return f"Bị trả lại lúc {local_time(at)}: {reason_vi}"
