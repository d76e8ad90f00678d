"""Mutations: what chance, a bad disk, a careless program or somebody clever may do to a file; by seed."""

from __future__ import annotations

import random
import re
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO

Mutation = Callable[[bytes, random.Random], bytes]

_TOKENS: Sequence[bytes] = (
    *(bytes([n]) for n in (0, 0x0A, 0x20, 0x30, 0x3C, 0x80, 0xFF)),
    b"%PDF-1.7\n", b"%%EOF\n", b"startxref\n0\n", b"endobj\n4 0 obj\n<<>>\n", b"xref\n0 0\n", b"/Contents ",
    b"/ByteRange [0 1 2 3]", b"/Type /Sig ", b"/JavaScript ", b"stream\r\n", b"endstream\n", b"<<", b">>",
    b"<!-- -->", b"<![CDATA[x]]>", b"<?x y?>", b"<!DOCTYPE r [<!ENTITY v 'x'>]>", b"&#0;", b"&#x41;",
    b' Id="props"',
    b' xmlns:u="urn:u"', b' xml:lang="vi"', b"<ds:Object/>", b"<ds:Reference/>", b'URI=""', b"#xpointer(/)",
    b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x00\x00", b"\xa0\x80", b"\x24\x80", b"\x04\x81\x01",
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"../", b"[Content_Types].xml", b"\xef\xbb\xbf", b"\xff\xfe",
)  # fmt: skip


def bit(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def byte(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([(data[at] + chance.randrange(1, 256)) % 256]) + data[at + 1 :]


def several(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(2, 9)):
        data = byte(data, chance)
    return data


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data))
    return start, min(len(data), start + 1 + int(chance.paretovariate(0.6)))


def cut_out(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def doubled(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:end] + data[start:end] + data[end:]


def moved(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    piece, rest = data[start:end], data[:start] + data[end:]
    at = chance.randrange(len(rest) + 1)
    return rest[:at] + piece + rest[at:]


def blanked(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + bytes([chance.choice((0, 0x20, 0x30, 0xFF))]) * (end - start) + data[end:]


def truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def appended(data: bytes, chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data + chance.choice((chance.choice(_TOKENS), data[start:end], chance.randbytes(8)))


def prefixed(data: bytes, chance: random.Random) -> bytes:
    return chance.choice((chance.choice(_TOKENS), chance.randbytes(8))) + data


def token(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(_TOKENS) + data[at:]


def token_over(data: bytes, chance: random.Random) -> bytes:
    piece = chance.choice(_TOKENS)
    at = chance.randrange(len(data))
    return data[:at] + piece + data[at + len(piece) :]


def number(data: bytes, chance: random.Random) -> bytes:
    """A decimal number made another one: offsets, lengths, counts, generations."""
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return byte(data, chance)
    match = chance.choice(found)
    other = chance.choice(
        (b"0", b"1", b"-1", b"65535", b"99999999999", b"%d" % (int(match[0][:18]) + chance.choice((-1, 1))))
    )
    return data[: match.start()] + other + data[match.end() :]


# Bounded on every side: the hex digits of a PDF signature are one long word.
_TAG = re.compile(
    rb"<[A-Za-z][\w:]{0,40}(?: [^<>]{0,400})?>[^<>]{0,4000}</[\w:]{1,40}>"
    rb"|<[A-Za-z][\w:]{0,40}(?: [^<>]{0,400})?/>"
    rb"|/[A-Z]\w{1,40}|(?<=\s)[\w:]{1,40}=\"[^\"]{0,400}\""
)


def tag(data: bytes, chance: random.Random) -> bytes:
    """A whole XML element, PDF name or attribute doubled, dropped or put somewhere else."""
    found = list(_TAG.finditer(data))
    if len(found) < 2:
        return moved(data, chance)
    one, two = chance.choice(found), chance.choice(found)
    kind = chance.randrange(3)
    if kind == 0:
        return data[: one.start()] + data[one.end() :]
    if kind == 1:
        return data[: two.start()] + one[0] + data[two.start() :]
    return data[: two.start()] + one[0] + data[two.end() :]


PLAIN: Sequence[Mutation] = (
    bit, bit, bit, byte, byte, several, cut_out, doubled, moved, blanked, truncated, appended, prefixed,
    token, token_over, number, number, tag, tag,
)  # fmt: skip


def anything(data: bytes, chance: random.Random) -> bytes:
    """One of the plain mutations; now and then two."""
    data = chance.choice(PLAIN)(data, chance)
    return chance.choice(PLAIN)(data, chance) if data and chance.random() < 0.15 else data


def inside_package(data: bytes, chance: random.Random) -> bytes:
    """A part of a package mutated and packed again: what a mutation of compressed bytes never reaches."""
    with zipfile.ZipFile(BytesIO(data)) as package:
        parts = [(name, package.read(name)) for name in package.namelist()]
    at = chance.randrange(len(parts))
    name, content = parts[at]
    kind = chance.randrange(12)
    if kind == 0:
        del parts[at]
    elif kind == 1:
        parts[at] = (anything(name.encode(), chance).decode("latin-1") or "x", content)
    elif kind == 2:
        parts.insert(
            at, (chance.choice((name.upper(), f"word/{at}.xml", f"{name}x", f"_rels/{at}.rels")), content)
        )
    else:
        parts[at] = (name, anything(content, chance) if content else chance.randbytes(4))
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for each, body in parts:
            package.writestr(zipfile.ZipInfo(each.replace("\0", "x"), (2019, 10, 1, 8, 0, 0)), body)
    return out.getvalue()


def inside_contents(data: bytes, chance: random.Random) -> bytes:
    """The CMS object in a PDF's /Contents mutated byte by byte, where the hex digits keep it readable."""
    places = list(re.finditer(rb"/Contents <([0-9A-Fa-f]+)>", data))
    place = chance.choice(places)
    held = bytes.fromhex(place[1].decode())
    rest = held.rstrip(b"\0")
    changed = chance.choice((bit, byte, several, token_over))(rest, chance)
    return (
        data[: place.start(1)]
        + changed.ljust(len(held), b"\0")[: len(held)].hex().encode()
        + data[place.end(1) :]
    )


def mutated(kind: str, data: bytes, chance: random.Random) -> bytes:
    """A mutation that suits the format."""
    if kind in {"docx", "xlsx", "pptx"} and chance.random() < 0.6:
        return inside_package(data, chance)
    if kind == "pdf" and chance.random() < 0.3:
        return inside_contents(data, chance)
    return anything(data, chance)
