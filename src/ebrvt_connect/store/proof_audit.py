"""Holding the ledger to its evidence log: what a message's last entry says, its row must say still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.codec.proof import entry_facts
from ebrvt_connect.model.message import State
from ebrvt_connect.store import rows, schema
from ebrvt_connect.store.connect import reading
from ebrvt_connect.store.proof import ProofBreak
from ebrvt_connect.store.proof_rows import facts_now

if TYPE_CHECKING:
    from collections.abc import Iterator

_E, _M, _P = schema.proof_entry, schema.message, schema.pruned
_PAGE = 500
_NEVER_CHANGES = ("key", "link", "source", "target", "kind", "record-sha256", "original-sha256")
_WHILE_SETTLED = ("payload-sha256", "verdict-sha256", "receipt-sha256", "receipt-id", "code")
"""A message taken up again by a person may change these; until then they are as they were entered."""
_GIVEN_UP = ("verdict-sha256", "receipt-sha256")
"""Nothing is left of these when the retention of its evidence is over; what is left must still agree."""


def altered(database: sa.Engine) -> Iterator[ProofBreak]:
    """The linked entries whose message is gone or says something else now (`message`), a page at a time."""
    after = 0
    while page := _page(database, after):
        for row in page:
            if not _agrees(row):
                yield ProofBreak(row.nth, "message")
            after = row.nth


def _page(database: sa.Engine, after: int) -> list[rows.AnyRow]:
    """The last entry of each message, with the message where it is there still."""
    newer = _E.alias("newer")
    query = (
        sa.select(_E.c.nth, _E.c.body, _P.c.evidence_at, _M)
        .join_from(_E, _M, _M.c.id == _E.c.message_id, isouter=True)
        .join(_P, _P.c.message_id == _E.c.message_id, isouter=True)
        .where(_E.c.nth > after)
        .where(~sa.exists().where(newer.c.message_id == _E.c.message_id, newer.c.id > _E.c.id))
        .order_by(_E.c.nth)
        .limit(_PAGE)
    )
    with reading(database) as tx:
        return list(tx.execute(query).all())


def _agrees(row: rows.AnyRow) -> bool:
    try:
        entered = entry_facts(row.body)
    except ValueError:
        return True  # the chain has told that already
    if row.id is None:
        return False
    try:
        now = entry_facts(facts_now(rows.message_of(row)))
    except (ValueError, TypeError):
        return False  # its bytes have changed into what no message can be
    # One that awaits a decision may be given a newer receipt meanwhile.
    settled = now["state"] == entered.get("state") != State.AWAITING.value
    names = _NEVER_CHANGES + (_WHILE_SETTLED if settled else ())
    gone = _GIVEN_UP if row.evidence_at is not None else ()
    return all(now[name] == entered.get(name) or (name in gone and now[name] == "-") for name in names)
