"""Names of the XML signature standards, and what each algorithm identifier stands for here.

Whatever is not listed is not accepted: no HMAC (whoever can verify could have signed), no DSA, no XPath
or XSLT, no canonicalization that keeps comments (a reference within the document leaves them out).
"""

from __future__ import annotations

import re
from typing import Final

from signxml.algorithms import DigestAlgorithm, SignatureMethod

DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
XADES: Final = "{http://uri.etsi.org/01903/v1.3.2#}"
XADES_141: Final = "{http://uri.etsi.org/01903/v1.4.1#}"
COUNTERSIGNATURE: Final = XADES + "CounterSignature"
ARCHIVE_STAMP: Final = XADES_141 + "ArchiveTimeStamp"
"""The archive timestamp that is judged; that of XAdES 1.3.2 has another namespace and other rules."""
INCLUSIVE_NAMESPACES: Final = "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces"

SIGNATURE: Final = DS + "Signature"

_STARTS = (
    r"A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f"
    r"\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
NC_NAME: Final = re.compile(rf"[{_STARTS}][{_STARTS}0-9.\u00b7\u0300-\u036f\u203f\u2040-]*\Z")
"""An Id (Namespaces in XML 1.0, NCName): letters of Vietnamese, be they one character or two."""

ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
EXCLUSIVE_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
CANONICAL_11: Final = "http://www.w3.org/2006/12/xml-c14n11"
CANONICALIZATIONS: Final = frozenset(
    {
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        CANONICAL_11,
        EXCLUSIVE_C14N,
    }
)

_WITH_PADDING = {"RSA": "rsassa_pkcs1v15", "ECDSA": "ecdsa"}


def _mechanism(method: SignatureMethod) -> tuple[str, str] | None:
    """(mechanism, digest) in the words of a report; None for what is not accepted at all."""
    if method.name.endswith("_RSA_MGF1"):
        return "rsassa_pss", method.name.removesuffix("_RSA_MGF1").lower()
    kind, _, digest = method.name.partition("_")
    return (_WITH_PADDING[kind], digest.lower()) if kind in _WITH_PADDING else None


METHODS: Final = {
    method.value: (method, *known) for method in SignatureMethod if (known := _mechanism(method)) is not None
}
"""Signature methods by identifier: (for the engine, mechanism, digest). Weak digests are read, not passed."""

DIGESTS: Final = {digest.value: (digest, digest.name.lower()) for digest in DigestAlgorithm}
"""Digest methods by identifier: (for the engine, name in the words of a report)."""
