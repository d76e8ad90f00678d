"""What tells one signature from all others (định danh chữ ký), taken while a signature is examined.

ETSI TS 119 102-2 clause 4.2.3 identifies a signature by its value and by the digest of what was signed with
the key: the signed attributes of a CMS signature, SignedInfo of an XML signature.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from lxml import etree

from ebrvt_connect.trust.verdict import SignatureIdentity
from ebrvt_connect.trust.xml_alone import alone
from ebrvt_connect.trust.xml_words import EXCLUSIVE_C14N, INCLUSIVE_NAMESPACES, METHODS

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.signed_data import SignedData
    from ebrvt_connect.trust.xml_reading import XmlSignature


def identity_of_cms(signed: SignedData, content_digest: bytes = b"") -> SignatureIdentity | None:
    """Of a CMS signature; `content_digest` is what its content, as it stands now, comes to.

    None for a digest that cannot be made: it is for the judge to say what that means.
    """
    attributes = signed.signer_info["signed_attrs"].untag().dump()
    try:
        digest = hashlib.new(signed.digest, attributes).hexdigest()
    except (ValueError, TypeError):  # unknown, or of no fixed length
        return None
    return SignatureIdentity(
        value=b64encode(signed.signer_info["signature"].native).decode(),
        digest_algorithm=signed.digest,
        digest=digest,
        content_digest=content_digest.hex(),
    )


def identity_of_xml(signature: XmlSignature) -> SignatureIdentity | None:
    """Of an XML signature; what it is about may be many elements or parts, so no content is named.

    None for a value that is not Base64, or what cannot be canonicalized: the judge says what that means.
    """
    info, written = signature.element[0], "".join((signature.element[1].text or "").split())
    digest = METHODS[signature.method][2]
    try:
        value = b64encode(b64decode(written, validate=True)).decode()
        canonical = _canonical(info)
    except (ValueError, etree.Error):
        return None
    made = hashlib.new(digest, canonical).hexdigest()
    return SignatureIdentity(value=value, digest_algorithm=digest, digest=made)


def _canonical(info: Element) -> bytes:
    """SignedInfo as it was signed; it is read anew to stand alone, since lxml errs on parts of a document."""
    method = info[0]
    exclusive = method.get("Algorithm") == EXCLUSIVE_C14N
    named = method.find(INCLUSIVE_NAMESPACES) if exclusive else None
    prefixes = None if named is None else (named.get("PrefixList") or "").split()
    itself = alone(info, method.get("Algorithm"))
    return etree.tostring(itself, method="c14n", exclusive=exclusive, inclusive_ns_prefixes=prefixes)


__all__ = ["identity_of_cms", "identity_of_xml"]
