"""Each code of the service has one effect, one scope and words for the operator."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from ebrvt_adapters.baocao import faults

from ebrvt_connect.errors import Effect, HeldForPerson, Scope


def fault(code, *, retryable=False, issues=(), retry_after=None):
    """As the transport hands one over: its values by the schema."""
    values = {
        "code": code,
        "message": "as told",
        "retryable": retryable,
        "traceId": "t-1",
        "issue": list(issues),
    }
    return SimpleNamespace(code="Client", values=values, retry_after=retry_after)


def effect_of(code, **how):
    return faults.failure_of(fault(code, **how), system="baocao", operation="SubmitReport")


@pytest.mark.parametrize(
    ("code", "effect", "scope"),
    [
        ("AUTH_FAILED", Effect.HELD_FOR_PERSON, Scope.SYSTEM),
        ("FORBIDDEN_SENDER", Effect.HELD_FOR_PERSON, Scope.MESSAGE),
        ("PACKET_ID_REUSED", Effect.HELD_FOR_PERSON, Scope.MESSAGE),
        ("PERIOD_CLOSED", Effect.HELD_FOR_PERSON, Scope.MESSAGE),
        ("NOT_FOUND", Effect.REJECTED, None),
        ("SCHEMA_INVALID", Effect.REJECTED, None),
        ("INDICATOR_UNKNOWN", Effect.REJECTED, None),
        ("SIGNATURE_INVALID", Effect.REJECTED, None),
        ("TEMPLATE_VERSION_OLD", Effect.REJECTED, None),
        ("THROTTLED", Effect.RETRY_LATER, None),
        ("INTERNAL", Effect.RETRY_LATER, None),
        ("UNAVAILABLE", Effect.RETRY_LATER, None),
    ],
)
def test_code_has_its_effect(code, effect, scope):
    failure = effect_of(code)

    assert failure.effect is effect
    assert failure.code == f"BAOCAO_{code}"
    assert (failure.scope if isinstance(failure, HeldForPerson) else None) is scope
    assert "{" not in failure.explanation_vi + failure.advice_vi


@pytest.mark.parametrize(
    ("retryable", "effect", "code"),
    [(True, Effect.RETRY_LATER, "BAOCAO_BUSY"), (False, Effect.REJECTED, "BAOCAO_REFUSED")],
)
def test_code_nobody_knows_is_read_by_its_own_word_on_trying_again(retryable, effect, code):
    failure = effect_of("KY_LA", retryable=retryable)

    assert (failure.effect, failure.code) == (effect, code)
    assert "KY_LA" in failure.explanation_vi


def test_delay_the_service_asks_for_is_handed_on():
    assert effect_of("THROTTLED", retry_after=timedelta(seconds=7)).retry_after == timedelta(seconds=7)


def test_fields_at_fault_are_named_to_the_operator_and_codes_to_the_developer():
    found = {
        "code": "UNIT",
        "path": "body/observation[2]/unit",
        "message": "NQ17.05: đơn vị tính phải là PCT",
    }

    failure = effect_of("SCHEMA_INVALID", issues=[found])

    assert "NQ17.05: đơn vị tính phải là PCT (mục body/observation[2]/unit)" in failure.explanation_vi
    assert "body/observation[2]/unit: UNIT" in failure.detail


def test_endless_or_unprintable_codes_do_not_reach_the_log_whole():
    failure = effect_of("X\n" * 500)

    assert len(failure.detail) < 300
    assert "\n" not in failure.detail
