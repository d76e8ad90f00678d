"""The quarterly figures, computed: facts in, observations out, nothing read, nothing invented.

Indicators (codes are ours; Nghị quyết 17/NQ-CP, chỉ tiêu triển khai Chính phủ điện tử):

* `NQ17.02` dossiers resolved online among those resolved in the window; withdrawn and not received ones are
  left out, those returned as refused are resolved;
* `NQ17.05` of the resolved, those that were early or on time, by the day the result was ready against the
  appointment stored; without an appointment it is on time, and a note says how many;
* `NQ17.16` outgoing documents to agencies, issued in the window, not secret: those the axis accepted;
* `NQ17.17` of those sent electronically, the ones whose main file was verified for the issuing agency.

A ratio is rounded half up to two places of a hundred and travels with numerator and denominator. With a
denominator of nought there is no ratio: `DENOMINATOR_ZERO`, never 0 and never 100. The fingerprint pins the
rows that were counted and what each of them counted as.

Bucketing follows the periodic form on handling dossiers (Biểu số II.06, TT 01/2020/TT-VPCP). For any window,
carried over + received = done + awaiting pick-up + refused + withdrawn + waiting + in time + overdue; what
cannot be placed is aside, with its reason, and belongs to neither side.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from ebrvt_connect.model.document import Confidentiality
from ebrvt_connect.model.dossier import Channel, DossierStage
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.report import Missing, Observation
from ebrvt_connect.ports.figures import Signature

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ebrvt_connect.model.period import ReportingPeriod
    from ebrvt_connect.ports.figures import DocumentFact, DossierFact, Facts, SupplementFact, Trouble

RESOLVED_ONLINE = "NQ17.02"
ON_TIME = "NQ17.05"
SENT_ELECTRONICALLY = "NQ17.16"
SENT_SIGNED = "NQ17.17"
INDICATORS = (RESOLVED_ONLINE, ON_TIME, SENT_ELECTRONICALLY, SENT_SIGNED)
"""In the order of the report."""
UNIT = "PCT"
"""In a hundred, by its SDMX code."""

_HUNDREDTH = Decimal("0.01")
_HUNDRED = Decimal(100)


# --- where a dossier stands in a window -------------------------------------------------------------------


class Entry(StrEnum):
    """How a dossier came into the window (nguồn hồ sơ trong kỳ)."""

    CARRIED = "carried"
    RECEIVED = "received"


class Outcome(StrEnum):
    """Where a dossier of the window stands at its end (tình trạng cuối kỳ)."""

    DONE = "done"
    AWAITING = "awaiting"
    """The result is ready and waits to be picked up."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    WAITING = "waiting"
    """For papers the applicant is to add."""
    IN_TIME = "in-time"
    OVERDUE = "overdue"


RESOLVED = frozenset({Outcome.DONE, Outcome.AWAITING, Outcome.REFUSED})
"""Resolved in the window (đã giải quyết)."""


class Aside(StrEnum):
    """Why a dossier is in neither side of the sum (không thuộc số liệu của kỳ)."""

    LINKED = "linked"
    NOT_RECEIVED = "not-received"
    LATER = "later"
    """Received only after the window, or not yet."""
    EARLIER = "earlier"
    """Closed before the window began."""
    UNCLEAR = "unclear"
    """A date or the state that would place it is absent or impossible (it ended before it came, or in the
    future)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A dossier's place in the sum of a window."""

    entry: Entry
    outcome: Outcome


_WITH_RESULT = frozenset({DossierStage.COMPLETED, DossierStage.RETURNED})


def placed(dossier: DossierFact, period: ReportingPeriod, now: datetime) -> Placed | Aside:
    """Where a dossier belongs in a period; by `now` is judged what is overdue and what cannot be yet."""
    came = dossier.received_at
    if dossier.linked:
        return Aside.LINKED
    match dossier.stage:
        case None:
            return Aside.UNCLEAR
        case DossierStage.NOT_RECEIVED:
            return Aside.NOT_RECEIVED
        case DossierStage.FILED:
            return Aside.LATER
        case _:
            pass
    closed = closed_at(dossier)
    if came is None or (closed is None and _is_closed(dossier)) or (closed is not None and closed < came):
        return Aside.UNCLEAR
    if came >= period.ends_at:
        return Aside.LATER
    if closed is not None and closed > now:  # what has not come yet is no day on which it ended
        return Aside.UNCLEAR
    if closed is not None and closed < period.starts_at:
        return Aside.EARLIER
    entry = Entry.RECEIVED if came >= period.starts_at else Entry.CARRIED
    return Placed(entry, _outcome(dossier, closed, period, now))


def closed_at(dossier: DossierFact) -> datetime | None:
    """When it was closed: a result was ready, it was refused, or it was withdrawn; None while it is open.

    The result's day is not guessed from any other. A withdrawal is not judged by its day, so the nearest
    there is will do.
    """
    if dossier.stage in _WITH_RESULT:
        return dossier.finished_at
    if dossier.stage is DossierStage.STOPPED:
        return dossier.finished_at or dossier.refused_at
    if dossier.stage is DossierStage.WITHDRAWN:
        return dossier.finished_at or dossier.refused_at or dossier.returned_at or dossier.updated_at
    return None


def _touches(dossier: DossierFact, period: ReportingPeriod) -> bool:
    """Whether anything is known to have happened to it in the window."""
    known = (
        dossier.received_at,
        dossier.finished_at,
        dossier.refused_at,
        dossier.returned_at,
        dossier.updated_at,
    )
    return any(map(period.holds, known))


def _is_closed(dossier: DossierFact) -> bool:
    return dossier.stage in _WITH_RESULT or dossier.stage in {DossierStage.STOPPED, DossierStage.WITHDRAWN}


def _outcome(
    dossier: DossierFact, closed: datetime | None, period: ReportingPeriod, now: datetime
) -> Outcome:
    if closed is not None and closed < period.ends_at:
        if dossier.stage is DossierStage.WITHDRAWN:
            return Outcome.WITHDRAWN
        if dossier.stage is DossierStage.STOPPED:
            return Outcome.REFUSED
        returned = dossier.returned_at is not None and dossier.returned_at < period.ends_at
        return Outcome.DONE if returned else Outcome.AWAITING
    at = min(now, period.ends_at)
    if _waits_for_papers(dossier, at):
        return Outcome.WAITING
    return Outcome.OVERDUE if dossier.due_at is not None and dossier.due_at <= at else Outcome.IN_TIME


def _waits_for_papers(dossier: DossierFact, at: datetime) -> bool:
    """Whether papers asked for by then had not come by then."""
    if dossier.stage is DossierStage.SUPPLEMENT_REQUESTED and not dossier.supplements:
        return True
    return any(_open(supplement, at) for supplement in dossier.supplements)


def _open(supplement: SupplementFact, at: datetime) -> bool:
    if supplement.requested_at is None or supplement.requested_at >= at:
        return False
    if supplement.received_at is None:
        return not supplement.done
    return supplement.received_at >= at


class Punctuality(StrEnum):
    """How a resolved dossier kept its appointment (mức độ đúng hạn)."""

    EARLY = "early"
    ON_TIME = "on-time"
    LATE = "late"
    NO_APPOINTMENT = "no-appointment"
    """None is stored: counted as on time, and said so."""


def punctuality(dossier: DossierFact) -> Punctuality:
    """Of a resolved dossier: early on an earlier day, late after the moment of the appointment."""
    finished, due = closed_at(dossier), dossier.due_at
    if due is None:
        return Punctuality.NO_APPOINTMENT
    if finished is None:
        raise ValueError(f"dossier {dossier.code} is not resolved")
    if finished > due:
        return Punctuality.LATE
    early = finished.astimezone(VIETNAM).date() < due.astimezone(VIETNAM).date()
    return Punctuality.EARLY if early else Punctuality.ON_TIME


# --- the figures ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """Computed figures (số liệu đã tính) and the fingerprint of what they were computed from."""

    observations: tuple[Observation, ...]
    snapshot_sha256: str

    def same_as(self, observations: Iterable[Observation], snapshot_sha256: str) -> bool:
        """Whether the very same rows gave the very same figures (what the notes say does not count)."""
        return self.snapshot_sha256 == snapshot_sha256 and _bare(self.observations) == _bare(observations)


def _bare(observations: Iterable[Observation]) -> list[object]:
    return [(o.indicator_code, o.value, o.missing, o.numerator, o.denominator) for o in observations]


def compute(facts: Facts, period: ReportingPeriod, now: datetime) -> Figures:
    """The observations of a period, in one pass over each stream of facts."""
    counted = hashlib.sha256(f"{period}\n".encode())
    dossiers = _Dossiers(period)
    for dossier in facts.dossiers or ():
        if dossier is None:
            dossiers.unreadable += 1
            continue
        place = placed(dossier, period, now)
        dossiers.add(dossier, place)
        if isinstance(place, Placed) and place.outcome in RESOLVED:
            said = f"{place.outcome} {dossier.channel or '-'} {punctuality(dossier)}"
            counted.update(f"dossier\t{dossier.message_id}\t{dossier.key}\t{said}\n".encode())
    dossiers.leave_out(facts.undelivered, now)
    documents = _Documents()
    for document in facts.documents or ():
        if documents.add(document, period) and document is not None:
            said = f"{document.sent_id} {document.signature}" if document.accepted else "-"
            counted.update(f"document\t{document.message_id}\t{document.key}\t{said}\n".encode())
    observations = (
        *dossiers.observations(facts.dossiers is None, facts.dossier_troubles),
        *documents.observations(facts.documents is None, facts.document_troubles),
    )
    return Figures(observations, counted.hexdigest())


def ratio(code: str, numerator: int, denominator: int, notes: Iterable[str] = ()) -> Observation:
    """Numerator of denominator in a hundred, half up to two places; no value over a denominator of nought."""
    note = " ".join(notes)
    if denominator == 0:
        return Observation(
            indicator_code=code,
            missing=Missing.DENOMINATOR_ZERO,
            unit=UNIT,
            numerator=Decimal(numerator),
            denominator=Decimal(0),
            note=note,
        )
    value = (_HUNDRED * numerator / denominator).quantize(_HUNDREDTH, ROUND_HALF_UP)
    return Observation(
        indicator_code=code,
        value=value,
        unit=UNIT,
        numerator=Decimal(numerator),
        denominator=Decimal(denominator),
        note=note,
    )


def _offline(code: str, what_vi: str) -> Observation:
    note = f"Chưa khai báo liên kết {what_vi} nên chưa có số liệu."
    return Observation(indicator_code=code, missing=Missing.SOURCE_OFFLINE, unit=UNIT, note=note)


def _said(sentence: str, number: int) -> list[str]:
    """A sentence about some number of things; nothing about none."""
    return [sentence.format(n=number)] if number else []


def trouble_vi(trouble: Trouble) -> str:
    """A Vietnamese sentence about a source that is not well."""
    if trouble.paused:
        what = "đang tạm dừng"
    elif trouble.since is None:
        what = "chưa lấy được dữ liệu lần nào"
    else:
        since = trouble.since.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")
        what = f"không lấy được dữ liệu từ {since}"
    return f"Liên kết {trouble.link} {what}: số liệu có thể chưa đầy đủ."


@dataclass(slots=True)
class _Dossiers:
    """Dossiers while they are counted."""

    period: ReportingPeriod
    resolved: int = 0
    online: int = 0
    no_channel: int = 0
    kept: Counter[Punctuality] = field(default_factory=Counter)
    again: int = 0
    unclear: int = 0
    undelivered: int = 0
    unreadable: int = 0

    def add(self, dossier: DossierFact, place: Placed | Aside) -> None:
        """Count one."""
        if isinstance(place, Aside):
            self.unclear += place is Aside.UNCLEAR and _touches(dossier, self.period)
        elif place.outcome in RESOLVED:
            self.resolved += 1
            self.online += dossier.channel is Channel.ONLINE
            self.no_channel += dossier.channel is None
            self.kept[punctuality(dossier)] += 1
            self.again += dossier.closed_earlier

    def leave_out(self, undelivered: Iterable[DossierFact | None], now: datetime) -> None:
        """Count what the figures would know more of, had it been delivered."""
        for dossier in undelivered:
            if dossier is None:
                self.unreadable += 1
                continue
            place = placed(dossier, self.period, now)
            unclear = place is Aside.UNCLEAR and _touches(dossier, self.period)
            self.undelivered += isinstance(place, Placed) or unclear

    def observations(self, offline: bool, troubles: Iterable[Trouble]) -> tuple[Observation, ...]:  # noqa: FBT001 - two ways this one is called
        """Resolved online, and on time."""
        if offline:
            return tuple(_offline(code, "hồ sơ một cửa") for code in (RESOLVED_ONLINE, ON_TIME))
        shared = [
            *_said(
                "Có {n} hồ sơ của kỳ đang bị giữ hoặc chưa đồng bộ xong bản mới nhất "
                "nên bản đó chưa được tính.",
                self.undelivered,
            ),
            *_said("Có {n} hồ sơ không đọc được nội dung nên chưa được tính.", self.unreadable),
            *_said(
                "Có {n} hồ sơ thiếu hoặc sai trạng thái, ngày tiếp nhận hay ngày kết thúc xử lý "
                "nên không xếp được vào kỳ.",
                self.unclear,
            ),
            *_said(
                "Có {n} hồ sơ đã kết thúc xử lý ở kỳ trước, được mở lại và kết thúc xử lý lần nữa "
                "trong kỳ này nên được tính ở cả kỳ này.",
                self.again,
            ),
            *map(trouble_vi, troubles),
        ]
        channel = _said(
            "Có {n} hồ sơ không ghi kênh nộp, không tính là trực tuyến.",
            self.no_channel,
        )
        none = _said(
            "Có {n} hồ sơ không ghi ngày hẹn trả, được tính là đúng hạn.",
            self.kept[Punctuality.NO_APPOINTMENT],
        )
        kept = self.resolved - self.kept[Punctuality.LATE]
        return (
            ratio(RESOLVED_ONLINE, self.online, self.resolved, [*channel, *shared]),
            ratio(ON_TIME, kept, self.resolved, [*none, *shared]),
        )


@dataclass(slots=True)
class _Documents:
    """Outgoing documents while they are counted."""

    issued: int = 0
    accepted: int = 0
    signatures: Counter[Signature] = field(default_factory=Counter)
    undated: int = 0
    unreadable: int = 0

    def add(self, document: DocumentFact | None, period: ReportingPeriod) -> bool:
        """Count one; whether it is among those issued."""
        if document is None:
            self.unreadable += 1
            return False
        if document.confidentiality is not Confidentiality.NORMAL or not document.to_agencies:
            return False
        if document.promulgated_on is None:
            self.undated += 1
            return False
        if not period.first_day <= document.promulgated_on <= period.last_day:
            return False
        self.issued += 1
        if document.accepted:
            self.accepted += 1
            self.signatures[document.signature] += 1
        return True

    def observations(self, offline: bool, troubles: Iterable[Trouble]) -> tuple[Observation, ...]:  # noqa: FBT001 - two ways this one is called
        """Sent electronically, and signed."""
        if offline:
            codes = (SENT_ELECTRONICALLY, SENT_SIGNED)
            return tuple(_offline(code, "văn bản đi") for code in codes)
        shared = [
            *_said("Có {n} văn bản không ghi ngày ban hành nên không xếp được vào kỳ.", self.undated),
            *_said("Có {n} văn bản không đọc được nội dung nên chưa được tính.", self.unreadable),
            *map(trouble_vi, troubles),
        ]
        return (
            ratio(SENT_ELECTRONICALLY, self.accepted, self.issued, shared),
            ratio(
                SENT_SIGNED,
                self.signatures[Signature.FOR_ISSUER],
                self.accepted,
                [*self._not_signed(), *shared],
            ),
        )

    def _not_signed(self) -> list[str]:
        told = {
            Signature.NOT_FOR_ISSUER: "Có {n} văn bản có chữ ký hợp lệ nhưng chưa xác nhận là ký cho cơ quan "
            "ban hành.",
            Signature.FAILED: "Có {n} văn bản có chữ ký không hợp lệ.",
            Signature.UNSIGNED: "Có {n} văn bản không ký số.",
            Signature.INDETERMINATE: "Có {n} văn bản chưa kết luận được về chữ ký.",
        }
        return [line for kind, text in told.items() for line in _said(text, self.signatures[kind])]
