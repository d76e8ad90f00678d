"""XML with one thing about each: packets signed well, and signed soundly over what must be refused."""

import hashlib
import hmac
from base64 import b64encode
from pathlib import Path

from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
NS = "urn:ebrvt:sandbox:reporting:1"
TAG = f"{{{NS}}}ReportPacket"
VECTORS = Path(__file__).parents[2] / "vectors" / "reporting"
ENVELOPED = DS + "enveloped-signature"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA1 = DS + "sha1"


def packet(value: str = "21.37", *, identifier: str = "pkt-1") -> bytes:
    """An unsigned report packet, cut down to what tests need."""
    body = f"<r:body><r:periodCode>2019-Q3</r:periodCode><r:value>{value}</r:value></r:body>"
    return f'<r:ReportPacket xmlns:r="{NS}" Id="{identifier}">{body}</r:ReportPacket>'.encode()


def in_soap(*contents: bytes, header: bytes = b"", body_attributes: bytes = b"") -> bytes:
    """A SOAP message with these contents in its body."""
    return (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>%s</s:Header>'
        b'<s:Body%s><q:SubmitReport xmlns:q="urn:ebrvt:sandbox:reporting:1">%s</q:SubmitReport></s:Body>'
        b"</s:Envelope>"
    ) % (header, body_attributes, b"".join(contents))


def reference(
    target,
    uri="#pkt-1",
    *,
    transforms=(ENVELOPED, EXCLUSIVE),
    digest_uri=SHA256,
    digest="sha256",
    value=None,
    inside="",
):
    """A ds:Reference with a digest that holds (or `value`), whatever else is wrong with it."""
    canonical = etree.tostring(target, method="c14n", exclusive=True, with_comments=False, with_tail=False)
    made = value if value is not None else hashlib.new(digest, canonical).digest()
    chain = "".join(f'<ds:Transform Algorithm="{t}">{inside}</ds:Transform>' for t in transforms)
    uri = "" if uri is None else f' URI="{uri}"'
    return (
        f"<ds:Reference{uri}><ds:Transforms>{chain}</ds:Transforms>"
        f'<ds:DigestMethod Algorithm="{digest_uri}"/><ds:DigestValue>{b64encode(made).decode()}'
        "</ds:DigestValue></ds:Reference>"
    )


def signature(
    references,
    signer,
    *,
    method=RSA_SHA256,
    digest="sha256",
    key_info=None,
    objects="",
    c14n=EXCLUSIVE,
    in_method="",
    hmac_key=None,
):
    """A ds:Signature over these references whose value holds."""
    info = etree.fromstring(
        f'<ds:SignedInfo xmlns:ds="{DS}"><ds:CanonicalizationMethod Algorithm="{c14n}"/>'
        f'<ds:SignatureMethod Algorithm="{method}">{in_method}</ds:SignatureMethod>'
        f"{''.join(references)}</ds:SignedInfo>"
    )
    canonical = etree.tostring(info, method="c14n", exclusive=True)
    if hmac_key is None:
        value = signer.sign_digest(hashlib.new(digest, canonical).digest(), digest)
    else:
        value = hmac.new(hmac_key, canonical, digest).digest()
    text = etree.tostring(info).decode()
    key_info = x509_data(signer.certificates_der) if key_info is None else key_info
    return (
        f'<ds:Signature xmlns:ds="{DS}">{text}<ds:SignatureValue>{b64encode(value).decode()}'
        f"</ds:SignatureValue>{key_info}{objects}</ds:Signature>"
    )


def x509_data(certificates):
    listed = "".join(
        f"<ds:X509Certificate>{b64encode(c).decode()}</ds:X509Certificate>" for c in certificates
    )
    return f"<ds:KeyInfo><ds:X509Data>{listed}</ds:X509Data></ds:KeyInfo>"


def with_signature(xml: bytes, text: str) -> bytes:
    """The document with a signature as its root's last child."""
    root = etree.fromstring(xml)
    root.append(etree.fromstring(text))
    return etree.tostring(root)


def resigned(signer, xml: bytes | None = None, *, change=None, **more) -> bytes:
    """A packet signed soundly after `change` had its way with the one reference's arguments."""
    xml = packet() if xml is None else xml
    root = etree.fromstring(xml)
    about = {"target": root, **(change or {})}
    return with_signature(xml, signature([reference(**about)], signer, **more))


def codes(report):
    """Error codes of a report, signatures included."""
    return [f.code for f in report.all_findings() if f.severity == "error"]
