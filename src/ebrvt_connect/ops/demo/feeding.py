"""Fills the simulated systems while the daemon works; may be killed and resumed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
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
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ops.demo.papers import leader_of, write_papers
from ebrvt_connect.ops.demo.plan import Flaw
from ebrvt_connect.testing.memory import MemoryBlobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from ebrvt_connect.ops.demo.papers import Paper
    from ebrvt_connect.ops.demo.plan import Plan, PlannedAgency, PlannedDocument
    from ebrvt_connect.ops.demo.province import Province
    from ebrvt_connect.ops.demo.sandbox_child import SandboxChild
    from ebrvt_connect.ports.clock import Clock

_LARGEST_FILE = 100 * 1024 * 1024
_ADMINISTRATIVE, _OFFICIAL_LETTER_ORDINAL = 2, 18


Task = tuple[str, Callable[[], dict[str, Any]]]
"""One thing to hand over: the name it is remembered by, and how it is done."""


class Feeder:
    """Hands over one thing after another, each once; `failure` tells if it had to give up."""

    def __init__(self, folder: Path, streams: Sequence[Iterable[Task]]) -> None:
        """`streams` take turns; `folder` remembers what was handed over. Nothing happens until `start`."""
        self._streams = streams
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-feeder", daemon=True)
        self._marks = folder
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._marks.mkdir(exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the thing at hand."""
        self._stop.set()
        self._thread.join(30)

    @property
    def done(self) -> bool:
        """Whether everything has been handed over (or nothing more will be)."""
        return not self._thread.is_alive()

    def facts(self) -> dict[str, dict[str, Any]]:
        """What the sandbox answered to each thing handed over, by its name."""
        return {mark.name: json.loads(mark.read_text("utf-8")) for mark in self._marks.iterdir()}

    def _run(self) -> None:
        try:
            for name, hand_over in _in_turns(self._streams):
                if (self._marks / name).exists():
                    continue
                if self._stop.is_set():
                    return
                facts = hand_over()
                draft = self._marks / f".{name}"
                draft.write_text(json.dumps(facts), "utf-8")
                draft.replace(self._marks / name)
        except Exception as failure:  # noqa: BLE001 - told by the main thread
            self.failure = failure


def _in_turns(streams: Sequence[Iterable[Task]]) -> Iterator[Task]:
    for round_ in zip_longest(*streams):
        yield from (task for task in round_ if task is not None)


class Registry:
    """Writes and signs the documents of the plan and hands them to the document system and the axis."""

    def __init__(self, plan: Plan, province: Province, sandbox: SandboxChild, clock: Clock) -> None:
        """Nothing happens until a task is done."""
        self._plan = plan
        self._province = province
        self._sandbox = sandbox
        self._clock = clock

    def outgoing(self) -> Iterator[Task]:
        """The documents that are issued, in order."""
        for planned in self._plan.outgoing:
            yield planned.id, partial(self._issue, planned)

    def incoming(self) -> Iterator[Task]:
        """The packets other agencies put on the axis, in order."""
        for planned in self._plan.incoming:
            yield planned.id, partial(self._deliver, planned)

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
    at = now.astimezone(VIETNAM).isoformat(timespec="milliseconds")
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
    day = now.astimezone(VIETNAM).date()
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
