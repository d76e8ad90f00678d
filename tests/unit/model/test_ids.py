"""Agency codes and document numbers: parse or refuse, convert both official forms, follow their dates."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import Agency
from ebrvt_connect.model.ids import AgencyCode, AgencyHistory, CodeForm, CodeSuccession, DocumentNumber

_PAIRS = [
    ("000.00.00.H06", "H06"),
    ("000.00.15.H06", "H06.15"),
    ("000.05.15.H06", "H06.15.05"),
    ("001.05.15.H06", "H06.15.05.001"),
    ("001.00.15.H06", "H06.15.00.001"),
]


@pytest.mark.parametrize(("qcvn", "qd20"), _PAIRS)
def test_the_two_official_forms_convert_into_each_other(qcvn: str, qd20: str) -> None:
    assert AgencyCode.parse(qcvn).qd20 == qd20
    assert AgencyCode.parse(qd20).qcvn102 == qcvn
    assert AgencyCode.parse(qcvn).same_agency(AgencyCode.parse(qd20))


def test_the_written_form_is_kept() -> None:
    assert str(AgencyCode.parse(" 000.00.15.H06 ")) == "000.00.15.H06"
    assert AgencyCode.parse("vxp.saas.03").form is CodeForm.OTHER


@pytest.mark.parametrize(
    "bad", ["", " ", "H06..15", "H06/15", "Sở TT&TT", "H06.15\n.", "a" * 41, "H06.1.2.3.4.5"]
)
def test_what_is_no_agency_code_is_refused(bad: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        AgencyCode.parse(bad)
    assert refusal.value.code == "AGENCY_CODE_INVALID"
    assert "mã định danh" in refusal.value.sentence_vi


def test_a_three_digit_second_level_has_no_qcvn_spelling() -> None:
    with pytest.raises(InvalidValue):
        _ = AgencyCode.parse("H55.242").qcvn102


def test_a_code_is_followed_from_its_date_on_and_only_where_the_table_names_it() -> None:
    merger = CodeSuccession("H06", "H29", date(2025, 7, 1), (("H06.15", "H29.90"),))
    history = AgencyHistory.of([merger])
    old, new = AgencyCode.parse("000.00.15.H06"), AgencyCode.parse("H29.90")
    assert history.code_on(old, date(2025, 6, 30)) == old
    assert history.code_on(old, date(2025, 7, 1)) == new
    assert history.same_agency(old, new, date(2026, 1, 1))
    assert not history.same_agency(old, new, date(2024, 1, 1))
    unknown = AgencyCode.parse("H06.16")
    assert history.code_on(unknown, date(2026, 1, 1)) == unknown


def test_agencies_merged_under_one_code_stay_two_for_what_was_before() -> None:
    codes = (("H06.15", "H29.20"), ("H06.08", "H29.20"))
    later = CodeSuccession("H29", "H29", date(2026, 1, 1), (("H29.20", "H29.21"),))
    history = AgencyHistory.of([CodeSuccession("H06", "H29", date(2025, 7, 1), codes), later])
    one, other, merged = map(AgencyCode.parse, ("000.00.15.H06", "H06.08", "H29.20"))
    day = date(2026, 11, 23)

    assert not history.same_agency(one, other, day)
    assert history.same_agency(one, merged, day)
    assert history.same_agency(merged, other, day)
    assert history.same_agency(AgencyCode.parse("H29.21"), one, day)


def test_a_number_splits_at_its_first_slash() -> None:
    number = DocumentNumber.parse("7849/UBND-VP")
    assert (number.number, number.symbol, str(number)) == ("7849", "UBND-VP", "7849/UBND-VP")
    assert DocumentNumber.parse("12/2020/QĐ-TTg").symbol == "2020/QĐ-TTg"


@pytest.mark.parametrize("bad", ["", "7849", "/UBND", "7849/", "1" * 21 + "/A", "1/\x00A", "1/A\nB"])
def test_what_is_no_document_number_is_refused(bad: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        DocumentNumber.parse(bad)
    assert refusal.value.code == "DOCUMENT_NUMBER_INVALID"


def test_a_decomposed_symbol_is_composed() -> None:
    decomposed = "267/VPCP-TTD" + "\u0323"
    assert DocumentNumber.parse(decomposed).symbol == "VPCP-TTḌ"


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for parse in (AgencyCode.parse, DocumentNumber.parse):
        try:
            value = parse(text)
        except InvalidValue:
            continue
        assert parse(str(value)) == value


def test_values_travel_as_their_text() -> None:
    agency = Agency(code=AgencyCode.parse("H06.15"), name="Sở mẫu")
    assert Agency.model_validate_json(agency.model_dump_json()) == agency
    assert '"code":"H06.15"' in agency.model_dump_json()
