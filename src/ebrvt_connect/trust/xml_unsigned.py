"""What may stand within a ds:Signature though nothing signs it: the value, the key, unsigned properties.

No signature covers these, so nothing that a reader might show may stand in them. They are known by full
name, each has its place, and a place has its form: containers without text, leaves without children, and
of attributes an Id only, where the standard asks for no other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from ebrvt_connect.trust.xml_words import COUNTERSIGNATURE, DS, NC_NAME, SIGNATURE, XADES
from ebrvt_connect.trust.xml_words import XADES_141 as _XADES_141

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from lxml.etree import _Element as Element

_DS_11 = "{http://www.w3.org/2009/xmldsig11#}"
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"

_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*\Z")
_INTEGER = re.compile(r"\s*-?\d{1,80}\s*\Z", re.ASCII)
_TIME = re.compile(r"\s*[0-9T:.+Z-]{1,40}\s*\Z")
_WORD = re.compile(r"\S{1,300}\Z")
_DISTINGUISHED_NAME = re.compile(
    r"\s*/?[A-Za-z][\w.-]*\s*=[^\r\n]{1,2000}\Z|\s*\d+(\.\d+)+\s*=[^\r\n]{1,2000}\Z|\s*\Z"
)
"""Empty, too: so edXML software writes the subject."""
_NOTHING = re.compile(r"\Z")


def _of(namespace: str, names: str) -> frozenset[str]:
    return frozenset(namespace + name for name in names.split())


def _leaves(form: re.Pattern[str], *names: frozenset[str]) -> dict[str, re.Pattern[str]]:
    return {name: form for group in names for name in group}


_Forms = dict[str, frozenset[str] | re.Pattern[str]]
"""For each element by full name what may stand in it: these children, or text of this form."""

_KEY: _Forms = {
    **_leaves(
        _BASE64,
        _of(DS, "X509Certificate X509CRL X509SKI Modulus Exponent P Q G Y J Seed PgenCounter"),
        _of(_DS_11, "PublicKey X509Digest"),
    ),
    **_leaves(_DISTINGUISHED_NAME, _of(DS, "X509SubjectName X509IssuerName")),
    **_leaves(_INTEGER, _of(DS, "X509SerialNumber")),
    **_leaves(_NOTHING, _of(_DS_11, "NamedCurve")),
    DS + "KeyInfo": _of(DS, "X509Data KeyValue"),
    DS + "X509Data": _of(DS, "X509Certificate X509CRL X509SKI X509SubjectName X509IssuerSerial")
    | _of(_DS_11, "X509Digest"),
    DS + "X509IssuerSerial": _of(DS, "X509IssuerName X509SerialNumber"),
    DS + "KeyValue": _of(DS, "RSAKeyValue DSAKeyValue") | _of(_DS_11, "ECKeyValue"),
    DS + "RSAKeyValue": _of(DS, "Modulus Exponent"),
    DS + "DSAKeyValue": _of(DS, "P Q G Y J Seed PgenCounter"),
    _DS_11 + "ECKeyValue": _of(_DS_11, "NamedCurve PublicKey"),
}

_LATER_STAMPS = (
    "ArchiveTimeStamp SigAndRefsTimeStamp SigAndRefsTimeStampV2 RefsOnlyTimeStamp RefsOnlyTimeStampV2"
)
_STAMPS = _of(XADES, f"SignatureTimeStamp {_LATER_STAMPS}") | _of(_XADES_141, _LATER_STAMPS)
_VALIDATION_DATA = _of(_XADES_141, "TimeStampValidationData AnyValidationData")
_CERTIFICATE_VALUES = _of(XADES, "CertificateValues AttrAuthoritiesCertValues")
_REVOCATION_VALUES = _of(XADES, "RevocationValues AttributeRevocationValues")
_CERTIFICATE_REFS = _of(XADES, "CompleteCertificateRefs AttributeCertificateRefs")
_CERTIFICATE_REFS_V2 = _of(_XADES_141, "CompleteCertificateRefsV2 AttributeCertificateRefsV2")
_REVOCATION_REFS = _of(XADES, "CompleteRevocationRefs AttributeRevocationRefs")
_DIGEST = _of(DS, "DigestMethod DigestValue")

_PROPERTIES: _Forms = {
    **_leaves(
        _BASE64,
        _of(
            XADES,
            "EncapsulatedTimeStamp EncapsulatedX509Certificate EncapsulatedCRLValue EncapsulatedOCSPValue",
        ),
        _of(XADES, "ByKey IssuerSerialV2"),
        _of(DS, "DigestValue"),
    ),
    **_leaves(_NOTHING, _of(DS, "DigestMethod CanonicalizationMethod"), _of(XADES, "Include")),
    **_leaves(_DISTINGUISHED_NAME, _of(DS, "X509IssuerName"), _of(XADES, "Issuer ByName")),
    **_leaves(_INTEGER, _of(DS, "X509SerialNumber"), _of(XADES, "Number")),
    **_leaves(_TIME, _of(XADES, "IssueTime ProducedAt")),
    XADES + "UnsignedProperties": _of(XADES, "UnsignedSignatureProperties"),
    XADES + "UnsignedSignatureProperties": _STAMPS
    | _CERTIFICATE_VALUES
    | _REVOCATION_VALUES
    | _CERTIFICATE_REFS
    | _CERTIFICATE_REFS_V2
    | _REVOCATION_REFS
    | _VALIDATION_DATA
    | {COUNTERSIGNATURE},
    COUNTERSIGNATURE: frozenset({SIGNATURE}),
    **dict.fromkeys(_STAMPS, _of(DS, "CanonicalizationMethod") | _of(XADES, "Include EncapsulatedTimeStamp")),
    **dict.fromkeys(_CERTIFICATE_VALUES, _of(XADES, "EncapsulatedX509Certificate")),
    **dict.fromkeys(_REVOCATION_VALUES, _of(XADES, "CRLValues OCSPValues")),
    XADES + "CRLValues": _of(XADES, "EncapsulatedCRLValue"),
    XADES + "OCSPValues": _of(XADES, "EncapsulatedOCSPValue"),
    **dict.fromkeys(_VALIDATION_DATA, _of(XADES, "CertificateValues RevocationValues")),
    **dict.fromkeys(_CERTIFICATE_REFS, _of(XADES, "CertRefs")),
    **dict.fromkeys(_CERTIFICATE_REFS_V2, _of(_XADES_141, "CertRefs")),
    XADES + "CertRefs": _of(XADES, "Cert"),
    _XADES_141 + "CertRefs": _of(XADES, "Cert"),
    XADES + "Cert": _of(XADES, "CertDigest IssuerSerial IssuerSerialV2"),
    XADES + "CertDigest": _DIGEST,
    XADES + "IssuerSerial": _of(DS, "X509IssuerName X509SerialNumber"),
    **dict.fromkeys(_REVOCATION_REFS, _of(XADES, "CRLRefs OCSPRefs")),
    XADES + "CRLRefs": _of(XADES, "CRLRef"),
    XADES + "CRLRef": _of(XADES, "DigestAlgAndValue CRLIdentifier"),
    XADES + "DigestAlgAndValue": _DIGEST,
    XADES + "CRLIdentifier": _of(XADES, "Issuer IssueTime Number"),
    XADES + "OCSPRefs": _of(XADES, "OCSPRef"),
    XADES + "OCSPRef": _of(XADES, "OCSPIdentifier DigestAlgAndValue"),
    XADES + "OCSPIdentifier": _of(XADES, "ResponderID ProducedAt"),
    XADES + "ResponderID": _of(XADES, "ByName ByKey"),
}
"""Below UnsignedProperties (EN 319 132-1, 5.3 to 5.5, annex A); no content anybody may define himself."""

_POINTING = frozenset({"Algorithm", "Encoding", "URI", "referencedData"})
"""Attributes of elements that only say how or where."""
_POINTERS = frozenset(
    {
        _DS_11 + "NamedCurve",
        _DS_11 + "X509Digest",
        *_of(DS, "DigestMethod CanonicalizationMethod"),
        *_of(XADES, "Include CRLIdentifier OCSPIdentifier EncapsulatedTimeStamp EncapsulatedX509Certificate"),
        *_of(XADES, "EncapsulatedCRLValue EncapsulatedOCSPValue"),
        *_CERTIFICATE_VALUES,
        *_REVOCATION_VALUES,
        *_VALIDATION_DATA,
    }
)


def strange_in_value(value: Element) -> bool:
    """Whether a SignatureValue holds anything but its text and an Id."""
    return bool(len(value)) or not has_only_id(value)


def strange_in_key(key_info: Element) -> bool:
    """Whether a KeyInfo holds anything but certificates and what names or is a key."""
    return not _is_formed(key_info, _KEY)


def has_only_id(element: Element) -> bool:
    """Whether of attributes it has an Id at most, and one that is a name."""
    return all(is_id(str(name), value) for name, value in element.attrib.items())


def is_id(name: str, value: str) -> bool:
    """Whether the attribute is an Id: of no namespace or xml:id, and a name by its value."""
    return (name == _XML_ID or name.lower() == "id") and bool(NC_NAME.match(value))


def properties_only(holder: Element, vouched: Container[Element]) -> bool:
    """Whether a ds:Object holds properties of the signature and nothing else; `vouched` are signed by it.

    What the signer says (SignedProperties, SignatureProperties) must be signed; the rest is evidence by form.
    """
    children = list(holder)
    if not children or has_text(holder) or not (holder in vouched or has_only_id(holder)):
        return False
    return all((holder in vouched and _is_ours(c)) or _is_properties(c, vouched) for c in children)


def _is_ours(child: Element) -> bool:
    return child.tag in (DS + "SignatureProperties", XADES + "QualifyingProperties")


def _is_properties(element: Element, vouched: Container[Element]) -> bool:
    if element in vouched:
        return _is_ours(element)
    if has_text(element) or not len(element):
        return False
    if element.tag == DS + "SignatureProperties":
        own = all(c.tag == DS + "SignatureProperty" and c in vouched for c in element)
        return own and has_only_id(element)
    if element.tag != XADES + "QualifyingProperties":
        return False
    known = all(
        is_id(str(name), value) or (name == "Target" and _WORD.match(value))
        for name, value in element.attrib.items()
    )
    return known and all(_is_signed(child, vouched) or _is_evidence(child) for child in element)


def _is_signed(child: Element, vouched: Container[Element]) -> bool:
    return child.tag == XADES + "SignedProperties" and child in vouched


def _is_evidence(child: Element) -> bool:
    return child.tag == XADES + "UnsignedProperties" and _is_formed(child, _PROPERTIES)


def _is_formed(root: Element, forms: _Forms) -> bool:
    """Whether everything from here down stands in its place and has its form."""
    return all(_has_its_form(element, forms) for element in _without_signatures(root))


def _without_signatures(root: Element) -> Iterator[Element]:
    """All elements but the signatures in it: each of those is looked at by itself."""
    if next(root.iter(SIGNATURE), None) is None:
        yield from root.iter()
        return
    within = {inner for signature in root.iter(SIGNATURE) for inner in signature.iter()}
    yield from (element for element in root.iter() if element not in within)


def _has_its_form(element: Element, forms: _Forms) -> bool:
    form = forms.get(str(element.tag))
    if form is None or not _is_plainly_attributed(element):
        return False
    if isinstance(form, frozenset):
        return not has_text(element) and all(child.tag in form for child in element)
    return not len(element) and form.match(element.text or "") is not None


def _is_plainly_attributed(element: Element) -> bool:
    pointing = _POINTING if element.tag in _POINTERS else frozenset[str]()
    return all(
        is_id(str(name), value) or (name in pointing and _WORD.match(value))
        for name, value in element.attrib.items()
    )


def has_text(element: Element) -> bool:
    """Whether there is text, blanks aside, between its children."""
    pieces = (element.text, *(child.tail for child in element))
    return any(piece and piece.strip() for piece in pieces)


def vouched_in(signature: Element) -> frozenset[Element]:
    """What of a signature its own references lead to by an Id."""
    uris = (r.get("URI", "") for r in signature.iterfind(f"{DS}SignedInfo/{DS}Reference"))
    wanted = {uri[1:] for uri in uris if uri.startswith("#")}
    return frozenset(_with_ids(signature, wanted)) if wanted else frozenset()


def _with_ids(signature: Element, wanted: Container[str]) -> Iterator[Element]:
    for element in signature.iter(etree.Element):
        for name, value in element.attrib.items():
            if value in wanted and is_id(str(name), value):
                yield element
