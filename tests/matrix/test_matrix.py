"""The labelled matrix: every file is what `labels` say it is, under every policy."""

from collections import Counter

import pytest

from ebrvt_connect.trust.policy import POLICIES
from tests.matrix.labels import labels

LABELS = labels()


@pytest.mark.parametrize("label", LABELS, ids=str)
def test_a_file_is_found_to_be_what_it_is(workshop, label):
    indication, reasons = workshop.judged(label.format, label.level, label.case, POLICIES[label.policy])

    assert indication == label.indication, reasons
    assert not label.reason or label.reason in reasons


LONG_LIVED = [
    (form, level) for form in ("pdf", "cms", "p7s", "xades", "edxml") for level in ("B-LT", "B-LTA")
]


@pytest.mark.parametrize(("form", "level"), LONG_LIVED)
def test_a_good_file_is_of_the_level_it_was_made_for(workshop, form, level):
    report = workshop.report(form, level, "good", POLICIES["VN_2025"])

    assert [s.level for s in report.signatures if s.role != "timestamp"] == [level]


def test_the_matrix_is_large_and_wide():
    counts = Counter(label.indication for label in LABELS)

    assert len(LABELS) >= 200
    assert min(counts.values()) >= 50
    assert len({(label.format, label.level) for label in LABELS}) >= 20
