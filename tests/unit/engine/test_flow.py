"""The transition table, looked at as a whole and walked at random."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ebrvt_connect.engine.flow import TOLD, TRANSITIONS, Event, after
from ebrvt_connect.model.message import SETTLED, State
from ebrvt_connect.ports.ledger import KEEPS_PLACE

ARRIVES_BY_PERSON = {Event.CONFIRMED, Event.ARRIVED}
BY_PERSON = ARRIVES_BY_PERSON | {
    Event.RELEASED,
    Event.REQUEUED,
    Event.RESENT,
    Event.REASKED,
    Event.RETURNED,
    Event.DENIED,
    Event.SKIPPED,
}


def reachable(start: State) -> set[State]:
    seen, open_ends = {start}, [start]
    while open_ends:
        for to in TRANSITIONS[open_ends.pop()].values():
            if to not in seen:
                seen.add(to)
                open_ends.append(to)
    return seen


BY_EVENT: dict[Event, dict[State, str]] = {
    Event.PASSED: {State.QUEUED: "received"},
    Event.STOPPED: {State.HELD: "received queued sending in_doubt awaiting waiting"},
    Event.DEPARTED: {State.SENDING: "queued waiting"},
    Event.ACCEPTED: {State.DONE: "sending in_doubt awaiting"},
    Event.TAKEN: {State.AWAITING: "sending in_doubt"},
    Event.REJECTED: {State.REFUSED: "received sending awaiting"},
    Event.DELAYED: {
        State.RECEIVED: "received",
        State.WAITING: "sending",
        State.IN_DOUBT: "in_doubt",
        State.AWAITING: "awaiting",
    },
    Event.UNKNOWN: {State.IN_DOUBT: "sending in_doubt"},
    Event.ABSENT: {State.QUEUED: "in_doubt"},
    Event.UNHARMED: {
        State.RECEIVED: "received",
        State.QUEUED: "sending",
        State.IN_DOUBT: "in_doubt",
        State.AWAITING: "awaiting",
    },
    Event.EXPIRED: {State.DEAD: "received queued waiting"},
    Event.RELEASED: {State.RECEIVED: "held"},
    Event.REQUEUED: {State.RECEIVED: "dead refused"},
    Event.RESENT: {State.QUEUED: "dead refused"},
    Event.REASKED: {State.IN_DOUBT: "dead refused"},
    Event.RETURNED: {State.CANCELLED: "held dead"},
    Event.DENIED: {State.REFUSED: "held dead"},
    Event.SKIPPED: {State.CANCELLED: "received queued in_doubt awaiting waiting held dead"},
    Event.CONFIRMED: {State.DONE: "held"},
    Event.ARRIVED: {State.AWAITING: "held"},
    Event.SUPERSEDED: {State.SUPERSEDED: "held"},
}
"""The table read the other way: what each event makes of a message, and of which."""


@pytest.mark.parametrize("event", Event)
def test_an_event_happens_where_it_may_and_makes_what_it_should(event):
    expected = {State[name.upper()]: to for to, names in BY_EVENT[event].items() for name in names.split()}
    for state in State:
        if state in expected:
            assert after(state, event) is expected[state]
        else:
            with pytest.raises(ValueError, match=f"is {state} cannot be {event}"):
                after(state, event)


def test_events_are_written_under_their_names():
    assert [str(event) for event in Event] == [event.name.lower() for event in Event]


def test_every_state_has_its_row():
    assert set(TRANSITIONS) == set(State)


def test_every_event_is_used():
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)


def test_every_state_is_reached_from_received():
    assert reachable(State.RECEIVED) == set(State)


def test_only_what_is_held_is_superseded():
    assert {state for state, row in TRANSITIONS.items() if Event.SUPERSEDED in row} == {State.HELD}


@pytest.mark.parametrize("state", sorted(SETTLED))
def test_a_settled_message_moves_by_a_persons_hand_only(state):
    assert set(TRANSITIONS[state]) <= BY_PERSON


@pytest.mark.parametrize("state", sorted(set(State) - {State.QUEUED, State.WAITING}))
def test_only_what_is_queued_or_waiting_departs(state):
    with pytest.raises(ValueError, match="cannot be departed"):
        after(state, Event.DEPARTED)


def test_what_is_in_doubt_is_never_sent_without_having_been_asked_after():
    assert {e for e, to in TRANSITIONS[State.IN_DOUBT].items() if to is State.QUEUED} == {Event.ABSENT}
    assert State.SENDING not in TRANSITIONS[State.IN_DOUBT].values()


def test_what_awaits_a_decision_is_never_sent_by_itself():
    """Neither at once nor by any detour that needs no person."""
    seen, open_ends = {State.AWAITING}, [State.AWAITING]
    while open_ends:
        row = TRANSITIONS[open_ends.pop()]
        for to in {to for event, to in row.items() if event not in BY_PERSON} - seen:
            seen.add(to)
            open_ends.append(to)
    assert not seen & {State.RECEIVED, State.QUEUED, State.SENDING, State.WAITING, State.IN_DOUBT, State.DEAD}


def test_what_awaits_a_decision_moves_only_as_the_table_says():
    assert TRANSITIONS[State.AWAITING] == {
        Event.ACCEPTED: State.DONE,
        Event.REJECTED: State.REFUSED,
        Event.STOPPED: State.HELD,
        Event.DELAYED: State.AWAITING,
        Event.UNHARMED: State.AWAITING,
        Event.SKIPPED: State.CANCELLED,
    }


def test_only_what_was_sent_comes_to_await_a_decision():
    entries = {state for state, row in TRANSITIONS.items() if row.get(Event.TAKEN) is State.AWAITING}
    assert entries == {State.SENDING, State.IN_DOUBT}
    assert {state for state, row in TRANSITIONS.items() if Event.TAKEN in row} == entries
    by_person = {
        (state, event)
        for state, row in TRANSITIONS.items()
        for event, to in row.items()
        if to is State.AWAITING and event in BY_PERSON
    }
    assert by_person == {(State.HELD, Event.ARRIVED)}, "a person's word, of what was sent (steering)"


def test_that_a_decision_is_awaited_is_not_told_and_keeps_the_place_in_the_lane():
    assert State.AWAITING not in TOLD | SETTLED
    assert State.AWAITING in KEEPS_PLACE


def test_nothing_is_skipped_while_it_is_under_way():
    assert Event.SKIPPED not in TRANSITIONS[State.SENDING]


def test_a_payload_is_made_before_anything_is_queued():
    entries = {
        (state, event)
        for state, row in TRANSITIONS.items()
        for event, to in row.items()
        if to is State.QUEUED
    }
    assert entries == {
        (State.RECEIVED, Event.PASSED),
        (State.SENDING, Event.UNHARMED),
        (State.IN_DOUBT, Event.ABSENT),
        (State.DEAD, Event.RESENT),
        (State.REFUSED, Event.RESENT),
    }


def test_done_is_the_end():
    assert TRANSITIONS[State.DONE] == {}


def test_what_ends_or_waits_for_a_person_is_told():
    assert (SETTLED - {State.SUPERSEDED}) | {State.HELD} == TOLD


def test_what_is_dead_or_held_keeps_its_place_in_the_lane():
    assert {State.DEAD, State.HELD} <= KEEPS_PLACE
    assert {State.DONE, State.REFUSED, State.CANCELLED, State.SUPERSEDED} == SETTLED - KEEPS_PLACE


class Message(RuleBasedStateMachine):
    """A message that anything at all happens to."""

    def __init__(self):
        super().__init__()
        self.state = State.RECEIVED
        self.judged = False
        self.sent_since_asked = False
        self.confirmed = False
        self.taken = False
        self.past: list[State] = []

    @rule(event=st.sampled_from(Event))
    def happens(self, event):
        before = self.state
        if event in {Event.RESENT, Event.REASKED} and not self.judged:
            return  # steering asks for them only where there is a payload
        if event is Event.REASKED and State.SENDING not in self.past:
            return  # nor is asked after what has never left
        try:
            self.state = after(before, event)
        except ValueError:
            assert event not in TRANSITIONS[before]
            return
        self.past.append(before)
        if event is Event.PASSED:
            self.judged = True
        if event in ARRIVES_BY_PERSON:
            self.confirmed = True
        if event is Event.TAKEN:
            self.taken = True
        if event in BY_PERSON:
            self.taken = event is Event.ARRIVED
        if self.state is State.SENDING:
            assert not self.sent_since_asked
            assert not self.taken, "sent again although the remote has it"
        self.sent_since_asked = self.state in {State.SENDING, State.IN_DOUBT}

    @invariant()
    def nothing_leaves_unjudged(self):
        if self.state in {State.QUEUED, State.SENDING, State.IN_DOUBT, State.WAITING}:
            assert self.judged
        if self.state is State.AWAITING:
            assert self.judged or self.confirmed

    @invariant()
    def nothing_done_was_not_sent_unless_a_person_says_so(self):
        if self.state is State.DONE and not self.confirmed:
            assert self.judged
            assert State.SENDING in self.past


Message.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
test_whatever_happens_to_a_message = Message.TestCase
