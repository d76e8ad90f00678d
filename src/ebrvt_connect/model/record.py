"""What a message can carry: one model type for each `Kind`."""

from __future__ import annotations

from collections.abc import Mapping

from ebrvt_connect.model.document import Document, DocumentStatus
from ebrvt_connect.model.dossier import Dossier, DossierStatus, ProgressEntry
from ebrvt_connect.model.message import Kind
from ebrvt_connect.model.report import Report, ReportStatus

Record = Document | DocumentStatus | Dossier | ProgressEntry | DossierStatus | Report | ReportStatus
"""A thing on its way, as the model knows it."""

RECORD_TYPES: Mapping[Kind, type[Record]] = {
    Kind.DOCUMENT: Document,
    Kind.DOCUMENT_STATUS: DocumentStatus,
    Kind.DOSSIER: Dossier,
    Kind.PROGRESS: ProgressEntry,
    Kind.DOSSIER_STATUS: DossierStatus,
    Kind.REPORT: Report,
    Kind.REPORT_STATUS: ReportStatus,
}
"""By kind."""


def kind_of(record: Record) -> Kind:
    """The kind of a record; raises `TypeError` for anything else."""
    for kind, expected in RECORD_TYPES.items():
        if type(record) is expected:
            return kind
    raise TypeError(f"{type(record).__name__} is no record")


def record_of(kind: Kind, text: str) -> Record:
    """Read a record back from its JSON; raises pydantic's `ValidationError`."""
    return RECORD_TYPES[kind].model_validate_json(text)
