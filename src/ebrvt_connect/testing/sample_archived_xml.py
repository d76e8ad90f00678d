"""XML samples for the archive (XAdES B-LT, B-LTA): evidence put beside a signature, a timestamp over both.

Written from ETSI EN 319 132-1, 5.4 and 5.5, by itself: canonical XML is made by the standard library here,
where the verifier has it from libxml2. What one of them misreads, the other does not read likewise.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING
from xml.etree.ElementTree import canonicalize

from lxml import etree

from ebrvt_connect.transport.signing_cms import run_steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml.etree import _Element as Element
    from pyhanko.sign.timestamps import TimeStamper

_DS = "http://www.w3.org/2000/09/xmldsig#"
_XADES = "http://uri.etsi.org/01903/v1.3.2#"
_XADES_141 = "http://uri.etsi.org/01903/v1.4.1#"
_INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SPACES = {"ds": _DS, "x": _XADES}


def with_validation_data(
    xml: bytes,
    *,
    certificates: Iterable[bytes] = (),
    crls: Iterable[bytes] = (),
    ocsps: Iterable[bytes] = (),
) -> bytes:
    """An XAdES file whose one signature has evidence beside it, all DER: XAdES B-LT, where it is stamped."""
    root = etree.fromstring(xml)
    holder = _unsigned(root)
    if values := [_value("EncapsulatedX509Certificate", der) for der in certificates]:
        _append(holder, f"<x:CertificateValues>{''.join(values)}</x:CertificateValues>")
    lists = "".join(_value("EncapsulatedCRLValue", der) for der in crls)
    answers = "".join(_value("EncapsulatedOCSPValue", der) for der in ocsps)
    if lists or answers:
        lists = f"<x:CRLValues>{lists}</x:CRLValues>" if lists else ""
        answers = f"<x:OCSPValues>{answers}</x:OCSPValues>" if answers else ""
        _append(holder, f"<x:RevocationValues>{lists}{answers}</x:RevocationValues>")
    return etree.tostring(root, encoding="utf-8")


def with_archive_timestamp(
    xml: bytes, timestamper: TimeStamper, *, digest: str = "sha256", inclusive: bool = False
) -> bytes:
    """An XAdES file whose one signature has one more ArchiveTimeStamp over all there is: XAdES B-LTA.

    Its references are canonicalized exclusively, or not at all; `inclusive` makes the timestamp's own
    canonicalization the plain one. Raises `ValueError` for an Id that is not there.
    """
    root = etree.fromstring(xml)
    signature, holder = _signature(root), _unsigned(root)
    parts = [signature.find(f"ds:{name}", _SPACES) for name in ("SignedInfo", "SignatureValue", "KeyInfo")]
    objects = signature.iterfind("ds:Object", _SPACES)
    others = [o for o in objects if o.find("x:QualifyingProperties", _SPACES) is None]
    made = hashlib.new(digest)
    for reference in signature.iterfind("ds:SignedInfo/ds:Reference", _SPACES):
        made.update(_octets(reference, _referred(root, reference.get("URI", ""))))
    for element in (*parts, *holder, *others):
        if element is not None:
            made.update(_with_all_namespaces(element) if inclusive else _canonical(element))
    token = run_steps(timestamper.async_timestamp(made.digest(), digest))
    method = _INCLUSIVE if inclusive else _EXCLUSIVE
    _append(
        holder,
        f'<y:ArchiveTimeStamp xmlns:y="{_XADES_141}"><ds:CanonicalizationMethod Algorithm="{method}"/>'
        f"{_value('EncapsulatedTimeStamp', token.dump())}</y:ArchiveTimeStamp>",
    )
    return etree.tostring(root, encoding="utf-8")


def _referred(root: Element, uri: str) -> Element:
    """What a reference leads to; the whole document without its signature for an empty one."""
    if uri:
        found = [e for e in root.iter() if e.get("Id") == uri[1:]]
        if len(found) != 1:
            raise ValueError(f"Id {uri[1:]!r}: got {len(found)} elements, expected one")
        target = found[0]
    else:
        target = root
    alone = etree.fromstring(etree.tostring(target, encoding="utf-8", with_tail=False))
    etree.strip_elements(alone, f"{{{_DS}}}Signature", with_tail=False)
    return alone


def _octets(reference: Element, target: Element) -> bytes:
    """What the reference's digest was made of, where a transform made octets; else canonical XML."""
    made = _canonical(target)
    steps = reference.iterfind("ds:Transforms/ds:Transform", _SPACES)
    if not any(step.get("Algorithm") == _EXCLUSIVE for step in steps):
        return made
    digest = b64encode(hashlib.sha256(made).digest()).decode()
    if reference.findtext("ds:DigestValue", "", _SPACES).strip() == digest:
        return made
    # The standard library takes two prefixes of one namespace for one: then libxml2 has to say.
    return etree.tostring(target, method="c14n", exclusive=True)


def _canonical(element: Element) -> bytes:
    return canonicalize(etree.tostring(element, encoding="unicode", with_tail=False)).encode()


def _with_all_namespaces(element: Element) -> bytes:
    """Plain canonical XML: the outermost element declares whatever is declared around it."""
    apex = etree.Element(element.tag, element.attrib, nsmap=element.nsmap)
    apex.text = element.text
    apex.extend(etree.fromstring(etree.tostring(element, encoding="utf-8", with_tail=False)))
    return etree.tostring(apex, method="c14n")


def _signature(root: Element) -> Element:
    (found,) = root.iter(f"{{{_DS}}}Signature")
    return found


def _unsigned(root: Element) -> Element:
    """The place of unsigned properties, made where there is none."""
    (properties,) = _signature(root).iterfind("ds:Object/x:QualifyingProperties", _SPACES)
    place = properties.find("x:UnsignedProperties/x:UnsignedSignatureProperties", _SPACES)
    if place is not None:
        return place
    made = etree.SubElement(properties, f"{{{_XADES}}}UnsignedProperties")
    return etree.SubElement(made, f"{{{_XADES}}}UnsignedSignatureProperties")


def _append(holder: Element, text: str) -> None:
    wrapped = etree.fromstring(f'<w xmlns:x="{_XADES}" xmlns:ds="{_DS}">{text}</w>')
    holder.append(wrapped[0])


def _value(name: str, der: bytes) -> str:
    return f"<x:{name}>{b64encode(der).decode()}</x:{name}>"
