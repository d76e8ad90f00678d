"""What a ministry has of a report, known by what it said: its receipts, refusals and decisions.

Not by what was tried: a report that was sent and refused at the door is not there, and naming it as replaced
would be refused in its turn. The words are those of the report's own story in the ledger.
"""

from __future__ import annotations

from enum import StrEnum
from functools import reduce
from typing import TYPE_CHECKING

from ebrvt_connect.engine.flow import Event
from ebrvt_connect.engine.work import TAKEN_BUT_NOT_THERE
from ebrvt_connect.errors import UNEXPECTED, Effect
from ebrvt_connect.model.message import State
from ebrvt_connect.ports.decisions import REPORT_INVALID, REPORT_LOCKED, REPORT_LOST, REPORT_RETURNED
from ebrvt_connect.ports.ledger import Exchange, Step

if TYPE_CHECKING:
    from ebrvt_connect.store.queries import Story


class Standing(StrEnum):
    """What the ministry has of a report (báo cáo ở phía Bộ)."""

    ABSENT = "absent"
    """It never took it, or has lost it: what was before it stands as it did."""
    UNKNOWN = "unknown"
    """It may have it; asking after it, or a person, will tell."""
    STANDS = "stands"
    """It has it: undecided, approved, returned or locked. A later report names it as the one replaced."""
    DROPPED = "dropped"
    """It took it, in place of what was before it, and found it invalid: a later report replaces nothing."""


_SAYS = {
    Event.TAKEN.value: Standing.STANDS,
    REPORT_RETURNED.code: Standing.STANDS,
    REPORT_LOCKED.code: Standing.STANDS,
    REPORT_INVALID.code: Standing.DROPPED,
    REPORT_LOST.code: Standing.ABSENT,
    TAKEN_BUT_NOT_THERE.code: Standing.ABSENT,
}
_TAKEN = frozenset({Standing.STANDS, Standing.DROPPED})
_AT_THE_DOOR = frozenset({Effect.REJECTED, Effect.HELD_FOR_PERSON})

UNDER_WAY = frozenset(
    {State.RECEIVED, State.QUEUED, State.SENDING, State.IN_DOUBT, State.AWAITING, State.WAITING}
)
"""States in which the daemon goes on with a report by itself."""
_CLOSED = frozenset({State.REFUSED, State.CANCELLED, State.SUPERSEDED})


def standing_of(story: Story) -> Standing:
    """What the ministry has of the report whose story this is.

    Where it never said and a person has closed the report, it is taken to be absent: they were told to ask.
    """
    state = story.message.state
    if state in {State.DONE, State.AWAITING}:
        return Standing.STANDS
    found = reduce(_heard, story.exchanges, Standing.ABSENT)
    if found is Standing.UNKNOWN and state in _CLOSED:
        return Standing.ABSENT
    return Standing.UNKNOWN if state in {State.SENDING, State.IN_DOUBT} else found


def _heard(before: Standing, line: Exchange) -> Standing:
    """What is known after one more line of the story."""
    if line.step is Step.PERSON or line.step is Step.JUDGE:
        return before
    if line.code in _SAYS:
        return _SAYS[line.code]
    if line.step is not Step.SUBMIT or before in _TAKEN:
        return before
    if line.effect in _AT_THE_DOOR and line.code != UNEXPECTED.code:
        return Standing.ABSENT
    return Standing.UNKNOWN
