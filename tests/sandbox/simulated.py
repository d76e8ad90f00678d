"""Our simulators in the place of an endpoint, reached by the same variables as a real one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from ebrvt_adapters.baocao.sandbox import BaocaoSimulator
from ebrvt_adapters.dvcqg.sandbox import DvcqgSimulator
from ebrvt_adapters.motcua.sandbox import MotcuaSimulator
from ebrvt_adapters.qlvb.sandbox import QlvbSimulator
from ebrvt_adapters.vxp.sandbox import VxpSimulator

from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.sandbox_host import SandboxHost
from tests.contract.motcua import shop
from tests.contract.qlvb.office import outgoing
from tests.sandbox.peers import PREFIX, AxisPeer, axis_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Peer = TypeVar("Peer")

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
ONE_STOP = {"USERNAME": "ebrvt", "PASSWORD": "opens the simulator", "DOSSIER": "H06.15-261123-0001"}
PORTAL = {
    "USERNAME": "brvt_mc",
    "PASSWORD": "opens the simulator",
    "UNIT": "000.00.00.H06",
    "DSTCODE": "VN:GOV:000.00.00.G22:dvcqg",
    "AGENCY": "000.00.15.H06",
    "PROCEDURE": "1.001234.000.00.00.H06",
}
REPORTING = {
    "USERNAME": "brvt.stttt",
    "PASSWORD": "opens the simulator",
    "KEY_PASSWORD": "opens the key",
    "SENDER": "000.00.15.H06",
    "ORGANIZATION": "000.00.00.H06",
    "RECEIVER": "000.00.00.G14",
}
KEY_FILE = "seal.p12"
PATIENCE_SECONDS = "10"


@dataclass(frozen=True, slots=True)
class Simulated:
    """The simulators, and the folder with the key that one of them knows."""

    host: SandboxHost
    folder: Path

    def url(self, system: str) -> str:
        """Where a system is."""
        return self.host.url(system)

    @property
    def reporting(self) -> dict[str, str]:
        """The account at the reporting software, with its key."""
        return {**REPORTING, "KEY": str(self.folder / KEY_FILE)}


@contextmanager
def simulators(folder: Path) -> Iterator[Simulated]:
    """All systems over real HTTP, with some documents issued and dossiers received."""
    accounts = [
        {
            "systemid": account["SYSTEMID"],
            "secret": account["SECRET"],
            "agencies": account["AGENCIES"].split(","),
            "pace_seconds": 0.1,
        }
        for account in (OURS, NEIGHBOUR)
    ]
    systems = {
        "vxp": VxpSimulator,
        "qlvb": QlvbSimulator,
        "motcua": MotcuaSimulator,
        "dvcqg": DvcqgSimulator,
        "baocao": BaocaoSimulator,
    }
    procedure = {
        "code": PORTAL["PROCEDURE"],
        "name": "Kiểm thử",
        "field_code": "KT",
        "field_name": "Kiểm thử",
    }
    member = {"units": [PORTAL["UNIT"]], "dstcode": PORTAL["DSTCODE"], "procedures": [procedure]}
    tables = {
        "vxp": accounts,
        "qlvb": _login(DOCUMENT_SYSTEM),
        "motcua": _login(ONE_STOP),
        "dvcqg": [{**_login(PORTAL), **member}],
        "baocao": {**_login(REPORTING), "senders": {make_seal(folder): [REPORTING["SENDER"]]}},
    }
    with SandboxHost(folder / "worlds", systems, tables) as host:
        issue_some(host)
        receive_some(host)
        yield Simulated(host, folder)


def make_seal(folder: Path) -> str:
    """A key to sign reports with, in a file; answers its certificate's SHA-256."""
    made = issue(Request("Đơn vị kiểm thử kết nối (mẫu)"))
    locked = BestAvailableEncryption(REPORTING["KEY_PASSWORD"].encode())
    content = pkcs12.serialize_key_and_certificates(b"seal", made.key, made.certificate, None, locked)
    (folder / KEY_FILE).write_bytes(content)
    return made.certificate.fingerprint(SHA256()).hex()


def issue_some(host: SandboxHost) -> None:
    """What an office issues in a morning."""
    with host.held("qlvb") as office:
        assert isinstance(office, QlvbSimulator)
        for nth in range(1, 6):
            content = b"%PDF-1.7 letter " + bytes([nth]) * 1000
            office.world.keep((content,))
            document = outgoing(f"vb-{nth}", files=(content,))
            office.seed({"documents": [document | {"updatedAt": f"2026-11-23T08:0{nth // 2}:00+07:00"}]})


def receive_some(host: SandboxHost) -> None:
    """What a one-stop shop receives in a morning: some with steps, one with its result."""
    with host.held("motcua") as simulator:
        simulator.world.keep((shop.RESULT,))
        codes = [f"H06.15-261123-{nth:04d}" for nth in range(1, 6)]
        results = {codes[2]: [shop.result()]}
        entry = {"at": "2026-11-23T08:00:00+07:00", **shop.step()}
        simulator.seed(
            {
                "dossiers": [shop.dossier(code, results=results.get(code, [])) for code in codes],
                "progress": {code: [entry, entry] for code in codes},
                "files": {codes[2]: {"kq-1": shop.kept()}},
            }
        )


def simulated_axis(host: Simulated, account: dict[str, str]) -> AxisPeer:
    """The simulated axis as one of its accounts sees it."""
    return replace(in_place(axis_at, host, "vxp", account), simulated=True)


def in_place(
    read: Callable[[Mapping[str, str]], Peer | None], host: Simulated, system: str, account: dict[str, str]
) -> Peer:
    """A simulator in an endpoint's place, by what reads the variables of such an endpoint."""
    start = f"{PREFIX}{system.upper()}_"
    told = {"URL": host.url(system), **account}
    peer = read(
        {f"{PREFIX}PATIENCE": PATIENCE_SECONDS, **{start + name: text for name, text in told.items()}}
    )
    assert peer is not None
    return peer


def _login(account: dict[str, str]) -> dict[str, str]:
    return {name.lower(): account[name] for name in ("USERNAME", "PASSWORD")}
