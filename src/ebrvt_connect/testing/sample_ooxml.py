"""Office packages (docx, xlsx, pptx) as samples, and their signatures as Office makes them, with real keys.

A package is a mapping of part names to bytes, `[Content_Types].xml` first, so that a test can change one
thing about it. A signature covers every part but the properties of the document, and of every part all
relationships, as Office does; `PackageSignature` says what shall be otherwise.
"""

from __future__ import annotations

import hashlib
import posixpath
import zipfile
from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ebrvt_connect.ports.signer import Signer

OfficeKind = Literal["docx", "xlsx", "pptx"]
Parts = dict[str, bytes]
"""Content by name without a leading slash, in the order of the archive."""

TYPES = "[Content_Types].xml"
RELATIONSHIPS_TYPE = "application/vnd.openxmlformats-package.relationships+xml"
_DS = "http://www.w3.org/2000/09/xmldsig#"
_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_TRANSFORM = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform"
_MDSSI = "http://schemas.openxmlformats.org/package/2006/digital-signature"
_XADES = "http://uri.etsi.org/01903/v1.3.2#"
_OFFICE_DIGSIG = "http://schemas.microsoft.com/office/2006/digsig"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_CONTENT = "application/vnd.openxmlformats-officedocument"
_SIGNATURE_CONTENT = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"
_ORIGIN_CONTENT = "application/vnd.openxmlformats-package.digital-signature-origin"
_DIGEST_URIS = {
    "sha1": _DS + "sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
_METHOD_URIS = {
    ("rsa", "sha1"): _DS + "rsa-sha1",
    ("rsa", "sha256"): "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    ("rsa", "sha512"): "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    ("ec", "sha256"): "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}
_MADE_AT = (2019, 10, 1, 8, 0, 0)
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


# --- packages --------------------------------------------------------------------------------------


def office_parts(kind: OfficeKind = "docx", title: str = "Văn bản mẫu") -> Parts:
    """The parts of a small document of this kind that office software opens; unsigned."""
    return {"docx": _docx, "xlsx": _xlsx, "pptx": _pptx}[kind](title)


def packed(parts: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The package of these parts; the same parts give the same bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, _MADE_AT)
            entry.compress_type = compression
            archive.writestr(entry, content)
    return buffer.getvalue()


def unpacked_parts(package: bytes) -> Parts:
    """The parts of a package that is in order."""
    with zipfile.ZipFile(BytesIO(package)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def relationships(*lines: tuple[str, str, str]) -> bytes:
    """A part with relationships: (Id, type, target); a target with a scheme leads out of the package."""
    written = "".join(
        f"<Relationship Id={quoteattr(i)} Type={quoteattr(t)} Target={quoteattr(target)}"
        + (' TargetMode="External"' if "://" in target else "")
        + "/>"
        for i, t, target in lines
    )
    return f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}">{written}</Relationships>'.encode()


def content_types(defaults: Mapping[str, str], overrides: Mapping[str, str]) -> bytes:
    """`[Content_Types].xml`: by extension, and by part name."""
    lines = [f'<Default Extension="{e}" ContentType="{t}"/>' for e, t in defaults.items()]
    lines += [f'<Override PartName="/{n}" ContentType="{t}"/>' for n, t in overrides.items()]
    namespace = "http://schemas.openxmlformats.org/package/2006/content-types"
    return f'{_DECLARATION}<Types xmlns="{namespace}">{"".join(lines)}</Types>'.encode()


_DEFAULTS = {"rels": RELATIONSHIPS_TYPE, "xml": "application/xml", "png": "image/png"}
_PROPERTIES = {
    "docProps/core.xml": "application/vnd.openxmlformats-package.core-properties+xml",
    "docProps/app.xml": f"{_CONTENT}.extended-properties+xml",
}


def _properties(title: str) -> Parts:
    core = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
    dc = "http://purl.org/dc/elements/1.1/"
    app = "http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"
    return {
        "docProps/core.xml": (
            f'{_DECLARATION}<cp:coreProperties xmlns:cp="{core}" xmlns:dc="{dc}">'
            f"<dc:title>{escape(title)}</dc:title></cp:coreProperties>"
        ).encode(),
        "docProps/app.xml": f'{_DECLARATION}<Properties xmlns="{app}"/>'.encode(),
    }


def _root(document: str) -> bytes:
    return relationships(
        ("rId1", f"{_OFFICE}/officeDocument", document),
        ("rId2", f"{_PACKAGE}/metadata/core-properties", "docProps/core.xml"),
        ("rId3", f"{_OFFICE}/extended-properties", "docProps/app.xml"),
    )


def _docx(title: str) -> Parts:
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    word = f"{_CONTENT}.wordprocessingml"
    names = ("styles", "settings", "fontTable")
    body = f"<w:p><w:r><w:t>{escape(title)}</w:t></w:r></w:p>"
    fillers = {
        f"word/{name}.xml": f'{_DECLARATION}<w:{_tag(name)} xmlns:w="{w}"/>'.encode() for name in names
    }
    related = [(f"rId{n}", f"{_OFFICE}/{name}", f"{name}.xml") for n, name in enumerate(names, 1)]
    return {
        TYPES: content_types(
            _DEFAULTS,
            {
                "word/document.xml": f"{word}.document.main+xml",
                **{f"word/{name}.xml": f"{word}.{name}+xml" for name in names},
                "word/header1.xml": f"{word}.header+xml",
                **_PROPERTIES,
            },
        ),
        "_rels/.rels": _root("word/document.xml"),
        "word/document.xml": (
            f'{_DECLARATION}<w:document xmlns:w="{w}"><w:body>{body}</w:body></w:document>'
        ).encode(),
        "word/_rels/document.xml.rels": relationships(
            *related,
            ("rId4", f"{_OFFICE}/header", "header1.xml"),
            ("rId10", f"{_OFFICE}/hyperlink", "https://example.invalid/"),
        ),
        **fillers,
        "word/header1.xml": f'{_DECLARATION}<w:hdr xmlns:w="{w}"><w:p/></w:hdr>'.encode(),
        "word/_rels/header1.xml.rels": relationships(("rId1", f"{_OFFICE}/image", "media/image1.png")),
        "word/media/image1.png": _PIXEL,
        **_properties(title),
    }


def _tag(name: str) -> str:
    return "fonts" if name == "fontTable" else name


def _xlsx(title: str) -> Parts:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = f"{_CONTENT}.spreadsheetml"
    cell = f'<row r="1"><c r="A1" t="inlineStr"><is><t>{escape(title)}</t></is></c></row>'
    sheets = f'<sheets><sheet name="S1" sheetId="1" r:id="rId1" xmlns:r="{_OFFICE}"/></sheets>'
    return {
        TYPES: content_types(
            _DEFAULTS,
            {
                "xl/workbook.xml": f"{sheet}.sheet.main+xml",
                "xl/worksheets/sheet1.xml": f"{sheet}.worksheet+xml",
                **_PROPERTIES,
            },
        ),
        "_rels/.rels": _root("xl/workbook.xml"),
        "xl/workbook.xml": f'{_DECLARATION}<workbook xmlns="{main}">{sheets}</workbook>'.encode(),
        "xl/_rels/workbook.xml.rels": relationships(
            ("rId1", f"{_OFFICE}/worksheet", "worksheets/sheet1.xml")
        ),
        "xl/worksheets/sheet1.xml": (
            f'{_DECLARATION}<worksheet xmlns="{main}"><sheetData>{cell}</sheetData></worksheet>'
        ).encode(),
        **_properties(title),
    }


def _pptx(title: str) -> Parts:
    p = "http://schemas.openxmlformats.org/presentationml/2006/main"
    slide = f"{_CONTENT}.presentationml"
    return {
        TYPES: content_types(
            _DEFAULTS,
            {
                "ppt/presentation.xml": f"{slide}.presentation.main+xml",
                "ppt/slides/slide1.xml": f"{slide}.slide+xml",
                **_PROPERTIES,
            },
        ),
        "_rels/.rels": _root("/ppt/presentation.xml"),
        "ppt/presentation.xml": f'{_DECLARATION}<p:presentation xmlns:p="{p}"/>'.encode(),
        "ppt/_rels/presentation.xml.rels": relationships(("rId1", f"{_OFFICE}/slide", "slides/slide1.xml")),
        "ppt/slides/slide1.xml": (
            f'{_DECLARATION}<p:sld xmlns:p="{p}"><!-- {escape(title)} --></p:sld>'
        ).encode(),
        **_properties(title),
    }


# --- signatures ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PackageSignature:
    """How a signature is made, and what about it is otherwise than Office has it."""

    signed_at: datetime
    """Claimed time (aware), written into both places that state it."""
    digest: str = "sha256"
    xades: bool = True
    stated_time: bool = True
    """Whether SignatureTime is written beside the manifest."""
    leave_out: frozenset[str] = frozenset()
    """Part names, and relationships as `word/_rels/document.xml.rels#rId1`, that shall not be covered."""
    by_type: bool = False
    """Select relationships by their types instead of their Ids."""
    c14n: str = _C14N


def signed_package(parts: Mapping[str, bytes], signer: Signer, how: PackageSignature) -> Parts:
    """The parts with one more signature.

    Raises `ValueError` for a digest that does not go with the key; what the signer raises passes through.
    """
    now = dict(parts)
    number = 1 + sum(1 for name in now if name.startswith("_xmlsignatures/sig"))
    name = f"sig{number}.xml"
    if number == 1:
        now[TYPES] = now[TYPES].replace(
            b"</Types>", f'<Default Extension="sigs" ContentType="{_ORIGIN_CONTENT}"/></Types>'.encode()
        )
        now["_rels/.rels"] = with_relationship(
            now["_rels/.rels"], "rIdSig", f"{_PACKAGE}/digital-signature/origin", "_xmlsignatures/origin.sigs"
        )
        now["_xmlsignatures/origin.sigs"] = b""
        now["_xmlsignatures/_rels/origin.sigs.rels"] = relationships()
    now["_xmlsignatures/_rels/origin.sigs.rels"] = with_relationship(
        now["_xmlsignatures/_rels/origin.sigs.rels"],
        f"rId{number}",
        f"{_PACKAGE}/digital-signature/signature",
        name,
    )
    override = f'<Override PartName="/_xmlsignatures/{name}" ContentType="{_SIGNATURE_CONTENT}"/></Types>'
    now[TYPES] = now[TYPES].replace(b"</Types>", override.encode())
    now[f"_xmlsignatures/{name}"] = signature_xml(manifest_xml(now, how), signer, how)
    return now


def with_relationship(part: bytes, identifier: str, kind: str, target: str, mode: str = "") -> bytes:
    """A part with one more relationship in it."""
    end = b"</Relationships>"
    stated = f' TargetMode="{mode}"' if mode else ""
    line = f'<Relationship Id="{identifier}" Type="{kind}" Target={quoteattr(target)}{stated}/>'.encode()
    return part.replace(end, line + end)


def manifest_xml(parts: Mapping[str, bytes], how: PackageSignature) -> str:
    """The manifest over everything but signatures, properties, content types and what is left out."""
    types = _declared(parts[TYPES])
    signed: list[str] = []
    for name, content in parts.items():
        if name in how.leave_out or name == TYPES or name.startswith(("_xmlsignatures/", "docProps/")):
            continue
        if name.endswith(".rels"):
            signed.append(_relationships_reference(name, content, how))
        else:
            media = types.get(name) or types[posixpath.splitext(name)[1][1:]]
            signed.append(reference_xml(f"/{name}?ContentType={media}", content, how.digest))
    return f"<Manifest>{''.join(signed)}</Manifest>"


def reference_xml(uri: str, content: bytes, digest: str, *, transforms: str = "", kind: str = "") -> str:
    """A ds:Reference whose digest is that of `content`."""
    value = b64encode(hashlib.new(digest, content).digest()).decode()
    about = f' Type="{kind}"' if kind else ""
    return (
        f'<Reference{about} URI="{uri}">{transforms}<DigestMethod Algorithm="{_DIGEST_URIS[digest]}"/>'
        f"<DigestValue>{value}</DigestValue></Reference>"
    )


def signature_xml(
    manifest: str, signer: Signer, how: PackageSignature, *, objects: str = "", references: str = ""
) -> bytes:
    """The signature part over a manifest; `objects` and `references` are put in as further ones."""
    package = f'<Object xmlns:mdssi="{_MDSSI}" Id="idPackageObject">{manifest}{_signature_time(how)}</Object>'
    office = (
        '<Object Id="idOfficeObject"><SignatureProperties>'
        '<SignatureProperty Id="idOfficeV1Details" Target="#idPackageSignature">'
        f'<SignatureInfoV1 xmlns="{_OFFICE_DIGSIG}"><ManifestHashAlgorithm>{_DIGEST_URIS[how.digest]}'
        "</ManifestHashAlgorithm></SignatureInfoV1></SignatureProperty></SignatureProperties></Object>"
    )
    properties = _signed_properties(signer, how) if how.xades else ""
    of_object = _DS + "Object"
    listed = [
        reference_xml("#idPackageObject", _canonical(package), how.digest, kind=of_object),
        reference_xml("#idOfficeObject", _canonical(office), how.digest, kind=of_object),
    ]
    if properties:
        chain = f'<Transforms><Transform Algorithm="{_C14N}"/></Transforms>'
        kind = "http://uri.etsi.org/01903#SignedProperties"
        canonical = _canonical(properties, ("SignedProperties", _XADES))
        listed.append(
            reference_xml("#idSignedProperties", canonical, how.digest, transforms=chain, kind=kind)
        )
    info = (
        f'<SignedInfo><CanonicalizationMethod Algorithm="{_C14N}"/>'
        f'<SignatureMethod Algorithm="{_METHOD_URIS[signer.key_kind, how.digest]}"/>'
        f"{''.join(listed)}{references}</SignedInfo>"
    )
    value = _value(signer, hashlib.new(how.digest, _canonical(info)).digest(), how.digest)
    certificates = "".join(
        f"<X509Certificate>{b64encode(der).decode()}</X509Certificate>" for der in signer.certificates_der
    )
    return (
        f'{_DECLARATION}<Signature xmlns="{_DS}" Id="idPackageSignature">{info}<SignatureValue>'
        f"{b64encode(value).decode()}</SignatureValue><KeyInfo><X509Data>{certificates}</X509Data></KeyInfo>"
        f"{package}{office}{properties}{objects}</Signature>"
    ).encode()


def _signature_time(how: PackageSignature) -> str:
    if not how.stated_time:
        return ""
    return (
        '<SignatureProperties><SignatureProperty Id="idSignatureTime" Target="#idPackageSignature">'
        "<mdssi:SignatureTime><mdssi:Format>YYYY-MM-DDThh:mm:ssTZD</mdssi:Format>"
        f"<mdssi:Value>{_stamp(how.signed_at)}</mdssi:Value></mdssi:SignatureTime>"
        "</SignatureProperty></SignatureProperties>"
    )


def _signed_properties(signer: Signer, how: PackageSignature) -> str:
    der = signer.certificates_der[0]
    certificate = x509.load_der_x509_certificate(der)
    digest = b64encode(hashlib.new(how.digest, der).digest()).decode()
    return (
        f'<Object><xd:QualifyingProperties xmlns:xd="{_XADES}" Target="#idPackageSignature">'
        '<xd:SignedProperties Id="idSignedProperties"><xd:SignedSignatureProperties>'
        f"<xd:SigningTime>{_stamp(how.signed_at)}</xd:SigningTime><xd:SigningCertificate><xd:Cert>"
        f'<xd:CertDigest><DigestMethod Algorithm="{_DIGEST_URIS[how.digest]}"/><DigestValue>{digest}'
        "</DigestValue></xd:CertDigest><xd:IssuerSerial><X509IssuerName>"
        f"{escape(certificate.issuer.rfc4514_string())}</X509IssuerName><X509SerialNumber>"
        f"{certificate.serial_number}</X509SerialNumber></xd:IssuerSerial></xd:Cert></xd:SigningCertificate>"
        "<xd:SignaturePolicyIdentifier><xd:SignaturePolicyImplied/></xd:SignaturePolicyIdentifier>"
        "</xd:SignedSignatureProperties></xd:SignedProperties></xd:QualifyingProperties></Object>"
    )


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _canonical(element: str, inner: tuple[str, str] | None = None) -> bytes:
    """An element of the signature (or one within it) as C14N 1.0 has it in its place there."""
    tree = etree.fromstring(f'<Signature xmlns="{_DS}">{element}</Signature>')
    found = tree[0] if inner is None else next(tree.iter(f"{{{inner[1]}}}{inner[0]}"))
    # Canonicalized alone: lxml writes a false xmlns="" for elements of a default namespace further up.
    return etree.tostring(etree.fromstring(etree.tostring(found, with_tail=False)), method="c14n")


def _value(signer: Signer, digest: bytes, algorithm: str) -> bytes:
    value = signer.sign_digest(digest, algorithm)
    key = x509.load_der_x509_certificate(signer.certificates_der[0]).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return value
    r, s = decode_dss_signature(value)  # RFC 6931: side by side, each as long as the key
    size = (key.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _declared(types: bytes) -> dict[str, str]:
    """Content types by part name and by extension."""
    root = etree.fromstring(types)
    return {
        str(e.get("PartName") or e.get("Extension", "")).removeprefix("/"): str(e.get("ContentType"))
        for e in root
    }


def _relationships_reference(name: str, content: bytes, how: PackageSignature) -> str:
    """By the relationship transform; the origin and the properties are left open, as Office has it."""
    chosen = [r for r in etree.fromstring(content) if not _is_left_out(name, r, how)]
    if how.by_type:
        kinds = sorted({str(r.get("Type")) for r in chosen})
        sources = "".join(f'<mdssi:RelationshipsGroupReference SourceType="{k}"/>' for k in kinds)
    else:
        sources = "".join(f'<mdssi:RelationshipReference SourceId="{r.get("Id")}"/>' for r in chosen)
    transforms = (
        f'<Transforms><Transform Algorithm="{_TRANSFORM}">{sources}</Transform>'
        f'<Transform Algorithm="{how.c14n}"/></Transforms>'
    )
    uri = f"/{name}?ContentType={RELATIONSHIPS_TYPE}"
    return reference_xml(uri, _transformed(chosen), how.digest, transforms=transforms)


def _is_left_out(name: str, relationship: etree._Element, how: PackageSignature) -> bool:
    kind = str(relationship.get("Type"))
    properties = ("digital-signature/origin", "core-properties", "extended-properties")
    return f"{name}#{relationship.get('Id')}" in how.leave_out or kind.endswith(properties)


def _transformed(chosen: Iterable[etree._Element]) -> bytes:
    """The relationship transform, done by lxml's own canonicalization."""
    root = etree.Element(f"{{{_PACKAGE}}}Relationships", nsmap={None: _PACKAGE})
    for relationship in sorted(chosen, key=lambda r: str(r.get("Id"))):
        copied = etree.SubElement(root, f"{{{_PACKAGE}}}Relationship", dict(relationship.attrib))
        copied.set("TargetMode", relationship.get("TargetMode", "Internal"))
    return etree.tostring(root, method="c14n")
