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
