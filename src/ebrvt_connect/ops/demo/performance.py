"""A demonstration under way: the people who feed the province, the daemon, and the officer who reports."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from ebrvt_connect.model.message import State
from ebrvt_connect.ops.composition import composed
from ebrvt_connect.ops.config import load_config
from ebrvt_connect.ops.demo.audit import Journals, audit, settled
from ebrvt_connect.ops.demo.audit_dossiers import OtherJournals, audit_dossiers
from ebrvt_connect.ops.demo.audit_reports import audit_reports
from ebrvt_connect.ops.demo.dossier_feeding import ReceptionDesk
from ebrvt_connect.ops.demo.faults import FAULTS
from ebrvt_connect.ops.demo.feeding import Feeder, Registry
from ebrvt_connect.ops.demo.province import SYSTEMS
from ebrvt_connect.ops.demo.report import Ending, Fired
from ebrvt_connect.ops.demo.reporting import ReportOfficer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.ops.composition import Composition
    from ebrvt_connect.ops.demo.province import Province
    from ebrvt_connect.ops.demo.sandbox_child import SandboxChild
    from ebrvt_connect.ops.demo.story import Plans
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.store.ledger import Ledger

_LONGEST = timedelta(minutes=5)
_LOOK = timedelta(milliseconds=250)


def perform(
    plans: Plans,
    province: Province,
    sandbox: SandboxChild,
    clock: Clock,
    progress: Callable[[str], None],
) -> Ending:
    """Let the daemon work until all is done or the time is up; answers what came of it."""
    with composed(load_config(province.config), clock) as composition:
        run = _Run(plans, province, sandbox, composition, clock)
        in_time = run.until_all_is_done(progress)
        return _ending(run, in_time=in_time)


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
            in_time = self._wait(progress)
        except KeyboardInterrupt:
            # What it has queued goes on next time; that it cannot now is no news to whoever stopped it.
            logging.getLogger("dbos").setLevel(logging.CRITICAL)
            raise
        finally:
            self.feeder.stop()
            self.composition.engine.stop()
        # Not while something else is on its way out: what the feeder met then came of stopping.
        if self.feeder.failure is not None:
            raise self.feeder.failure
        return in_time

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


def _ending(run: _Run, *, in_time: bool) -> Ending:
    composition = run.composition
    journals = {name: run.sandbox.journal(name) for name in SYSTEMS}
    messages = composition.ledger.messages()
    known = {fault.id for fault in FAULTS}
    fired: dict[str, datetime] = {}
    for entry in chain.from_iterable(journals.values()):
        if entry["event"] == "sandbox-fault" and entry["id"] in known:
            fired.setdefault(entry["id"], datetime.fromisoformat(entry["at"]))
    first = min((m.created_at for m in messages), default=run.clock.now())
    facts = run.feeder.facts()
    incoming = {d.id: facts[d.id] for d in run.plans.documents.incoming if d.id in facts}
    documents = Journals(axis=journals["vxp"], dms=journals["qlvb"])
    others = OtherJournals(journals["motcua"], journals["dvcqg"], journals["baocao"])
    return Ending(
        started_at=first,
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
