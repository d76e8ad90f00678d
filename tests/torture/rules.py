"""R22: the rule machine of ledger and flow against its oracle, with as many days as asked for."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.engine.test_rule_machine import Province
from tests.torture.outcome import Tried

DAYS = 1_000
_STEPS_A_DAY = 40


def against_the_oracle(days: int = DAYS) -> Tried:
    """That many days of at most 40 steps each; Hypothesis tells the shortest one that goes wrong."""
    outcome = Tried("R22", "ledger")
    Province.tally.clear()
    with outcome.case(f"{days} days"):
        run_state_machine_as_test(
            Province,
            settings=settings(
                max_examples=days,
                stateful_step_count=_STEPS_A_DAY,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    outcome.messages = Province.tally.pop("messages", 0)
    outcome.faults = Province.tally.total()
    return outcome
