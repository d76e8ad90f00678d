"""The report desk: frozen reports leave once, what came of them comes back, a return is answered once."""

from datetime import datetime, timedelta

import pytest

from ebrvt_connect.engine import steering
from ebrvt_connect.errors import HeldForPerson, Rejected
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.period import VIETNAM, ReportingPeriod
from ebrvt_connect.model.report import ReportState, ReportStatus
from ebrvt_connect.ops.report_desk import ReportDesk
from ebrvt_connect.ops.report_making import ReportMaking
from ebrvt_connect.ports.adapter import NotThere, Surroundings, Work
from ebrvt_connect.ports.decisions import REPORT_LOCKED
from ebrvt_connect.store.snapshots import Freeze
from tests.integration.engine.bench import failing, held, reconcile_first, rejected
from tests.integration.reports.desk_bench import Q3, ReportBench, dossier, release, state

# --- freezing ---------------------------------------------------------------------------------------


def test_a_period_that_is_not_over_is_reported_as_a_trial_only(province):
    with pytest.raises(Rejected, match="REPORT_PERIOD_OPEN") as refused:
        province.report()
    assert "hết ngày 14/09/2019" in refused.value.explanation_vi
    assert province.report(test=True).report.test


def test_the_last_moment_of_a_period_is_still_open_and_the_next_is_not(province):
    end = Q3.ends_at
    province.clock.jump(end - timedelta(microseconds=1))
    with pytest.raises(Rejected, match="REPORT_PERIOD_OPEN"):
        province.making.freeze(Q3, province.clock.now(), reason="")
    province.clock.jump(end)
    assert province.making.freeze(Q3, province.clock.now(), reason="").report.period == Q3


def test_a_trial_does_not_stand_in_the_way_of_the_report_that_counts(over):
    trial = over.report(test=True)
    counts = over.report()
    assert (trial.report.version, counts.report.version) == (1, 1)
    assert counts.report.replaces_packet_id == ""
    assert over.states("bao-cao") == [State.AWAITING, State.AWAITING]


def test_a_frozen_report_waits_until_it_is_handed_over(over):
    frozen = over.report(hand_over=False)
    assert over.states("bao-cao") == []
    over.making.hand_over(frozen.report.packet_id, over.clock.now())
    over.making.hand_over(frozen.report.packet_id, over.clock.now())
    over.flow()
    assert [r.packet_id for r in over.arrived()] == [frozen.report.packet_id]


def test_reports_handed_over_out_of_order_all_leave(over):
    first = over.report(hand_over=False)
    second = over.report(hand_over=True, test=True)
    over.making.hand_over(first.report.packet_id, over.clock.now())
    over.flow()
    assert [r.packet_id for r in over.arrived()] == [second.report.packet_id, first.report.packet_id]


def test_what_is_on_its_way_cannot_be_replaced(over):
    first = over.report()
    with pytest.raises(Rejected, match="REPORT_IN_FLIGHT"):
        over.report(replaces=first.report.packet_id)


def test_only_the_newest_can_be_replaced_and_sent(over):
    first = over.report(hand_over=False)
    second = over.report(hand_over=False, replaces=first.report.packet_id)
    with pytest.raises(Rejected, match="REPORT_NOT_NEWEST"):
        over.report(replaces=first.report.packet_id)
    with pytest.raises(Rejected, match="REPORT_NOT_NEWEST"):
        over.making.hand_over(first.report.packet_id, over.clock.now())
    # The ministry never got the first: it cannot be told to replace it.
    assert (second.report.version, second.report.replaces_packet_id) == (2, "")


def test_an_unknown_report_is_refused(over):
    with pytest.raises(Rejected, match="REPORT_UNKNOWN"):
        over.making.hand_over("không-có", over.clock.now())
    with pytest.raises(Rejected, match="REPORT_UNKNOWN"):
        over.making.known("không-có")
    with pytest.raises(Rejected, match="REPORT_UNKNOWN"):
        over.report(replaces="không-có")


def test_two_who_freeze_at_once_make_one_report(over):
    first = over.report(hand_over=False)
    again = over.making.snapshots.freeze(Freeze(report=first.report, reason="x"), over.clock.now())
    assert again is None
    assert len(over.making.snapshots.all()) == 1


class Overtaken(ReportMaking):
    """Somebody else freezes the same period while this one still computes."""

    def compute(self, period, now):
        ReportMaking(self.settings, self.ledger).freeze(period, now, reason="nhanh hơn")
        return super().compute(period, now)


def test_whoever_is_overtaken_while_computing_is_told_which_report_there_is(over):
    with pytest.raises(Rejected, match="REPORT_EXISTS") as refused:
        Overtaken(over.settings, over.ledger).freeze(Q3, over.clock.now(), reason="chậm hơn")
    (kept,) = over.making.snapshots.all()
    assert kept.reason_made == "nhanh hơn"
    assert kept.report.packet_id in refused.value.advice_vi


# --- told back --------------------------------------------------------------------------------------


def test_an_approved_report_is_told_so(over):
    frozen = over.report()
    assert over.states("bao-cao") == [State.AWAITING]
    assert state(over, frozen) is None
    over.approves()
    assert over.states("bao-cao") == [State.DONE]
    assert state(over, frozen) is ReportState.APPROVED


def test_a_returned_report_is_answered_with_newer_figures(over):
    first = over.report()
    over.flow(dossier(3))
    over.returns("cần số liệu mới hơn")
    second = over.making.snapshots.latest()
    assert state(over, first) is ReportState.RETURNED
    assert "cần số liệu mới hơn" in over.making.snapshots.get(first.report.packet_id).reason_vi
    assert (second.report.version, second.report.replaces_packet_id) == (2, first.report.packet_id)
    assert [o.denominator for o in second.report.observations][:1] == [3]
    assert over.states("bao-cao") == [State.REFUSED, State.AWAITING]
    over.approves()
    assert state(over, second) is ReportState.APPROVED
    assert [r.version for r in over.arrived()] == [1, 2]
    assert "cần số liệu mới hơn" in second.reason_made


def test_the_very_same_figures_are_not_sent_again(over):
    first = over.report()
    over.returns("số liệu chưa đúng")
    kept = over.making.snapshots.get(first.report.packet_id)
    assert (kept.state, kept.code) == (ReportState.HELD, "REPORT_UNCHANGED")
    assert "số liệu chưa đúng" in kept.reason_vi
    assert f"--replaces {first.report.packet_id}" in kept.reason_vi
    assert len(over.making.snapshots.all()) == 1
    # A person corrects it once the data has come.
    over.flow(dossier(3))
    second = over.report(replaces=first.report.packet_id)
    assert second.report.replaces_packet_id == first.report.packet_id


def test_a_desk_told_not_to_recompute_leaves_it_to_a_person(store_url):
    province = ReportBench(store_url, recompute_on_return=False)
    province.flow(dossier(1))
    province.close_period()
    first = province.report()
    province.flow(dossier(2))
    province.returns()
    assert state(province, first) is ReportState.RETURNED
    assert len(province.making.snapshots.all()) == 1
    province.close()


def test_after_some_returns_a_person_must_look(store_url):
    province = ReportBench(store_url, recompute_at_most=2)
    province.flow(dossier(1))
    province.close_period()
    province.report()
    for number in (2, 3, 4):
        province.flow(dossier(number))
        province.returns()
    last = province.making.snapshots.latest()
    assert (last.report.version, last.state, last.code) == (3, ReportState.HELD, "REPORT_RETURNED_TOO_OFTEN")
    assert "trả lại 3 lần" in last.reason_vi
    province.close()


def test_a_report_found_invalid_is_not_answered_by_itself(over):
    over.bo.on_submit = failing(rejected)
    first = over.report()
    over.flow(dossier(3))
    assert state(over, first) is ReportState.INVALID
    assert len(over.making.snapshots.all()) == 1
    over.bo.on_submit = lambda _work: None
    # It never counted there, so what corrects it replaces nothing.
    assert over.report(replaces=first.report.packet_id).report.replaces_packet_id == ""


def test_a_held_report_is_told_so_and_approved_when_a_person_lets_it_go(over):
    over.bo.on_prepare = failing(held)
    first = over.report()
    assert state(over, first) is ReportState.HELD
    over.bo.on_prepare = lambda _work: None
    over.clock.advance(timedelta(minutes=1))
    (message,) = over.ledger.messages(link="bao-cao")
    steering.release(over.ledger, message.id, by="test", why="đã sửa", now=over.clock.now())
    over.flow()
    over.approves()
    assert state(over, first) is ReportState.APPROVED


def test_a_period_locked_over_it_is_told_so(over):
    first = over.report()
    over.locks(REPORT_LOCKED)
    assert state(over, first) is ReportState.LOCKED


# --- told again, and after a crash ------------------------------------------------------------------


def returned_status(over, packet_id) -> Work:
    record = ReportStatus(
        packet_id=packet_id,
        state=ReportState.RETURNED,
        at=over.clock.now(),
        code="REPORT_RETURNED",
        reason_vi="số liệu cũ",
    )
    message = over.ledger.messages(link="bao-cao")[0].model_copy(update={"kind": Kind.REPORT_STATUS})
    return Work(message, record)


def test_a_return_told_twice_is_answered_once(over):
    first = over.report()
    over.flow(dossier(3))
    work = returned_status(over, first.report.packet_id)
    payload = over.desk.prepare(work)
    receipt = over.desk.submit(work, payload)
    assert "thay bằng" in receipt.note
    over.flow(dossier(4))
    # The process died before it had noted that: a desk of the next process hears it again.
    again = over.open_desk()
    assert again.ask_after(work, payload) == NotThere()
    assert again.submit(work, payload).note == ""
    assert len(over.making.snapshots.all()) == 2


def test_a_process_that_dies_after_writing_a_return_down_answers_it_once(over):
    first = over.report()
    over.flow(dossier(3))
    written = over.desk._submit

    def dies_afterwards(work, payload):
        written(work, payload)
        raise reconcile_first()

    over.desk._submit = dies_afterwards
    over.returns()
    over.desk._submit = written
    over.flow(dossier(4))
    over.pass_time(minutes=10)
    assert over.states("bao-cao~feedback") == [State.DONE]
    assert state(over, first) is ReportState.RETURNED
    assert [s.report.version for s in over.making.snapshots.all()] == [2, 1]
    assert [r.version for r in over.arrived()] == [1, 2]


def test_a_conclusion_for_a_person_stands_when_it_is_told_again(over):
    first = over.report()
    work = returned_status(over, first.report.packet_id)
    payload = over.desk.prepare(work)
    over.desk.submit(work, payload)
    over.flow(dossier(3))  # the figures would differ now
    over.desk.submit(work, payload)
    assert state(over, first) is ReportState.HELD
    assert len(over.making.snapshots.all()) == 1


def test_old_news_does_not_overwrite_newer(over):
    over.bo.on_prepare = failing(held)
    first = over.report()
    (old,) = over.ledger.messages(link="bao-cao~feedback")
    over.bo.on_prepare = lambda _work: None
    release(over)
    over.approves()
    assert state(over, first) is ReportState.APPROVED
    over.flow(dossier(3))
    returned = returned_status(over, first.report.packet_id).record
    work = Work(old, returned)
    over.desk.submit(work, over.desk.prepare(work))
    assert state(over, first) is ReportState.APPROVED
    assert len(over.making.snapshots.all()) == 1


def test_what_was_decided_is_heard_although_the_clock_was_set_back(over):
    over.bo.on_prepare = failing(held)
    first = over.report()
    assert state(over, first) is ReportState.HELD
    over.bo.on_prepare = lambda _work: None
    over.clock.jump(over.clock.now() - timedelta(hours=1))
    release(over)
    over.approves()
    assert over.states("bao-cao") == [State.DONE]
    assert state(over, first) is ReportState.APPROVED


def test_a_return_a_person_has_answered_already_is_not_answered_again(over):
    first = over.report(hand_over=False)
    over.report(hand_over=False, replaces=first.report.packet_id)
    over.flow(dossier(3))
    record = ReportStatus(
        packet_id=first.report.packet_id, state=ReportState.RETURNED, at=over.clock.now(), reason_vi="x"
    )
    over.report(test=True)
    work = Work(over.ledger.messages(link="bao-cao")[0], record)
    over.desk.submit(work, over.desk.prepare(work))
    assert state(over, first) is ReportState.RETURNED
    assert [s.report.version for s in over.making.snapshots.all() if not s.report.test] == [2, 1]


def test_a_status_of_a_report_nobody_made_is_held(over):
    over.report()
    work = returned_status(over, "5b0f4b7e-7f0a-4f4e-9d3b-3f8f2f6f7a11")
    with pytest.raises(HeldForPerson, match="REPORT_UNKNOWN"):
        over.desk.submit(work, over.desk.prepare(work))


def test_the_desk_takes_statuses_only(over):
    over.report()
    message = over.ledger.messages(link="bao-cao")[0]
    with pytest.raises(HeldForPerson, match="REPORT_DESK_TAKES_STATUSES"):
        over.desk.prepare(Work(message, over.arrived()[0]))


# --- the desk as an adapter -------------------------------------------------------------------------


def test_the_desk_gives_out_reports_only_and_from_the_checkpoint_on(over):
    assert over.desk.ping() == "no report yet"
    over.report()
    assert over.desk.ping() == "newest report 2019-Q3"
    assert list(over.desk.fetch(Kind.DOCUMENT, None)) == []
    (batch,) = over.desk.fetch(Kind.REPORT, None)
    (item,) = batch.items
    assert (batch.checkpoint, item.lane, item.title) == (
        "1",
        "NQ17/2019-Q3/H06",
        "Báo cáo NQ17 kỳ 2019-Q3, lần 1",
    )
    assert list(over.desk.fetch(Kind.REPORT, batch.checkpoint)) == []


def test_more_reports_than_one_batch_holds_all_come(over):
    for year in range(1990, 2019):
        period = ReportingPeriod.parse(f"{year}-Q1")
        over.making.freeze(period, datetime(2019, 9, 20, tzinfo=VIETNAM), reason="", hand_over=True)
    batches = list(over.desk.fetch(Kind.REPORT, None))
    assert [len(batch.items) for batch in batches] == [20, 9]
    assert len({item.external_id for batch in batches for item in batch.items}) == 29


def test_the_desk_says_nothing_about_what_is_no_report(over):
    message = over.ledger.messages(link="ho-so")[0]
    assert over.desk.feedback(message, dossier(1), None) == ()


def test_a_desk_needs_its_settings_and_a_ledger(over):
    surroundings = Surroundings("ban-bao-cao", over.clock, over.blobs)
    with pytest.raises(TypeError, match="DeskSettings"):
        ReportDesk.open(ReportStatus.model_construct(), surroundings, over.ledger)
    with pytest.raises(TypeError, match="ledger"):
        ReportDesk.open(over.settings, surroundings)
