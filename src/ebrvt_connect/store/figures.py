"""What reports are computed from, read from the ledger: every dossier once, every outgoing document once.

The database picks the rows, so that a hundred thousand dossiers pass through a few hundred at a time. Of a
dossier the newest delivered revision counts; of a document whether any revision was accepted. A document is
known by its own identity, not by its lane: what revokes or updates it stands in its lane and is a document of
its own. What came twice never made a second message, and what was superseded says nothing any more. One
snapshot of the database is read, whatever is stored meanwhile.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ValidationError

from ebrvt_connect.model.document import AttachmentRole, Confidentiality
from ebrvt_connect.model.dossier import Channel, DossierStage
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.figures import (
    DocumentFact,
    DossierFact,
    Facts,
    Signature,
    SupplementFact,
    Trouble,
)
from ebrvt_connect.ports.gate import SIGNED_FOR_ISSUER
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import holding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from ebrvt_connect.model.period import ReportingPeriod
    from ebrvt_connect.store.rows import AnyRow

_AT_ONCE = 500
_M = schema.message
_DELIVERED = sa.func.max(sa.case((_M.c.state == State.DONE.value, _M.c.id)))
_NEWEST_READ = sa.func.max(
    sa.case((sa.and_(_M.c.state != State.SUPERSEDED.value, _M.c.record != ""), _M.c.id))
)
_RESULT_READY = frozenset({DossierStage.COMPLETED, DossierStage.RETURNED})
_NEWEST = sa.func.max(sa.case((_M.c.state != State.SUPERSEDED.value, _M.c.id)))


@contextmanager
def facts_of(
    database: sa.Engine,
    period: ReportingPeriod,
    *,
    dossier_links: Collection[str],
    document_links: Collection[str],
) -> Iterator[Facts]:
    """The facts of a period as one snapshot of the ledger; each stream can be read once, in here.

    Links are those that carry dossiers on and documents out; none of a kind means there is no such source.
    Raises as `connect.holding`.
    """
    with holding(database) as tx:
        if database.dialect.name == "postgresql":  # SQLite's reading is one snapshot already
            tx.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield Facts(
            dossiers=_dossiers(tx, dossier_links, period) if dossier_links else None,
            undelivered=_undelivered(tx, dossier_links) if dossier_links else (),
            documents=_documents(tx, document_links, period) if document_links else None,
            dossier_troubles=tuple(_troubles(tx, dossier_links, Kind.DOSSIER)),
            document_troubles=tuple(_troubles(tx, document_links, Kind.DOCUMENT)),
        )


# --- dossiers ---------------------------------------------------------------------------------------------


class _Lenient(BaseModel):
    """The few fields of a stored record that figures need; a test holds them against the model."""


class StoredSupplement(_Lenient):
    """Of a `Supplement`."""

    requested_at: AwareDatetime | None = None
    received_at: AwareDatetime | None = None
    done: bool = False


class StoredDossier(_Lenient):
    """Of a `Dossier`."""

    code: str
    channel: Channel | None = None
    received_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    extended_due_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    returned_at: AwareDatetime | None = None
    refused_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    stage: DossierStage | None = None
    supplements: tuple[StoredSupplement, ...] = ()
    linked_to: str | None = None


def _dossier_lanes(links: Collection[str]) -> sa.Subquery:
    """Of each dossier the row delivered last and the newest that still stands for anything."""
    return (
        sa.select(_M.c.lane, _DELIVERED.label("delivered"), _NEWEST.label("newest"))
        .where(_M.c.kind == Kind.DOSSIER.value, _M.c.link.in_(list(links)))
        .group_by(_M.c.lane)
        .subquery()
    )


def _dossiers(
    tx: sa.Connection, links: Collection[str], period: ReportingPeriod
) -> Iterator[DossierFact | None]:
    """The newest delivered revision of each dossier; one a person confirmed may never have been readable."""
    lanes = _dossier_lanes(links)
    rows = sa.select(_M.c.id, _M.c.idem_key, _M.c.record, _M.c.target, _M.c.lane).join(
        lanes, _M.c.id == lanes.c.delivered
    )
    for chunk in _chunks(tx, rows.order_by(_M.c.id)):
        facts = [(row, _dossier(row)) for row in chunk]
        ended_again = [row for row, fact in facts if fact is not None and _carried_and_ended(fact, period)]
        earlier = _closed_earlier(tx, links, ended_again, period)
        for row, fact in facts:
            yield fact if fact is None or row.id not in earlier else replace(fact, closed_earlier=True)


def _carried_and_ended(dossier: DossierFact, period: ReportingPeriod) -> bool:
    """Only what came before the period and ended in it can have been ended before it as well."""
    ended = period.holds(dossier.finished_at) or period.holds(dossier.refused_at)
    return ended and dossier.received_at is not None and dossier.received_at < period.starts_at


def _closed_earlier(
    tx: sa.Connection, links: Collection[str], newest: Sequence[AnyRow], period: ReportingPeriod
) -> set[int]:
    """Of which of these rows an earlier delivered revision said that it was resolved before the period."""
    if not newest:
        return set()
    by_lane = {row.lane: row.id for row in newest}
    rows = sa.select(_M.c.id, _M.c.idem_key, _M.c.lane, _M.c.record).where(
        _M.c.kind == Kind.DOSSIER.value,
        _M.c.link.in_(list(links)),
        _M.c.state == State.DONE.value,
        _M.c.target.in_({row.target for row in newest}),
        _M.c.lane.in_(list(by_lane)),
    )
    found: set[int] = set()
    for row in tx.execute(rows).all():
        before = _dossier(row) if row.id < by_lane[row.lane] else None
        ended = _resolved_at(before) if before is not None else None
        if ended is not None and ended < period.starts_at:
            found.add(by_lane[row.lane])
    return found


def _resolved_at(dossier: DossierFact) -> datetime | None:
    """When this revision says that it was resolved; None where it does not."""
    if dossier.stage in _RESULT_READY:
        return dossier.finished_at
    return dossier.finished_at or dossier.refused_at if dossier.stage is DossierStage.STOPPED else None


def _undelivered(tx: sa.Connection, links: Collection[str]) -> Iterator[DossierFact | None]:
    """The newest revision of each dossier where it has not been delivered."""
    lanes = _dossier_lanes(links)
    rows = (
        sa.select(_M.c.id, _M.c.idem_key, _M.c.record)
        .join(lanes, _M.c.id == lanes.c.newest)
        .where(sa.or_(lanes.c.delivered.is_(None), lanes.c.newest > lanes.c.delivered))
    )
    return map(_dossier, _streamed(tx, rows.order_by(_M.c.id)))


def _dossier(row: AnyRow) -> DossierFact | None:
    if not row.record:
        return None
    try:
        stored = StoredDossier.model_validate_json(row.record)
    except ValidationError:
        return None
    return DossierFact(
        message_id=row.id,
        key=row.idem_key,
        code=stored.code,
        stage=stored.stage,
        channel=stored.channel,
        received_at=stored.received_at,
        due_at=stored.extended_due_at or stored.due_at,
        finished_at=stored.finished_at,
        returned_at=stored.returned_at,
        refused_at=stored.refused_at,
        updated_at=stored.updated_at,
        supplements=tuple(SupplementFact(s.requested_at, s.received_at, s.done) for s in stored.supplements),
        linked=stored.linked_to is not None,
    )


# --- documents --------------------------------------------------------------------------------------------


class StoredAttachment(_Lenient):
    """Of an `Attachment`."""

    role: AttachmentRole = AttachmentRole.MAIN


class StoredDocument(_Lenient):
    """Of a `Document`."""

    promulgated_on: date | None = None
    confidentiality: Confidentiality = Confidentiality.NORMAL
    recipients: tuple[object, ...] = ()
    attachments: tuple[StoredAttachment, ...] = ()


def _documents(
    tx: sa.Connection, links: Collection[str], period: ReportingPeriod
) -> Iterator[DocumentFact | None]:
    """Each outgoing document of the period (or of no known day) once.

    The newest revision says what it is; the last accepted one, whether it was sent and how it was signed.
    """
    each = _each_document(links)
    rows = (
        sa.select(_M.c.id, _M.c.idem_key, _M.c.record, each.c.delivered, each.c.latest)
        .join(each, _M.c.id == each.c.newest)
        .order_by(_M.c.id)
    )
    for chunk in _chunks(tx, rows):
        read = [(row, _document(row)) for row in chunk]
        ours = [(row, stored) for row, stored in read if _concerns(stored, period)]
        signatures = _signatures(tx, [row.delivered for row, _ in ours if row.delivered])
        for row, stored in ours:
            if stored is None or row.latest > row.id:  # what came after it could not be read
                yield None
            if stored is not None:
                yield _document_fact(row, stored, signatures)


def _each_document(links: Collection[str]) -> sa.Subquery:
    """Of each document the row delivered last and the newest that stands for anything, if it can be read.

    It is known by its document id. Revisions of one thing of its source are one document as well, even where
    a corrected number or day has made another document id of it: by the one given last. What never could
    be read has its source's own id only.
    """
    ours = (_M.c.kind == Kind.DOCUMENT.value, _M.c.link.in_(list(links)))
    last = (
        sa.select(
            _M.c.source,
            _M.c.external_id,
            sa.func.max(sa.case((_M.c.business_key != "", _M.c.id))).label("named_by"),
        )
        .where(*ours)
        .group_by(_M.c.source, _M.c.external_id)
        .subquery()
    )
    named = _M.alias("named")
    own_id = _M.c.source + " " + _M.c.external_id
    key = sa.func.coalesce(named.c.business_key, own_id)
    return (
        sa.select(
            _DELIVERED.label("delivered"),
            sa.func.coalesce(_NEWEST_READ, _NEWEST).label("newest"),
            _NEWEST.label("latest"),
        )
        .join(last, sa.and_(_M.c.source == last.c.source, _M.c.external_id == last.c.external_id))
        .outerjoin(named, named.c.id == last.c.named_by)
        .where(*ours)
        .group_by(key)
        .subquery()
    )


def _document(row: AnyRow) -> StoredDocument | None:
    if not row.record:
        return None
    try:
        return StoredDocument.model_validate_json(row.record)
    except ValidationError:
        return None


def _concerns(stored: StoredDocument | None, period: ReportingPeriod) -> bool:
    if stored is None or stored.promulgated_on is None:
        return True
    return period.first_day <= stored.promulgated_on <= period.last_day


def _document_fact(row: AnyRow, stored: StoredDocument, signatures: Mapping[int, Signature]) -> DocumentFact:
    return DocumentFact(
        message_id=row.id,
        key=row.idem_key,
        promulgated_on=stored.promulgated_on,
        confidentiality=stored.confidentiality,
        to_agencies=bool(stored.recipients),
        accepted=row.delivered is not None,
        sent_id=row.delivered or 0,
        signature=signatures.get(row.delivered, Signature.INDETERMINATE),
    )


def _signatures(tx: sa.Connection, ids: list[int]) -> dict[int, Signature]:
    """What the verdicts of these rows say; verdicts are long, so only those that are needed are read."""
    if not ids:
        return {}
    rows = tx.execute(sa.select(_M.c.id, _M.c.record, _M.c.verdict).where(_M.c.id.in_(ids)))
    return {row.id: _signature(row) for row in rows.all()}


_WORST_FIRST = (
    Signature.FAILED,
    Signature.UNSIGNED,
    Signature.INDETERMINATE,
    Signature.NOT_FOR_ISSUER,
    Signature.FOR_ISSUER,
)


def _signature(row: AnyRow) -> Signature:
    """A document is as good as its worst main file; without a verdict nothing is known of it."""
    stored = _document(row)
    if stored is None or not row.verdict:
        return Signature.INDETERMINATE
    verdict: dict[str, Any] = json.loads(row.verdict)
    files = verdict.get("documents", [])
    if len(files) != len(stored.attachments):
        return Signature.INDETERMINATE
    for_issuer = verdict.get(SIGNED_FOR_ISSUER) is True
    found = [
        _of_file(file, for_issuer=for_issuer)
        for file, attachment in zip(files, stored.attachments, strict=True)
        if attachment.role is AttachmentRole.MAIN
    ]
    return min(found, key=_WORST_FIRST.index, default=Signature.UNSIGNED)


def _of_file(file: Mapping[str, Any], *, for_issuer: bool) -> Signature:
    match file.get("indication"):
        case "TOTAL_PASSED":
            return Signature.FOR_ISSUER if for_issuer else Signature.NOT_FOR_ISSUER
        case "TOTAL_FAILED":
            return Signature.FAILED
        case _:
            nothing = "SIGNED_DATA_NOT_FOUND" in file.get("sub_indications", ())
            unsigned = nothing and not file.get("signatures")  # else its content is not at hand
            return Signature.UNSIGNED if unsigned else Signature.INDETERMINATE


# --- whether the sources are well -------------------------------------------------------------------------


def _troubles(tx: sa.Connection, links: Collection[str], kind: Kind) -> Iterator[Trouble]:
    """Links whose source is failing, paused, or was never heard."""
    c, s = schema.checkpoint, schema.system
    fetches = {row.link: row for row in tx.execute(sa.select(c).where(c.c.link.in_(list(links)))).all()}
    paused = tx.scalars(sa.select(s.c.name).where(s.c.paused == 1)).all()
    for link in links:
        fetch = fetches.get(link)
        if paused and _comes_from(tx, link, kind, paused):
            yield Trouble(link, None, paused=True)
        elif fetch is None or fetch.failing_since is not None:
            yield Trouble(link, fetch.failing_since if fetch else None)


def _comes_from(tx: sa.Connection, link: str, kind: Kind, systems: Collection[str]) -> bool:
    """Whether what the link brought came from one of these systems."""
    brought = sa.exists().where(_M.c.link == link, _M.c.kind == kind.value, _M.c.source.in_(list(systems)))
    return bool(tx.scalar(sa.select(brought)))


def _streamed(tx: sa.Connection, rows: sa.Select[Any]) -> Iterator[AnyRow]:
    yield from tx.execute(rows.execution_options(yield_per=_AT_ONCE))


def _chunks(tx: sa.Connection, rows: sa.Select[Any]) -> Iterator[Sequence[AnyRow]]:
    yield from tx.execute(rows.execution_options(yield_per=_AT_ONCE)).partitions(_AT_ONCE)
