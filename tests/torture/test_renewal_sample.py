"""A seeded sample of R19 and R21: secrets renewed under a daemon at work, and its network taken away."""

import random

import pytest

from tests.torture.cut_off import possible, within
from tests.torture.outcome import Tried
from tests.torture.renewed import through
from tests.torture.signing_key import sealed_anew


@pytest.mark.timeout(300)
def test_passwords_and_certificates_are_renewed_while_documents_go_through(tmp_path):
    outcome = Tried("R19", "secrets")

    through(tmp_path, random.Random(1), ["password", "certificate_at_once"], outcome, hasty=True)

    assert (outcome.faults, outcome.lost, outcome.doubled) == (2, 0, 0)
    assert outcome.messages


@pytest.mark.timeout(300)
def test_the_key_that_signs_reports_is_renewed_while_they_go_through(tmp_path):
    outcome = Tried("R19", "seal")

    sealed_anew(tmp_path, random.Random(1), 1, outcome)

    assert (outcome.faults, outcome.lost, outcome.doubled) == (1, 0, 0)


@pytest.mark.timeout(300)
@pytest.mark.skipif(not possible(), reason="needs a network namespace of its own (unshare -n as root)")
def test_a_network_that_is_taken_away_and_comes_back_costs_nothing():
    outcome = Tried("R21", "netns")

    within(1, 2, outcome)

    assert (outcome.faults, outcome.lost, outcome.doubled) == (2, 0, 0)
    assert outcome.messages
