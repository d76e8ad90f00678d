"""How far the evidence log is behind (độ trễ của nhật ký bằng chứng): cheap enough to be asked often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading

if TYPE_CHECKING:
    from datetime import datetime

_E, _S, _T = schema.proof_entry, schema.proof_seal, schema.proof_stamp
_WAITS = ~sa.exists().where(_T.c.seal == _S.c.number)


@dataclass(frozen=True, slots=True)
class ProofLag:
    """What waits, and since when; None: nothing does."""

    unsealed_since: datetime | None
    """When the oldest entry that is under no seal was linked."""
    unstamped: int
    """Seals whose stamp is awaited."""
    unstamped_since: datetime | None
    """When the last entry of the oldest of them was linked."""


def proof_lag(database: sa.Engine) -> ProofLag:
    """What the log waits for; raises as `reading`."""
    with reading(database) as tx:
        sealed = tx.scalar(sa.select(sa.func.max(_S.c.last))) or 0
        unstamped, oldest = tx.execute(sa.select(sa.func.count(), sa.func.min(_S.c.last)).where(_WAITS)).one()
        return ProofLag(_linked_at(tx, sealed + 1), unstamped, _linked_at(tx, oldest))


def _linked_at(tx: sa.Connection, number: int | None) -> datetime | None:
    found: datetime | None = tx.scalar(sa.select(_E.c.linked_at).where(_E.c.nth == number))
    return found
