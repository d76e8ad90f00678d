"""Systems that are being drained (rút hết): what waits for them goes out, and nothing more is taken in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.queries import STUCK, Queries
from ebrvt_connect.store.shards import BY_ITSELF, insert_for

if TYPE_CHECKING:
    from datetime import datetime

_D, _M, _I = schema.draining, schema.message, schema.inbox
_LEFT = sa.select(sa.func.count()).where(_M.c.target == _D.c.system, _M.c.in_lane == 1)
_GOES = sa.and_(_M.c.state.in_(BY_ITSELF), ~STUCK)
_COUNTS = (
    _LEFT,
    _LEFT.where(~_GOES),
    sa.select(sa.func.count()).where(
        # By link, as the index has it: nearly all that ever came is acknowledged.
        _I.c.link.in_(sa.select(schema.checkpoint.c.link)),
        _I.c.acknowledged_at.is_(None),
        _I.c.system == _D.c.system,
    ),
)
"""As `Draining` has them, in its order."""


@dataclass(frozen=True, slots=True)
class Draining:
    """A system that is being drained."""

    system: str
    by: str
    why: str
    since: datetime
    left: int
    """Messages on their way to it; what waits for a person is among them."""
    stuck: int
    """Of those: held, given up, or behind such a one in its lane. They go when a person has decided."""
    owed: int
    """What has come from it and is still to be acknowledged to it."""

    @property
    def going(self) -> int:
        """What still goes by itself."""
        return self.left - self.stuck + self.owed


class DrainingRows(Queries):
    """The ledger as whoever empties a system uses it."""

    def drain_system(self, system: str, *, by: str, why: str, now: datetime) -> bool:
        """Take in nothing more from a system or for it (rút hết); False when that was so already."""
        with writing(self.database) as tx:
            insert = insert_for(tx, _D).values(system=system, by_whom=by, why=why, since=now)
            new = insert.on_conflict_do_nothing(index_elements=["system"]).returning(_D.c.system)
            return tx.scalar(new) is not None

    def end_draining(self, system: str) -> bool:
        """Take in again; False when it was not being drained."""
        with writing(self.database) as tx:
            return bool(tx.execute(_D.delete().where(_D.c.system == system)).rowcount)

    def drained_systems(self) -> frozenset[str]:
        """The systems from which and for which nothing is taken in."""
        with reading(self.database) as tx:
            return frozenset(tx.scalars(sa.select(_D.c.system)))

    def draining(self) -> list[Draining]:
        """The same with who, why, and how much is left to go out."""
        query = sa.select(_D, *(count.scalar_subquery() for count in _COUNTS)).order_by(_D.c.system)
        with reading(self.database) as tx:
            return [Draining(*row) for row in tx.execute(query)]
