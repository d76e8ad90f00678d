"""When a changed file may still pass: what is signed is the same to the last letter, for whoever reads it.

Precisely, for a file that passed before it was changed, and passes after:

pdf   every byte outside the hex string of the LAST signature (which covers all the rest) is the same.
cms   content, and of every signer: signed attributes, signature value, identifier and its certificate.
      So may differ: other certificates, unsigned attributes, versions, lists, the encoding around.
p7s   as cms, and the content beside it is the same.
xml   the tree is the same, but for: KeyInfo, unsigned properties, attributes of ds:Signature,
      ds:SignatureValue, ds:KeyInfo, ds:Object and QualifyingProperties, blanks between elements that no
      signature covers, comments outside the root. Comments and instructions elsewhere count.
ooxml the same parts under the same names (letter case aside, as OPC has it) with the same content type and
      the same content (relationships as a set); of signature parts what holds for xml. So may differ:
      docProps and what leads there, the content of the signature origin (readers are told to ignore it) and
      what leads from there, parts that no relationship leads to and that are no relationships.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from itertools import starmap

from asn1crypto import cms
from lxml import etree

from ebrvt_connect.trust.cms_armour import unarmoured
from tests.torture.samples import Sample
from tests.unit.trust.samples import gap_of
from tests.unit.trust.xades_samples import XADES

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_WRAPPERS = {
    *(_DS + name for name in ("Signature", "SignatureValue", "KeyInfo", "Object")),
    f"{{{XADES}}}QualifyingProperties",
}
_LEFT_OUT = {_DS + "KeyInfo", f"{{{XADES}}}UnsignedProperties"}
_BASE64 = {_DS + "SignatureValue"}
_EXEMPT = re.compile(r"/(?:digital-signature/origin|metadata/core-properties|extended-properties)$")
_TYPES = "[Content_Types].xml"
_ORIGIN = "_xmlsignatures/origin.sigs"
OFFICE = frozenset({"docx", "xlsx", "pptx"})


def is_harmless(sample: Sample, data: bytes, beside: dict[str, bytes]) -> bool:
    """Whether what is signed is the same; False too where the changed file cannot even be read here."""
    if beside != dict(sample.beside):
        return False
    read = {"cms": _cms, "p7s": _cms}
    try:
        if sample.format == "pdf":
            return _pdf(sample.data, data)
        if sample.format in OFFICE:
            return _package(data, _names(sample.data)) == _package(sample.data, _names(sample.data))
        how = read.get(sample.format, _xml)
        return bool(how(sample.data) == how(data))
    except (ValueError, KeyError, TypeError, etree.Error, zipfile.BadZipFile, NotImplementedError):
        return False


def _pdf(data: bytes, changed: bytes) -> bool:
    start, end = gap_of(data)
    rest = len(data) - end
    return len(changed) == len(data) and changed[:start] == data[:start] and changed[-rest:] == data[-rest:]


def _cms(data: bytes) -> object:
    content = cms.ContentInfo.load(unarmoured(data))["content"]
    inside = content["encap_content_info"]
    named = {
        (c.chosen.issuer.dump(), c.chosen.serial_number): c.chosen.dump() for c in content["certificates"]
    }
    signers = sorted(
        (
            signer["signed_attrs"].untag().dump(),
            signer["signature"].native,
            named[signer["sid"].chosen["issuer"].dump(), signer["sid"].chosen["serial_number"].native],
        )
        for signer in content["signer_infos"]
    )
    return inside["content_type"].native, inside["content"].native, signers


def _xml(data: bytes) -> object:
    return _node(
        etree.fromstring(data.strip(), etree.XMLParser(resolve_entities=False, no_network=True)), keep=False
    )


def _node(node: etree._Element, *, keep: bool) -> object:
    """`keep`: a signature covers the blanks here."""
    if not isinstance(node.tag, str):
        return ("remark", node.text)
    # The blanks of wrappers are nobody's; what is named by an Id is signed as it is.
    keep = node.tag not in _WRAPPERS and (
        keep or node.get("Id") is not None or node.tag == _DS + "SignedInfo"
    )
    pieces: list[object] = [_text(node.text, keep=keep and node.tag not in _BASE64)]
    for child in node:
        if child.tag not in _LEFT_OUT:
            pieces.append(_node(child, keep=keep))
        pieces.append(_text(child.tail, keep=keep))
    attributes = (
        () if node.tag in _WRAPPERS else tuple(sorted(map(str, starmap("{}={}".format, node.attrib.items()))))
    )
    return node.tag, attributes, [p for p in pieces if p != ""]


def _text(text: str | None, *, keep: bool) -> str:
    return (text or "") if keep else re.sub(r"\s+", "", text or "")


def _names(data: bytes) -> frozenset[str]:
    with zipfile.ZipFile(BytesIO(data)) as package:
        return frozenset(name.lower() for name in package.namelist())


def _package(data: bytes, known: frozenset[str]) -> object:
    """What readers come by; a part that is not `known` counts when something leads to it."""
    with zipfile.ZipFile(BytesIO(data)) as package:
        names = package.namelist()
        parts = {name if name == _TYPES else name.lower(): package.read(name) for name in names}
    types = _types(parts[_TYPES])
    sources = {
        name: source for name in parts if (source := _source(name)) is not None and source in {"", *parts}
    }
    reached = {place for name, source in sources.items() for place in _targets(source, parts[name])}
    seen = []
    for name, content in parts.items():
        if name.startswith(("docprops/", "_xmlsignatures/_rels/")) or name in {_TYPES, _ORIGIN}:
            continue
        if name not in known and name not in reached and name not in sources:
            continue
        read = _xml(content) if name.startswith("_xmlsignatures/") and name.endswith(".xml") else content
        read = _relationships(content) if name.endswith(".rels") else read
        seen.append((name, types.get("/" + name) or types.get(name.rpartition(".")[2]), repr(read)))
    return len(names) == len(parts), sorted(map(str, seen))


def _source(name: str) -> str | None:
    """The part a part of relationships belongs to; empty for the package, None for any other part."""
    folder, _, file = name.rpartition("/")
    if not file.endswith(".rels") or folder.rpartition("/")[2] != "_rels":
        return None
    return folder.removesuffix("_rels") + file.removesuffix(".rels")


def _targets(source: str, content: bytes) -> Iterator[str]:
    folder = posixpath.dirname(source)
    for element in etree.fromstring(content.strip()).iter(etree.Element):
        target = element.get("Target")
        if target is not None:
            yield posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/").lower()


def _types(content: bytes) -> dict[str, str]:
    return {
        str(e.get("PartName") or e.get("Extension")).lower(): str(e.get("ContentType")).lower()
        for e in etree.fromstring(content.strip())
    }


def _relationships(content: bytes) -> list[object]:
    found = etree.fromstring(content.strip())
    if any(e.text and e.text.strip() for e in found.iter()):
        raise ValueError("text among relationships")
    return sorted(
        (e.get("Id"), e.get("Type"), str(e.get("Target")).lower(), e.get("TargetMode", "Internal"))
        for e in found.iter(etree.Element)
        if e is not found and not _EXEMPT.search(str(e.get("Type")))
    )
