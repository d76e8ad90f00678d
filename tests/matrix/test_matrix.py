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


def test_the_matrix_is_large_and_wide():
    counts = Counter(label.indication for label in LABELS)

    assert len(LABELS) >= 200
    assert min(counts.values()) >= 50
    assert len({(label.format, label.level) for label in LABELS}) >= 20
