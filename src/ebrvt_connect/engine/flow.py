"""The transition table: what a message may become. Everything that changes a state is in this file.

Two house rules. Every change of a message's state anywhere is `after(state, event)`; nobody writes a
state because it seems right. And a transition that is not in the table is a programmer's mistake
(`ValueError`), never a remote's: remotes only ever cause events.

**The way out.** A message is stored as `received` in the same transaction as its source's checkpoint;
nothing is judged before that. In its lane's turn it is judged by its link's gate and its payload is made,
once: `queued`; or the gate or the mapping says a person must look: `held`. Before a byte leaves, a commit
marks it `sending`. Then the remote has accepted it (`done`), refused it (`refused`), has not got it and
may get it later (`waiting`, until a moment on the retry ladder), or we cannot know (`in_doubt`).

**In doubt.** What is found `sending` when a drain begins was cut off by a crash: whether it arrived is
not known, so it is `in_doubt` as well. Such a message is never sent again before the remote has been
asked. It is there: `done`. It surely is not: `queued`, and sent with the same payload and key. Perhaps
later: it stays `in_doubt` and is asked after again. Several candidates, or the remote will not say: `held`.

**Awaiting a decision.** Some remotes take a thing and decide about it later (a ministry approves or returns a
report): it is `awaiting`, asked after now and then, and never sent again, whatever the answer. Still nothing:
it stays. Approved: `done`. Turned down: `refused`. A person there or here must look, or the remote no longer
knows what it took: `held`. Days of waiting are no failure: they count no attempt, climb no ladder, and no
deadline ends them, since the thing has arrived. What is in doubt and turns out to be there, undecided, is
`awaiting` too. The source is not told of it: nothing is settled yet.

**Not the message's fault.** A certificate refused, a password expired, a disk full: the system (or
everything) is paused, and the message goes back to where it was before the attempt, unharmed: `queued`,
`in_doubt` or `awaiting`. While a system is paused, or rests behind its breaker, messages are still judged;
none is sent or asked after.

**Lanes.** A message keeps its place in its lane until it is `done`, `refused`, `cancelled` or
`superseded`. One that waits, awaits a decision, is in doubt, held or dead therefore stops the messages
behind it (a revocation must not overtake its document), and nothing else. `dead` (given up after its
deadline) keeps its place too: that the lane may go on is a person's word.

**People.** A held message is released (judged again, but the gate no longer holds it), returned to its
source (`cancelled`, and the source is told why) or refused; or, where it was sent and a person has found
out that it did arrive, confirmed (`done`, and the source is told just that). That a report did arrive does
not mean that it was approved: it becomes `awaiting`, and is asked after at once. A dead or refused one goes
on from the step that failed: it is judged again (`received`), or sent again as it is (`queued`), or, where
it may have arrived once and nobody has found out, asked after first (`in_doubt`). It keeps the payload it
has, since payload and message id never change. Anything that is not under way this moment can be skipped.

A thing (not a status) that was refused while its source wants to hear nothing of refusals (an axis has no
word for "your document was refused by our document system") is `held` instead: it must not end without
anybody seeing it.

**Replaced.** What is held and of which nothing has ever left is `superseded` as soon as its source offers a
newer version of it (the same kind and id on the same link), or as soon as it comes to be held while a newer
one waits already: what a person was to look at is what the source has just corrected. The new one takes the
old one's place in the lane, before what has been stored behind it meanwhile (a dossier's progress must not
overtake the dossier), and the old one's story says which took it. The source is not told: it hears what
becomes of the new one. What has left is never superseded: documents that are out are revoked and replaced by
documents of their own (QCVN 102:2016, 2.2), in the order they came.

What was refused (`refused`) has no place to give, but the lane remembers where it stood: a newer version goes
there, and what the target held back behind it for want of it is judged and sent again by itself. Only what
was ever in doubt is left to a person, since it may be there.
"""

from __future__ import annotations

from enum import StrEnum

from ebrvt_connect.model.message import State


class Event(StrEnum):
    """What can happen to a message."""

    PASSED = "passed"
    """Judged, and its payload made."""
    STOPPED = "stopped"
    """A gate, a mapping, a remote or a limit wants a person to look."""
    DEPARTED = "departed"
    """Marked as being sent, before the first byte."""
    ACCEPTED = "accepted"
    """The remote has it."""
    TAKEN = "taken"
    """The remote has it and will decide later."""
    REJECTED = "rejected"
    """The remote (or the preparation) said no."""
    DELAYED = "delayed"
    """Nothing happened there; later."""
    UNKNOWN = "unknown"
    """We cannot know whether it arrived; also what a crash leaves."""
    ABSENT = "absent"
    """Asked after: the remote has not got it."""
    UNHARMED = "unharmed"
    """The system or the store was in trouble, not the message."""
    EXPIRED = "expired"
    """Its deadline passed before it could leave."""
    RELEASED = "released"
    """By a person: let it go on."""
    REQUEUED = "requeued"
    """By a person: try it again, from its judging."""
    RESENT = "resent"
    """By a person: send it again as it is."""
    REASKED = "reasked"
    """By a person: try it again, but ask after it first."""
    RETURNED = "returned"
    """By a person: back to the source."""
    DENIED = "denied"
    """By a person: refused for good."""
    SKIPPED = "skipped"
    """By a person: never send it."""
    CONFIRMED = "confirmed"
    """By a person: it did arrive."""
    ARRIVED = "arrived"
    """By a person: it did arrive where a decision is still to be made about it."""
    SUPERSEDED = "superseded"
    """A newer version of it has come before anything of it left (written where what came is stored)."""


_S = State
_E = Event

TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.RECEIVED: {
        _E.PASSED: _S.QUEUED,
        _E.STOPPED: _S.HELD,
        _E.REJECTED: _S.REFUSED,
        _E.DELAYED: _S.RECEIVED,
        _E.UNHARMED: _S.RECEIVED,
        _E.EXPIRED: _S.DEAD,
        _E.SKIPPED: _S.CANCELLED,
    },
    _S.QUEUED: {
        _E.DEPARTED: _S.SENDING,
        _E.STOPPED: _S.HELD,
        _E.EXPIRED: _S.DEAD,
        _E.SKIPPED: _S.CANCELLED,
    },
    _S.SENDING: {
        _E.ACCEPTED: _S.DONE,
        _E.TAKEN: _S.AWAITING,
        _E.REJECTED: _S.REFUSED,
        _E.STOPPED: _S.HELD,
        _E.DELAYED: _S.WAITING,
        _E.UNKNOWN: _S.IN_DOUBT,
        _E.UNHARMED: _S.QUEUED,
    },
    _S.IN_DOUBT: {
        _E.ACCEPTED: _S.DONE,
        _E.TAKEN: _S.AWAITING,
        _E.ABSENT: _S.QUEUED,
        _E.STOPPED: _S.HELD,
        _E.DELAYED: _S.IN_DOUBT,
        _E.UNKNOWN: _S.IN_DOUBT,
        _E.UNHARMED: _S.IN_DOUBT,
        _E.SKIPPED: _S.CANCELLED,
    },
    _S.AWAITING: {
        _E.ACCEPTED: _S.DONE,
        _E.REJECTED: _S.REFUSED,
        _E.STOPPED: _S.HELD,
        _E.DELAYED: _S.AWAITING,
        _E.UNHARMED: _S.AWAITING,
        _E.SKIPPED: _S.CANCELLED,
    },
    _S.WAITING: {
        _E.DEPARTED: _S.SENDING,
        _E.STOPPED: _S.HELD,
        _E.EXPIRED: _S.DEAD,
        _E.SKIPPED: _S.CANCELLED,
    },
    _S.HELD: {
        _E.RELEASED: _S.RECEIVED,
        _E.CONFIRMED: _S.DONE,
        _E.ARRIVED: _S.AWAITING,
        _E.SUPERSEDED: _S.SUPERSEDED,
        _E.RETURNED: _S.CANCELLED,
        _E.DENIED: _S.REFUSED,
        _E.SKIPPED: _S.CANCELLED,
    },
    _S.DEAD: {
        _E.REQUEUED: _S.RECEIVED,
        _E.RESENT: _S.QUEUED,
        _E.REASKED: _S.IN_DOUBT,
        _E.RETURNED: _S.CANCELLED,
        _E.DENIED: _S.REFUSED,
        _E.SKIPPED: _S.CANCELLED,
    },
    _S.REFUSED: {_E.REQUEUED: _S.RECEIVED, _E.RESENT: _S.QUEUED, _E.REASKED: _S.IN_DOUBT},
    _S.DONE: {},
    _S.CANCELLED: {},
    _S.SUPERSEDED: {},
}
"""From where, by what, to where. What is not here cannot happen."""

TOLD = frozenset({State.DONE, State.HELD, State.REFUSED, State.DEAD, State.CANCELLED})
"""Entering one of these is told to the source (`Source.feedback`)."""


def after(state: State, event: Event) -> State:
    """What a message in `state` becomes by `event`; raises `ValueError` for what cannot happen."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise ValueError(f"a message that is {state} cannot be {event}") from None
