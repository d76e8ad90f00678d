"""Dossiers through the real engine to the simulated portal, which fails in every way it knows."""

import json
import random
from datetime import timedelta

import pytest
from ebrvt_adapters.dvcqg import Dvcqg
from ebrvt_adapters.dvcqg.sandbox import DvcqgSimulator

from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.model.dossier import DossierCode, DossierStage
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.adapter import Item, Surroundings
from ebrvt_connect.testing import sandbox_faults
from ebrvt_connect.testing.sandbox_host import SandboxHost
from tests.contract.dvcqg.desk import ACCOUNT, make_dossier, make_entry, settings_for
from tests.integration.engine.bench import DOSSIERS, Bench

COUNT, ENTRIES = 12, 4
FAULTS = (
    "lose-reply",
    "cut-before",
    "html-200",
    "empty-body",
    "no-error-code",
    "code-0-unclear",
    "truncated-json",
    "truncate",
    "expire-sessions",
    "trouble",
    "html-502",
    "code-1-success",
    "code-0-not-done",
    "session-closed",
    "gateway-429",
    "gateway-503",
    "gateway-504",
)
SERVICES = ("DongBoHoSoMC", "CapNhatTienDoHoSoMC", "TraCuuHoSo", "login")


class PortalBench(Bench):
    """A bench whose target is the portal's adapter, with real HTTP behind it."""

    def __init__(self, url, folder, seed=0, **account):
        super().__init__(url, links=(DOSSIERS,))
        self.host = SandboxHost(
            folder,
            systems={"dvcqg": DvcqgSimulator},
            config={"dvcqg": [{**ACCOUNT, **account}]},
            seed=seed,
            now=self.clock.now,
            tick_seconds=0,
        ).start()
        settings = settings_for(
            self.host.url("dvcqg"), ask_after_seconds=1, session_margin_seconds=1, progress_told_in_time=True
        )
        self.portal = Dvcqg.open(settings, Surroundings("axis", self.clock, self.blobs))
        self.engine.stop(timedelta(0))
        systems = {"dms": self.dms, "axis": self.portal}
        self.engine = Engine(self.ledger, systems, (DOSSIERS,), {}, self.settings, self.clock)
        self.engine._shared.steps._jitter = lambda most: most

    def close(self):
        super().close()
        self.portal.close()
        self.host.stop()

    def arm(self, kind, operation, after):
        with self.host.held("dvcqg") as simulator:
            fault = sandbox_faults.Fault(system="dvcqg", kind=kind, operation=operation, after=after)
            sandbox_faults.arm(simulator.world, fault)

    def settle(self, hours=12):
        """Let time pass until nothing is left to do."""
        for _ in range(hours * 30):
            self.drain(turns=20)
            if not self.ledger.due_shards(self.clock.now() + timedelta(days=1)):
                return
            self.clock.advance(timedelta(minutes=2))

    def events(self, *names):
        world = self.host.seats["dvcqg"].world
        return [entry for entry in world.journal_entries() if entry["event"] in names]


@pytest.fixture
def portal(tmp_path):
    made = []

    def make(**more):
        made.append(PortalBench(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "sandbox", **more))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


def code_of(number):
    return DossierCode(f"H06.15-230315-{number:04d}")


def revision_of(number, revision):
    code, stage = code_of(number), DossierStage.RECEIVED if revision == "1" else DossierStage.IN_PROGRESS
    record = make_dossier(code=code, revision=revision, stage=stage)
    return Item(Kind.DOSSIER, str(code), revision, str(code), str(code), str(code), record)


def step_of(number, seq, *, twin=False):
    """A step; twins are alike in time, status and words."""
    code = code_of(number)
    at = make_entry().at + timedelta(minutes=0 if twin else seq)
    record = make_entry(dossier_code=code, local_code=code, seq=seq, at=at)
    return Item(Kind.PROGRESS, f"{code}/{seq}", "1", str(code), str(code), str(code), record)


def all_items():
    for number in range(COUNT):
        yield revision_of(number, "1")
        yield step_of(number, 1)
        yield step_of(number, 2)
        yield revision_of(number, "2")
        yield step_of(number, 3)
        yield step_of(number, 4)


@pytest.mark.parametrize("seed", range(4))
def test_every_dossier_and_step_arrives_once_whatever_breaks(portal, seed):
    bench = portal(seed=seed)
    dice = random.Random(seed)
    for _ in range(40):
        bench.arm(dice.choice(FAULTS), dice.choice(SERVICES), dice.randint(1, COUNT * 3))
    bench.store(*all_items(), link=DOSSIERS)
    bench.settle()

    assert set(bench.states("dossiers")) == {State.DONE}
    inserted = [event["code"] for event in bench.events("dossier-inserted")]
    assert sorted(inserted) == [str(code_of(number)) for number in range(COUNT)]
    assert len(bench.events("progress-appended")) == COUNT * ENTRIES
    assert bench.events("progress-repeated") == []
    assert len(bench.events("dossier-updated")) == COUNT
    assert len(bench.events("sandbox-fault")) > 10


def test_steps_come_in_order_and_after_their_dossier(portal):
    bench = portal()
    bench.arm("lose-reply", "DongBoHoSoMC", 2)
    bench.arm("cut-before", "CapNhatTienDoHoSoMC", 3)
    bench.store(*all_items(), link=DOSSIERS)
    bench.settle()

    wanted = ["dossier-inserted", "progress-appended", "progress-appended", "dossier-updated"]
    for number in range(COUNT):
        told = [e for e in bench.events(*set(wanted)) if e["code"] == str(code_of(number))]
        assert [e["event"] for e in told] == [*wanted, "progress-appended", "progress-appended"]
        assert [e["nth"] for e in told if "nth" in e] == [1, 2, 3, 4]


def test_twin_steps_are_both_there_though_a_reply_was_lost(portal):
    bench = portal()
    bench.arm("lose-reply", "CapNhatTienDoHoSoMC", 1)
    bench.arm("cut-before", "CapNhatTienDoHoSoMC", 2)
    items = (revision_of(0, "1"), step_of(0, 1, twin=True), step_of(0, 2, twin=True))
    bench.store(*items, link=DOSSIERS)
    bench.settle()

    assert set(bench.states("dossiers")) == {State.DONE}
    kept = bench.host.seats["dvcqg"].world.get("dossier", str(code_of(0)))
    assert len(kept["entries"]) == 2


def test_portal_that_tells_little_gets_no_step_twice(portal):
    bench = portal(tells_progress=False)
    bench.arm("lose-reply", "CapNhatTienDoHoSoMC", 1)
    bench.store(revision_of(0, "1"), step_of(0, 1), link=DOSSIERS)
    bench.settle(hours=1)

    held = [m for m in bench.ledger.messages(link="dossiers") if m.state is State.HELD]
    assert [message.code for message in held] == ["DVCQG_OUTCOME_UNKNOWN"]
    assert len(bench.events("progress-appended", "progress-repeated")) == 1


def test_warnings_are_kept_with_the_payload(portal):
    bench = portal()
    bench.store(revision_of(0, "1"), link=DOSSIERS)
    bench.settle()

    payload = bench.only("dossiers").payload
    assert payload.fact("warning_codes") == "COMPONENT_CODE_MISSING"
    assert json.loads(payload.fact("warnings"))[0]["field"] == "TaiLieuNop.MaThanhPhanHoSo"
