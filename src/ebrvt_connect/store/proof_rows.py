"""What becomes an entry of the evidence log, written in the transaction that settles the message.

An entry is made whenever something takes effect: the remote has taken a message (done, or taken and decided
later), has refused it, it was given up, or a person has settled it. It holds codes, times and digests; what
the digests are of stays where it is, and with it whatever it says about people.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ebrvt_connect.codec.proof import entry_body, moment, sha256_hex
from ebrvt_connect.model.message import State
from ebrvt_connect.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ports.ledger import Change

_SETTLED = frozenset({State.DONE, State.REFUSED, State.DEAD, State.CANCELLED})
"""What is superseded has never left: nothing has taken effect, and its heir has an entry of its own."""


def enter_changes(tx: sa.Connection, changes: Sequence[Change], now: datetime) -> None:
    """Enter those of a drain's changes by which something takes effect."""
    _enter(tx, ((change.was.id, _of_change(change, now)) for change in changes if _takes_effect(change)))


def enter_act(tx: sa.Connection, message: Message, now: datetime) -> None:
    """Enter what a person has made of a message, where that settles it; `message` as it is then."""
    if message.state in _SETTLED:
        _enter(tx, [(message.id, entry_body(_facts(message, now, by="person")))])


def facts_now(message: Message) -> str:
    """What an entry would say of a message as it is, but for the moment and who it was."""
    return entry_body(_facts(message, message.updated_at, by="-"))


def _enter(tx: sa.Connection, entries: Iterable[tuple[int, str]]) -> None:
    values = [{"message_id": message_id, "body": body} for message_id, body in entries]
    if values:
        tx.execute(schema.proof_entry.insert(), values)


def _takes_effect(change: Change) -> bool:
    taken = change.state is State.AWAITING and change.was.state is not State.AWAITING
    return taken or (change.state in _SETTLED and change.state is not change.was.state)


def _of_change(change: Change, now: datetime) -> str:
    then = change.was.model_copy(
        update={
            "state": change.state,
            "payload": change.payload or change.was.payload,
            "verdict": change.verdict or change.was.verdict,
            "receipt": change.receipt or change.was.receipt,
            "effect": change.effect,
            "code": change.code,
        }
    )
    answer = change.exchange.raw if change.exchange is not None else b""
    return entry_body(_facts(then, now, by="remote", answer=answer))


def _facts(message: Message, now: datetime, *, by: str, answer: bytes = b"") -> Iterator[tuple[str, str]]:
    receipt = message.receipt
    yield "message", str(message.id)
    yield "key", message.idem_key
    yield "link", message.link
    yield "source", message.source
    yield "target", message.target
    yield "kind", message.kind.value
    yield "external-id", message.external_id or "-"
    yield "business-key", message.business_key or "-"
    yield "state", message.state.value
    yield "by", by
    yield "effect", message.effect.value if message.effect else "-"
    yield "code", message.code or "-"
    yield "attempts", str(message.attempts)
    yield "receipt-id", (receipt.external_id if receipt else "") or "-"
    yield "verdict", _verdict_words(message.verdict) or "-"
    yield "created-at", moment(message.created_at)
    yield "first-sent-at", moment(message.first_sent_at)
    yield "settled-at", moment(now)
    yield "record-sha256", _digest(message.record)
    yield "original-sha256", message.original.sha256 if message.original else "-"
    yield "payload-sha256", message.payload.blob.sha256 if message.payload else "-"
    yield "verdict-sha256", _digest(message.verdict)
    yield "receipt-sha256", _digest(receipt.raw if receipt else b"")
    yield "answer-sha256", _digest(answer)


def _digest(content: bytes | str) -> str:
    return sha256_hex(content) if content else "-"


def _verdict_words(verdict: str) -> str:
    """The indications of a verdict's documents, without names or sentences."""
    documents = json.loads(verdict).get("documents", ()) if verdict else ()
    return " ".join(str(document.get("indication", "?")) for document in documents)
