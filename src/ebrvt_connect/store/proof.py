"""The evidence log (nhật ký bằng chứng): entries linked into one chain, and each hour's run of them sealed.

Entries are written unlinked by whoever settles messages, so that nobody waits for anybody. One at a time (an
advisory lock on PostgreSQL, the writer's lock on SQLite) links what has been committed, in batches: the chain
is as linear as the numbers in it, whichever daemon links. Numbers order it, never times: a clock that jumps
makes a seal come early or late, and changes nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.codec.proof import (
    BEGINNING,
    Link,
    Place,
    Seal,
    linked,
    path_of,
    read_seal,
    root_of,
    seal_statement,
    sha256_hex,
)
from ebrvt_connect.store import schema
from ebrvt_connect.store.connect import reading, writing
from ebrvt_connect.store.crash_points import crash_point
from ebrvt_connect.store.shards import insert_for

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ebrvt_connect.store.rows import AnyRow

_E, _S, _T = schema.proof_entry, schema.proof_seal, schema.proof_stamp
_LINKING = 0x6562727600000006
"""Among the advisory locks of the database."""
_BATCH = 1000
_MOST_SEALED = 65_536
"""In one seal: more are sealed before the hour is over."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINK = (
    _E.update()
    .where(_E.c.id == sa.bindparam("of_id"), _E.c.nth.is_(None))
    .values(
        nth=sa.bindparam("to_nth"),
        previous=sa.bindparam("to_previous"),
        hash=sa.bindparam("to_hash"),
        linked_at=sa.bindparam("to_linked_at"),
    )
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is kept; without a place while nobody has linked it."""

    message_id: int
    body: str
    link: Link | None


@dataclass(frozen=True, slots=True)
class StampedSeal:
    """A seal's statement and its stamp, None while that is awaited."""

    number: int
    statement: str
    token: bytes | None


@dataclass(frozen=True, slots=True)
class ProofStanding:
    """How far the log has come."""

    entries: int
    unlinked: int
    unsealed: int
    """Linked, but not under a seal yet."""
    seals: int
    unstamped: int
    """Seals whose stamp is awaited."""
    stamped_until: int
    """The number of the last entry that, with all before it, is under a stamped seal."""
    last_stamped_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProofBreak:
    """Where the log does not hold: the number of the entry or the seal, and in what way."""

    number: int
    what: str
    """`missing`, `previous`, `entry`, `seal`, `seal-run`; `message` (see `proof_audit`)."""


class ProofLog:
    """The evidence log in a ledger's database. Methods are short transactions, and raise as `Ledger`'s."""

    def __init__(self, database: sa.Engine) -> None:
        """`database` is that of a ledger (`Ledger.database`)."""
        self._database = database

    def link(self, now: datetime) -> int:
        """Link a batch of what is committed and not linked; 0 where there is none, or another links."""
        with reading(self._database) as tx:
            if not tx.scalar(sa.select(sa.exists().where(_E.c.nth.is_(None)))):
                return 0
        with writing(self._database) as tx:
            if not _alone(tx):
                return 0
            last = tx.execute(
                sa.select(_E.c.nth, _E.c.hash).where(_E.c.nth.is_not(None)).order_by(_E.c.nth.desc()).limit(1)
            ).one_or_none()
            number, previous = (last.nth, last.hash) if last else (0, BEGINNING)
            found = tx.execute(
                sa.select(_E.c.id, _E.c.body).where(_E.c.nth.is_(None)).order_by(_E.c.id).limit(_BATCH)
            ).all()
            values = []
            for row in found:
                link = linked(number + 1, previous, row.body)
                number, previous = link.number, link.hash
                values.append(_link_values(row.id, link, now))
            if values:
                tx.execute(_LINK, values)
            crash_point("in_link_before_commit")
        crash_point("after_link")
        return len(values)

    def seal(self, now: datetime, every: timedelta) -> bool:
        """Seal what was linked in an hour (`every`) that is not `now`'s, or too much for one seal.

        False where nothing is to be sealed, or another daemon does.
        """
        if not self._seal_due(now, every):
            return False
        with writing(self._database) as tx:
            if not _alone(tx):
                return False
            before = tx.execute(sa.select(_S).order_by(_S.c.number.desc()).limit(1)).one_or_none()
            first = before.last + 1 if before else 1
            hashes = list(
                tx.scalars(
                    sa.select(_E.c.hash).where(_E.c.nth >= first).order_by(_E.c.nth).limit(_MOST_SEALED)
                )
            )
            if not hashes:
                return False
            made = Seal(
                number=before.number + 1 if before else 1,
                previous=sha256_hex(before.statement) if before else BEGINNING,
                first=first,
                last=first + len(hashes) - 1,
                head=hashes[-1],
                root=root_of(hashes),
            )
            statement = seal_statement(made, now)
            row = {"number": made.number, "first": made.first, "last": made.last, "statement": statement}
            tx.execute(_S.insert().values(row))
            crash_point("in_seal_before_commit")
        crash_point("after_seal")
        return True

    def _seal_due(self, now: datetime, every: timedelta) -> bool:
        with reading(self._database) as tx:
            sealed = tx.scalar(sa.select(sa.func.max(_S.c.last))) or 0
            oldest = tx.scalar(sa.select(_E.c.linked_at).where(_E.c.nth == sealed + 1))
            if oldest is None:
                return False
            if (oldest - _EPOCH) // every != (now - _EPOCH) // every:
                return True
            newest = tx.scalar(sa.select(sa.func.max(_E.c.nth))) or 0
            return int(newest) - int(sealed) >= _MOST_SEALED

    def unstamped(self, *, limit: int = 100) -> list[StampedSeal]:
        """Seals that wait for their stamps, oldest first."""
        query = (
            sa.select(_S.c.number, _S.c.statement)
            .where(~sa.exists().where(_T.c.seal == _S.c.number))
            .order_by(_S.c.number)
            .limit(limit)
        )
        with reading(self._database) as tx:
            return [StampedSeal(row.number, row.statement, None) for row in tx.execute(query)]

    def stamped(self, seal: int, token: bytes, now: datetime) -> None:
        """Keep the token that came for a seal; where there is one already, that one stands."""
        crash_point("after_stamp_before_kept")
        with writing(self._database) as tx:
            insert = insert_for(tx, _T).values(seal=seal, token=token, stamped_at=now)
            tx.execute(insert.on_conflict_do_nothing(index_elements=["seal"]))
        crash_point("after_stamp_kept")

    def standing(self) -> ProofStanding:
        """How far entries are linked, sealed and stamped."""
        with reading(self._database) as tx:
            entries = tx.scalar(sa.select(sa.func.count()).select_from(_E)) or 0
            unlinked = tx.scalar(sa.select(sa.func.count()).select_from(_E).where(_E.c.nth.is_(None))) or 0
            seals, sealed = tx.execute(
                sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(_S.c.last), 0))
            ).one()
            waiting = sa.select(_S.c.first).where(~sa.exists().where(_T.c.seal == _S.c.number))
            unstamped = tx.scalar(sa.select(sa.func.count()).select_from(waiting.subquery())) or 0
            gap = tx.scalar(sa.select(sa.func.min(waiting.subquery().c.first)))
            last_at = tx.scalar(sa.select(sa.func.max(_T.c.stamped_at)))
        until = sealed if gap is None else gap - 1
        return ProofStanding(
            entries, unlinked, entries - unlinked - sealed, seals, unstamped, int(until), last_at
        )

    def entries_of(self, messages: Collection[int]) -> list[Entry]:
        """The entries of these messages, oldest first."""
        query = sa.select(_E).where(_E.c.message_id.in_(list(messages))).order_by(_E.c.id)
        with reading(self._database) as tx:
            return [Entry(row.message_id, row.body, _link_of(row)) for row in tx.execute(query)]

    def place_of(self, link: Link) -> Place:
        """An entry's place in the chain, with its way to the root of its seal, if it is under one."""
        with reading(self._database) as tx:
            seal = tx.execute(
                sa.select(_S).where(_S.c.first <= link.number, _S.c.last >= link.number)
            ).one_or_none()
            if seal is None:
                return Place(link)
            run = sa.select(_E.c.hash).where(_E.c.nth >= seal.first, _E.c.nth <= seal.last)
            hashes = list(tx.scalars(run.order_by(_E.c.nth)))
        return Place(link, seal.number, path_of(hashes, link.number - seal.first))

    def seals(self, numbers: Collection[int]) -> list[StampedSeal]:
        """These seals with the stamps that have come."""
        query = (
            sa.select(_S.c.number, _S.c.statement, _T.c.token)
            .join_from(_S, _T, _T.c.seal == _S.c.number, isouter=True)
            .where(_S.c.number.in_(list(numbers)))
            .order_by(_S.c.number)
        )
        with reading(self._database) as tx:
            return [
                StampedSeal(row.number, row.statement, None if row.token is None else bytes(row.token))
                for row in tx.execute(query)
            ]

    def breaks(self) -> Iterator[ProofBreak]:
        """Everything in the log that does not hold: entries from the first on, then seals.

        Reads all of it, a page at a time.
        """
        yield from self._broken_links()
        yield from self._broken_seals()

    def _broken_links(self) -> Iterator[ProofBreak]:
        number, previous = 0, BEGINNING
        while page := self._page(number):
            for row in page:
                if row.nth != number + 1:
                    yield ProofBreak(number + 1, "missing")
                elif row.previous != previous:
                    yield ProofBreak(row.nth, "previous")
                if linked(row.nth, row.previous or "", row.body).hash != row.hash:
                    yield ProofBreak(row.nth, "entry")
                number, previous = row.nth, row.hash

    def _page(self, after: int) -> list[AnyRow]:
        query = (
            sa.select(_E.c.nth, _E.c.previous, _E.c.hash, _E.c.body)
            .where(_E.c.nth > after)
            .order_by(_E.c.nth)
            .limit(_BATCH)
        )
        with reading(self._database) as tx:
            return list(tx.execute(query).all())

    def _broken_seals(self) -> Iterator[ProofBreak]:
        with reading(self._database) as tx:
            rows = tx.execute(sa.select(_S).order_by(_S.c.number)).all()
        number, last, previous = 0, 0, BEGINNING
        for row in rows:
            if row.number != number + 1 or row.first != last + 1:
                yield ProofBreak(row.number, "seal-run")
            if not self._holds(row, previous):
                yield ProofBreak(row.number, "seal")
            number, last, previous = row.number, row.last, sha256_hex(row.statement)

    def _holds(self, row: AnyRow, previous: str) -> bool:
        """Whether a seal says what its run of entries is."""
        number, first, last, statement = row.number, row.first, row.last, row.statement
        try:
            said = read_seal(statement)
        except ValueError:
            return False
        with reading(self._database) as tx:
            run = sa.select(_E.c.hash).where(_E.c.nth >= first, _E.c.nth <= last)
            hashes = list(tx.scalars(run.order_by(_E.c.nth)))
        return bool(hashes) and said == Seal(number, previous, first, last, hashes[-1], root_of(hashes))


def _alone(tx: sa.Connection) -> bool:
    """Whether nobody else adds to the chain until this transaction ends; SQLite has one writer anyway."""
    return tx.dialect.name == "sqlite" or bool(
        tx.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_LINKING)))
    )


def _link_values(entry_id: int, link: Link, now: datetime) -> dict[str, object]:
    return {
        "of_id": entry_id,
        "to_nth": link.number,
        "to_previous": link.previous,
        "to_hash": link.hash,
        "to_linked_at": now,
    }


def _link_of(row: AnyRow) -> Link | None:
    return None if row.nth is None else Link(row.nth, row.previous, row.hash)
