"""Faults a sandbox is told to play (lỗi mô phỏng), and how often each has been: kept in the world.

The host plays the kinds of `HOST_KINDS` itself; any other kind is handed to the simulator as
`SimRequest.fault` for that one call. Faults armed and fired survive a kill -9, so a plan armed before
goes on where it was; arming a fault of a known id again changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ebrvt_connect.testing.wrong_answers import WRONG_ANSWERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.ports.simulator import World

DOWN = "down"
"""The listener and every live connection are closed for `seconds`, then the same port listens again."""
HTML_502 = "html-502"
"""A gateway's HTML page with status 502 instead of an answer; the simulator is not asked."""
STATUS = "status"
"""Status `code` with an empty body and, if given, `Retry-After`; the simulator is not asked."""
LOSE_REPLY = "lose-reply"
"""The request is processed and committed, then the connection is cut without an answer."""
CUT_BEFORE = "cut-before"
"""The connection is cut before the request is processed."""
SLOW = "slow"
"""The request is processed and committed; the answer leaves `seconds` later."""
TRUNCATE = "truncate"
"""The answer announces its whole length and stops in the middle."""
DRIP = "drip"
"""The request is processed and committed; its answer comes one byte each `seconds`."""
DUPLICATE_REPLY = "duplicate-reply"
"""The request is processed and committed once, and the same answer sent twice on the connection."""
WRONG_ANSWER = "wrong-answer"
"""Status 200 and something that means nothing, named by `answer` (see `wrong_answers`)."""
ENDLESS_HEADERS = "endless-headers"
"""Header after header, `seconds` between two, and never an end."""
UNASKED_KINDS = frozenset({DOWN, HTML_502, STATUS, CUT_BEFORE})
"""The kinds at which the simulator never sees the request."""
EITHER_KINDS = frozenset({WRONG_ANSWER, ENDLESS_HEADERS})
"""The kinds at which it sees the request if the fault is `acted`, and else not."""
HOST_KINDS = UNASKED_KINDS | EITHER_KINDS | {LOSE_REPLY, SLOW, TRUNCATE, DRIP, DUPLICATE_REPLY}

FAULTS_TABLE = "_sandbox_faults"
FAULT_EVENT = "sandbox-fault"
"""The journal event written each time a fault fires: `id`, `kind`, `operation`."""


class Fault(BaseModel):
    """One fault to play: on which calls of which system, and what happens."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    system: str
    """The simulator's name."""
    kind: str = Field(min_length=1)
    """One of `HOST_KINDS`, or a kind of the simulator's own."""
    operation: str = "*"
    """The operation's name as the simulator tells it; `*` is any."""
    after: int | None = Field(default=None, ge=1)
    """It begins at the n-th matching call since arming (the first, if not given)."""
    count: int = Field(default=1, ge=1)
    """On how many calls it is played."""
    seconds: float = Field(default=1.0, ge=0, le=3600)
    """For `down` and `slow`: how long. For `drip` and `endless-headers`: the pause between two."""
    code: int = Field(default=503, ge=200, le=599)
    """For `status`: the HTTP status."""
    retry_after: int | None = Field(default=None, ge=0)
    """For `status`: seconds told in `Retry-After`."""
    answer: str = ""
    """For `wrong-answer`: one of the names of `WRONG_ANSWERS` (`page`, `huge`, `packed`, `utf-16`)."""
    acted: bool = False
    """For `wrong-answer` and `endless-headers`: whether the request was processed before."""
    id: str = ""
    """A name of its own; a number is given where it is empty."""

    @model_validator(mode="after")
    def _names_an_answer(self) -> Fault:
        if (self.kind == WRONG_ANSWER) != bool(self.answer) or not {self.answer} <= {"", *WRONG_ANSWERS}:
            raise ValueError(f"a {WRONG_ANSWER}, and nothing else, has an answer: {', '.join(WRONG_ANSWERS)}")
        return self

    @property
    def asked(self) -> bool:
        """Whether the simulator sees the request."""
        return self.acted if self.kind in EITHER_KINDS else self.kind not in UNASKED_KINDS

    @property
    def at_once(self) -> bool:
        """Whether it needs no call to begin: `down` without a call named."""
        return self.kind == DOWN and self.after is None and self.operation == "*"


def arm(world: World, fault: Fault) -> Fault | None:
    """Keep a fault armed; returns it with its id, or None when that id is known already."""
    name = fault.id or f"fault-{1 + sum(1 for _ in world.rows(FAULTS_TABLE))}"
    if world.get(FAULTS_TABLE, name) is not None:
        return None
    armed = fault.model_copy(update={"id": name})
    world.put(FAULTS_TABLE, name, {**armed.model_dump(), "seen": 0, "fired": 0})
    if armed.at_once:
        _fired(world, name, "*")
    return armed


def armed(world: World) -> Iterator[dict[str, Any]]:
    """Every fault ever armed with the matching calls `seen` and how often it `fired`."""
    return (row for _, row in world.rows(FAULTS_TABLE))


def disarm_all(world: World) -> None:
    """Forget every fault; the journal keeps what was played."""
    for key, _ in list(world.rows(FAULTS_TABLE)):
        world.delete(FAULTS_TABLE, key)


def draw(world: World, operation: str) -> Fault | None:
    """The fault to play on this call, counted as fired; each matching fault counts the call as seen.

    When two are due at one call the one armed first is played and the other at the next call.
    """
    drawn: Fault | None = None
    for key, row in world.rows(FAULTS_TABLE):
        if row["fired"] >= row["count"] or row["operation"] not in {"*", operation}:
            continue
        row["seen"] += 1
        world.put(FAULTS_TABLE, key, row)
        if drawn is None and row["seen"] >= (row["after"] or 1):
            drawn = Fault.model_validate({name: row[name] for name in Fault.model_fields if name in row})
            _fired(world, key, operation)
    return drawn


def _fired(world: World, key: str, operation: str) -> None:
    row = world.get(FAULTS_TABLE, key) or {}
    world.put(FAULTS_TABLE, key, {**row, "fired": row["fired"] + 1})
    world.journal(FAULT_EVENT, id=key, kind=row["kind"], operation=operation)
