"""The ledger (sổ cái): one SQL database that holds the business truth; SQLite by default, PostgreSQL by URL.

Four faces, a file each: `delivery` for drains, `intake_rows` for fetching, `steering` for people,
`queries` for reports; `shards` below them says where work is. Here they are put together, opened, and
told which daemons live.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from ebrvt_connect.store import schema
from ebrvt_connect.store.alone import alone_with
from ebrvt_connect.store.connect import open_database, reading, writing
from ebrvt_connect.store.draining import DrainingRows
from ebrvt_connect.store.migrations import migrate, refuse_newer
from ebrvt_connect.store.moved import refuse_moved
from ebrvt_connect.store.shards import insert_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_HOUSEKEEPING = 0x6562727600000001
"""Among the advisory locks of the database."""


@dataclass(frozen=True, slots=True)
class Executor:
    """A daemon (dịch vụ) by its last heartbeat."""

    name: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime


class Ledger(DrainingRows):
    """The ledger. Methods are short transactions and may be called from any thread.

    All of them may raise `HeldForPerson` `STORE_FULL`/`STORE_DAMAGED` (scope store) and `RetryLater`
    `STORE_BUSY`.
    """

    @classmethod
    def open(cls, url: str, now: datetime) -> Self:
        """Open (and make, and migrate) the ledger at a SQLAlchemy URL.

        Raises `HeldForPerson` `STORE_TOO_NEW` for a store made by a newer program, and as `refuse_moved`
        for one that was moved elsewhere.
        """
        engine = open_database(url)
        try:
            migrate(engine, now)
            refuse_moved(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def url(self) -> str:
        """Where it lies, password included: not for logs."""
        return self.database.url.render_as_string(hide_password=False)

    def close(self) -> None:
        """Give back all connections."""
        self.database.dispose()

    def beat(self, executor: str, host: str, pid: int, now: datetime) -> None:
        """Note that a daemon lives (nhịp sống), and make sure that it may still work on this store.

        Raises `HeldForPerson` `STORE_TOO_NEW` where a newer program has changed the tables meanwhile, and as
        `refuse_moved`. Looked at once the beat is committed: whoever moves a store marks it first and looks
        for beats then, so that one of the two sees the other.
        """
        x = schema.executor
        with writing(self.database) as tx:
            insert = insert_for(tx, x).values(id=executor, host=host, pid=pid, started_at=now, beat_at=now)
            tx.execute(
                insert.on_conflict_do_update(
                    index_elements=["id"],
                    set_={
                        "host": host,
                        "pid": pid,
                        "beat_at": now,
                        "started_at": sa.case(
                            (x.c.pid == pid, x.c.started_at), else_=sa.literal(now, schema.Instant)
                        ),
                    },
                )
            )
        refuse_newer(self.database)
        refuse_moved(self.database)

    def executors(self) -> list[Executor]:
        """Every daemon that was at work on this store and did not say that it ended, by name."""
        x = schema.executor
        with reading(self.database) as tx:
            rows = tx.execute(sa.select(x).where(x.c.beat_at > _LONG_AGO).order_by(x.c.id))
            return [Executor(row.id, row.host, row.pid, row.started_at, row.beat_at) for row in rows]

    def living_executors(self, now: datetime, dead_after: timedelta) -> set[str]:
        """Daemons whose last beat is not too long ago."""
        x = schema.executor
        with reading(self.database) as tx:
            return set(tx.scalars(sa.select(x.c.id).where(x.c.beat_at >= now - dead_after)))

    def silent_executors(self, now: datetime, dead_after: timedelta) -> list[str]:
        """Daemons whose last beat is too long ago."""
        x = schema.executor
        with reading(self.database) as tx:
            return list(tx.scalars(sa.select(x.c.id).where(x.c.beat_at < now - dead_after).order_by(x.c.id)))

    def gone(self, executor: str) -> None:
        """A daemon that has ended: what it may have left behind is anybody's at once.

        It knocks: a drain that it was told to begin, and did not, is nobody's until somebody looks.
        """
        x = schema.executor
        with writing(self.database) as tx:
            tx.execute(x.update().where(x.c.id == executor).values(beat_at=_LONG_AGO))
            self._knock(tx)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this daemon does the housekeeping just now; while inside, no other one does.

        Who gives back a dead machine's work twice would have it done by two at once.
        """
        with alone_with(self.database, _HOUSEKEEPING) as alone:
            yield alone

    def forget_executor(self, executor: str) -> None:
        """A daemon that is gone for good and whose work has been taken over."""
        with writing(self.database) as tx:
            tx.execute(schema.executor.delete().where(schema.executor.c.id == executor))
