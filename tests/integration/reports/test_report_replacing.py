"""What the ministry has, by its own word, decides what a report replaces and whether it may be let go."""

from datetime import date

import pytest

from ebrvt_connect.engine import steering
from ebrvt_connect.engine.work import TAKEN_BUT_NOT_THERE
from ebrvt_connect.errors import HeldForPerson, Rejected
from ebrvt_connect.model.ids import AgencyCode, AgencyHistory, CodeSuccession
from ebrvt_connect.model.message import Kind, Receipt, State
from ebrvt_connect.model.report import ReportState
from ebrvt_connect.ops.report_making import ReportMaking
from ebrvt_connect.ops.report_words import standing_vi
from ebrvt_connect.ports.adapter import NotThere, Settled
from ebrvt_connect.ports.decisions import REPORT_INVALID, REPORT_LOCKED, REPORT_LOST
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import writing
from ebrvt_connect.store.snapshots import Freeze
from tests.integration.engine.bench import failing, held, reconcile_first, rejected
from tests.integration.reports.desk_bench import Q3, dossier, release, state


def refuses(over, explanation) -> None:
    """The ministry's word when it is asked after the report."""

    def ask(_work):
        raise Rejected(explanation, "told", system="bo", operation="status", period=str(Q3), reason="x")

    over._decides(ask)


def names(over) -> list[tuple[int, int | None]]:
    """Each report that arrived by its version, and the version of the one it names as replaced."""
    versions = {s.report.packet_id: s.report.version for s in over.making.snapshots.all()}
    return [(r.version, versions.get(r.replaces_packet_id)) for r in over.arrived()]


def test_a_report_held_at_the_door_is_not_named_as_replaced_and_lets_the_next_one_pass(over):
    over.bo.on_submit = failing(held)
    first = over.report()
    assert over.ledger.messages(link="bao-cao")[0].attempts == 1
    over.bo.on_submit = lambda _work: None
    over.report(replaces=first.report.packet_id)
    assert over.states("bao-cao") == [State.SUPERSEDED, State.AWAITING]
    assert names(over) == [(2, None)]
    over.approves()
    assert over.states("bao-cao")[-1] is State.DONE


@pytest.mark.parametrize("where", ["on_prepare", "on_submit"])
def test_a_held_report_cannot_be_let_go_once_it_has_a_successor(over, where):
    setattr(over.bo, where, failing(held))
    first = over.report()
    setattr(over.bo, where, lambda _work: None)
    second = over.report(replaces=first.report.packet_id, hand_over=False)
    with pytest.raises(HeldForPerson, match="released"):
        release(over)
    over.making.hand_over(second.report.packet_id, over.clock.now())
    over.flow()
    assert names(over) == [(2, None)]


def test_a_held_report_that_was_let_go_cannot_be_replaced_before_it_is_decided(over):
    over.bo.on_submit = failing(held)
    first = over.report()
    over.bo.on_submit = lambda _work: None
    release(over)
    assert over.states("bao-cao") == [State.AWAITING]
    with pytest.raises(Rejected, match="REPORT_IN_FLIGHT"):
        over.report(replaces=first.report.packet_id)


def test_a_report_let_go_while_its_successor_is_computed_is_in_flight(over):
    over.bo.on_submit = failing(held)
    first = over.report()
    over.bo.on_submit = lambda _work: None

    class Released(ReportMaking):
        def compute(self, period, now):
            release(over)
            return super().compute(period, now)

    with pytest.raises(Rejected, match="REPORT_IN_FLIGHT"):
        Released(over.settings, over.ledger).freeze(
            Q3, over.clock.now(), reason="x", replaces=first.report.packet_id, hand_over=True
        )
    over.flow()
    assert names(over) == [(1, None)]


def test_what_may_have_arrived_is_not_replaced_before_a_person_has_found_out(over):
    over.bo.on_submit = failing(reconcile_first)
    over.bo.on_ask = failing(held)
    first = over.report()
    over.pass_time(minutes=5)
    assert over.states("bao-cao") == [State.HELD]
    with pytest.raises(Rejected, match="REPORT_IN_FLIGHT"):
        over.report(replaces=first.report.packet_id)
    (message,) = over.ledger.messages(link="bao-cao")
    steering.skip(over.ledger, message.id, by="test", why="Bộ không có", now=over.clock.now())
    over.bo.on_submit = lambda _work: None
    over.flow()
    over.report(replaces=first.report.packet_id)
    assert names(over) == [(2, None)]


def test_a_correction_refused_at_the_door_leaves_the_returned_one_to_be_named(over):
    first = over.report()
    over.bo.on_submit = failing(rejected)
    over.flow(dossier(3))
    over.returns()
    second = over.making.snapshots.latest()
    assert (second.report.version, state(over, second)) == (2, ReportState.INVALID)
    over.bo.on_submit = lambda _work: None
    third = over.report(replaces=second.report.packet_id)
    assert third.report.replaces_packet_id == first.report.packet_id
    assert names(over) == [(1, None), (3, 1)]


def test_a_correction_that_was_taken_and_found_invalid_leaves_nothing_to_be_named(over):
    over.report()
    over.flow(dossier(3))
    over.returns()
    second = over.making.snapshots.latest()
    refuses(over, REPORT_INVALID)
    assert state(over, second) is ReportState.INVALID
    over.report(replaces=second.report.packet_id)
    assert names(over) == [(1, None), (2, 1), (3, None)]


def test_a_refusal_the_desk_does_not_know_leaves_a_report_that_was_taken_to_be_named(over):
    first = over.report()
    refuses(over, REPORT_LOCKED)
    over.report(replaces=first.report.packet_id)
    assert names(over) == [(1, None), (2, 1)]


def test_a_locked_report_is_named_and_does_not_hold_up_the_one_that_replaces_it(over):
    first = over.report()
    over.locks(REPORT_LOCKED)
    assert over.states("bao-cao") == [State.HELD]
    over.report(replaces=first.report.packet_id)
    assert over.states("bao-cao") == [State.CANCELLED, State.AWAITING]
    assert names(over) == [(1, None), (2, 1)]
    assert state(over, first) is ReportState.LOCKED


@pytest.mark.parametrize("lost", [REPORT_LOST, TAKEN_BUT_NOT_THERE])
def test_a_report_the_ministry_has_lost_is_not_named(over, lost):
    first = over.report()
    over.locks(lost)
    over.report(replaces=first.report.packet_id)
    assert over.states("bao-cao") == [State.SUPERSEDED, State.AWAITING]
    assert names(over) == [(1, None), (2, None)]


def test_a_successor_made_while_the_first_was_held_names_what_became_of_it(over):
    """As an older program left it: the first is held, its successor frozen and not handed over."""
    over.bo.on_submit = failing(held)
    first = over.report()
    computed = over.making.compute(Q3, over.clock.now())
    made = over.making.report(Q3, over.clock.now(), test=False, before=first, figures=computed)
    wrong = made.model_copy(update={"replaces_packet_id": first.report.packet_id})
    over.making.snapshots.freeze(
        Freeze(report=wrong, reason="x", replaces=first.report.packet_id), over.clock.now()
    )
    over.bo.on_submit = lambda _work: None
    over.making.hand_over(made.packet_id, over.clock.now())
    over.flow()
    assert names(over) == [(2, None)]
    assert over.making.known(made.packet_id).report.replaces_packet_id == ""


def test_a_successor_is_not_handed_over_while_the_first_is_under_way_and_names_it_then(over):
    over.bo.on_submit = failing(held)
    first = over.report()
    over.bo.on_submit = lambda _work: None
    computed = over.making.compute(Q3, over.clock.now())
    made = over.making.report(Q3, over.clock.now(), test=False, before=first, figures=computed)
    over.making.snapshots.freeze(
        Freeze(report=made, reason="x", replaces=first.report.packet_id), over.clock.now()
    )
    release(over)
    with pytest.raises(Rejected, match="REPORT_IN_FLIGHT"):
        over.making.hand_over(made.packet_id, over.clock.now())
    over.approves()
    over.making.hand_over(made.packet_id, over.clock.now())
    over.flow()
    assert names(over) == [(1, None), (2, 1)]


def test_a_report_names_to_the_ledger_the_held_ones_it_replaces(over):
    first = over.report(hand_over=False)
    over.report(replaces=first.report.packet_id)
    ((item,),) = [batch.items for batch in over.desk.fetch(Kind.REPORT, None)]
    assert item.replaces == (first.report.packet_id,)


class Rival(ReportMaking):
    """Somebody else does something just before this one writes."""

    @property
    def snapshots(self):
        return RivalSnapshots(super().snapshots, self.before_writing)


class RivalSnapshots:
    def __init__(self, real, before_writing):
        self._real, self._before_writing = real, before_writing

    def __getattr__(self, name):
        if name in {"freeze", "hand_over"}:
            self._before_writing()
        return getattr(self._real, name)


def test_what_is_replaced_at_the_moment_it_is_handed_over_stays_here(over):
    first = over.report(hand_over=False)

    class Replacing(Rival):
        def before_writing(self):
            over.making.freeze(
                Q3, over.clock.now(), reason="x", replaces=first.report.packet_id, hand_over=True
            )

    with pytest.raises(Rejected, match="REPORT_NOT_NEWEST"):
        Replacing(over.settings, over.ledger).hand_over(first.report.packet_id, over.clock.now())
    over.flow()
    assert names(over) == [(2, None)]


def test_what_is_handed_over_at_the_moment_it_is_replaced_is_not_replaced(over):
    first = over.report(hand_over=False)

    class HandingOver(Rival):
        def before_writing(self):
            over.making.hand_over(first.report.packet_id, over.clock.now())

    with pytest.raises(Rejected, match="REPORT_IN_FLIGHT"):
        HandingOver(over.settings, over.ledger).freeze(
            Q3, over.clock.now(), reason="x", replaces=first.report.packet_id, hand_over=True
        )
    over.flow()
    assert names(over) == [(1, None)]


# --- one organisation, whatever its code ------------------------------------------------------------

MERGED = AgencyHistory.of([CodeSuccession("H06", "H29", date(2019, 9, 1), (("H06", "H29"),))])


def spelled(over, code, history=None) -> ReportMaking:
    settings = over.settings.model_copy(update={"organization": AgencyCode.parse(code)})
    return ReportMaking(settings, over.ledger, history or AgencyHistory())


@pytest.mark.parametrize(("code", "history"), [("000.00.00.H06", None), ("H29", MERGED)])
def test_a_period_is_reported_once_however_the_organisation_is_coded(over, code, history):
    first = over.report()
    over.approves()
    making = spelled(over, code, history)
    with pytest.raises(Rejected, match="REPORT_EXISTS"):
        making.freeze(Q3, over.clock.now(), reason="x")
    over.flow(dossier(3))
    second = making.freeze(Q3, over.clock.now(), reason="x", replaces=first.report.packet_id, hand_over=True)
    over.flow()
    assert (second.report.version, names(over)) == (2, [(1, None), (2, 1)])
    # What corrects a report stands under the code the ministry has it under.
    assert str(second.report.organization) == "H06"


def test_another_organisation_has_reports_of_its_own(over):
    over.report()
    other = spelled(over, "H07", MERGED).freeze(Q3, over.clock.now(), reason="x")
    assert other.report.version == 1


def test_a_row_of_an_older_program_is_found_however_it_spells_the_organisation(over):
    first = over.report(hand_over=False)
    with writing(over.ledger.database) as tx:
        tx.execute(schema.report_snapshot.update().values(organization="H06"))
    for code in ("H06", "000.00.00.H06"):
        found = spelled(over, code).newest(Q3, over.clock.now(), test=False)
        assert found.report.packet_id == first.report.packet_id
    again = first.report.model_copy(
        update={"packet_id": "khac", "organization": AgencyCode.parse("000.00.00.H06")}
    )
    assert over.making.snapshots.freeze(Freeze(report=again, reason="x"), over.clock.now()) is None


# --- a person's word ---------------------------------------------------------------------------------


def test_that_a_held_report_did_arrive_does_not_approve_it(over):
    over.bo.on_submit = failing(held)
    first = over.report()
    over.bo.on_submit = lambda _work: None
    (message,) = over.ledger.messages(link="bao-cao")
    confirmed = steering.confirm(over.ledger, message.id, by="An", why="Bộ nói đã nhận", now=over.clock.now())
    assert confirmed.state is State.AWAITING
    asked = len(over.bo.asked)
    over.flow()
    assert len(over.bo.asked) == asked + 1, "asked after at once"
    assert (state(over, first), over.states("bao-cao")) == (ReportState.HELD, [State.AWAITING])
    assert standing_vi(over.making.known(first.report.packet_id), confirmed) == "chờ phê duyệt"
    over._decides(lambda _work: Settled(Receipt(external_id="BN-1")))
    assert (state(over, first), over.states("bao-cao")) == (ReportState.APPROVED, [State.DONE])
    assert over.arrived() == []


def test_a_report_confirmed_by_mistake_comes_back_to_a_person(over):
    over.bo.on_submit = failing(held)
    first = over.report()
    (message,) = over.ledger.messages(link="bao-cao")
    steering.confirm(over.ledger, message.id, by="An", why="x", now=over.clock.now())
    over.bo.on_ask = lambda _work: NotThere()
    over.flow()
    assert over.states("bao-cao") == [State.HELD]
    kept = over.making.known(first.report.packet_id)
    assert (kept.state, kept.code) == (ReportState.HELD, "TAKEN_BUT_NOT_THERE")
