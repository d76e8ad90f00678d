"""Boundary types of the reporting software's SOAP dialect: its own names, in the order of its WSDL. Pure.

A packet is written here element by element, without a tree in between whose printing could differ from
one day to the next: what is signed is what is sent. Reading is for answers and for the simulator, after
the schema has been asked; unknown fields are kept.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Self, get_args, get_origin

from ebrvt_schemas import open_schema
from lxml import etree
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from ebrvt_connect.codec.soap import name_of
from ebrvt_connect.codec.soap_schema import BodySchema

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

WSDL = "reporting/mic_reporting.wsdl"
"""The contract among the shipped schemas."""
NAMESPACE = "urn:ebrvt:sandbox:reporting:1"
SCHEMA_VERSION = "1.0"
INDICATOR_DATA = "INDICATOR_DATA"
"""The fourth of QCVN 125:2021's kinds of packet: figures of indicators (số liệu báo cáo)."""
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"


class Operation(StrEnum):
    """What the service can be asked."""

    SUBMIT = "SubmitReport"
    STATUS = "GetReportStatus"
    PERIODS = "GetPeriods"
    TEMPLATE = "GetTemplate"


def tag(name: str) -> str:
    """`{namespace}name`."""
    return f"{{{NAMESPACE}}}{name}"


PACKET = tag("ReportPacket")


@cache
def body_schema() -> BodySchema:
    """The schema inside the WSDL, compiled at first use; may be shared by threads."""
    return BodySchema(open_schema(WSDL))


# --- values -----------------------------------------------------------------------------------------------


def _bare(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _empty_list(value: object) -> object:
    return () if value is None else value


Word = Annotated[str, BeforeValidator(_bare)]


class WireValue(BaseModel):
    """A value under the service's own camelCase names."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def read(cls, element: Element) -> Self:
        """From an element the schema has found valid; raises pydantic's `ValidationError` otherwise."""
        return cls.model_validate(_values(element, cls))


class Issue(WireValue):
    """One thing the service found wrong (lỗi cụ thể)."""

    code: Word
    path: Word | None = None
    message: str


class Accepted(WireValue):
    """The answer to SubmitReport: it is there, and this is how it is known."""

    receipt_id: Word
    packet_id: Word
    received_at: AwareDatetime
    status: Word
    duplicate: bool


class StatusTold(WireValue):
    """The answer to GetReportStatus: where a packet stands."""

    packet_id: Word
    status: Word
    changed_at: AwareDatetime
    reason: str | None = None
    issue: Annotated[tuple[Issue, ...], BeforeValidator(_empty_list)] = ()


class PeriodRow(WireValue):
    """One period of a regime (kỳ báo cáo)."""

    period_code: Word
    frequency: Word
    data_from: date
    data_to: date
    due_at: AwareDatetime
    open: bool
    """Its figures are not closed yet: only trials are taken."""


class PeriodsTold(WireValue):
    """The answer to GetPeriods."""

    period: Annotated[tuple[PeriodRow, ...], BeforeValidator(_empty_list)] = ()


class IndicatorRow(WireValue):
    """One indicator of a template (chỉ tiêu)."""

    indicator_code: Word
    name: str
    unit: Word
    data_type: Word
    required: bool
    dimension: Annotated[tuple[Word, ...], BeforeValidator(_empty_list)] = ()


class TemplateTold(WireValue):
    """The answer to GetTemplate: a template (biểu mẫu) and its indicators."""

    template_code: Word
    version: Word
    name: str
    indicator: Annotated[tuple[IndicatorRow, ...], BeforeValidator(_empty_list)] = ()


class ServiceFault(WireValue):
    """The detail of a SOAP fault in the service's own words."""

    code: Word
    message: str
    retryable: bool
    trace_id: Word
    issue: Annotated[tuple[Issue, ...], BeforeValidator(_empty_list)] = ()


# --- the packet -------------------------------------------------------------------------------------------


class Header(WireValue):
    """Who sends what to whom."""

    packet_id: Word
    packet_type: Word
    schema_version: Word
    sender_code: Word
    sender_name: str | None = None
    receiver_code: Word
    created_at: AwareDatetime
    replaces_packet_id: Word | None = None
    test: bool | None = None


class Breakdown(WireValue):
    """A dimension and the code an observation stands under."""

    dimension: str
    code: str


class Observation(WireValue):
    """One figure: a value, a text, or why it is missing."""

    indicator_code: Word
    breakdown: tuple[Breakdown, ...] = ()
    value: Decimal | None = None
    text: str | None = None
    missing: Word | None = None
    unit: Word | None = None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    note: str | None = None


class Body(WireValue):
    """Which report it is, and its figures."""

    regime_code: Word
    template_code: Word
    template_version: Word
    period_code: Word
    data_from: date
    data_to: date
    organization_code: Word
    document_code: str | None = None
    document_date: date | None = None
    signer_name: str | None = None
    observation: tuple[Observation, ...] = ()


class Packet(WireValue):
    """A report packet (gói tin báo cáo)."""

    header: Header
    body: Body


def packet_reference(packet_id: str) -> str:
    """The packet's `Id`, which its signature refers to: an XML name may not begin with a digit."""
    return f"pkt-{packet_id}"


def element_of(name: str, value: WireValue) -> Element:
    """A value as the element of that name, its fields in the order of the WSDL.

    Raises `ValueError` for a text with a character XML has no place for.
    """
    namespaces: dict[str | None, str] = {None: NAMESPACE}
    root = etree.Element(tag(name), nsmap=namespaces)
    _fill(root, value)
    return root


def packet_element(packet: Packet) -> Element:
    """The packet, unsigned, under a namespace declared by itself; raises as `element_of`."""
    root = element_of("ReportPacket", packet)
    root.set("Id", packet_reference(packet.header.packet_id))
    return root


def bytes_of(element: Element) -> bytes:
    """An element as UTF-8 without a declaration, not a blank added."""
    return etree.tostring(element, encoding="utf-8", xml_declaration=False)


def _write(parent: Element, name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, tuple):
        for one in value:
            _write(parent, name, one)
        return
    child = etree.SubElement(parent, tag(name))
    if isinstance(value, Breakdown):
        child.set("dimension", value.dimension)
        child.text = value.code
    elif isinstance(value, WireValue):
        _fill(child, value)
    else:
        child.text = _text(value)


def _fill(element: Element, value: WireValue) -> None:
    for field, info in type(value).model_fields.items():
        _write(element, info.alias or field, getattr(value, field))


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case date():  # datetimes, too: both are ISO 8601, a time with its offset
            return value.isoformat()
        case _:
            return str(value)


def _values(element: Element, kind: type[WireValue]) -> dict[str, Any]:
    """The children by name, gathered in lists where the type says so; a signature is nobody's field."""
    if kind is Breakdown:
        return {"dimension": element.get("dimension"), "code": element.text or ""}
    found: dict[str, Any] = {}
    shapes = _shapes(kind)
    for child in element.iterchildren(tag="{*}*"):
        name = name_of(child)
        many, inner = shapes.get(name, (False, None))
        made = _values(child, inner) if inner is not None else "".join(child.itertext())
        if many:
            found.setdefault(name, []).append(made)
        elif child.tag != SIGNATURE:
            found[name] = made
    return found


@cache
def _shapes(kind: type[WireValue]) -> dict[str, tuple[bool, type[WireValue] | None]]:
    """For each field by its wire name: whether it repeats, and the type of value it holds, if one of ours."""
    shapes: dict[str, tuple[bool, type[WireValue] | None]] = {}
    for name, info in kind.model_fields.items():
        many = get_origin(info.annotation) is tuple
        inner = get_args(info.annotation)[0] if many else info.annotation
        ours = inner if isinstance(inner, type) and issubclass(inner, WireValue) else None
        shapes[info.alias or name] = (many, ours)
    return shapes
