"""The verification gate between receiving and sending: judges a record and its files, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record


SIGNED_FOR_ISSUER = "signed_for_issuer"
"""In a document's verdict, beside `documents`: whether its main files are signed for the issuing agency.

By the register of signers; written where a gate asks for it, and read when reports are computed.
"""


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

    def judge(self, message: Message, record: Record) -> Judgement:
        """Judge; never raises for bad content (a verdict is a value), only `ConnectError` for the store."""
        ...
