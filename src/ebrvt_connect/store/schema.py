"""The tables of the ledger, as the code sees them; `migrations` makes them.

Times are whole microseconds since 1970 in UTC: they sort, compare and survive both databases alike.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware time kept as microseconds; refuses a naive one."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Microseconds since the epoch; raises `ValueError` for a time without a zone."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time in the ledger needs a zone, got {value!r}")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """The time in UTC."""
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)


_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData()

message = sa.Table(
    "message",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("idem_key", sa.Text),
    sa.Column("link", sa.Text),
    sa.Column("source", sa.Text),
    sa.Column("target", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("lane", sa.Text),
    sa.Column("shard", sa.Integer),
    sa.Column("priority", sa.Integer),
    sa.Column("state", sa.Text),
    sa.Column("in_lane", sa.Integer),  # 1 while it keeps its place: whoever comes after it waits
    sa.Column("attempts", sa.Integer),
    sa.Column("rung", sa.Integer),
    sa.Column("released", sa.Integer),
    sa.Column("waived", sa.Integer),  # 1 from a person's release: its gate no longer holds it
    sa.Column("untold", sa.Integer),
    sa.Column("created_at", Instant),
    sa.Column("updated_at", Instant),
    sa.Column("next_at", Instant),
    sa.Column("deadline", Instant),
    sa.Column("external_id", sa.Text),
    sa.Column("business_key", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("record", sa.Text),
    sa.Column("original_sha256", sa.Text),
    sa.Column("original_bytes", sa.BigInteger),
    sa.Column("payload_sha256", sa.Text),
    sa.Column("payload_bytes", sa.BigInteger),
    sa.Column("payload_type", sa.Text),
    sa.Column("payload_facts", sa.Text),
    sa.Column("verdict", sa.Text),
    sa.Column("origin_id", sa.BigInteger),
    sa.Column("effect", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("reason_vi", sa.Text),
    sa.Column("advice_vi", sa.Text),
    sa.Column("first_sent_at", Instant),
    sa.Column("doubt_since", Instant),
    sa.Column("receipt_external_id", sa.Text),
    sa.Column("receipt_raw", sa.LargeBinary),
    sa.Column("receipt_note", sa.Text),
    sa.Column("stands_at", sa.BigInteger),  # the place of the held one it has superseded
    sa.Column("place", sa.BigInteger, sa.Computed("coalesce(stands_at, id)")),
)
"""One row a message; `place` (`stands_at`, or else `id`) is the order within a lane."""

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("step", sa.Text),
    sa.Column("attempt", sa.Integer),
    sa.Column("started_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("effect", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Column("external_id", sa.Text),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("http_status", sa.Integer),  # of a failed call that was answered
)
"""What was tried with a message and what was answered."""

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("link", sa.Text),
    sa.Column("system", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("external_id", sa.Text),
    sa.Column("version", sa.Text),
    sa.Column("same_as", sa.Text),  # NULL where none, or where an earlier row already stands for it
    sa.Column("sha256", sa.Text),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("duplicate", sa.Integer),
    sa.Column("stored_at", Instant),
    sa.Column("acknowledged_at", Instant),
)
"""Everything that ever arrived, by which a second arrival is known."""

checkpoint = sa.Table(
    "checkpoint",
    metadata,
    sa.Column("link", sa.Text, primary_key=True),
    sa.Column("value", sa.Text),
    sa.Column("stored_at", Instant),
    sa.Column("fetched_at", Instant),
    sa.Column("failing_since", Instant),
    sa.Column("code", sa.Text),
    sa.Column("reason_vi", sa.Text),
)
"""How far each link has read its source, and how its last fetch went."""

shard = sa.Table(
    "shard",
    metadata,
    sa.Column("system", sa.Text, primary_key=True),
    sa.Column("shard", sa.Integer, primary_key=True),
    sa.Column("pending", sa.Integer),
    sa.Column("seq", sa.BigInteger),
    sa.Column("wake_at", Instant),
    sa.Column("holder", sa.Text),  # the daemon that drains it; NULL while nobody does
)
"""Flags of work: raised by whoever stores a message, cleared by the drain."""

system = sa.Table(
    "system",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("paused", sa.Integer),
    sa.Column("paused_by", sa.Text),
    sa.Column("paused_why", sa.Text),
    sa.Column("paused_code", sa.Text),
    sa.Column("paused_at", Instant),
    sa.Column("breaker", sa.Text),
    sa.Column("breaker_at", Instant),
)
"""The linked systems: which are paused, by whom and why, and how their breakers stand."""

draining = sa.Table(
    "draining",
    metadata,
    sa.Column("system", sa.Text, primary_key=True),
    sa.Column("by_whom", sa.Text),
    sa.Column("why", sa.Text),
    sa.Column("since", Instant),
)
"""Systems from which and for which nothing more is taken in."""

limit_state = sa.Table(
    "limit_state",
    metadata,
    sa.Column("system", sa.Text, primary_key=True),
    sa.Column("state", sa.Text),
)
"""What all daemons share of each system's limits: calls lent out, pace, bytes of the day, breaker."""

executor = sa.Table(
    "executor",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text),
    sa.Column("pid", sa.Integer),
    sa.Column("started_at", Instant),
    sa.Column("beat_at", Instant),
)
"""The daemons at work on this store, by their heartbeat."""

report_snapshot = sa.Table(
    "report_snapshot",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("packet_id", sa.Text),
    sa.Column("regime", sa.Text),
    sa.Column("period", sa.Text),
    sa.Column("organization", sa.Text),
    sa.Column("test", sa.Integer),
    sa.Column("version", sa.Integer),
    sa.Column("replaces", sa.Text),  # NULL for the first; what is replaced once is not replaced again
    sa.Column("record", sa.Text),
    sa.Column("sha256", sa.Text),
    sa.Column("created_at", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("handed_over", sa.BigInteger),  # NULL until the daemon is to send it
    sa.Column("state", sa.Text),
    sa.Column("told_at", Instant),
    sa.Column("code", sa.Text),
    sa.Column("reason_vi", sa.Text),
    sa.Column("receipt_id", sa.Text),
)
"""Frozen reports: all but where they stand is written once."""

proof_entry = sa.Table(
    "proof_entry",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("body", sa.Text),
    sa.Column("nth", sa.BigInteger),  # NULL until it is linked, as are the rest
    sa.Column("previous", sa.Text),
    sa.Column("hash", sa.Text),
    sa.Column("linked_at", Instant),
)
"""The evidence log: what has taken effect, and its place in the chain."""

proof_seal = sa.Table(
    "proof_seal",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("first", sa.BigInteger),
    sa.Column("last", sa.BigInteger),
    sa.Column("statement", sa.Text),
)
"""Statements about runs of entries, to be stamped."""

proof_stamp = sa.Table(
    "proof_stamp",
    metadata,
    sa.Column("seal", sa.BigInteger, primary_key=True),
    sa.Column("token", sa.LargeBinary),
    sa.Column("stamped_at", Instant),
)
"""The timestamp tokens (RFC 3161) that came for seals."""

incident = sa.Table(
    "incident",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("system", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("place", sa.Text),  # the daemon it is about; empty: what all see alike
    sa.Column("reason_vi", sa.Text),
    sa.Column("advice_vi", sa.Text),
    sa.Column("opened_at", Instant),
    sa.Column("last_at", Instant),
    sa.Column("count", sa.BigInteger),
    sa.Column("returns", sa.Integer),
    sa.Column("gone_at", Instant),  # NULL while its cause is there
    sa.Column("closed_at", Instant),
    sa.Column("closed_by", sa.Text),
    sa.Column("closed_why", sa.Text),
    sa.Column("dismissed", sa.Integer),  # 1 from a person's closing until its cause is gone
)
"""Incidents: one row each, however often it happens; one open at a time for a cause."""

alert = sa.Table(
    "alert",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("incident_id", sa.BigInteger),
    sa.Column("what", sa.Text),
    sa.Column("nth", sa.Integer),
    sa.Column("sink", sa.Text),
    sa.Column("created_at", Instant),
    sa.Column("next_at", Instant),
    sa.Column("attempts", sa.Integer),
    sa.Column("sent_at", Instant),
    sa.Column("code", sa.Text),
)
"""What is to be told of incidents, one row a message and sink, until it is told."""

pruned = sa.Table(
    "pruned",
    metadata,
    sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("contents_at", Instant),
    sa.Column("evidence_at", Instant),
)
"""Messages whose retention is over: since when nobody needs their contents, their evidence."""

content = sa.Table(
    "content",
    metadata,
    sa.Column("id", _KEY, primary_key=True),
    sa.Column("sha256", sa.Text),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("bytes", sa.LargeBinary),
    sa.Column("since", Instant),  # when it was last put
    sa.Column("aside", Instant),  # when it was set aside by a collector; NULL while it is not
)
"""Small contents by their digests (`store.blobs_in_ledger`)."""

store_meta = sa.Table(
    "store_meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text),
)
"""Facts about the store itself (number of shards)."""

schema_version = sa.Table(
    "schema_version",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("applied_at", Instant),
)
"""Which migrations have been applied."""
