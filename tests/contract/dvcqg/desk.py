"""What the tests of the portal share: a dossier, its progress, a simulator asked directly or over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ebrvt_adapters.dvcqg import Dvcqg, DvcqgSettings
from ebrvt_adapters.dvcqg.mapping import Agreement, CatalogueEntry, default_codes, mapped_dossier
from ebrvt_adapters.dvcqg.sandbox import DvcqgSimulator
from ebrvt_adapters.dvcqg.settings import DvcqgCredentials
from pydantic import SecretStr

from ebrvt_connect.model.dossier import (
    Applicant,
    ApplicantKind,
    Channel,
    Component,
    Dossier,
    DossierCode,
    DossierStage,
    Fee,
    FeeMoment,
    Identity,
    OnlinePayment,
    Procedure,
    ProgressEntry,
    ReturnMethod,
    Unit,
)
from ebrvt_connect.model.message import Message, Payload, State
from ebrvt_connect.model.record import kind_of
from ebrvt_connect.ports.adapter import Surroundings, Work
from ebrvt_connect.ports.simulator import SimReply, SimRequest, SimulatorSeat
from ebrvt_connect.testing import sandbox_faults
from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.testing.world import SqliteWorld, memory_world
from ebrvt_connect.transport.http import HttpSettings

VECTORS = Path(__file__).parents[2] / "vectors" / "dvcqg"
CODE = "000.00.15.H06-230315-0007"
UNIT, DSTCODE = "000.00.00.H06", "VN:GOV:000.00.00.G22:dvcqg"
USERNAME, PASSWORD, SESSION = "brvt_mc", "mat-khau-thu-nghiem", "9f2c-thu-nghiem"
ROOT = "/VXPAdapter/RestService/forward/mapi"
PROCEDURE = CatalogueEntry(
    code="1.001234.000.00.00.H06",
    name="Cấp giấy phép thử nghiệm",
    field_code="G08-TT01",
    field_name="Bưu chính",
)
ACCOUNT = {
    "username": USERNAME,
    "password": PASSWORD,
    "units": [UNIT],
    "dstcode": DSTCODE,
    "procedures": [PROCEDURE.model_dump()],
}
AGREED = Agreement(codes=default_codes(), public_base="https://mc.example.vn/f")
BARE = Agreement(codes=default_codes())


def vector(name: str) -> bytes:
    return (VECTORS / f"{name}.json").read_bytes()


def local(text: str) -> datetime:
    """`2023-03-15 09:30` in Vietnam."""
    return datetime.fromisoformat(text).replace(tzinfo=timezone(timedelta(hours=7))).astimezone(UTC)


def make_dossier(**more: Any) -> Dossier:
    """The dossier of the example exchange."""
    return Dossier(
        **{
            "code": DossierCode(CODE),
            "procedure": Procedure(
                local_code="BC-01", national_code=PROCEDURE.code, name="Giấy phép thử nghiệm"
            ),
            "agency": Unit(code="000.00.15.H06", name="Sở Thông tin và Truyền thông"),
            "applicant": make_applicant(),
            "abstract": "Đề nghị cấp phép",
            "channel": Channel.ONLINE,
            "submitted_at": local("2023-03-15 08:30"),
            "received_at": local("2023-03-15 09:30"),
            "due_at": local("2023-03-22 17:00"),
            "return_method": ReturnMethod.COUNTER,
            "status_word": "receiving",
            "stage": DossierStage.RECEIVED,
            "components": (
                Component(name="don.pdf", file_id="501", digitised=True, reuse=0, from_national_store=False),
            ),
            "fees": (
                Fee(
                    code="1",
                    name="Lệ phí",
                    kind="1",
                    amount_dong=150_000,
                    collected_when=FeeMoment.RECEIPT,
                ),
            ),
            "online_payment": OnlinePayment.PROVINCIAL,
            "databases_used": ("1",),
            "updated_at": local("2023-03-15 09:31"),
            "revision": "1",
            **more,
        }
    )


def make_applicant(**more: Any) -> Applicant:
    return Applicant(
        **{
            "kind": ApplicantKind.ENTERPRISE,
            "name": "Công ty TNHH Thử Nghiệm Một",
            "identities": (Identity(kind="CITIZEN_ID", number="000000000000"),),
            "technical_id": "tech-0001",
            "verified_by_vneid": True,
            "email": "a@example.vn",
            "phone": "0900000001",
            **more,
        }
    )


def make_entry(**more: Any) -> ProgressEntry:
    """The progress entry of the example exchange."""
    return ProgressEntry(
        **{
            "dossier_code": DossierCode(CODE),
            "local_code": DossierCode(CODE),
            "seq": 1,
            "at": local("2023-03-15 09:30"),
            "actor_name": "Nguyễn Thị B",
            "actor_unit": "Bộ phận Một cửa",
            "action": "Tiếp nhận hồ sơ",
            "status_word": "receiving",
            "stage": DossierStage.RECEIVED,
            "step_due_at": local("2023-03-22 17:00"),
            **more,
        }
    )


def catalogue(code: str) -> CatalogueEntry | None:
    return PROCEDURE if code == PROCEDURE.code else None


def data_of(dossier: Dossier | None = None, agreed: Agreement = AGREED) -> dict[str, Any]:
    return mapped_dossier(dossier or make_dossier(), agreed, catalogue).data


def make_message(record: Dossier | ProgressEntry, **more: Any) -> Message:
    return Message(
        **{
            "id": 7,
            "idem_key": "link:1:1",
            "link": "ho-so",
            "source": "motcua",
            "target": "portal",
            "kind": kind_of(record),
            "lane": CODE,
            "shard": 0,
            "state": State.QUEUED,
            "created_at": START,
            "updated_at": START,
            "record": record.model_dump_json(),
            **more,
        }
    )


def make_work(record: Dossier | ProgressEntry, *siblings: Message, **more: Any) -> Work:
    return Work(make_message(record, **more), record, siblings=siblings)


def settings_for(url: str, **more: Any) -> DvcqgSettings:
    return DvcqgSettings(
        **{
            "transport": HttpSettings(url=url),
            "credentials": DvcqgCredentials(username=USERNAME, password=SecretStr(PASSWORD)),
            "unit": UNIT,
            "dstcode": DSTCODE,
            "procedures": (PROCEDURE,),
            "public_base": "https://mc.example.vn/f",
            **more,
        }
    )


class Desk:
    """A simulator without a network between."""

    def __init__(self, seed: int = 0, world: SqliteWorld | None = None, **config: Any) -> None:
        self.world = world or memory_world()
        self.seat = SimulatorSeat(self.world, seed, {"accounts": [{**ACCOUNT, **config}]})
        self.simulator = DvcqgSimulator.open(self.seat)
        self.now = START
        self.session = ""

    def raw(
        self, body: bytes, *, path: str = ROOT, fault: str = "", dstcode: str = DSTCODE, method: str = "POST"
    ) -> SimReply:
        with self.world.transaction():
            blob = self.world.keep((body,))
            headers = ((b"dstcode", dstcode.encode()),)
            request = SimRequest(method, path, (), headers, blob, fault)
            return self.simulator.answer(request, self.now)

    def login(self, password: str = PASSWORD) -> dict[str, Any]:
        body = json.dumps({"username": USERNAME, "password": password}).encode()
        answer: dict[str, Any] = json.loads(self.raw(body, path=f"{ROOT}/login").body)
        self.session = answer.get("session", "")
        return answer

    def ask(
        self, service: str, *, path: str = ROOT, fault: str = "", unit: str = UNIT, **keys: Any
    ) -> dict[str, Any]:
        if not self.session:
            self.login()
        body = {"session": self.session, "madonvi": unit, "service": service, **keys}
        answer: dict[str, Any] = json.loads(self.raw(json.dumps(body).encode(), path=path, fault=fault).body)
        return answer

    def push(self, *dossiers: dict[str, Any], updating: str = "False", **more: Any) -> dict[str, Any]:
        data = list(dossiers) or [data_of()]
        return self.ask("DongBoHoSoMC", isUpdating=updating, data=data, **more)

    def append(self, *entries: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.ask("CapNhatTienDoHoSoMC", data=list(entries), **more)

    def events(self, *names: str) -> list[dict[str, Any]]:
        return [entry for entry in self.world.journal_entries() if entry["event"] in names]


@dataclass
class Link:
    """The adapter and a simulated portal, with real HTTP between them."""

    host: SandboxHost
    adapter: Dvcqg
    blobs: MemoryBlobs
    clock: FakeClock
    sent: int = 0

    @property
    def simulator(self) -> DvcqgSimulator:
        simulator = self.host.seats["dvcqg"].simulator
        assert isinstance(simulator, DvcqgSimulator)
        return simulator

    def arm(self, kind: str, operation: str, **more: Any) -> None:
        fault = sandbox_faults.Fault(system="dvcqg", kind=kind, operation=operation, **more)
        with self.host.held("dvcqg") as simulator:
            sandbox_faults.arm(simulator.world, fault)

    def events(self, *names: str) -> list[dict[str, Any]]:
        world = self.host.seats["dvcqg"].world
        return [entry for entry in world.journal_entries() if entry["event"] in names]

    def told(self, *names: str) -> list[str]:
        return [entry["event"] for entry in self.events(*names)]

    def delivered(self, record: Dossier | ProgressEntry, *siblings: Message) -> Message:
        """Prepared, submitted and done, as the ledger would keep it."""
        work = make_work(record, *siblings, state=State.SENDING)
        payload = self.adapter.prepare(work)
        receipt = self.adapter.submit(work, payload)
        return self.done(record, payload).model_copy(update={"receipt": receipt})

    def done(self, record: Dossier | ProgressEntry, payload: Payload) -> Message:
        self.sent += 1
        return make_message(record, id=self.sent, state=State.DONE, payload=payload)

    def in_doubt(
        self, record: Dossier | ProgressEntry, *siblings: Message, since: datetime | None = None
    ) -> tuple[Work, Payload]:
        """As a message whose reply was lost is asked after."""
        more = {"state": State.IN_DOUBT, "doubt_since": since or self.clock.now()}
        work = make_work(record, *siblings, **more)
        return work, self.adapter.prepare(work)


def surroundings(clock: FakeClock, blobs: MemoryBlobs) -> Surroundings:
    return Surroundings(system="portal", clock=clock, blobs=blobs)
