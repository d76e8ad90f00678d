"""The schemas inside a WSDL, and what is wrong with a SOAP body by them.

A WSDL reader that turns XML into values is no validator: zeep takes an `abc` for a number as "nothing
there" and sends a 99-character text where 50 are allowed. So the element in the body is held to the
published schema in both directions, before anything is made of it and before anything leaves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from lxml import etree

from ebrvt_connect.codec.soap import name_of
from ebrvt_connect.codec.xml import VALIDATING, parse_tree
from ebrvt_connect.errors import InvalidValue, explain

if TYPE_CHECKING:
    from lxml.etree import _Element as Element
    from lxml.etree import _LogEntry as LogEntry
    from lxml.etree._docloader import _InputDocument

WSDL_WITHOUT_SCHEMA = explain(
    "WSDL_WITHOUT_SCHEMA",
    "Tệp mô tả dịch vụ (WSDL) không chứa đủ lược đồ dữ liệu để kiểm tra thông điệp.",
    "Dùng tệp WSDL một tệp, có sẵn lược đồ (XSD) bên trong; chương trình không tải lược đồ qua mạng.",
)

_XS = "{http://www.w3.org/2001/XMLSchema}"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_STEP = re.compile(r"(?:([^:\[/]*):)?([^:\[/]+)(?:\[(\d+)\])?")
_NAMESPACE = re.compile(r"\{[^{}]*\}(?=[A-Za-z_*])")
_SHOWN_CHARS = 200
_SHOWN_PROBLEMS = 5
_MOST_PROBLEMS = 50
"""A body that is wrong in ten thousand places is told by the first: finding a place takes its time."""

_NOT_EXPECTED = "không được phép có ở vị trí này (thừa, sai thứ tự, hoặc thiếu mục đứng trước)"
_MEANINGS_VI = {
    "SCHEMAV_CVC_ENUMERATION_VALID": "giá trị không thuộc danh mục cho phép",
    "SCHEMAV_CVC_PATTERN_VALID": "giá trị không đúng mẫu quy định",
    "SCHEMAV_CVC_MAXLENGTH_VALID": "giá trị dài quá mức cho phép",
    "SCHEMAV_CVC_MINLENGTH_VALID": "giá trị ngắn hơn mức tối thiểu",
    "SCHEMAV_CVC_LENGTH_VALID": "giá trị không đúng độ dài quy định",
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": "số lớn hơn mức cho phép",
    "SCHEMAV_CVC_MAXEXCLUSIVE_VALID": "số lớn hơn mức cho phép",
    "SCHEMAV_CVC_MININCLUSIVE_VALID": "số nhỏ hơn mức cho phép",
    "SCHEMAV_CVC_MINEXCLUSIVE_VALID": "số nhỏ hơn mức cho phép",
    "SCHEMAV_CVC_TOTALDIGITS_VALID": "số có quá nhiều chữ số",
    "SCHEMAV_CVC_FRACTIONDIGITS_VALID": "số có quá nhiều chữ số thập phân",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "giá trị sai kiểu dữ liệu (số, ngày hoặc đúng/sai)",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_2": "giá trị sai kiểu dữ liệu (số, ngày hoặc đúng/sai)",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_3": "giá trị sai kiểu dữ liệu (số, ngày hoặc đúng/sai)",
    "SCHEMAV_CVC_ELT_3_1": "không được để trống theo kiểu “nil”",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": "phải để trống",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_2": "chỉ được chứa giá trị, không chứa mục con",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "chỉ được chứa mục con, không chứa chữ",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "có thuộc tính không được phép",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "thiếu thuộc tính bắt buộc",
    "SCHEMAV_CVC_TYPE_3_1_1": "có thuộc tính không được phép",
    "SCHEMAV_CVC_TYPE_3_1_2": "chỉ được chứa giá trị, không chứa mục con",
    "SCHEMAV_CVC_ELT_1": "không có trong lược đồ",
    "SCHEMAV_CVC_ELT_4_2": "khai báo một kiểu không có trong lược đồ (xsi:type)",
}
_STRUCTURAL = {
    "SCHEMAV_ELEMENT_CONTENT",
    "SCHEMAV_CVC_ELT_1",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1",
    "SCHEMAV_CVC_COMPLEX_TYPE_4",
    "SCHEMAV_CVC_TYPE_3_1_1",
}
"""Kinds whose message names elements and attributes only; the others quote the value."""


@dataclass(frozen=True, slots=True)
class BodyProblem:
    """One place where a body departs from the schema; never quotes a value."""

    path: str
    """From below the body's element: `ReportPacket/body/observation[2]/value`."""
    meaning_vi: str
    """What is wrong, for the operator."""
    message: str
    """The same in developer English."""

    @property
    def element(self) -> str:
        """Name of the element at fault."""
        return self.path.rpartition("/")[2].partition("[")[0]


def told_vi(problems: tuple[BodyProblem, ...]) -> str:
    """The first problems in one Vietnamese phrase, each with the place it is about."""
    told = "; ".join(f"mục “{problem.path}” {problem.meaning_vi}" for problem in problems[:_SHOWN_PROBLEMS])
    return f"{told}; …" if len(problems) > _SHOWN_PROBLEMS else told


def told(problems: tuple[BodyProblem, ...]) -> str:
    """The first problems in one English phrase."""
    shown = "; ".join(f"{problem.path}: {problem.message}" for problem in problems[:_SHOWN_PROBLEMS])
    return f"{shown}; …" if len(problems) > _SHOWN_PROBLEMS else shown


class BodySchema:
    """The schemas of one WSDL, compiled once.

    May be shared by threads: one at a time is at it (`codec.xml.VALIDATING`).
    """

    def __init__(self, wsdl: bytes) -> None:
        """Of the WSDL in these bytes.

        Raises `InvalidValue`: `XML_…`, or `WSDL_WITHOUT_SCHEMA` when it has none inside, names one that
        lies elsewhere, or has one that does not compile.
        """
        root = parse_tree(wsdl)
        # Made text again, each takes the namespaces declared above it along: QNames in values need them.
        self._sources = [etree.tostring(schema) for schema in root.iterfind(f"{_WSDL}types/{_XS}schema")]
        with VALIDATING:
            self._schema = self._compiled()

    def problems(self, body: Element) -> tuple[BodyProblem, ...]:
        """Where the element departs from the schema, the first 50 places; empty when it is valid."""
        with VALIDATING:
            if self._schema.validate(body):
                return ()
            return tuple(_problem(entry, body) for entry in islice(self._schema.error_log, _MOST_PROBLEMS))

    def _compiled(self) -> etree.XMLSchema:
        try:
            return etree.XMLSchema(_together(self._sources))
        except (etree.XMLSchemaParseError, etree.XMLSyntaxError) as failure:
            why = str(failure)[:_SHOWN_CHARS]
            raise InvalidValue(WSDL_WITHOUT_SCHEMA, f"the WSDL's schema does not compile: {why}") from failure


class _Inside(etree.Resolver):
    """Serves the WSDL's own schemas to the compiler, and nothing else."""

    def __init__(self, sources: dict[str, bytes]) -> None:
        super().__init__()
        self._sources = sources

    def resolve(self, url: str | None, _public_id: str | None, context: object) -> _InputDocument:
        return self.resolve_string(self._sources.get(url or "", b""), context)


def _together(sources: list[bytes]) -> Element:
    """One schema, or one that imports several by addresses that only exist here."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    schemas = [etree.fromstring(source, parser) for source in sources]
    places = {schema.get("targetNamespace", ""): f"inside:{n}" for n, schema in enumerate(schemas)}
    if not schemas or len(places) != len(schemas):
        raise InvalidValue(WSDL_WITHOUT_SCHEMA, f"{len(schemas)} schemas of {len(places)} namespaces inside")
    for schema in schemas:
        for outside in schema.iterfind(f"{_XS}include"):
            raise InvalidValue(WSDL_WITHOUT_SCHEMA, f"includes {outside.get('schemaLocation', '')[:80]!r}")
        for wanted in schema.iterfind(f"{_XS}import"):
            place = places.get(wanted.get("namespace", ""))
            if place is None:
                missing = wanted.get("namespace", "")[:80]
                raise InvalidValue(WSDL_WITHOUT_SCHEMA, f"the WSDL has no schema of {missing!r} inside")
            wanted.set("schemaLocation", place)
    if len(schemas) == 1:
        return schemas[0]
    parser.resolvers.add(_Inside({places[s.get("targetNamespace", "")]: etree.tostring(s) for s in schemas}))
    whole = etree.fromstring(f'<schema xmlns="{_XS[1:-1]}"/>', parser)
    for uri, place in places.items():
        etree.SubElement(whole, f"{_XS}import", {"namespace": uri, "schemaLocation": place})
    return whole


def _problem(entry: LogEntry, body: Element) -> BodyProblem:
    kind = entry.type_name
    structural = kind in _STRUCTURAL
    message = kind.removeprefix("SCHEMAV_")
    if structural:
        message = _NAMESPACE.sub("", entry.message)[:_SHOWN_CHARS]
    meaning = _NOT_EXPECTED if kind == "SCHEMAV_ELEMENT_CONTENT" else _MEANINGS_VI.get(kind, "sai lược đồ")
    if "Missing child element" in entry.message:
        meaning = "thiếu mục con bắt buộc" + _missing(entry.message)
    elif kind == "SCHEMAV_CVC_COMPLEX_TYPE_4":
        meaning += _missing(entry.message)
    return BodyProblem(_names(entry.path or "", body), meaning, message)


def _missing(message: str) -> str:
    """The names the schema expected, as it lists them at the end of its message."""
    listed = re.search(r"(?:is|one of) \( ([^)]*) \)|attribute '([^']*)'", _NAMESPACE.sub("", message))
    return f" ({(listed[1] or listed[2])[:_SHOWN_CHARS]})" if listed else ""


def _names(path: str, body: Element) -> str:
    """The parser's path by names, each with its place where its parent has several of that name."""
    here, names = body, []
    for step in path.strip("/").split("/")[1:]:
        below = _below(here, step)
        if below is None:  # the rest is no element: told by the one it belongs to
            break
        here = below
        names.append(_place(here))
    return ("/".join(names) or name_of(body))[:_SHOWN_CHARS]


def _below(parent: Element, step: str) -> Element | None:
    """The child a step leads to: `t:issue[2]` counts those of that prefix, `*[4]` all there are."""
    found = _STEP.fullmatch(step)
    if found is None:
        return None
    prefix, name, index = found.groups()
    children = parent.iterchildren("*")
    alike = (c for c in children if name == "*" or (name_of(c) == name and c.prefix == prefix))
    return next(islice(alike, int(index or 1) - 1, None), None)


def _place(element: Element) -> str:
    """`issue`, or `issue[2]` where it has namesakes beside it."""
    tag = str(element.tag)
    before = len(list(element.itersiblings(tag, preceding=True)))
    alone = before == 0 and next(element.itersiblings(tag), None) is None
    return name_of(element) if alone else f"{name_of(element)}[{before + 1}]"
