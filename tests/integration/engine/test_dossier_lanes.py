"""Links that carry several kinds: a dossier and its progress in one lane, whatever happens to the dossier."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.engine import steering
from ebrvt_connect.engine.engine import Engine
from ebrvt_connect.errors import Scope
from ebrvt_connect.model.dossier import Dossier, DossierStatus, ProgressEntry
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.ports.adapter import Item, Work
from ebrvt_connect.store import schema
from ebrvt_connect.store.rows import record_of
from tests.integration.engine.bench import (
    BACK,
    DOSSIERS,
    OUT,
    Bench,
    dossier_code,
    dossier_item,
    failing,
    held,
    item,
    progress_item,
    reconcile_first,
    rejected,
    told_of_dossier,
)


@pytest.fixture
def desk(bench_with) -> Bench:
    """A one-stop shop (`dms`) and a portal (`axis`)."""
    bench: Bench = bench_with(links=(DOSSIERS,))
    bench.dms.feedbacks = told_of_dossier
    bench.dms.brings = {Kind.DOSSIER: (Kind.PROGRESS,)}
    return bench


def arrived(bench: Bench) -> list[str]:
    """Dossiers by revision and progress entries by number, in the order the portal took them."""
    return [
        f"r{work.record.revision}" if isinstance(work.record, Dossier) else f"p{work.record.seq}"
        for work in bench.axis.arrived
        if isinstance(work.record, Dossier | ProgressEntry)
    ]


def refusing(_batch) -> None:
    raise rejected()


def sent_on(bench: Bench) -> None:
    bench.axis.on_submit = lambda _work: None


def test_items_of_one_batch_keep_their_kinds_and_their_order(desk):
    desk.offer(dossier_item(1), progress_item(1, 1), progress_item(1, 2), dossier_item(2))
    desk.fetch("dossiers")
    messages = desk.ledger.messages(link="dossiers")
    assert [m.kind for m in messages] == [Kind.DOSSIER, Kind.PROGRESS, Kind.PROGRESS, Kind.DOSSIER]
    desk.drain("axis")
    assert desk.states("dossiers") == [State.DONE] * 4
    assert [one for one in arrived(desk) if one != "r1"] == ["p1", "p2"]
    assert desk.keys()[0] in {f"dossiers:{dossier_code(n)}:1" for n in (1, 2)}


def test_what_becomes_of_a_dossier_is_told_as_a_status_of_its_own_kind_with_its_origin(desk):
    desk.store(dossier_item(1), link=DOSSIERS)
    desk.drain()
    (status,) = desk.ledger.messages(link="dossiers~feedback")
    assert (status.kind, status.state) == (Kind.DOSSIER_STATUS, State.DONE)
    assert isinstance(record_of(status), DossierStatus)
    (work,) = desk.dms.arrived
    assert work.origin.id == 1
    assert isinstance(work.origin_record, Dossier)


def test_the_same_id_under_two_kinds_is_two_things(desk):
    code = str(dossier_code(1))
    both = dossier_item(1), progress_item(1, 1, external_id=code, version="1")
    desk.offer(*both, *both)
    desk.fetch("dossiers")
    messages = desk.ledger.messages(link="dossiers")
    assert [m.idem_key for m in messages] == [f"dossiers:{code}:1", f"dossiers:progress:{code}:1"]
    assert desk.dms.acknowledged == [code] * 4
    assert desk.ledger.link_statistics()[0].duplicates == 0
    with desk.ledger.database.connect() as tx:
        inbox = schema.inbox
        assert tx.execute(sa.select(inbox.c.kind).where(inbox.c.acknowledged_at.is_not(None))).all() == [
            ("dossier",),
            ("progress",),
        ]


def test_acknowledgements_owed_for_several_kinds_are_paid(desk):
    desk.offer(dossier_item(1), progress_item(1, 1))
    desk.dms.on_acknowledge = refusing
    desk.fetch("dossiers")
    assert desk.dms.acknowledged == []
    given = []
    desk.dms.on_acknowledge = lambda batch: given.append([(i.kind, i.external_id) for i in batch.items])
    desk.fetch("dossiers")
    code = str(dossier_code(1))
    assert given == [[(Kind.DOSSIER, code), (Kind.PROGRESS, f"{code}/1")]]
    desk.fetch("dossiers")
    assert len(given) == 1


def test_a_kind_the_link_does_not_carry_is_neither_stored_nor_passed_over(bench_with, store_url):
    only_dossiers = replace(DOSSIERS, kinds=(Kind.DOSSIER,))
    bench = bench_with(links=(only_dossiers,))
    bench.dms.brings = {Kind.DOSSIER: (Kind.PROGRESS,)}
    bench.offer(dossier_item(1), progress_item(1, 1))
    bench.fetch("dossiers")
    assert bench.ledger.messages() == []
    assert bench.ledger.checkpoint("dossiers") is None
    (statistics,) = bench.ledger.link_statistics()
    assert statistics.code == "KIND_NOT_CARRIED"
    assert "progress" in statistics.reason_vi
    cured = Bench(store_url, links=(DOSSIERS,))
    cured.dms.brings = bench.dms.brings
    cured.offer(*bench.dms.outbox)
    cured.fetch("dossiers")
    assert len(cured.ledger.messages()) == 2
    cured.close()


@pytest.mark.parametrize(
    "links",
    [
        (DOSSIERS, replace(DOSSIERS, name="twin", kinds=(Kind.PROGRESS,))),
        (replace(DOSSIERS, kinds=()),),
        (replace(DOSSIERS, kinds=(Kind.DOSSIER, Kind.DOSSIER)),),
    ],
    ids=["two-links-of-a-kind", "nothing", "a-kind-twice"],
)
def test_links_that_contradict_each_other_are_refused(desk, links):
    with pytest.raises(ValueError, match="link"):
        Engine(
            desk.ledger,
            {"dms": desk.dms, "axis": desk.axis},
            [OUT, BACK, *links],
            {},
            desk.settings,
            desk.clock,
        )


def test_progress_never_overtakes_a_dossier_that_is_held(desk):
    desk.axis.on_submit = failing(held)
    desk.store(dossier_item(1), progress_item(1, 1), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.HELD, State.RECEIVED]
    assert arrived(desk) == []


@pytest.fixture
def corrected(desk) -> Bench:
    """A dossier held by its mapping, progress stored behind it, and then a newer revision of the dossier."""
    desk.axis.on_prepare = failing(held, only=str(dossier_code(1)))
    desk.store(dossier_item(1), progress_item(1, 1), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.HELD, State.RECEIVED]
    desk.axis.on_prepare = lambda _work: None
    desk.store(dossier_item(1, "2"), progress_item(1, 2), link=DOSSIERS)
    return desk


def test_a_newer_revision_stands_where_the_held_one_stood(corrected):
    corrected.drain("axis")
    assert corrected.states("dossiers") == [State.SUPERSEDED, State.DONE, State.DONE, State.DONE]
    assert arrived(corrected) == ["r2", "p1", "p2"]


def test_a_place_is_taken_again_and_again(corrected):
    corrected.axis.on_prepare = failing(held)
    corrected.drain("axis")
    sent_on(corrected)
    corrected.axis.on_prepare = lambda _work: None
    corrected.store(dossier_item(1, "3"), link=DOSSIERS)
    corrected.drain("axis")
    assert arrived(corrected) == ["r3", "p1", "p2"]
    states = corrected.states("dossiers")
    assert states == [State.SUPERSEDED, State.DONE, State.SUPERSEDED, State.DONE, State.DONE]


def test_a_revision_that_is_not_held_keeps_its_own_place(corrected):
    corrected.store(dossier_item(1, "3"), link=DOSSIERS)
    corrected.drain("axis")
    assert arrived(corrected) == ["r2", "p1", "p2", "r3"]


def test_versions_between_the_held_one_and_the_newest_move_up_with_it(desk):
    """The first is held only when two newer ones wait behind it already, with progress between."""

    def wrong_at_first(work: Work) -> None:
        if getattr(work.record, "revision", "") == "1":
            raise held()

    desk.axis.on_prepare = wrong_at_first
    desk.store(dossier_item(1), progress_item(1, 1), link=DOSSIERS)
    desk.store(dossier_item(1, "2"), progress_item(1, 2), link=DOSSIERS)
    desk.store(dossier_item(1, "3"), link=DOSSIERS)
    desk.drain("axis")
    assert arrived(desk) == ["r2", "r3", "p1", "p2"]


def test_what_is_let_go_and_held_once_more_gives_way_at_once(corrected):
    corrected.axis.on_prepare = failing(held)
    corrected.drain("axis")
    first = corrected.ledger.held()[0]
    steering.release(corrected.ledger, first.id, by="An", why="thử lại", now=corrected.clock.now())
    corrected.store(dossier_item(1, "3"), progress_item(1, 3), link=DOSSIERS)
    corrected.drain("axis")
    corrected.axis.on_prepare = lambda _work: None
    corrected.store(dossier_item(1, "4"), link=DOSSIERS)
    corrected.drain("axis")
    assert arrived(corrected) == ["r4", "p1", "p2", "p3"]


def test_what_was_sent_once_is_not_superseded(desk):
    desk.axis.on_submit = failing(held)
    desk.store(dossier_item(1), progress_item(1, 1), link=DOSSIERS)
    desk.drain("axis")
    sent_on(desk)
    desk.store(dossier_item(1, "2"), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.HELD, State.RECEIVED, State.RECEIVED]
    steering.release(desk.ledger, 1, by="An", why="đã sửa", now=desk.clock.now())
    desk.drain("axis")
    assert arrived(desk) == ["r1", "p1", "r2"]


def test_a_held_progress_entry_is_not_superseded_by_a_dossier_of_its_name(desk):
    code = str(dossier_code(1))
    desk.axis.on_prepare = failing(held, only=code)
    desk.store(progress_item(1, 1, external_id=code), link=DOSSIERS)
    desk.drain("axis")
    desk.store(dossier_item(1, "2"), link=DOSSIERS)
    assert desk.states("dossiers") == [State.HELD, State.RECEIVED]


def test_the_place_survives_in_siblings_and_in_the_window(corrected):
    corrected.drain("axis")
    last = corrected.ledger.messages(link="dossiers")[-1]
    assert [one.external_id for one in corrected.ledger.siblings_of(last)] == [
        str(dossier_code(1)),
        f"{dossier_code(1)}/1",
    ]


# --- what was refused, and its correction -----------------------------------------------------------


class Portal:
    """Refuses one revision of a dossier, and holds progress of a dossier it has not got."""

    def __init__(self, desk: Bench, refused: str = "1") -> None:
        self.refused = refused
        self.desk = desk
        desk.axis.on_submit = self.take

    def take(self, work: Work) -> None:
        if isinstance(work.record, Dossier) and work.record.revision == self.refused:
            raise rejected()
        if isinstance(work.record, ProgressEntry) and not any(one[0] == "r" for one in arrived(self.desk)):
            raise held()


def test_correction_of_a_refused_dossier_goes_before_its_progress_which_follows_by_itself(desk):
    Portal(desk)
    desk.store(dossier_item(1), progress_item(1, 1), progress_item(1, 2), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.REFUSED, State.HELD, State.RECEIVED]
    desk.store(dossier_item(1, "2"), progress_item(1, 3), link=DOSSIERS)
    desk.drain("axis")
    assert arrived(desk) == ["r2", "p1", "p2", "p3"]
    assert desk.states("dossiers") == [State.REFUSED, *[State.DONE] * 4]


def test_progress_held_when_the_correction_waits_behind_it_already_lets_it_pass(desk):
    Portal(desk)
    desk.store(dossier_item(1), progress_item(1, 1), dossier_item(1, "2"), link=DOSSIERS)
    desk.drain("axis")
    assert arrived(desk) == ["r2", "p1"]


def test_progress_in_doubt_is_not_sent_again_because_its_dossier_was_corrected(desk):
    Portal(desk)
    desk.store(dossier_item(1), link=DOSSIERS)
    desk.drain("axis")
    desk.axis.on_submit = failing(reconcile_first, only=f"{dossier_code(1)}/1")
    desk.axis.on_ask = failing(held)
    desk.store(progress_item(1, 1), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.REFUSED, State.HELD]
    Portal(desk)
    desk.store(dossier_item(1, "2"), link=DOSSIERS)
    desk.drain("axis")
    assert arrived(desk) == ["r2"]
    assert desk.states("dossiers") == [State.REFUSED, State.HELD, State.DONE]


def test_correction_of_what_was_refused_unheard_takes_its_place(desk):
    """Whoever wants to hear of no refusal has it held: the correction supersedes it."""
    desk.dms.feedbacks = lambda _message, _outcome: ()
    Portal(desk)
    desk.store(dossier_item(1), progress_item(1, 1), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.HELD, State.RECEIVED]
    desk.store(dossier_item(1, "2"), link=DOSSIERS)
    desk.drain("axis")
    assert arrived(desk) == ["r2", "p1"]
    assert desk.states("dossiers")[0] is State.SUPERSEDED


def test_what_came_after_a_refused_one_and_arrived_keeps_its_order(desk):
    Portal(desk, refused="2")
    desk.store(dossier_item(1), dossier_item(1, "2"), progress_item(1, 1), link=DOSSIERS)
    desk.drain("axis")
    desk.store(progress_item(1, 2), dossier_item(1, "3"), link=DOSSIERS)
    desk.drain("axis")
    assert sorted(arrived(desk)) == ["p1", "p2", "r1", "r3"]
    assert arrived(desk)[:2] == ["r1", "p1"]


# --- what is taken over once --------------------------------------------------------------------------


def step(seq: int, version: str, **changes) -> Item:
    return progress_item(1, seq, version=version, once=True, **changes)


def test_another_version_of_what_was_taken_once_is_known(desk):
    desk.store(step(1, "a"), link=DOSSIERS)
    desk.store(step(1, "b"), link=DOSSIERS)
    desk.drain("axis")
    desk.store(step(1, "c"), step(1, "d"), link=DOSSIERS)
    assert desk.states("dossiers") == [State.DONE]


def test_version_passed_over_while_another_was_under_way_goes_when_that_came_to_nothing(desk):
    desk.store(step(1, "a"), link=DOSSIERS)
    desk.store(step(1, "b"), link=DOSSIERS)
    desk.axis.on_submit = failing(rejected)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.REFUSED]
    sent_on(desk)
    desk.store(step(1, "b"), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.REFUSED, State.DONE]


@pytest.mark.parametrize("trouble", [held, rejected], ids=["held", "refused"])
def test_correction_of_what_never_left_is_sent_once(desk, trouble):
    desk.axis.on_prepare = failing(trouble) if trouble is held else lambda _work: None
    desk.axis.on_submit = failing(trouble)
    desk.store(dossier_item(2), step(1, "a"), step(2, "x"), link=DOSSIERS)
    desk.drain("axis")
    desk.axis.on_prepare = desk.axis.on_submit = lambda _work: None
    desk.store(step(1, "b"), link=DOSSIERS)
    desk.store(step(1, "c"), link=DOSSIERS)
    desk.drain("axis")
    versions = [
        work.message.idem_key[-1] for work in desk.axis.arrived if work.message.external_id[-1] == "1"
    ]
    assert versions == ["b"]


def test_what_was_held_under_another_name_is_replaced_where_it_stood(desk):
    fault = held()
    unreadable = progress_item(1, 9, external_id="row:7", record=None, fault=fault)
    desk.store(dossier_item(1), unreadable, step(2, "x"), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.DONE, State.HELD, State.RECEIVED]
    desk.store(step(1, "a", replaces=("row:7",)), link=DOSSIERS)
    desk.drain("axis")
    assert arrived(desk) == ["r1", "p1", "p2"]
    assert desk.states("dossiers") == [State.DONE, State.SUPERSEDED, State.DONE, State.DONE]


def test_what_a_person_says_has_arrived_is_a_sibling_too(desk):
    desk.axis.on_submit = failing(held)
    desk.store(progress_item(1, 1), progress_item(1, 2), link=DOSSIERS)
    desk.drain("axis")
    steering.confirm(desk.ledger, 1, by="An", why="đã có trên Cổng", now=desk.clock.now())
    second = desk.ledger.message(2)
    assert [one.id for one in desk.ledger.siblings_of(second)] == [1]


def test_progress_is_told_with_the_dossier_the_portal_has_taken_last(desk):
    desk.store(dossier_item(1), progress_item(1, 1), dossier_item(1, "2"), link=DOSSIERS)
    desk.store(progress_item(1, 2), dossier_item(2), progress_item(2, 1), link=DOSSIERS)
    desk.drain("axis")
    origins = {
        (str(work.record.local_code), work.record.seq): work.origin_record.revision
        for work in desk.axis.arrived
        if isinstance(work.record, ProgressEntry) and isinstance(work.origin_record, Dossier)
    }
    first, second = str(dossier_code(1)), str(dossier_code(2))
    assert origins == {(first, 1): "1", (first, 2): "2", (second, 1): "1"}
    assert desk.ledger.messages(kinds=(Kind.PROGRESS,))[0].origin_id == 1


def test_a_refused_dossier_is_no_origin_of_its_progress(desk):
    works: list[Work] = []
    desk.axis.on_prepare = works.append
    desk.axis.on_submit = failing(rejected, only=str(dossier_code(1)))
    desk.store(dossier_item(1), progress_item(1, 1), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.REFUSED, State.DONE]
    assert works[-1].origin is None


def test_a_dossier_without_origin_has_none(desk):
    desk.store(dossier_item(1), link=DOSSIERS)
    message = desk.ledger.message(1)
    assert desk.ledger.origin_of(message, record_of(message)) is None


def test_refused_progress_nobody_would_hear_of_is_held(desk):
    desk.dms.feedbacks = lambda _message, _outcome: ()
    desk.axis.on_submit = failing(rejected, only=f"{dossier_code(1)}/1")
    desk.store(dossier_item(1), progress_item(1, 1), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.DONE, State.HELD]


def test_refused_progress_is_told_with_the_entry_as_its_origin(desk):
    desk.axis.on_submit = failing(rejected, only=f"{dossier_code(1)}/1")
    desk.store(progress_item(1, 1), link=DOSSIERS)
    desk.drain()
    assert desk.states("dossiers") == [State.REFUSED]
    (work,) = desk.dms.arrived
    assert isinstance(work.origin_record, ProgressEntry)


def test_while_the_portal_is_paused_progress_waits_for_its_dossier_even_to_be_judged(desk):
    prepared = []
    desk.axis.on_prepare = lambda work: prepared.append(work.message.kind)
    desk.engine.pause("axis", "An", "bảo trì")
    desk.store(dossier_item(1), progress_item(1, 1), dossier_item(2), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.QUEUED, State.RECEIVED, State.QUEUED]
    assert desk.ledger.settled(), "nothing is left to be done before the portal is back"
    assert desk.ledger.due_shards(desk.clock.now()) == []
    desk.engine.resume("axis")
    desk.drain("axis")
    assert desk.states("dossiers") == [State.DONE] * 3
    assert prepared.count(Kind.PROGRESS) == 1


def test_progress_without_a_dossier_before_it_is_judged_while_the_portal_is_paused(desk):
    desk.engine.pause("axis", "An", "bảo trì")
    desk.store(progress_item(1, 1), link=DOSSIERS)
    assert not desk.ledger.settled()
    desk.drain("axis")
    assert desk.states("dossiers") == [State.QUEUED]


def test_lanes_of_other_dossiers_go_on(desk):
    desk.axis.on_submit = failing(lambda: held(Scope.LANE), only=str(dossier_code(1)))
    desk.store(dossier_item(1), progress_item(1, 1), dossier_item(2), progress_item(2, 1), link=DOSSIERS)
    desk.drain("axis")
    assert desk.states("dossiers") == [State.HELD, State.RECEIVED, State.DONE, State.DONE]


def test_messages_are_narrowed_by_kind_source_and_lane(desk):
    desk.store(dossier_item(1), progress_item(1, 1), dossier_item(2), link=DOSSIERS)
    lane = str(dossier_code(1))
    assert [m.id for m in desk.ledger.messages(kinds=(Kind.DOSSIER,))] == [1, 3]
    assert [m.id for m in desk.ledger.messages(lane=lane, source="dms")] == [1, 2]
    assert desk.ledger.messages(source="axis") == []


def test_heads_stand_in_the_order_of_their_places(bench_with):
    """What took an older place comes before what was stored meanwhile in other lanes, too."""
    bench = bench_with(links=(DOSSIERS, OUT), limits={})
    bench.ledger.fix_shards(1)
    bench.axis.on_prepare = failing(held, only=str(dossier_code(1)))
    bench.store(dossier_item(1), link=DOSSIERS)
    bench.drain("axis")
    bench.store(item(5))
    bench.store(dossier_item(1, "2"), link=DOSSIERS)
    now = bench.clock.now() + timedelta(seconds=1)
    due = bench.ledger.heads("axis", 0, now=now, limit=5, judging_only=False)
    assert [(one.message.id, one.place) for one in due] == [(3, 1), (2, 2)]
