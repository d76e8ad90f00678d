"""The sum that `./dev torture` prints at the end: what one recipe lost is lost in the sum too."""

import pytest

from tests.torture import recipes
from tests.torture.outcome import Tried, total


@pytest.fixture
def told(monkeypatch, capsys):
    """Plays recipes that end so; returns whether it failed, and what was printed."""

    def play(*outcomes):
        monkeypatch.setattr(recipes, "RECIPES", {"R0": lambda _seeds: iter(outcomes)})
        return recipes.play(["R0"], None), capsys.readouterr().out

    return play


def test_faults_messages_and_what_was_lost_or_doubled_are_summed():
    one = Tried("R1", "sqlite", faults=3, messages=10, lost=1, troubles=["d1 is gone"])
    other = Tried("R2", "sqlite", faults=4, messages=20, doubled=2, troubles=["d2 came thrice"])

    summed = total([one, other])

    assert (summed.faults, summed.messages, summed.lost, summed.doubled) == (7, 30, 1, 2)
    assert summed.troubles == ["d1 is gone", "d2 came thrice"]


def test_nothing_wrong_is_no_failure(told):
    failed, printed = told(Tried("R1", "sqlite", faults=3, messages=10))

    assert not failed
    assert "lost 0  doubled 0  other 0" in printed.splitlines()[-1]


def test_trouble_of_any_kind_is_a_failure_and_is_shown(told):
    failed, printed = told(Tried("R1", "sqlite"), Tried("R2", "sqlite", troubles=["not settled"]))

    assert failed
    assert "    not settled" in printed.splitlines()


def test_what_a_case_raises_is_noted_and_the_next_one_is_played():
    outcome = Tried("R1", "sqlite")
    with outcome.case("first"):
        raise AssertionError("a gap")
    with outcome.case("second"):
        pass
    assert outcome.troubles == ["first: a gap"]
    assert outcome.failed
