"""Signing XML (ký XML): a packet as a whole, or a part of a paper that several sign.

The form is fixed: one Reference to `#Id` (or to the whole document, whose root has none), exclusive
canonicalization (with enveloped-signature before it where the signature lies within), SHA-256, RSA
(PKCS#1 v1.5) or ECDSA, X509Data with the signer's certificate and its issuers. Given a time it is a XAdES
signature (B-B), whose second Reference covers time and certificate.
Exclusive canonicalization keeps what surrounds the signed element out of the digest, so a packet may
travel in any envelope and be cut out of it again. Re-formatting is what it does not survive.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from ebrvt_connect.codec.xml import parse_tree
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.trust.xades_claims import Claims
from ebrvt_connect.trust.xml_words import DS, ENVELOPED, EXCLUSIVE_C14N, NC_NAME, SIGNATURE

if TYPE_CHECKING:
    from datetime import datetime

    from lxml.etree import _Element as Element

    from ebrvt_connect.ports.signer import Signer

_LINE_CHARS = 76
_METHODS = {
    "rsa": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "ec": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}
_NAMESPACE = ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
# Written in canonical form, so that what is signed is this very text.
_SIGNED_INFO = (
    '<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="{method}"></ds:SignatureMethod>'
    '<ds:Reference{id} URI="{uri}"><ds:Transforms>'
    "{enveloped}"
    f'<ds:Transform Algorithm="{EXCLUSIVE_C14N}"></ds:Transform>'
    '</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256">'
    "</ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>{claims}</ds:SignedInfo>"
)
_ENVELOPED = f'<ds:Transform Algorithm="{ENVELOPED}"></ds:Transform>'
_SIGNATURE = (
    '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"{id}>{signed_info}'
    "<ds:SignatureValue>{value}</ds:SignatureValue>"
    "<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>{held}</ds:Signature>"
)


def sign_packet(
    packet_xml: bytes, signer: Signer, *, reference_id: str, signed_at: datetime | None = None
) -> bytes:
    """The packet with its signature as last child, UTF-8, without an XML declaration.

    `packet_xml` is the packet's element, UTF-8, whose attribute `Id` is `reference_id` (a name, given
    once). Nothing of it is re-formatted. With `signed_at` (aware) it is XAdES B-B. Raises `ValueError` for
    any other Id, a packet with comments or a signature in it, a naive time, and one that is not
    well-formed; whatever the signer raises passes through.
    """
    packet = _read(packet_xml, reference_id)
    if packet.get("Id") != reference_id or next(packet.iter(SIGNATURE), None) is not None:
        raise ValueError(f"packet: expected Id={reference_id!r} at its root, and no signature in it yet")
    packet.append(_signature(packet, signer, reference_id, signed_at, enveloped=True))
    return etree.tostring(packet, encoding="UTF-8", xml_declaration=False)


def sign_whole(document_xml: bytes, signer: Signer, *, signed_at: datetime | None = None) -> bytes:
    """The document with its signature as the root's last child, over all of it (`URI=""`).

    For XML whose root bears no `Id` and whose form is not ours to change; otherwise as `sign_packet`. Others
    may have signed parts of it: the last to sign, as a seal does, then covers their signatures too.
    Raises `ValueError` for comments, processing instructions, a signature over all of it, which this one
    would break, and what is not well-formed.
    """
    document = _parsed(document_xml)
    if not all(map(_is_over_part, document.iter(SIGNATURE))):
        raise ValueError("document: expected no signature over all of it yet")
    document.append(_signature(document, signer, "", signed_at, enveloped=True))
    return etree.tostring(document, encoding="UTF-8", xml_declaration=False)


def sign_part(
    document_xml: bytes, signer: Signer, *, reference_id: str, signed_at: datetime | None = None
) -> bytes:
    """The document with one more signature as the root's last child, over the element with this Id.

    Signatures stand beside what they sign, so several people can sign the same part one after another.
    Raises `ValueError` as `sign_packet`, for the root, which a signature within cannot stand beside, and for
    a part with text right behind it.
    """
    document = _read(document_xml, reference_id)
    part = next(e for e in document.iter() if e.get("Id") == reference_id)
    if part is document:
        raise ValueError(f"document: got Id={reference_id!r} at its root, expected it further down")
    if (part.tail or "").strip():
        # Readers in use cannot take such an element out of its document, ours among them.
        raise ValueError(f"document: expected no text right behind the element with Id={reference_id!r}")
    document.append(_signature(part, signer, reference_id, signed_at, enveloped=False))
    return etree.tostring(document, encoding="UTF-8", xml_declaration=False)


def _signature(
    target: Element, signer: Signer, reference_id: str, signed_at: datetime | None, *, enveloped: bool
) -> Element:
    canonical = etree.tostring(target, method="c14n", exclusive=True)
    claims = _claims(target, signer, signed_at)
    signed_info = _SIGNED_INFO.format(
        method=_METHODS[signer.key_kind],
        id=f' Id="{claims.id}-ref"' if claims else "",
        claims=claims.reference if claims else "",
        uri=f"#{reference_id}" if reference_id else "",
        enveloped=_ENVELOPED if enveloped else "",
        digest=b64encode(hashlib.sha256(canonical).digest()).decode(),
    )
    value = signer.sign_digest(hashlib.sha256(signed_info.encode()).digest(), "sha256")
    if signer.key_kind == "ec":
        value = _as_xml_wants(value, signer)
    certificates = "".join(
        f"<ds:X509Certificate>{_in_lines(der)}</ds:X509Certificate>" for der in signer.certificates_der
    )
    text = _SIGNATURE.format(
        signed_info=signed_info.replace(_NAMESPACE, "", 1),
        value=b64encode(value).decode(),
        certificates=certificates,
        id=f' Id="{claims.id}"' if claims else "",
        held=claims.held if claims else "",
    )
    return etree.fromstring(text)


def _claims(target: Element, signer: Signer, signed_at: datetime | None) -> Claims | None:
    """Of the whole document as it is now, so that whoever signs the same part again gets other Ids."""
    if signed_at is None:
        return None
    document = etree.tostring(target.getroottree(), method="c14n", exclusive=True)
    return Claims.of(signer.certificates_der[0], signed_at, document)


def _read(content: bytes, reference_id: str) -> Element:
    if not NC_NAME.match(reference_id):
        raise ValueError(f"reference_id: got {reference_id!r}, expected an XML name")
    root = _parsed(content)
    if _ids(root).count(reference_id) != 1 or root.xpath("//@Id").count(reference_id) != 1:
        raise ValueError(f"XML to be signed: expected Id={reference_id!r} exactly once")
    return root


def _parsed(content: bytes) -> Element:
    try:
        root = parse_tree(content, keep_remarks=True)
    except InvalidValue as failure:
        raise ValueError(f"XML to be signed: {failure}") from failure
    if any(not isinstance(node.tag, str) for node in root.iter()) or _beside(root):
        raise ValueError("XML to be signed: got comments or processing instructions, expected none")
    return root


def _beside(root: Element) -> bool:
    """Whether a comment or an instruction stands before or behind it."""
    return root.getprevious() is not None or root.getnext() is not None


def _ids(root: Element) -> list[str]:
    return [
        str(text) for element in root.iter() for name, text in element.attrib.items() if _is_id(str(name))
    ]


def _is_id(name: str) -> bool:
    return name.rpartition("}")[2].lower() == "id"


def _is_over_part(signature: Element) -> bool:
    """Whether it surely refers to elements below the root and nothing else."""
    root_ids = {str(v) for n, v in signature.getroottree().getroot().attrib.items() if _is_id(str(n))}
    uris = [r.get("URI", "") for r in signature.iterfind(f"{DS}SignedInfo/{DS}Reference")]
    return bool(uris) and all(uri[:1] == "#" and uri[1:] not in root_ids for uri in uris)


def _as_xml_wants(value: bytes, signer: Signer) -> bytes:
    """An ECDSA signature as r and s side by side (RFC 6931), each as long as the key."""
    key = x509.load_der_x509_certificate(signer.certificates_der[0]).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - the signer said so
    r, s = decode_dss_signature(value)
    size = (key.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _in_lines(der: bytes) -> str:
    text = b64encode(der).decode()
    return "\n".join(text[n : n + _LINE_CHARS] for n in range(0, len(text), _LINE_CHARS))
