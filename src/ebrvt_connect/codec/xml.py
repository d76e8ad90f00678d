"""XML from strangers, read safely: no document type, no entities, no network, UTF-8 only, under limits.

Two ways in. `XmlStream` hands out events as the bytes arrive and keeps nothing, for packets that carry
files: a tree refuses text over 10 MB and grows to several times the file. `parse_tree` makes a tree, for
small things. Both refuse a DOCTYPE before anything in it is read: the vendor's own parser expands what it
declares (XXE), and `XMLSchema.validate` raises on a document that has one.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict

from ebrvt_schemas import open_schema
from lxml import etree

from ebrvt_connect.errors import InvalidValue, explain

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

XML_MALFORMED = explain(
    "XML_MALFORMED",
    "Tệp XML bị hỏng hoặc sai cú pháp (dòng {line}, cột {column}).",
    "Đề nghị bên gửi xuất lại và gửi lại tệp; bản gốc đã nhận vẫn được giữ để đối chiếu.",
)
XML_DTD_FORBIDDEN = explain(
    "XML_DTD_FORBIDDEN",
    "Tệp XML có khai báo DOCTYPE; chương trình không đọc vì lý do an toàn thông tin.",
    "Đề nghị bên gửi bỏ khai báo DOCTYPE rồi gửi lại; nếu tệp lạ, báo cán bộ an toàn thông tin.",
)
XML_TOO_LARGE = explain(
    "XML_TOO_LARGE",
    "Tệp XML lớn hơn giới hạn cho phép ({limit} byte).",
    "Đề nghị bên gửi giảm dung lượng tệp đính kèm, hoặc nâng giới hạn trong cấu hình nếu đúng quy định.",
)
XML_TOO_DEEP = explain(
    "XML_TOO_DEEP",
    "Tệp XML lồng nhau quá sâu (hơn {limit} cấp), không giống một gói tin bình thường.",
    "Kiểm tra nguồn gốc của tệp với bên gửi trước khi xử lý tiếp.",
)
XML_TOO_MANY_ELEMENTS = explain(
    "XML_TOO_MANY_ELEMENTS",
    "Tệp XML có quá nhiều phần tử (hơn {limit}).",
    "Kiểm tra với bên gửi; nâng giới hạn trong cấu hình nếu danh sách nơi nhận thật sự dài như vậy.",
)
XML_TEXT_TOO_LONG = explain(
    "XML_TEXT_TOO_LONG",
    "Nội dung của phần tử “{element}” dài hơn giới hạn cho phép ({limit} ký tự).",
    "Đề nghị bên gửi rút gọn nội dung hoặc chuyển nội dung đó vào tệp đính kèm.",
)
XML_ENCODING_UNSUPPORTED = explain(
    "XML_ENCODING_UNSUPPORTED",
    "Tệp XML dùng bảng mã {encoding}; chỉ chấp nhận UTF-8.",
    "Đề nghị bên gửi xuất lại tệp theo bảng mã UTF-8.",
)
XML_ENCODING_INVALID = explain(
    "XML_ENCODING_INVALID",
    "Tệp XML có ký tự không đúng bảng mã UTF-8 (dòng {line}, cột {column}).",
    "Đề nghị bên gửi xuất lại tệp theo bảng mã UTF-8 (không dùng TCVN3, VNI hay Windows-1258).",
)
XML_LEADING_JUNK = explain(
    "XML_LEADING_JUNK",
    "Tệp XML có dữ liệu lạ nằm trước phần nội dung.",
    "Đề nghị bên gửi gửi lại tệp gốc; không sửa tay tệp đã nhận.",
)
XML_LEADING_WHITESPACE = explain(
    "XML_LEADING_WHITESPACE",
    "Có khoảng trắng trước khai báo XML; đã bỏ qua khi đọc.",
    "Báo bên gửi để sửa phần mềm xuất tệp; không cần gửi lại.",
)
XML_CHARACTER_FORBIDDEN = explain(
    "XML_CHARACTER_FORBIDDEN",
    "Nội dung “{element}” có ký tự điều khiển mà XML không cho phép.",
    "Mở văn bản ở hệ thống gửi, gõ lại nội dung này (thường do sao chép từ tệp khác) rồi phát hành lại.",
)

PIECE_BYTES = 64 * 1024
_HEAD_BYTES = 1024
_BOM = b"\xef\xbb\xbf"
_UTF_16_OR_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_DECLARATION = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_UTF_8_NAMES = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENT_OF_MESSAGE = re.compile(r"Element '(?:\{[^}]*\})?([^']+)'")
_NAMESPACE = re.compile(r"\{[^{}]*\}(?=[A-Za-z_])")
_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlLimits:
    """How much XML is read before it is refused."""

    file_bytes: int = 16 * 1024 * 1024
    depth: int = 64
    """Elements within elements."""
    elements: int = 200_000
    attribute_chars: int = 64 * 1024
    """All attribute names and values of one element together."""


XML_LIMITS = XmlLimits()


@dataclass(frozen=True, slots=True)
class Start:
    """An element begins; `tag` is `{namespace}name`."""

    tag: str


@dataclass(frozen=True, slots=True)
class End:
    """The element begun last ends."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment or an instruction: it says nothing, yet some readers take the text around it for two."""


Event = Start | End | Remark | str
"""What a stream yields; text comes in pieces."""


def forbidden_character(text: str) -> str:
    """The first character XML 1.0 has no place for (control characters, lone surrogates), or nothing."""
    found = _NOT_XML.search(text)
    return found[0] if found else ""


def _malformed(failure: etree.XMLSyntaxError) -> InvalidValue:
    line, column = failure.position
    wrong_encoding = failure.code == etree.ErrorTypes.ERR_INVALID_ENCODING
    return InvalidValue(
        XML_ENCODING_INVALID if wrong_encoding else XML_MALFORMED,
        f"XML not well-formed: {str(failure).strip()[:_SHOWN_CHARS]}",
        line=line,
        column=column,
    )


class _Depth:
    """Counts elements and their nesting, and refuses past the limits."""

    def __init__(self, limits: XmlLimits) -> None:
        self._limits = limits
        self._depth = 0
        self._elements = 0

    def enter(self) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > self._limits.depth:
            limit = self._limits.depth
            raise InvalidValue(XML_TOO_DEEP, f"XML nested deeper than {limit} elements", limit=limit)
        if self._elements > self._limits.elements:
            limit = self._limits.elements
            raise InvalidValue(XML_TOO_MANY_ELEMENTS, f"XML with more than {limit} elements", limit=limit)

    def leave(self) -> None:
        self._depth -= 1


class _Guard:
    """What the parser calls: it refuses past the limits, and keeps nothing."""

    def __init__(self, limits: XmlLimits) -> None:
        self._limits = limits
        self._depth = _Depth(limits)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth.enter()
        limit = self._limits.attribute_chars
        if attributes and sum(len(name) + len(value) for name, value in attributes.items()) > limit:
            name = local_name(tag)
            raise InvalidValue(
                XML_TEXT_TOO_LONG,
                f"attributes of {name!r} exceed {limit} characters",
                element=name,
                limit=limit,
            )

    def end(self, _tag: str) -> None:
        self._depth.leave()

    def doctype(self, _name: str, _public_id: str | None, _system_id: str | None) -> None:
        raise InvalidValue(XML_DTD_FORBIDDEN, "XML with a DOCTYPE: refused unread")

    def close(self) -> None:
        """Nothing was kept."""


class _Recorder(_Guard):
    """Besides, it writes down what came."""

    def __init__(self, limits: XmlLimits) -> None:
        super().__init__(limits)
        self.events: deque[Event] = deque()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        super().start(tag, attributes)
        self.events.append(Start(tag))

    def end(self, tag: str) -> None:
        super().end(tag)
        self.events.append(End())

    def data(self, text: str) -> None:
        self.events.append(text)

    def comment(self, _text: str) -> None:
        self.events.append(Remark())

    def pi(self, _target: str, _data: str | None = None) -> None:
        self.events.append(Remark())


class _Remarks(TypedDict):
    remove_comments: bool
    remove_pis: bool


class _Options(_Remarks):
    encoding: str
    resolve_entities: bool
    no_network: bool
    load_dtd: bool
    huge_tree: bool


# The encoding is ours, not the declaration's: `_beginning` has refused every other already, and lxml
# would refuse spellings such as "utf8".
_HARDENED: _Options = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
_KEEPING: _Remarks = {"remove_comments": False, "remove_pis": False}


def local_name(tag: str) -> str:
    """The name without its namespace."""
    return tag.rpartition("}")[2]


def namespace(tag: str) -> str:
    """The namespace of a tag; empty for none, and for a prefix nobody declared."""
    return tag.rpartition("}")[0][1:]


class XmlStream:
    """Events of one XML file as its bytes arrive; nothing is kept but what nobody has asked for yet.

    Iterating raises `InvalidValue` `XML_…`. After the first event `leading_whitespace` tells whether
    blanks stood before the declaration (not well-formed, yet harmless).
    """

    def __init__(self, chunks: Iterable[bytes], limits: XmlLimits) -> None:
        self.leading_whitespace = False
        self.size_bytes = 0
        self._limits = limits
        self._chunks = chunks

    def __iter__(self) -> Iterator[Event]:
        recorder = _Recorder(self._limits)
        # The stubs ask for prefixes too; a target without them is not told.
        parser = etree.XMLParser(target=recorder, **(_HARDENED | _KEEPING))  # type: ignore[call-overload]
        try:
            for piece in self._opened():
                parser.feed(piece)
                while recorder.events:
                    yield recorder.events.popleft()
            parser.close()
        except etree.XMLSyntaxError as failure:
            raise _malformed(failure) from failure
        yield from recorder.events

    def refuse_excess(self) -> None:
        """Raise what iterating would raise; nobody wants the events."""
        parser = etree.XMLParser(target=_Guard(self._limits), **_HARDENED)  # type: ignore[call-overload]
        try:
            for piece in self._opened():
                parser.feed(piece)
            parser.close()
        except etree.XMLSyntaxError as failure:
            raise _malformed(failure) from failure

    def _pieces(self) -> Iterator[bytes]:
        """Pieces small enough that the events of one stay few, whatever the caller's chunks."""
        for chunk in self._chunks:
            self.size_bytes += len(chunk)
            if self.size_bytes > self._limits.file_bytes:
                limit = self._limits.file_bytes
                raise InvalidValue(XML_TOO_LARGE, f"XML exceeds {limit} bytes", limit=limit)
            for start in range(0, len(chunk), PIECE_BYTES):
                yield chunk[start : start + PIECE_BYTES]

    def _opened(self) -> Iterator[bytes]:
        """The pieces, the first one long enough to judge the beginning by, and freed of a BOM."""
        pieces = self._pieces()
        head = b""
        while len(head) < _HEAD_BYTES:
            piece = next(pieces, None)
            if piece is None:
                break
            head += piece
        body, self.leading_whitespace = _beginning(head)
        yield body
        yield from pieces


def _beginning(head: bytes) -> tuple[bytes, bool]:
    """The first bytes without BOM and blanks, and whether blanks stood before a declaration."""
    if head.startswith(_UTF_16_OR_32) or b"\0" in head[:4]:
        raise InvalidValue(
            XML_ENCODING_UNSUPPORTED, "XML in UTF-16 or UTF-32, expected UTF-8", encoding="UTF-16/32"
        )
    unmarked = head.removeprefix(_BOM)
    body = unmarked.lstrip(b" \t\r\n")
    if body and not body.startswith(b"<"):
        raise InvalidValue(XML_LEADING_JUNK, "bytes other than white space before the first '<'")
    declared = _DECLARATION.match(body)
    # A declaration so long that its end is not in sight may name anything.
    unseen = body.startswith(b"<?xml") and b"?>" not in body and len(body) >= _HEAD_BYTES
    encoding = declared[1].decode("ascii") if declared else "không rõ" if unseen else "utf-8"
    if encoding.lower() not in _UTF_8_NAMES:
        raise InvalidValue(
            XML_ENCODING_UNSUPPORTED, f"XML declared as {encoding!r}, expected UTF-8", encoding=encoding
        )
    return body, len(body) < len(unmarked) and body.startswith(b"<?xml")


def parse_tree(data: bytes, limits: XmlLimits = XML_LIMITS, *, keep_remarks: bool = False) -> Element:
    """The root of a small document, comments and processing instructions dropped.

    `keep_remarks` keeps both, for whoever must see what a signature does and does not protect. Raises
    `InvalidValue` `XML_…` for anything not well-formed, oversize, not UTF-8, or with a DOCTYPE.
    """
    XmlStream((data,), limits).refuse_excess()  # before a tree is made of it
    body, _ = _beginning(data)
    try:
        options = _HARDENED | _KEEPING if keep_remarks else _HARDENED
        return etree.fromstring(body, etree.XMLParser(**options))
    except etree.XMLSyntaxError as failure:  # a tree has bounds of its own, such as 10 MB for one text
        raise _malformed(failure) from failure


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """One place where a document departs from its schema."""

    element: str
    """Name of the element at fault, without its namespace."""
    message: str
    """What the schema says, in English, without namespaces and shortened; may quote the value."""


VALIDATING = threading.Lock()
"""One thread at a time compiles a schema or validates by one, whichever it is: libxml2 2.14 shares something
between them, and two that begin at once now and then crash the process, or hang it for good."""


class Schema:
    """A published schema, compiled at first use; may be shared by threads (see `VALIDATING`)."""

    def __init__(self, name: str) -> None:
        """Of a file in `ebrvt_schemas`."""
        self._name = name

    @cached_property
    def _compiled(self) -> etree.XMLSchema:
        return etree.XMLSchema(parse_tree(open_schema(self._name)))

    def problems(self, root: Element) -> tuple[SchemaProblem, ...]:
        """Where the tree departs from the schema; empty when it is valid."""
        with VALIDATING:
            schema = self._compiled
            valid = schema.validate(root)
            return () if valid else tuple(_problem(entry.message) for entry in schema.error_log)


def _problem(message: str) -> SchemaProblem:
    named = _ELEMENT_OF_MESSAGE.match(message)
    return SchemaProblem(named[1] if named else "", _NAMESPACE.sub("", message)[:_SHOWN_CHARS])
