"""Golden: never invented, never counted twice, whatever way dossiers and documents came into the ledger."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from ebrvt_adapters.qlvb.mapping import lane_of

from ebrvt_connect.engine import steering
from ebrvt_connect.errors import Rejected
from ebrvt_connect.model.document import Business, BusinessKind, Confidentiality
from ebrvt_connect.model.dossier import Channel, DossierCode, DossierStage
from ebrvt_connect.model.message import State
from ebrvt_connect.model.period import ReportingPeriod
from ebrvt_connect.model.report import Missing
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import writing
from tests.integration.engine.bench import TROUBLE, failing, held, rejected, retry_later
from tests.integration.reports.desk_bench import (
    Q3,
    at,
    document,
    document_item,
    dossier,
    dossier_item,
    verdict,
)

ONLINE, ON_TIME, SENT, SIGNED = "NQ17.02", "NQ17.05", "NQ17.16", "NQ17.17"


def test_an_empty_ledger_reports_no_ratio(province):
    province.flow()
    assert {o.missing for o in province.observations().values()} == {Missing.DENOMINATOR_ZERO}


def test_all_kinds_of_dossiers_are_counted_as_the_resolution_says(province):
    province.flow(
        dossier(1),
        dossier(2, channel=Channel.DIRECT, finished_at=at(7, 25)),  # late
        dossier(3, channel=Channel.POST, stage=DossierStage.STOPPED, returned_at=None),  # refused: resolved
        dossier(4, stage=DossierStage.WITHDRAWN),
        dossier(5, stage=DossierStage.NOT_RECEIVED, received_at=None, finished_at=None, refused_at=at(7, 2)),
        dossier(6, stage=DossierStage.IN_PROGRESS, finished_at=None, returned_at=None),
        dossier(7, linked_to=DossierCode.parse("H06.15-190701-0001")),
        dossier(8, due_at=None),
        dossier(9, due_at=at(7, 10), extended_due_at=at(7, 30)),  # on time by the extended appointment
    )
    assert province.states("ho-so") == [State.DONE] * 9
    assert province.parts(ONLINE) == (3, 5)
    assert province.parts(ON_TIME) == (4, 5)
    assert "Có 1 hồ sơ không ghi ngày hẹn trả" in province.observations()[ON_TIME].note


def test_a_dossier_in_several_revisions_is_counted_once_by_its_newest(province):
    province.flow(dossier(1, stage=DossierStage.IN_PROGRESS, finished_at=None, returned_at=None))
    province.flow(dossier(1, revision="2", returned_at=None, stage=DossierStage.COMPLETED))
    province.flow(dossier(1, revision="3", channel=Channel.DIRECT))
    assert province.states("ho-so") == [State.DONE] * 3
    assert province.parts(ONLINE) == (0, 1)


def test_a_dossier_opened_again_after_its_return_is_not_resolved_any_more(province):
    province.flow(dossier(1), dossier(2))
    assert province.parts(ONLINE) == (2, 2)
    province.flow(dossier(1, revision="2", stage=DossierStage.IN_PROGRESS))
    assert province.parts(ONLINE) == (1, 1)


def test_the_same_dossier_fetched_again_is_counted_once(province):
    province.flow(dossier(1))
    province.flow(dossier(1), dossier(1))
    assert province.parts(ONLINE) == (1, 1)


def test_a_held_revision_is_told_while_the_delivered_one_counts(province):
    province.flow(dossier(1))
    province.cong.on_prepare = failing(held)
    province.flow(dossier(1, revision="2", channel=Channel.DIRECT), dossier(2))
    assert province.states("ho-so") == [State.DONE, State.HELD, State.HELD]
    found = province.observations()[ONLINE]
    assert (found.numerator, found.denominator) == (1, 1)
    assert "Có 2 hồ sơ của kỳ đang bị giữ hoặc chưa đồng bộ xong" in found.note


def test_a_superseded_revision_is_neither_counted_nor_told(province):
    province.cong.on_prepare = failing(held)
    province.flow(dossier(1, channel=Channel.DIRECT))
    province.cong.on_prepare = lambda _work: None
    province.flow(dossier(1, revision="2"))
    assert province.states("ho-so") == [State.SUPERSEDED, State.DONE]
    found = province.observations()[ONLINE]
    assert (found.numerator, found.denominator, found.note) == (1, 1, "")


def test_what_the_portal_refused_or_has_not_got_yet_is_told(province):
    province.cong.on_submit = failing(rejected, only=str(dossier(1).code))
    province.flow(dossier(1))
    province.cong.on_submit = failing(retry_later)
    province.flow(dossier(2))
    found = province.observations()[ONLINE]
    assert found.missing is Missing.DENOMINATOR_ZERO
    assert "Có 2 hồ sơ của kỳ" in found.note


def test_a_dossier_that_could_not_be_read_is_told(province):
    fault = held()
    province.motcua.outbox.append(replace(dossier_item(dossier(1)), record=None, fault=fault))
    province.flow(dossier(2))
    found = province.observations()[ONLINE]
    assert (found.numerator, found.denominator) == (1, 1)
    assert "Có 1 hồ sơ không đọc được nội dung" in found.note


def test_what_an_older_program_stored_otherwise_is_told_as_unreadable(province):
    province.cong.on_submit = failing(retry_later)
    province.flow(dossier(1), document(1))
    with writing(province.ledger.database) as tx:
        tx.execute(schema.message.update().values(record='{"khác": 1}', state=State.QUEUED.value))
        tx.execute(
            schema.message.update()
            .where(schema.message.c.kind == "document")
            .values(record='{"promulgated_on": "hôm qua"}')
        )
    found = province.observations()
    assert "Có 1 hồ sơ không đọc được nội dung" in found[ONLINE].note
    assert "Có 1 văn bản không đọc được nội dung" in found[SENT].note


def test_a_document_without_its_bytes_is_told(province):
    fault = held()
    province.qlvb.outbox.append(replace(document_item(document(1)), record=None, fault=fault))
    province.flow()
    assert "Có 1 văn bản không đọc được nội dung" in province.observations()[SENT].note


def test_documents_once_each_whatever_was_repeated(province):
    province.flow(document(1), document(2), document(3))
    # The same again under another id, and a later revision of one that was sent.
    province.qlvb.outbox.append(document_item(document(1), "v1-again"))
    province.flow()
    province.flow()
    province.qlvb.outbox.append(document_item(document(2, abstract="sửa"), "v2", version="2"))
    province.flow()
    assert province.parts(SENT) == (3, 3)
    assert province.parts(SIGNED) == (3, 3)


def test_secret_undated_unaddressed_foreign_and_old_documents_are_not_of_the_issued(province):
    province.flow(
        document(1),
        document(2, confidentiality=Confidentiality.SECRET),
        document(3, promulgated_on=None),
        document(4, recipients=()),
        document(5, promulgated_on=Q3.first_day - timedelta(days=1)),
        document(6, promulgated_on=Q3.last_day),
    )
    province.truc.outbox.append(document_item(document(77), "came-in"))
    province.flow()
    assert province.parts(SENT) == (2, 2)
    assert "Có 1 văn bản không ghi ngày ban hành" in province.observations()[SENT].note


def test_a_held_document_was_issued_but_not_sent(province):
    province.gate.holds = {"v2"}
    province.flow(document(1), document(2))
    assert province.parts(SENT) == (1, 2)
    assert province.parts(SIGNED) == (1, 1)


def test_a_corrected_document_that_superseded_a_held_one_is_counted_once(province):
    province.gate.holds = {"v1"}
    province.flow(document(1))
    province.gate.holds = set()
    province.qlvb.outbox.append(document_item(document(1, abstract="đã ký lại"), "v1", version="2"))
    province.flow()
    assert province.states("van-ban-di") == [State.SUPERSEDED, State.DONE]
    assert province.parts(SENT) == (1, 1)


def test_a_document_accepted_before_stays_sent_while_its_update_is_held(province):
    province.flow(document(1))
    province.gate.holds = {"v1"}
    province.qlvb.outbox.append(document_item(document(1, abstract="sửa"), "v1", version="2"))
    province.flow()
    assert province.states("van-ban-di") == [State.DONE, State.HELD]
    assert province.parts(SENT) == (1, 1)
    assert province.parts(SIGNED) == (1, 1)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (verdict(for_issuer=False), "có chữ ký hợp lệ nhưng chưa xác nhận là ký cho cơ quan ban hành"),
        (verdict("TOTAL_FAILED"), "có chữ ký không hợp lệ"),
        (verdict("INDETERMINATE"), "chưa kết luận được về chữ ký"),
        (verdict("INDETERMINATE", sub_indications=["SIGNED_DATA_NOT_FOUND"]), "không ký số"),
        ("", "chưa kết luận được về chữ ký"),
        ('{"documents": []}', "chưa kết luận được về chữ ký"),
    ],
)
def test_signatures_are_what_the_stored_verdict_says(province, found, said):
    province.gate.verdicts = {"v1": found}
    province.flow(document(1), document(2))
    assert province.parts(SIGNED) == (1, 2)
    assert f"Có 1 văn bản {said}" in province.observations()[SIGNED].note


def test_a_source_in_trouble_is_told_and_forgotten_when_it_is_well_again(province):
    province.flow(dossier(1))

    def away():
        raise retry_later()

    province.motcua.on_fetch = away
    province.clock.advance(timedelta(minutes=1))
    province.flow()
    assert "Liên kết ho-so không lấy được dữ liệu từ" in province.observations()[ONLINE].note
    assert "ho-so" not in province.observations()[SENT].note
    province.motcua.on_fetch = lambda: None
    province.clock.advance(timedelta(minutes=5))
    province.flow()
    assert province.observations()[ONLINE].note == ""
    province.ledger.pause_system("motcua", by="test", why=TROUBLE.sentence_vi, now=province.clock.now())
    assert "Liên kết ho-so đang tạm dừng" in province.observations()[ONLINE].note


def test_late_data_changes_only_the_replacing_report(province):
    province.flow(dossier(1), dossier(2, channel=Channel.DIRECT))
    province.close_period()
    first = province.report()
    province.approves()
    before = province.making.snapshots.get(first.report.packet_id)
    province.flow(dossier(3), dossier(2, revision="2", channel=Channel.ONLINE))
    kept = province.making.snapshots.get(first.report.packet_id)
    assert (kept.report, kept.report.snapshot_sha256) == (before.report, first.report.snapshot_sha256)
    with pytest.raises(Rejected, match="REPORT_EXISTS"):
        province.report()
    second = province.report(replaces=first.report.packet_id)
    assert [str(o.value) for o in first.report.observations[:1]] == ["50.00"]
    assert [str(o.value) for o in second.report.observations[:1]] == ["100.00"]
    assert second.report.replaces_packet_id == first.report.packet_id
    assert second.report.version == 2
    assert second.report.snapshot_sha256 != first.report.snapshot_sha256


def test_what_is_counted_does_not_depend_on_when_the_daemon_got_to_it(province):
    province.flow(dossier(1), document(1))
    once = province.making.compute(Q3, province.clock.now())
    province.clock.advance(timedelta(days=3))
    province.flow()
    assert province.making.compute(Q3, province.clock.now()) == once


# --- documents about documents ------------------------------------------------------------------------

Q4 = ReportingPeriod.parse("2019-Q4")


def about(number, first, kind=BusinessKind.REVOKE, day=date(2019, 10, 1), **changes):
    """A document of its own that revokes or updates another: offered in the lane its mapping gives it."""
    record = document(
        number,
        document_id=f"H06.15,{day:%Y/%m/%d},{number}/UBND-VP",
        promulgated_on=day,
        business=Business(kind=kind, document_id=first.document_id),
        **changes,
    )
    assert lane_of(record) == first.document_id
    return document_item(record, lane=lane_of(record))


def of_period(province, code, period):
    found = province.making.compute(period, max(province.clock.now(), period.ends_at)).observations
    (one,) = (o for o in found if o.indicator_code == code)
    return int(one.numerator), int(one.denominator)


def test_a_document_that_is_revoked_in_the_next_quarter_stays_issued_and_sent_in_its_own(province):
    province.flow(document(1), document(2))
    province.qlvb.outbox.append(about(9, document(1)))
    province.flow()
    assert province.states("van-ban-di") == [State.DONE] * 3
    assert (province.parts(SENT), province.parts(SIGNED)) == ((2, 2), (2, 2))
    assert of_period(province, SENT, Q4) == (1, 1)


def test_a_held_revocation_is_not_sent_because_what_it_revokes_was(province):
    province.flow(document(1))
    province.gate.holds = {"v9"}
    province.qlvb.outbox.append(about(9, document(1)))
    province.flow()
    assert province.states("van-ban-di") == [State.DONE, State.HELD]
    assert province.parts(SENT) == (1, 1)
    assert (of_period(province, SENT, Q4), of_period(province, SIGNED, Q4)) == ((0, 1), (0, 0))


def test_a_sent_revocation_does_not_make_the_held_document_sent(province):
    province.gate.holds = {"v1"}
    province.flow(document(1))
    assert province.parts(SENT) == (0, 1)
    (message,) = province.ledger.messages(link="van-ban-di")
    steering.skip(province.ledger, message.id, by="test", why="x", now=province.clock.now())
    province.qlvb.outbox.append(about(9, document(1), day=date(2019, 8, 20)))
    province.flow()
    assert province.states("van-ban-di") == [State.CANCELLED, State.DONE]
    assert province.parts(SENT) == (1, 2)


def test_an_update_with_a_number_of_its_own_is_a_second_document(province):
    province.flow(document(1))
    province.qlvb.outbox.append(about(9, document(1), BusinessKind.UPDATE, date(2019, 8, 20)))
    province.flow()
    assert (province.parts(SENT), province.parts(SIGNED)) == ((2, 2), (2, 2))


def test_a_secret_revocation_does_not_take_out_the_document_it_is_about(province):
    province.flow(document(1))
    province.gate.holds = {"v9"}
    province.qlvb.outbox.append(
        about(9, document(1), day=date(2019, 8, 20), confidentiality=Confidentiality.SECRET)
    )
    province.flow()
    assert (province.parts(SENT), province.parts(SIGNED)) == ((1, 1), (1, 1))


def test_an_update_says_nothing_about_the_signature_of_the_first(province):
    province.gate.verdicts = {"v9": verdict("TOTAL_FAILED")}
    province.flow(document(1))
    province.qlvb.outbox.append(about(9, document(1), BusinessKind.UPDATE, date(2019, 8, 20)))
    province.flow()
    assert province.parts(SIGNED) == (1, 2)


def test_a_report_returned_after_a_revocation_of_the_next_quarter_is_unchanged(province):
    province.flow(dossier(1), document(1), document(2))
    province.close_period()
    first = province.report()
    province.qlvb.outbox.append(about(9, document(1), day=date(2019, 9, 16)))
    province.flow()
    province.returns()
    (kept,) = province.making.snapshots.all()
    assert (kept.report.packet_id, kept.code) == (first.report.packet_id, "REPORT_UNCHANGED")


def test_a_document_whose_number_is_corrected_in_its_source_is_one_document(province):
    province.flow(document(1))
    corrected = document(11, abstract="sửa số")
    province.qlvb.outbox.append(document_item(corrected, "v1", version="2"))
    province.flow()
    assert province.states("van-ban-di") == [State.DONE, State.DONE]
    assert province.parts(SENT) == (1, 1)


def test_an_unreadable_revision_of_a_document_makes_no_second_one(province):
    province.flow(document(1))
    unreadable = document_item(document(1), "v1", version="2", lane="v1", business_key="")
    province.qlvb.outbox.append(replace(unreadable, record=None, fault=held()))
    province.flow(document(2))
    assert province.states("van-ban-di") == [State.DONE, State.HELD, State.DONE]
    found = province.observations()[SENT]
    assert (found.numerator, found.denominator) == (2, 2)
    assert "Có 1 văn bản không đọc được nội dung" in found.note


# --- dossiers at other times --------------------------------------------------------------------------


def test_a_dossier_that_is_to_end_in_the_future_is_not_resolved_yet(province):
    ends = at(9, 10)
    planned = dossier(1, stage=DossierStage.COMPLETED, finished_at=ends, returned_at=None)
    province.flow(planned, dossier(2))
    found = province.observations()[ONLINE]
    assert (found.numerator, found.denominator) == (1, 1)
    assert "Có 1 hồ sơ thiếu hoặc sai trạng thái, ngày tiếp nhận hay ngày kết thúc xử lý" in found.note
    province.close_period()
    assert province.parts(ONLINE) == (2, 2)


def test_a_dossier_opened_again_and_resolved_in_two_quarters_is_told(province):
    province.flow(dossier(1), dossier(2, stage=DossierStage.IN_PROGRESS, finished_at=None, returned_at=None))
    province.clock.jump(Q4.ends_at)
    again = {"finished_at": at(10, 1), "returned_at": at(10, 2), "updated_at": at(10, 2), "revision": "2"}
    province.flow(dossier(1, **again), dossier(2, **again))
    q4 = province.making.compute(Q4, province.clock.now()).observations[0]
    assert (q4.numerator, q4.denominator) == (2, 2)
    assert "Có 1 hồ sơ đã kết thúc xử lý ở kỳ trước, được mở lại" in q4.note


def test_a_dossier_told_in_several_revisions_of_one_quarter_was_not_opened_again(province):
    province.flow(dossier(1))
    province.flow(dossier(1, revision="2", finished_at=at(7, 19)))
    found = province.observations()[ONLINE]
    assert (found.numerator, found.denominator, found.note) == (1, 1, "")
