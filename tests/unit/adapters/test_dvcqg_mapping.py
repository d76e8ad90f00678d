"""From a dossier of the one-stop shop to the portal's fields: exactly, and nothing made up."""

import unicodedata
from datetime import UTC, datetime

import pytest
from ebrvt_adapters.dvcqg import mapping, notes, wire
from ebrvt_adapters.dvcqg.mapping import (
    Agreement,
    CatalogueEntry,
    default_codes,
    mapped_dossier,
    mapped_progress,
)
from ebrvt_adapters.dvcqg.sandbox_checks import checked_entry, code_lists
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.dossier import (
    Applicant,
    ApplicantKind,
    Channel,
    Component,
    Dossier,
    DossierCode,
    DossierStage,
    Fee,
    FeeMoment,
    Identity,
    OnlinePayment,
    OtherPaper,
    Procedure,
    ResultPaper,
    ReturnMethod,
    Supplement,
    Unit,
)
from tests.contract.dvcqg.desk import (
    AGREED,
    BARE,
    CODE,
    PROCEDURE,
    catalogue,
    data_of,
    local,
    make_applicant,
    make_dossier,
    make_entry,
    vector,
)


def mapped(agreed=AGREED, **more):
    return mapped_dossier(make_dossier(**more), agreed, catalogue)


def warned(result):
    return {(warning.code, warning.field) for warning in result.warnings}


def refusal(**more):
    with pytest.raises(InvalidValue) as caught:
        mapped(**more)
    return caught.value


# --- the example ------------------------------------------------------------------------------------------


def test_example_dossier_is_the_example_byte_for_byte():
    example = vector("3_dossier_request")
    begin = example.index(b'"data":') + len(b'"data":')

    assert mapped().content == example[begin:-1]


def test_example_entry_is_the_example_byte_for_byte():
    example = vector("4_progress_request")
    begin = example.index(b'"data":') + len(b'"data":')

    assert mapped_progress(make_entry()).content == example[begin:-1]


# --- codes, one by one ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        *[
            ({"channel": Channel(word)}, "KenhThucHien", code)
            for word, code in [("direct", "1"), ("online", "2"), ("post", "3")]
        ],
        *[
            ({"applicant": make_applicant(kind=ApplicantKind(word))}, "LoaiDoiTuong", code)
            for word, code in [("citizen", "1"), ("enterprise", "2"), ("agency", "3"), ("organisation", "4")]
        ],
        *[
            ({"return_method": ReturnMethod(word)}, "HinhThuc", code)
            for word, code in [("counter", "0"), ("post", "1")]
        ],
        *[
            ({"online_payment": OnlinePayment(word)}, "DuocThanhToanTrucTuyen", code)
            for word, code in [("none", "0"), ("national", "1"), ("provincial", "2"), ("unpaid", "3")]
        ],
        *[({"stage": stage}, "TrangThaiHoSo", str(stage.value)) for stage in DossierStage],
        ({"national_code": DossierCode("G22.99.08-230315-0001")}, "MaHoSo", "G22.99.08-230315-0001"),
        ({"national_code": DossierCode("G22.99.08-230315-0001")}, "NoiNopHoSo", "1"),
        ({}, "NoiNopHoSo", "2"),
        ({"return_note": "Trả đủ"}, "ThongTinTra", "Trả đủ"),
        ({"note": "Ghi"}, "GhiChu", "Ghi"),
        ({"databases_used": ()}, "DSKetNoiCSDL", []),
        ({"applicant": make_applicant(address="Số 1, Bà Rịa")}, "ThongTinKhac", "Số 1, Bà Rịa"),
    ],
)
def test_value_becomes_its_code(more, name, value):
    assert mapped(**more).data[name] == value


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("submitted_at", "NgayNopHoSo"),
        ("received_at", "NgayTiepNhan"),
        ("extended_due_at", "NgayHenTra"),
        ("finished_at", "NgayKetThucXuLy"),
        ("returned_at", "NgayTra"),
        ("refused_at", "NgayTuChoi"),
    ],
)
def test_time_is_local_and_its_own(attribute, name):
    """Late in the evening in UTC is the next day in Vietnam."""
    result = mapped(**{attribute: datetime(2023, 3, 31, 18, 5, 9, 999_999, tzinfo=UTC)})

    assert result.data[name] == "20230401010509"


def test_names_of_a_procedure_are_the_catalogues_and_not_the_shops():
    entry = CatalogueEntry(code="2.002492", name="Tên quốc gia", field_code="G01", field_name="Lĩnh vực")
    dossier = make_dossier(procedure=Procedure(national_code="2.002492", name="Tên địa phương"))

    data = mapped_dossier(dossier, AGREED, {entry.code: entry}.get).data
    assert [data[name] for name in ("MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc")] == [
        "2.002492",
        "Tên quốc gia",
        "G01",
        "Lĩnh vực",
    ]


def test_old_identity_number_has_a_code_of_its_own():
    applicant = make_applicant(identities=(Identity(kind="OLD_ID", number="000000001"),))

    assert mapped(applicant=applicant).data["DinhDanhCHS"] == [
        {"LoaiDinhDanh": "2", "SoDinhDanh": "000000001"}
    ]


def test_supplement_with_its_papers_and_fees():
    supplement = Supplement(
        seq=3,
        requested_by="Trần C",
        content="Bổ sung bản vẽ",
        requested_at=local("2023-03-16 08:00"),
        received_by="Lê D",
        received_note="Đủ",
        received_at=local("2023-03-17 08:00"),
        done=True,
        papers=(
            Component(
                code="KQ01",
                name="ban-ve.pdf",
                file_id="7",
                digitised=False,
                reuse=2,
                from_national_store=True,
                replaced_by_result_code="KQ.1",
                deleted=True,
            ),
        ),
        fees=(Fee(code="P", name="Phí", kind="2", amount_dong=0, collected_when=FeeMoment.SUPPLEMENT),),
        old_due_at=local("2023-03-22 17:00"),
        new_due_at=local("2023-03-29 17:00"),
    )

    assert mapped(supplements=(supplement,)).data["DanhSachHoSoBoSung"] == [
        {
            "HoSoBoSungId": 3,
            "NguoiYeuCauBoSung": "Trần C",
            "NoiDungBoSung": "Bổ sung bản vẽ",
            "NgayBoSung": "20230316080000",
            "NguoiTiepNhanBoSung": "Lê D",
            "ThongTinTiepNhan": "Đủ",
            "NgayTiepNhanBoSung": "20230317080000",
            "TrangThaiBoSung": True,
            "DanhSachGiayToBoSung": [
                {
                    "TepDinhKemId": "7",
                    "TenTepDinhKem": "ban-ve.pdf",
                    "IsDeleted": "True",
                    "MaThanhPhanHoSo": "KQ01",
                    "DuongDanTaiTepTin": "https://mc.example.vn/f/7",
                    "DuocSoHoa": "0",
                    "DuocTaiSuDung": "2",
                    "DuocLayTuKhoDMQG": "1",
                    "MaKetQuaThayThe": "KQ.1",
                }
            ],
            "DanhSachLePhiBoSung": [
                {"TenPhiLePhi": "Phí", "MaPhiLePhi": "P", "HinhThucThu": "2", "Gia": "0", "LoaiPhiLePhi": "2"}
            ],
            "NgayHenTraTruoc": "20230322170000",
            "NgayHenTraMoi": "20230329170000",
        }
    ]


def test_other_papers_and_results():
    result = mapped(
        other_papers=(OtherPaper(name="Bản sao", quantity=2, kind=1), OtherPaper(name="Khác")),
        results=(ResultPaper(component_code="T1", code="KQ.9", name="Giấy phép", file_id="gp 1"),),
    )

    assert result.data["DanhSachTepDinhKemKhac"] == [
        {"TenGiayTo": "Bản sao", "SoLuong": 2, "LoaiGiayTo": 1},
        {"TenGiayTo": "Khác"},
    ]
    assert result.data["DanhSachGiayToKetQua"] == [
        {
            "TenGiayTo": "Giấy phép",
            "MaThanhPhanHoSo": "T1",
            "GiayToId": "gp 1",
            "DuongDanTepTinKetQua": "https://mc.example.vn/f/gp%201",
            "MaGiayToKetQua": "KQ.9",
        }
    ]


def test_every_default_code_is_in_the_portals_list():
    lists = {
        "channel": "KenhThucHien",
        "applicant_kind": "LoaiDoiTuong",
        "identity_kind": "LoaiDinhDanh",
        "return_method": "HinhThuc",
        "online_payment": "DuocThanhToanTrucTuyen",
        "fee_moment": "HinhThucThu",
        "filed_at": "NoiNopHoSo",
        "database": "MaCSDL",
    }
    for table, name in lists.items():
        assert set(getattr(default_codes(), table).values()) <= set(code_lists()[name])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("channel", Channel),
        ("applicant_kind", ApplicantKind),
        ("return_method", ReturnMethod),
        ("online_payment", OnlinePayment),
        ("fee_moment", FeeMoment),
    ],
)
def test_every_word_of_the_model_has_a_code(table, words):
    assert set(getattr(default_codes(), table)) == {word.value for word in words}


# --- what is missing --------------------------------------------------------------------------------------

EMPTY = {
    "agency": Unit(),
    "applicant": Applicant(),
    "channel": None,
    "received_at": None,
    "return_method": None,
    "online_payment": None,
}


def test_everything_missing_is_named_in_one_sentence():
    told = refusal(**EMPTY)

    assert told.code == "DVCQG_FIELDS_MISSING"
    assert told.sentence_vi == (
        f"Hồ sơ {CODE} chưa đủ thông tin bắt buộc của Cổng Dịch vụ công quốc gia: "
        "Kênh thực hiện (trực tiếp, trực tuyến, bưu chính), Tên chủ hồ sơ, Loại đối tượng của chủ hồ sơ, "
        "Ngày tiếp nhận, Hình thức trả kết quả, Đơn vị xử lý, Tình trạng thanh toán trực tuyến."
    )
    assert "Bổ sung các mục đã nêu trong phần mềm một cửa" in told.advice_vi


@pytest.mark.parametrize("name", EMPTY)
def test_each_required_value_is_required(name):
    assert refusal(**{name: EMPTY[name]}).code == "DVCQG_FIELDS_MISSING"


@pytest.mark.parametrize("name", ["   ", "\u00a0"])
def test_blank_name_is_no_name(name):
    assert "Tên chủ hồ sơ" in refusal(applicant=make_applicant(name=name)).sentence_vi


@pytest.mark.parametrize("stage", DossierStage)
def test_date_of_receipt_is_required_once_received(stage):
    if stage is DossierStage.FILED:
        assert mapped(stage=stage, received_at=None).data["NgayTiepNhan"] == ""
    else:
        assert "Ngày tiếp nhận" in refusal(stage=stage, received_at=None).sentence_vi


@pytest.mark.parametrize("code", ["", "9.999999", "BC-01"])
def test_procedure_outside_the_catalogue_holds_the_dossier(code):
    told = refusal(procedure=Procedure(local_code="BC-01", national_code=code, name="Thủ tục nội bộ"))

    assert told.code == "UNMAPPED_PROCEDURE"
    assert "“Thủ tục nội bộ”" in told.sentence_vi


def test_status_outside_the_map_holds_the_dossier():
    told = refusal(stage=None, status_word="chờ liên thông thuế")

    assert told.code == "UNMAPPED_STATUS"
    assert "“chờ liên thông thuế”" in told.sentence_vi
    assert "ngoài ra" not in told.sentence_vi


def test_all_reasons_are_told_at_once():
    told = refusal(procedure=Procedure(name="X"), stage=None, status_word="lạ", channel=None)

    assert told.code == "UNMAPPED_PROCEDURE"
    assert "trạng thái “lạ” cũng chưa được ghép" in told.sentence_vi
    assert "Kênh thực hiện" in told.sentence_vi


# --- texts ------------------------------------------------------------------------------------------------


def test_missing_abstract_is_the_procedures_name():
    result = mapped(abstract="  ")

    assert result.data["TrichYeuHoSo"] == PROCEDURE.name
    assert ("ABSTRACT_MISSING", "TrichYeuHoSo") in warned(result)


@pytest.mark.parametrize(("length", "cut"), [(999, False), (1000, False), (1001, True), (5000, True)])
def test_long_abstract_is_cut_with_an_ellipsis(length, cut):
    result = mapped(abstract="ố" * length)
    told = result.data["TrichYeuHoSo"]

    assert len(told) == min(length, 1000)
    assert told.endswith("…") is cut
    assert (("TEXT_CUT", "TrichYeuHoSo") in warned(result)) is cut


def test_length_is_counted_after_normalising():
    decomposed = unicodedata.normalize("NFD", "ố" * 1000)

    result = mapped_dossier(make_dossier().model_copy(update={"abstract": decomposed}), AGREED, catalogue)
    assert result.data["TrichYeuHoSo"] == "ố" * 1000
    assert not [warning for warning in result.warnings if warning.code == "TEXT_CUT"]


def test_no_mark_is_parted_from_its_letter():
    text = "x" * 998 + "q\u0323\u0301" + "y" * 10

    assert notes.shortened(text, 1000) == "x" * 998 + "…"


@given(st.text(max_size=40), st.integers(min_value=1, max_value=20))
def test_shortened_text_is_never_too_long(text, longest):
    assert len(notes.shortened(text, longest)) <= longest


# --- files ------------------------------------------------------------------------------------------------


def test_file_without_a_public_address_is_told():
    result = mapped(BARE)

    assert result.data["TaiLieuNop"][0]["DuongDanTaiTepTin"] == ""
    assert ("FILE_URL_NOT_PUBLIC", "TaiLieuNop.DuongDanTaiTepTin") in warned(result)


@pytest.mark.parametrize(
    ("base", "reachable"),
    [
        ("https://mc.example.vn/f", True),
        ("http://10.1.2.3/f", False),
        ("http://192.168.0.1:8080/f", False),
        ("https://localhost/f", False),
        ("https://mc-noibo", False),
        ("https://mc-noibo:8443/f", False),
        ("https://mc.local", False),
        ("https://mc.local./f", False),
        ("https://mc.vinhlong.internal/f", False),
        ("https://motcua.lan/f", False),
        ("https://local.vn/f", True),
        ("https://mc.example.vn./f", True),
        ("https://127.0.0.1/f", False),
        ("https://8.8.8.8/f", True),
        ("", False),
    ],
)
def test_address_the_portal_cannot_reach_is_told(base, reachable):
    result = mapped(Agreement(codes=default_codes(), public_base=base))

    assert (("FILE_URL_NOT_PUBLIC", "TaiLieuNop.DuongDanTaiTepTin") in warned(result)) is not reachable


def test_address_with_a_key_is_the_same_each_time_and_cannot_be_guessed():
    sealed = Agreement(codes=default_codes(), public_base="https://mc.example.vn/f", key=b"k1")
    other = Agreement(codes=default_codes(), public_base="https://mc.example.vn/f", key=b"k2")
    first = sealed.file_url("501")

    assert first == sealed.file_url("501")
    assert first.startswith("https://mc.example.vn/f/501-")
    assert len({first, other.file_url("501"), sealed.file_url("502")}) == 3
    assert "k1" not in repr(sealed)


def test_odd_file_id_cannot_leave_its_folder():
    assert AGREED.file_url("../../etc?x=1#y") == "https://mc.example.vn/f/..%2F..%2Fetc%3Fx%3D1%23y"


# --- progress ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "note", "said"),
    [
        ("Tiếp nhận", "Đủ giấy tờ", "Tiếp nhận - Đủ giấy tờ"),
        ("Tiếp nhận", "", "Tiếp nhận"),
        ("", "Đủ giấy tờ", "Đủ giấy tờ"),
    ],
)
def test_action_and_note_are_one_text(action, note, said):
    assert mapped_progress(make_entry(action=action, note=note)).data["NoiDungXuLy"] == said


def test_entry_that_lacks_things_names_them_all():
    with pytest.raises(InvalidValue) as caught:
        mapped_progress(make_entry(actor_name=" ", action="", seq=4))

    assert caught.value.code == "DVCQG_PROGRESS_INCOMPLETE"
    assert "Bước xử lý số 4" in caught.value.sentence_vi
    assert caught.value.sentence_vi.endswith("Người xử lý, Nội dung xử lý.")


def test_entry_of_an_unmapped_status_is_held():
    with pytest.raises(InvalidValue) as caught:
        mapped_progress(make_entry(stage=None, status_word="lạ", actor_name=""))

    assert caught.value.code == "UNMAPPED_STATUS"
    assert "“lạ”" in caught.value.sentence_vi
    assert "Người xử lý" in caught.value.sentence_vi


def test_long_name_of_an_actor_is_cut():
    result = mapped_progress(make_entry(actor_name="N" * 51))

    assert result.data["NguoiXuLy"] == "N" * 49 + "…"
    assert [warning.code for warning in result.warnings] == ["TEXT_CUT"]
    assert checked_entry(result.data) == result.data


def test_steps_times_are_told():
    started = mapped_progress(make_entry(step_started_at=local("2023-03-15 09:00"))).data

    assert (started["NgayBatDau"], started["NgayKetThucTheoQuyDinh"]) == ("20230315090000", "20230322170000")


def test_key_of_an_entry_is_the_same_there_and_here():
    data = mapped_progress(make_entry()).data
    row = wire.HoSoDaDongBo.model_validate(
        {
            "MAHOSO": CODE,
            "TIENDO": [
                {
                    "THOIDIEMXULY": data["ThoiDiemXuLy"],
                    "TRANGTHAI": 2,
                    "NOIDUNGXULY": unicodedata.normalize("NFD", data["NoiDungXuLy"]) + " ",
                }
            ],
        }
    )

    assert mapping.keys_there(row, CODE) == [mapping.key_of(data)]
    assert mapping.keys_there(wire.HoSoDaDongBo(), CODE) == []


# --- the catalogue ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [{"code": "BC-01"}, {"name": ""}, {"field_code": ""}, {"field_name": ""}],
)
def test_entry_of_the_catalogue_is_whole(change):
    with pytest.raises(ValueError, match=r"."):
        CatalogueEntry(**{**PROCEDURE.model_dump(), **change})


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"MATTHC": "2.002492", "TENTTHC": "x"},
        {"MATTHC": "2.002492", "TENTTHC": "x", "LINHVUCTHUCHIEN": [{"MALINHVUC": "a"}]},
        {"MATTHC": "BC", "TENTTHC": "x", "LINHVUCTHUCHIEN": [{"MALINHVUC": "a", "TENLINHVUC": "b"}]},
    ],
)
def test_procedure_the_portal_names_by_half_is_none(row):
    assert mapping.entry_of(wire.ThuTuc.model_validate(row)) is None


def test_dossier_is_not_changed_by_being_mapped():
    dossier = make_dossier()
    before = dossier.model_dump_json()
    data_of(dossier)

    assert dossier.model_dump_json() == before
    assert isinstance(dossier, Dossier)
