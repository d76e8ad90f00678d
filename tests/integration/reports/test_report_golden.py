"""Golden: never invented, never counted twice, whatever way dossiers and documents came into the ledger."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ebrvt_connect.errors import Rejected
from ebrvt_connect.model.document import Confidentiality
from ebrvt_connect.model.dossier import Channel, DossierCode, DossierStage
from ebrvt_connect.model.message import State
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
