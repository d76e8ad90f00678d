"""The report desk (bàn báo cáo): it gives out frozen reports and hears what came of them.

It is built in: `adapter = "ledger"`, no remote behind it.

As a source it yields the reports handed to the daemon, in that order; as a sink it takes the status told
back and writes it to the frozen report. A returned report is answered by a new one, computed anew, that
replaces it: once for each return, and not for ever. Where the figures are the very same and nothing else was
counted, sending them again would be answered the same way: a person must look.

What it writes may be written again after a crash: a status already heard changes nothing any more. Which of
two statuses is the newer one the ledger knows by their order, not the clocks, which may be set back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from ebrvt_connect.errors import HeldForPerson, explain
from ebrvt_connect.model.message import Kind, Payload, Receipt, State
from ebrvt_connect.model.report import Report, ReportState, ReportStatus
from ebrvt_connect.ops.report_making import (
    REPORT_UNKNOWN,
    DeskSettings,
    ReportMaking,
    reason_returned,
)
from ebrvt_connect.ports.adapter import (
    Answer,
    Batch,
    Feedback,
    Item,
    NotThere,
    Outcome,
    Sink,
    Source,
    Surroundings,
    Work,
)
from ebrvt_connect.ports.decisions import REPORT_LOCKED, REPORT_RETURNED
from ebrvt_connect.store.snapshots import Freeze, Told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.store.ledger import Ledger
    from ebrvt_connect.store.snapshots import Snapshot

REPORT_UNCHANGED = explain(
    "REPORT_UNCHANGED",
    "Báo cáo kỳ {period} bị trả lại nhưng số liệu tính lại không có gì thay đổi, "
    "nên chương trình không tự gửi lại. Lý do trả lại: {reason}",
    "Kiểm tra lý do trả lại với cơ quan nhận; bổ sung dữ liệu còn thiếu rồi lập lại bằng "
    "ebrvt report build --replaces {packet_id}.",
)
RETURNED_TOO_OFTEN = explain(
    "REPORT_RETURNED_TOO_OFTEN",
    "Báo cáo kỳ {period} đã bị trả lại {version} lần, nên chương trình không tự lập lại nữa. "
    "Lý do trả lại: {reason}",
    "Liên hệ cơ quan nhận để thống nhất số liệu, rồi lập lại bằng ebrvt report build --replaces {packet_id}.",
)
STATUS_ONLY = explain(
    "REPORT_DESK_TAKES_STATUSES",
    "Bàn báo cáo {system} chỉ nhận kết quả xử lý báo cáo.",
    "Sửa hệ thống đích của liên kết trong cấu hình.",
)

_OURS = frozenset({REPORT_UNCHANGED.code, RETURNED_TOO_OFTEN.code})
_AT_ONCE = 20
_STATUS_LIMIT_BYTES = 64 * 1024


class ReportDesk(Source, Sink):
    """The desk of one reporting organisation."""

    system_kind: ClassVar[str] = "ledger"
    settings_type: ClassVar[type[BaseModel]] = DeskSettings

    def __init__(self, making: ReportMaking, surroundings: Surroundings) -> None:
        """`making` computes and freezes; the ledger is its own."""
        self._making = making
        self._snapshots = making.snapshots
        self._system = surroundings.system
        self._clock = surroundings.clock
        self._blobs = surroundings.blobs

    @classmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings, ledger: Ledger | None = None) -> Self:
        """At the ledger the reports are computed from; raises `TypeError` without one."""
        if not isinstance(settings, DeskSettings):
            raise TypeError(f"expected DeskSettings, got {type(settings).__name__}")
        if ledger is None:
            raise TypeError("the report desk needs the ledger")
        return cls(ReportMaking(settings, ledger), surroundings)

    def ping(self) -> str:
        """Look at the newest report."""
        latest = self._snapshots.latest()
        return f"newest report {latest.report.period}" if latest else "no report yet"

    def close(self) -> None:
        """Nothing to give back: the ledger is closed by whoever opened it."""

    # --- source -------------------------------------------------------------------------------------------

    def _fetch(self, kind: Kind, checkpoint: str | None) -> Iterator[Batch]:
        """The checkpoint is the place of the last report given out among those handed over."""
        if kind is not Kind.REPORT:
            return
        done = int(checkpoint or 0)
        while found := self._snapshots.handed_over_after(done, limit=_AT_ONCE):
            done = found[-1].handed_over
            yield Batch(tuple(map(_item, found)), str(done))

    def _acknowledge(self, kind: Kind, batch: Batch) -> None:
        """They are ours already."""

    def feedback(self, message: Message, record: Record | None, outcome: Outcome) -> tuple[Feedback, ...]:
        """Approved, returned, invalid or held, with the reason."""
        if not isinstance(record, Report):
            return ()
        status = ReportStatus(
            packet_id=record.packet_id,
            state=_state_of(outcome),
            at=self._clock.now(),
            code=outcome.code,
            reason_vi=outcome.reason_vi,
            receipt_id=message.receipt.external_id if message.receipt else "",
        )
        return (Feedback(status.state.value, status),)

    # --- sink ---------------------------------------------------------------------------------------------

    def _prepare(self, work: Work) -> Payload:
        status = self._status(work)
        blob = self._blobs.put((status.model_dump_json().encode(),), limit_bytes=_STATUS_LIMIT_BYTES)
        return Payload(blob=blob, media_type="application/json", facts=(("packet_id", status.packet_id),))

    def _submit(self, work: Work, payload: Payload) -> Receipt:
        """Write it down; a returned report is answered in the same transaction."""
        del payload
        status = self._status(work)
        snapshot = self._snapshots.get(status.packet_id)
        if snapshot is None:
            raise HeldForPerson(
                REPORT_UNKNOWN,
                f"status of unknown report {status.packet_id}",
                system=self._system,
                operation="submit",
                packet_id=status.packet_id,
            )
        if _heard(snapshot, status) or self._old_news(work):
            return Receipt(external_id=status.packet_id)
        told, replacing = self._conclusion(snapshot, status)
        replacement = self._snapshots.tell(status.packet_id, told, replacing, self._clock.now())
        note = f"thay bằng {replacement.report.packet_id}" if replacement else ""
        return Receipt(external_id=status.packet_id, note=note)

    def _ask_after(self, work: Work, payload: Payload) -> Answer:
        """Writing it down again is safe."""
        del work, payload
        return NotThere()

    def _status(self, work: Work) -> ReportStatus:
        if not isinstance(work.record, ReportStatus):
            detail = f"the desk takes report statuses, got {type(work.record).__name__}"
            raise HeldForPerson(STATUS_ONLY, detail, system=self._system, operation="prepare")
        return work.record

    def _old_news(self, work: Work) -> bool:
        """Whether a later status of the same report was written down already."""
        told = self._making.ledger.messages(
            kinds=[Kind.REPORT_STATUS], states=[State.DONE], lane=work.message.lane, after_id=work.message.id
        )
        return any(later.origin_id == work.message.origin_id for later in told)

    def _conclusion(self, snapshot: Snapshot, status: ReportStatus) -> tuple[Told, Freeze | None]:
        """What to write down, and what replaces a returned report."""
        told = Told(
            state=status.state,
            at=status.at,
            code=status.code,
            reason_vi=status.reason_vi,
            receipt_id=status.receipt_id or snapshot.receipt_id,
        )
        settings, report = self._making.settings, snapshot.report
        if status.state is not ReportState.RETURNED or not settings.recompute_on_return:
            return told, None
        if self._snapshots.replaced_by(report.packet_id) is not None:
            return told, None
        if report.version > settings.recompute_at_most:
            return self._for_a_person(told, RETURNED_TOO_OFTEN, report), None
        now = self._clock.now()
        figures = self._making.compute(report.period, now)
        if figures.same_as(report.observations, report.snapshot_sha256):
            return self._for_a_person(told, REPORT_UNCHANGED, report), None
        anew = self._making.report(report.period, now, test=report.test, before=snapshot, figures=figures)
        return told, Freeze(
            report=anew,
            reason=reason_returned(status.reason_vi, status.at),
            replaces=report.packet_id,
            hand_over=True,
        )

    def _for_a_person(self, told: Told, explanation: Explanation, report: Report) -> Told:
        sentence = explanation.sentence_vi.format(
            period=report.period, version=report.version, reason=told.reason_vi or "không ghi"
        )
        advice = explanation.advice_vi.format(packet_id=report.packet_id)
        return Told(
            state=ReportState.HELD,
            at=told.at,
            code=explanation.code,
            reason_vi=f"{sentence} {advice}",
            receipt_id=told.receipt_id,
        )


def lane_of(report: Report) -> str:
    """Versions of one report follow each other; trials and reports that count never wait for each other."""
    lane = f"{report.regime_code}/{report.period}/{report.organization}"
    return f"{lane}/test" if report.test else lane


def title_of(report: Report) -> str:
    """What an operator calls it."""
    trial = " (thử)" if report.test else ""
    return f"Báo cáo {report.regime_code} kỳ {report.period}, lần {report.version}{trial}"


def _item(snapshot: Snapshot) -> Item:
    report = snapshot.report
    return Item(
        kind=Kind.REPORT,
        external_id=report.packet_id,
        version=str(report.version),
        lane=lane_of(report),
        business_key=report.packet_id,
        title=title_of(report),
        record=report,
        replaces=(snapshot.replaces,) if snapshot.replaces else (),
    )


def _heard(snapshot: Snapshot, status: ReportStatus) -> bool:
    """Whether this very status was written down before."""
    if snapshot.told_at != status.at:
        return False
    return (snapshot.state, snapshot.code) == (status.state, status.code) or snapshot.code in _OURS


def _state_of(outcome: Outcome) -> ReportState:
    if outcome.state is State.DONE:
        return ReportState.APPROVED
    if outcome.code == REPORT_LOCKED.code:
        return ReportState.LOCKED
    if outcome.state is State.REFUSED:
        return ReportState.RETURNED if outcome.code == REPORT_RETURNED.code else ReportState.INVALID
    return ReportState.HELD
