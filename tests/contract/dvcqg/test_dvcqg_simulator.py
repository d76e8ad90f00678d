"""The simulated portal keeps to its contract and refuses what the real one would."""

import copy
import json
import time

import pytest
from ebrvt_adapters.dvcqg.mapping import mapped_progress
from ebrvt_adapters.dvcqg.sandbox import SPOILING, DvcqgSimulator
from ebrvt_adapters.dvcqg.sandbox_portal import digest_of

from ebrvt_connect.ports.simulator import SimRequest
from ebrvt_connect.testing.world import SqliteWorld
from tests.contract.dvcqg.desk import (
    ACCOUNT,
    CODE,
    PROCEDURE,
    ROOT,
    Desk,
    data_of,
    make_dossier,
    make_entry,
    vector,
)


def entry(**more):
    return {**mapped_progress(make_entry()).data, **more}


def refused(answer, words):
    assert str(answer["error_code"]) not in {"0", "00"}
    assert words in answer["message"]


# --- sessions -----------------------------------------------------------------------------------------------


def test_login_gives_a_session_that_opens_the_services():
    desk = Desk()

    assert desk.login()["session"]
    assert desk.ask("TraCuuHoSo", mahoso=CODE) == {"error_code": "0", "message": "", "result": []}
    assert len(desk.events("logged-in")) == 1


def test_wrong_password_opens_nothing():
    desk = Desk()

    refused(desk.login("sai"), "Tài khoản hoặc mật khẩu không đúng")
    assert desk.events("login-refused")


def test_session_ends_after_its_time():
    desk = Desk(session_seconds=600)
    desk.login()
    desk.now += _minutes(10)

    refused(desk.ask("TraCuuHoSo", mahoso=CODE), "Session không hợp lệ hoặc đã hết hạn")
    assert desk.events("session-refused")


def test_unknown_session_opens_nothing():
    desk = Desk()
    desk.session = "of-somebody"

    refused(desk.push(), "Session không hợp lệ")
    assert desk.simulator.state()["dossiers"] == 0


def test_all_sessions_end_at_once_when_the_fault_says_so():
    desk = Desk()
    desk.login()

    refused(desk.push(fault="expire-sessions"), "Session không hợp lệ")
    assert desk.events("sessions-expired")[0]["count"] == 1
    assert desk.simulator.state()["sessions"] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unit": "000.00.00.H29"}, "madonvi"),
        ({"path": f"{ROOT}/g"}, "không được hỗ trợ"),
    ],
)
def test_units_of_others_and_wrong_addresses_are_refused(change, words):
    refused(Desk().push(**change), words)


def test_request_by_the_wrong_route_is_refused():
    reply = Desk().raw(b"{}", dstcode="VN:GOV:other")

    refused(json.loads(reply.body), "dstcode")


@pytest.mark.parametrize("more", [{"path": "/elsewhere"}, {"method": "GET"}])
def test_other_paths_are_not_there(more):
    assert Desk().raw(b"{}", **more).status == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_what_is_no_object_is_refused(body):
    refused(json.loads(Desk().raw(body).body), "JSON")


# --- dossiers -----------------------------------------------------------------------------------------------


def test_dossier_is_inserted_once_and_then_updated():
    desk = Desk()
    assert "thành công" in desk.push()["message"]

    refused(desk.push(), "đã tồn tại")
    assert "thành công" in desk.push({**data_of(), "TrangThaiHoSo": "4"}, updating="True")["message"]
    assert [e["event"] for e in desk.events("dossier-inserted", "exists-refused", "dossier-updated")] == [
        "dossier-inserted",
        "exists-refused",
        "dossier-updated",
    ]


def test_update_of_what_is_not_there_is_refused():
    desk = Desk()

    refused(desk.push(updating="True"), "không tồn tại")
    assert desk.events("missing-refused")


def test_same_data_again_is_noted_as_a_repetition():
    desk = Desk()
    desk.push()
    desk.push(updating="True")

    [event] = desk.events("dossier-repeated")
    assert event["sha256"] == digest_of(data_of())
    assert not desk.events("dossier-updated")


@pytest.mark.parametrize(
    "name", ["MaTTHC", "TenTTHC", "ChuHoSo", "KenhThucHien", "HinhThuc", "DonViXuLy", "TrichYeuHoSo"]
)
@pytest.mark.parametrize("value", ["", None, 7])
def test_missing_field_is_refused_by_name(name, value):
    refused(Desk().push({**data_of(), name: value}), name)


def test_date_of_receipt_is_needed_once_received():
    desk = Desk()

    refused(desk.push({**data_of(), "NgayTiepNhan": ""}), "NgayTiepNhan")
    assert "thành công" in desk.push({**data_of(), "NgayTiepNhan": "", "TrangThaiHoSo": "1"})["message"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("NgayHenTra",), "22/03/2023", "yyyyMMddHHmmss"),
        (("NgayHenTra",), "20230230170000", "yyyyMMddHHmmss"),
        (("NgayNopHoSo",), 20230315083000, "yyyyMMddHHmmss"),
        (("KenhThucHien",), "9", "KenhThucHien"),
        (("TrangThaiHoSo",), "11", "TrangThaiHoSo"),
        (("DuocThanhToanTrucTuyen",), "x", "DuocThanhToanTrucTuyen"),
        (("DinhDanhCHS", 0, "LoaiDinhDanh"), "8", "LoaiDinhDanh"),
        (("TaiLieuNop", 0, "DuocSoHoa"), "2", "DuocSoHoa"),
        (("TaiLieuNop",), {}, "TaiLieuNop"),
        (("MaTTHC",), "9.999999", "không tồn tại"),
        (("TenTTHC",), "Tên do phần mềm một cửa đặt", "không khớp"),
        (("MaHoSo",), "HS 1", "MaHoSo"),
        (("TrichYeuHoSo",), "x" * 1001, "1000"),
    ],
)
def test_wrong_value_is_refused(path, value, words):
    desk = Desk()
    dossier = copy.deepcopy(data_of())
    place = dossier
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    refused(desk.push(dossier), words)
    assert desk.simulator.state()["dossiers"] == 0


def test_batch_is_taken_whole_or_not_at_all():
    desk = Desk()
    other = {**data_of(), "MaHoSo": "000.00.15.H06-230315-0008"}

    refused(desk.push(other, {**data_of(), "HinhThuc": ""}), "HinhThuc")
    assert desk.simulator.state()["dossiers"] == 0
    assert not desk.events("dossier-inserted")


def test_batch_has_a_limit():
    refused(Desk(max_batch=2).push(*[data_of()] * 3), "vượt quá 2")


@pytest.mark.parametrize("data", [[], {}, "x", None])
def test_data_must_be_a_list(data):
    refused(Desk().ask("DongBoHoSoMC", isUpdating="False", data=data), "danh sách")


def test_is_updating_is_a_text_with_a_capital():
    refused(Desk().push(updating=True), "isUpdating")


def test_look_up_tells_what_is_there():
    desk = Desk()
    desk.push()
    desk.append(entry())

    [row] = desk.ask("TraCuuHoSo", mahoso=CODE)["result"]
    assert (row["MAHOSO"], row["TRANGTHAIHOSO"], row["MABAMDULIEU"]) == (CODE, "2", digest_of(data_of()))
    assert [one["NOIDUNGXULY"] for one in row["TIENDO"]] == ["Tiếp nhận hồ sơ"]


def test_bare_look_up_tells_existence_only():
    desk = Desk(tells_progress=False)
    desk.push()

    assert desk.ask("TraCuuHoSo", mahoso=CODE)["result"] == [{"MAHOSO": CODE}]


# --- progress -----------------------------------------------------------------------------------------------


def test_entry_again_is_appended_again_and_noted():
    desk = Desk()
    desk.push()
    for _ in range(2):
        assert "thành công" in desk.append(entry())["message"]

    assert [e["nth"] for e in desk.events("progress-appended")] == [1]
    assert [e["nth"] for e in desk.events("progress-repeated")] == [2]
    assert desk.simulator.state()["progress_repeated"] == 1


def test_entry_needs_its_dossier():
    refused(Desk().append(entry()), "không tồn tại")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"NguoiXuLy": ""}, "NguoiXuLy"),
        ({"NguoiXuLy": "x" * 51}, "50"),
        ({"ThoiDiemXuLy": "2023-03-15"}, "yyyyMMddHHmmss"),
        ({"TrangThai": "0"}, "TrangThai"),
        ({"NoiDungXuLy": " "}, "NoiDungXuLy"),
    ],
)
def test_wrong_entry_is_refused(change, words):
    desk = Desk()
    desk.push()

    refused(desk.append(entry(**change)), words)


def test_entries_come_ten_at_a_time():
    refused(Desk().append(*[entry()] * 11), "vượt quá 10")


# --- catalogue ----------------------------------------------------------------------------------------------


def test_catalogue_can_be_asked():
    desk = Desk()
    desk.simulator.seed({"tech_ids": {"000000000001": "tech-0001"}})
    share = f"{ROOT}/g"

    [procedure] = desk.ask("LayThuTuc", maTTHC=PROCEDURE.code)["result"]
    assert procedure["LINHVUCTHUCHIEN"] == [{"MALINHVUC": "G08-TT01", "TENLINHVUC": "Bưu chính"}]
    assert desk.ask("LayThuTuc", maTTHC="9.999999")["result"] == []
    assert desk.ask("LayDanhMucLinhVuc", path=share)["result"][0]["MANGANH"] == "G08"
    assert desk.ask("LayDanhSachTTHC", path=share)["result"] == [
        {"MATTHC": PROCEDURE.code, "TENTTHC": PROCEDURE.name}
    ]
    assert len(desk.ask("LayDanhSachTTHCDonVi", maDonVi="H06")["result"]) == 1
    assert desk.ask("LayDanhSachTTHCDonVi", maDonVi="H29")["result"] == []
    told = desk.ask("TraCuuTechID", path=share, provider="wso2is", mstorcmnd="000000000001")
    assert told["result"] == [{"TECHNICALID": "tech-0001"}]


def test_seeding_again_changes_nothing():
    desk = Desk()
    before = desk.simulator.inside.procedures()

    assert desk.simulator.seed({"procedures": [PROCEDURE.model_dump()]}) == {"procedures": 1, "tech_ids": 0}
    assert desk.simulator.inside.procedures() == before


# --- answers in all their forms -----------------------------------------------------------------------------


def test_error_codes_come_in_all_forms_but_for_seed_0():
    def codes(seed):
        desk = Desk(seed)
        desk.push()
        found = {repr(desk.ask("TraCuuHoSo", mahoso=CODE)["error_code"]) for _ in range(30)}
        return found, {repr(desk.push()["error_code"]) for _ in range(60)}

    assert codes(0) == ({"'0'"}, {"'3'"})
    assert codes(3) == ({"0", "'0'", "'00'"}, {"0", "'0'", "3", "'3'", "-3", "'-3'"})


@pytest.mark.parametrize(
    "fault", ["html-200", "empty-body", "no-error-code", "code-0-unclear", "truncated-json"]
)
def test_spoilt_answer_comes_after_the_work_was_done(fault):
    desk = Desk()
    desk.login()
    body = {
        "session": desk.session,
        "madonvi": ACCOUNT["units"][0],
        "service": "DongBoHoSoMC",
        "isUpdating": "False",
        "data": [data_of()],
    }

    reply = desk.raw(json.dumps(body).encode(), fault=fault)

    assert reply.status == 200
    assert b"th\xc3\xa0nh c\xc3\xb4ng" not in reply.body or fault == "no-error-code"
    assert desk.simulator.state()["inserted"] == 1


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("code-1-success", 200, '"error_code":1,"message":"Cập nhật thành công"'),
        ("session-closed", 200, "Session is closed!"),
        ("gateway-504", 504, "Read timed out"),
        ("code-0-not-done", 200, '"error_code":"0","message":"Chưa đồng bộ thành công"'),
        ("gateway-429", 429, "Too Many Requests"),
        ("gateway-503", 503, "Service Unavailable"),
    ],
)
def test_gateway_or_portal_that_contradicts_itself(fault, status, words):
    desk = Desk()
    desk.push()
    body = {"session": desk.session, "madonvi": ACCOUNT["units"][0], "service": "CapNhatTienDoHoSoMC"}
    data = [mapped_progress(make_entry()).data]

    reply = desk.raw(json.dumps({**body, "data": data}).encode(), fault=fault)

    assert (reply.status, words in reply.body.decode()) == (status, True)
    assert desk.simulator.state()["progress"] == (1 if fault in SPOILING else 0)


def test_look_up_that_lags_behind_tells_less_than_is_there():
    desk = Desk()
    desk.push()
    desk.append(mapped_progress(make_entry()).data)

    assert desk.ask("TraCuuHoSo", mahoso=CODE, fault="look-up-behind")["result"] == []
    [row] = desk.ask("TraCuuHoSo", mahoso=CODE, fault="progress-behind")["result"]
    assert (row["MAHOSO"], row["TIENDO"]) == (CODE, [])
    [row] = desk.ask("TraCuuHoSo", mahoso=CODE)["result"]
    assert len(row["TIENDO"]) == 1


def test_trouble_does_nothing():
    desk = Desk()

    refused(desk.push(fault="trouble"), "Lỗi hệ thống")
    assert desk.simulator.state()["dossiers"] == 0


def test_operation_is_the_service_the_body_names():
    desk = Desk()

    def operation(path, body):
        blob = desk.world.keep((body,))
        return desk.simulator.operation(SimRequest("POST", path, (), (), blob))

    assert operation(f"{ROOT}/login", b"{}") == "login"
    assert operation(ROOT, vector("3_dossier_request")) == "DongBoHoSoMC"
    assert operation(ROOT, b'{"service":"Xyz"}') == "unknown"
    assert operation("/elsewhere", b"{}") == "unknown"


def test_world_goes_on_where_it_was_left(tmp_path):
    (tmp_path / "w").mkdir()
    with SqliteWorld(tmp_path / "w") as world:
        Desk(world=world).push()
    with SqliteWorld(tmp_path / "w") as world:
        again = Desk(world=world)
        refused(again.push(), "đã tồn tại")
        assert again.simulator.state()["inserted"] == 1


def test_credentials_open_it():
    told = Desk().simulator.credentials()

    assert (told["username"], told["dstcode"]) == (ACCOUNT["username"], ACCOUNT["dstcode"])
    assert told["accounts"][0]["units"] == ACCOUNT["units"]
    assert "trường" not in " ".join(DvcqgSimulator.synthetic)


def test_simulator_is_not_slow():
    """Printed for the record; nothing depends on how fast this machine is."""
    desk = Desk()
    started = time.perf_counter()
    for nth in range(300):
        dossier = data_of(make_dossier())
        dossier["MaHoSo"] = f"000.00.15.H06-230315-{nth:04d}"
        desk.push(dossier)
    print(f"{300 / (time.perf_counter() - started):.0f} inserts a second in memory")

    assert desk.simulator.state()["inserted"] == 300


def _minutes(count):
    from datetime import timedelta

    return timedelta(minutes=count)


def test_sessions_that_are_over_are_forgotten():
    desk = Desk(session_seconds=60)
    desk.login()
    desk.now += _minutes(2)
    desk.login()

    assert desk.simulator.state()["sessions"] == 1


@pytest.mark.parametrize(("data", "words"), [(["x"], "không đúng định dạng"), ([{}], "MaHoSo")])
def test_row_that_is_no_dossier_is_refused(data, words):
    refused(Desk().ask("DongBoHoSoMC", isUpdating="False", data=data), words)


def test_look_up_needs_a_code():
    refused(Desk().ask("TraCuuHoSo"), "mahoso")
