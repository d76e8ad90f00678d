"""Boundary types: the remote's own names, unknown fields kept. Pure.

A real system's misspelt names become aliases here: `Field(alias="docmentId")`.
"""

from __future__ import annotations

from ebrvt_connect.codec.jsonfields import (
    Count,
    Identity,
    MaybeMoment,
    MaybeWords,
    Moment,
    WireValue,
    Words,
)
from ebrvt_connect.model.ids import AgencyCode


class Party(WireValue):
    """An agency."""

    code: AgencyCode
    name: MaybeWords = ""


class Status(WireValue):
    """What became of a document at an agency."""

    status: Words
    document_id: Words
    number: MaybeWords = ""
    issuer: AgencyCode
    agency: Party
    note: MaybeWords = ""


class StatusTold(Status):
    """A status as they take it: its time must be there."""

    at: Moment


class StatusRow(Status):
    """A status as a row of the feed; its number grows with each row."""

    seq: Count
    id: Identity
    at: MaybeMoment = None


class Stored(WireValue):
    """The answer to a status that was taken."""

    id: Identity
