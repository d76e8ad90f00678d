"""Rows to values and back: the one place that knows which column holds what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ebrvt_connect.errors import Effect
from ebrvt_connect.model import record
from ebrvt_connect.model.message import BlobRef, Kind, Message, Payload, Receipt, State
from ebrvt_connect.ports.ledger import KEEPS_PLACE, Due, Exchange, Pause, Step

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from ebrvt_connect.ports.ledger import Change, NewMessage

    AnyRow = sa.Row[*tuple[Any, ...]]
    """A row, whatever its columns."""

_PLAIN = (
    "id",
    "idem_key",
    "link",
    "source",
    "target",
    "lane",
    "shard",
    "priority",
    "attempts",
    "released",
    "created_at",
    "updated_at",
    "next_at",
    "deadline",
    "external_id",
    "business_key",
    "title",
    "record",
    "verdict",
    "origin_id",
    "code",
    "reason_vi",
    "advice_vi",
    "first_sent_at",
    "doubt_since",
)


def message_of(row: AnyRow) -> Message:
    """A row of `message` as the engine and adapters see it (the row was valid when it was written)."""
    r = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name for a row's mapping
    # Not validated again: a thousand messages a second pass here, and each was a `Message` once.
    return Message.model_construct(
        **{name: r[name] for name in _PLAIN},
        kind=Kind(r["kind"]),
        state=State(r["state"]),
        effect=None if r["effect"] is None else Effect(r["effect"]),
        original=_blob(r["original_sha256"], r["original_bytes"]),
        payload=_payload(r),
        receipt=_receipt(r),
    )


def due_of(row: AnyRow) -> Due:
    """A row of `message` with what only the engine needs."""
    return Due(message_of(row), rung=row.rung, released=bool(row.waived), place=row.place)


def record_of(message: Message) -> record.Record | None:
    """The message's record as a value; None when its bytes could never be read."""
    return record.record_of(message.kind, message.record) if message.record else None


def _blob(sha256: str | None, size_bytes: int | None) -> BlobRef | None:
    return None if sha256 is None else BlobRef.model_construct(sha256=sha256, size_bytes=size_bytes or 0)


def _payload(r: Any) -> Payload | None:  # noqa: ANN401 - a row mapping
    blob = _blob(r["payload_sha256"], r["payload_bytes"])
    if blob is None:
        return None
    facts = tuple((name, value) for name, value in json.loads(r["payload_facts"]))
    return Payload.model_construct(blob=blob, media_type=r["payload_type"], facts=facts)


def _receipt(r: Any) -> Receipt | None:  # noqa: ANN401 - a row mapping
    if r["receipt_external_id"] is None:
        return None
    return Receipt.model_construct(
        external_id=r["receipt_external_id"], raw=bytes(r["receipt_raw"]), note=r["receipt_note"]
    )


def new_values(new: NewMessage, shard: int, now: datetime) -> dict[str, Any]:
    """The row of a message to be stored."""
    return {
        "idem_key": new.idem_key,
        "link": new.link,
        "source": new.source,
        "target": new.target,
        "kind": new.kind.value,
        "lane": new.lane,
        "shard": shard,
        "priority": new.priority,
        "state": new.state.value,
        "in_lane": int(new.state in KEEPS_PLACE),
        "attempts": 0,
        "rung": 0,
        "released": 0,
        "untold": int(new.untold),
        "created_at": now,
        "updated_at": now,
        "deadline": new.deadline,
        "external_id": new.external_id,
        "business_key": new.business_key,
        "title": new.title,
        "record": new.record,
        "original_sha256": new.original.sha256 if new.original else None,
        "original_bytes": new.original.size_bytes if new.original else None,
        "verdict": "",
        "origin_id": new.origin_id,
        "effect": new.effect.value if new.effect else None,
        "code": new.code,
        "reason_vi": new.reason_vi,
        "advice_vi": new.advice_vi,
    }


def change_values(change: Change, now: datetime) -> dict[str, Any]:
    """A change as the parameters of the ledger's one fenced update (`was_*` is the fence)."""
    payload = change.payload or change.was.payload
    receipt = change.receipt or change.was.receipt
    return {
        "was_id": change.was.id,
        "was_state": change.was.state.value,
        "was_attempts": change.was.attempts,
        "to_state": change.state.value,
        "to_in_lane": int(change.state in KEEPS_PLACE),
        "to_rung": change.rung,
        "to_updated_at": now,
        "to_next_at": change.next_at,
        "to_doubt_since": (change.was.doubt_since or now) if change.state is State.IN_DOUBT else None,
        "to_effect": change.effect.value if change.effect else None,
        "to_code": change.code,
        "to_reason_vi": change.reason_vi,
        "to_advice_vi": change.advice_vi,
        "to_verdict": change.verdict or change.was.verdict,
        "to_origin_id": change.origin_id or change.was.origin_id,
        "to_payload_sha256": payload.blob.sha256 if payload else None,
        "to_payload_bytes": payload.blob.size_bytes if payload else None,
        "to_payload_type": payload.media_type if payload else None,
        "to_payload_facts": json.dumps(payload.facts, ensure_ascii=False) if payload else None,
        "to_receipt_external_id": receipt.external_id if receipt else None,
        "to_receipt_raw": receipt.raw if receipt else None,
        "to_receipt_note": receipt.note if receipt else None,
    }


def exchange_values(message_id: int, exchange: Exchange) -> dict[str, Any]:
    """A line of a message's story as a row of `attempt`."""
    return {
        "message_id": message_id,
        "step": exchange.step.value,
        "attempt": exchange.attempt,
        "started_at": exchange.started_at,
        "ended_at": exchange.ended_at,
        "effect": exchange.effect.value if exchange.effect else None,
        "code": exchange.code,
        "detail": exchange.detail,
        "external_id": exchange.external_id,
        "raw": exchange.raw,
        "http_status": exchange.http_status or None,
    }


def exchange_of(row: AnyRow) -> Exchange:
    """A row of `attempt` as a line of the story."""
    return Exchange(
        step=Step(row.step),
        attempt=row.attempt,
        started_at=row.started_at,
        ended_at=row.ended_at,
        effect=None if row.effect is None else Effect(row.effect),
        code=row.code,
        detail=row.detail,
        external_id=row.external_id,
        raw=bytes(row.raw),
        http_status=row.http_status or 0,
    )


def pause_of(row: AnyRow) -> Pause:
    """A paused row of `system`."""
    return Pause(row.name, row.paused_by, row.paused_why, row.paused_code, row.paused_at)
