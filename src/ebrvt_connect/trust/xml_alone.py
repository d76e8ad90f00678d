"""An element as the root of a document of its own (phần tử đứng riêng), to be canonicalized.

lxml writes a false `xmlns=""` into some elements when it canonicalizes them where they are. Taken out, an
element keeps the namespaces declared further up, yet loses what xml:lang and xml:space say there: inclusive
canonicalization writes those into it (Canonical XML 1.0, 2.4; 1.1, 2.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lxml import etree

from ebrvt_connect.trust.xml_words import CANONICAL_11, EXCLUSIVE_C14N

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxml.etree import _Element as Element

_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
_BASE, _ID = _XML + "base", _XML + "id"


def alone(element: Element, method: str | None) -> Element:
    """A copy by itself, with the attributes that this canonicalization (None: 1.0) inherits."""
    text = etree.tostring(element, encoding="utf-8", with_tail=False)
    root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    adopt(root, inherited(element), method)
    return root


def adopt(root: Element, attributes: Mapping[str, str], method: str | None) -> None:
    """Write these inherited attributes into a root as this canonicalization would."""
    if method == EXCLUSIVE_C14N:
        return
    for name, value in attributes.items():
        if name not in root.attrib and not (name == _ID and method == CANONICAL_11):
            root.set(name, value)


def inherited(element: Element) -> dict[str, str]:
    """Attributes of the namespace xml on the elements above, of each the nearest."""
    found: dict[str, str] = {}
    for above in element.iterancestors():
        for name, value in above.attrib.items():
            if str(name).startswith(_XML):
                found.setdefault(str(name), value)
    return found


def needs_joined_base(element: Element, method: str | None) -> bool:
    """Whether Canonical XML 1.1 would join xml:base of the elements above, which is not done here."""
    return method == CANONICAL_11 and _BASE in inherited(element)
