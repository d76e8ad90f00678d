"""What an XML signature says about itself (XAdES, EN 319 132-1): signed properties and timestamps.

Of what the signer claims only properties count that one of the signature's references covers: anybody can
write the others. A timestamp needs no such cover; it stands or falls by its own token.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from hashlib import new as new_hash
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from ebrvt_connect.trust.embedded import Embedded, EvidencePieces
from ebrvt_connect.trust.signed_data import load_signed_data
from ebrvt_connect.trust.times import in_utc
from ebrvt_connect.trust.xml_alone import alone
from ebrvt_connect.trust.xml_words import (
    ARCHIVE_STAMP,
    CANONICALIZATIONS,
    COUNTERSIGNATURE,
    DIGESTS,
    DS,
    EXCLUSIVE_C14N,
    SIGNATURE,
    XADES,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from asn1crypto import cms
    from cryptography import x509
    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.xml_reading import XmlSignature

_TIMESTAMPS = "/".join(
    XADES + name
    for name in (
        "QualifyingProperties",
        "UnsignedProperties",
        "UnsignedSignatureProperties",
        "SignatureTimeStamp",
    )
)
_MOST_TIMESTAMPS = 10
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
"""As XML Schema has it, seconds left out at most; a day, or a week of a year, tells no moment."""
_SIGNED_PROPERTIES = XADES + "SignedProperties"
_SIGNED_PROPERTIES_TYPE = "http://uri.etsi.org/01903#SignedProperties"
_UNCOUNTED = frozenset(
    {
        "ArchiveTimeStamp",
        "SigAndRefsTimeStamp",
        "SigAndRefsTimeStampV2",
        "RefsOnlyTimeStamp",
        "RefsOnlyTimeStampV2",
    }
)
"""Timestamps over more than the signature value (EN 319 132-1, 5.5, annex A)."""
_EVIDENCE = ("EncapsulatedX509Certificate", "EncapsulatedCRLValue", "EncapsulatedOCSPValue")
_EVIDENCE_GROUPS = frozenset(
    {"CertificateValues", "RevocationValues", "TimeStampValidationData", "AnyValidationData"}
)


@dataclass(frozen=True, slots=True)
class SignedProperties:
    """The signed properties of one signature; empty when it has none."""

    element: Element | None = None

    @classmethod
    def of(cls, signature: XmlSignature) -> SignedProperties:
        """Those in their place in the signature that a reference covers; none where there are several.

        What is called so elsewhere is content: of a signature around a paper it is the paper's author who
        wrote it, and not the signer (EN 319 132-1, 4.3.1, 4.4.2).
        """
        found = signature.element.findall(f"{DS}Object/{XADES}QualifyingProperties/{_SIGNED_PROPERTIES}")
        covered = [e for e in found if _is_covered(e, signature)]
        return cls(covered[0] if len(found) == len(covered) == 1 else None)

    @property
    def claimed_time(self) -> datetime | None:
        """SigningTime in UTC; one without offset is Vietnam's. None when absent, unreadable or told twice."""
        found = [] if self.element is None else self.element.findall(f".//{XADES}SigningTime")
        told = (found[0].text or "").strip() if len(found) == 1 else ""
        try:
            return in_utc(datetime.fromisoformat(told)) if _DATE_TIME.fullmatch(told) else None
        except ValueError:
            return None

    def certificate_named(self, candidates: tuple[x509.Certificate, ...]) -> x509.Certificate | None:
        """The candidate whose digest the properties name first; None when they name none of them."""
        digest = self._certificate_digest()
        if digest is None:
            return None
        name, value = digest
        return next(
            (c for c in candidates if new_hash(name, c.public_bytes(Encoding.DER)).digest() == value), None
        )

    @property
    def names_a_certificate(self) -> bool:
        """Whether there is a SigningCertificate or SigningCertificateV2."""
        return self._certificate_element() is not None

    def _certificate_element(self) -> Element | None:
        if self.element is None:
            return None
        spellings = (f".//{XADES}SigningCertificateV2", f".//{XADES}SigningCertificate")
        return next((e for s in spellings if (e := self.element.find(s)) is not None), None)

    def _certificate_digest(self) -> tuple[str, bytes] | None:
        named = self._certificate_element()
        if named is None:
            return None
        path = f"{XADES}Cert/{XADES}CertDigest"
        method, value = named.find(f"{path}/{DS}DigestMethod"), named.find(f"{path}/{DS}DigestValue")
        known = None if method is None else DIGESTS.get(method.get("Algorithm", ""))
        if known is None or value is None:
            return None
        try:
            return known[1], b64decode("".join((value.text or "").split()), validate=True)
        except ValueError:
            return None


def timestamped_values(signature: XmlSignature) -> Iterator[tuple[cms.SignedData, bytes, Element]]:
    """Each signature timestamp's token, the canonical SignatureValue it must be about, its property; ten.

    Raises `ValueError` and what asn1crypto raises for tokens that do not read.
    """
    found = signature.element.iterfind(f"{DS}Object/{_TIMESTAMPS}")
    for stamp, _ in zip(found, range(_MOST_TIMESTAMPS), strict=False):
        method = stamp.find(f"{DS}CanonicalizationMethod")
        identifier = None if method is None else method.get("Algorithm")
        if identifier is not None and identifier not in CANONICALIZATIONS:
            raise ValueError("canonicalization of a timestamp")
        value = alone(signature.element[1], identifier)
        canonical = etree.tostring(value, method="c14n", exclusive=identifier == EXCLUSIVE_C14N)
        for token in stamp.iterfind(f"{XADES}EncapsulatedTimeStamp"):
            yield load_signed_data(_decoded(token)), canonical, stamp


def content_tokens(
    signature: XmlSignature, properties: SignedProperties, signed: tuple[bytes, ...]
) -> Iterator[tuple[cms.SignedData, bytes, Element]]:
    """Each content timestamp's token, the data it must be about, and its property; the first ten.

    `signed` are the octets of the signature's references in order. Raises as `timestamped_values`.
    """
    if properties.element is None:
        return
    references = list(zip(signature.element[0].iterfind(f"{DS}Reference"), signed, strict=True))
    stamps = (
        stamp
        for name in ("AllDataObjectsTimeStamp", "IndividualDataObjectsTimeStamp")
        for stamp in properties.element.iterfind(f"{XADES}SignedDataObjectProperties/{XADES}{name}")
    )
    for stamp, _ in zip(stamps, range(_MOST_TIMESTAMPS), strict=False):
        if stamp.tag == f"{XADES}AllDataObjectsTimeStamp":
            chosen = [octets for e, octets in references if e.get("Type") != _SIGNED_PROPERTIES_TYPE]
        else:
            by_id = {e.get("Id"): octets for e, octets in references}
            chosen = [by_id[i.get("URI", "").removeprefix("#")] for i in stamp.iterfind(f"{XADES}Include")]
        if not chosen:
            raise ValueError("a content timestamp about nothing")
        for token in stamp.iterfind(f"{XADES}EncapsulatedTimeStamp"):
            yield load_signed_data(_decoded(token)), b"".join(chosen), stamp


def uncounted_timestamps(signature: XmlSignature) -> tuple[str, ...]:
    """Names of the kinds of timestamps it has that are not judged."""
    later = (e for e in unsigned_properties(signature) if not is_archive_stamp(e))
    found = (_local(e) for e in later)
    return tuple(dict.fromkeys(name for name in found if name in _UNCOUNTED))


def is_countersigned(signature: XmlSignature) -> bool:
    """Whether it has a place for a countersignature with no signature in it, which nobody judges."""
    places = (e for e in unsigned_properties(signature) if e.tag == COUNTERSIGNATURE)
    return any(place.find(SIGNATURE) is None for place in places)


def is_archive_stamp(element: Element) -> bool:
    """Whether it is an archive timestamp of the kind that is judged (`trust.archive_stamps_xml`)."""
    return element.tag == ARCHIVE_STAMP and element.find(f"{XADES}Include") is None


def evidence_in_xml(signature: XmlSignature) -> Embedded:
    """Certificates and revocation data among the unsigned properties; what does not read is left out."""
    return pieces_in_xml(signature).read()


def pieces_in_xml(signature: XmlSignature, *, protected: Container[Element] | None = None) -> EvidencePieces:
    """The same, not read yet; with `protected` what is in these properties alone."""
    found: dict[str, list[bytes]] = {name: [] for name in _EVIDENCE}
    for group in unsigned_properties(signature):
        if _local(group) not in _EVIDENCE_GROUPS or not (protected is None or group in protected):
            continue
        for element in group.iter():
            name = _local(element)
            if name in _EVIDENCE:
                try:
                    found[name].append(_decoded(element))
                except ValueError:
                    continue
    return EvidencePieces(*(tuple(found[name]) for name in _EVIDENCE))


def unsigned_properties(signature: XmlSignature) -> Iterator[Element]:
    """The unsigned properties of the signature, whichever version of XAdES names them, in order."""
    path = "/".join(
        XADES + name for name in ("QualifyingProperties", "UnsignedProperties", "UnsignedSignatureProperties")
    )
    for properties in signature.element.iterfind(f"{DS}Object/{path}"):
        yield from properties


def _local(element: Element) -> str:
    return etree.QName(element).localname


def _decoded(element: Element) -> bytes:
    return b64decode("".join((element.text or "").split()), validate=True)


def _is_covered(element: Element, signature: XmlSignature) -> bool:
    """Whether a reference to it, or to something above it within the signature, covers the element.

    A reference to what surrounds the signature does not: the enveloped transform takes the signature out.
    """
    targets = {reference.target for reference in signature.references}
    node: Element | None = element
    while node is not None and node is not signature.element:
        if node in targets:
            return True
        node = node.getparent()
    return False
