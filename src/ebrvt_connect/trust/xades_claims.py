"""What makes an XML signature an advanced one (XAdES, ETSI EN 319 132-1): written here, for `trust.xmldsig`.

B-B: the signer's word on the time, the digest of the certificate and the kind of content, all of it signed.
B-T: a timestamp over the canonical SignatureValue, among the properties that nobody signs. Both are
canonicalized exclusively, so what surrounds the signature takes no part in them.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from ebrvt_connect.codec.xml import parse_tree
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.trust.xml_words import DS, EXCLUSIVE_C14N, SIGNATURE, XADES

if TYPE_CHECKING:
    from datetime import datetime

    from lxml.etree import _Element as Element

_NAMESPACES = f'xmlns:xades="{XADES[1:-1]}" xmlns:ds="{DS[1:-1]}"'
_SIGNED_PROPERTIES = (
    f'<xades:SignedProperties {_NAMESPACES} Id="{{id}}-props"><xades:SignedSignatureProperties>'
    "<xades:SigningTime>{time}</xades:SigningTime>"
    "<xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
    "<ds:DigestValue>{certificate}</ds:DigestValue>"
    "</xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties>"
    '<xades:SignedDataObjectProperties><xades:DataObjectFormat ObjectReference="#{id}-ref">'
    "<xades:MimeType>text/xml</xades:MimeType></xades:DataObjectFormat></xades:SignedDataObjectProperties>"
    "</xades:SignedProperties>"
)
# In canonical form, as `trust.xmldsig` writes the rest of SignedInfo.
_REFERENCE = (
    '<ds:Reference Type="http://uri.etsi.org/01903#SignedProperties" URI="#{id}-props"><ds:Transforms>'
    f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}"></ds:Transform></ds:Transforms>'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>'
    "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
)
_OBJECT = (
    f'<ds:Object><xades:QualifyingProperties xmlns:xades="{XADES[1:-1]}" Target="#{{id}}">'
    "{properties}</xades:QualifyingProperties></ds:Object>"
)
_TIMESTAMP = (
    f"<xades:UnsignedProperties {_NAMESPACES}><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>"
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"/>'
    "<xades:EncapsulatedTimeStamp>{token}</xades:EncapsulatedTimeStamp>"
    "</xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a signer says and signs beside the content: the pieces of one XAdES B-B signature."""

    id: str
    """Of the ds:Signature; those of its parts begin with it."""
    reference: str
    """The ds:Reference to the properties, in canonical form."""
    held: str
    """The ds:Object that holds them."""

    @classmethod
    def of(cls, certificate: bytes, signed_at: datetime, document: bytes) -> Claims:
        """Those of one more signature in `document`, by this certificate (DER).

        The Ids follow from all of it: the same signature can be made again, and another one gets others.
        Raises `ValueError` for a naive time.
        """
        if signed_at.tzinfo is None:
            raise ValueError(f"signed_at must be aware, got {signed_at!r}")
        time = signed_at.astimezone(VIETNAM).isoformat(timespec="seconds")
        own = hashlib.sha256(certificate)
        name = hashlib.sha256(own.digest() + time.encode() + hashlib.sha256(document).digest()).hexdigest()
        called = f"sig-{name[:32]}"
        properties = _SIGNED_PROPERTIES.format(
            id=called, time=time, certificate=b64encode(own.digest()).decode()
        )
        canonical = etree.tostring(etree.fromstring(properties), method="c14n", exclusive=True)
        digest = b64encode(hashlib.sha256(canonical).digest()).decode()
        return cls(
            called,
            _REFERENCE.format(id=called, digest=digest),
            _OBJECT.format(id=called, properties=properties),
        )


def stamped_octets(signed_xml: bytes) -> bytes:
    """What a timestamp over the last signature of a signed document is about (EN 319 132-1, 5.3).

    Raises `ValueError` for a document whose root does not end with a signature that bears properties.
    """
    # Read anew to stand alone, since lxml errs on parts of a document.
    value = etree.fromstring(etree.tostring(_last_signature(signed_xml)[1], with_tail=False))
    return etree.tostring(value, method="c14n", exclusive=True)


def with_timestamp(signed_xml: bytes, token: bytes) -> bytes:
    """The document with a timestamp (DER of an RFC 3161 token) over its last signature: B-B becomes B-T.

    Nothing that was signed changes. Raises `ValueError` as `stamped_octets`, and for a signature that has
    unsigned properties already.
    """
    signature = _last_signature(signed_xml)
    properties = signature.find(f"{DS}Object/{XADES}QualifyingProperties")
    assert properties is not None  # noqa: S101 - `_last_signature` has seen to it
    if properties.find(f"{XADES}UnsignedProperties") is not None:
        raise ValueError("document: expected a signature without unsigned properties")
    text = _TIMESTAMP.format(token=b64encode(token).decode())
    properties.append(etree.fromstring(text))
    etree.cleanup_namespaces(properties[-1])
    root = signature.getroottree().getroot()
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _last_signature(signed_xml: bytes) -> Element:
    try:
        root = parse_tree(signed_xml, keep_remarks=True)
    except InvalidValue as failure:
        raise ValueError(f"XML to be stamped: {failure}") from failure
    last = root[-1] if len(root) else root
    if last.tag != SIGNATURE or last.find(f"{DS}Object/{XADES}QualifyingProperties") is None:
        raise ValueError("document: expected a XAdES signature as its root's last child")
    return last
