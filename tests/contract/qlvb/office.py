"""Samples, and a hand inside the simulated document system."""

import copy
import hashlib
from datetime import UTC, date, datetime

from ebrvt_adapters.qlvb.incoming import incoming_metadata
from ebrvt_adapters.qlvb.verification import verification_of

from ebrvt_connect.model.document import (
    Agency,
    Attachment,
    AttachmentRole,
    Business,
    BusinessKind,
    Document,
    DocumentReference,
    DocumentType,
    Signatory,
    Urgency,
)
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.model.message import BlobRef, Kind, Message, State
from ebrvt_connect.testing import sandbox_faults

ISSUER = "000.00.15.H06"
RECIPIENTS = ("000.00.00.G22", "000.00.00.H19")
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def outgoing(name="vb-1", files=(b"%PDF-1.7 letter",), **changes):
    """An OutgoingDocument as the contract describes it; its files are not kept yet."""
    document = {
        "id": name,
        "revision": 1,
        "codeNumber": "125",
        "codeNotation": "BC-STTTT",
        "type": {"code": "BC", "name": "Báo cáo"},
        "abstract": "Báo cáo kết quả triển khai dịch vụ công trực tuyến",
        "promulgation": {"place": "Bà Rịa", "date": "2026-11-20"},
        "issuer": {"code": ISSUER, "name": "Sở Thông tin và Truyền thông (mẫu)"},
        "signatory": {"competence": "KT. GIÁM ĐỐC", "position": "Phó Giám đốc", "fullName": "Nguyễn Văn Mẫu"},
        "urgency": 1,
        "confidentiality": "NORMAL",
        "steering": 2,
        "recipients": [{"code": code, "name": f"Cơ quan {code}"} for code in RECIPIENTS],
        "places": ["Như trên", "Lưu: VT"],
        "responseFor": [],
        "taskCodes": [],
        "appendixes": [],
        "attachments": [
            {
                "seq": place,
                "name": f"tệp {place}.pdf",
                "mediaType": "application/pdf",
                "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "role": "MAIN" if place == 1 else "APPENDIX",
            }
            for place, content in enumerate(files, start=1)
        ],
        "issuedAt": "2026-11-23T08:00:00+07:00",
        "updatedAt": "2026-11-23T08:00:00+07:00",
    }
    return copy.deepcopy(document) | changes


def incoming_document(files=((b"%PDF-1.7 letter", "công văn.pdf"),), **changes):
    """A document as it comes from the axis."""
    fields = {
        "document_id": "000.00.00.G22,2026/11/20,88/VPCP",
        "number": DocumentNumber("88", "VPCP"),
        "issuer": Agency(code=AgencyCode(RECIPIENTS[0]), name="Văn phòng (mẫu)"),
        "recipients": (Agency(code=AgencyCode(ISSUER), name="Sở (mẫu)"),),
        "kind": DocumentType(group=2, detail=18, name="Công văn"),
        "abstract": "V/v thử nghiệm",
        "place": "Hà Nội",
        "promulgated_on": date(2026, 11, 20),
        "signatory": Signatory(position="Chánh Văn phòng", full_name="Trần Thị Mẫu"),
        "urgency": Urgency.VERY_URGENT,
        "response_for": (
            DocumentReference(
                agency_code=AgencyCode(ISSUER), number="7/STTTT", promulgated_on=date(2026, 1, 2)
            ),
        ),
        "steering": 1,
        "business": Business(kind=BusinessKind.UPDATE, document_id="x", reason="sửa trích yếu"),
        "attachments": tuple(
            Attachment(
                seq=place,
                name=name,
                media_type="application/pdf",
                size_bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                role=AttachmentRole.MAIN,
            )
            for place, (content, name) in enumerate(files, start=1)
        ),
    }
    return Document(**(fields | changes))


def message(record, **changes):
    """A message of the ledger around a record."""
    is_document = isinstance(record, Document)
    fields = {
        "id": 7,
        "idem_key": "van-ban-den:axis-1:v1",
        "link": "van-ban-den",
        "source": "axis",
        "target": "qlvb",
        "kind": Kind.DOCUMENT if is_document else Kind.DOCUMENT_STATUS,
        "lane": "lane",
        "shard": 0,
        "state": State.RECEIVED,
        "created_at": NOW,
        "updated_at": NOW,
        "external_id": "axis-1",
        "record": record.model_dump_json(),
        "original": BlobRef(sha256="a" * 64, size_bytes=99) if is_document else None,
    }
    return Message(**(fields | changes))


def told(document, key="axis-1"):
    """The metadata of `POST /api/incoming` for a document nobody has verified."""
    return incoming_metadata(
        document,
        axis_doc_id=key,
        received_at=NOW,
        packet=BlobRef(sha256="a" * 64, size_bytes=9),
        verification=verification_of(document, ""),
    )


class Desk:
    """What a clerk, an issuer or a trouble-maker does."""

    def __init__(self, host, clock):
        self.host = host
        self.clock = clock

    def issue(self, document, files=(b"%PDF-1.7 letter",), *, unchecked=False):
        """Issue a document (its files kept first); unchecked lets nonsense into the register."""
        with self.host.held("qlvb") as dms:
            for content in files:
                dms.world.keep((content,))
            if unchecked:
                dms.office.put_outgoing(document)
                return document
            return dms.issue(document, self.clock.now())

    def ask(self, name, kind="RECALL", reason="Ban hành nhầm"):
        with self.host.held("qlvb") as dms:
            return dms.recall(name, reason, self.clock.now(), kind=kind)

    def put_event(self, table, event):
        with self.host.held("qlvb") as dms:
            return dms.office.put_event(table, event)

    def arm(self, kind, operation="*", **fault):
        planned = sandbox_faults.Fault(system="qlvb", kind=kind, operation=operation, **fault)
        return self.host.arm([planned])

    def journal(self, event):
        with self.host.held("qlvb") as dms:
            return [entry for entry in dms.world.journal_entries() if entry["event"] == event]

    def count(self, operation):
        """Begin to count an operation: a fault that never fires sees every call."""
        self.arm("slow", operation, after=1_000_000, id=f"count {operation}")

    def calls(self, operation):
        """How often it came since."""
        with self.host.held("qlvb") as dms:
            seen = {row["id"]: row["seen"] for row in sandbox_faults.armed(dms.world)}
        return seen[f"count {operation}"]

    def state(self):
        with self.host.held("qlvb") as dms:
            return dms.state()


def fetched(adapter, kind, checkpoint=None):
    """Everything new and the checkpoint behind it, each batch acknowledged as the engine would."""
    items = []
    for batch in adapter.fetch(kind, checkpoint):
        adapter.acknowledge(kind, batch)
        items.extend(batch.items)
        checkpoint = batch.checkpoint
    return items, checkpoint
