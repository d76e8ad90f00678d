"""How a Vietnamese reader finds figures, and where a report stands, written."""

from decimal import Decimal

import pytest

from ebrvt_connect.engine.figures import INDICATORS
from ebrvt_connect.model.report import Missing, Observation, ReportState
from ebrvt_connect.ops.report_words import (
    INDICATORS_VI,
    MISSING_VI,
    REPORT_STATES_VI,
    number_vi,
    value_vi,
)


@pytest.mark.parametrize(
    ("number", "written"),
    [(None, ""), (Decimal(0), "0"), (Decimal("1234567.50"), "1.234.567,50"), (Decimal("66.67"), "66,67")],
)
def test_numbers_have_points_for_thousands_and_a_comma(number, written):
    assert number_vi(number) == written


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"value": Decimal("21.37"), "unit": "PCT"}, "21,37 %"),
        ({"value": Decimal(3), "unit": "COUNT"}, "3 COUNT"),
        ({"text": "đã hoàn thành"}, "đã hoàn thành"),
        ({"missing": Missing.DENOMINATOR_ZERO}, "không phát sinh trong kỳ"),
    ],
)
def test_a_figure_is_a_value_a_text_or_why_it_is_missing(given, written):
    assert value_vi(Observation(indicator_code="NQ17.02", **given)) == written


def test_every_word_there_is_has_a_vietnamese_one():
    assert set(INDICATORS_VI) == set(INDICATORS)
    assert set(MISSING_VI) == set(Missing)
    assert set(REPORT_STATES_VI) == set(ReportState)
