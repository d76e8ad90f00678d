"""A province in memory around a real ledger: system `dms` gives, system `axis` takes, and tells back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ebrvt_connect.engine.drain import Drain
from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import EngineSettings, LinkSpec, SystemLimits
from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, Rejected, RetryLater, Scope, explain
from ebrvt_connect.model.document import (
    Agency,
    Document,
    DocumentReference,
    DocumentStatus,
    StatusCode,
)
from ebrvt_connect.model.dossier import Dossier, DossierCode, DossierExchange, DossierStatus, ProgressEntry
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.model.message import Kind, Message, State
from ebrvt_connect.ports.adapter import Batch, Feedback, Item, Outcome, Work
from ebrvt_connect.ports.ledger import Origin
from ebrvt_connect.resilience.breaker import BreakerPolicy
from ebrvt_connect.resilience.retry import Ladder
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs, MemorySystem

TROUBLE = explain("TEST_TROUBLE", "Hệ thống thử nghiệm gặp sự cố.", "Không cần làm gì.")
AGENCY = Agency(code=AgencyCode.parse("H06.15"))
OUT = LinkSpec(
    name="out", kinds=(Kind.DOCUMENT,), source="dms", target="axis", every=timedelta(milliseconds=100)
)
BACK = LinkSpec(
    name="back", kinds=(Kind.DOCUMENT_STATUS,), source="axis", target="dms", every=timedelta(milliseconds=100)
)
IN = LinkSpec(
    name="in", kinds=(Kind.DOCUMENT,), source="axis", target="dms", every=timedelta(milliseconds=100)
)
TOLD = LinkSpec(
    name="told", kinds=(Kind.DOCUMENT_STATUS,), source="dms", target="axis", every=timedelta(milliseconds=100)
)
DOSSIERS = LinkSpec(
    name="dossiers",
    kinds=(Kind.DOSSIER, Kind.PROGRESS),
    source="dms",
    target="axis",
    every=timedelta(milliseconds=100),
)
FAST = EngineSettings(
    poll=timedelta(milliseconds=50),
    ladder=Ladder((timedelta(milliseconds=200), timedelta(milliseconds=400))),
    breaker=BreakerPolicy(threshold=1000),
    limits={"axis": SystemLimits(8, 100_000.0), "dms": SystemLimits(8, 100_000.0)},
    store_rest=timedelta(milliseconds=300),
)


def document(number: int) -> Document:
    return Document(
        document_id=f"H06.15,2026/11/23,{number}/UBND-VP",
        number=DocumentNumber.parse(f"{number}/UBND-VP"),
        issuer=AGENCY,
    )


def item(number: int, *, lane: str = "", version: str = "1", **changes: Any) -> Item:
    record = document(number)
    wanted = {
        "kind": Kind.DOCUMENT,
        "external_id": f"d{number}",
        "version": version,
        "lane": lane or record.document_id,
        "business_key": record.document_id,
        "title": str(record.number),
        "record": record,
        **changes,
    }
    return Item(**wanted)


def status(number: int, code: StatusCode = StatusCode.ACCEPTED, **changes: Any) -> DocumentStatus:
    reference = DocumentReference(
        agency_code=AGENCY.code, number=f"{number}/UBND-VP", document_id=document(number).document_id
    )
    return DocumentStatus(**{"code": code, "reporter": AGENCY, "about": reference, **changes})


def status_item(number: int, about: int, code: StatusCode = StatusCode.ACCEPTED) -> Item:
    record = status(about, code)
    return Item(
        Kind.DOCUMENT_STATUS,
        f"s{number}",
        "1",
        document(about).document_id,
        business_key=document(about).document_id,
        record=record,
    )


def dossier_code(number: int) -> DossierCode:
    return DossierCode.parse(f"H06.15-261123-{number:04d}")


def dossier_item(number: int, revision: str = "1", **changes: Any) -> Item:
    code = dossier_code(number)
    record = Dossier(code=code, updated_at=START, revision=revision)
    wanted = {
        "kind": Kind.DOSSIER,
        "external_id": str(code),
        "version": revision,
        "lane": str(code),
        "business_key": str(code),
        "title": str(code),
        "record": record,
        **changes,
    }
    return Item(**wanted)


def progress_item(number: int, seq: int, **changes: Any) -> Item:
    code = dossier_code(number)
    record = ProgressEntry(dossier_code=code, local_code=code, seq=seq, at=START, action="Thẩm định")
    wanted = {
        "kind": Kind.PROGRESS,
        "external_id": f"{code}/{seq}",
        "version": "1",
        "lane": str(code),
        "business_key": str(code),
        "title": str(code),
        "record": record,
        **changes,
    }
    return Item(**wanted)


def told_of_dossier(message: Message, outcome: Outcome) -> tuple[Feedback, ...]:
    """What a one-stop shop wants to hear about its dossiers, and of progress only that it failed."""
    states = {
        State.DONE: DossierExchange.ACCEPTED,
        State.HELD: DossierExchange.HELD,
        State.REFUSED: DossierExchange.REFUSED,
    }
    state = states.get(outcome.state)
    if state is None or (message.kind is Kind.PROGRESS and outcome.state is State.DONE):
        return ()
    record = DossierStatus(
        dossier_code=DossierCode.parse(message.business_key),
        system=message.target,
        state=state,
        at=START,
        code=outcome.code,
        reason_vi=outcome.reason_vi,
    )
    return (Feedback(state.value, record),)


def told(message: Message, outcome: Outcome) -> tuple[Feedback, ...]:
    """What a document system wants to hear about its documents."""
    if message.kind is not Kind.DOCUMENT:
        return ()
    codes = {State.DONE: StatusCode.SENT, State.HELD: StatusCode.HELD}
    code = codes.get(outcome.state, StatusCode.FAILED)
    return (Feedback(code.value, DocumentStatus(code=code, reporter=AGENCY, note=outcome.reason_vi)),)


def retry_later(**facts: Any) -> RetryLater:
    return RetryLater(TROUBLE, "nothing happened there", system="memory", operation="submit", **facts)


def reconcile_first() -> ReconcileFirst:
    return ReconcileFirst(TROUBLE, "cut after sending", system="memory", operation="submit")


def rejected() -> Rejected:
    return Rejected(TROUBLE, "they said no", system="memory", operation="submit")


def held(scope: Scope = Scope.MESSAGE) -> HeldForPerson:
    return HeldForPerson(TROUBLE, "a person must look", scope=scope, system="memory", operation="submit")


def failing(error: Callable[[], Exception], *, only: str = "") -> Callable[[Work], None]:
    """What a remote does that fails: always, or for one external id."""

    def fail(work: Work) -> None:
        if not only or work.message.external_id == only:
            raise error()

    return fail


class Bench:
    """An engine whose drains and fetches a test runs by hand, on a clock of its own, without a dispatcher."""

    def __init__(
        self, url: str, *, links: tuple[LinkSpec, ...] = (OUT, BACK), gates: Any = None, **settings: Any
    ) -> None:
        self.clock = FakeClock()
        self.ledger = Ledger.open(url, self.clock.now())
        self.blobs = MemoryBlobs()
        self.dms, self.axis = MemorySystem(self.blobs), MemorySystem(self.blobs)
        self.dms.feedbacks = told
        self.activated: list[tuple[str, int, int, Any]] = []
        self.ledger.activate_with(self._activated)
        limits = {"axis": SystemLimits(8, 1000.0), "dms": SystemLimits(8, 1000.0)}
        defaults = {
            "ladder": Ladder((timedelta(minutes=1), timedelta(minutes=5))),
            "breaker": BreakerPolicy(threshold=1000),
            "limits": limits,
        }
        self.settings = EngineSettings(**{**defaults, **settings})
        self.engine = Engine(
            self.ledger,
            {"dms": self.dms, "axis": self.axis},
            links,
            gates or {},
            self.settings,
            self.clock,
        )
        # Full jitter is chance; the longest wait is what a test can reckon with.
        self.engine._shared.steps._jitter = lambda most: most

    def _activated(self, _tx: Any, system: str, shard: int, seq: int, not_before: Any) -> None:
        self.activated.append((system, shard, seq, not_before))

    def close(self) -> None:
        self.engine.stop(timedelta(0))
        self.ledger.close()

    def offer(self, *items: Item) -> None:
        self.dms.outbox.extend(items)

    def fetch(self, link: str = "out") -> None:
        self.engine._intake.fetch(link)

    def store(self, *items: Item, link: LinkSpec = OUT) -> None:
        origin = Origin(
            link=link.name,
            source=link.source,
            target=link.target,
            kinds=link.kinds,
            give_up_after=link.give_up_after,
        )
        self.ledger.store_batch(origin, Batch(items, "1"), self.clock.now())

    def drain(self, *systems: str, turns: int = 5) -> None:
        """Drain every shard that is due, until none is (or a few turns have passed)."""
        for _ in range(turns):
            due = [d for d in self.ledger.due_shards(self.clock.now()) if not systems or d[0] in systems]
            if not due:
                return
            for system, shard in due:
                self.drain_shard(system, shard)

    def drain_shard(self, system: str, shard: int) -> None:
        Drain(self.engine._shared, system, shard).run()

    def states(self, link: str = "out") -> list[State]:
        return [message.state for message in self.ledger.messages(link=link)]

    def only(self, link: str = "out") -> Message:
        (message,) = self.ledger.messages(link=link)
        return message

    def keys(self, system: MemorySystem | None = None) -> list[str]:
        return (system or self.axis).keys_arrived()
