"""What a signature in an Office package says it is about: the manifest in its package object, read strictly.

The signature proper signs objects within its own file; one of them holds the manifest, which lists parts
by name, content type and digest. Everything in between is refused unless it is exactly that: a second
manifest, an object nobody signed, a reference to something moved elsewhere are how such signatures are
wrapped. Of transforms only the relationship transform with a canonicalization behind it is accepted, and
only for parts that hold relationships; all other parts are signed byte for byte.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ebrvt_connect.trust import findings, ooxml_findings, xml_findings
from ebrvt_connect.trust.ooxml_package import RELATIONSHIPS_TYPE, has_text, source_of
from ebrvt_connect.trust.ooxml_zip import PackageRefused, is_part_name, key_of
from ebrvt_connect.trust.times import in_utc
from ebrvt_connect.trust.xml_unsigned import properties_only
from ebrvt_connect.trust.xml_words import CANONICALIZATIONS, DIGESTS, DS, ENVELOPED, SIGNATURE, XADES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.ooxml_package import Relationship
    from ebrvt_connect.trust.xml_reading import XmlSignature

RELATIONSHIP_TRANSFORM: Final = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform"
PACKAGE_SIGNATURES: Final = "{http://schemas.openxmlformats.org/package/2006/digital-signature}"
_OBJECT = DS + "Object"
_MANIFEST = DS + "Manifest"
_QUALIFYING = XADES + "QualifyingProperties"
_SIGNED_PROPERTIES = XADES + "SignedProperties"
_TIME = f"{DS}SignatureProperties/{DS}SignatureProperty/{PACKAGE_SIGNATURES}SignatureTime"
_URI = re.compile(r"(/[^?#]+)\?ContentType=([^?#&]+)")
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Selection:
    """Which relationships of a part are signed: by Id, or all of a type."""

    ids: frozenset[str]
    types: frozenset[str]

    def __contains__(self, relationship: Relationship) -> bool:
        return relationship.id in self.ids or relationship.type in self.types


@dataclass(frozen=True, slots=True)
class SignedPart:
    """One reference of the manifest."""

    key: str
    name: str
    """As written."""
    content_type: str
    digest: str
    """In the words of a report: `sha256`."""
    value: bytes
    selection: Selection | None
    """For relationships by the relationship transform; None: the part's bytes as they are."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parts one signature is about, and the signing time that stands beside them."""

    parts: tuple[SignedPart, ...]
    claimed_time: datetime | None


def read_manifest(signature: XmlSignature) -> Manifest:
    """The manifest of a signature whose file it is the root of. Raises `XmlRefused`."""
    package_object = _package_object(signature)
    names = [child.tag for child in package_object]
    if names not in ([_MANIFEST], [_MANIFEST, DS + "SignatureProperties"]) or has_text(package_object):
        raise _refused("đối tượng chứa danh mục")
    manifest = package_object[0]
    references = list(manifest)
    if not references or any(r.tag != DS + "Reference" for r in references) or has_text(manifest):
        raise _malformed("danh mục rỗng hoặc có thành phần lạ")
    parts: dict[str, SignedPart] = {}
    for reference in references:
        part = _signed_part(reference)
        if part.key in parts:
            raise _malformed(f"{_cut(part.name)} được liệt kê hai lần")
        parts[part.key] = part
    return Manifest(tuple(parts.values()), _claimed_time(package_object))


# --- the objects of a signature --------------------------------------------------------------------


def _package_object(signature: XmlSignature) -> Element:
    """The one signed object that holds the one manifest; every other object must be signed as well."""
    root = signature.element
    targets = [reference.target for reference in signature.references]
    if root.getparent() is not None or sum(1 for _ in root.iter(SIGNATURE)) != 1:
        raise _refused("chữ ký lồng nhau")
    if any(t.get("Algorithm") == ENVELOPED for t in root[0].iter(DS + "Transform")):
        raise PackageRefused(xml_findings.XML_TRANSFORM_REFUSED, reason="enveloped-signature")
    if len(set(targets)) != len(targets):
        raise _refused("hai tham chiếu tới một đối tượng")
    for target in targets:
        if not (_is_own_object(target, root) or _is_own_properties(target, root)):
            raise PackageRefused(xml_findings.XML_REFERENCE_REFUSED, reason=f"#{_cut(target.get('Id', ''))}")
    for own in root.iterchildren(_OBJECT):
        if own not in targets and not (len(own) == 1 and properties_only(own, frozenset(targets))):
            raise _refused("có đối tượng không được ký")
    manifests = list(root.iter(_MANIFEST))
    if len(manifests) != 1:
        raise _refused(f"có {len(manifests)} danh mục")
    holder = manifests[0].getparent()
    if holder is None or holder not in targets or not _is_own_object(holder, root):
        raise _refused("danh mục không nằm trong đối tượng được ký")
    return holder


def _is_own_object(target: Element, root: Element) -> bool:
    return target.tag == _OBJECT and target.getparent() is root


def _is_own_properties(target: Element, root: Element) -> bool:
    """Signed properties of XAdES in their place: Object, QualifyingProperties, SignedProperties."""
    above = [a.tag for a in target.iterancestors()]
    return target.tag == _SIGNED_PROPERTIES and above == [_QUALIFYING, _OBJECT, root.tag]


def _claimed_time(package_object: Element) -> datetime | None:
    """SignatureTime in UTC; None when absent, unreadable, or no more than a day."""
    found = package_object.findall(_TIME)
    value = found[0].find(f"{PACKAGE_SIGNATURES}Value") if len(found) == 1 else None
    text = "" if value is None else (value.text or "").strip()
    try:
        return in_utc(datetime.fromisoformat(text)) if "T" in text else None
    except ValueError:
        return None


# --- one reference ---------------------------------------------------------------------------------


def _signed_part(reference: Element) -> SignedPart:
    children = list(reference)
    names = [child.tag for child in children]
    transforms = children[0] if names[:1] == [DS + "Transforms"] else None
    if names[0 if transforms is None else 1 :] != [DS + "DigestMethod", DS + "DigestValue"]:
        raise _malformed("Reference")
    name, key, content_type = _named(reference.get("URI", ""))
    identifier = children[-2].get("Algorithm", "")
    if identifier not in DIGESTS or len(children[-2]):
        raise PackageRefused(findings.SIGNATURE_METHOD_NOT_ALLOWED, algorithm=_cut(identifier))
    try:
        value = b64decode("".join((children[-1].text or "").split()), validate=True)
    except ValueError:
        raise _malformed("DigestValue") from None
    holds_relationships = source_of(key) is not None
    if holds_relationships != (content_type.lower() == RELATIONSHIPS_TYPE):
        raise _malformed(f"kiểu nội dung của {_cut(name)}")
    selection = None if transforms is None else _selection(transforms, name if holds_relationships else "")
    return SignedPart(key, name, content_type, DIGESTS[identifier][1], value, selection)


def _named(uri: str) -> tuple[str, str, str]:
    """(part name, its key, content type) of `/word/document.xml?ContentType=…`."""
    found = _URI.fullmatch(uri)
    if found is None or not is_part_name(found[1]):
        raise _malformed(f"URI “{_cut(uri)}”")
    return found[1], key_of(found[1]), found[2]


def _selection(transforms: Element, name: str) -> Selection:
    """What the relationship transform selects; `name` is empty for a part without relationships."""
    chain = list(transforms)
    if any(child.tag != DS + "Transform" for child in chain) or has_text(transforms):
        raise _malformed("Transforms")
    identifiers = [child.get("Algorithm", "") for child in chain]
    # Canonicalization would let a signed part change in what it drops; nobody signs parts like that.
    if not name or len(chain) != 2 or identifiers[0] != RELATIONSHIP_TRANSFORM:  # noqa: PLR2004 - it and its follower
        raise PackageRefused(xml_findings.XML_TRANSFORM_REFUSED, reason=_cut(" ".join(identifiers)))
    if identifiers[1] not in CANONICALIZATIONS or len(chain[1]) or has_text(chain[0]):
        raise PackageRefused(xml_findings.XML_TRANSFORM_REFUSED, reason=_cut(identifiers[1]))
    return Selection(
        frozenset(_sources(chain[0], "RelationshipReference", "SourceId")),
        frozenset(_sources(chain[0], "RelationshipsGroupReference", "SourceType")),
    )


def _sources(transform: Element, tag: str, attribute: str) -> Iterator[str]:
    known = {PACKAGE_SIGNATURES + "RelationshipReference", PACKAGE_SIGNATURES + "RelationshipsGroupReference"}
    for child in transform:
        if child.tag not in known or len(child):
            raise _malformed("RelationshipTransform")
        if child.tag == PACKAGE_SIGNATURES + tag:
            if list(child.attrib) != [attribute]:
                raise _malformed(tag)
            yield child.get(attribute, "")


def _refused(reason: str) -> PackageRefused:
    return PackageRefused(ooxml_findings.OOXML_OBJECT_REFUSED, reason=reason)


def _malformed(reason: str) -> PackageRefused:
    return PackageRefused(ooxml_findings.OOXML_MANIFEST_MALFORMED, reason=reason)


def _cut(text: str) -> str:
    return text[:_SHOWN_CHARS]
