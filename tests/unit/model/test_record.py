"""Records: every kind has its type, and a record survives its JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from ebrvt_connect.model.dossier import Dossier, DossierCode, DossierStage, ProgressEntry
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind
from ebrvt_connect.model.period import ReportingPeriod
from ebrvt_connect.model.record import RECORD_TYPES, kind_of, record_of
from ebrvt_connect.model.report import Missing, Observation, Report

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
CODE = DossierCode("H06.15-230315-0007")


def test_every_kind_has_a_type_of_its_own() -> None:
    assert set(RECORD_TYPES) == set(Kind)
    assert len(set(RECORD_TYPES.values())) == len(Kind)


@pytest.mark.parametrize(
    "record",
    [
        Dossier(code=CODE, stage=DossierStage.RECEIVED, updated_at=NOW, revision="1"),
        ProgressEntry(dossier_code=CODE, local_code=CODE, seq=1, at=NOW, stage=DossierStage.RETURNED),
        Report(
            packet_id="5b0f4b7e-7f0a-4f4e-9d3b-3f8f2f6f7a11",
            regime_code="NQ17",
            template_code="NQ17-Q",
            template_version="1.0",
            period=ReportingPeriod("2019-Q3"),
            organization=AgencyCode("000.00.00.H06"),
            sender=AgencyCode("000.00.15.H06"),
            receiver=AgencyCode("000.00.00.G14"),
            created_at=NOW,
            observations=(
                Observation(indicator_code="NQ17.02", value=Decimal("21.370"), numerator=Decimal(4274)),
            ),
        ),
    ],
)
def test_a_record_comes_back_from_its_json_as_it_was(record: Dossier | ProgressEntry | Report) -> None:
    again = record_of(kind_of(record), record.model_dump_json())

    assert again == record
    assert again.model_dump_json() == record.model_dump_json()


def test_a_stranger_is_no_record() -> None:
    with pytest.raises(TypeError):
        kind_of(object())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [{}, {"value": Decimal(1), "missing": Missing.NOT_AVAILABLE}, {"value": Decimal(1), "text": "một"}],
)
def test_a_figure_is_a_value_a_text_or_missing_and_only_one_of_them(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="expected one of"):
        Observation.model_validate({"indicator_code": "NQ17.02", **given})
