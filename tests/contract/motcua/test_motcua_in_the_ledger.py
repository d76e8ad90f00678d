"""What the ledger makes of what the adapter gives: each thing once, over restarts and corrections."""

import pytest

from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.ledger import Origin
from ebrvt_connect.store.ledger import Ledger
from tests.contract.motcua.shop import CODE, dossier, step

ORIGIN = Origin(
    link="ho-so",
    source="motcua",
    target="dvcqg",
    kinds=(Kind.DOSSIER, Kind.PROGRESS),
    give_up_after=None,
)


@pytest.fixture
def ledger(tmp_path, clock):
    opened = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", clock.now())
    yield opened
    opened.close()


@pytest.fixture
def take_over(ledger, open_adapter, clock):
    """One fetch by a process that has just been started; how much was new."""

    def fetch():
        adapter, new = open_adapter(), 0
        for batch in adapter.fetch(Kind.DOSSIER, ledger.checkpoint(ORIGIN.link)):
            new += ledger.store_batch(ORIGIN, batch, clock.now()).new
            adapter.acknowledge(Kind.DOSSIER, batch)
        return new

    return fetch


def taken(ledger):
    return [(message.external_id, message.state) for message in ledger.messages()]


def test_a_restart_takes_nothing_over_twice(take_over, counter):
    counter.receive(steps=2)
    assert [take_over(), take_over()] == [3, 0]


def test_a_step_rewritten_while_we_were_down_is_not_taken_over_again(take_over, counter, clock, ledger):
    counter.receive(steps=1)
    take_over()
    clock.advance(60)
    counter.rewrite(seq=1, action="Viết lại")
    counter.do(entry=step("processing", "Thụ lý"))
    assert take_over() == 2
    assert [name for name, _ in taken(ledger)] == [CODE, f"{CODE}#1", CODE, f"{CODE}#2"]


def test_a_corrected_dossier_takes_the_place_of_the_one_held(take_over, counter, clock, ledger):
    counter.put(dossier(channel="FAX"))
    take_over()
    assert taken(ledger) == [(CODE, State.HELD)]
    clock.advance(60)
    counter.do(channel="POST")
    take_over()
    assert taken(ledger) == [(CODE, State.SUPERSEDED), (CODE, State.RECEIVED)]
