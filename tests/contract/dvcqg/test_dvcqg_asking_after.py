"""After a lost reply: a dossier may be sent again, a progress entry must not be counted twice."""

from dataclasses import replace
from datetime import timedelta

import pytest
from ebrvt_adapters.dvcqg.sandbox import DvcqgSimulator

from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, RetryLater
from ebrvt_connect.model.dossier import DossierStage
from ebrvt_connect.ports.adapter import AskAgain, NotThere, Settled
from tests.contract.dvcqg.desk import CODE, local, make_dossier, make_entry

LONG_AGO = timedelta(hours=1)


def lost(link, record, *siblings, operation):
    """Sent, taken there, and the reply lost."""
    link.arm("lose-reply", operation)
    with pytest.raises(ReconcileFirst):
        link.delivered(record, *siblings)


def asked(link, record, *siblings, since=None):
    return link.adapter.ask_after(*link.in_doubt(record, *siblings, since=since))


# --- dossiers -----------------------------------------------------------------------------------------------


def test_lost_insert_that_arrived_is_settled(linked):
    link = linked()
    lost(link, make_dossier(), operation="DongBoHoSoMC")

    answer = asked(link, make_dossier())
    assert isinstance(answer, Settled)
    assert answer.receipt.external_id == CODE
    assert link.told("dossier-inserted", "dossier-repeated") == ["dossier-inserted"]


def test_lost_insert_that_never_arrived_is_sent_again(linked):
    link = linked()
    link.arm("cut-before", "DongBoHoSoMC")
    with pytest.raises(ReconcileFirst):
        link.delivered(make_dossier())

    assert asked(link, make_dossier()) == NotThere()
    link.delivered(make_dossier())
    assert link.told("dossier-inserted", "dossier-repeated") == ["dossier-inserted"]


def test_lost_update_is_not_taken_for_the_revision_before_it(linked):
    """They may differ in fields no look-up tells."""
    link = linked()
    first = link.delivered(make_dossier())
    link.arm("cut-before", "DongBoHoSoMC")
    changed = make_dossier(revision="2", note="Chỉ ghi chú đổi")
    with pytest.raises(ReconcileFirst):
        link.delivered(changed, first)

    assert asked(link, changed, first) == NotThere()
    link.delivered(changed, first)
    assert link.told("dossier-inserted", "dossier-updated") == ["dossier-inserted", "dossier-updated"]


def test_portal_that_tells_existence_only_gets_an_update_that_does_no_harm(linked):
    link = linked({"tells_progress": False})
    lost(link, make_dossier(), operation="DongBoHoSoMC")

    assert asked(link, make_dossier()) == NotThere()
    link.delivered(make_dossier())
    assert link.told("dossier-inserted", "dossier-repeated") == ["dossier-inserted", "dossier-repeated"]


def test_portal_that_cannot_be_asked_is_asked_later(linked):
    link = linked()
    link.arm("html-502", "TraCuuHoSo", count=3)

    with pytest.raises(RetryLater):
        asked(link, make_dossier())


# --- progress -----------------------------------------------------------------------------------------------


@pytest.fixture
def there(linked):
    """A link whose dossier is at the portal; the message that brought it."""

    def make(account=None, **settings):
        link = linked(account, **settings)
        return link, link.delivered(make_dossier())

    return make


def test_lost_entry_that_arrived_is_settled_and_not_sent_again(there):
    link, dossier = there()
    lost(link, make_entry(), dossier, operation="CapNhatTienDoHoSoMC")

    assert isinstance(asked(link, make_entry(), dossier), Settled)
    assert link.told("progress-appended", "progress-repeated") == ["progress-appended"]


def test_lost_entry_may_take_a_while_to_appear(there):
    link, dossier = there(ask_after_seconds=60)
    entry = make_entry()

    assert asked(link, entry, dossier) == AskAgain(timedelta(seconds=60))
    link.clock.advance(59)
    assert asked(link, entry, dossier, since=link.clock.now() - timedelta(seconds=59)) == AskAgain(
        timedelta(seconds=1)
    )


def test_lost_entry_that_never_appeared_is_sent_again_where_look_ups_are_known_to_keep_up(there):
    link, dossier = there(progress_told_in_time=True)

    assert asked(link, make_entry(), dossier, since=link.clock.now() - LONG_AGO) == NotThere()


def held_as_unknown(link, record, *siblings, since):
    with pytest.raises(HeldForPerson) as caught:
        asked(link, record, *siblings, since=since)
    return caught.value.code == "DVCQG_OUTCOME_UNKNOWN"


def test_lost_entry_that_is_not_told_in_time_is_for_a_person(there):
    link, dossier = there()

    assert held_as_unknown(link, make_entry(), dossier, since=link.clock.now() - LONG_AGO)


@pytest.mark.parametrize("fault", ["look-up-behind", "progress-behind"])
@pytest.mark.parametrize("settings", [{}, {"progress_told_in_time": True}])
def test_entry_a_lagging_look_up_does_not_tell_is_waited_for_and_settled(there, fault, settings):
    link, dossier = there(ask_after_seconds=60, **settings)
    lost(link, make_entry(), dossier, operation="CapNhatTienDoHoSoMC")
    since = link.clock.now()
    link.arm(fault, "TraCuuHoSo", count=2)

    for left in (60, 30):
        assert asked(link, make_entry(), dossier, since=since) == AskAgain(timedelta(seconds=left))
        link.clock.advance(30)
    assert isinstance(asked(link, make_entry(), dossier, since=since), Settled)
    assert link.told("progress-appended", "progress-repeated") == ["progress-appended"]


@pytest.mark.parametrize(
    ("fault", "settings"),
    [("look-up-behind", {}), ("progress-behind", {}), ("look-up-behind", {"progress_told_in_time": True})],
)
def test_entry_a_look_up_does_not_tell_for_too_long_is_never_sent_twice(there, fault, settings):
    link, dossier = there(**settings)
    lost(link, make_entry(), dossier, operation="CapNhatTienDoHoSoMC")
    link.arm(fault, "TraCuuHoSo")

    assert held_as_unknown(link, make_entry(), dossier, since=link.clock.now() - LONG_AGO)


def test_dossier_that_is_not_found_does_not_prove_that_its_entry_is_not_there(linked):
    link = linked()

    assert isinstance(asked(link, make_entry()), AskAgain)
    assert held_as_unknown(link, make_entry(), since=link.clock.now() - LONG_AGO)


def test_neighbours_row_tells_nothing_of_a_dossier(linked):
    """A look-up that answers with another dossier's row must not lend us its entries."""

    class Neighbourly(DvcqgSimulator):
        def _look_up(self, asked):
            answer = super()._look_up(asked)
            answer["result"] = [{**row, "MAHOSO": "000.00.15.H06-230315-0008"} for row in answer["result"]]
            return answer

    link = linked(simulator=Neighbourly)
    link.delivered(make_dossier())
    link.delivered(make_entry())

    assert link.adapter.client.dossier(CODE) is None
    assert isinstance(asked(link, make_entry()), AskAgain)


def test_twin_that_another_message_delivered_is_not_taken_for_this_one(there):
    link, dossier = there(progress_told_in_time=True)
    twin = link.delivered(make_entry(seq=1), dossier)
    link.arm("cut-before", "CapNhatTienDoHoSoMC")
    with pytest.raises(ReconcileFirst):
        link.delivered(make_entry(seq=2), dossier, twin)

    since = link.clock.now() - LONG_AGO
    assert asked(link, make_entry(seq=2), dossier, twin, since=since) == NotThere()


def test_second_of_two_twins_is_settled_when_both_are_there(there):
    link, dossier = there()
    twin = link.delivered(make_entry(seq=1), dossier)
    lost(link, make_entry(seq=2), dossier, twin, operation="CapNhatTienDoHoSoMC")

    assert isinstance(asked(link, make_entry(seq=2), dossier, twin), Settled)


@pytest.mark.parametrize(
    "change",
    [
        {"at": local("2023-03-15 09:31")},
        {"stage": DossierStage.IN_PROGRESS},
        {"note": "thêm"},
    ],
)
def test_entry_that_differs_is_another(there, change):
    link, dossier = there(progress_told_in_time=True)
    other = link.delivered(make_entry(**change), dossier)

    since = link.clock.now() - LONG_AGO
    assert asked(link, make_entry(seq=2), dossier, other, since=since) == NotThere()


def test_twins_fewer_than_were_delivered_mean_that_the_portal_does_not_tell_all(there):
    link, dossier = there()
    payload = link.adapter.prepare(link.in_doubt(make_entry())[0])
    forgotten = link.done(make_entry(), payload)

    assert isinstance(asked(link, make_entry(seq=2), dossier, forgotten), AskAgain)
    assert held_as_unknown(link, make_entry(seq=2), dossier, forgotten, since=link.clock.now() - LONG_AGO)


def test_portal_that_does_not_tell_its_entries_leaves_it_to_a_person(there):
    link, dossier = there({"tells_progress": False})
    lost(link, make_entry(), dossier, operation="CapNhatTienDoHoSoMC")

    with pytest.raises(HeldForPerson) as caught:
        asked(link, make_entry(), dossier)
    assert caught.value.code == "DVCQG_OUTCOME_UNKNOWN"
    assert CODE in caught.value.explanation_vi


def test_policy_may_prefer_a_twin_to_a_person(there):
    link, dossier = there({"tells_progress": False}, resend_progress_in_doubt=True)
    lost(link, make_entry(), dossier, operation="CapNhatTienDoHoSoMC")

    assert asked(link, make_entry(), dossier) == NotThere()


def test_entry_of_unknown_beginning_of_doubt_is_not_waited_for(there):
    link, dossier = there(progress_told_in_time=True)
    work, payload = link.in_doubt(make_entry(), dossier)
    message = work.message.model_copy(update={"doubt_since": None})

    assert link.adapter.ask_after(replace(work, message=message), payload) == NotThere()
