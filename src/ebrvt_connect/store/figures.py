"""What reports are computed from, read from the ledger: every dossier once, every outgoing document once.

The database picks the rows, so that a hundred thousand dossiers pass through a few hundred at a time. Of a
dossier the newest delivered revision counts; of a document whether any revision was accepted. What came
twice never made a second message, and what was superseded says nothing any more. One snapshot of the
database is read, whatever is stored meanwhile.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
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
from ebrvt_connect.store.connect import reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ebrvt_connect.model.period import ReportingPeriod
    from ebrvt_connect.store.rows import AnyRow

_AT_ONCE = 500
_M = schema.message
_DELIVERED = sa.func.max(sa.case((_M.c.state == State.DONE.value, _M.c.id)))
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
    Raises as `connect.reading`.
    """
    with reading(database) as tx:
        if database.dialect.name == "postgresql":  # SQLite's reading is one snapshot already
            tx.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield Facts(
            dossiers=_dossiers(tx, dossier_links) if dossier_links else None,
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


def _per_lane(kind: Kind, links: Collection[str]) -> sa.Subquery:
    """Of each thing the row delivered last and the newest that still stands for anything."""
    return (
        sa.select(_M.c.lane, _DELIVERED.label("delivered"), _NEWEST.label("newest"))
        .where(_M.c.kind == kind.value, _M.c.link.in_(list(links)))
        .group_by(_M.c.lane)
        .subquery()
    )


def _dossiers(tx: sa.Connection, links: Collection[str]) -> Iterator[DossierFact | None]:
    """The newest delivered revision of each dossier; one a person confirmed may never have been readable."""
    lanes = _per_lane(Kind.DOSSIER, links)
    rows = sa.select(_M.c.id, _M.c.idem_key, _M.c.record).join(lanes, _M.c.id == lanes.c.delivered)
    return map(_dossier, _streamed(tx, rows.order_by(_M.c.id)))


def _undelivered(tx: sa.Connection, links: Collection[str]) -> Iterator[DossierFact | None]:
    """The newest revision of each dossier where it has not been delivered."""
    lanes = _per_lane(Kind.DOSSIER, links)
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
    lanes = _per_lane(Kind.DOCUMENT, links)
    rows = (
        sa.select(_M.c.id, _M.c.idem_key, _M.c.record, lanes.c.delivered)
        .join(lanes, _M.c.id == lanes.c.newest)
        .order_by(_M.c.id)
    )
    for chunk in tx.execute(rows.execution_options(yield_per=_AT_ONCE)).partitions(_AT_ONCE):
        read = [(row, _document(row)) for row in chunk]
        ours = [(row, stored) for row, stored in read if _concerns(stored, period)]
        signatures = _signatures(tx, [row.delivered for row, _ in ours if row.delivered])
        for row, stored in ours:
            yield None if stored is None else _document_fact(row, stored, signatures)


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
