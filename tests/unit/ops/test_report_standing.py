"""What the ministry has of a report follows from what it said, line by line of the report's story."""

from datetime import UTC, datetime

import pytest

from ebrvt_connect.engine.work import INTERRUPTED, OUTCOME_UNKNOWN, TAKEN_BUT_NOT_THERE
from ebrvt_connect.errors import UNEXPECTED, Effect
from ebrvt_connect.model.message import Kind, Message, State
from ebrvt_connect.ops.report_standing import Standing, standing_of
from ebrvt_connect.ports.decisions import REPORT_INVALID, REPORT_LOCKED, REPORT_LOST, REPORT_RETURNED
from ebrvt_connect.ports.ledger import Exchange, Step
from ebrvt_connect.store.queries import Story

AT = datetime(2026, 11, 23, 1, tzinfo=UTC)


def line(step, code="", effect=None):
    return Exchange(step=step, attempt=1, started_at=AT, ended_at=AT, code=code, effect=effect)


TAKEN = line(Step.SUBMIT, "taken")
REFUSED_AT_DOOR = line(Step.SUBMIT, "BAOCAO_SCHEMA_INVALID", Effect.REJECTED)
HELD_AT_DOOR = line(Step.SUBMIT, "BAOCAO_PERIOD_CLOSED", Effect.HELD_FOR_PERSON)
CUT = line(Step.SUBMIT, INTERRUPTED.code, Effect.RECONCILE_FIRST)
AWAY = line(Step.SUBMIT, "BAOCAO_UNAVAILABLE", Effect.RETRY_LATER)
BROKEN = line(Step.SUBMIT, UNEXPECTED.code, Effect.HELD_FOR_PERSON)
UNANSWERED = line(Step.ASK, OUTCOME_UNKNOWN.code, Effect.HELD_FOR_PERSON)
RETURNED = line(Step.ASK, REPORT_RETURNED.code, Effect.REJECTED)
INVALID = line(Step.ASK, REPORT_INVALID.code, Effect.REJECTED)
LOCKED = line(Step.ASK, REPORT_LOCKED.code, Effect.HELD_FOR_PERSON)
LOST = line(Step.ASK, REPORT_LOST.code, Effect.HELD_FOR_PERSON)
GONE = line(Step.ASK, TAKEN_BUT_NOT_THERE.code, Effect.HELD_FOR_PERSON)
UNJUDGED = line(Step.JUDGE, "BAOCAO_NO_FIGURES", Effect.HELD_FOR_PERSON)
PERSON = line(Step.PERSON, "released")
STRANGE = line(Step.ASK, "BAOCAO_REFUSED", Effect.REJECTED)


def standing(state, *lines):
    message = Message(
        id=1,
        idem_key="k",
        link="bao-cao",
        source="ban-bao-cao",
        target="bo",
        kind=Kind.REPORT,
        lane="l",
        shard=0,
        state=state,
        created_at=AT,
        updated_at=AT,
        record="",
    )
    return standing_of(Story(message, lines, (), ()))


@pytest.mark.parametrize(
    ("state", "lines", "expected"),
    [
        (State.QUEUED, (), Standing.ABSENT),
        (State.HELD, (UNJUDGED,), Standing.ABSENT),
        (State.HELD, (HELD_AT_DOOR,), Standing.ABSENT),
        (State.REFUSED, (REFUSED_AT_DOOR,), Standing.ABSENT),
        (State.REFUSED, (AWAY, REFUSED_AT_DOOR), Standing.ABSENT),
        (State.AWAITING, (TAKEN,), Standing.STANDS),
        (State.AWAITING, (HELD_AT_DOOR, PERSON), Standing.STANDS),
        (State.DONE, (TAKEN, line(Step.ASK)), Standing.STANDS),
        (State.REFUSED, (TAKEN, RETURNED), Standing.STANDS),
        (State.REFUSED, (TAKEN, INVALID), Standing.DROPPED),
        (State.REFUSED, (TAKEN, STRANGE), Standing.STANDS),
        (State.REFUSED, (TAKEN, LOCKED, PERSON), Standing.STANDS),
        (State.CANCELLED, (TAKEN, PERSON), Standing.STANDS),
        (State.HELD, (TAKEN, LOCKED), Standing.STANDS),
        (State.HELD, (TAKEN, LOCKED, PERSON, HELD_AT_DOOR), Standing.STANDS),
        (State.HELD, (TAKEN, LOST), Standing.ABSENT),
        (State.HELD, (TAKEN, GONE), Standing.ABSENT),
        (State.AWAITING, (TAKEN, GONE, PERSON, TAKEN), Standing.STANDS),
        (State.SENDING, (), Standing.UNKNOWN),
        (State.IN_DOUBT, (CUT,), Standing.UNKNOWN),
        (State.HELD, (CUT, UNANSWERED), Standing.UNKNOWN),
        (State.HELD, (BROKEN,), Standing.UNKNOWN),
        (State.DEAD, (AWAY,), Standing.UNKNOWN),
        (State.HELD, (CUT, line(Step.ASK), HELD_AT_DOOR), Standing.ABSENT),
        (State.CANCELLED, (CUT, UNANSWERED, PERSON), Standing.ABSENT),
        (State.REFUSED, (CUT, UNANSWERED, PERSON), Standing.ABSENT),
    ],
)
def test_the_ministry_has_what_it_said_it_has(state, lines, expected):
    assert standing(state, *lines) is expected
