"""The demonstration: a province is filled, the daemon works, faults strike, the audit speaks."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ebrvt_connect.model.message import State
from ebrvt_connect.ops.composition import composed
from ebrvt_connect.ops.config import load_config
from ebrvt_connect.ops.demo.audit import Journals, audit
from ebrvt_connect.ops.demo.faults import FAULTS, orders
from ebrvt_connect.ops.demo.feeding import Feeder
from ebrvt_connect.ops.demo.province import open_province
from ebrvt_connect.ops.demo.report import Ending, Fired, write_report
from ebrvt_connect.ops.demo.sandbox_child import SandboxChild

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ebrvt_connect.ops.composition import Composition
    from ebrvt_connect.ops.demo.plan import Plan
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.store.ledger import Ledger

SEED = 7849
_LONGEST = timedelta(minutes=5)
_LOOK = timedelta(milliseconds=250)


def run_demo(
    root: Path,
    *,
    fresh: bool,
    clock: Clock,
    progress: Callable[[str], None],
    plan: Plan,
) -> dict[str, Any]:
    """Run (or go on with) the demonstration below `root`; answers the summary it wrote.

    Raises `ConfigInvalid`, or `ConnectError` when the sandbox or the store cannot be opened.
    """
    started_at = clock.now()
    progress("Chuẩn bị khóa thử nghiệm và môi trường mô phỏng …")
    province = open_province(root / "var" / "demo", fresh=fresh)
    systems = ("qlvb", "vxp")
    world = province.folder / "sandbox"
    with SandboxChild(world, province.sandbox_config, systems=systems, seed=SEED, clock=clock) as sandbox:
        province.write_config(sandbox.systems)
        sandbox.arm(orders())
        with composed(load_config(province.config), clock) as composition:
            feeder = Feeder(plan, province, sandbox, clock)
            composition.engine.start()
            feeder.start()
            try:
                in_time = _until_all_is_done(composition, feeder, sandbox, clock, progress)
            finally:
                feeder.stop()
                composition.engine.stop()
            if feeder.failure is not None:
                raise feeder.failure
            ending = _ending(plan, started_at, clock.now(), composition, feeder, sandbox, in_time=in_time)
    told = write_report(ending, root / "var" / "run")
    if in_time:
        province.mark_finished()
    return told


def _until_all_is_done(
    composition: Composition,
    feeder: Feeder,
    sandbox: SandboxChild,
    clock: Clock,
    progress: Callable[[str], None],
) -> bool:
    """Until everything was handed over, the recipients have answered, and the engine is settled.

    Recipients answer what has been delivered, so quiet has to be seen on both sides at once.
    """
    deadline = clock.monotonic() + _LONGEST.total_seconds()
    while clock.monotonic() < deadline:
        progress(_progress_line(composition.ledger))
        if feeder.done and feeder.failure is None and not _to_come(sandbox.state()):
            if composition.engine.run_until_settled(timedelta(seconds=2)) and not _to_come(sandbox.state()):
                return True
        elif feeder.failure is not None:
            return False
        else:
            _pause(_LOOK)
    return False


_never = threading.Event()


def _pause(duration: timedelta) -> None:
    _never.wait(duration.total_seconds())


def _to_come(state: Mapping[str, Any]) -> int:
    """What the simulated people have still to do, and what waits to be fetched."""
    systems = state["systems"]
    axis, dms = systems["vxp"]["state"], systems["qlvb"]["state"]
    return int(axis["answers_to_come"] + sum(axis["waiting"].values()) + dms["steps_to_come"])


def _progress_line(ledger: Ledger) -> str:
    counts = ledger.counts()

    def number(link: str, state: State) -> int:
        return counts.get(link, {}).get(state, 0)

    told = {
        "đi": number("van-ban-di", State.DONE),
        "đến": number("van-ban-den", State.DONE),
        "trạng thái về": number("trang-thai-ve", State.DONE),
        "trạng thái đi": number("trang-thai-di", State.DONE),
        "bị giữ": number("van-ban-di", State.HELD),
    }
    return ", ".join(f"{name} {count}" for name, count in told.items())


def _ending(
    plan: Plan,
    started_at: datetime,
    finished_at: datetime,
    composition: Composition,
    feeder: Feeder,
    sandbox: SandboxChild,
    *,
    in_time: bool,
) -> Ending:
    journals = Journals(axis=sandbox.journal("vxp"), dms=sandbox.journal("qlvb"))
    messages = composition.ledger.messages()
    known = {fault.id for fault in FAULTS}
    fired: dict[str, datetime] = {}
    for entry in (*journals.axis, *journals.dms):
        if entry["event"] == "sandbox-fault" and entry["id"] in known:
            fired.setdefault(entry["id"], datetime.fromisoformat(entry["at"]))
    first = min((m.created_at for m in messages), default=started_at)
    return Ending(
        plan=plan,
        # A resumed run reports the whole province, from its first message on.
        started_at=min(started_at, first),
        finished_at=finished_at,
        in_time=in_time,
        ledger=messages,
        links=composition.ledger.link_statistics(),
        ends={link.name: (link.source, link.target) for link in composition.loaded.config.links},
        checks=audit(plan, feeder.incoming_facts(), journals, messages),
        fired=sorted((Fired(id_, at) for id_, at in fired.items()), key=lambda f: f.at),
    )
