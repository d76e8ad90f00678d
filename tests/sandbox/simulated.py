"""Our simulators in the place of an endpoint, reached by the same variables as a real one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ebrvt_adapters.qlvb.sandbox import QlvbSimulator
from ebrvt_adapters.vxp.sandbox import VxpSimulator

from ebrvt_connect.testing.sandbox_host import SandboxHost
from tests.contract.qlvb.office import outgoing
from tests.sandbox.peers import PREFIX, AxisPeer, DocumentSystemPeer, axis_at, document_system_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = {
    "SYSTEMID": "sandbox.tests",
    "SECRET": "opens nothing but the simulator",
    "AGENCIES": "000.00.15.H06",
    "RECIPIENT": "000.00.00.G22",
}
NEIGHBOUR = {
    "SYSTEMID": "sandbox.neighbour",
    "SECRET": "opens nothing else either",
    "AGENCIES": "000.00.00.H29",
    "RECIPIENT": OURS["AGENCIES"],
}
DOCUMENT_SYSTEM = {
    "USERNAME": "ebrvt",
    "PASSWORD": "opens the simulator",
    "AGENCY": "000.00.15.H06",
    "DOCUMENT": "vb-1",
}
PATIENCE_SECONDS = "10"


@contextmanager
def simulators(folder: Path) -> Iterator[SandboxHost]:
    """Both systems over real HTTP, with some documents issued."""
    accounts = [
        {
            "systemid": account["SYSTEMID"],
            "secret": account["SECRET"],
            "agencies": account["AGENCIES"].split(","),
            "pace_seconds": 0.1,
        }
        for account in (OURS, NEIGHBOUR)
    ]
    clerk = {name.lower(): DOCUMENT_SYSTEM[name] for name in ("USERNAME", "PASSWORD")}
    systems = {"vxp": VxpSimulator, "qlvb": QlvbSimulator}
    with SandboxHost(folder, systems, {"vxp": accounts, "qlvb": clerk}) as host:
        issue_some(host)
        yield host


def issue_some(host: SandboxHost) -> None:
    """What an office issues in a morning."""
    with host.held("qlvb") as office:
        assert isinstance(office, QlvbSimulator)
        for nth in range(1, 6):
            content = b"%PDF-1.7 letter " + bytes([nth]) * 1000
            office.world.keep((content,))
            document = outgoing(f"vb-{nth}", files=(content,))
            office.seed({"documents": [document | {"updatedAt": f"2026-11-23T08:0{nth // 2}:00+07:00"}]})


def simulated_axis(host: SandboxHost, account: dict[str, str]) -> AxisPeer:
    """The simulated axis as one of its accounts sees it."""
    peer = axis_at(_variables("VXP_", {"URL": host.url("vxp"), **account}))
    assert peer is not None
    return replace(peer, simulated=True)


def simulated_document_system(host: SandboxHost) -> DocumentSystemPeer:
    """The simulated document system."""
    peer = document_system_at(_variables("QLVB_", {"URL": host.url("qlvb"), **DOCUMENT_SYSTEM}))
    assert peer is not None
    return replace(peer, simulated=True)


def _variables(system: str, values: dict[str, str]) -> dict[str, str]:
    named = {PREFIX + system + name: text for name, text in values.items()}
    return {f"{PREFIX}PATIENCE": PATIENCE_SECONDS, **named}
