"""The demonstration: a province is filled, the daemon works, faults strike, the audit speaks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ebrvt_connect.ops.demo.faults import orders
from ebrvt_connect.ops.demo.plan import Plan, make_plan
from ebrvt_connect.ops.demo.plan_dossiers import DossierPlan, make_dossier_plan
from ebrvt_connect.ops.demo.province import SYSTEMS, open_province
from ebrvt_connect.ops.demo.sandbox_child import SandboxChild

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ebrvt_connect.ports.clock import Clock

SEED = 7849


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
        # The daemon's imports take as long as the sandbox's: both load at the same time.
        from ebrvt_connect.ops.demo.performance import perform
        from ebrvt_connect.ops.demo.report import write_report

        sandbox.wait_until_ready()
        province.write_config(sandbox.systems)
        sandbox.arm(orders())
        ending = perform(plans, province, sandbox, clock, progress)
    # A resumed run reports the whole province, from its first message on.
    ending = replace(ending, started_at=min(started_at, ending.started_at))
    told = write_report(ending, root / "var" / "run")
    if ending.in_time:
        province.mark_finished()
    return told
