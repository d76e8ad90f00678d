"""Migration 7: tables of incidents and alerts; what failed calls were answered with; whom no gate holds."""

from __future__ import annotations

INCIDENTS = (
    "ALTER TABLE attempt ADD COLUMN http_status INTEGER",
    # Trying again what was given up is no word about its gate, as letting go on what a gate holds is.
    "ALTER TABLE message ADD COLUMN waived INTEGER NOT NULL DEFAULT 0",
    "UPDATE message SET waived = 1 WHERE released > 0 AND in_lane = 1",
    """
    CREATE TABLE incident (
        id {key},
        system TEXT NOT NULL, code TEXT NOT NULL, place TEXT NOT NULL,
        reason_vi TEXT NOT NULL, advice_vi TEXT NOT NULL,
        opened_at {bigint} NOT NULL, last_at {bigint} NOT NULL,
        count {bigint} NOT NULL, returns INTEGER NOT NULL,
        gone_at {bigint}, closed_at {bigint},
        closed_by TEXT NOT NULL, closed_why TEXT NOT NULL, dismissed INTEGER NOT NULL
    )
    """,
    # Whoever comes second finds it open already: the same trouble is opened once, by whichever daemon.
    "CREATE UNIQUE INDEX incident_open ON incident (system, code, place) WHERE closed_at IS NULL",
    "CREATE INDEX incident_dismissed ON incident (dismissed, id)",
    """
    CREATE TABLE alert (
        id {key},
        incident_id {bigint} NOT NULL, what TEXT NOT NULL, nth INTEGER NOT NULL, sink TEXT NOT NULL,
        created_at {bigint} NOT NULL, next_at {bigint}, attempts INTEGER NOT NULL,
        sent_at {bigint}, code TEXT NOT NULL,
        UNIQUE (incident_id, what, nth, sink)
    )
    """,
    "CREATE INDEX alert_waiting ON alert (sink, sent_at, id)",
)
"""Migration 7."""
