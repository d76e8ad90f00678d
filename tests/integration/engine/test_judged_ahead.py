"""A system is taken up again while what waits for it is judged ahead: lanes keep their order all the same."""

import threading

from ebrvt_connect.model.message import State
from tests.integration.engine.bench import item


def test_what_was_judged_ahead_of_its_turn_while_the_system_was_paused_does_not_overtake(bench):
    bench.ledger.pause_system("axis", by="Lan", why="bảo trì", now=bench.clock.now())
    bench.store(*(item(n, lane="one") for n in range(1, 6)))
    under_way, most = [], []

    def resume(work):
        if work.message.external_id == "d3":
            bench.ledger.resume_system("axis")
            bench.engine._standing.look_again()

    def submit(work):
        under_way.append(work)
        most.append(len(under_way))
        threading.Event().wait(0.05)
        under_way.remove(work)

    bench.axis.on_prepare, bench.axis.on_submit = resume, submit
    bench.drain("axis")
    assert bench.keys() == [f"out:d{n}:1" for n in range(1, 6)]
    assert max(most) == 1
    assert bench.states() == [State.DONE] * 5
