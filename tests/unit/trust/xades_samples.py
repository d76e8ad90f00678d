"""XAdES signatures with time, certificate and timestamp, each of which may be another than it should be."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

from lxml import etree
from pyhanko.sign.timestamps import TimeStamper

from ebrvt_connect.ports.signer import Signer
from ebrvt_connect.transport.signing_cms import run_steps
from tests.unit.trust.samples import AT
from tests.unit.trust.xml_samples import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    RSA_SHA256,
    SHA1,
    SHA256,
    reference,
    signature,
)

XADES = "http://uri.etsi.org/01903/v1.3.2#"
_UNSIGNED = "@UNSIGNED@"
_METHODS = {"sha256": (RSA_SHA256, SHA256), "sha1": (DS + "rsa-sha1", SHA1)}


def xades_signed(
    signer: Signer,
    xml: bytes,
    *,
    at: datetime = AT,
    timestamper: TimeStamper | None = None,
    digest: str = "sha256",
    uri: str = "",
) -> bytes:
    """The document with an enveloped signature: last child of the edXML header, else of the root."""
    method, digest_uri = _METHODS[digest]
    root = etree.fromstring(xml)
    named = base64.b64encode(hashlib.sha256(signer.certificates_der[0]).digest()).decode()
    properties = (
        f'<x:SignedProperties xmlns:x="{XADES}" xmlns:ds="{DS}" Id="props"><x:SignedSignatureProperties>'
        f"<x:SigningTime>{at.isoformat()}</x:SigningTime><x:SigningCertificateV2><x:Cert><x:CertDigest>"
        f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue>{named}</ds:DigestValue>'
        "</x:CertDigest></x:Cert></x:SigningCertificateV2></x:SignedSignatureProperties></x:SignedProperties>"
    )
    how = {"digest": digest, "digest_uri": digest_uri}
    references = [
        reference(root, uri, transforms=(ENVELOPED, EXCLUSIVE), **how),
        reference(etree.fromstring(properties), "#props", transforms=(EXCLUSIVE,), **how),
    ]
    unsigned = _UNSIGNED if timestamper is not None else ""
    objects = (
        f'<ds:Object><x:QualifyingProperties xmlns:x="{XADES}">{properties}{unsigned}'
        "</x:QualifyingProperties></ds:Object>"
    )
    text = signature(references, signer, method=method, digest=digest, objects=objects)
    if timestamper is not None:
        text = text.replace(_UNSIGNED, _stamp(timestamper, text))
    header = next((e for e in root.iter() if str(e.tag).endswith("}edXMLHeader")), root)
    header.append(etree.fromstring(text))
    return etree.tostring(root, encoding="utf-8")


def _stamp(timestamper: TimeStamper, signature_text: str) -> str:
    value = etree.fromstring(signature_text.replace(_UNSIGNED, ""))[1]
    alone = etree.fromstring(etree.tostring(value, with_tail=False))
    digest = hashlib.sha256(etree.tostring(alone, method="c14n", exclusive=True)).digest()
    token = run_steps(timestamper.async_timestamp(digest, "sha256"))
    return (
        "<x:UnsignedProperties><x:UnsignedSignatureProperties><x:SignatureTimeStamp>"
        f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/><x:EncapsulatedTimeStamp>'
        f"{base64.b64encode(token.dump()).decode()}</x:EncapsulatedTimeStamp></x:SignatureTimeStamp>"
        "</x:UnsignedSignatureProperties></x:UnsignedProperties>"
    )
