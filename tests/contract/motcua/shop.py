"""Samples, and a hand inside the simulated one-stop shop."""

import copy
import hashlib
from datetime import UTC, datetime

from ebrvt_connect.codec.jsonfields import written_moment
from ebrvt_connect.model.message import Kind, Message, State
from ebrvt_connect.model.record import kind_of
from ebrvt_connect.testing import sandbox_faults

CODE = "H06.15-261123-0001"
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
RESULT = b"%PDF-1.7 permit"


def dossier(code=CODE, **changes):
    """A dossier as the contract describes it, just received."""
    made = {
        "id": f"hs-{code}",
        "code": code,
        "procedure": {
            "localCode": "BCVT-01",
            "nationalCode": "1.001234.000.00.00.H06",
            "name": "Cấp giấy phép bưu chính (mẫu)",
        },
        "field": {"code": "BC", "name": "Bưu chính"},
        "agency": {"code": "H06.15", "name": "Sở Thông tin và Truyền thông (mẫu)"},
        "applicant": {
            "kind": "ENTERPRISE",
            "name": "Công ty TNHH Thử Nghiệm Một",
            "identities": [{"kind": "TAX_CODE", "number": "0000000001"}],
            "techId": "tech-0001",
            "verifiedByVneid": True,
            "email": "mot@example.vn",
            "phone": "0900000001",
            "address": "Số 1 đường Mẫu",
        },
        "abstract": "Đề nghị cấp giấy phép bưu chính",
        "channel": "ONLINE",
        "submittedAt": "2026-11-22T15:00:00+07:00",
        "receivedAt": "2026-11-23T07:30:00+07:00",
        "dueAt": "2026-11-30T17:00:00+07:00",
        "returnMethod": "COUNTER",
        "status": "receiving",
        "components": [
            {
                "componentCode": "000.00.00.G22-KQ0001",
                "name": "Đơn đề nghị.pdf",
                "fileId": "501",
                "deleted": False,
                "digitised": True,
                "reuse": 0,
                "fromNationalStore": False,
            }
        ],
        "otherPapers": [],
        "fees": [{"code": "P1", "name": "Lệ phí", "kind": "1", "amount": 150000, "collectedWhen": "RECEIPT"}],
        "onlinePayment": "PROVINCIAL",
        "supplements": [],
        "results": [],
        "databasesUsed": [],
        "updatedAt": "2026-11-23T08:00:00+07:00",
        "revision": 1,
    }
    return copy.deepcopy(made) | changes


def step(status="receiving", action="Tiếp nhận hồ sơ", **changes):
    """A step of progress; its number and time are the shop's."""
    made = {
        "actor": {"name": "Nguyễn Thị B", "position": "Chuyên viên", "unit": "Bộ phận Một cửa"},
        "action": action,
        "status": status,
    }
    return made | changes


def result(file_id="kq-1", **changes):
    """A result paper with a file."""
    made = {
        "componentCode": "",
        "resultCode": "KQ.1",
        "name": "Giấy phép",
        "fileId": file_id,
        "number": "7/GP",
    }
    return made | changes


def kept(content=RESULT, **changes):
    """How the shop names a file whose bytes were kept."""
    made = {"sha256": hashlib.sha256(content).hexdigest(), "mediaType": "application/pdf", "name": "kq.pdf"}
    return made | changes


def message(record, **changes):
    """A message of the ledger around a record."""
    fields = {
        "id": 7,
        "idem_key": "ho-so:x:1",
        "link": "ho-so",
        "source": "motcua",
        "target": "dvcqg",
        "kind": kind_of(record),
        "lane": CODE,
        "shard": 0,
        "state": State.RECEIVED,
        "created_at": NOW,
        "updated_at": NOW,
        "external_id": CODE,
        "record": record.model_dump_json(),
    }
    return Message(**(fields | changes))


class Counter:
    """What a clerk or a trouble-maker does."""

    def __init__(self, host, clock):
        self.host = host
        self.clock = clock

    def seed(self, *dossiers, files=(RESULT,), **more):
        with self.host.held("motcua") as shop:
            for content in files:
                shop.world.keep((content,))
            return shop.seed({"dossiers": list(dossiers), **more})

    def receive(self, code=CODE, *, steps=1, **changes):
        """A dossier changed now, with so many steps behind it."""
        now = written_moment(self.clock.now())
        entries = [{"at": now, **step(action=f"Bước {number}")} for number in range(1, steps + 1)]
        self.seed(dossier(code, **({"updatedAt": now} | changes)), progress={code: entries})

    def put(self, made):
        """Whatever the contract says."""
        with self.host.held("motcua") as shop:
            shop.shop.put(made)

    def do(self, code=CODE, *, entry=None, files=None, progress=None, unchecked=False, **fields):
        """A clerk's step, now; `progress` is the whole list as it reads afterwards."""
        with self.host.held("motcua") as shop:
            for content in (files or {}).values():
                shop.world.keep((content,))
            told = {name: kept(content) for name, content in (files or {}).items()}
            script = {"files": told, "dossier": fields, "unchecked": unchecked}
            more = {"entry": entry, "progress": progress}
            script |= {name: one for name, one in more.items() if one is not None}
            shop.shop.do(code, script, self.clock.now())

    def steps(self, code=CODE):
        """A dossier's progress as it reads now."""
        with self.host.held("motcua") as shop:
            return shop.shop.steps(code)

    def rewrite(self, code=CODE, *, seq, **changes):
        """What must not happen: a step is changed after it was written."""
        with self.host.held("motcua") as shop:
            steps = [one | changes if one["seq"] == seq else one for one in shop.shop.steps(code)]
            shop.world.put("progress", code, {"entries": steps})

    def tick(self):
        with self.host.held("motcua") as shop, shop.world.transaction():
            shop.tick(self.clock.now())

    def arm(self, kind, operation="*", **fault):
        planned = sandbox_faults.Fault(system="motcua", kind=kind, operation=operation, **fault)
        return self.host.arm([planned])

    def journal(self, event):
        with self.host.held("motcua") as shop:
            return [entry for entry in shop.world.journal_entries() if entry["event"] == event]

    def count(self, operation):
        """Begin to count an operation: a fault that never fires sees every call."""
        self.arm("slow", operation, after=1_000_000, id=f"count {operation}")

    def calls(self, operation):
        """How often it came since."""
        with self.host.held("motcua") as shop:
            seen = {row["id"]: row["seen"] for row in sandbox_faults.armed(shop.world)}
        return seen[f"count {operation}"]

    def state(self):
        with self.host.held("motcua") as shop:
            return shop.state()


def fetched(adapter, checkpoint=None):
    """Everything new and the checkpoint behind it, each batch acknowledged as the engine would."""
    items = []
    for batch in adapter.fetch(Kind.DOSSIER, checkpoint):
        adapter.acknowledge(Kind.DOSSIER, batch)
        items.extend(batch.items)
        checkpoint = batch.checkpoint
    return items, checkpoint


def names(items):
    """What came, in its order."""
    return [item.external_id for item in items]
