"""Office packages that want to be too much for whoever opens them; all name a signature."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from io import BytesIO

_TYPES_HEAD = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
_RELS = "application/vnd.openxmlformats-package.relationships+xml"
_DIGSIG = "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature"
_PACKAGE = "application/vnd.openxmlformats-package.digital-signature"
_TYPES = (
    f'{_TYPES_HEAD}<Default Extension="rels" ContentType="{_RELS}"/>'
    f'<Default Extension="xml" ContentType="application/xml"/>'
    f'<Default Extension="sigs" ContentType="{_PACKAGE}-origin"/>'
    f'<Override PartName="/_xmlsignatures/sig1.xml" ContentType="{_PACKAGE}-xmlsignature+xml"/></Types>'
)


def _relationships(rows: Iterable[tuple[str, str]], prefix: str = "rId") -> str:
    lines = "".join(
        f'<Relationship Id="{prefix}{n}" Type="{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(rows)
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{lines}</Relationships>'


_PARTS: dict[str, str | bytes] = {
    "[Content_Types].xml": _TYPES,
    "_rels/.rels": _relationships(
        [(f"{_DIGSIG}/origin", "_xmlsignatures/origin.sigs"), ("urn:document", "word/document.xml")]
    ),
    "_xmlsignatures/origin.sigs": b"",
    "_xmlsignatures/_rels/origin.sigs.rels": _relationships([(f"{_DIGSIG}/signature", "sig1.xml")]),
    "_xmlsignatures/sig1.xml": '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>',
    "word/document.xml": "<document/>",
}


def _packed(more: dict[str, str | bytes] | None = None) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in (_PARTS | (more or {})).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _flat(count: int) -> bytes:
    """An archive of that many empty entries, made without a slow library."""
    body, directory = bytearray(), bytearray()
    for n in range(count):
        name = b"word/%06d.xml" % n
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, len(body)
        )
        directory += name
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name
    body += b"[Content_Types].xml _xmlsignatures/"
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), len(body), 0
    )
    return bytes(body + directory + end)


def _overlapping(count: int) -> bytes:
    """Every entry of the directory names the same bytes: each unpacks to all of them."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = packed.compress(b"\0" * 20_000_000) + packed.flush()
    crc = zlib.crc32(b"\0" * 20_000_000)
    name = b"[Content_Types].xml"
    body = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(content), 20_000_000, len(name), 0)
    body += name + content + b"_xmlsignatures/"
    row = struct.pack(
        "<4s6H3L5H2L",
        b"PK\1\2",
        20,
        20,
        0,
        8,
        0,
        33,
        crc,
        len(content),
        20_000_000,
        len(name),
        0,
        0,
        0,
        0,
        0,
        0,
    )
    directory = (row + name) * count
    return (
        body
        + directory
        + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    )


def _lying(at: bytes, offset: int, value: bytes) -> bytes:
    """One field of a sound archive overwritten, counted from the first place of a magic."""
    data = bytearray(_packed())
    start = data.index(at) + offset
    data[start : start + len(value)] = value
    return bytes(data)


def _zip64_end() -> bytes:
    data = _packed()
    at = data.rindex(b"PK\5\6")
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2**60, 2**60, 2**60, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    return data[:at] + record + locator + data[at:]


def _nested(depth: int) -> bytes:
    data = _packed()
    for _ in range(depth):
        data = _packed({"word/embeddings/inner.docx": data})
    return data


def _manifest(references: int) -> str:
    one = (
        '<Reference URI="/word/document.xml?ContentType=application/xml"><DigestMethod '
        'Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue>AAAA</DigestValue></Reference>'
    )
    return (
        '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo><CanonicalizationMethod '
        'Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/><SignatureMethod '
        'Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><Reference URI="#idPackageObject">'
        '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue>AAAA</DigestValue>'
        '</Reference></SignedInfo><SignatureValue>AAAA</SignatureValue><Object Id="idPackageObject">'
        f"<Manifest>{one * references}</Manifest></Object></Signature>"
    )


_LOOP = {f"word/p{n}.xml": "<a/>" for n in range(400)}
_ALL = [("urn:a", f"p{n}.xml") for n in range(400)]

MADE: dict[str, Callable[[], bytes]] = {
    "a part of 250 megabytes": lambda: _packed({"word/document.xml": b"\0" * 250_000_000}),
    "content types that unpack to 250 megabytes": lambda: _packed(
        {"[Content_Types].xml": b" " * 250_000_000}
    ),
    "a signature of a hundred megabytes": lambda: _packed({"_xmlsignatures/sig1.xml": b" " * 100_000_000}),
    "relationships of a hundred megabytes": lambda: _packed({"_rels/.rels": b" " * 100_000_000}),
    "many parts of one megabyte": lambda: _packed({f"word/{n}.xml": b"\0" * 1_000_000 for n in range(220)}),
    "archives in archives": lambda: _nested(50),
    "sixty thousand entries": lambda: _flat(60_000),
    "more entries than a number can say": lambda: _flat(70_000),
    "five thousand entries": lambda: _flat(4990),
    "overlapping entries": lambda: _overlapping(1000),
    "a size that is a lie": lambda: _lying(b"PK\1\2", 24, b"\x10\0\0\0"),
    "a packed size that is a lie": lambda: _lying(b"PK\1\2", 20, b"\xff\xff\xff\x7f"),
    "an offset that is a lie": lambda: _lying(b"PK\1\2", 42, b"\xff\xff\xff\x7f"),
    "a checksum that is a lie": lambda: _lying(b"PK\1\2", 16, b"\0\0\0\0"),
    "a directory that is a lie": lambda: _lying(b"PK\5\6", 16, b"\0\0\0\0"),
    "a count that is a lie": lambda: _lying(b"PK\5\6", 8, b"\xff\xff\xff\xff"),
    "a password": lambda: _lying(b"PK\1\2", 8, b"\1\0"),
    "zip64 everywhere": _zip64_end,
    "a comment of the greatest length": lambda: _packed()[:-2] + b"\xff\xff" + b"PK\5\6" * 16383 + b"abc",
    "relationships from all to all": lambda: _packed(
        _LOOP | {f"word/_rels/p{n}.xml.rels": _relationships(_ALL) for n in range(400)}
    ),
    "relationships by the hundred thousand": lambda: _packed(
        {"word/_rels/document.xml.rels": _relationships([("urn:a", "document.xml")] * 90_000)}
    ),
    "origins by the thousand": lambda: _packed(
        {"_rels/.rels": _relationships([(f"{_DIGSIG}/origin", "_xmlsignatures/origin.sigs")] * 3000)}
    ),
    "signatures by the thousand": lambda: _packed(
        {
            "_xmlsignatures/_rels/origin.sigs.rels": _relationships(
                [(f"{_DIGSIG}/signature", f"s{n}.xml") for n in range(3000)]
            ),
            **{f"_xmlsignatures/s{n}.xml": b"<a/>" for n in range(3000)},
        }
    ),
    "a manifest of fifty thousand references": lambda: _packed(
        {"_xmlsignatures/sig1.xml": _manifest(30_000)}
    ),
    "a manifest that asks for a large part again and again": lambda: _packed(
        {"_xmlsignatures/sig1.xml": _manifest(3000), "word/document.xml": bytes(range(256)) * 300_000}
    ),
    "overrides by the hundred thousand": lambda: _packed(
        {
            "[Content_Types].xml": _TYPES_HEAD
            + "".join(f'<Override PartName="/a{n}.xml" ContentType="a/b"/>' for n in range(100_000))
            + "</Types>"
        }
    ),
    "content types with entities": lambda: _packed(
        {"[Content_Types].xml": '<!DOCTYPE a [<!ENTITY b "c">]>' + _TYPES}
    ),
    "names that climb": lambda: _packed({"word/../../../../etc/passwd": b"x"}),
    "names in two cases": lambda: _packed({"WORD/DOCUMENT.XML": b"x"}),
    "names of sixty kilobytes": lambda: _packed({f"word/{'a' * 60_000}{n}.xml": b"x" for n in range(100)}),
    "only a beginning": lambda: b"PK\3\4[Content_Types].xml _xmlsignatures/",
    "beginnings by the million": lambda: b"PK\3\4[Content_Types].xml _xmlsignatures/" * 500_000,
}
"""How each is made, by what it is."""
