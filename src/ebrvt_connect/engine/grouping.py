"""Group commit (ghi chung): what all drains of this daemon have decided goes into one transaction.

A commit costs the disk the same whether it settles one message or a hundred. So there is one writer: whoever
comes first writes, whoever comes while it writes waits, and what has gathered meanwhile is written together
by the next. Each waits for its own commit, so nothing is sent before its mark is on the disk, and no lane
goes on before the message before has been settled.

What goes wrong with one's decisions must not be the others' fault: they are then written one by one. A
message that somebody else has changed is no such trouble; the ledger drops that one alone.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.errors import ConnectError
from ebrvt_connect.ports.ledger import Decisions

if TYPE_CHECKING:
    from collections.abc import Sequence


class CommitLedger(Protocol):
    """What a group is written to."""

    def commit(self, decisions: Decisions) -> frozenset[int]:
        """Write all of it in one transaction; returns the ids that somebody else had changed (dropped)."""
        ...


@dataclass(slots=True, eq=False)
class _Waiting:
    """What a drain has decided, and what came of writing it."""

    decisions: Decisions
    over: bool = False
    fenced: frozenset[int] = field(default=frozenset())
    trouble: BaseException | None = None

    def answer(self) -> frozenset[int]:
        if self.trouble is not None:
            raise self.trouble
        return self.fenced


class GroupCommit:
    """The one writer of a daemon's decisions; any thread may commit."""

    def __init__(self, ledger: CommitLedger) -> None:
        """Decisions go to this ledger, group by group."""
        self._ledger = ledger
        self._turn = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._writing = False

    def commit(self, decisions: Decisions) -> frozenset[int]:
        """Have it written, together with what others wait for; returns when it is.

        The answer has the ids that somebody else had changed, of whichever drain. Raises as the ledger's.
        """
        mine = _Waiting(decisions)
        with self._turn:
            self._waiting.append(mine)
            while self._writing and not mine.over:
                self._turn.wait()
            if mine.over:
                return mine.answer()
            self._writing = True
            group, self._waiting = self._waiting, []
        try:
            self._write_all(group)
        finally:
            with self._turn:
                self._writing = False
                for one in group:
                    one.over = True
                self._turn.notify_all()
        return mine.answer()

    def _write_all(self, group: Sequence[_Waiting]) -> None:
        """Never raises: each is told by itself."""
        try:
            fenced = self._ledger.commit(together([one.decisions for one in group]))
        except BaseException as trouble:  # noqa: BLE001 - whoever waits must be told, whatever it was
            if len(group) == 1 or isinstance(trouble, ConnectError):  # the store's trouble is everybody's
                for one in group:
                    one.trouble = trouble
                return
            for one in group:
                self._write_all([one])
        else:
            for one in group:
                one.fenced = fenced


def together(several: Sequence[Decisions]) -> Decisions:
    """The decisions of several drains, each about messages of its own, as those of one."""
    if len(several) == 1:
        return several[0]
    return Decisions(
        changes=[change for one in several for change in one.changes],
        sending=[message for one in several for message in one.sending],
        pauses=[pause for one in several for pause in one.pauses],
        now=max(one.now for one in several),
    )
