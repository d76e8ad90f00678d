"""Dossier and procedure codes: parse or refuse, in words an operator can act on."""

from __future__ import annotations

import pytest

from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.dossier import Applicant, DossierCode, Identity, ProcedureCode


@pytest.mark.parametrize(
    "text",
    [
        "000.00.15.H06-230315-0007",
        "H06.15-230315-0007",
        "H21.123-200101-0001",
        "G22.10.05-200101-0001",
        "G09.20-20260609-0092637",
    ],
)
def test_both_number_forms_are_read_as_written(text: str) -> None:
    assert str(DossierCode.parse(f" {text} ")) == text


@pytest.mark.parametrize(
    "text",
    ["", "H06.15", "H06.15-230315", "H06.15-230315-1", "h06.15-230315-0007", "H06.15–230315–0007", "x" * 90],
)
def test_what_is_no_dossier_code_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        DossierCode.parse(text)

    assert refused.value.code == "DOSSIER_CODE_INVALID"
    assert "H06.15-230315-0007" in refused.value.advice_vi


@pytest.mark.parametrize("text", ["2.002492", "1.003560.000.00.00.H56"])
def test_national_and_provincial_procedure_codes_are_read(text: str) -> None:
    assert str(ProcedureCode.parse(text)) == text


@pytest.mark.parametrize("text", ["", "BC-01", "1.0012345", "1.001234.000.00.00", "1.001234.000.00.00.h06"])
def test_a_local_word_is_no_procedure_code(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        ProcedureCode.parse(text)

    assert refused.value.code == "PROCEDURE_CODE_INVALID"


def test_an_applicant_is_not_told_by_a_repr() -> None:
    applicant = Applicant(
        name="Người Mẫu",
        identities=(Identity(kind="CITIZEN_ID", number="000000000001"),),
        email="mau@example.vn",
        phone="0900000001",
        address="Số 1",
    )

    shown = repr(applicant)

    assert not any(told in shown for told in ("Người", "000000000001", "mau@", "0900000001", "Số 1"))


@pytest.mark.parametrize("zero", [0x0660, 0x0966, 0xFF10], ids=["arabic", "devanagari", "fullwidth"])
def test_digits_of_other_scripts_make_no_code(zero: int) -> None:
    """They look like a code, and no other system would find the dossier or procedure by it."""
    foreign = {ord("0") + digit: chr(zero + digit) for digit in range(10)}
    tail = "230315-0007".translate(foreign)

    with pytest.raises(InvalidValue) as refused:
        DossierCode.parse(f"H06.15-{tail}")
    assert refused.value.code == "DOSSIER_CODE_INVALID"
    with pytest.raises(InvalidValue) as refused:
        ProcedureCode.parse("1.003560".translate(foreign))
    assert refused.value.code == "PROCEDURE_CODE_INVALID"
