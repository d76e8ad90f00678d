"""An Office package (OOXML, ECMA-376 part 2): parts, their content types, relationships between them.

Parts are known by a key, in which letter case and percent-encoding no longer differ, since readers treat
such names alike; the archive has refused packages in which two names share a key. Content types and
relationships are read strictly: what the relationship transform of signatures would drop, and a reader
might heed, is refused.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lxml import etree

from ebrvt_connect.trust import ooxml_findings
from ebrvt_connect.trust.ooxml_zip import (
    CONTENT_TYPES,
    MOST_BYTES,
    PackageRefused,
    key_of,
    read_items,
    unpacked,
)
from ebrvt_connect.trust.xml_reading import XmlRefused, read_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.ooxml_zip import ZipItem

RELATIONSHIPS_TYPE: Final = "application/vnd.openxmlformats-package.relationships+xml"
RELATIONSHIPS_NAMESPACE: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_RELATIONSHIPS = f"{{{RELATIONSHIPS_NAMESPACE}}}"
_RELATIONSHIPS_PART = re.compile(r"(.*)/_rels/([^/]*)\.rels")
_NEEDED = {"Id", "Type", "Target"}
_IDENTIFIER = re.compile(r"[^\W\d][\w.-]*")
_LEADS_OUT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|.*\\")
"""A scheme, a host, or a backslash, which some readers take for a slash."""
_CONTENT_TYPE = re.compile(r"[\x21-\x7e]+/[\x20-\x7e]*[\x21-\x7e]")
_MOST_WORK_BYTES = MOST_BYTES * 3 // 2
"""How much is unpacked for digests: several algorithms over the same large parts cost again and again."""
_MOST_XML_BYTES = 8 * 1024 * 1024
"""All that is parsed of a package: content types, relationships, signatures."""
_PLAIN_BYTES = 32 * 1024
_DECLARATIONS = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n',
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n',
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
    b'<?xml version="1.0" encoding="utf-8"?>',
    b'<?xml version="1.0" encoding="UTF-8"?>',
)
_SHOWN_CHARS = 100

ROOT: Final = ""
"""The key of the package itself as the source of relationships."""


@dataclass(frozen=True, slots=True)
class Relationship:
    """One relationship: from a part, or the package itself, to a part or out of the package."""

    source: str
    """Key of the part it belongs to."""
    id: str
    type: str
    target: str
    """As written."""
    internal: bool
    """As declared by its TargetMode."""
    part: str
    """Key of the target; empty where it leads out of the package, whatever is declared."""

    @property
    def shown(self) -> str:
        """`/word/_rels/document.xml.rels#rId5`."""
        return f"{relationships_of(self.source)}#{self.id[:_SHOWN_CHARS]}"

    @property
    def canonical(self) -> str:
        """As the relationship transform and a canonicalization have it, TargetMode written out."""
        mode = "Internal" if self.internal else "External"
        fields = (("Id", self.id), ("Target", self.target), ("TargetMode", mode), ("Type", self.type))
        written = " ".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in fields)
        return f"<Relationship {written}></Relationship>"


def relationships_of(source: str) -> str:
    """The key of the part that holds a source's relationships."""
    folder, _, name = source.rpartition("/")
    return f"{folder}/_rels/{name}.rels"


def source_of(key: str) -> str | None:
    """Whose relationships a part holds; None when it holds none, by its name."""
    found = _RELATIONSHIPS_PART.fullmatch(key)
    if found is None:
        return None
    return f"{found[1]}/{found[2]}" if found[2] else (ROOT if not found[1] else None)


def transformed(relationships: Iterable[Relationship]) -> bytes:
    """What the relationship transform makes of those selected (ECMA-376 part 2, 13.2.4.24), canonicalized.

    Sorted by Id, no blanks, one default namespace: every canonicalization gives these same bytes.
    """
    lines = "".join(r.canonical for r in sorted(relationships, key=lambda r: r.id))
    return f'<Relationships xmlns="{RELATIONSHIPS_NAMESPACE}">{lines}</Relationships>'.encode()


class Package:
    """A package held in memory; making one raises `PackageRefused` for what must not be looked into."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        items = {item.name: item for item in read_items(data)}
        types = items.pop(CONTENT_TYPES, None)
        if types is None:
            raise _unreadable(f"/{CONTENT_TYPES}", "không có")
        self._items = {key_of("/" + name): item for name, item in items.items()}
        self._relationships: dict[str, tuple[Relationship, ...]] = {}
        self._digests: dict[tuple[str, str], bytes] = {}
        self._unpacked: set[str] = set()
        self._contents: dict[str, bytes] = {}
        self._work_left = _MOST_WORK_BYTES
        self._xml_left = _MOST_XML_BYTES
        self._defaults, self._overrides = _content_types(self._root(types))

    @property
    def parts(self) -> tuple[str, ...]:
        """Keys of all parts, those that hold relationships too; `[Content_Types].xml` is none."""
        return tuple(self._items)

    def __contains__(self, key: str) -> bool:
        return key in self._items

    def shown(self, key: str) -> str:
        """The name a part bears in the archive."""
        return ("/" + self._items[key].name if key in self._items else key)[:_SHOWN_CHARS]

    def size(self, key: str) -> int:
        """Bytes of a part, unpacked."""
        return self._items[key].size

    def content_type(self, key: str) -> str:
        """The declared content type; empty when none is declared."""
        _, dot, extension = key.rpartition("/")[2].rpartition(".")
        return self._overrides.get(key) or (self._defaults.get(extension, "") if dot else "")

    def relationships(self, source: str) -> tuple[Relationship, ...]:
        """A source's relationships; none where it has no such part. Raises `PackageRefused`."""
        key = relationships_of(source)
        if key not in self._items:
            return ()
        if source not in self._relationships:
            where = self.shown(key)
            if self.content_type(key).lower() != RELATIONSHIPS_TYPE:
                raise _unreadable(where, "kiểu nội dung")
            self._relationships[source] = _relationships(self.root_of(key), source, where)
        return self._relationships[source]

    def root_of(self, key: str) -> Element:
        """The tree of a part, comments and instructions kept. Raises `PackageRefused`."""
        self._unpacked.add(key)
        return self._root(self._items[key])

    def digest(self, key: str, algorithm: str) -> bytes:
        """A part's digest. Raises `PackageRefused` when it does not unpack as claimed."""
        if (key, algorithm) not in self._digests:
            made = hashlib.new(algorithm)
            for piece in self._pieces(self._items[key]):
                made.update(piece)
            self._digests[key, algorithm] = made.digest()
            self._unpacked.add(key)
        return self._digests[key, algorithm]

    def content(self, key: str) -> bytes:
        """A part unpacked, once for all who look into it. Raises `PackageRefused`."""
        if key not in self._contents:
            self._contents[key] = b"".join(unpacked(self._data, self._items[key]))
            self._unpacked.add(key)
        return self._contents[key]

    def all_relationships(self) -> tuple[Relationship, ...]:
        """Those of the package itself and of every part. Raises `PackageRefused`."""
        sources = (s for key in self._items if (s := source_of(key)) is not None)
        return tuple(r for s in sources if s == ROOT or s in self._items for r in self.relationships(s))

    def check_rest(self) -> None:
        """Unpack what nobody has asked for: a damaged part is no part. Raises `PackageRefused`."""
        for key, item in self._items.items():
            if key not in self._unpacked:
                for _ in self._pieces(item):
                    pass

    def _root(self, item: ZipItem) -> Element:
        where = f"/{item.name[:_SHOWN_CHARS]}"
        self._xml_left -= item.size
        if self._xml_left < 0:
            raise PackageRefused(ooxml_findings.OOXML_TOO_LARGE, reason=f"XML hơn {_MOST_XML_BYTES} byte")
        content = b"".join(self._pieces(item))
        try:
            return _plain_root(content) if len(content) <= _PLAIN_BYTES else read_root(content)
        except XmlRefused as refusal:
            raise _unreadable(where, str(refusal.facts.get("reason", ""))) from refusal

    def _pieces(self, item: ZipItem) -> Iterator[bytes]:
        self._work_left -= item.size
        if self._work_left < 0:
            raise PackageRefused(ooxml_findings.OOXML_TOO_LARGE, reason="nhiều thuật toán băm")
        return unpacked(self._data, item)


def _plain_root(content: bytes) -> Element:
    """As `read_root`, in a third of the time for small parts of elements and nothing else.

    Without `<!` and `<?` there is no document type, entity or other encoding to look for; how deep it may be
    is bounded by its size and by what is asked of it afterwards. Raises `XmlRefused`.
    """
    body = next((content.removeprefix(d) for d in _DECLARATIONS if content.startswith(d)), content)
    if not body.startswith(b"<") or b"<!" in body or b"<?" in body or b"&" in body or b"\0" in body:
        return read_root(content)
    try:
        return etree.fromstring(
            body, etree.XMLParser(resolve_entities=False, no_network=True, encoding="utf-8")
        )
    except etree.XMLSyntaxError:
        return read_root(content)


def _content_types(root: Element) -> tuple[dict[str, str], dict[str, str]]:
    """(by extension, by key of the part), each declared once. Raises `PackageRefused`."""
    defaults: dict[str, str] = {}
    overrides: dict[str, str] = {}
    where = f"/{CONTENT_TYPES}"
    if root.tag != _TYPES + "Types" or root.attrib or has_text(root):
        raise _unreadable(where, "phần tử gốc")
    for element in root.iterchildren(etree.Element):
        given = {str(name): str(value) for name, value in element.attrib.items()}
        declared = given.get("ContentType", "")
        if element.tag == _TYPES + "Default" and given.keys() == {"ContentType", "Extension"}:
            into, key = defaults, given["Extension"].lower()
        elif element.tag == _TYPES + "Override" and given.keys() == {"ContentType", "PartName"}:
            into, key = overrides, key_of(given["PartName"])
        else:
            raise _unreadable(where, "khai báo lạ")
        if key in into or not _CONTENT_TYPE.fullmatch(declared) or len(element) or element.text:
            raise _unreadable(where, "khai báo sai hoặc trùng")
        into[key] = declared
    return defaults, overrides


def _relationships(root: Element, source: str, where: str) -> tuple[Relationship, ...]:
    if root.tag != _RELATIONSHIPS + "Relationships" or root.attrib or has_text(root):
        raise _unreadable(where, "phần tử gốc")
    found: dict[str, Relationship] = {}
    for element in root.iterchildren(etree.Element):
        relationship = _relationship(element, source)
        if relationship is None or relationship.id in found:
            raise _unreadable(where, "liên kết sai cấu trúc hoặc trùng Id")
        found[relationship.id] = relationship
    return tuple(found.values())


def _relationship(element: Element, source: str) -> Relationship | None:
    """None when it is not what it must be."""
    given = {str(name): str(value) for name, value in element.attrib.items()}
    mode = given.pop("TargetMode", "Internal")
    if (
        element.tag != _RELATIONSHIPS + "Relationship"
        or given.keys() != _NEEDED
        or mode not in ("Internal", "External")
        or len(element)
        or has_text(element)
        or not _IDENTIFIER.fullmatch(given["Id"])
        or any(not value or value.strip() != value for value in given.values())
    ):
        return None
    target = given["Target"]
    internal = mode == "Internal"
    return Relationship(
        source, given["Id"], given["Type"], target, internal, _resolved(source, target) if internal else ""
    )


def _resolved(source: str, target: str) -> str:
    """The key of the part a target names, seen from the source's folder; empty where it leads elsewhere."""
    path = target.partition("#")[0].partition("?")[0]
    if _LEADS_OUT.match(target) or not path:
        return ""
    steps = [] if path.startswith("/") else source.split("/")[1:-1]
    for step in path.split("/"):
        if step == "..":
            if not steps:
                return ""
            steps.pop()
        elif step not in ("", "."):
            steps.append(step)
    return key_of("/" + "/".join(steps))


def has_text(element: Element) -> bool:
    """Whether text stands in it beside its children."""
    pieces = (element.text, *(child.tail for child in element))
    return any(piece and piece.strip() for piece in pieces)


_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)


def _unreadable(part: str, reason: str) -> PackageRefused:
    return PackageRefused(ooxml_findings.OOXML_PART_UNREADABLE, part=part, reason=reason)
