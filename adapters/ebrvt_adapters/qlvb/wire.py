"""Boundary types of the document system's REST dialect: its own names, camelCase, unknown fields kept. Pure.

Reading is strict where guessing would change meaning and lenient where it would not (`codec.jsonfields`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict

from ebrvt_connect.codec.jsonfields import (
    LONGEST_ID,
    Count,
    Day,
    Identity,
    MaybeDay,
    MaybeWords,
    Moment,
    Sha256,
    WireValue,
    Words,
    bare,
    list_or_empty,
    number_text,
)
from ebrvt_connect.model.ids import AgencyCode


def _person(value: object) -> object:
    """Whoever acted may be given by name only."""
    return {"name": value} if isinstance(value, str) else value


# --- documents --------------------------------------------------------------------------------------------


class DocumentType(WireValue):
    """The kind of document: its name, and the system's own code for it."""

    code: MaybeWords = ""
    name: Words


class Promulgation(WireValue):
    """Where and when it was promulgated."""

    place: MaybeWords = ""
    date: Day


class Party(WireValue):
    """An agency as this system names it."""

    code: AgencyCode
    name: MaybeWords = ""
    in_charge: MaybeWords = ""
    address: MaybeWords = ""
    email: MaybeWords = ""
    phone: MaybeWords = ""


class Signatory(WireValue):
    """Who signed."""

    competence: MaybeWords = ""
    position: MaybeWords = ""
    full_name: Words


class Answered(WireValue):
    """A document this one answers."""

    agency_code: AgencyCode
    code: Words
    date: MaybeDay = None
    document_id: MaybeWords = ""


class Actor(WireValue):
    """The official who acted."""

    name: MaybeWords = ""
    unit: MaybeWords = ""
    position: MaybeWords = ""
    email: MaybeWords = ""
    phone: MaybeWords = ""


class Receiver(WireValue):
    """A recipient added or dropped by an update."""

    code: AgencyCode
    added: Annotated[bool, Strict()]


class Replaced(WireValue):
    """A document replaced, and for whom."""

    document_id: Words
    agency_codes: Annotated[tuple[AgencyCode, ...], BeforeValidator(list_or_empty)] = ()


class Business(WireValue):
    """What the document asks for."""

    kind: Literal["NEW", "REVOKE", "UPDATE", "REPLACE"]
    reason: MaybeWords = ""
    document_id: MaybeWords = ""
    paper_follows: Annotated[bool, Strict()] | None = None
    content_changed: Annotated[bool, Strict()] | None = None
    receivers_changed: Annotated[bool, Strict()] | None = None
    receivers: Annotated[tuple[Receiver, ...], BeforeValidator(list_or_empty)] = ()
    staff: Annotated[tuple[Actor, ...], BeforeValidator(list_or_empty)] = ()
    replaces: Annotated[tuple[Replaced, ...], BeforeValidator(list_or_empty)] = ()


class Attachment(WireValue):
    """A file as the list announces it."""

    seq: Annotated[int, Strict(), Field(ge=1, lt=2**31)]
    name: Words
    media_type: Annotated[str, Strict(), BeforeValidator(bare), Field(pattern=r"^[!-~]+(; ?[!-~]+)*$")]
    size: Count
    sha256: Sha256
    role: Literal["MAIN", "APPENDIX"]


class OutgoingDocument(WireValue):
    """An issued document of the province, as `GET /api/outgoing` gives it."""

    id: Identity
    revision: Annotated[
        str, Strict(), BeforeValidator(number_text), Field(min_length=1, max_length=LONGEST_ID)
    ]
    document_id: MaybeWords = ""
    code_number: Annotated[str, Strict(), BeforeValidator(number_text), Field(min_length=1)]
    code_notation: Words
    type: DocumentType
    abstract: Words
    content: MaybeWords = ""
    promulgation: Promulgation
    issuer: Party
    signatory: Signatory
    urgency: Annotated[int, Strict(), Field(ge=0, le=4)]
    confidentiality: Any = None
    """Anything but a known word is an unknown degree of secrecy, which holds the document."""
    steering: Annotated[int, Strict(), Field(gt=-(2**31), lt=2**31)] | None = None
    due_date: MaybeDay = None
    recipients: Annotated[tuple[Party, ...], Field(min_length=1)]
    places: Annotated[tuple[Words, ...], BeforeValidator(list_or_empty)] = ()
    response_for: Annotated[tuple[Answered, ...], BeforeValidator(list_or_empty)] = ()
    task_codes: Annotated[tuple[Words, ...], BeforeValidator(list_or_empty)] = ()
    pages: Count | None = None
    copies: Count | None = None
    appendixes: Annotated[tuple[Words, ...], BeforeValidator(list_or_empty)] = ()
    business: Business | None = None
    attachments: tuple[Attachment, ...]
    issued_at: Moment
    updated_at: Moment


# --- events -----------------------------------------------------------------------------------------------


class IncomingEvent(WireValue):
    """What a clerk did with a document that had come in."""

    seq: Count
    incoming_id: MaybeWords = ""
    axis_doc_id: Words
    code: Words
    at: Moment
    by: Annotated[Actor | None, BeforeValidator(_person)] = None
    note: MaybeWords = ""
    agency_code: AgencyCode | None = None
    """Which agency acted, where one system serves several; our addition to the contract, never required."""


class OutgoingEvent(WireValue):
    """What the issuer asks to be done about a document that has gone out."""

    seq: Count
    id: Identity
    kind: Words
    reason: MaybeWords = ""
    replaces_document_id: MaybeWords = ""
    at: Moment
    by: Annotated[Actor | None, BeforeValidator(_person)] = None


# --- answers ----------------------------------------------------------------------------------------------


class Stored(WireValue):
    """The answer to an incoming document."""

    id: Words


class AgencyRow(WireValue):
    """A row of the local address book."""

    code: Words
    old_code: MaybeWords = ""
    name: MaybeWords = ""
    parent_code: MaybeWords = ""
