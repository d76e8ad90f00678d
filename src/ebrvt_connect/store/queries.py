"""What people ask the ledger: counts, what is held, the story of one message, how the links are doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ebrvt_connect.model.message import Message, State
from ebrvt_connect.model.text import nfc
from ebrvt_connect.store import rows, schema
from ebrvt_connect.store.choice import EVERYTHING, Choice
from ebrvt_connect.store.connect import reading
from ebrvt_connect.store.shards import BY_ITSELF, EARLIER, judgeable, standing_before
from ebrvt_connect.store.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from ebrvt_connect.model.message import Kind
    from ebrvt_connect.ports.ledger import Exchange, Pause

_M = schema.message
_A = schema.attempt
_I = schema.inbox
_OF_LINKS: dict[str, sa.Select[Any]] = {
    "untried": sa.select(_M.c.link, sa.func.count()).where(sa.text("attempts = 0")).group_by(_M.c.link),
    "retries": sa.select(_M.c.link, sa.func.sum(_M.c.attempts - 1))
    .where(sa.text("attempts > 1"))
    .group_by(_M.c.link),
    "oldest": sa.select(_M.c.link, sa.func.min(_M.c.created_at))
    .where(_M.c.state.in_(BY_ITSELF))
    .group_by(_M.c.link),
    "duplicates": sa.select(_I.c.link, sa.func.count()).where(sa.text("duplicate = 1")).group_by(_I.c.link),
}
"""By link. The conditions stand in the statements as in the indexes: with a parameter none would be used."""
_LAST_DONE = sa.select(sa.func.max(_M.c.updated_at)).where(
    _M.c.state == State.DONE.value, _M.c.link == sa.bindparam("of_link")
)
STUCK = sa.exists().where(*standing_before(EARLIER.c.state.in_((State.HELD.value, State.DEAD.value))))
"""The condition on `message`: it waits behind one that waits for a person."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one message (diễn biến): what was tried, and what was told back about it."""

    message: Message
    exchanges: tuple[Exchange, ...]
    related: tuple[Message, ...]
    """Messages that tell about this one (feedback, statuses), in order."""
    duplicates: tuple[str, ...]
    """External ids under which the same thing arrived again."""


@dataclass(frozen=True, slots=True)
class LinkStatistics:
    """How a link is doing (thống kê liên thông), counted from recorded states."""

    link: str
    by_state: dict[str, int]
    duplicates: int
    """Arrivals recognised as known and not delivered again."""
    attempts: int
    """Sends, the first of each message included."""
    retries: int
    oldest_open_at: datetime | None
    last_done_at: datetime | None
    fetched_at: datetime | None
    failing_since: datetime | None
    code: str
    reason_vi: str


@dataclass(frozen=True, slots=True)
class SystemStanding:
    """How a linked system stands: paused or not, and its breaker."""

    system: str
    pause: Pause | None
    breaker: str
    breaker_at: datetime | None


class Queries(Steering):
    """The ledger as reports and the command line read it."""

    def message(self, message_id: int) -> Message | None:
        """One message by its id."""
        with reading(self.database) as tx:
            row = tx.execute(sa.select(_M).where(_M.c.id == message_id)).one_or_none()
        return None if row is None else rows.message_of(row)

    def messages(
        self,
        *,
        states: Collection[State] = (),
        kinds: Collection[Kind] = (),
        link: str | None = None,
        source: str | None = None,
        target: str | None = None,
        lane: str | None = None,
        after_id: int = 0,
        limit: int | None = None,
    ) -> list[Message]:
        """Messages in the order they were stored, narrowed by what is given."""
        query = sa.select(_M).where(_M.c.id > after_id).order_by(_M.c.id)
        if states:
            query = query.where(_M.c.state.in_([state.value for state in states]))
        if kinds:
            query = query.where(_M.c.kind.in_([kind.value for kind in kinds]))
        for column, wanted in (
            (_M.c.link, link),
            (_M.c.source, source),
            (_M.c.target, target),
            (_M.c.lane, lane),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        with reading(self.database) as tx:
            return [rows.message_of(row) for row in tx.execute(query.limit(limit))]

    def held(self, *, limit: int | None = None) -> list[Message]:
        """What waits for a person, oldest first."""
        return self.messages(states=(State.HELD,), limit=limit)

    def dead(self, *, limit: int | None = None) -> list[Message]:
        """What was given up, oldest first."""
        return self.messages(states=(State.DEAD,), limit=limit)

    def chosen(
        self, choice: Choice = EVERYTHING, *, after_id: int = 0, limit: int | None = None
    ) -> list[Message]:
        """The messages that are meant, a page at a time, in the order they were stored."""
        query = sa.select(_M).where(*choice.conditions(), _M.c.id > after_id).order_by(_M.c.id).limit(limit)
        with reading(self.database) as tx:
            return [rows.message_of(row) for row in tx.execute(query)]

    def chosen_ids(self, choice: Choice = EVERYTHING) -> list[int]:
        """The numbers of all that are meant, in the order of their places: whoever was first goes first."""
        query = sa.select(_M.c.id).where(*choice.conditions()).order_by(_M.c.place, _M.c.id)
        with reading(self.database) as tx:
            return list(tx.scalars(query))

    def chosen_count(self, choice: Choice = EVERYTHING) -> int:
        """How many are meant."""
        with reading(self.database) as tx:
            return int(tx.scalar(sa.select(sa.func.count()).select_from(_M).where(*choice.conditions())) or 0)

    def waiting_behind(self, message: Message) -> int:
        """How many later messages of its lane cannot go on before this one has."""
        behind = sa.select(sa.func.count()).select_from(EARLIER.join(_M, sa.and_(*standing_before())))
        with reading(self.database) as tx:
            return int(tx.scalar(behind.where(EARLIER.c.id == message.id, _M.c.in_lane == 1)) or 0)

    def counts(self) -> dict[str, dict[State, int]]:
        """How many messages each link has in each state."""
        with reading(self.database) as tx:
            return _counted(tx)

    def find(self, text: str, *, limit: int = 50) -> list[Message]:
        """Messages by ledger id, document id, number and symbol, external id or idempotency key."""
        wanted = nfc(text).strip()
        names = [
            _M.c.business_key == wanted,
            _M.c.title == wanted,
            _M.c.external_id == wanted,
            _M.c.idem_key == wanted,
        ]
        if wanted.isdecimal() and wanted.isascii() and len(wanted) < 19:  # noqa: PLR2004 - fits a BIGINT
            names.append(_M.c.id == int(wanted))
        with reading(self.database) as tx:
            found = tx.execute(sa.select(_M).where(sa.or_(*names)).order_by(_M.c.id).limit(limit))
            return [rows.message_of(row) for row in found]

    def story(self, message_id: int) -> Story | None:
        """One message with all that was tried and told; None where there is none such."""
        i = schema.inbox
        with reading(self.database) as tx:
            row = tx.execute(sa.select(_M).where(_M.c.id == message_id)).one_or_none()
            if row is None:
                return None
            lines = tx.execute(sa.select(_A).where(_A.c.message_id == message_id).order_by(_A.c.id))
            related = tx.execute(sa.select(_M).where(_M.c.origin_id == message_id).order_by(_M.c.id))
            again = tx.scalars(
                sa.select(i.c.external_id)
                .where(i.c.message_id == message_id, i.c.duplicate == 1)
                .order_by(i.c.id)
            )
            return Story(
                rows.message_of(row),
                tuple(rows.exchange_of(line) for line in lines),
                tuple(rows.message_of(other) for other in related),
                tuple(again),
            )

    def stories(self, text: str, *, limit: int = 50) -> Iterator[Story]:
        """The story of every message `find` finds."""
        for message in self.find(text, limit=limit):
            story = self.story(message.id)
            if story is not None:
                yield story

    def link_statistics(self) -> list[LinkStatistics]:
        """One row a link that has ever stored or fetched anything; from indexes, without reading messages."""
        c = schema.checkpoint
        with reading(self.database) as tx:
            counted = _counted(tx)
            found = {name: _by_link(tx, query) for name, query in _OF_LINKS.items()}
            done = {link: tx.scalar(_LAST_DONE, {"of_link": link}) for link in counted}
            fetches = {row.link: row for row in tx.execute(sa.select(c))}
        return [
            _statistics(
                link,
                counted.get(link, {}),
                {name: values.get(link) for name, values in found.items()} | {"done": done.get(link)},
                fetches.get(link),
            )
            for link in sorted({*counted, *fetches})
        ]

    def systems(self) -> list[SystemStanding]:
        """Every system the ledger has something to say about."""
        s = schema.system
        with reading(self.database) as tx:
            return [
                SystemStanding(
                    row.name, rows.pause_of(row) if row.paused else None, row.breaker, row.breaker_at
                )
                for row in tx.execute(sa.select(s).order_by(s.c.name))
            ]

    def newest_id(self) -> int:
        """The id of the message stored last; 0 in an empty ledger."""
        with reading(self.database) as tx:
            return int(tx.scalar(sa.select(sa.func.max(_M.c.id))) or 0)

    def settled(self) -> bool:
        """Whether nothing more will happen without a person.

        True when every message is done, refused, cancelled, superseded, held or dead, or waits behind a
        held or dead one in its lane, or for a paused system (where what is still to be judged counts as
        open: judging goes on).
        """
        s = schema.system
        paused = sa.select(s.c.name).where(s.c.paused == 1)
        moving = sa.exists().where(
            _M.c.state.in_(BY_ITSELF),
            ~STUCK,
            sa.or_(_M.c.target.not_in(paused), judgeable()),
        )
        # The column, not `*`: an index has it, so the rows need not be read.
        untold = sa.select(_M.c.untold).where(_M.c.untold == 1).exists()
        with reading(self.database) as tx:
            return not tx.scalar(sa.select(sa.or_(moving, untold)))


def _counted(tx: sa.Connection) -> dict[str, dict[State, int]]:
    query = sa.select(_M.c.link, _M.c.state, sa.func.count()).group_by(_M.c.link, _M.c.state)
    counted: dict[str, dict[State, int]] = {}
    for link, state, number in tx.execute(query.order_by(_M.c.link, _M.c.state)):
        counted.setdefault(link, {})[State(state)] = number
    return counted


def _by_link(tx: sa.Connection, query: sa.Select[Any]) -> dict[str, Any]:
    return {row[0]: row[1] for row in tx.execute(query)}


def _statistics(
    link: str, by_state: dict[State, int], found: dict[str, Any], fetch: rows.AnyRow | None
) -> LinkStatistics:
    retries, tried = int(found["retries"] or 0), sum(by_state.values()) - int(found["untried"] or 0)
    return LinkStatistics(
        link=link,
        by_state={state.value: number for state, number in by_state.items()},
        duplicates=int(found["duplicates"] or 0),
        attempts=tried + retries,
        retries=retries,
        oldest_open_at=found["oldest"],
        last_done_at=found["done"],
        fetched_at=fetch.fetched_at if fetch else None,
        failing_since=fetch.failing_since if fetch else None,
        code=fetch.code if fetch else "",
        reason_vi=fetch.reason_vi if fetch else "",
    )
