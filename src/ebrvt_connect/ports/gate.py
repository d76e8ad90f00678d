"""The verification gate between receiving and sending: judges a record and its files, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ebrvt_connect.model.document import Document, DocumentStatus
    from ebrvt_connect.model.message import Message


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a gate says: pass or hold, why in Vietnamese, and the verification report as JSON."""

    passed: bool
    code: str = ""
    reason_vi: str = ""
    advice_vi: str = ""
    verdict: str = ""


class Gate(Protocol):
    """Judges one message.

    Anything unclear holds an outgoing document; an incoming one passes with its verdict.
    """

    def judge(self, message: Message, record: Document | DocumentStatus) -> Judgement:
        """Judge; never raises for bad content (a verdict is a value), only `ConnectError` for the store."""
        ...
