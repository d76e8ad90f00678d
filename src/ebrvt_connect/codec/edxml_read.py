"""edXML generation 2, read as it arrives: header to a small tree, files straight to the blob store.

A packet is one XML file whose attachments are base64 text inside it. The whole is never in memory: the
parser hands out events, everything but the files becomes a tree without them (bounded by limits), and
the text of each file is decoded piece by piece into `Blobs.put`. See docs/decisions/0003.

Liberal in what the field is known to vary (prefixes, order, `cid:`, `Manifest`, labels, dates), strict in
what decides what the packet is: one message header, who sent it, which document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from ebrvt_connect.codec.base64_stream import BASE64_INVALID, decode_base64
from ebrvt_connect.codec.edxml_attachments import Received, settle
from ebrvt_connect.codec.edxml_findings import Findings, Node, path_of
from ebrvt_connect.codec.edxml_strays import note_strays
from ebrvt_connect.codec.edxml_values import read_document as document_of
from ebrvt_connect.codec.edxml_values import read_status as status_of
from ebrvt_connect.codec.edxml_words import (
    ATTACHMENT_MISSING,
    ATTACHMENT_NAMED_OTHERWISE,
    ATTACHMENT_NOT_ANNOUNCED,
    EDXML_LIMITS,
    EDXML_NAMESPACE_UNKNOWN,
    EDXML_NOT_IN_SCHEMA,
    EDXML_ROOT_UNKNOWN,
    EDXML_TEXT_CUT,
    EDXML_TOO_MANY_ATTACHMENTS,
    FIELD_ABSENT,
    LENIENT,
    NAMESPACE,
    STRICT,
    XMLDSIG,
    EdxmlLimits,
    EnvelopeSignature,
    Packet,
    attachment_too_large,
    repeated,
)
from ebrvt_connect.codec.xml import (
    XML_LEADING_WHITESPACE,
    XML_TEXT_TOO_LONG,
    End,
    Remark,
    SchemaProblem,
    Start,
    XmlLimits,
    XmlStream,
    local_name,
    namespace,
)
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import Document, DocumentStatus
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.model.text import nfc
from ebrvt_connect.ports.blobs import Blobs

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_KNOWN = frozenset({NAMESPACE, XMLDSIG})
_SIGNATURES = frozenset({"Signature", "DigitalSignature"})
_XML_SIGNATURE = f"{{{XMLDSIG}}}Signature"
_CONTENT = "ContentTransferEncoded"
_FILE_PATH = [f"{{{NAMESPACE}}}{name}" for name in ("edXML", "AttachmentEncoded", "Attachment")]
"""Where a file stands; what is called so elsewhere is none, however it came there."""
_SIBLINGS_CHECKED = 200
_SPINE = {"edXMLEnvelope": "edXML", "edXMLHeader": "edXMLEnvelope", "MessageHeader": "edXMLHeader"}
"""What a packet hangs on, with the parent of each."""


def read_document(chunks: Iterable[bytes], blobs: Blobs, limits: EdxmlLimits = EDXML_LIMITS) -> Packet:
    """Read a packet (gói tin edXML) from its bytes: a document with its files stored, or a status.

    A packet with a `StatusCode` is a status. Files end up in `blobs` under their SHA-256, unwrapped where
    they were zipped for the journey; what was stored stays there if the packet is refused later.

    Raises `InvalidValue`: `XML_…` (malformed, DOCTYPE, not UTF-8, too large or deep), `EDXML_…` (another
    namespace, something required missing or ambiguous, too many or too large files), `BASE64_INVALID`,
    `ZIP_…` (dangerous to unpack), `AGENCY_CODE_INVALID`, `DOCUMENT_NUMBER_INVALID`; and what `blobs` raises.
    """
    stream = _stream(chunks, limits)
    skeleton = _Skeleton(stream, blobs, limits)
    root = skeleton.build()
    findings = Findings()
    if stream.leading_whitespace:
        findings.warn(XML_LEADING_WHITESPACE, "edXML")
    record = _record(Node(root, findings), skeleton.contents, blobs, limits)
    for element in skeleton.cut:
        findings.warn(EDXML_TEXT_CUT, path_of(element), element.text or "")
    note_strays(root, findings)
    unknown = findings.unknown(root)
    _note_schema(root, findings)
    heard = {"unknown": unknown, "warnings": findings.warnings()}
    return Packet(
        record=record.model_copy(update=heard), signature=skeleton.signature, size_bytes=stream.size_bytes
    )


def schema_problems(
    chunks: Iterable[bytes], blobs: Blobs, *, strict: bool, limits: EdxmlLimits = EDXML_LIMITS
) -> tuple[SchemaProblem, ...]:
    """Where a packet departs from the strict or the lenient draft schema; empty when it is valid.

    The files are decoded into `blobs` and not looked at further. Raises `InvalidValue` as `read_document`
    does for what is no packet at all.
    """
    root = _Skeleton(_stream(chunks, limits), blobs, limits).build()
    return (STRICT if strict else LENIENT).problems(root)


def _stream(chunks: Iterable[bytes], limits: EdxmlLimits) -> XmlStream:
    bounds = XmlLimits(file_bytes=limits.file_bytes, depth=limits.depth, elements=limits.elements)
    return XmlStream(chunks, bounds)


@dataclass(slots=True)
class _Open:
    """An element whose end has not come yet."""

    element: Element
    texts: list[str]
    chars: int = 0
    has_children: bool = False
    is_remarked: bool = False


class _Skeleton:
    """Builds the tree of everything but the files and the envelope signature."""

    def __init__(self, stream: XmlStream, blobs: Blobs, limits: EdxmlLimits) -> None:
        self.contents: list[tuple[Element, BlobRef]] = []
        """The `Attachment` elements that carried a file, with what was stored."""
        self.signature = EnvelopeSignature.NONE
        self.cut: list[Element] = []
        """Elements with an element or a remark in their text."""
        self._events = iter(stream)
        self._blobs = blobs
        self._limits = limits
        self._open: list[_Open] = []
        self._chars = 0

    def build(self) -> Element:
        """The root; raises `InvalidValue`."""
        root = self._start(next(event for event in self._events if isinstance(event, Start)).tag)
        for event in self._events:
            if isinstance(event, Start):
                self._start(event.tag)
            elif isinstance(event, End):
                self._end(self._open.pop())
            elif isinstance(event, Remark):
                self._remark()
            else:
                self._text(event)
        return root

    def _start(self, tag: str) -> Element:
        if not self._open:
            _check_root(tag)
            element = etree.Element(_safe_tag(tag))
        else:
            parent = self._open[-1].element
            self._open[-1].has_children = True
            above = local_name(str(parent.tag))
            _check_spine(tag, above)
            element = etree.SubElement(parent, _safe_tag(tag))
            if tag == f"{{{NAMESPACE}}}{_CONTENT}" and self._is_in_file():
                self._store_content(parent)
                return element
            if local_name(tag) in _SIGNATURES and above == "edXMLHeader":
                self.signature = self._past_signature(tag)
                return element
            if tag == _XML_SIGNATURE:
                said = self._past_signature(tag)
                self.signature = said if self.signature is EnvelopeSignature.NONE else self.signature
                return element
        self._open.append(_Open(element, []))
        return element

    def _end(self, ended: _Open) -> None:
        ended.element.text = "".join(ended.texts)
        if (ended.is_remarked or ended.has_children) and ended.element.text.strip():
            self.cut.append(ended.element)

    def _remark(self) -> None:
        for current in self._open[-1:]:  # none is open before and behind the root
            current.is_remarked = True

    def _text(self, text: str) -> None:
        current = self._open[-1]
        if current.has_children and text.isspace():
            return  # indentation between children: thousands of recipients have a lot of it
        current.texts.append(text)
        current.chars += len(text)
        self._chars += len(text)
        limit = self._limits.text_chars
        if current.chars > limit or self._chars > self._limits.all_text_chars:
            name = local_name(str(current.element.tag))
            detail = f"text of {name!r} exceeds {limit} characters, or all text together its limit"
            raise InvalidValue(XML_TEXT_TOO_LONG, detail, element=name, limit=limit)

    def _store_content(self, attachment: Element) -> None:
        """Decode the text that follows into the blob store, up to the end of its element."""
        if any(known is attachment for known, _ in self.contents[-1:]):
            raise repeated(f"Attachment/{_CONTENT}")
        if len(self.contents) >= self._limits.attachments:
            limit = self._limits.attachments
            raise InvalidValue(EDXML_TOO_MANY_ATTACHMENTS, f"more than {limit} attachments", limit=limit)
        blob = self._blobs.put(self._decoded(), limit_bytes=self._limits.carried_bytes)
        self.contents.append((attachment, blob))

    def _decoded(self) -> Iterator[bytes]:
        seen = 0
        for piece in decode_base64(self._content_texts()):
            seen += len(piece)
            if seen > self._limits.carried_bytes:
                raise attachment_too_large(len(self.contents) + 1, self._limits)
            yield piece

    def _content_texts(self) -> Iterator[str]:
        while True:
            event = next(self._events)  # an end comes before the events do
            if isinstance(event, End):
                return
            if not isinstance(event, str):
                raise InvalidValue(BASE64_INVALID, f"an element or a remark inside {_CONTENT}")
            yield event

    def _is_in_file(self) -> bool:
        return [one.element.tag for one in self._open] == _FILE_PATH

    def _past_signature(self, tag: str) -> EnvelopeSignature:
        """Only note that it is there, and whether its namespace is one that can be verified."""
        depth, said, verifiable = 1, False, namespace(tag) == XMLDSIG
        while depth:
            event = next(self._events)
            if isinstance(event, Start):
                depth, said = depth + 1, True
                verifiable = verifiable or namespace(event.tag) == XMLDSIG
            elif isinstance(event, End):
                depth -= 1
            elif isinstance(event, str):
                said = said or bool(event.strip())
        if not said:
            return self.signature
        return EnvelopeSignature.XMLDSIG if verifiable else EnvelopeSignature.PRESENT_UNVERIFIABLE


def _safe_tag(tag: str) -> str:
    """A tag the tree takes: a stranger's namespace need not be a URI, nor a name without colon."""
    uri = namespace(tag)
    return f"{{{uri if uri in _KNOWN else 'foreign'}}}{local_name(tag).replace(':', '_')}"


def _check_root(tag: str) -> None:
    if namespace(tag) != NAMESPACE:
        raise _wrong_namespace(tag)
    if local_name(tag) != "edXML":
        name = local_name(tag)[:80]
        raise InvalidValue(EDXML_ROOT_UNKNOWN, f"root element {name!r}, expected 'edXML'", element=name)


def _check_spine(tag: str, above: str) -> None:
    if _SPINE.get(local_name(tag)) == above and namespace(tag) != NAMESPACE:
        raise _wrong_namespace(tag)


def _wrong_namespace(tag: str) -> InvalidValue:
    got = namespace(tag)[:120]
    return InvalidValue(
        EDXML_NAMESPACE_UNKNOWN,
        f"namespace {got!r} of {local_name(tag)!r}, expected {NAMESPACE!r}",
        namespace=got,
        element=local_name(tag)[:80],
    )


def _record(
    root: Node, contents: list[tuple[Element, BlobRef]], blobs: Blobs, limits: EdxmlLimits
) -> Document | DocumentStatus:
    envelope = root.required("edXMLEnvelope")
    header = envelope.required("edXMLHeader")
    message = header.required("MessageHeader")
    if message.has("StatusCode"):
        return status_of(message)
    received = _received(root, _manifest(envelope), contents)
    attachments = settle(received, blobs, root.findings, limits)
    return document_of(message, header.only("TraceHeaderList"), attachments)


def _manifest(envelope: Node) -> dict[str, tuple[str, str]]:
    """Name and description of each file the body announces, by content id."""
    announced: dict[str, tuple[str, str]] = {}
    body = envelope.first("edXMLBody")
    manifests = (*body.all("edXMLManifest"), *body.all("Manifest")) if body else ()
    for reference in (one for manifest in manifests for one in manifest.all("Reference")):
        reference.text("ContentType")  # says nothing of the file: the vendor writes ZIP for all
        named = (reference.text("AttachmentName"), reference.text("Description"))
        content_id = _content_id(reference)
        if content_id in announced:
            _warn_otherwise(reference, announced[content_id][0], named[0])
        announced.setdefault(content_id, named)
    return announced


def _warn_otherwise(node: Node, name: str, other: str) -> None:
    """One file goes by two names, or twice by one: which is which the next reader may see otherwise."""
    node.findings.warn(ATTACHMENT_NAMED_OTHERWISE, "AttachmentEncoded/Attachment", other, name=name)


def _content_id(node: Node) -> str:
    return node.text("ContentId").removeprefix("cid:")


def _received(
    root: Node, announced: dict[str, tuple[str, str]], contents: list[tuple[Element, BlobRef]]
) -> Iterator[Received]:
    """The files that came, in order; then a warning for each one announced that did not."""
    waiting = dict(announced)
    root.first("AttachmentEncoded")
    for element, blob in contents:
        node = Node(element, root.findings)
        content_id = _content_id(node)
        name, description = announced.get(content_id, ("", ""))
        own_name = node.text("AttachmentName") or name
        if waiting.pop(content_id, None) is None:
            root.findings.warn(
                ATTACHMENT_NOT_ANNOUNCED, "AttachmentEncoded/Attachment", own_name, name=own_name
            )
        if name and nfc(own_name) != nfc(name):
            _warn_otherwise(root, own_name, name)
        if not own_name:
            root.findings.warn(FIELD_ABSENT, "AttachmentName")
        yield Received(
            content_id=content_id,
            name=own_name,
            description=node.text("Description") or description,
            label=node.text("ContentType"),
            blob=blob,
        )
    for name, _ in waiting.values():
        root.findings.warn(ATTACHMENT_MISSING, "AttachmentEncoded/Attachment", name, name=name)


def _note_schema(root: Element, findings: Findings) -> None:
    """Departures from the lenient schema, where nothing was said about the element yet.

    The validator counts siblings for every error it writes down, which makes a long row of wrong ones
    take minutes. So no row is shown to it beyond its beginning; the lenient schema asks for nothing there.
    """
    for parent in [element for element in root.iter() if len(element) > _SIBLINGS_CHECKED]:
        del parent[_SIBLINGS_CHECKED:]
    for problem in LENIENT.problems(root):
        if not findings.warned_about(problem.element):
            findings.warn(EDXML_NOT_IN_SCHEMA, problem.element, problem.message)
