"""How hard the systems are pressed by all daemons together: one row a system, changed by one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from pydantic import TypeAdapter

from ebrvt_connect.resilience.sharing import Common
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading, writing_soon
from ebrvt_connect.store.shards import Shards, insert_for

_L = schema.limit_state
_COMMON = TypeAdapter(Common)
_T = TypeVar("_T")
_TRIES = 3
"""How often others may be quicker before they are locked out."""
_HERE = _L.c.system == sa.bindparam("of_system")
_STATE = sa.select(_L.c.state).where(_HERE)
_SET = _L.update().where(_HERE).values(state=sa.bindparam("to_state"))
_SWAP = _SET.where(_L.c.state == sa.bindparam("was_state")).returning(
    # As in `writing_soon` the disk is not waited for. What is taken of the limits comes before the mark of
    # what it is taken for: once that is on the disk, so is this.
    sa.func.set_config("synchronous_commit", "off", sa.true())
)


class LimitRows(Shards):
    """The ledger as what daemons share of a system's limits."""

    def limited(self, system: str, decide: Callable[[Common], tuple[Common, _T]]) -> _T:
        """Let `decide` change what all daemons share of a system, and return what it says.

        Nobody else changes it meanwhile; nothing is written where nothing has changed. `decide` may be asked
        again, of what somebody else has made of it, and must not do anything by itself.

        PostgreSQL need not have it on its disk. A crash forgets only what nothing was committed after, so
        never a part that a message was marked for; a probe or a question may be made beside it, once.
        """
        if self.database.dialect.name == "postgresql":
            for _ in range(_TRIES):
                if (said := self._swapped(system, decide)) is not None:
                    return said[0]
        with writing_soon(self.database) as tx:
            before = _locked(tx, system)
            after, answer = decide(before)
            if after != before:
                tx.execute(_SET, {"of_system": system, "to_state": _written(after)})
        return answer

    def _swapped(self, system: str, decide: Callable[[Common], tuple[Common, _T]]) -> tuple[_T] | None:
        """Change the row unless it has become another since it was read: then None, and nothing is changed.

        Nobody waits for anybody: a lock would be held for as long as its daemon waits for the processor.
        """
        with reading(self.database) as tx:
            state = tx.scalar(_STATE, {"of_system": system})
            if state is None:
                return None
            before = _COMMON.validate_json(state)
            after, answer = decide(before)
            asked = {"of_system": system, "was_state": state, "to_state": _written(after)}
            if after == before or tx.execute(_SWAP, asked).one_or_none() is not None:
                return (answer,)
            return None

    def shared_limits(self) -> dict[str, Common]:
        """What daemons share of each system's limits, for people to see."""
        with reading(self.database) as tx:
            return {row.system: common_of(row.state) for row in tx.execute(sa.select(_L))}


def common_of(state: str) -> Common:
    """What a row says."""
    return _COMMON.validate_json(state)


def _locked(tx: sa.Connection, system: str) -> Common:
    """The system's row, made if need be: there must be one to be locked."""
    query, asked = _STATE.with_for_update(), {"of_system": system}
    state = tx.scalar(query, asked)
    if state is None:
        blank = insert_for(tx, _L).values(system=system, state="{}")
        tx.execute(blank.on_conflict_do_nothing(index_elements=["system"]))
        state = tx.scalar(query, asked)
    return _COMMON.validate_json(state or "{}")


def _written(common: Common) -> str:
    return _COMMON.dump_json(common, exclude_defaults=True).decode()
