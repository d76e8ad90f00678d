"""Gates take the processor and memory, so few of them are at work at once, however many threads prepare."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.gate import Gate, Judgement


def few_at_once(gates: Mapping[str, Gate | None], most: int) -> dict[str, Gate | None]:
    """The same gates by the same names; of all together at most so many judge at a time."""
    turns = threading.BoundedSemaphore(most)
    return {name: None if gate is None else _InTurn(gate, turns) for name, gate in gates.items()}


class _InTurn:
    """A gate that waits for its turn."""

    def __init__(self, gate: Gate, turns: threading.BoundedSemaphore) -> None:
        self._gate = gate
        self._turns = turns

    def judge(self, message: Message, record: Record) -> Judgement:
        """As the gate does."""
        with self._turns:
            return self._gate.judge(message, record)
