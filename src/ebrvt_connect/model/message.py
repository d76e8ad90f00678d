"""A message: one thing on its way from one system to another, and the states it can be in.

The transition table itself is `engine/flow.py`; here are only the words (architecture: states).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

from ebrvt_connect.errors import Effect, tellable
from ebrvt_connect.model.text import NfcText, Value

_TOLD = AfterValidator(tellable)
"""A remote's own words: one it spells as no store can keep must not keep its answer from being stored."""


class Kind(StrEnum):
    """What a link carries."""

    DOCUMENT = "document"
    DOCUMENT_STATUS = "document-status"
    DOSSIER = "dossier"
    PROGRESS = "progress"
    DOSSIER_STATUS = "dossier-status"
    """What became of a dossier, told to its one-stop shop."""
    REPORT = "report"
    REPORT_STATUS = "report-status"
    """What became of a report, told to the desk that made it."""


class State(StrEnum):
    """Where a message stands (trạng thái thông điệp)."""

    RECEIVED = "received"
    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    AWAITING = "awaiting"
    """The remote has it and will decide later (chờ phê duyệt)."""
    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    DEAD = "dead"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


SETTLED = frozenset({State.DONE, State.REFUSED, State.DEAD, State.CANCELLED, State.SUPERSEDED})
"""States a message leaves only by a person's hand; a lane goes on past them (dead: by policy)."""


class BlobRef(Value):
    """Bytes by their SHA-256 (hex) and size."""

    sha256: str
    size_bytes: int


class Payload(Value):
    """What is sent: made once, never changed; only the envelope around it is new for each attempt."""

    blob: BlobRef
    media_type: str
    facts: tuple[tuple[str, str], ...] = ()
    """Small things the sender needs beside the bytes (addressees, document id, notation)."""

    def fact(self, name: str) -> str:
        """A fact by name; raises `KeyError` when the payload has none such."""
        return dict(self.facts)[name]


class Receipt(Value):
    """What the remote answered on acceptance: its own id and its raw words, kept as evidence."""

    external_id: Annotated[str, _TOLD] = ""
    raw: bytes = b""
    note: Annotated[NfcText, _TOLD] = ""


class Message(Value):
    """A row of the ledger as the engine and adapters see it."""

    id: int
    """Order within the ledger; lanes are delivered by it."""
    idem_key: str
    """Unique: the same thing arriving twice is one message."""
    link: str
    source: str
    """System instance it came from."""
    target: str
    """System instance it goes to."""
    kind: Kind
    lane: str
    """Document id: strictly in order within, in parallel across."""
    shard: int
    priority: int = 0
    state: State
    attempts: int = 0
    released: int = 0
    """How often a person has let it go on or had it tried again."""
    created_at: AwareDatetime
    updated_at: AwareDatetime
    next_at: AwareDatetime | None = None
    deadline: AwareDatetime | None = None
    external_id: str = ""
    """The source's own id of it (dms id, axis docId)."""
    business_key: NfcText = ""
    """The edXML document id a status is matched by."""
    title: NfcText = ""
    """Number and symbol: what an operator calls it."""
    record: str
    """The model value as JSON."""
    original: BlobRef | None = None
    """The untouched bytes it arrived as."""
    payload: Payload | None = None
    verdict: str = ""
    """The verification report as JSON, if a gate judged it."""
    origin_id: int | None = None
    """The message this one tells about, where the ledger knows it."""
    effect: Effect | None = None
    code: str = ""
    """Stable code of the last failure or hold."""
    reason_vi: NfcText = ""
    advice_vi: NfcText = ""
    first_sent_at: AwareDatetime | None = None
    doubt_since: AwareDatetime | None = None
    """When it became `in_doubt` (its sending was over by then); None while it is not."""
    receipt: Receipt | None = None
