"""What the tests of the axis share: packets, a simulator asked directly, and one asked over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from ebrvt_adapters.vxp import Vxp, VxpSettings, wire
from ebrvt_adapters.vxp.sandbox import VxpSimulator
from ebrvt_adapters.vxp.settings import VxpCredentials
from pydantic import SecretStr

from ebrvt_connect.codec.edxml_write import write_document, write_status
from ebrvt_connect.model.document import (
    Agency,
    Attachment,
    Document,
    DocumentReference,
    DocumentStatus,
    DocumentType,
)
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.model.message import Kind, Message, State
from ebrvt_connect.ports.adapter import Surroundings, Work
from ebrvt_connect.ports.simulator import SimReply, SimRequest, SimulatorSeat
from ebrvt_connect.testing import sandbox_faults
from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.testing.world import SqliteWorld, memory_world
from ebrvt_connect.transport.http import HttpSettings

SYSTEMID, SECRET = "sys.test.01", "s3cret-test"
PROVINCE, DEPARTMENT = "000.00.00.H06", "000.00.15.H06"
CABINET, MINISTRY = "000.00.00.G22", "000.00.00.G14"
ACCOUNT = {"systemid": SYSTEMID, "secret": SECRET, "agencies": [PROVINCE, DEPARTMENT]}
NEIGHBOUR = {"systemid": "sys.test.02", "secret": "other", "agencies": ["000.00.00.H29"]}


def agency(code: str) -> Agency:
    return Agency(code=AgencyCode(code), name=f"Cơ quan {code}")


def make_document(
    number: str = "125/BC-STTTT",
    *,
    sender: str = DEPARTMENT,
    to: tuple[str, ...] = (CABINET,),
    abstract: str = "Báo cáo thử nghiệm quý I",
    **more: Any,
) -> Document:
    day = date(2026, 11, 20)
    return Document(
        **{
            "document_id": f"{sender},{day:%Y/%m/%d},{number}",
            "number": DocumentNumber.parse(number),
            "issuer": agency(sender),
            "recipients": tuple(agency(code) for code in to),
            "kind": DocumentType(group=2, detail=14, name="Báo cáo"),
            "abstract": abstract,
            "promulgated_on": day,
            **more,
        }
    )


def with_file(document: Document, blobs: MemoryBlobs, content: bytes = b"%PDF-1.7 letter") -> Document:
    blob = blobs.put(iter((content,)), limit_bytes=len(content))
    file = Attachment(seq=1, name="letter.pdf", size_bytes=blob.size_bytes, sha256=blob.sha256)
    return document.model_copy(update={"attachments": (file,)})


def packet_of(document: Document, blobs: MemoryBlobs | None = None, at: datetime = START) -> bytes:
    return b"".join(write_document(document, blobs or MemoryBlobs(), passed_at=at))


def make_status(code: str, document: Document, *, reporter: str, **more: Any) -> DocumentStatus:
    about = DocumentReference(
        agency_code=document.issuer.code,
        number=str(document.number),
        document_id=document.document_id,
        promulgated_on=document.promulgated_on,
    )
    return DocumentStatus(
        **{"code": code, "reporter": agency(reporter), "about": about, "happened_at": START, **more}
    )


def status_packet(code: str, document: Document, *, reporter: str, **more: Any) -> bytes:
    return write_status(make_status(code, document, reporter=reporter, **more))


class Axis:
    """A simulator without a network between."""

    def __init__(self, *accounts: dict[str, Any], seed: int = 1, world: SqliteWorld | None = None) -> None:
        self.world = world or memory_world()
        self.config = {"accounts": list(accounts or (ACCOUNT,))}
        self.seed = seed
        self.simulator = self.open()
        self.now = START

    def open(self) -> VxpSimulator:
        return VxpSimulator.open(SimulatorSeat(self.world, self.seed, self.config))

    def raw(
        self, operation: str, headers: Any, body: bytes = b"", *, method: str = "POST", fault: str = ""
    ) -> SimReply:
        """Headers as they stand on the wire."""
        encoded = tuple(
            (name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers
        )
        with self.world.transaction():
            blob = self.world.keep((body,))
            request = SimRequest(method, f"/{operation}", (), encoded, blob, fault)
            return self.simulator.answer(request, self.now)

    def ask(
        self,
        operation: str,
        *headers: tuple[str, str],
        body: bytes = b"",
        fault: str = "",
        account: Any = None,
    ) -> dict[str, Any]:
        """A signed request; the answer's JSON."""
        who = account or self.config["accounts"][0]
        logical = (
            ("systemid", who["systemid"]),
            *headers,
            ("timestamp", wire.timestamp(self.now)),
            ("Content-Type", wire.JSON_TYPE),
        )
        reply = self.raw(operation, wire.signed_headers(logical, who["secret"]), body, fault=fault)
        answer: dict[str, Any] = json.loads(reply.body)
        return answer

    def send(
        self, packet: bytes, *, kind: str = "edoc", sender: str = DEPARTMENT, **more: Any
    ) -> dict[str, Any]:
        digest = wire.file_hash(hashlib.sha256(packet).hexdigest())
        headers = (("messagetype", kind), ("hash-file", digest), ("from", sender))
        return self.ask("sendEdoc", *headers, body=packet + wire.CRLF, **more)

    def listed(self, kind: str = "edoc", **more: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.ask("getReceivedEdocList", ("messagetype", kind), **more)["data"]
        return rows

    def acknowledge(self, doc_id: str, **more: Any) -> dict[str, Any]:
        return self.ask("updateStatus", ("docid", doc_id), ("status", "done"), **more)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [entry for entry in self.world.journal_entries() if entry["event"] == name]


@dataclass
class Link:
    """The adapter and a simulated axis, with real HTTP between them."""

    host: SandboxHost
    adapter: Vxp
    blobs: MemoryBlobs
    clock: FakeClock
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def simulator(self) -> VxpSimulator:
        simulator = self.host.seats["vxp"].simulator
        assert isinstance(simulator, VxpSimulator)
        return simulator

    def arm(self, kind: str, operation: str, **more: Any) -> None:
        fault = sandbox_faults.Fault(system="vxp", kind=kind, operation=operation, **more)
        with self.host.held("vxp") as simulator:
            sandbox_faults.arm(simulator.world, fault)

    def seed(self, name: str, packet: bytes, **more: Any) -> list[str]:
        with self.host.held("vxp") as simulator:
            blob = simulator.world.keep((packet,))
            answer = simulator.seed({"incoming": [{"id": name, "sha256": blob.sha256, **more}]})
        doc_ids: list[str] = answer["doc_ids"][name]
        return doc_ids

    def events(self, name: str) -> list[dict[str, Any]]:
        world = self.host.seats["vxp"].world
        return [entry for entry in world.journal_entries() if entry["event"] == name]

    def waiting(self, kind: str = "edoc") -> int:
        return len(self.simulator.axis.waiting.get((SYSTEMID, kind), {}))


def settings_for(url: str, **more: Any) -> VxpSettings:
    return VxpSettings(
        **{
            "transport": HttpSettings(url=url),
            "credentials": VxpCredentials(systemid=SYSTEMID, secret=SecretStr(SECRET)),
            "agencies": (AgencyCode(PROVINCE), AgencyCode(DEPARTMENT)),
            **more,
        }
    )


def make_message(record: Document | DocumentStatus, **more: Any) -> Message:
    kind = Kind.DOCUMENT if isinstance(record, Document) else Kind.DOCUMENT_STATUS
    return Message(
        **{
            "id": 1,
            "idem_key": "link:1:1",
            "link": "van-ban-di",
            "source": "qlvb",
            "target": "axis",
            "kind": kind,
            "lane": "lane",
            "shard": 0,
            "state": State.QUEUED,
            "created_at": START,
            "updated_at": START,
            "record": record.model_dump_json(),
            "title": str(getattr(record, "number", "")),
            **more,
        }
    )


def make_work(record: Document | DocumentStatus, origin: Document | None = None, **more: Any) -> Work:
    about = make_message(origin, state=State.DONE) if origin else None
    return Work(make_message(record, **more), record, about, origin)


def surroundings(clock: FakeClock, blobs: MemoryBlobs) -> Surroundings:
    return Surroundings(system="axis", clock=clock, blobs=blobs)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


PROMPT = {**ACCOUNT, "pace_seconds": 0}


def incoming(number="9/QĐ-BTTTT", **more):
    return make_document(number, **{"sender": MINISTRY, "to": (PROVINCE,), **more})


def fetched(link, kind=Kind.DOCUMENT):
    return [item for batch in link.adapter.fetch(kind, None) for item in batch.items]


def taken(link, kind=Kind.DOCUMENT):
    """What an engine does: store, then acknowledge, batch by batch."""
    items = []
    for batch in link.adapter.fetch(kind, None):
        items.extend(batch.items)
        link.adapter.acknowledge(kind, batch)
    return items


def sent(link, document=None, **more):
    """A document prepared and submitted; its work, payload and receipt."""
    work = make_work(document or make_document(), **more)
    payload = link.adapter.prepare(work)
    return work, payload, link.adapter.submit(work, payload)


def sent_status(link, status, origin=None):
    work = make_work(status, origin)
    payload = link.adapter.prepare(work)
    return work, payload, link.adapter.submit(work, payload)


def sample(name, packet, **more):
    return {"id": name, "base64": base64.b64encode(packet).decode(), **more}
