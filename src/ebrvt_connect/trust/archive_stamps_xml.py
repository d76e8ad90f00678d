"""Archive timestamps of XML signatures (XAdES 1.4.1 ArchiveTimeStamp): ETSI EN 319 132-1, 5.5.2.

Such a token is about, one after the other: what each reference leads to, SignedInfo, SignatureValue, KeyInfo,
the unsigned properties that stand before it, and the objects that hold no properties; each canonicalized as
the timestamp says, where it is not octets already. What stands behind it, it does not protect.

Its form with Include elements (for properties that stand elsewhere) and those of older versions of XAdES are
named and not judged.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from functools import partial
from hashlib import new as new_hash
from itertools import takewhile
from typing import TYPE_CHECKING

from lxml import etree

from ebrvt_connect.trust.archive_stamps import MOST_STAMPS, ArchiveStamp
from ebrvt_connect.trust.signed_data import CmsMalformed, load_signed_data
from ebrvt_connect.trust.xml_alone import alone
from ebrvt_connect.trust.xml_properties import is_archive_stamp, pieces_in_xml, unsigned_properties
from ebrvt_connect.trust.xml_words import CANONICALIZATIONS, DS, EXCLUSIVE_C14N, XADES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asn1crypto import cms
    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.xml_reading import XmlSignature

_QUALIFYING = XADES + "QualifyingProperties"
_MOST_PARTS = 100
"""Unsigned properties of one signature and its objects without any: each is canonicalized by itself."""
_MOST_NAMESPACES = 100
"""Namespaces in scope where these stand: each of the parts is written with all of them."""


@dataclass(frozen=True, slots=True)
class _Octets:
    """What timestamps of one signature are about, canonicalized once for all of them."""

    signature: XmlSignature
    references: tuple[bytes, ...]
    """What each reference led to, as it was digested."""
    _made: dict[tuple[Element, bool], bytes] = field(default_factory=dict)

    def about(self, before: list[Element], *, exclusive: bool) -> Iterator[bytes]:
        """The octets of a timestamp behind these properties, in order."""
        element = self.signature.element
        references = element[0].iterfind(f"{DS}Reference")
        for reference, octets in zip(references, self.references, strict=True):
            yield self._referred(reference, octets, exclusive=exclusive)
        core = [e for e in element[:3] if e.tag != DS + "Object"]
        objects = [o for o in element.iterchildren(DS + "Object") if o.find(_QUALIFYING) is None]
        for each in (*core, *before, *objects):
            yield self._canonical(each, exclusive=exclusive)

    def _referred(self, reference: Element, octets: bytes, *, exclusive: bool) -> bytes:
        """Octets where a transform made some; a node set (canonicalized plainly for its digest) anew."""
        transforms = reference.findall(f"{DS}Transforms/{DS}Transform")
        is_octets = any(t.get("Algorithm") in CANONICALIZATIONS for t in transforms)
        if is_octets or not exclusive:
            return octets
        if (reference, exclusive) not in self._made:
            self._made[reference, exclusive] = _written(etree.fromstring(octets, _parser()), exclusive=True)
        return self._made[reference, exclusive]

    def _canonical(self, element: Element, *, exclusive: bool) -> bytes:
        if (element, exclusive) not in self._made:
            itself = alone(element, EXCLUSIVE_C14N if exclusive else None)
            self._made[element, exclusive] = _written(itself, exclusive=exclusive)
        return self._made[element, exclusive]

    def imprint(self, before: list[Element], exclusive: bool, algorithm: str) -> bytes:  # noqa: FBT001 - bound by `partial`
        """The digest of all of it."""
        digest = new_hash(algorithm)
        for octets in self.about(before, exclusive=exclusive):
            digest.update(octets)
        return digest.digest()


def archive_stamps_in_xml(signature: XmlSignature, references: tuple[bytes, ...]) -> tuple[ArchiveStamp, ...]:
    """The archive timestamps of one signature that are judged.

    `references` are the octets of its references in order, which hold. Raises nothing for bad content.
    """
    properties = list(unsigned_properties(signature))
    found = [p for p in properties if is_archive_stamp(p)]
    if not found:
        return ()
    if len(signature.element.findall(f"{DS}Object/{_QUALIFYING}")) != 1 or not _stand_together(properties):
        return (ArchiveStamp(trouble="thuộc tính của chữ ký nằm ở nhiều chỗ"),)
    tokens = [(stamp, token) for stamp in found for token in stamp.iterfind(f"{XADES}EncapsulatedTimeStamp")]
    if max(len(found), len(tokens)) > MOST_STAMPS:
        return (ArchiveStamp(trouble=f"có hơn {MOST_STAMPS} dấu thời gian lưu trữ"),)
    if trouble := _too_much(signature.element, properties):
        return (ArchiveStamp(trouble=trouble),)
    octets = _Octets(signature, references)
    stamps = (_stamp(signature, octets, stamp, token, properties) for stamp, token in tokens)
    empty = set(found) - {stamp for stamp, _ in tokens}
    return (*stamps, *(ArchiveStamp(itself=stamp, trouble="thiếu dấu thời gian") for stamp in empty))


def _stand_together(properties: list[Element]) -> bool:
    return len({p.getparent() for p in properties}) == 1


def _too_much(signature: Element, properties: list[Element]) -> str:
    """What there is too much of to canonicalize it part by part, in Vietnamese; empty when there is not."""
    objects = signature.findall(f"{DS}Object")
    if len(properties) + len(objects) > _MOST_PARTS:
        return f"chữ ký có hơn {_MOST_PARTS} thuộc tính và đối tượng"
    if any(len(part.nsmap) > _MOST_NAMESPACES for part in (*signature, *properties)):
        return f"có hơn {_MOST_NAMESPACES} không gian tên (namespace) ở nơi đặt chữ ký"
    return ""


def _stamp(
    signature: XmlSignature, octets: _Octets, stamp: Element, token: Element, properties: list[Element]
) -> ArchiveStamp:
    before = list(takewhile(lambda p: p is not stamp, properties))
    try:
        exclusive = _method(stamp) == EXCLUSIVE_C14N
        read = _token(token)
    except CmsMalformed as failure:
        return ArchiveStamp(itself=stamp, trouble=failure.reason_vi)
    except ValueError:
        return ArchiveStamp(itself=stamp)
    protected = frozenset(before)
    return ArchiveStamp(
        token=read,
        imprint_of=partial(octets.imprint, before, exclusive),
        itself=stamp,
        protects=protected,
        evidence=pieces_in_xml(signature, protected=protected),
    )


def _method(stamp: Element) -> str | None:
    """The canonicalization, None for the standard's own; raises `ValueError` for one that is not read."""
    found = stamp.find(f"{DS}CanonicalizationMethod")
    if found is None:
        return None
    identifier = found.get("Algorithm")
    if identifier not in CANONICALIZATIONS or len(found):
        raise ValueError("canonicalization of a timestamp")
    return identifier


def _token(encapsulated: Element) -> cms.SignedData:
    return load_signed_data(b64decode("".join((encapsulated.text or "").split()), validate=True))


def _written(root: Element, *, exclusive: bool) -> bytes:
    return etree.tostring(root, method="c14n", exclusive=exclusive, with_comments=False)


def _parser() -> etree.XMLParser:
    """A new one: threads would wait for each other at a parser they share."""
    return etree.XMLParser(resolve_entities=False, no_network=True)
