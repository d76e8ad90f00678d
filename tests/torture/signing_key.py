"""R19, the signing key: the seal that reports are signed with is renewed while reports go through.

The key file and the file of its password are replaced one after the other; now and then what is put there is
no key at all. The ministry knows all seals: what was signed with the former one and not yet sent stays good.
"""

from __future__ import annotations

import random
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from ebrvt_adapters.baocao import Baocao, BaocaoSettings
from ebrvt_adapters.baocao.sandbox import BaocaoSimulator

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.engine.settings import LinkSpec, Means
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ops.config import secret_of
from ebrvt_connect.ops.renewing import Files, Opener, Renewing
from ebrvt_connect.ports.adapter import Batch, Item, Surroundings
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.memory import MemorySystem
from ebrvt_connect.testing.pki_issue import Identity, Request, issue
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.transport.clock import SystemClock
from tests.contract.baocao.ministry import PASSWORD, SENDER, USERNAME, report
from tests.integration.engine.bench import FAST
from tests.torture.outcome import Tried

SEEDS, ROUNDS = 4, 6
_PATIENCE_SECONDS = 120.0
_AT_ONCE, _WAITING = 3, 12
_LINK = LinkSpec(
    name="bao-cao", kinds=(Kind.REPORT,), source="desk", target="bo", every=timedelta(milliseconds=150)
)


class _Desk(MemorySystem):
    """Has a few new reports whenever it is asked and not many are under way, until it is told to stop."""

    made = 0
    arrived_there = staticmethod(lambda: 0)
    open_for_more = True

    def _fetch(self, kind: Kind, checkpoint: str | None) -> Iterator[Batch]:
        del kind, checkpoint
        more = self.open_for_more and self.made - self.arrived_there() < _WAITING
        numbers = range(self.made, self.made + _AT_ONCE) if more else range(0)
        self.made += len(numbers)
        yield Batch(tuple(_item(number) for number in numbers), str(self.made))


def _item(number: int) -> Item:
    record = report(organization=AgencyCode(f"000.{number // 90 + 1:02d}.{number % 90 + 1:02d}.H06"))
    return Item(Kind.REPORT, record.packet_id, "1", record.packet_id, record=record)


class Office:
    """An engine between a desk and the ministry, and the seals it is given one after the other."""

    def __init__(self, folder: Path, seals: list[Identity], undo: ExitStack) -> None:
        self.folder = folder
        (folder / "secrets").mkdir(mode=0o700)
        senders = {seal.certificate.fingerprint(SHA256()).hex(): [SENDER] for seal in seals}
        table = {"username": USERNAME, "password": PASSWORD, "senders": senders, "pace_seconds": 0}
        self.host = SandboxHost(folder / "remotes", {"baocao": BaocaoSimulator}, {"baocao": table})
        undo.enter_context(self.host)
        self.clock = SystemClock()
        self.ledger = Ledger.open(f"sqlite:///{folder}/ledger.db", self.clock.now())
        undo.callback(self.ledger.close)
        self.blobs = LocalBlobs(folder / "blobs")
        self.desk = _Desk(self.blobs)
        self.desk.arrived_there = lambda: len(self.received())
        self._looked_at: set[Path] = set()
        self.put(seals[0])
        self.opened = 0
        renewing = Renewing(Opener(self._read, self._open, lambda _: self._files()), self.clock)
        undo.callback(renewing.close)
        systems = {"desk": self.desk, "bo": renewing.opened("bo")}
        means = Means(renewals=renewing)
        self.engine = Engine(self.ledger, systems, [_LINK], {}, FAST, self.clock, means=means)

    def put(self, seal: Identity, rest_seconds: float = 0.0) -> None:
        """Replace the key file, and then the file of its password."""
        password = f"opens {seal.certificate.serial_number}"
        locked = BestAvailableEncryption(password.encode())
        packed = pkcs12.serialize_key_and_certificates(b"seal", seal.key, seal.certificate, None, locked)
        self._write("seal.p12", packed)
        time.sleep(rest_seconds)
        self._write("seal", password.encode())

    def spoil(self) -> None:
        """What a copy that broke off leaves behind."""
        place = self.folder / "secrets" / "seal.p12"
        self._write("seal.p12", place.read_bytes()[:200])

    def _write(self, name: str, content: bytes) -> None:
        place = self.folder / "secrets" / name
        draft = place.with_name(f".{name}.new")
        draft.touch(mode=0o600)
        draft.write_bytes(content)
        draft.replace(place)

    def _read(self, _name: str) -> BaocaoSettings:
        password = secret_of({"file": str(self.folder / "secrets" / "seal")}, "pkcs12_password")
        return BaocaoSettings.model_validate(
            {
                "transport": {"url": self.host.url("baocao")},
                "credentials": {
                    "username": USERNAME,
                    "password": PASSWORD,
                    "pkcs12": self.folder / "secrets" / "seal.p12",
                    "pkcs12_password": password,
                },
                "poll_seconds": 0.2,
            }
        )

    def _open(self, name: str, settings: BaocaoSettings) -> Baocao:
        self.opened += 1
        return Baocao.open(settings, Surroundings(name, self.clock, self.blobs))

    def _files(self) -> Files:
        folder = self.folder / "secrets"
        return Files((folder / "seal",), (folder / "seal.p12",))

    def received(self) -> list[str]:
        """Of every packet the ministry has taken, its id, as often as it counts it new."""
        entries = self.host.seats["baocao"].world.journal_after(0)
        return [str(one["packetId"]) for one in entries if one["event"] == "report-received"]

    def signed_with(self, seal: Identity) -> bool:
        """Whether any packet made since this was last asked bears this seal's certificate."""
        shown = b64encode(seal.certificate.public_bytes(Encoding.DER))[:120]
        files = {path for path in (self.folder / "blobs").rglob("*") if path.is_file()} - self._looked_at
        self._looked_at |= files
        return any(shown in path.read_bytes().replace(b"\n", b"") for path in files)


def resigned(seeds: int = SEEDS) -> Tried:
    """R19: so many offices, each with as many seals."""
    outcome = Tried("R19", "seal")
    for seed in range(seeds):
        with outcome.case(f"seed {seed}"), tempfile.TemporaryDirectory(prefix="ebrvt-torture-") as root:
            sealed_anew(Path(root), random.Random(f"R19:{seed}"), ROUNDS, outcome)
    return outcome


def sealed_anew(folder: Path, chance: random.Random, rounds: int, outcome: Tried) -> None:
    """One office through so many seals; raises `AssertionError` for what is not as it must be."""
    seals = [issue(Request(f"Sở mẫu {number}")) for number in range(rounds + 1)]
    with ExitStack() as undo:
        office = Office(folder, seals, undo)
        office.engine.start()
        undo.callback(office.engine.stop)
        for seal in seals[1:]:
            before = len(office.received())
            _until(lambda before=before: len(office.received()) > before)
            outcome.faults += 1
            if chance.random() < 0.5:
                office.spoil()
                time.sleep(chance.uniform(0.0, 1.0))
            office.put(seal, chance.uniform(0.0, 0.8))
            _until(lambda seal=seal: office.signed_with(seal))
        office.desk.open_for_more = False
        if not office.engine.run_until_settled(timedelta(seconds=_PATIENCE_SECONDS)):
            raise AssertionError(f"not settled: {office.ledger.counts()}")
        _reckon(office, outcome)


def _reckon(office: Office, outcome: Tried) -> None:
    received, made = office.received(), office.desk.made
    outcome.messages += made
    outcome.lost += made - len(set(received))
    outcome.doubled += len(received) - len(set(received))
    with office.ledger.database.connect() as tx:
        failed = tx.exec_driver_sql("SELECT count(*) FROM attempt WHERE effect <> ''").scalar_one()
    done = office.ledger.counts().get("bao-cao", {}).get(State.DONE, 0)
    if failed or done != made or len(received) != made:
        raise AssertionError(f"{made} made, {len(received)} received, {done} done, {failed} calls failed")


def _until(holds) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError("not in time")
        time.sleep(0.05)
