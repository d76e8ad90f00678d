"""Fills the simulated systems with the plan's documents while the daemon works; may be killed and resumed."""

from __future__ import annotations

import json
import threading
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ebrvt_connect.codec.edxml_write import write_document
from ebrvt_connect.model.document import (
    Agency,
    Attachment,
    AttachmentRole,
    Document,
    DocumentType,
    Signatory,
)
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.ops.demo.papers import leader_of, write_papers
from ebrvt_connect.ops.demo.plan import Flaw
from ebrvt_connect.ops.words import VIETNAM_TIME
from ebrvt_connect.testing.memory import MemoryBlobs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ebrvt_connect.ops.demo.papers import Paper
    from ebrvt_connect.ops.demo.plan import Plan, PlannedAgency, PlannedDocument
    from ebrvt_connect.ops.demo.province import Province
    from ebrvt_connect.ops.demo.sandbox_child import SandboxChild
    from ebrvt_connect.ports.clock import Clock

_LARGEST_FILE = 100 * 1024 * 1024
_ADMINISTRATIVE, _OFFICIAL_LETTER_ORDINAL = 2, 18


class Feeder:
    """Writes, signs and hands over one document after another; `failure` tells if it had to give up."""

    def __init__(self, plan: Plan, province: Province, sandbox: SandboxChild, clock: Clock) -> None:
        """Nothing happens until `start`."""
        self._plan = plan
        self._province = province
        self._sandbox = sandbox
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-feeder", daemon=True)
        self._marks = province.folder / "fed"
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._marks.mkdir(exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the document at hand."""
        self._stop.set()
        self._thread.join(30)

    @property
    def done(self) -> bool:
        """Whether everything has been handed over (or nothing more will be)."""
        return not self._thread.is_alive()

    def incoming_facts(self) -> dict[str, dict[str, Any]]:
        """What was handed over as incoming, by planned id: the axis' DocIds."""
        facts = {}
        for planned in self._plan.incoming:
            mark = self._marks / planned.id
            if mark.exists():
                facts[planned.id] = json.loads(mark.read_text("utf-8"))
        return facts

    def _run(self) -> None:
        try:
            pairs = zip_longest(self._plan.outgoing, self._plan.incoming)
            for outgoing, incoming in pairs:
                for planned, hand_over in ((outgoing, self._issue), (incoming, self._deliver)):
                    if planned is None or (self._marks / planned.id).exists():
                        continue
                    if self._stop.is_set():
                        return
                    facts = hand_over(planned)
                    (self._marks / planned.id).write_text(json.dumps(facts), "utf-8")
        except Exception as failure:  # noqa: BLE001 - told by the main thread
            self.failure = failure

    def _issue(self, planned: PlannedDocument) -> dict[str, Any]:
        """An issued document in the document-management system."""
        now = self._clock.now()
        papers = write_papers(planned, self._province.pki, now)
        kept = [self._sandbox.keep("qlvb", paper.content) for paper in papers]
        attachments = [
            {
                "seq": seq,
                "name": paper.name,
                "mediaType": paper.media_type,
                "size": blob["size_bytes"],
                "sha256": blob["sha256"],
                "role": "MAIN" if paper.main else "APPENDIX",
            }
            for seq, (paper, blob) in enumerate(zip(papers, kept, strict=True), start=1)
        ]
        leader = leader_of(planned, self._province.pki)
        return self._sandbox.seed("qlvb", {"documents": [_as_issued(planned, attachments, now, leader)]})

    def _deliver(self, planned: PlannedDocument) -> dict[str, Any]:
        """A packet of another agency on the axis."""
        now = self._clock.now()
        blobs = MemoryBlobs()
        papers = write_papers(planned, self._province.pki, now)
        attachments = [_attachment(blobs, n, p) for n, p in enumerate(papers, start=1)]
        document = _as_document(planned, attachments, now, leader_of(planned, self._province.pki))
        packet = b"".join(write_document(document, blobs, passed_at=now))
        kept = self._sandbox.keep("vxp", packet)
        return self._sandbox.seed("vxp", {"incoming": [{"id": planned.id, "sha256": kept["sha256"]}]})


def _as_issued(
    planned: PlannedDocument, attachments: list[dict[str, Any]], now: datetime, leader: dict[str, str]
) -> dict[str, Any]:
    at = now.astimezone(VIETNAM_TIME).isoformat(timespec="milliseconds")
    return {
        "id": planned.id,
        "revision": 1,
        "codeNumber": planned.number,
        "codeNotation": planned.symbol,
        "type": {"code": planned.type_code, "name": planned.type_name},
        "abstract": planned.abstract,
        "promulgation": {"place": planned.sender.place, "date": at[:10]},
        "issuer": {"code": planned.sender.code, "name": planned.sender.name},
        "signatory": {"position": leader["title"].upper(), "fullName": leader["common_name"]},
        "urgency": 0,
        "confidentiality": "MAT" if planned.flaw is Flaw.SECRET else "NORMAL",
        "recipients": [{"code": r.code, "name": r.name} for r in planned.recipients],
        "places": ["Như trên", "Lưu: VT"],
        "responseFor": [],
        "taskCodes": [],
        "appendixes": [],
        "business": {"kind": "NEW"},
        "attachments": attachments,
        "issuedAt": at,
        "updatedAt": at,
    }


def _as_document(
    planned: PlannedDocument, attachments: Iterable[Attachment], now: datetime, leader: dict[str, str]
) -> Document:
    day = now.astimezone(VIETNAM_TIME).date()
    return Document(
        document_id=f"{planned.sender.code},{day:%Y/%m/%d},{planned.title}",
        number=DocumentNumber.of(planned.number, planned.symbol),
        issuer=_agency(planned.sender),
        recipients=tuple(_agency(r) for r in planned.recipients),
        kind=DocumentType(group=_ADMINISTRATIVE, detail=_OFFICIAL_LETTER_ORDINAL, name=planned.type_name),
        abstract=planned.abstract,
        place=planned.sender.place,
        promulgated_on=day,
        signatory=Signatory(position=leader["title"].upper(), full_name=leader["common_name"]),
        steering=0,
        attachments=tuple(attachments),
    )


def _agency(planned: PlannedAgency) -> Agency:
    return Agency(code=AgencyCode.parse(planned.code), name=planned.name)


def _attachment(blobs: MemoryBlobs, seq: int, paper: Paper) -> Attachment:
    ref = blobs.put([paper.content], limit_bytes=_LARGEST_FILE)
    return Attachment(
        seq=seq,
        name=paper.name,
        media_type=paper.media_type,
        size_bytes=ref.size_bytes,
        sha256=ref.sha256,
        role=AttachmentRole.MAIN if paper.main else AttachmentRole.APPENDIX,
    )
