"""What the one-stop shop does not know the portal is not told: nothing is made up, and it is said so."""

import json

import pytest
from ebrvt_adapters.dvcqg import notes
from ebrvt_adapters.dvcqg.mapping import (
    mapped_dossier,
)
from ebrvt_adapters.dvcqg.sandbox_checks import checked_dossier
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.dossier import (
    Channel,
    Component,
    Fee,
    Identity,
    ResultPaper,
)
from tests.contract.dvcqg.desk import (
    AGREED,
    PROCEDURE,
    catalogue,
    local,
    make_applicant,
    make_dossier,
)


def mapped(agreed=AGREED, **more):
    return mapped_dossier(make_dossier(**more), agreed, catalogue)


def warned(result):
    return {(warning.code, warning.field) for warning in result.warnings}


def refusal(**more):
    with pytest.raises(InvalidValue) as caught:
        mapped(**more)
    return caught.value


def test_unknown_flags_are_left_out_and_warned_about():
    unknown = (Component(name="a.pdf", file_id="1", code="T"), Component(name="b.pdf", file_id="2", code="T"))
    result = mapped(components=unknown, applicant=make_applicant(verified_by_vneid=None))

    assert "HoSoCoThanhPhanSoHoa" not in result.data
    assert "TaiKhoanDuocXacThucVoiVNeID" not in result.data
    for paper in result.data["TaiLieuNop"]:
        assert not {"DuocSoHoa", "DuocTaiSuDung", "DuocLayTuKhoDMQG"} & paper.keys()
    assert {field for code, field in warned(result) if code == "VALUE_MISSING"} == {
        "TaiLieuNop.DuocSoHoa",
        "TaiLieuNop.DuocTaiSuDung",
        "TaiLieuNop.DuocLayTuKhoDMQG",
        "HoSoCoThanhPhanSoHoa",
        "TaiKhoanDuocXacThucVoiVNeID",
    }
    [twice] = [w for w in result.warnings if w.field == "TaiLieuNop.DuocSoHoa"]
    assert twice.got == "2 lần"


@pytest.mark.parametrize(
    ("told", "digitised"),
    [
        ([], None),
        ([True], "1"),
        ([False], "0"),
        ([None], None),
        ([False, None], None),
        ([None, True], "1"),
        ([False, True], "1"),
    ],
)
def test_digitised_is_what_the_papers_say(told, digitised):
    papers = tuple(Component(name="a", file_id="1", digitised=value) for value in told)

    assert mapped(components=papers).data.get("HoSoCoThanhPhanSoHoa") == digitised


def test_any_digitised_paper_makes_the_dossier_digitised_a_deleted_one_too():
    papers = (Component(file_id="1", digitised=True, deleted=True), Component(file_id="2", digitised=False))

    assert mapped(components=papers).data["HoSoCoThanhPhanSoHoa"] == "1"


def test_no_identity_is_made_up():
    result = mapped(applicant=make_applicant(identities=()))

    assert result.data["DinhDanhCHS"] == []
    assert ("IDENTITY_MISSING", "DinhDanhCHS") in warned(result)
    assert b"000000001" not in result.content


def test_identity_of_an_unmapped_kind_is_not_passed_off_as_another():
    result = mapped(applicant=make_applicant(identities=(Identity(kind="VISA", number="B1234567"),)))

    assert result.data["DinhDanhCHS"] == []
    assert {code for code, name in warned(result) if name == "DinhDanhCHS"} == {"IDENTITY_KIND_UNMAPPED"}
    assert "B1234567" not in str(result.warnings)


def test_enterprise_with_a_tax_code_alone_is_not_said_to_have_no_paper():
    result = mapped(applicant=make_applicant(identities=(Identity(kind="TAX_CODE", number="3500100200"),)))

    assert "IDENTITY_MISSING" not in {code for code, _ in warned(result)}


def test_no_database_is_made_up():
    assert mapped(databases_used=()).data["DSKetNoiCSDL"] == []


def test_database_outside_the_portals_list_is_warned_about_and_not_sent():
    result = mapped(databases_used=("1", "99", " 7 "))

    assert result.data["DSKetNoiCSDL"] == [{"MaCSDL": "1"}, {"MaCSDL": "7"}]
    [warning] = [w for w in result.warnings if w.field == "DSKetNoiCSDL.MaCSDL"]
    assert (warning.code, warning.got) == ("VALUE_NOT_IN_LIST", "99")


@pytest.mark.parametrize("channel", Channel)
def test_account_of_an_online_applicant_is_missed(channel):
    result = mapped(channel=channel, applicant=make_applicant(technical_id=""))

    assert result.data["MaDoiTuong"] == ""
    assert (("TECH_ID_MISSING", "MaDoiTuong") in warned(result)) is (channel is Channel.ONLINE)


def test_due_date_is_missed_and_not_made_up():
    result = mapped(due_at=None)

    assert result.data["NgayHenTra"] == ""
    assert ("DUE_DATE_MISSING", "NgayHenTra") in warned(result)


def test_extended_due_date_takes_the_place_of_the_first():
    assert mapped(extended_due_at=local("2023-04-01 17:00")).data["NgayHenTra"] == "20230401170000"


def test_reuse_outside_the_list_is_not_sent():
    result = mapped(components=(Component(file_id="1", code="T", reuse=5),))

    assert "DuocTaiSuDung" not in result.data["TaiLieuNop"][0]
    assert ("VALUE_NOT_IN_LIST", "TaiLieuNop.DuocTaiSuDung") in warned(result)


def test_fee_without_a_moment_has_none():
    result = mapped(fees=(Fee(name="Phí", amount_dong=5),))

    assert result.data["DanhSachLePhi"][0]["HinhThucThu"] == ""
    assert ("FEE_MOMENT_MISSING", "DanhSachLePhi.HinhThucThu") in warned(result)


def test_paper_and_result_without_codes_are_told():
    result = mapped(components=(Component(name="a"),), results=(ResultPaper(name="b"),))

    assert warned(result) >= {
        ("COMPONENT_CODE_MISSING", "TaiLieuNop.MaThanhPhanHoSo"),
        ("COMPONENT_WITHOUT_FILE", "TaiLieuNop.DuongDanTaiTepTin"),
        ("RESULT_CODE_MISSING", "DanhSachGiayToKetQua.MaGiayToKetQua"),
        ("RESULT_WITHOUT_FILE", "DanhSachGiayToKetQua.DuongDanTepTinKetQua"),
    }


def test_complete_dossier_has_no_warnings():
    papers = (Component(name="a", file_id="1", code="T", digitised=True, reuse=0, from_national_store=False),)

    assert mapped(components=papers).warnings == ()


@given(
    st.builds(
        lambda known: mapped_dossier(
            make_dossier(
                components=(
                    Component(name="a", file_id="1", digitised=known[0], from_national_store=known[1]),
                ),
                applicant=make_applicant(verified_by_vneid=known[2]),
            ),
            AGREED,
            catalogue,
        ),
        st.tuples(*[st.sampled_from([None, True, False])] * 3),
    )
)
def test_whatever_is_mapped_the_portal_takes(result):
    data = json.loads(result.content)[0]

    assert checked_dossier(data, {PROCEDURE.code: PROCEDURE.model_dump()}) == data


def test_every_warning_says_what_is_wrong_in_vietnamese():
    names = (name for name in vars(notes) if name.isupper() and not name.startswith("_"))
    codes = {value for name in names if isinstance(value := getattr(notes, name), str)}

    assert codes == set(notes.WARNINGS_VI)
    assert all(text.endswith(".") for text in notes.WARNINGS_VI.values())


def test_identity_without_a_number_is_none():
    result = mapped(applicant=make_applicant(identities=(Identity(kind="CITIZEN_ID", number=""),)))

    assert result.data["DinhDanhCHS"] == []
    assert ("IDENTITY_MISSING", "DinhDanhCHS") in warned(result)
