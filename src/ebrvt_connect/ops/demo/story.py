"""The demonstration: a province is filled, the daemon works, faults strike, the audit speaks."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from ebrvt_connect.model.message import State
from ebrvt_connect.ops.composition import composed
from ebrvt_connect.ops.config import load_config
from ebrvt_connect.ops.demo.audit import Journals, audit, settled
from ebrvt_connect.ops.demo.audit_dossiers import OtherJournals, audit_dossiers
from ebrvt_connect.ops.demo.audit_reports import audit_reports
from ebrvt_connect.ops.demo.dossier_feeding import ReceptionDesk
from ebrvt_connect.ops.demo.faults import FAULTS, orders
from ebrvt_connect.ops.demo.feeding import Feeder, Registry
from ebrvt_connect.ops.demo.plan import Plan, make_plan
from ebrvt_connect.ops.demo.plan_dossiers import DossierPlan, make_dossier_plan
from ebrvt_connect.ops.demo.province import SYSTEMS, open_province
from ebrvt_connect.ops.demo.report import Ending, Fired, write_report
from ebrvt_connect.ops.demo.reporting import ReportOfficer
from ebrvt_connect.ops.demo.sandbox_child import SandboxChild

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ebrvt_connect.ops.composition import Composition
    from ebrvt_connect.ops.demo.province import Province
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.store.ledger import Ledger

SEED = 7849
_LONGEST = timedelta(minutes=5)
_LOOK = timedelta(milliseconds=250)


@dataclass(frozen=True, slots=True)
class Plans:
    """What a demonstration is to do."""

    documents: Plan
    dossiers: DossierPlan


def make_plans(documents: int | None = None) -> Plans:
    """The whole demonstration, or a smaller one around so many outgoing documents (for tests)."""
    if documents is None:
        return Plans(make_plan(), make_dossier_plan())
    return Plans(make_plan(documents, documents // 2, large_bytes=0), make_dossier_plan(documents))


def run_demo(
    root: Path,
    *,
    fresh: bool,
    clock: Clock,
    progress: Callable[[str], None],
    plans: Plans,
    server: str | None = None,
) -> dict[str, Any]:
    """Run (or go on with) the demonstration below `root`; answers the summary it wrote.

    `server` is the URL of a PostgreSQL server for its ledger; without one SQLite is used.
    Raises `ConfigInvalid`, or `ConnectError` when the sandbox or the store cannot be opened.
    """
    started_at = clock.now()
    progress("Chuẩn bị khóa thử nghiệm và môi trường mô phỏng …")
    province = open_province(root / "var" / "demo", fresh=fresh, server=server)
    world = province.folder / "sandbox"
    with SandboxChild(world, province.sandbox_config, systems=SYSTEMS, seed=SEED, clock=clock) as sandbox:
        province.write_config(sandbox.systems)
        sandbox.arm(orders())
        with composed(load_config(province.config), clock) as composition:
            run = _Run(plans, province, sandbox, composition, clock)
            in_time = run.until_all_is_done(progress)
            ending = _ending(run, started_at, in_time=in_time)
    told = write_report(ending, root / "var" / "run")
    if in_time:
        province.mark_finished()
    return told


class _Run:
    """One run of the demonstration: the people who feed it, the daemon, and the officer who reports."""

    def __init__(
        self,
        plans: Plans,
        province: Province,
        sandbox: SandboxChild,
        composition: Composition,
        clock: Clock,
    ) -> None:
        self.plans = plans
        self.sandbox = sandbox
        self.composition = composition
        self.clock = clock
        registry = Registry(plans.documents, province, sandbox, clock)
        desk = ReceptionDesk(plans.dossiers, province, sandbox, clock)
        streams = (registry.outgoing(), registry.incoming(), desk.tasks())
        self.feeder = Feeder(province.folder / "fed", streams)
        self._officer = ReportOfficer(composition, clock, first_at=len(plans.dossiers.leaving) // 3)

    def until_all_is_done(self, progress: Callable[[str], None]) -> bool:
        """Start everything, wait for its end, and stop it; False when the time ran out first."""
        self.composition.engine.start()
        self.feeder.start()
        try:
            return self._wait(progress)
        finally:
            self.feeder.stop()
            self.composition.engine.stop()
            if self.feeder.failure is not None:
                raise self.feeder.failure

    def _wait(self, progress: Callable[[str], None]) -> bool:
        deadline = self.clock.monotonic() + _LONGEST.total_seconds()
        while self.clock.monotonic() < deadline and self.feeder.failure is None:
            progress(_progress_line(self.composition.ledger))
            self._officer.file_first()
            if not self._quiet():
                _pause(_LOOK)
            elif self._officer.finished():
                return True
        return False

    def _quiet(self) -> bool:
        """Everything handed over, the simulated people have done their part, and the engine is settled.

        They act on what has been delivered, so quiet has to be seen on both sides at once.
        """
        if not self.feeder.done or self._to_come():
            return False
        return self.composition.engine.run_until_settled(timedelta(seconds=2)) and not self._to_come()

    def _to_come(self) -> int:
        """What the simulated people have still to do, and what waits to be fetched."""
        state = {name: system["state"] for name, system in self.sandbox.state()["systems"].items()}
        axis = state["vxp"]
        waiting = axis["answers_to_come"] + sum(axis["waiting"].values()) + state["qlvb"]["steps_to_come"]
        return int(waiting + state["motcua"]["steps_to_come"] + state["baocao"]["on_desks"])


_never = threading.Event()


def _pause(duration: timedelta) -> None:
    _never.wait(duration.total_seconds())


def _progress_line(ledger: Ledger) -> str:
    counts = ledger.counts()

    def number(link: str, state: State) -> int:
        return counts.get(link, {}).get(state, 0)

    told = {
        "đi": number("van-ban-di", State.DONE),
        "đến": number("van-ban-den", State.DONE),
        "trạng thái về": number("trang-thai-ve", State.DONE),
        "hồ sơ và tiến độ": number("ho-so", State.DONE),
        "báo cáo": number("bao-cao", State.DONE),
        "bị giữ": number("van-ban-di", State.HELD) + number("ho-so", State.HELD),
    }
    return ", ".join(f"{name} {count}" for name, count in told.items())


def _ending(run: _Run, started_at: datetime, *, in_time: bool) -> Ending:
    composition = run.composition
    journals = {name: run.sandbox.journal(name) for name in SYSTEMS}
    messages = composition.ledger.messages()
    known = {fault.id for fault in FAULTS}
    fired: dict[str, datetime] = {}
    for entry in chain.from_iterable(journals.values()):
        if entry["event"] == "sandbox-fault" and entry["id"] in known:
            fired.setdefault(entry["id"], datetime.fromisoformat(entry["at"]))
    first = min((m.created_at for m in messages), default=started_at)
    facts = run.feeder.facts()
    incoming = {d.id: facts[d.id] for d in run.plans.documents.incoming if d.id in facts}
    documents = Journals(axis=journals["vxp"], dms=journals["qlvb"])
    others = OtherJournals(journals["motcua"], journals["dvcqg"], journals["baocao"])
    return Ending(
        # A resumed run reports the whole province, from its first message on.
        started_at=min(started_at, first),
        finished_at=run.clock.now(),
        in_time=in_time,
        ledger=messages,
        links=composition.ledger.link_statistics(),
        ends={link.name: (link.source, link.target) for link in composition.loaded.config.links},
        checks=[
            *audit(run.plans.documents, incoming, documents, messages),
            *audit_dossiers(run.plans.dossiers, others, messages),
            *audit_reports(run.plans, others, messages),
            settled(messages),
        ],
        fired=sorted((Fired(id_, at) for id_, at in fired.items()), key=lambda f: f.at),
    )
