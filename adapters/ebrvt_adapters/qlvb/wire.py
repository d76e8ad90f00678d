"""Boundary types of the document system's REST dialect: its own names, camelCase, unknown fields kept. Pure.

Reading is strict where guessing would change meaning (a number is a number, a day is `YYYY-MM-DD`, a time
has its offset) and lenient where it would not (`null` is absent, outer spaces go, text becomes NFC).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic.alias_generators import to_camel

from ebrvt_connect.codec.jsonwire import JsonLimits, json_value
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.text import nfc

LOCAL = timezone(timedelta(hours=7))
"""Times are written with Vietnam's offset, +07:00 without a break since 1975."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_LONGEST_ID = 200


# --- small values -----------------------------------------------------------------------------------------


def parse_day(value: object) -> object:
    """A day as `YYYY-MM-DD`; raises `ValueError` for any other text, impossible days included."""
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        return date.fromisoformat(value.strip())
    raise ValueError("expected a day as YYYY-MM-DD")


def _maybe_day(value: object) -> object:
    return None if value is None or value == "" else parse_day(value)


def parse_moment(value: object) -> object:
    """A time in ISO 8601 with its offset, as UTC; raises `ValueError` for a text without one."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value.strip()):
        raise ValueError("expected a time as YYYY-MM-DDThh:mm:ss+07:00")
    # Python reads six decimals of a second; finer ones are cut, never rounded into another second.
    text = re.sub(r"(\.\d{6})\d+", r"\1", value.strip())
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as failure:
        raise ValueError("a time outside of the calendar") from failure


def written_moment(moment: datetime) -> str:
    """A time as this dialect writes it: local, to the microsecond if it has any."""
    return moment.astimezone(LOCAL).isoformat()


def _bare(value: object) -> object:
    return nfc(value).strip() if isinstance(value, str) else value


def _bare_or_empty(value: object) -> object:
    return "" if value is None else _bare(value)


def _number_text(value: object) -> object:
    """Some systems write a document's number as a JSON number: the same digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _bare(value)


def _list_or_empty(value: object) -> object:
    return () if value is None else value


def _person(value: object) -> object:
    """Whoever acted may be given by name only."""
    return {"name": value} if isinstance(value, str) else value


def _segment(value: str) -> str:
    if value in {".", ".."} or not value.isprintable():
        raise ValueError("an id that cannot stand in a path")
    return value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Words = Annotated[str, Strict(), BeforeValidator(_bare), Field(min_length=1)]
"""A text that must be there."""
MaybeWords = Annotated[str, Strict(), BeforeValidator(_bare_or_empty)]
"""A text that may be absent, null or empty."""
Identity = Annotated[
    str,
    Strict(),
    BeforeValidator(_number_text),
    Field(min_length=1, max_length=_LONGEST_ID),
    AfterValidator(_segment),
]
"""An id that can stand in a path."""
Count = Annotated[int, Strict(), Field(ge=0, lt=2**53)]
"""A whole number JSON readers agree on."""
Day = Annotated[date, BeforeValidator(parse_day)]
MaybeDay = Annotated[date | None, BeforeValidator(_maybe_day)]
Moment = Annotated[datetime, BeforeValidator(parse_moment)]


class WireValue(BaseModel):
    """A frozen JSON object with camelCase names; what we do not know is kept."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


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
    agency_codes: Annotated[tuple[AgencyCode, ...], BeforeValidator(_list_or_empty)] = ()


class Business(WireValue):
    """What the document asks for."""

    kind: Literal["NEW", "REVOKE", "UPDATE", "REPLACE"]
    reason: MaybeWords = ""
    document_id: MaybeWords = ""
    paper_follows: Annotated[bool, Strict()] | None = None
    content_changed: Annotated[bool, Strict()] | None = None
    receivers_changed: Annotated[bool, Strict()] | None = None
    receivers: Annotated[tuple[Receiver, ...], BeforeValidator(_list_or_empty)] = ()
    staff: Annotated[tuple[Actor, ...], BeforeValidator(_list_or_empty)] = ()
    replaces: Annotated[tuple[Replaced, ...], BeforeValidator(_list_or_empty)] = ()


class Attachment(WireValue):
    """A file as the list announces it."""

    seq: Annotated[int, Strict(), Field(ge=1, lt=2**31)]
    name: Words
    media_type: Annotated[str, Strict(), BeforeValidator(_bare), Field(pattern=r"^[!-~]+(; ?[!-~]+)*$")]
    size: Count
    sha256: Annotated[str, Strict(), BeforeValidator(_lower), Field(pattern=r"^[0-9a-f]{64}$")]
    role: Literal["MAIN", "APPENDIX"]


class OutgoingDocument(WireValue):
    """An issued document of the province, as `GET /api/outgoing` gives it."""

    id: Identity
    revision: Annotated[
        str, Strict(), BeforeValidator(_number_text), Field(min_length=1, max_length=_LONGEST_ID)
    ]
    document_id: MaybeWords = ""
    code_number: Annotated[str, Strict(), BeforeValidator(_number_text), Field(min_length=1)]
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
    places: Annotated[tuple[Words, ...], BeforeValidator(_list_or_empty)] = ()
    response_for: Annotated[tuple[Answered, ...], BeforeValidator(_list_or_empty)] = ()
    task_codes: Annotated[tuple[Words, ...], BeforeValidator(_list_or_empty)] = ()
    pages: Count | None = None
    copies: Count | None = None
    appendixes: Annotated[tuple[Words, ...], BeforeValidator(_list_or_empty)] = ()
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


class Cursor(WireValue):
    """Where reading the outgoing feed goes on; the time is echoed as it was written."""

    updated_after: Annotated[str, Strict(), Field(min_length=1, max_length=100)]
    after_id: Annotated[str, Strict(), BeforeValidator(_bare_or_empty), Field(max_length=_LONGEST_ID)] = ""

    def moment(self) -> datetime:
        """The time as a time; raises `ValueError` when it is none."""
        parsed = parse_moment(self.updated_after)
        if not isinstance(parsed, datetime):  # pragma: no cover - parse_moment returns or raises
            raise TypeError
        return parsed


class Stored(WireValue):
    """The answer to an incoming document."""

    id: Words


class AgencyRow(WireValue):
    """A row of the local address book."""

    code: Words
    old_code: MaybeWords = ""
    name: MaybeWords = ""
    parent_code: MaybeWords = ""


class Issue(WireValue):
    """One thing wrong with what we sent."""

    field: MaybeWords = ""
    code: MaybeWords = ""
    message: MaybeWords = ""


class Problem(WireValue):
    """An answer that is an error in the system's own words."""

    error_code: Annotated[str, Strict(), Field(min_length=1, alias="error_code")]
    message: MaybeWords = ""
    trace_id: MaybeWords = ""
    issues: Annotated[tuple[Issue, ...], BeforeValidator(_list_or_empty)] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed: each row in its own untouched bytes, and what was said of the next page."""

    rows: tuple[bytes, ...]
    next: Any = None


_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},:]', re.DOTALL)


def page_of(body: bytes, limit_bytes: int) -> Page:
    """A page of a feed; raises `InvalidValue` or `ValueError` when it cannot be read as one.

    The rows are cut out by counting brackets, not by parsing: one row that is no valid JSON of its own
    (a number that is none, a key given twice, a thousand levels) must not take the whole page with it.
    """
    start = _items_start(body)
    rows, end = _rows(body, start)
    rest = json_value(body[:start] + body[end:], JsonLimits(body_bytes=limit_bytes))
    return Page(rows, rest.get("next") if isinstance(rest, dict) else None)


def _items_start(body: bytes) -> int:
    """Where the list of the outermost `items` begins, behind its bracket."""
    depth, before, name = 0, b"", b""
    for token in _TOKENS.finditer(body):
        mark = token[0]
        if depth == 1 and mark == b":":
            name = before
        if depth == 1 and mark == b"[" and before == b":" and name == b'"items"':
            return token.end()
        depth += (mark in {b"[", b"{"}) - (mark in {b"]", b"}"})
        before = mark
    raise ValueError("no list named items")


def _rows(body: bytes, start: int) -> tuple[tuple[bytes, ...], int]:
    """The elements of the list that begins at `start`, and where its closing bracket stands."""
    depth = 0
    rows: list[bytes] = []
    for token in _TOKENS.finditer(body, start):
        mark = token[0]
        if depth == 0 and mark in {b",", b"]"}:
            row = body[start : token.start()].strip()
            if row:
                rows.append(row)
            elif mark == b"," or rows:
                raise ValueError("an element is missing in items")
            if mark == b"]":
                return tuple(rows), token.start()
            start = token.end()
        depth += (mark in {b"[", b"{"}) - (mark in {b"]", b"}"})
    raise ValueError("items does not end")
