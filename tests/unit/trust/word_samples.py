"""A PDF as Word and Excel export it: two cross-reference tables for one revision, one of them hidden."""

import zlib

METADATA = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<pdf:Producer>Microsoft® Word 2016</pdf:Producer></rdf:Description>
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:creator><rdf:Seq><rdf:li>Nguyen Van A</rdf:li></rdf:Seq></dc:creator></rdf:Description>
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<xmp:CreatorTool>Microsoft® Word 2016</xmp:CreatorTool>
<xmp:CreateDate>2026-11-20T08:00:00+07:00</xmp:CreateDate>
<xmp:ModifyDate>2026-11-20T08:00:00+07:00</xmp:ModifyDate></rdf:Description>
<rdf:Description rdf:about="" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/">
<xmpMM:DocumentID>uuid:EA62CC18-B0F5-4B5C-8C0A-01</xmpMM:DocumentID>
<xmpMM:InstanceID>uuid:EA62CC18-B0F5-4B5C-8C0A-01</xmpMM:InstanceID></rdf:Description>
</rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()

_TEXT = b"BT /F1 18 Tf 72 700 Td (Van ban mau) Tj ET"
_BODIES = [
    b"<</Type/Catalog/Pages 2 0 R/Lang(vi-VN) /StructTreeRoot 9 0 R/Metadata 6 0 R/ViewerPreferences 7 0 R>>",
    b"<</Type/Pages/Count 1/Kids[ 3 0 R] >>",
    b"<</Type/Page/Parent 2 0 R/Resources<</Font<</F1 5 0 R>>>>/MediaBox[ 0 0 595.32 842] /Contents 4 0 R>>",
    b"<</Length %d>>\r\nstream\r\n%s\r\nendstream" % (len(_TEXT), _TEXT),
    b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    b"<</Type/Metadata/Subtype/XML/Length %d>>\r\nstream\r\n%s\r\nendstream" % (len(METADATA), METADATA),
    b"<</DisplayDocTitle true>>",
    b"<</Author(Nguyen Van A)/CreationDate(D:20261120080000+07'00')/Producer(Word)>>",
    b"<</Type/StructTreeRoot/K[ 10 0 R] /ParentTree 11 0 R/ParentTreeNextKey 1>>",
]
_HIDDEN = {10: b"<</Type/StructElem/S/Document/P 9 0 R/K 0/Pg 3 0 R>>", 11: b"<</Nums[ 0[ 10 0 R] ] >>"}
PACKED, TABLE = 12, 13
_FREE = (0, *_HIDDEN, PACKED, TABLE)
_ID = b"/ID[<00112233445566778899AABBCCDDEEFF><00112233445566778899AABBCCDDEEFF>]"


def word_pdf(row=lambda _, row: row, entry=lambda _, entry: entry) -> bytes:
    """`row` and `entry` may write another one for an object in the hidden table and in the open one."""
    out, places = bytearray(b"%PDF-1.7\r\n%\xb5\xb5\xb5\xb5\r\n"), {}
    for number, body in enumerate(_BODIES, 1):
        places[number] = len(out)
        out += b"%d 0 obj\r\n%s\r\nendobj\r\n" % (number, body)
    places[PACKED] = len(out)
    out += _packed_objects()
    rows = b"".join(row(number, _row(number, places)) for number in range(TABLE))
    hidden, content = len(out), zlib.compress(rows)
    head = (
        b"%d 0 obj\r\n<</Type/XRef/Size %d/W[ 1 4 2] /Root 1 0 R/Info 8 0 R%s/Filter/FlateDecode/Length %d>>"
    )
    out += head % (TABLE, TABLE, _ID, len(content)) + b"\r\nstream\r\n%s\r\nendstream\r\nendobj\r\n" % content
    start, trailer = len(out), b"trailer\r\n<</Size %d/Root 1 0 R/Info 8 0 R%s" % (TABLE + 1, _ID)
    out += b"xref\r\n0 %d\r\n" % (TABLE + 1)
    out += b"".join(entry(number, _entry(number, places)) for number in range(TABLE + 1))
    out += trailer + b">>\r\nstartxref\r\n%d\r\n%%%%EOF\r\n" % start
    last = len(out)
    out += b"xref\r\n0 0\r\n" + trailer + b"/Prev %d/XRefStm %d>>" % (start, hidden)
    return bytes(out + b"\r\nstartxref\r\n%d\r\n%%%%EOF" % last)


def _packed_objects() -> bytes:
    places, content = b"", b""
    for number, body in _HIDDEN.items():
        places += b"%d %d " % (number, len(content))
        content += body + b" "
    packed = zlib.compress(places + content)
    head = b"%d 0 obj\r\n<</Type/ObjStm/N %d/First %d/Filter/FlateDecode/Length %d>>\r\nstream\r\n"
    return head % (PACKED, len(_HIDDEN), len(places), len(packed)) + packed + b"\r\nendstream\r\nendobj\r\n"


def _row(number: int, places: dict[int, int]) -> bytes:
    if number in _HIDDEN:
        return b"\2%s%s" % (PACKED.to_bytes(4), list(_HIDDEN).index(number).to_bytes(2))
    return b"\1%s\0\0" % places[number].to_bytes(4) if number else b"\0\0\0\0\0\xff\xff"


def _entry(number: int, places: dict[int, int]) -> bytes:
    if number in _FREE:
        return b"%010d 65535 f\r\n" % _FREE[(_FREE.index(number) + 1) % len(_FREE)]
    return b"%010d 00000 n\r\n" % places[number]


__all__ = ["METADATA", "PACKED", "word_pdf"]
