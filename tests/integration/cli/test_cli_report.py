"""`ebrvt report` over a ledger that intake and drains have filled: build, show, submit, status."""

import pytest
from openpyxl import load_workbook

from ebrvt_connect.model.report import ReportState
from ebrvt_connect.store.snapshots import Told
from tests.integration.engine.bench import failing, held
from tests.integration.reports.desk_bench import ReportBench, document, dossier

CONFIG = """\
[province]
code = "H06"
[store]
url = "sqlite:///ledger.db"
[systems.motcua]
adapter = "qlvb"
[systems.qlvb]
adapter = "qlvb"
[systems.cong]
adapter = "vxp"
[systems.ban-bao-cao]
adapter = "ledger"
[systems.ban-bao-cao.settings]
organization = "H06"
receiver = "G14"
dossier_links = ["ho-so"]
document_links = ["van-ban-di"]
[[links]]
name = "ho-so"
carries = "dossier"
from = "motcua"
to = "cong"
[[links]]
name = "van-ban-di"
carries = "document"
from = "qlvb"
to = "cong"
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "ebrvt.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def filled(config, tmp_path):
    """Two dossiers resolved, one of them online; a document sent."""
    bench = ReportBench(f"sqlite:///{tmp_path}/ledger.db")
    bench.flow(dossier(1), dossier(2, channel="direct", due_at=None), document(1))
    bench.close_period()
    yield bench
    bench.close()


def build(ebrvt, *options):
    return ebrvt("report", "build", "--period", "2019-Q3", *options)


def packet(answer) -> str:
    return answer.data["report"]["packet_id"]


# --- build and show ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("filled")
def test_a_built_report_is_shown_with_its_parts_and_notes(ebrvt):
    answer = build(ebrvt, "--by", "Lan")
    assert answer.code == 0
    assert "Báo cáo NQ17 kỳ 2019-Q3, lần 1" in answer.out
    assert "Số liệu từ 15/06/2019 đến 14/09/2019 của H06, gửi G14" in answer.out
    assert "NQ17.02  Tỷ lệ hồ sơ giải quyết trực tuyến: 50,00 %  (1/2)" in answer.out
    assert "Có 1 hồ sơ không ghi ngày hẹn trả" in answer.out
    assert "Lan lập" in answer.out
    assert "đã chốt, chưa chuyển gửi" in answer.out
    assert "ebrvt report submit" in answer.err
    assert ebrvt("report", "show").out == answer.out


@pytest.mark.usefixtures("filled")
def test_as_json_a_figure_has_numerator_and_denominator_as_texts(ebrvt):
    answer = build(ebrvt, "--json", "--regime", "NQ17")
    first = answer.data["report"]["observations"][0]
    assert (first["indicator_code"], first["value"], first["numerator"], first["denominator"]) == (
        "NQ17.02",
        "50.00",
        "1",
        "2",
    )
    assert (answer.data["state"], answer.data["handed_over"]) == (None, False)
    assert ebrvt("report", "show", packet(answer), "--json").data == answer.data


@pytest.mark.usefixtures("filled")
def test_a_second_report_of_a_period_says_which_one_it_replaces(ebrvt):
    first = build(ebrvt, "--json")
    refused = build(ebrvt)
    assert (refused.code, refused.out) == (1, "")
    assert "REPORT_EXISTS" in refused.err
    assert packet(first) in refused.err
    second = build(ebrvt, "--json", "--replaces", "latest")
    assert second.data["report"]["version"] == 2


@pytest.mark.usefixtures("filled")
def test_a_correction_is_of_the_period_it_replaces_and_a_trial_where_that_was_one(ebrvt):
    """What the advice of a returned report says is run as it stands."""
    first = build(ebrvt, "--json", "--test")
    second = ebrvt("report", "build", "--replaces", packet(first), "--json")
    report = second.data["report"]
    assert (report["period"], report["test"], report["version"]) == ("2019-Q3", True, 2)
    neither = ebrvt("report", "build")
    assert (neither.code, neither.out) == (64, "")
    assert "--period" in neither.err


@pytest.mark.usefixtures("filled")
def test_a_period_to_come_is_refused_but_for_a_trial(ebrvt):
    refused = ebrvt("report", "build", "--period", "2999-Q1")
    assert refused.code == 1
    assert "REPORT_PERIOD_OPEN" in refused.err
    trial = ebrvt("report", "build", "--period", "2999-Q1", "--test")
    assert trial.code == 0
    assert "(thử, không tính)" in trial.out
    assert "không phát sinh trong kỳ" in trial.out


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--period", "2019-Q5"), 1, "PERIOD_INVALID"),
        (("--period", "2019-Q3", "--regime", "TT01"), 64, "NQ17"),
        (("--period", "2019-Q3", "--replaces", "không-có"), 1, "REPORT_UNKNOWN"),
        (("--period", "2019-Q3", "--desk", "qlvb"), 4, "CONFIG_REPORT_DESK_ABSENT"),
        ((), 64, "--period"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(ebrvt, options, code, said):
    answer = ebrvt("report", "build", *options)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err


@pytest.mark.usefixtures("filled")
def test_a_desk_that_names_a_link_that_is_not_there_is_a_wrong_configuration(ebrvt, config):
    config.write_text(CONFIG.replace('dossier_links = ["ho-so"]', 'dossier_links = ["ho-xo"]'))
    answer = build(ebrvt)
    assert answer.code == 4
    assert "ho-xo" in answer.err


@pytest.mark.usefixtures("filled")
def test_the_form_for_typing_in_holds_every_figure_and_overwrites_nothing(ebrvt, tmp_path):
    build(ebrvt)
    sheet = tmp_path / "bao-cao.xlsx"
    assert ebrvt("report", "show", "latest", "--xlsx", sheet).code == 0
    rows = [
        row for row in load_workbook(sheet).worksheets[0].iter_rows(values_only=True) if row[2] is not None
    ]
    assert rows[0][:3] == ("Mã", "Chỉ tiêu", "Tử số")
    assert [(row[0], row[2], row[3], float(row[4]), row[5]) for row in rows[1:]] == [
        ("NQ17.02", 1, 2, 50.0, "%"),
        ("NQ17.05", 2, 2, 100.0, "%"),
        ("NQ17.16", 1, 1, 100.0, "%"),
        ("NQ17.17", 1, 1, 100.0, "%"),
    ]
    before = sheet.read_bytes()
    assert ebrvt("report", "show", "--xlsx", sheet).code == 64
    assert sheet.read_bytes() == before


@pytest.mark.usefixtures("filled")
def test_there_is_nothing_to_show_before_anything_is_built(ebrvt):
    answer = ebrvt("report", "show")
    assert (answer.code, answer.out) == (1, "")
    assert "REPORT_UNKNOWN" in answer.err
    assert ebrvt("report", "status").out == "Chưa có báo cáo nào.\n"


# --- submit and status ------------------------------------------------------------------------------


def test_what_is_submitted_is_sent_and_its_way_is_told(ebrvt, filled):
    code = packet(build(ebrvt, "--json"))
    submitted = ebrvt("report", "submit")
    assert submitted.out == f"{code}: đã chuyển, chờ chương trình gửi\n"
    filled.flow()
    assert "chờ phê duyệt" in ebrvt("report", "status").out
    filled.approves()
    status = ebrvt("report", "status", "--json")
    assert (status.code, status.data["reports"][0]["state"]) == (0, "APPROVED")
    assert "đã được phê duyệt" in ebrvt("report", "show", code).out


def test_a_report_that_waits_for_a_person_is_told_why(ebrvt, filled):
    filled.bo.on_prepare = failing(held)
    build(ebrvt)
    ebrvt("report", "submit")
    filled.flow()
    status = ebrvt("report", "status")
    assert status.code == 2
    assert "chờ người quyết định" in status.out


def test_a_returned_report_that_was_answered_is_well_again(ebrvt, filled):
    build(ebrvt)
    ebrvt("report", "submit")
    filled.flow()
    filled.flow(dossier(3))
    filled.returns("số liệu cũ")
    status = ebrvt("report", "status")
    assert status.code == 0
    assert "bị trả lại" in status.out
    assert "lần 2" in status.out
    assert "Thay thế:" in ebrvt("report", "show").out


def test_a_returned_report_that_nobody_answers_is_told_as_turned_down(ebrvt, filled):
    frozen = build(ebrvt, "--json")
    told = Told(state=ReportState.RETURNED, at=filled.clock.now(), reason_vi="sai kỳ")
    filled.making.snapshots.tell(packet(frozen), told, None, filled.clock.now())
    status = ebrvt("report", "status")
    assert (status.code, "sai kỳ" in status.out) == (1, True)
    assert "Tình trạng: bị trả lại\n    sai kỳ\n" in ebrvt("report", "show", "--desk", "ban-bao-cao").out


def test_a_held_report_that_did_arrive_is_told_to_await_its_decision(ebrvt, filled):
    filled.bo.on_submit = failing(held)
    code = packet(build(ebrvt, "--json"))
    ebrvt("report", "submit")
    filled.flow()
    assert ebrvt("report", "status").code == 2
    (message,) = filled.ledger.messages(link="bao-cao")
    confirmed = ebrvt("held", "confirm", message.id, "--why", "Bộ đã nhận")
    assert (confirmed.code, "chờ phê duyệt" in confirmed.out) == (0, True)
    status = ebrvt("report", "status")
    assert status.code == 0
    assert f"{code}  Báo cáo NQ17 kỳ 2019-Q3, lần 1: chờ phê duyệt" in status.out


def test_a_held_report_with_a_successor_is_told_as_replaced_and_cannot_be_released(ebrvt, filled):
    filled.bo.on_submit = failing(held)
    first = packet(build(ebrvt, "--json"))
    ebrvt("report", "submit")
    filled.flow()
    build(ebrvt, "--replaces", first)
    filled.flow()
    status = ebrvt("report", "status").out
    assert f"{first}  Báo cáo NQ17 kỳ 2019-Q3, lần 1: đã được thay thế" in status
    (message,) = filled.ledger.messages(link="bao-cao")
    assert ebrvt("held", "release", message.id, "--why", "x").code != 0
