"""Frozen reports (báo cáo đã chốt): what was computed, once, and what was told back about it.

The figures of a snapshot never change; a correction is a row of its own that names the one it replaces, and
one row is replaced once at most. Only where a report stands is written anew and, when it is handed over,
which report it replaces at the ministry. Whatever is done here may be done again after a crash and comes to
the same.

An organisation is the same one however its code is spelled and whatever code it had before: rows keep the
code in one spelling, and are compared as agencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.ids import AgencyCode, AgencyHistory
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.report import Report, ReportState
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading, writing

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.model.period import ReportingPeriod
    from ebrvt_connect.store.rows import AnyRow

_S = schema.report_snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A frozen report (bản chốt số liệu) and where it stands."""

    id: int
    report: Report
    reason_made: str
    """Why it was frozen: who asked for it, or the return it answers."""
    replaces: str
    """The snapshot before it, whether the ministry has that or not; the report itself names what it has."""
    handed_over: int
    """Its place in the order they were handed to the daemon; 0 while it was not."""
    state: ReportState | None
    """As told back; None before anything was."""
    told_at: datetime | None
    code: str
    reason_vi: str
    receipt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is written down about where a snapshot stands."""

    state: ReportState
    at: datetime
    code: str = ""
    reason_vi: str = ""
    receipt_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A report to be frozen: why, instead of which, and whether the daemon is to send it at once."""

    report: Report
    reason: str
    replaces: str = ""
    replaces_unsent: bool = False
    """What it replaces was not handed over: if it has been meanwhile, nothing is frozen."""
    hand_over: bool = False


class Snapshots:
    """The frozen reports of a ledger; each method is a short transaction and raises as `connect.writing`."""

    def __init__(self, database: sa.Engine, history: AgencyHistory | None = None) -> None:
        """`database` is the ledger's; `history` says which codes stand for one agency."""
        self._database = database
        self._history = history or AgencyHistory()

    def get(self, packet_id: str) -> Snapshot | None:
        """One by its packet id."""
        with reading(self._database) as tx:
            return _one(tx.execute(sa.select(_S).where(_S.c.packet_id == packet_id)).one_or_none())

    def newest(
        self, regime: str, period: ReportingPeriod, organization: AgencyCode, now: datetime, *, test: bool
    ) -> Snapshot | None:
        """The last version of a report; trials and reports that count are apart."""
        with reading(self._database) as tx:
            rows = self._versions(tx, regime, period, organization, now, test=test)
        return _one(max(rows, key=lambda row: (row.version, row.id), default=None))

    def _versions(
        self,
        tx: sa.Connection,
        regime: str,
        period: ReportingPeriod,
        organization: AgencyCode,
        now: datetime,
        *,
        test: bool,
    ) -> list[AnyRow]:
        """The rows of one agency's report, by whichever of its codes."""
        query = sa.select(_S).where(_S.c.regime == regime, _S.c.period == str(period), _S.c.test == int(test))
        day = now.astimezone(VIETNAM).date()
        return [
            row
            for row in tx.execute(query).all()
            if self._history.same_agency(AgencyCode.parse(row.organization), organization, day)
        ]

    def latest(self) -> Snapshot | None:
        """The one frozen last."""
        with reading(self._database) as tx:
            return _one(tx.execute(sa.select(_S).order_by(_S.c.id.desc()).limit(1)).one_or_none())

    def all(self, *, limit: int | None = None) -> list[Snapshot]:
        """The newest first."""
        with reading(self._database) as tx:
            found = tx.execute(sa.select(_S).order_by(_S.c.id.desc()).limit(limit)).all()
        return [_snapshot(row) for row in found]

    def handed_over_after(self, number: int, *, limit: int) -> list[Snapshot]:
        """Those handed to the daemon after the one of that number, in order."""
        query = sa.select(_S).where(_S.c.handed_over > number).order_by(_S.c.handed_over).limit(limit)
        with reading(self._database) as tx:
            return [_snapshot(row) for row in tx.execute(query).all()]

    def freeze(self, freeze: Freeze, now: datetime) -> Snapshot | None:
        """Keep a report for good; None where its version, or what it replaces, is taken already."""
        with writing(self._database) as tx:
            _alone(tx)
            return self._frozen(tx, freeze, now)

    def hand_over(self, packet_id: str, replaces_packet_id: str) -> Snapshot | None:
        """Have the daemon send it, naming what it replaces at the ministry; once handed over it stays so.

        None where there is none such, or something was frozen instead of it.
        """
        mine = sa.select(_S).where(_S.c.packet_id == packet_id)
        with writing(self._database) as tx:
            _alone(tx)
            found = _one(tx.execute(mine).one_or_none())
            replaced = tx.scalar(sa.select(_S.c.id).where(_S.c.replaces == packet_id).limit(1))
            if found is None or replaced is not None:
                return None
            if found.handed_over:
                return found
            report = found.report.model_copy(update={"replaces_packet_id": replaces_packet_id})
            tx.execute(
                _S.update()
                .where(_S.c.packet_id == packet_id)
                .values(handed_over=_next_place(tx), record=report.model_dump_json())
            )
            return _one(tx.execute(mine).one_or_none())

    def tell(self, packet_id: str, told: Told, replacing: Freeze | None, now: datetime) -> Snapshot | None:
        """Write down where it stands, and freeze what replaces it, in one transaction.

        Returns the replacement; None where there is none, or one was made before.
        """
        with writing(self._database) as tx:
            _alone(tx)
            tx.execute(
                _S.update()
                .where(_S.c.packet_id == packet_id)
                .values(
                    state=told.state.value,
                    told_at=told.at,
                    code=told.code,
                    reason_vi=told.reason_vi,
                    receipt_id=told.receipt_id,
                )
            )
            return None if replacing is None else self._frozen(tx, replacing, now)

    def replaced_by(self, packet_id: str) -> Snapshot | None:
        """What was frozen instead of it, if anything was."""
        with reading(self._database) as tx:
            return _one(tx.execute(sa.select(_S).where(_S.c.replaces == packet_id)).one_or_none())

    def _frozen(self, tx: sa.Connection, freeze: Freeze, now: datetime) -> Snapshot | None:
        report = freeze.report
        versions = self._versions(
            tx, report.regime_code, report.period, report.organization, now, test=report.test
        )
        if any(row.version == report.version for row in versions) or _is_taken(tx, freeze):
            return None
        return _one(tx.execute(_S.insert().values(**_row(tx, freeze, now)).returning(_S)).one())


def _alone(tx: sa.Connection) -> None:
    """Numbers and versions are given out one after the other; SQLite's writer is alone already."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("LOCK TABLE report_snapshot IN SHARE ROW EXCLUSIVE MODE")


def _next_place(tx: sa.Connection) -> int:
    return 1 + (tx.scalar(sa.select(sa.func.max(_S.c.handed_over))) or 0)


def _is_taken(tx: sa.Connection, freeze: Freeze) -> bool:
    """Whether there is this packet, or something instead of the same one, or that has left meanwhile."""
    taken = _S.c.packet_id == freeze.report.packet_id
    if freeze.replaces:
        taken = sa.or_(taken, _S.c.replaces == freeze.replaces)
    if freeze.replaces_unsent:
        left = sa.and_(_S.c.packet_id == freeze.replaces, _S.c.handed_over.is_not(None))
        taken = sa.or_(taken, left)
    return tx.scalar(sa.select(_S.c.id).where(taken).limit(1)) is not None


def _row(tx: sa.Connection, freeze: Freeze, now: datetime) -> dict[str, Any]:
    report = freeze.report
    return {
        "packet_id": report.packet_id,
        "regime": report.regime_code,
        "period": str(report.period),
        "organization": _one_spelling(report.organization),
        "version": report.version,
        "replaces": freeze.replaces or None,
        "test": int(report.test),
        "record": report.model_dump_json(),
        "sha256": report.snapshot_sha256,
        "created_at": now,
        "reason": freeze.reason,
        "handed_over": _next_place(tx) if freeze.hand_over else None,
        "state": "",
        "code": "",
        "reason_vi": "",
        "receipt_id": "",
    }


def _one_spelling(code: AgencyCode) -> str:
    """The code as QCVN 102 spells it; one that has no such spelling as it is."""
    try:
        return code.qcvn102
    except InvalidValue:
        return code.text


def _one(row: AnyRow | None) -> Snapshot | None:
    return None if row is None else _snapshot(row)


def _snapshot(row: AnyRow) -> Snapshot:
    return Snapshot(
        id=row.id,
        report=Report.model_validate_json(row.record),
        reason_made=row.reason,
        replaces=row.replaces or "",
        handed_over=row.handed_over or 0,
        state=ReportState(row.state) if row.state else None,
        told_at=row.told_at,
        code=row.code,
        reason_vi=row.reason_vi,
        receipt_id=row.receipt_id,
    )
