"""Files within files and circles, in every format; and files that are locked, or called what they are not."""

import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from tests.hostile.hostile_cms import _object, _signer, tlv
from tests.hostile.hostile_ooxml import _DIGSIG, _packed, _relationships
from tests.hostile.hostile_pdf import _PAGE, _document, _stream
from tests.hostile.hostile_xml import _document as xml_document
from tests.hostile.hostile_xml import _laughs
from tests.unit.trust.samples import assembled, plain_pdf

_SIGNED = bytes.fromhex("06092a864886f70d010702")
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")
_ENCRYPTED = bytes.fromhex("06092a864886f70d010706")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


# --- PDF -------------------------------------------------------------------------------------------


def _object_streams(member_of: Callable[[int], int], count: int) -> bytes:
    """Object streams 5.. of which each, says the table, is itself a member of another one."""
    pdf = bytearray(b"%PDF-1.7\n")
    rows = [(0, 0, 65535)]
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>", b"null", b"null"]
    bodies += [_stream(b"1 0 null", b"/Type/ObjStm/N 1/First 4") for _ in range(count)]
    for number, body in enumerate(bodies, 1):
        at = len(pdf)
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        rows.append((1, at, 0) if number < 5 else (2, member_of(number), 0))
    start = len(pdf)
    rows.append((1, start, 0))
    table = b"".join(k.to_bytes(1) + at.to_bytes(4) + more.to_bytes(2) for k, at, more in rows)
    head = b"%d 0 obj\n<</Type/XRef/Size %d/W[1 4 2]/Root 1 0 R/Length %d>>\nstream\n"
    pdf += head % (len(rows) - 1, len(rows), len(table)) + table
    return bytes(pdf) + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % start


def _previous(value: bytes) -> bytes:
    return _document(_stream(b"")).replace(b"/Root 1 0 R>>", b"/Root 1 0 R/Prev %s>>" % value)


def _two_sections_in_a_circle() -> bytes:
    pdf = _document(_stream(b""))
    first = pdf.rindex(b"xref\n0 ")
    second = len(pdf) + len(b"/Prev 0000000000")
    pdf = pdf.replace(b"/Root 1 0 R>>", b"/Root 1 0 R/Prev %010d>>" % second)
    return pdf + b"xref\n0 0\ntrailer\n<</Size 5/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        first,
        second,
    )


def _locked(password: str) -> bytes:
    writer = copy_into_new_writer(PdfFileReader(BytesIO(plain_pdf())))
    writer.encrypt(owner_pass="nobody", user_pass=password)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


# --- CMS -------------------------------------------------------------------------------------------


def _objects_in_objects(depth: int) -> bytes:
    data = b"x"
    for _ in range(depth):
        data = _object(content=data, signers=_signer())
    return data


def _armour_in_armour(depth: int) -> bytes:
    data = _object(content=b"x", signers=_signer())
    for _ in range(depth):
        data = b"-----BEGIN CMS-----\n" + b64encode(data) + b"\n-----END CMS-----\n"
    return data


def _recipients(kind: bytes) -> bytes:
    sealed = tlv(0x30, bytes.fromhex("06092a864886f70d010701"), tlv(0x80, b"\0" * 5000))
    return tlv(0x30, kind, tlv(0xA0, tlv(0x30, b"\x02\x01\0", tlv(0x31, b""), sealed)))


# --- packages and archives ---------------------------------------------------------------------------


def _archives(depth: int, size: int) -> bytes:
    """A bomb in an archive in an archive; the outermost says to be an Office package."""
    data, name = b"\0" * size, "0"
    for level in range(depth):
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for n in range(10):
                archive.writestr(f"{name}{n}.zip", data)
        data, name = buffer.getvalue(), str(level)
    return _packed({"word/embeddings/a.zip": data})


def _locked_archive() -> bytes:
    """Every entry with the flag of encryption, in both places."""
    data = bytearray(_packed())
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(magic)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(magic, at + 1)
    return bytes(data)


def _ole(*streams: str) -> bytes:
    """As far as anybody looks who does not open it: the head of a compound file, and names of streams."""
    return _OLE + b"\0" * 504 + b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in streams) * 4


_ORIGIN = "_xmlsignatures/_rels/origin.sigs.rels"
_DTD = '<!DOCTYPE doc [<!ENTITY % a "%b;"><!ENTITY % b "%a;">%a;]>'


def _in(encoding: str, text: bytes) -> bytes:
    return text.decode().encode(encoding)


MADE: dict[str, Callable[[], bytes]] = {
    "object streams, each a member of the next": lambda: _object_streams(lambda n: n + 1, 300),
    "object streams in a circle": lambda: _object_streams(lambda n: 5 + (n - 4) % 3, 3),
    "an object stream in itself": lambda: _object_streams(lambda n: n, 1),
    "an object stream that extends itself": lambda: _document(
        _stream(b"7 0 null", b"/Type/ObjStm/N 1/First 4/Extends 4 0 R")
    ),
    "a page that is its own parent": lambda: _document(
        _stream(b""), page=_PAGE.replace(b"/Parent 2 0 R", b"/Parent 3 0 R")
    ),
    "parents in a circle": lambda: assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Parent 3 0 R/Kids[3 0 R]/Count 1>>",
            b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 1>>",
        ]
    ),
    "two sections in a circle": _two_sections_in_a_circle,
    "a section before the file": lambda: _previous(b"-1"),
    "a section behind the file": lambda: _previous(b"999999999"),
    "a section that is a reference to itself": lambda: _previous(b"4 0 R"),
    "filters by the ten thousand": lambda: _document(
        _stream(zlib.compress(b"x"), b"/Filter[%s]" % (b"/FlateDecode" * 10_000))
    ),
    "PDF with a password": lambda: _locked("mat khau"),
    "PDF with an empty password": lambda: _locked(""),
    "PDF in PDF in PDF": lambda: _document(*[_stream(plain_pdf() * 50, b"/Type/EmbeddedFile")] * 200),
    "signed data in signed data": lambda: _objects_in_objects(500),
    "armour in armour": lambda: _armour_in_armour(25),
    "signed data as the content's type": lambda: _object(signers=_signer()).replace(
        bytes.fromhex("06092a864886f70d010701"), _SIGNED
    ),
    "enveloped data": lambda: _recipients(_ENVELOPED),
    "encrypted data": lambda: _recipients(_ENCRYPTED),
    "enveloped data called signed": lambda: _recipients(_SIGNED),
    "a bomb in archives in archives": lambda: _archives(4, 10_000_000),
    "a package that is locked": _locked_archive,
    "a document with a password (OLE)": lambda: _ole("EncryptionInfo", "EncryptedPackage"),
    "an origin that is its own signature": lambda: _packed(
        {_ORIGIN: _relationships([(f"{_DIGSIG}/signature", "origin.sigs")])}
    ),
    "relationships of relationships": lambda: _packed(
        {
            "_rels/_rels/.rels.rels": _relationships([("urn:a", "../.rels")]),
            **{f"_rels/{'_rels/' * n}a.rels": _relationships([("urn:a", "a.rels")]) for n in range(100)},
        }
    ),
    "parts in a circle": lambda: _packed(
        {
            "word/_rels/document.xml.rels": _relationships([("urn:a", "a.xml")]),
            "word/a.xml": "<a/>",
            "word/_rels/a.xml.rels": _relationships([("urn:a", "document.xml")]),
        }
    ),
    "PDF that says to be a ZIP": lambda: b"PK\3\4" + plain_pdf(),
    "ZIP that says to be a PDF": lambda: b"%PDF-1.7\n" + _packed(),
    "XML that says to be a PDF": lambda: b"%PDF-1.7\n" + xml_document("x"),
    "CMS that says to be a PDF": lambda: b"%PDF-1.7\n" + _object(content=b"x", signers=_signer()),
    "laughs in UTF-16": lambda: _in("utf-16", _laughs()),
    "laughs in UTF-16 without a mark": lambda: _in("utf-16-be", _laughs()),
    "laughs in UTF-32": lambda: _in("utf-32", _laughs()),
    "laughs in UTF-7": lambda: b"<?xml version='1.0' encoding='UTF-7'?>" + _in("utf-7", _laughs()),
    "laughs in UTF-7 with a mark": lambda: b"+/v8-" + _in("utf-7", _laughs()),
    "parameters in a circle": lambda: _DTD.encode() + xml_document("x"),
    "an inclusion of itself": lambda: xml_document(
        '<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="" parse="xml"/>'
    ),
    "a style sheet from the network": lambda: (
        b'<?xml-stylesheet href="http://127.0.0.1/a.xsl"?>' + xml_document("x")
    ),
}
"""How each is made, by what it is."""
