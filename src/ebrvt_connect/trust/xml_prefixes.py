"""Prefixes in signed values (tiền tố trong giá trị được ký) whose meaning nobody signed.

Exclusive canonicalization writes a namespace only where a name of an element or attribute uses it. A value
such as `xsi:type="r:Duyet"` uses one too, unseen: whoever declares `r` anew on the way changes what the value
means, and no digest notices (Exclusive XML Canonicalization, 1.3; that is what its PrefixList is for).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lxml import etree

from ebrvt_connect.trust import xml_findings
from ebrvt_connect.trust.catalogue import Refused
from ebrvt_connect.trust.xml_words import EXCLUSIVE_C14N, INCLUSIVE_NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from lxml.etree import _Element as Element

_LIKELY: Final = (
    "[contains(., ':') and not(contains(., ': ') or contains(., '://')"
    " or contains('0123456789', substring(normalize-space(.), 1, 1)))]"
)
"""What may be names with prefixes: no sentence, address, time or number."""
_WITH_COLONS: Final = etree.XPath(f"descendant-or-self::*[text(){_LIKELY} or @*{_LIKELY}]")
_TEXTS: Final = etree.XPath(f"text(){_LIKELY} | @*{_LIKELY}")
_ATTRIBUTE_OF: Final = etree.XPath("boolean(@*[starts-with(name(), concat($prefix, ':'))])")
_NAME: Final = r"([^\W\d][\w.-]*):[^\W\d][\w.-]*(?:\s+|\Z)"
_NAMES: Final = re.compile(rf"\s*(?:{_NAME})+")
_EACH: Final = re.compile(_NAME)
_COMMON: Final = "http://www.w3.org/2001/XMLSchema"
"""Everybody declares it, most beside what is signed; only a prefix taken for something else is of use."""
_MOST_WORK: Final = 5_000_000
_STEP_WORK: Final = 20
"""Against one namespace in scope: what it takes to look at one element further up."""


def kept_prefixes(transform: Element) -> frozenset[str] | None:
    """The PrefixList of an exclusive canonicalization; None for one that keeps every prefix."""
    if transform.get("Algorithm") != EXCLUSIVE_C14N:
        return None
    lists = (child.get("PrefixList", "") for child in transform.iterchildren(INCLUSIVE_NAMESPACES))
    return frozenset(prefix for listed in lists for prefix in listed.split())


def loose_value(target: Element, kept: Container[str]) -> str:
    """The first value in a signed element that uses a prefix nobody signed; empty when there is none.

    Raises `Refused` where to look at all of them is too much work.
    """
    work = 0
    for element, value, prefix in _used(target):
        declared = element.nsmap
        if declared.get(prefix, _COMMON) != _COMMON and prefix not in kept:
            steps = list(_way_to_name(element, prefix, target))
            if not _names(steps[-1], prefix) or steps[-1].nsmap[prefix] != declared[prefix]:
                return value.strip()
            work += _STEP_WORK * len(steps)
        work += len(declared)
        if work > _MOST_WORK:
            raise Refused(xml_findings.XML_TOO_COMPLEX, reason="quá nhiều giá trị có tiền tố")
    return ""


def _used(target: Element) -> Iterator[tuple[Element, str, str]]:
    """Each prefix in a value that is one qualified name or several, with the value and where it stands."""
    for element in _WITH_COLONS(target):
        for value in map(str, _TEXTS(element)):
            if _NAMES.fullmatch(value):
                yield from ((element, value, prefix) for prefix in _EACH.findall(value))


def _way_to_name(element: Element, prefix: str, target: Element) -> Iterator[Element]:
    """From the element up to the next one in what is signed whose own name or attributes use the prefix."""
    node: Element | None = element
    while node is not None:
        yield node
        if node is target or _names(node, prefix):
            return
        node = node.getparent()


def _names(node: Element, prefix: str) -> bool:
    """Whether canonicalization has to write the prefix here."""
    return node.prefix == prefix or bool(_ATTRIBUTE_OF(node, prefix=prefix))
