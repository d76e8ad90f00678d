"""An XML file read for its signatures: where each stands, and what exactly it refers to.

Everything here is refused before any signature value is looked at. A reference names the whole document
or one element by an Id that no other element has; only the enveloped-signature transform and a
canonicalization without comments may stand between the element and its digest. So what was signed is what
stands there, and nobody can move it and leave something else in its place.
"""

from __future__ import annotations

import itertools
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from lxml import etree

from ebrvt_connect.codec.edxml_words import NAMESPACE as EDXML_NAMESPACE
from ebrvt_connect.codec.xml import (
    XML_MALFORMED,
    Start,
    XmlLimits,
    XmlStream,
    local_name,
    namespace,
    parse_tree,
)
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.trust import findings, level_findings, xml_findings
from ebrvt_connect.trust.catalogue import Refused
from ebrvt_connect.trust.remembered import read_certificate
from ebrvt_connect.trust.xml_alone import needs_joined_base
from ebrvt_connect.trust.xml_prefixes import kept_prefixes
from ebrvt_connect.trust.xml_unsigned import (
    has_only_id,
    has_text,
    is_id,
    properties_only,
    strange_in_key,
    strange_in_value,
    vouched_in,
)
from ebrvt_connect.trust.xml_words import (
    CANONICALIZATIONS,
    DIGESTS,
    DS,
    ENVELOPED,
    INCLUSIVE_NAMESPACES,
    METHODS,
    NC_NAME,
    SIGNATURE,
    XADES,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element as Element

    from ebrvt_connect.codec.xml import Event
    from ebrvt_connect.trust.policy import VerificationPolicy

_LIMITS = XmlLimits()
_SMALL_BYTES = 64 * 1024
_LIGHT_BYTES = 512 * 1024
_LONGEST_TEXT_BYTES = 10_000_000
"""What a tree takes of one text (libxml2, without its option for huge ones)."""
_MOST_STREAMED_ELEMENTS = 1_000_000
_LEAST_BYTES_EACH = 20
_MOST_DIGESTS = 4000
_TIMES_HELD = 7.5
_ELEMENT_BYTES = 500
_MOST_HELD_BYTES = 105_000_000
"""Measured: how often the bytes stand in trees, copies and canonical forms, beside the room for two."""
_ANY_SIGNATURE = "Signature"
_DOCTYPE = b"<!DOCTYPE"
_PLAIN_BEGINNING = re.compile(
    rb"""(?:<\?xml version="1\.0"(?: encoding="(?:UTF-8|utf-8)")?(?: standalone="(?:yes|no)")?\?>\s*)?"""
    rb"<[A-Za-z_]"
)
_IS_TOO_DEEP = etree.XPath(f"boolean({'/*' * (_LIMITS.depth + 1)})")
_WITH_NAMESPACES = etree.XPath("//*[@*[namespace-uri()]]")
_MOST_CERTIFICATES = 100
_MOST_WORK_BYTES = 64 * 1024 * 1024
"""Document size times references: each reference is digested over a copy of the whole."""
_MOST_UNSIGNED = 10_000
"""Elements in the unsigned properties of one signature: evidence for decades takes some hundred."""
_count_unsigned = etree.XPath(
    "count(ds:Object/x:QualifyingProperties/x:UnsignedProperties//*)",
    namespaces={"ds": DS[1:-1], "x": XADES[1:-1]},
)
_MOST_NAMESPACES = 1000
"""In scope where a signature stands: whatever is cut out of it is written with all of them."""
_USUAL_REFERENCES = 3
"""Of one signature: to the content, to its own properties, to its key."""
_SHOWN_CHARS = 60


class XmlRefused(Refused):
    """An XML file or signature that is not judged any further."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One ds:Reference: the element it is about and how that becomes a digest."""

    target: Element
    digest: str
    """In the words of a report: `sha256`."""
    kept: frozenset[str] | None = None
    """Prefixes signed wherever they are in scope, of an exclusive canonicalization; None: all of them."""


@dataclass(frozen=True, slots=True)
class XmlSignature:
    """A ds:Signature whose shape is sound; nothing about it is verified yet."""

    element: Element
    method: str
    """Identifier of its signature method; one of `xml_words.METHODS`."""
    references: tuple[Reference, ...]
    certificates: tuple[x509.Certificate, ...]
    """As they stand in KeyInfo: hints."""

    @property
    def place(self) -> tuple[int, ...]:
        """Position among its parent's children, and so on from the root down."""
        path: list[int] = []
        node = self.element
        while (parent := node.getparent()) is not None:
            path.append(parent.index(node))
            node = parent
        return tuple(reversed(path))


def read_root(data: bytes) -> Element:
    """The tree with comments and instructions kept; raises `XmlRefused`."""
    root = _plain_root(data)
    if root is not None:
        return root
    if len(data) > _LIGHT_BYTES:
        _refuse_heavy(data)
    try:
        return parse_tree(data, _LIMITS, keep_remarks=True)
    except InvalidValue as failure:
        if len(data) > _LONGEST_TEXT_BYTES and failure.code == XML_MALFORMED.code:
            holds_signature(data)  # what is read as a stream without fault a tree has no room for
            raise XmlRefused(xml_findings.XML_TOO_LARGE, reason="một nội dung quá dài") from failure
        raise _unread(failure, data) from failure


def holds_signature(data: bytes) -> bool:
    """Whether a Signature stands in a file of any size, of which no tree is made; raises `XmlRefused`.

    Of whatever namespace: the stream is read less strictly than a tree, and forgives an undeclared prefix.
    """
    limits = XmlLimits(file_bytes=len(data), elements=_MOST_STREAMED_ELEMENTS)
    try:
        found = [_begins_signature(event) for event in XmlStream((data,), limits)]
    except InvalidValue as failure:
        raise _unread(failure, data) from failure
    return any(found)


def _begins_signature(event: Event) -> bool:
    return isinstance(event, Start) and event.tag.endswith(_ANY_SIGNATURE)


def _unread(failure: InvalidValue, data: bytes) -> XmlRefused:
    """What is no XML, or none that is accepted; and what is more than is examined."""
    reason = failure.sentence_vi.rstrip(".")
    if failure.code not in {"XML_TOO_LARGE", "XML_TOO_MANY_ELEMENTS"}:
        return XmlRefused(xml_findings.XML_UNREADABLE, reason=reason, fault=failure.code)
    return _too_much(data, reason, failure.code)


def _too_much(data: bytes, reason: str, fault: str = "") -> XmlRefused:
    """A large file; or one of almost nothing but elements, as no data are, or of too many references."""
    dense = _elements_of(data) * _LEAST_BYTES_EACH > len(data) or data.count(b"DigestValue") > _MOST_DIGESTS
    code = xml_findings.XML_TOO_COMPLEX if dense else xml_findings.XML_TOO_LARGE
    return XmlRefused(code, reason=reason, fault=fault)


def _elements_of(data: bytes) -> int:
    """About how many there are, in hardly any time."""
    return data.count(b"<") - data.count(b"</")


def _refuse_heavy(data: bytes) -> None:
    """A tree and its copies, which judging takes, have to find room in what a worker is given."""
    if len(data) * _TIMES_HELD + _elements_of(data) * _ELEMENT_BYTES > _MOST_HELD_BYTES:
        raise _too_much(data, f"{len(data)} byte, khoảng {_elements_of(data)} phần tử")


def _plain_root(data: bytes) -> Element | None:
    """The same tree, of a small file within all limits; None says nothing but that it is to be read strictly.

    To count elements before a tree is made of them takes longer than everything else. So small a file has no
    room for too many of them, nor for too much in the attributes of one, unless a long namespace is repeated.
    """
    if len(data) > _SMALL_BYTES or _DOCTYPE in data or b"\0" in data or not _PLAIN_BEGINNING.match(data):
        return None
    try:
        root = etree.fromstring(data, _plain_parser())
    except etree.XMLSyntaxError:
        return None
    if _IS_TOO_DEEP(root):
        return None
    heavy = (sum(len(name) + len(text) for name, text in e.attrib.items()) for e in _WITH_NAMESPACES(root))
    return root if all(chars <= _LIMITS.attribute_chars for chars in heavy) else None


def _plain_parser() -> etree.XMLParser:
    """As `parse_tree` has it when it keeps remarks."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=False,
        remove_pis=False,
    )


def signature_elements(root: Element, size: int, policy: VerificationPolicy) -> tuple[Element, ...]:
    """Every ds:Signature, in document order; raises `XmlRefused` for more than is examined."""
    found = tuple(root.iter(SIGNATURE))
    if len(found) > policy.most_signatures:
        raise XmlRefused(xml_findings.XML_TOO_MANY_SIGNATURES, limit=policy.most_signatures)
    if any(len(element.nsmap) > _MOST_NAMESPACES for element in found):
        raise XmlRefused(xml_findings.XML_TOO_COMPLEX, reason=f"hơn {_MOST_NAMESPACES} không gian tên")
    if any(_count_unsigned(element) > _MOST_UNSIGNED for element in found):
        raise XmlRefused(xml_findings.XML_TOO_COMPLEX, reason=f"hơn {_MOST_UNSIGNED} thuộc tính không ký")
    counts = (len(element.findall(f"{DS}SignedInfo/{DS}Reference")) for element in found)
    references = sum(n for n in counts if n <= policy.most_references)  # the others are refused unread
    if references * size > _MOST_WORK_BYTES:
        usual = references <= _USUAL_REFERENCES * len(found)
        code = xml_findings.XML_TOO_LARGE if usual else xml_findings.XML_TOO_COMPLEX
        raise XmlRefused(code, reason=f"{references} tham chiếu, {size} byte")
    return found


def read_signature(element: Element, policy: VerificationPolicy) -> XmlSignature:
    """Check a signature's shape, algorithms and references; raises `XmlRefused` for the first fault."""
    if any(not isinstance(node.tag, str) for node in element.iter()):
        raise XmlRefused(xml_findings.XML_COMMENT_UNSIGNED)
    info, _, key_info = _parts(element)
    method, references = _signed_info(info, policy)
    return XmlSignature(
        element, method, tuple(_reference(r) for r in references), tuple(_certificates(key_info))
    )


def _parts(element: Element) -> tuple[Element, Element, Element | None]:
    """SignedInfo, SignatureValue, KeyInfo."""
    children = list(element)
    names = [child.tag for child in children]
    key_info = children[2] if names[2:3] == [DS + "KeyInfo"] else None
    objects = names[2 if key_info is None else 3 :]
    if names[:2] != [DS + "SignedInfo", DS + "SignatureValue"] or set(objects) - {DS + "Object"}:
        raise _malformed("thành phần thừa, thiếu hoặc sai thứ tự")
    _check_unsigned(element, children[1], key_info)
    return children[0], children[1], key_info


def _check_unsigned(element: Element, value: Element, key_info: Element | None) -> None:
    """No signature covers these: nothing that a reader might show may stand here, and no second spelling."""
    if has_text(element) or not has_only_id(element):
        raise _malformed("có văn bản giữa các thành phần của chữ ký, hoặc thuộc tính lạ")
    if key_info is not None and strange_in_key(key_info) and next(_written(key_info), None) is not None:
        raise _malformed("KeyInfo có nội dung lạ")
    if strange_in_value(value):
        raise _malformed("SignatureValue có nội dung lạ")
    written = "".join((value.text or "").split())
    try:
        canonical = b64encode(b64decode(written, validate=True)).decode()
    except ValueError as failure:
        raise _malformed("SignatureValue không phải Base64") from failure
    if written != canonical:
        raise _malformed("SignatureValue không phải Base64")


def _signed_info(info: Element, policy: VerificationPolicy) -> tuple[str, list[Element]]:
    """The signature method and the references."""
    names = [child.tag for child in info]
    if names[:2] != [DS + "CanonicalizationMethod", DS + "SignatureMethod"]:
        raise _malformed("SignedInfo")
    if not names[2:] or set(names[2:]) != {DS + "Reference"}:
        raise _malformed("SignedInfo không có tham chiếu nào" if not names[2:] else "SignedInfo")
    if len(names) - 2 > policy.most_references:
        raise XmlRefused(
            xml_findings.XML_REFERENCE_REFUSED, reason=f"hơn {policy.most_references} tham chiếu"
        )
    _check_canonicalization(info[0])
    _check_base(info, info[0])
    method = info[1].get("Algorithm", "")
    if method not in METHODS:
        raise XmlRefused(findings.SIGNATURE_METHOD_NOT_ALLOWED, algorithm=_shown(method))
    if len(info[1]):
        raise _malformed("SignatureMethod có tham số")
    return method, list(info[2:])


def _reference(element: Element) -> Reference:
    names = [child.tag for child in element]
    transforms = element[0] if names[:1] == [DS + "Transforms"] else None
    if names[0 if transforms is None else 1 :] != [DS + "DigestMethod", DS + "DigestValue"]:
        raise _malformed("Reference")
    if transforms is not None:
        _check_transforms(transforms)
    identifier = element[-2].get("Algorithm", "")
    if identifier not in DIGESTS or len(element[-2]):
        raise XmlRefused(findings.SIGNATURE_METHOD_NOT_ALLOWED, algorithm=_shown(identifier))
    target = _target(element)
    if transforms is None or not len(transforms):
        return Reference(target, DIGESTS[identifier][1])
    _check_base(target, transforms[-1])
    return Reference(target, DIGESTS[identifier][1], kept_prefixes(transforms[-1]))


def _check_base(element: Element, method: Element) -> None:
    if needs_joined_base(element, method.get("Algorithm")):
        raise XmlRefused(level_findings.ALGORITHM_NOT_CHECKED, reason="Canonical XML 1.1 (xml:base)")


def _check_transforms(transforms: Element) -> None:
    """At most the enveloped-signature transform, then at most one canonicalization."""
    if any(child.tag != DS + "Transform" for child in transforms):
        raise _malformed("Transforms")
    chain = list(transforms)
    if chain and chain[0].get("Algorithm") == ENVELOPED:
        if len(chain[0]):
            raise XmlRefused(xml_findings.XML_TRANSFORM_REFUSED, reason="enveloped-signature có tham số")
        del chain[0]
    if len(chain) > 1:
        raise XmlRefused(xml_findings.XML_TRANSFORM_REFUSED, reason=f"{len(transforms)} phép biến đổi")
    for transform in chain:
        _check_canonicalization(transform)


def _check_canonicalization(element: Element) -> None:
    identifier = element.get("Algorithm", "")
    if identifier not in CANONICALIZATIONS or any(child.tag != INCLUSIVE_NAMESPACES for child in element):
        raise XmlRefused(xml_findings.XML_TRANSFORM_REFUSED, reason=_shown(identifier))


def _target(reference: Element) -> Element:
    """The root for an empty URI, else the one element with that Id."""
    uri = reference.get("URI")
    root = reference.getroottree().getroot()
    if uri == "":
        return root
    if uri is None or uri[:1] != "#" or not NC_NAME.match(uri, 1):
        raise _misdirected(f"URI “{_shown(uri or '')}”")
    named = list(_with_id(root, uri[1:]))
    if len(named) != 1:
        how_many = "không có" if not named else "có nhiều"
        raise XmlRefused(
            xml_findings.XML_REFERENCE_REFUSED, reason=f"{how_many} phần tử mang Id {_shown(uri)}"
        )
    return named[0]


def _with_id(root: Element, value: str) -> Iterator[Element]:
    """Elements with this Id, however the attribute is spelt: a reader may take any of them for the Id."""
    for element in root.iter(etree.Element):
        for name, text in element.attrib.items():
            if text == value and local_name(str(name)).lower() == "id":
                yield element


def _certificates(key_info: Element | None) -> Iterator[x509.Certificate]:
    """The certificates of KeyInfo; raises `XmlRefused` for none and for one that does not read."""
    found = [] if key_info is None else list(_written(key_info))
    if not found:
        raise XmlRefused(findings.SIGNER_CERTIFICATE_MISSING)
    if len(found) > _MOST_CERTIFICATES:
        raise _malformed("quá nhiều chứng thư số")
    for element in found:
        try:
            yield read_certificate(b64decode("".join((element.text or "").split()), validate=True))
        except ValueError as failure:
            raise _malformed("chứng thư số không đọc được") from failure


def _written(key_info: Element) -> Iterator[Element]:
    return key_info.iterfind(f"{DS}X509Data/{DS}X509Certificate")


def _malformed(reason: str) -> XmlRefused:
    return XmlRefused(xml_findings.XML_SIGNATURE_MALFORMED, reason=reason)


def _misdirected(reason: str) -> XmlRefused:
    return XmlRefused(xml_findings.XML_REFERENCE_REFUSED, reason=reason)


def _shown(text: str) -> str:
    return text[:_SHOWN_CHARS]


# --- coverage --------------------------------------------------------------------------------------

_SOAP = frozenset(
    {"{http://schemas.xmlsoap.org/soap/envelope/}", "{http://www.w3.org/2003/05/soap-envelope}"}
)
_EDXML = frozenset(f"{{{EDXML_NAMESPACE}}}{name}" for name in ("edXML", "edXMLEnvelope", "edXMLHeader"))
_MOST_SHOWN = 20


def path_of(element: Element) -> str:
    """A readable path: `/Envelope/Body/SubmitReport/ReportPacket`, numbered among siblings of one name."""
    steps: list[str] = []
    node: Element | None = element
    while node is not None:
        parent, name = node.getparent(), local_name(str(node.tag))[:_SHOWN_CHARS]
        others = () if parent is None else parent.iterchildren(etree.Element)
        namesakes = [e for e in others if e.tag == node.tag or local_name(str(e.tag)) == name]
        steps.append(name if len(namesakes) < 2 else f"{name}[{namesakes.index(node) + 1}]")  # noqa: PLR2004
        node = parent
    return "/" + "/".join(reversed(steps))


def unsigned_parts(root: Element, targets: tuple[Element, ...], *, soap: bool = False) -> tuple[str, ...]:
    """Paths of content outside the targets, signatures aside; the first twenty.

    Wrapping attacks live of content that nobody signed: a second packet, attributes, text, remarks. Elements
    that only lead down to the signed one are not content; nor, with `soap`, is the Header of the SOAP
    envelope around it: for whoever reads nothing but what was signed.
    """
    signed = set(targets)
    ancestors = {a for target in targets for a in target.iterancestors()}
    left_open = itertools.chain(
        _unsigned(root, signed, ancestors, soap=soap), _in_signatures(root, signed), _beside(root)
    )
    return tuple(path for path, _ in zip(left_open, range(_MOST_SHOWN), strict=False))


def names_outside(root: Element, targets: tuple[Element, ...]) -> tuple[str, ...]:
    """Elements that nobody signed, with their Ids, as a reader sees them; the first twenty."""
    names = (_named(element) for element in _outside(root, frozenset(targets)))
    return tuple(name for name, _ in zip(names, range(_MOST_SHOWN), strict=False))


def _outside(element: Element, signed: frozenset[Element]) -> Iterator[Element]:
    if element not in signed and element.tag != SIGNATURE:
        yield element
        for child in element.iterchildren(etree.Element):
            yield from _outside(child, signed)


def _named(element: Element) -> str:
    own = (f' {local_name(str(name))}="{_shown(value)}"' for name, value in element.attrib.items())
    return f"<{local_name(str(element.tag))[:_SHOWN_CHARS]}{''.join(own)}>"


def is_plain_holder(root: Element, targets: tuple[Element, ...]) -> bool:
    """Whether what was signed stands right below the root, which is of the same vocabulary.

    So forms have it that several sign, their content beside the signatures. Who puts more around it, or
    something else, may give it another meaning; the edXML envelope around its parts is known for what it is.
    """
    around = {a for target in targets for a in target.iterancestors()}
    if not targets:
        return False
    if all(a.tag in _EDXML for a in around):
        return True
    return around == {root} and all(namespace(str(t.tag)) == namespace(str(root.tag)) for t in targets)


def _in_signatures(root: Element, signed: set[Element]) -> Iterator[str]:
    """Objects a reader might show and nobody signed, wherever the signature stands.

    The enveloped transform takes a signature out with all that is in it.
    """
    for signature in root.iter(SIGNATURE):
        held = [o for o in signature.iterchildren(DS + "Object") if o not in signed]
        vouched = vouched_in(signature) if held else frozenset()
        yield from (path_of(o) for o in held if not properties_only(o, vouched))


def _beside(root: Element) -> Iterator[str]:
    """Remarks before or behind the root (a style sheet changes what is read)."""
    for node in (*root.itersiblings(preceding=True), *root.itersiblings()):
        yield _remark(node)


def _remark(node: Element) -> str:
    """The path of a comment or an instruction."""
    instruction = isinstance(node, etree._ProcessingInstruction)  # noqa: SLF001 - lxml has no other name
    above = node.getparent()
    place = "" if above is None else path_of(above)
    return f"{place}/processing-instruction()" if instruction else f"{place}/comment()"


def _unsigned(
    element: Element, signed: set[Element], ancestors: set[Element], *, soap: bool
) -> Iterator[str]:
    """Depth first; called for elements that lead to a target, and for those beside them."""
    if element in signed or element.tag == SIGNATURE:
        return
    if element not in ancestors:
        if not _only_signatures(element):
            yield path_of(element)
        return
    yield from (f"{path_of(element)}/@{local_name(name)}" for name in _content_attributes(element))
    if has_text(element):
        yield f"{path_of(element)}/text()"
    for child in element:
        if not isinstance(child.tag, str):
            yield _remark(child)
        elif not (soap and _is_soap_header(child)):
            yield from _unsigned(child, signed, ancestors, soap=soap)


def _only_signatures(element: Element) -> bool:
    """A place that holds signatures and nothing else."""
    if element.tag == SIGNATURE:
        return True
    children = list(element)
    empty = not has_text(element) and not list(_content_attributes(element))
    return empty and bool(children) and all(_only_signatures(child) for child in children)


def _content_attributes(element: Element) -> Iterator[str]:
    return (str(name) for name, value in element.attrib.items() if not is_id(str(name), value))


def _is_soap_header(element: Element) -> bool:
    """The Header of the SOAP envelope the document consists of."""
    parent = element.getparent()
    return (
        parent is not None
        and parent.getparent() is None
        and any(element.tag == f"{ns}Header" and parent.tag == f"{ns}Envelope" for ns in _SOAP)
    )
