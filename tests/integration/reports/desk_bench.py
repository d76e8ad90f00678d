"""A province that reports: one-stop shop and document system in memory, a real ledger, the real report desk.

Everything in the ledger has come in by the real intake and been delivered by the real drains; a ministry in
memory takes the reports and decides about them as a test tells it to.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

from ebrvt_connect.engine import steering
from ebrvt_connect.engine.drain import Drain
from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import EngineSettings, LinkSpec, SystemLimits
from ebrvt_connect.errors import HeldForPerson, Rejected, explain
from ebrvt_connect.model.document import Agency, Attachment, Document
from ebrvt_connect.model.dossier import Channel, Dossier, DossierCode, DossierStage
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.period import VIETNAM, ReportingPeriod
from ebrvt_connect.model.report import Observation, Report, ReportState
from ebrvt_connect.ops.report_desk import ReportDesk
from ebrvt_connect.ops.report_making import DeskSettings, ReportMaking
from ebrvt_connect.ports.adapter import AskAgain, Item, Surroundings
from ebrvt_connect.ports.decisions import REPORT_RETURNED
from ebrvt_connect.ports.gate import Judgement
from ebrvt_connect.resilience.breaker import BreakerPolicy
from ebrvt_connect.resilience.retry import Ladder
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.snapshots import Snapshot
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs, MemorySystem

HELD = explain("TEST_HELD", "Chưa đạt.", "Xem lại.")

Q3 = ReportingPeriod.parse("2019-Q3")
BEGIN = datetime(2019, 8, 20, 8, tzinfo=VIETNAM)
CLOSED = datetime(2019, 9, 16, 8, tzinfo=VIETNAM)
SETTINGS = DeskSettings(
    organization=AgencyCode.parse("H06"),
    receiver=AgencyCode.parse("G14"),
    dossier_links=("ho-so",),
    document_links=("van-ban-di",),
)
_SOON = timedelta(milliseconds=100)
LINKS = (
    LinkSpec(name="ho-so", kinds=(Kind.DOSSIER,), source="motcua", target="cong", every=_SOON),
    LinkSpec(name="van-ban-di", kinds=(Kind.DOCUMENT,), source="qlvb", target="truc", every=_SOON),
    LinkSpec(name="van-ban-den", kinds=(Kind.DOCUMENT,), source="truc", target="qlvb", every=_SOON),
    LinkSpec(name="bao-cao", kinds=(Kind.REPORT,), source="ban-bao-cao", target="bo", every=_SOON),
)


def at(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2019, month, day, hour, tzinfo=VIETNAM)


def dossier(number: int, **changes: Any) -> Dossier:
    """Received and resolved in the third quarter, online and early, unless told otherwise."""
    wanted: dict[str, Any] = {
        "code": DossierCode.parse(f"H06.15-190701-{number:04d}"),
        "stage": DossierStage.RETURNED,
        "channel": Channel.ONLINE,
        "received_at": at(7, 1),
        "due_at": at(7, 20, 17),
        "finished_at": at(7, 18),
        "returned_at": at(7, 19),
        "updated_at": at(7, 19),
        "revision": "1",
        **changes,
    }
    return Dossier(**wanted)


def dossier_item(record: Dossier) -> Item:
    return Item(
        kind=Kind.DOSSIER,
        external_id=str(record.code),
        version=record.revision,
        lane=str(record.code),
        business_key=str(record.code),
        title=str(record.code),
        record=record,
    )


def document(number: int, **changes: Any) -> Document:
    wanted: dict[str, Any] = {
        "document_id": f"H06.15,2019/08/01,{number}/UBND-VP",
        "number": DocumentNumber.parse(f"{number}/UBND-VP"),
        "issuer": Agency(code=AgencyCode.parse("H06.15")),
        "recipients": (Agency(code=AgencyCode.parse("G22")),),
        "promulgated_on": date(2019, 8, 1),
        "attachments": (Attachment(seq=1, name="a.pdf", size_bytes=1, sha256="0" * 64),),
        **changes,
    }
    return Document(**wanted)


def document_item(record: Document, external_id: str = "", version: str = "1", **changes: Any) -> Item:
    wanted: dict[str, Any] = {
        "kind": Kind.DOCUMENT,
        "external_id": external_id or f"v{record.number.number}",
        "version": version,
        "lane": record.document_id,
        "business_key": record.document_id,
        "title": str(record.number),
        "record": record,
        **changes,
    }
    return Item(**wanted)


def verdict(indication: str = "TOTAL_PASSED", *, for_issuer: bool = True, **changes: Any) -> str:
    file = {"file": "a.pdf", "indication": indication, "sub_indications": [], **changes}
    return json.dumps({"documents": [file], "signed_for_issuer": for_issuer})


class Gatekeeper:
    """Judges by external id: what is in `holds` is held, `verdicts` are what it has found."""

    def __init__(self) -> None:
        self.holds: set[str] = set()
        self.verdicts: dict[str, str] = {}

    def judge(self, message: Any, _record: Any) -> Judgement:
        found = self.verdicts.get(message.external_id, verdict())
        if message.external_id in self.holds:
            return Judgement(False, HELD.code, HELD.sentence_vi, HELD.advice_vi, found)
        return Judgement(passed=True, verdict=found)


class ReportBench:
    """The province; a test offers records, lets them flow, and looks at what is reported."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.clock = FakeClock(BEGIN)
        self.ledger = Ledger.open(url, self.clock.now())
        self.blobs = MemoryBlobs()
        self.motcua, self.cong, self.qlvb, self.truc, self.bo = (MemorySystem(self.blobs) for _ in range(5))
        # As every real source of dossiers and documents, these hear of a refusal.
        for source in (self.motcua, self.qlvb):
            source.feedbacks = lambda _message, _outcome: ()
        self.settings = SETTINGS.model_copy(update=settings)
        self.making = ReportMaking(self.settings, self.ledger)
        self.desk = self.open_desk()
        self.bo.decides_later = lambda _work: timedelta(seconds=5)
        self.bo.on_ask = lambda _work: AskAgain(timedelta(seconds=5))
        self.gate, self.papers = Gatekeeper(), Gatekeeper()
        self.engine = Engine(
            self.ledger,
            {
                "motcua": self.motcua,
                "cong": self.cong,
                "qlvb": self.qlvb,
                "truc": self.truc,
                "bo": self.bo,
                "ban-bao-cao": self.desk,
            },
            LINKS,
            {"ho-so": self.papers, "van-ban-di": self.gate, "van-ban-den": None, "bao-cao": None},
            EngineSettings(
                ladder=Ladder((timedelta(minutes=1),)),
                breaker=BreakerPolicy(threshold=1000),
                limits={
                    n: SystemLimits(4, 10_000.0)
                    for n in ("motcua", "cong", "qlvb", "truc", "bo", "ban-bao-cao")
                },
            ),
            self.clock,
        )
        self.ledger.activate_with(lambda *_: None)

    def open_desk(self) -> ReportDesk:
        surroundings = Surroundings("ban-bao-cao", self.clock, self.blobs)
        return ReportDesk.open(self.settings, surroundings, self.ledger)

    def close(self) -> None:
        self.engine.stop(timedelta(0))
        self.ledger.close()

    # --- flowing ------------------------------------------------------------------------------------------

    def offer(self, *records: Dossier | Document) -> None:
        for record in records:
            if isinstance(record, Dossier):
                self.motcua.outbox.append(dossier_item(record))
            else:
                self.qlvb.outbox.append(document_item(record))

    def flow(self, *records: Dossier | Document) -> None:
        """Offer, fetch and deliver all that can be delivered now."""
        self.offer(*records)
        for link in LINKS:
            self.engine._intake.fetch(link.name)
        self.drain()

    def drain(self) -> None:
        for _ in range(10):
            due = self.ledger.due_shards(self.clock.now())
            if not due:
                return
            for system, shard in due:
                Drain(self.engine._shared, system, shard).run()

    def pass_time(self, **time: float) -> None:
        self.clock.advance(timedelta(**time))
        self.flow()

    def close_period(self) -> None:
        self.clock.advance(CLOSED - self.clock.now())

    # --- reporting ----------------------------------------------------------------------------------------

    def observations(self) -> dict[str, Observation]:
        found = self.making.compute(Q3, self.clock.now()).observations
        return {o.indicator_code: o for o in found}

    def parts(self, code: str) -> tuple[int, int]:
        found = self.observations()[code]
        assert found.numerator is not None
        assert found.denominator is not None
        return int(found.numerator), int(found.denominator)

    def report(self, **changes: Any) -> Any:
        """Freeze the quarter, hand it to the daemon and let it go."""
        wanted = {"reason": "thử nghiệm", "hand_over": True, **changes}
        frozen = self.making.freeze(Q3, self.clock.now(), **wanted)
        self.flow()
        return frozen

    def returns(self, reason: str = "số liệu cũ") -> None:
        """The ministry returns what it has not decided yet."""

        def ask(_work: Any) -> Any:
            raise Rejected(
                REPORT_RETURNED, "returned", system="bo", operation="status", period=str(Q3), reason=reason
            )

        self._decides(ask)

    def approves(self) -> None:
        self._decides(lambda _work: None)

    def locks(self, explanation: Any) -> None:
        def ask(_work: Any) -> Any:
            raise HeldForPerson(explanation, "locked", system="bo", operation="status")

        self._decides(ask)

    def _decides(self, ask: Any) -> None:
        waiting = self.bo.on_ask
        self.bo.on_ask = ask
        self.clock.advance(timedelta(seconds=6))
        self.drain()
        self.bo.on_ask = waiting
        self.flow()

    def arrived(self) -> list[Report]:
        return [work.record for work in self.bo.arrived if isinstance(work.record, Report)]

    def states(self, link: str) -> list[State]:
        return [message.state for message in self.ledger.messages(link=link)]


def state(province: ReportBench, frozen: Snapshot) -> ReportState | None:
    """What the desk was told of a report last."""
    return province.making.known(frozen.report.packet_id).state


def release(province: ReportBench) -> None:
    """A person lets the first report go."""
    message = province.ledger.messages(link="bao-cao")[0]
    steering.release(province.ledger, message.id, by="test", why="đã sửa", now=province.clock.now())
    province.flow()
