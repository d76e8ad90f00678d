"""How hard the systems are pressed by all daemons together: one row a system, changed by one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from pydantic import TypeAdapter

from ebrvt_connect.resilience.sharing import Common
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.shards import Shards, insert_for

_L = schema.limit_state
_COMMON = TypeAdapter(Common)
_T = TypeVar("_T")


class LimitRows(Shards):
    """The ledger as what daemons share of a system's limits."""

    def limited(self, system: str, decide: Callable[[Common], tuple[Common, _T]]) -> _T:
        """Let `decide` change what all daemons share of a system, and return what it says.

        Nobody else changes it meanwhile; nothing is written where nothing has changed.
        """
        with writing(self.database) as tx:
            before = _locked(tx, system)
            after, answer = decide(before)
            if after != before:
                state = _COMMON.dump_json(after, exclude_defaults=True).decode()
                tx.execute(_L.update().where(_L.c.system == system).values(state=state))
        return answer

    def shared_limits(self) -> dict[str, Common]:
        """What daemons share of each system's limits, for people to see."""
        with reading(self.database) as tx:
            return {row.system: _COMMON.validate_json(row.state) for row in tx.execute(sa.select(_L))}


def _locked(tx: sa.Connection, system: str) -> Common:
    """The system's row, made if need be: there must be one to be locked."""
    query = sa.select(_L.c.state).where(_L.c.system == system).with_for_update()
    state = tx.scalar(query)
    if state is None:
        blank = insert_for(tx, _L).values(system=system, state="{}")
        tx.execute(blank.on_conflict_do_nothing(index_elements=["system"]))
        state = tx.scalar(query)
    return _COMMON.validate_json(state or "{}")
