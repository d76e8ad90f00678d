"""What a report is computed from: facts the ledger has recorded, small enough to stream by the thousand.

A fact never says more than its row: what the source did not give is absent. Each names the row it was read
from, so that a frozen report can be pinned to exactly what it counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from ebrvt_connect.model.document import Confidentiality
    from ebrvt_connect.model.dossier import Channel, DossierStage


@dataclass(frozen=True, slots=True)
class SupplementFact:
    """A request for more papers (yêu cầu bổ sung): open until what was asked for has come."""

    requested_at: datetime | None
    received_at: datetime | None
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DossierFact:
    """A dossier (hồ sơ) as its newest revision of the kind asked for says."""

    message_id: int
    key: str
    """The row's idempotency key: link, external id and version."""
    code: str
    stage: DossierStage | None = None
    channel: Channel | None = None
    received_at: datetime | None = None
    due_at: datetime | None = None
    """The appointment as stored, the extended one where there is one; never recomputed."""
    finished_at: datetime | None = None
    returned_at: datetime | None = None
    refused_at: datetime | None = None
    updated_at: datetime | None = None
    supplements: tuple[SupplementFact, ...] = ()
    linked: bool = False
    """Part of an interlinked procedure: its origin is counted instead."""
    closed_earlier: bool = False
    """A delivered revision before this one said that it was resolved before the period began: it was opened
    again since, and is resolved a second time."""


class Signature(StrEnum):
    """What the stored verdict says of a document's main files (kết quả kiểm tra chữ ký số)."""

    FOR_ISSUER = "for-issuer"
    """TOTAL_PASSED, and signed for the issuing agency by the register of signers."""
    NOT_FOR_ISSUER = "not-for-issuer"
    """TOTAL_PASSED, but nobody has established that it was signed for the issuing agency."""
    FAILED = "failed"
    UNSIGNED = "unsigned"
    INDETERMINATE = "indeterminate"
    """Neither passed nor failed; or no verdict was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFact:
    """An outgoing document (văn bản đi), once, whatever became of its revisions and repetitions.

    What revokes or updates another one is a document of its own, with its own number and day.
    """

    message_id: int
    key: str
    promulgated_on: date | None
    confidentiality: Confidentiality
    to_agencies: bool
    """It names at least one agency to receive it."""
    accepted: bool
    """The axis has accepted it, in this revision or an earlier one."""
    sent_id: int = 0
    """The row of what was accepted last; 0 where nothing was."""
    signature: Signature = Signature.INDETERMINATE
    """Of what was accepted last."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A source of figures that is not well: what it had to tell may be missing (nguồn đang gặp sự cố)."""

    link: str
    since: datetime | None
    """Since when fetching fails; None where nothing was ever fetched or the system is paused."""
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of them, each stream to be read once; None where no source of that kind is configured at all.

    None within a stream stands for a record that could not be read.
    """

    dossiers: Iterable[DossierFact | None] | None
    """The newest delivered revision of each dossier, in the order of their rows."""
    undelivered: Iterable[DossierFact | None] = ()
    """Newer revisions that were held, refused or not delivered yet."""
    documents: Iterable[DocumentFact | None] | None
    """Outgoing documents in the order of their rows."""
    dossier_troubles: tuple[Trouble, ...] = ()
    document_troubles: tuple[Trouble, ...] = ()
