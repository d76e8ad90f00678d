"""Whatever is offered, held, corrected and let go: a dossier's things arrive in their order, each once."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ebrvt_connect.engine import steering
from ebrvt_connect.model.dossier import Dossier, ProgressEntry
from ebrvt_connect.model.message import Kind, Receipt, State
from ebrvt_connect.ports.adapter import AskAgain, Settled, Work
from tests.integration.engine.bench import (
    DOSSIERS,
    Bench,
    dossier_code,
    dossier_item,
    held,
    progress_item,
    retry_later,
    told_of_dossier,
)

pytestmark = pytest.mark.timeout(600)  # every step commits to the disk several times

LANES = st.integers(1, 2)
_SOON = timedelta(minutes=1)


class OneStopShop(RuleBasedStateMachine):
    """Two dossiers that go through anything a day can bring."""

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.bench = Bench(f"sqlite:///{Path(self.folder.name)}/ledger.db", links=(DOSSIERS,))
        self.bench.dms.feedbacks = told_of_dossier
        self.revisions = {1: 0, 2: 0}
        self.entries = {1: 0, 2: 0}
        self.mapped = True
        self.prepared: list[Work] = []
        self.bench.axis.on_prepare = self._prepare

    def teardown(self):
        self.bench.close()
        self.folder.cleanup()

    def _prepare(self, work):
        if work.message.kind is Kind.PROGRESS:
            self.prepared.append(work)
        elif not self.mapped:
            raise held()

    @rule(lane=LANES, entries=st.integers(0, 2), mapped=st.booleans())
    def a_dossier_changes(self, lane, entries, mapped):
        """With values the mapping knows or not; and the portal's drains run."""
        self.mapped = mapped
        self.revisions[lane] += 1
        news = [dossier_item(lane, str(self.revisions[lane]))]
        for _ in range(entries):
            self.entries[lane] += 1
            news.append(progress_item(lane, self.entries[lane]))
        self.bench.store(*news, link=DOSSIERS)
        self.bench.drain("axis")

    @rule(decided=st.booleans())
    def the_portal_decides(self, decided):
        self.bench.axis.decides_later = lambda _work: None if decided else _SOON
        self.bench.axis.on_ask = lambda _work: (
            Settled(Receipt(external_id="decided")) if decided else AskAgain(_SOON)
        )

    @rule(away=st.booleans())
    def the_portal_is_away(self, away):
        def turned_away(_work):
            if away:
                raise retry_later()

        self.bench.axis.on_submit = turned_away

    @rule(paused=st.booleans())
    def somebody_pauses_the_portal(self, paused):
        if paused:
            self.bench.engine.pause("axis", "An", "bảo trì")
        else:
            self.bench.engine.resume("axis")

    @rule()
    def somebody_lets_the_first_held_one_go(self):
        for message in self.bench.ledger.held(limit=1):
            steering.release(self.bench.ledger, message.id, by="An", why="x", now=self.bench.clock.now())

    @rule(minutes=st.integers(1, 10))
    def time_passes(self, minutes):
        self.bench.clock.advance(timedelta(minutes=minutes))
        self.bench.drain("axis")

    @invariant()
    def everything_arrived_once_and_in_order(self):
        keys = self.bench.keys()
        assert len(set(keys)) == len(keys)
        for number in (1, 2):
            mine = [w.record for w in self.bench.axis.arrived if w.message.lane == str(dossier_code(number))]
            revisions = [int(record.revision) for record in mine if isinstance(record, Dossier)]
            entries = [record.seq for record in mine if isinstance(record, ProgressEntry)]
            assert revisions == sorted(revisions)
            assert entries == list(range(1, len(entries) + 1))
            assert not mine or isinstance(mine[0], Dossier), "progress before its dossier"

    @invariant()
    def progress_knows_the_dossier_it_belongs_to(self):
        for work in self.prepared:
            assert work.origin is not None
            assert work.origin.state is State.DONE
            assert work.origin.lane == work.message.lane


OneStopShop.TestCase.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
test_whatever_a_day_brings = OneStopShop.TestCase
