"""What a PDF says of itself in XMP (siêu dữ liệu XMP), read to tell whether a later signer changed it.

Signing tools note in it when they wrote the file and what they are, and write the rest anew in another
spelling: attributes for elements, other prefixes, other order. So what it says is compared, not how (ISO
16684-1): properties with their values, whatever stands for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from ebrvt_connect.codec.xml import parse_tree
from ebrvt_connect.errors import InvalidValue

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_LISTS: Final = frozenset({f"{_RDF}Seq", f"{_RDF}Bag", f"{_RDF}Alt"})
_STRUCTURE: Final = {f"{_RDF}parseType": "Resource"}
_WRITTEN_BY_SIGNERS: Final = frozenset(
    {
        "{http://ns.adobe.com/xap/1.0/}ModifyDate",
        "{http://ns.adobe.com/xap/1.0/}MetadataDate",
        "{http://ns.adobe.com/pdf/1.3/}Producer",
        "{http://ns.adobe.com/xap/1.0/mm/}InstanceID",
    }
)
_MOST_BYTES: Final = 256 * 1024

Said: TypeAlias = "str | tuple[object, ...] | dict[str, Said]"


def stable_metadata(xmp: bytes) -> Said:
    """What XMP says, but for what signing tools write; raises `ValueError` for what does not read as such."""
    if len(xmp) > _MOST_BYTES:
        raise ValueError("metadata longer than anybody writes")
    try:
        root = parse_tree(xmp.strip(b"\0\t\n\r "))
    except InvalidValue as failure:
        raise ValueError("metadata that is no XML") from failure
    within = [root] if root.tag == f"{_RDF}RDF" else list(root)
    if [each.tag for each in within] != [f"{_RDF}RDF"]:
        raise ValueError("metadata that is no XMP")
    said: dict[str, Said] = {}
    for description in within[0]:
        if description.tag != f"{_RDF}Description":
            raise ValueError("metadata that is no XMP")
        _take(said, description)
    return {name: value for name, value in said.items() if name not in _WRITTEN_BY_SIGNERS}


def _take(said: dict[str, Said], holder: Element) -> None:
    """The properties of a description or structure, written as attributes or as elements."""
    _refuse_loose_text(holder)
    for name, text in holder.attrib.items():
        if name not in _STRUCTURE and not (name == f"{_RDF}about" and not text):
            _add(said, name, text)
    for element in holder:
        _add(said, str(element.tag), _value(element))


def _add(said: dict[str, Said], name: str, value: Said) -> None:
    if name in said or (name.startswith(_RDF) and name != f"{_RDF}value"):
        raise ValueError("metadata that says something twice, or in a way nobody uses")
    said[name] = value


def _value(element: Element) -> Said:
    """A text, a list or a structure; with its language, where it names one."""
    attributes = {name: text for name, text in element.attrib.items() if name != _LANGUAGE}
    language = element.get(_LANGUAGE)
    value: Said
    if len(element) == 1 and element[0].tag in _LISTS and not attributes:
        _refuse_loose_text(element)
        _refuse_loose_text(element[0])
        if element[0].attrib or any(item.tag != f"{_RDF}li" for item in element[0]):
            raise ValueError("metadata with a list that is none")
        value = (element[0].tag, *map(_value, element[0]))
    elif len(element) or attributes:
        value = {}
        _take(value, element[0] if _is_wrapped(element, attributes) else element)
    else:
        value = element.text or ""
    return value if language is None else (language, value)


def _is_wrapped(element: Element, attributes: dict[str, str]) -> bool:
    """Whether a structure stands in a description of its own."""
    if len(element) == 1 and element[0].tag == f"{_RDF}Description" and not attributes:
        _refuse_loose_text(element)
        return True
    if len(element) and attributes != _STRUCTURE:
        raise ValueError("metadata with a structure that is none")
    return False


def _refuse_loose_text(holder: Element) -> None:
    texts = [holder.text, *(child.tail for child in holder)]
    if any(text and text.strip() for text in texts):
        raise ValueError("metadata with text where none belongs")
