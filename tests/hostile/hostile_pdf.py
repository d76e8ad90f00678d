"""PDFs that want to be too much for whoever opens them, each made when a test asks for it."""

import hashlib
import zlib
from collections.abc import Callable

from tests.unit.trust.samples import assembled

_PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>"


def _document(
    *more: bytes, page: bytes = _PAGE, pages: bytes = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
) -> bytes:
    return assembled([b"<</Type/Catalog/Pages 2 0 R>>", pages, page, *more])


def _stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(content), entries, content)


def _deflated(size: int) -> bytes:
    """So many zero bytes, a thousandth of them on paper."""
    packer = zlib.compressobj(9)
    piece = b"\0" * 1_000_000
    return b"".join(packer.compress(piece) for _ in range(size // len(piece))) + packer.flush()


def _signature_field(
    value: bytes = b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached>>",
) -> bytes:
    return b"<</Type/Annot/Subtype/Widget/FT/Sig/T(a)/Rect[0 0 0 0]/V %s>>" % value


def _with_fields(fields: bytes, *objects: bytes) -> bytes:
    """A form whose fields are these; objects are numbered from 3."""
    catalogue = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%s]>>>>" % fields
    return assembled([catalogue, b"<</Type/Pages/Kids[]/Count 0>>", *objects])


def _cross_reference_stream(entries: bytes, filters: bytes, *, size: int = 8) -> bytes:
    """A file whose only section is a stream of these bytes."""
    head = (
        b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
        b"2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n"
    )
    written = (
        b"9 0 obj\n<</Type/XRef/Size %d/W[1 4 2]/Root 1 0 R%s/Length %d>>\nstream\n%s\nendstream\nendobj\n"
        % (
            size,
            filters,
            len(entries),
            entries,
        )
    )
    return head + written + b"startxref\n%d\n%%%%EOF\n" % len(head)


def _object_stream_bomb(size: int) -> bytes:
    """The catalogue stands in an object stream that unpacks to `size` bytes."""
    packed = _deflated(size)
    body = (
        b"%%PDF-1.7\n5 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\n"
        b"stream\n%s\nendstream\nendobj\n"
    )
    head = body % (len(packed), packed)
    rows = [(0, 0, 65535), (2, 5, 0), *((0, 0, 0) for _ in range(3)), (1, 9, 0), (1, len(head), 0)]
    table = b"".join(kind.to_bytes(1) + at.to_bytes(4) + more.to_bytes(2) for kind, at, more in rows)
    stream = b"6 0 obj\n<</Type/XRef/Size 7/W[1 4 2]/Root 1 0 R/Length %d>>\nstream\n%s\nendstream\nendobj\n"
    return head + stream % (len(table), table) + b"startxref\n%d\n%%%%EOF\n" % len(head)


def _chain_of_revisions(count: int) -> bytes:
    pdf = bytearray(_document(_stream(b"")))
    previous = pdf.rindex(b"xref\n0 ")
    for _ in range(count):
        at = len(pdf)
        pdf += b"xref\n0 0\ntrailer\n<</Size 5/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
            previous,
            at,
        )
        previous = at
    return bytes(pdf)


def _sections_in_a_circle() -> bytes:
    pdf = _document(_stream(b""))
    at = pdf.rindex(b"xref\n0 ")
    return pdf.replace(b"/Root 1 0 R>>", b"/Root 1 0 R/Prev %d>>" % at)


def _encrypted() -> bytes:
    """With a user's password, as far as a reader sees."""
    handler = b"<</Filter/Standard/V 2/R 3/Length 128/P -44/O<%s>/U<%s>>>" % (b"a5" * 32, b"5a" * 32)
    return assembled(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>", handler],
        trailer=b"/Encrypt 3 0 R/ID[<00><00>]",
    )


def _forms_within_forms(count: int) -> bytes:
    """Form XObjects, each of which draws the next twice, the last one the first."""
    forms = [
        _stream(
            b"/F Do /F Do",
            b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F %d 0 R>>>>"
            % (5 + (n + 1) % count),
        )
        for n in range(count)
    ]
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>>>"
    return _document(_stream(b"/F Do"), *forms, page=page)


def _pages_within_pages(depth: int) -> bytes:
    nodes = [b"<</Type/Pages/Kids[%d 0 R %d 0 R]/Count 1>>" % (n + 3, n + 3) for n in range(depth)]
    return assembled([b"<</Type/Catalog/Pages 2 0 R>>", *nodes, b"<</Type/Page/MediaBox[0 0 9 9]>>"])


def _many_objects(count: int) -> bytes:
    return _document(_stream(b""), *([b"null"] * count))


def _many_signatures(count: int) -> bytes:
    fields = b" ".join(b"%d 0 R" % (n + 3) for n in range(count))
    value = b"<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 10 20 30]/Contents<%s>>>" % (b"30" * 400)
    return _with_fields(fields, *([_signature_field(value)] * count))


def _claims(count: int) -> bytes:
    """Byte ranges by the thousand, all about one long hex string."""
    pdf = _document(_stream(b""))
    text = b"<" + b"41" * 50_000 + b">"
    at = len(pdf) + 1
    claim = b"/ByteRange [0 %d %d 5]\n" % (at, at + len(text))
    return pdf + b"\n" + text + claim * count


def _field_tree(depth: int) -> bytes:
    fields = [b"<</T(a)/Kids[%d 0 R]>>" % (n + 4) for n in range(depth)]
    return _with_fields(b"3 0 R", *fields, _signature_field())


def _wide_field_tree(levels: int) -> bytes:
    """Every field has the next one twice for a kid."""
    fields = [b"<</T(a)/Kids[%d 0 R %d 0 R]>>" % (n + 4, n + 4) for n in range(levels)]
    return _with_fields(b"3 0 R", *fields, _signature_field())


def _filters(count: int) -> bytes:
    """One stream deflated many times over, as the section."""
    content = b"\0" * 30_000_000
    for _ in range(count):
        content = zlib.compress(content, 9)
    return _cross_reference_stream(content, b"/Filter[%s]" % (b"/FlateDecode" * count))


def _object_streams_ahead(streams: int, size: int) -> bytes:
    """Small object streams, then one large stream: whoever unpacks each from all that follows copies it."""
    packed = zlib.compress(b"")
    member = b"<</Type/ObjStm/N 0/First 0/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream"
    return _document(_stream(b""), *[member % (len(packed), packed)] * streams, _stream(bytes(size)))


def _objects_without_end(count: int) -> bytes:
    """All of them listed, none closed: each is looked through as far as an object may reach."""
    return assembled([b"1"] * count).replace(b"endobj", b"      ")


def _hex_noise(size: int) -> bytes:
    return hashlib.shake_256(b"ebrvt").hexdigest(size // 2).encode()


MADE: dict[str, Callable[[], bytes]] = {
    "arrays in arrays": lambda: _document(_stream(b""), b"[" * 300_000 + b"]" * 300_000),
    "arrays in arrays in the catalogue": lambda: assembled([b"<</Type/Catalog/Pages " + b"[" * 500_000]),
    "dictionaries in dictionaries": lambda: assembled(
        [b"<</Type/Catalog/Pages 2 0 R/A" + b"<</A" * 100_000 + b" 1" + b">>" * 100_000 + b">>"]
    ),
    "dictionaries in the trailer": lambda: assembled(
        [b"<</Type/Catalog/Pages 2 0 R>>"], trailer=b"/A" + b"<</A" * 100_000
    ),
    "a page tree that is its own child": lambda: _document(
        _stream(b""), pages=b"<</Type/Pages/Kids[2 0 R]/Count 1>>"
    ),
    "a page tree that doubles on each level": lambda: _pages_within_pages(48),
    "a page tree too deep": lambda: _pages_within_pages(20_000),
    "a page tree of a million nodes": lambda: _document(
        _stream(b""), pages=b"<</Type/Pages/Kids[%s]/Count 1000000>>" % (b"3 0 R " * 1_000_000)
    ),
    "a catalogue that is itself": lambda: assembled([b"1 0 R"]),
    "references in a circle": lambda: assembled([b"2 0 R", b"3 0 R", b"1 0 R"]),
    "a length in a circle": lambda: _document(b"<</Length 4 0 R>>\nstream\nx\nendstream"),
    "a length past the end": lambda: _document(b"<</Length 99999999999>>\nstream\nx\nendstream"),
    "a length below nothing": lambda: _document(b"<</Length -99999>>\nstream\nx\nendstream"),
    "sections in a circle": _sections_in_a_circle,
    "ten thousand revisions": lambda: _chain_of_revisions(10_000),
    "a section bomb": lambda: _cross_reference_stream(_deflated(80_000_000), b"/Filter/FlateDecode"),
    "a section bomb that fits its size": lambda: _cross_reference_stream(
        _deflated(70_000_000), b"/Filter/FlateDecode", size=10_000_000
    ),
    "a section in five layers": lambda: _filters(5),
    "a section with a monstrous predictor": lambda: _cross_reference_stream(
        zlib.compress(b"\0" * 10_000_000),
        b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 999999999/Colors 9/BitsPerComponent 16>>",
    ),
    "a section with a predictor": lambda: _cross_reference_stream(
        zlib.compress(b"\2\1\0\0\0\0\0\0" * 4_000_000, 9),
        b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 7>>",
        size=4_000_000,
    ),
    "a section in ASCII85": lambda: _cross_reference_stream(
        b"z" * 20_000_000 + b"~>", b"/Filter/ASCII85Decode"
    ),
    "a section of run lengths": lambda: _cross_reference_stream(
        b"\x81\0" * 3_000_000 + b"\x80", b"/Filter/RunLengthDecode"
    ),
    "a section in LZW": lambda: _cross_reference_stream(b"\x80\x0b\x60\x50" * 500_000, b"/Filter/LZWDecode"),
    "an object stream bomb": lambda: _object_stream_bomb(70_000_000),
    "object streams ahead of a large stream": lambda: _object_streams_ahead(1_000, 40_000_000),
    "objects listed and never closed": lambda: _objects_without_end(100_000),
    "one word ninety megabytes long": lambda: _document(_stream(b"xref" * 22_500_000)),
    "the word obj behind a million line ends": lambda: _document(_stream(b"\robj" * 990_000)),
    "comments that may be ahead of each word obj": lambda: _document(
        _stream((b"%" * 50 + b"\robj") * 150_000)
    ),
    "a byte range nine million times": lambda: _document(_stream(b"/ByteRange" * 9_000_000)),
    "a page content bomb": lambda: _document(_stream(_deflated(100_000_000), b"/Filter/FlateDecode")),
    "encrypted": _encrypted,
    "forms within forms": lambda: _forms_within_forms(30),
    "half a million objects": lambda: _many_objects(500_000),
    "a table that claims a billion entries": lambda: _document(_stream(b"")).replace(
        b"xref\n0 5\n", b"xref\n0 999999999\n"
    ),
    "subsections by the hundred thousand": lambda: _document(_stream(b"")).replace(
        b"xref\n0 5\n", b"xref\n" + b"0 0\n" * 300_000 + b"0 5\n"
    ),
    "sixty signatures": lambda: _many_signatures(60),
    "two thousand signatures": lambda: _many_signatures(2000),
    "a hundred thousand byte ranges": lambda: _claims(100_000),
    "fields in fields": lambda: _field_tree(5000),
    "fields that double on each level": lambda: _wide_field_tree(40),
    "a field that is its own child": lambda: _with_fields(
        b"3 0 R", b"<</T(a)/FT/Sig/V 4 0 R/Kids[3 0 R]>>", b"<<>>"
    ),
    "headers only": lambda: b"%PDF-1.7\n" * 500_000,
    "ends of file only": lambda: b"%PDF-1.7\n" + b"startxref\n9\n%%EOF\n" * 300_000,
    "objects that never end": lambda: b"%PDF-1.7\n" + b"1 0 obj\n<<" * 500_000 + b"\nstartxref\n9\n%%EOF\n",
    "a string that never ends": lambda: assembled([b"<</Type/Catalog/Pages(" + b"(" * 2_000_000]),
    "a hex string of ten megabytes": lambda: _document(_stream(b""), b"<" + _hex_noise(10_000_000) + b">"),
    "a name of ten megabytes": lambda: assembled([b"<</Type/Catalog/Pages /" + b"A" * 10_000_000 + b">>"]),
    "a comment of ten megabytes": lambda: assembled(
        [b"<</Type/Catalog%" + b"A" * 10_000_000 + b"\n/Pages 2 0 R>>"]
    ),
    "blanks for ten megabytes": lambda: assembled(
        [b"<</Type/Catalog" + b" " * 10_000_000 + b"/Pages 2 0 R>>"]
    ),
    "a number of a million digits": lambda: assembled([b"<</Type/Catalog/Pages " + b"9" * 1_000_000 + b">>"]),
    "a start of a million digits": lambda: _document(_stream(b"")).replace(
        b"startxref\n", b"startxref\n" + b"1" * 1_000_000
    ),
    "nothing but slashes": lambda: assembled([b"<<" + b"/" * 3_000_000 + b">>"]),
    "keys by the million": lambda: assembled(
        [b"<</Type/Catalog/Pages 2 0 R" + b"".join(b"/K%d 1" % n for n in range(700_000)) + b">>"]
    ),
}
"""How each is made, by what it is."""
