"""Errors are named for what must happen next and explain themselves twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ebrvt_connect.errors import (
    CATALOGUE,
    ConnectError,
    Effect,
    Explanation,
    HeldForPerson,
    InvalidValue,
    ReconcileFirst,
    Rejected,
    RetryLater,
    Scope,
    explain,
)

_SAMPLE = Explanation("SAMPLE", "Không gửi được tới {system} ({what}).", "Gọi cho {who}.")


def test_each_effect_has_its_error_and_no_more() -> None:
    classes: list[type[ConnectError]] = [RetryLater, ReconcileFirst, Rejected, HeldForPerson]
    assert {c.effect for c in classes} == set(Effect)


def test_an_error_speaks_english_to_developers_and_vietnamese_to_operators() -> None:
    error = Rejected(
        _SAMPLE, "status: got 9, expected 0, at sendEdoc", system="axis", operation="sendEdoc", what="x"
    )
    assert str(error) == "SAMPLE at axis/sendEdoc: status: got 9, expected 0, at sendEdoc"
    assert error.explanation_vi == "Không gửi được tới axis (x)."
    assert error.advice_vi == "Gọi cho {who}.", "a missing fact never turns telling into failing"


def test_a_code_means_one_thing() -> None:
    known = next(iter(CATALOGUE.values()))
    assert explain(known.code, known.sentence_vi, known.advice_vi) == known
    with pytest.raises(ValueError, match="explained differently"):
        explain(known.code, "khác", "khác")


def test_a_remote_may_name_its_own_delay() -> None:
    assert RetryLater(_SAMPLE, "busy", retry_after=timedelta(minutes=2)).retry_after == timedelta(minutes=2)


def test_a_refused_value_becomes_a_hold_with_its_facts() -> None:
    held = InvalidValue(_SAMPLE, "bad code", what="mã").held(
        system="qlvb", operation="fetch", scope=Scope.LANE
    )
    assert (held.code, held.scope) == ("SAMPLE", Scope.LANE)
    assert held.explanation_vi == "Không gửi được tới qlvb (mã)."
