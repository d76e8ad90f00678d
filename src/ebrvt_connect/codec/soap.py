"""SOAP envelopes as values: written around a body's exact bytes, read back under the limits of `codec.xml`.

Both sides are here, ours and the simulators'. A body is put into its envelope as bytes and never through
a tree: a packet signed beforehand (XMLDSig) leaves as it was signed. The envelope declares prefixes only,
no default namespace, so that nothing in the body changes its meaning by being put there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from ebrvt_connect.codec.xml import XmlLimits, local_name, namespace, parse_tree
from ebrvt_connect.errors import InvalidValue, explain

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

NOT_AN_ENVELOPE = explain(
    "SOAP_NOT_AN_ENVELOPE",
    "Dữ liệu XML nhận được không phải là phong bì SOAP (phần tử gốc là “{element}”).",
    "Kiểm tra địa chỉ dịch vụ trong cấu hình hai bên; báo bên gửi kèm mã lỗi này.",
)
BODY_NOT_ONE = explain(
    "SOAP_BODY_NOT_ONE_ELEMENT",
    "Phong bì SOAP phải có đúng một phần nội dung (Body) với một phần tử; nhận được {count}.",
    "Báo đơn vị vận hành hệ thống gửi kèm mã lỗi này.",
)
NOT_A_BODY = explain(
    "SOAP_BODY_NOT_EMBEDDABLE",
    "Nội dung cần đặt vào phong bì SOAP không phải là một phần tử XML trọn vẹn.",
    "Lập lại gói tin rồi cho gửi lại; nếu lặp lại, báo bộ phận kỹ thuật kèm mã lỗi này.",
)

SOAP_LIMITS = XmlLimits(elements=50_000)
"""Of a message. The time to check a list of nothing but wrong elements grows with the square of their number:
some seconds at this one, which no message of the contracts comes near."""
_SHOWN_CHARS = 60
_XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_DECLARATION = re.compile(
    rb"""\A(?:\xef\xbb\xbf)?<\?xml\s[^>]*?(?:encoding\s*=\s*["']([^"'>]*)["'][^>]*)?\?>"""
)
_ONE_ELEMENT = re.compile(rb"\A<[^!?\s/>].*(?:</[^<>]+>|/>)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SoapVersion:
    """One of the two SOAP versions: what they call things on the wire."""

    name: str
    namespace: str
    """Of Envelope, Header, Body and Fault."""
    media_type: str

    def tag(self, name: str) -> str:
        """`{namespace}name`."""
        return f"{{{self.namespace}}}{name}"


SOAP_11 = SoapVersion("1.1", "http://schemas.xmlsoap.org/soap/envelope/", "text/xml")
SOAP_12 = SoapVersion("1.2", "http://www.w3.org/2003/05/soap-envelope", "application/soap+xml")
_VERSIONS = {version.namespace: version for version in (SOAP_11, SOAP_12)}


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope that was read: one header at most, and a body with one element."""

    version: SoapVersion
    header: Element | None = field(repr=False)
    body: Element = field(repr=False)
    """The element within `Body`; comments are gone, everything else is as it came."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What a SOAP fault says, before anybody has judged it."""

    namespace: str
    """Of the fault code; the version's own for the codes SOAP defines."""
    code: str
    """Without its prefix, at most 60 characters: `Client`, `Server.Busy`, `FailedAuthentication`. In
    SOAP 1.2 the innermost subcode where there is one."""
    blames_sender: bool
    """`Client` (1.1) or `Sender` (1.2): the request itself is at fault."""
    message: str = field(repr=False)
    """The remote's own words; may hold data."""
    details: tuple[Element, ...] = field(repr=False)
    """The elements within the detail: some servers put a trace of theirs before what they declared."""


def envelope_bytes(body: bytes, *, header: bytes = b"", version: SoapVersion = SOAP_11) -> bytes:
    """An envelope around the bytes of one element, which stand in it untouched."""
    start = b'<soap-env:Envelope xmlns:soap-env="%s">' % version.namespace.encode()
    headed = b"<soap-env:Header>%s</soap-env:Header>" % header if header else b""
    declared = b"<?xml version='1.0' encoding='UTF-8'?>\n"
    return declared + start + headed + b"<soap-env:Body>" + body + b"</soap-env:Body></soap-env:Envelope>"


def fault_bytes(code: str, message: str, detail: bytes = b"") -> bytes:
    """A fault of SOAP 1.1 to be put into an envelope: `Client` or `Server`, a sentence, a detail."""
    fault = etree.Element(SOAP_11.tag("Fault"), nsmap={"soap-env": SOAP_11.namespace})
    etree.SubElement(fault, "faultcode").text = f"soap-env:{code}"
    etree.SubElement(fault, "faultstring").text = message
    if detail:
        etree.SubElement(fault, "detail").append(parse_tree(detail))
    return etree.tostring(fault)


def name_of(element: Element) -> str:
    """The name of an element without its namespace."""
    return local_name(str(element.tag))


def embeddable(document: bytes) -> bytes:
    """The bytes of the one element of a document, without declaration, BOM and blanks around it.

    Not a byte within the element is changed. Raises `InvalidValue` `SOAP_BODY_NOT_EMBEDDABLE` when
    comments or instructions stand outside it, or the declaration names another encoding. Whether it is
    well-formed is for `parse_tree` to say.
    """
    declared = _DECLARATION.match(document)
    element = document[declared.end() if declared else 0 :].removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    encoding = (declared[1] or b"utf-8") if declared else b"utf-8"
    if not _ONE_ELEMENT.match(element) or encoding.lower() not in {b"utf-8", b"us-ascii"}:
        raise InvalidValue(NOT_A_BODY, "expected the bytes of one XML element and nothing beside it")
    return element


def wrapped(tag: str, content: bytes) -> bytes:
    """The element `{namespace}name` around one element's bytes, under a prefix only it uses."""
    uri, name = namespace(tag), local_name(tag)
    quoted = uri.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    start, end = f'<ebr:{name} xmlns:ebr="{quoted}">', f"</ebr:{name}>"
    return start.encode() + content + end.encode()


def read_envelope(data: bytes, limits: XmlLimits = SOAP_LIMITS) -> Envelope:
    """The envelope in these bytes.

    Raises `InvalidValue`: `XML_…` for what is not well-formed, has a DOCTYPE or passes a limit,
    `SOAP_NOT_AN_ENVELOPE`, `SOAP_BODY_NOT_ONE_ELEMENT` (SOAP 1.1 section 4, WS-I Basic Profile R2201).
    """
    root = parse_tree(data, limits)
    version = _VERSIONS.get(namespace(str(root.tag)))
    if version is None or name_of(root) != "Envelope":
        shown = name_of(root)[:_SHOWN_CHARS]
        raise InvalidValue(NOT_AN_ENVELOPE, f"expected a SOAP Envelope, got {shown!r}", element=shown)
    headers, bodies = root.findall(version.tag("Header")), root.findall(version.tag("Body"))
    content = [child for body in bodies for child in body]
    if len(bodies) != 1 or len(content) != 1 or len(headers) > 1:
        told = f"{len(bodies)} bodies with {len(content)} elements under {len(headers)} headers"
        raise InvalidValue(BODY_NOT_ONE, f"expected one element in one Body, got {told}", count=len(content))
    return Envelope(version, headers[0] if headers else None, content[0])


def fault_in(envelope: Envelope) -> Fault | None:
    """The fault that this envelope carries; None when its body is anything else."""
    version, body = envelope.version, envelope.body
    if body.tag != version.tag("Fault"):
        return None
    if version is SOAP_11:
        outer = _qname(body.find("{*}faultcode"))
        return _fault(version, outer, outer, _text(body.find("{*}faultstring")), body.find("{*}detail"))
    # The code and its subcodes, nested within one another, from the outside in.
    codes = [_qname(value) for value in body.iterfind(f"{version.tag('Code')}//{version.tag('Value')}")]
    first, last = (codes[0], codes[-1]) if codes else (("", ""), ("", ""))
    reason = body.find(f"{version.tag('Reason')}/{version.tag('Text')}")
    return _fault(version, first, last, _text(reason), body.find(version.tag("Detail")))


def lost_values(element: Element, values: object) -> list[str]:
    """Names of elements and attributes that hold text while the values made of them hold nothing.

    A reader that cannot make sense of a text (the year 12026, say, valid by the schema) may give None and
    go on; whoever takes None for "not told" has lost a value without a word.
    """
    if not isinstance(values, dict):
        unread = values is None and bool((element.text or "").strip()) and element.get(_XSI_NIL) is None
        return [name_of(element)] if unread else []
    lost: list[str] = [
        name for name in map(local_name, map(str, element.attrib)) if values.get(name, "") is None
    ]
    if not len(element):
        return lost + lost_values(element, values["_value_1"]) if "_value_1" in values else lost
    for name in dict.fromkeys(name_of(child) for child in element):
        if name not in values:
            continue  # a wildcard's content or a repeated group's, which no one value stands for
        children = [child for child in element if name_of(child) == name]
        made = values[name] if isinstance(values[name], list) else [values[name]]
        if len(made) == len(children):
            for child, value in zip(children, made, strict=True):
                lost += lost_values(child, value)
        elif any(len(child) or (child.text or "").strip() for child in children):
            lost.append(name)
    return lost


def unsent_values(element: Element, values: Mapping[str, object]) -> list[str]:
    """Paths of values that were given and stand nowhere in the element made of them.

    A writer may leave out what it takes for "not given", such as an empty text in a choice.
    """
    unsent: list[str] = []
    for name, value in values.items():
        if value is None or name.startswith("_"):  # not told, or a wildcard's content
            continue
        children = [child for child in element.iterchildren("*") if name_of(child) == name]
        given = value if isinstance(value, list) else [value]
        if len(children) != len(given):
            unsent += [] if element.get(name) is not None else [name]
            continue
        for child, one in zip(children, given, strict=True):
            below = unsent_values(child, one) if isinstance(one, Mapping) else []
            unsent += [f"{name}/{path}" for path in below]
    return unsent


def _fault(
    version: SoapVersion, outer: tuple[str, str], inner: tuple[str, str], message: str, detail: Element | None
) -> Fault:
    # Many servers forget the prefix of `Client` and `Server`; the words are theirs to say all the same.
    word = outer[1].partition(".")[0] if outer[0] in {version.namespace, ""} else ""
    return Fault(
        namespace=inner[0],
        code=inner[1][:_SHOWN_CHARS],
        blames_sender=word in {"Client", "Sender"},
        message=message,
        details=() if detail is None else tuple(detail),
    )


def _qname(element: Element | None) -> tuple[str, str]:
    """Namespace and name of a QName in an element's text; no namespace for a prefix nobody declared."""
    if element is None:
        return "", ""
    prefix, _, name = _text(element).strip().rpartition(":")
    return element.nsmap.get(prefix or None) or "" if prefix else "", name


def _text(element: Element | None) -> str:
    return "" if element is None else "".join(str(piece) for piece in element.itertext())
