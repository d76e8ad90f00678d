"""What the ledger makes of what the adapter gives: each thing once, over restarts and corrections."""

import pytest

from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.ledger import Origin
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import writing
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


def became(ledger, name, state):
    """What a portal's answer makes of a message."""
    with writing(ledger.database) as tx:
        gone = {"state": state.value, "in_lane": 0, "attempts": 1}
        tx.execute(schema.message.update().where(schema.message.c.external_id == name).values(gone))


def test_a_restart_takes_nothing_over_twice(take_over, counter):
    counter.receive(steps=2)
    assert [take_over(), take_over()] == [3, 0]


def test_a_step_rewritten_while_we_were_down_is_not_taken_over_again(take_over, counter, clock, ledger):
    counter.receive(steps=1)
    take_over()
    clock.advance(60)
    counter.rewrite(seq=1, action="Viết lại")
    counter.do(entry=step("processing", "Thụ lý"))
    became(ledger, f"{CODE}#1", State.DONE)
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


@pytest.mark.parametrize("state", [State.REFUSED, State.CANCELLED])
def test_a_refused_step_is_sent_anew_once_it_is_corrected(take_over, counter, clock, ledger, state):
    counter.receive(steps=1)
    take_over()
    became(ledger, f"{CODE}#1", state)
    clock.advance(60)
    counter.rewrite(seq=1, action="Viết lại cho đúng")
    counter.do(note="lưu lại")
    take_over()
    steps = [(one.external_id, one.state) for one in ledger.messages() if one.kind is Kind.PROGRESS]
    assert steps == [(f"{CODE}#1", state), (f"{CODE}#1", State.RECEIVED)]


def test_a_step_that_could_not_be_read_is_replaced_by_its_correction(take_over, counter, clock, ledger):
    counter.receive(steps=1)
    (first,) = counter.steps()
    counter.do(progress=[first | {"at": "9999-12-31T23:30:00Z"}])
    take_over()
    clock.advance(60)
    counter.do(progress=[first])
    take_over()
    steps = [(one.external_id, one.state) for one in ledger.messages() if one.kind is Kind.PROGRESS]
    assert steps == [(f"{CODE}#1", State.SUPERSEDED), (f"{CODE}#1", State.RECEIVED)]


def test_a_step_that_got_its_number_takes_its_place_before_the_later_ones(take_over, counter, clock, ledger):
    counter.receive(steps=2)
    first, second = counter.steps()
    counter.do(progress=[first | {"seq": "một"}, second])
    take_over()
    clock.advance(60)
    counter.do(progress=[first, second])
    take_over()
    waiting = [one for one in ledger.messages() if one.kind is Kind.PROGRESS and one.state is State.RECEIVED]
    assert {one.external_id for one in waiting} == {f"{CODE}#1", f"{CODE}#2"}
    assert (f"{CODE}#~1", State.SUPERSEDED) in taken(ledger)
    with writing(ledger.database) as tx:
        m = schema.message
        order = tx.execute(
            m.select().where(m.c.state == "received", m.c.kind == "progress").order_by(m.c.place)
        )
        assert [row.external_id for row in order] == [f"{CODE}#1", f"{CODE}#2"]


def test_steps_renumbered_while_we_were_down_are_not_sent_twice(take_over, counter, clock, ledger):
    counter.receive(steps=3)
    take_over()
    for number in range(1, 4):
        became(ledger, f"{CODE}#{number}", State.DONE)
    clock.advance(60)
    steps = counter.steps()
    moved = [one | {"seq": one["seq"] + 1} for one in steps]
    counter.do(progress=[steps[0] | {"action": "Chèn vào"}, *moved])
    take_over()
    waiting = [name for name, state in taken(ledger) if state is State.RECEIVED]
    assert waiting == [CODE, CODE]


def test_a_dossier_held_for_its_code_is_replaced_once_the_code_is_right(take_over, counter, clock, ledger):
    counter.put(dossier("H06.15/261123/0001", id="hs-1"))
    take_over()
    assert taken(ledger) == [("row:hs-1", State.HELD)]
    clock.advance(60)
    counter.put(dossier(CODE, id="hs-1", updatedAt="2026-11-23T09:01:00+07:00"))
    take_over()
    assert taken(ledger) == [("row:hs-1", State.SUPERSEDED), (CODE, State.RECEIVED)]
