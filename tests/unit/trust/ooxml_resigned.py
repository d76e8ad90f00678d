"""Signature parts signed anew, soundly, over whatever a test puts into them."""

import hashlib
from base64 import b64encode

from asn1crypto import cms
from lxml import etree

from ebrvt_connect.testing import sample_ooxml as made
from ebrvt_connect.transport.signing_cms import run_steps
from tests.unit.trust.ooxml_samples import HOW

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"


def pieces(parts, signer, how=HOW, named=None):
    """The objects of an honest signature: package, office, properties."""
    text = made.signature_xml(made.manifest_xml(parts, how), named or signer, how).decode()
    start = text.index("</KeyInfo>") + len("</KeyInfo>")
    office, properties = text.index('<Object Id="idOfficeObject"'), text.index("<Object><xd:")
    return {
        "package_object": text[start:office],
        "office": text[office:properties],
        "properties": text[properties : text.index("</Signature>")],
    }


def resigned(
    parts,
    signer,
    *,
    how=HOW,
    named=None,
    targets=("idPackageObject", "idOfficeObject", "idSignedProperties"),
    objects=None,
    extra="",
    uris=None,
    transforms="",
    before_references="",
    stamp=None,
    **replaced,
):
    """A signature part whose value holds; each of `targets` is referenced with a digest that holds.

    `replaced` are objects instead of the honest ones, `objects` all of them, `extra` stands behind them
    unreferenced, `uris` are written instead of `#target`.
    """
    own = {**pieces(parts, signer, how, named), **replaced}
    inside = "".join(own.values()) if objects is None else objects
    inside = inside if isinstance(inside, str) else inside.decode()
    inside += extra
    tree = etree.fromstring(f'<Signature xmlns="{DS}">{inside}</Signature>')
    listed = []
    for target in targets:
        found = tree.xpath("//*[@Id=$id]", id=target)[0]
        alone = etree.fromstring(etree.tostring(found, with_tail=False))
        uri = (uris or {}).get(target, f"#{target}")
        content = etree.tostring(alone, method="c14n")
        listed.append(made.reference_xml(uri, content, how.digest, transforms=transforms))
    info = (
        f'<SignedInfo><CanonicalizationMethod Algorithm="{made._C14N}"/>'
        f'<SignatureMethod Algorithm="{made._METHOD_URIS[signer.key_kind, how.digest]}"/>'
        f"{before_references}{''.join(listed)}</SignedInfo>"
    )
    canonical = made._canonical(info)
    value = signer.sign_digest(hashlib.new(how.digest, canonical).digest(), how.digest)
    shown = b64encode(value).decode()
    if stamp is not None:
        inside = inside.replace(
            "</xd:QualifyingProperties>", f"{stamped(shown, stamp)}</xd:QualifyingProperties>"
        )
    certificates = "".join(
        f"<X509Certificate>{b64encode(c).decode()}</X509Certificate>" for c in signer.certificates_der
    )
    return (
        f'<Signature xmlns="{DS}" Id="idPackageSignature">{info}<SignatureValue>{shown}</SignatureValue>'
        f"<KeyInfo><X509Data>{certificates}</X509Data></KeyInfo>{inside}</Signature>"
    ).encode()


def stamped(value, timestamper):
    """A signature timestamp over this SignatureValue."""
    canonical = f'<SignatureValue xmlns="{DS}">{value}</SignatureValue>'.encode()
    token = run_steps(timestamper.async_timestamp(hashlib.sha256(canonical).digest(), "sha256"))
    encoded = b64encode(cms.ContentInfo.load(token.dump()).dump()).decode()
    return (
        f'<xd:UnsignedProperties xmlns:xd="{XADES}"><xd:UnsignedSignatureProperties><xd:SignatureTimeStamp>'
        f'<CanonicalizationMethod Algorithm="{made._C14N}"/><xd:EncapsulatedTimeStamp>{encoded}'
        "</xd:EncapsulatedTimeStamp></xd:SignatureTimeStamp></xd:UnsignedSignatureProperties>"
        "</xd:UnsignedProperties>"
    )
