"""XML signatures that plainly hold (chữ ký XML đúng dạng thường gặp): proven here, without asking signxml.

signxml copies the whole document for each reference, looks up each element anew and renders names nobody
reads. Nearly all signatures are of one plain form, though, and of that form the answer takes one
canonicalization for each thing signed. As with CMS (`trust.sound_cms`) this short cut goes one way only:
what is proven here signxml would hold too, over the same octets; of anything else nothing is said.

1. `trust.xml_reading` has read the signature: references lead to the root or to one element by an Id that
   no other has, nothing but enveloped-signature and a canonicalization stands between.
2. The value is right for the certificate's key over SignedInfo (RSA with PKCS #1 v1.5, or ECDSA, SHA-2).
3. References are read again, from the very octets whose signature has just held, and lead to the same places.
4. Each digest is that of what stands there, canonicalized as a document of its own: lxml writes a false
   `xmlns=""` into some elements when it canonicalizes them where they are.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from ebrvt_connect.trust.xml_alone import inherited
from ebrvt_connect.trust.xml_words import CANONICALIZATIONS, DIGESTS, DS, ENVELOPED, EXCLUSIVE_C14N, METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509
    from lxml.etree import _Element as Element

    from ebrvt_connect.trust.xml_reading import XmlSignature

_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_BLANKS = " \t\r\n"
_ID_SPELLINGS = ("Id", "ID", "id")
"""Those signxml looks for; without a namespace, as nearly everybody writes them."""
_REFERENCE_ENDS = [DS + "DigestMethod", DS + "DigestValue"]

Signed = tuple[tuple["Element", bytes], ...]
"""(element of the file, the canonical octets its digest was made of)."""


class _NotPlain(Exception):
    """Something signxml is to be asked about."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """One Reference, as the octets have it whose signature holds."""

    uri: str
    enveloped: bool
    exclusive: bool
    digest: str
    value: str
    """Base64 without blanks."""


def plainly_signed(signature: XmlSignature, leaf: x509.Certificate) -> Signed:
    """What a signature of the plain form has signed with the key of this certificate.

    `signature` has passed `xml_reading.read_signature`. Empty says nothing but that signxml is to be asked.
    """
    try:
        return tuple(_proven(signature, leaf))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong, signxml will say it in its own way
        return ()


def _proven(signature: XmlSignature, leaf: x509.Certificate) -> Iterator[tuple[Element, bytes]]:
    """Raises whatever there is to raise for anything but a sound signature of the plain form.

    Everything is taken from a copy of the document written out and read again, as signxml has it.
    """
    _check_form(signature.element)
    _require(leaf.not_valid_before_utc <= leaf.not_valid_after_utc)  # signxml looks at that much
    root = signature.element.getroottree().getroot()
    text = etree.tostring(root, encoding="utf-8")
    copy = etree.fromstring(text, _parser())
    info = _verified_info(signature, _at(copy, signature.place)[0], leaf)
    recipes = [_recipe(reference) for reference in info[2:]]
    last = len(recipes) - 1
    for index, (recipe, read) in enumerate(zip(recipes, signature.references, strict=True)):
        # What is made of the last reference may spoil the copy; one of the whole before it has its own.
        whole = copy if read.target is not root or index == last else etree.fromstring(text, _parser())
        made = _octets_of(_at(whole, _way(read.target, root)), recipe, signature, read.target)
        _require(b64encode(hashlib.new(recipe.digest, made).digest()).decode() == recipe.value)
        yield read.target, made


def _verified_info(signature: XmlSignature, info: Element, leaf: x509.Certificate) -> Element:
    """SignedInfo read from the octets the value is right for."""
    exclusive = _exclusive(info[0])
    octets = _canonical(_alone(info, exclusive=exclusive), exclusive=exclusive)
    _check_value(signature, octets, leaf)
    verified = etree.fromstring(octets, _parser())
    _require(verified.tag == DS + "SignedInfo" and _exclusive(verified[0]) == exclusive)
    _require(verified[1].tag == DS + "SignatureMethod" and verified[1].get("Algorithm") == signature.method)
    return verified


def _require(holds: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise _NotPlain


def _check_form(element: Element) -> None:
    """What the reader lets pass and signxml heeds: a second key, parameters, text behind the signature."""
    info, value, key_info = element[:3]
    _require(key_info.tag == DS + "KeyInfo" and all(child.tag == DS + "X509Data" for child in key_info))
    _require(_is_blank(element.tail) and not len(value) and (value.text or "").isascii())
    _require(info.tag == DS + "SignedInfo" and value.tag == DS + "SignatureValue")


def _exclusive(method: Element) -> bool:
    """Whether a canonicalization is the exclusive one; of the others lxml knows one, for both versions."""
    identifier = method.get("Algorithm")
    _require(identifier in CANONICALIZATIONS and not len(method))
    return identifier == EXCLUSIVE_C14N


# --- the value -------------------------------------------------------------------------------------


def _check_value(signature: XmlSignature, octets: bytes, leaf: x509.Certificate) -> None:
    """Raises `InvalidSignature`, or `_NotPlain` for a key of another kind."""
    _, mechanism, digest = METHODS[signature.method]
    value = b64decode("".join((signature.element[1].text or "").split()), validate=True)
    algorithm = _HASHES[digest]
    match mechanism, leaf.public_key():
        case "rsassa_pkcs1v15", rsa.RSAPublicKey() as key:
            key.verify(value, octets, padding.PKCS1v15(), algorithm)
        case "ecdsa", ec.EllipticCurvePublicKey() as curve:
            curve.verify(_as_der(value, curve), octets, ec.ECDSA(algorithm))
        case _:
            raise _NotPlain


def _as_der(value: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """An ECDSA signature of r and s side by side, each as long as the key (RFC 6931), as OpenSSL wants it."""
    size = (key.key_size + 7) // 8
    if len(value) != 2 * size:
        raise InvalidSignature
    return encode_dss_signature(int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big"))


# --- the references --------------------------------------------------------------------------------


def _recipe(reference: Element) -> _Recipe:
    children = list(reference)
    transforms = list(children.pop(0)) if children[0].tag == DS + "Transforms" else []
    _require(reference.tag == DS + "Reference" and [c.tag for c in children] == _REFERENCE_ENDS)
    _require(all(t.tag == DS + "Transform" and not len(t) for t in transforms))
    enveloped = bool(transforms) and transforms[0].get("Algorithm") == ENVELOPED
    rest = transforms[enveloped:]
    _require(len(rest) <= 1)
    method, value = children
    digest = DIGESTS[method.get("Algorithm", "")][1]
    _require(digest in _HASHES and not len(method) and not len(value))
    return _Recipe(
        reference.attrib["URI"],
        enveloped,
        bool(rest) and _exclusive(rest[0]),
        digest,
        "".join((value.text or "").split()),
    )


def _check_target(uri: str, target: Element) -> None:
    """Whether the URI is that of the element the reader has found, spelt as signxml looks for it."""
    _require(_is_blank(target.tail))
    if not uri:
        _require(target.getparent() is None)
        return
    _require(uri.startswith("#") and any(target.get(name) == uri[1:] for name in _ID_SPELLINGS))


def _octets_of(copied: Element, recipe: _Recipe, signature: XmlSignature, target: Element) -> bytes:
    """What the digest is about: the element by itself, the signature taken out of it where so told."""
    _check_target(recipe.uri, copied)
    alone = copied if copied.getparent() is None else _alone(copied, exclusive=recipe.exclusive)
    if recipe.enveloped:
        _take_out(_at(alone, _way(signature.element, target)))
    return _canonical(alone, exclusive=recipe.exclusive)


def _way(element: Element, above: Element) -> tuple[int, ...]:
    """Positions that lead down from an element above; raises `_NotPlain` where it is not above."""
    path: list[int] = []
    node = element
    while node is not above:
        parent = node.getparent()
        if parent is None:
            raise _NotPlain
        path.append(parent.index(node))
        node = parent
    return tuple(reversed(path))


def _at(root: Element, way: tuple[int, ...]) -> Element:
    for position in way:
        root = root[position]
    return root


def _take_out(element: Element) -> None:
    """The element, not the text behind it; raises `_NotPlain` for one that nothing is around."""
    parent, before, behind = element.getparent(), element.getprevious(), element.tail or ""
    if parent is None or element.tag != DS + "Signature":
        raise _NotPlain
    parent.remove(element)
    if before is None:
        parent.text = (parent.text or "") + behind
    else:
        before.tail = (before.tail or "") + behind


def _alone(element: Element, *, exclusive: bool) -> Element:
    """As the root of a document of its own, with the namespaces that are declared further up."""
    _require(exclusive or not inherited(element))
    return etree.fromstring(etree.tostring(element, encoding="utf-8", with_tail=False), _parser())


def _canonical(root: Element, *, exclusive: bool) -> bytes:
    return etree.tostring(root, method="c14n", exclusive=exclusive, with_comments=False)


def _parser() -> etree.XMLParser:
    """A new one: threads would wait for each other at a parser they share."""
    return etree.XMLParser(resolve_entities=False, no_network=True)


def _is_blank(text: str | None) -> bool:
    return not (text or "").strip(_BLANKS)
