"""CMS objects and plain noise that want to be too much for whoever opens them."""

import zlib
from base64 import b64encode
from collections.abc import Callable

_SIGNED = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("06092a864886f70d010701")
_SHA256 = bytes.fromhex("300d06096086480165030402010500")


def tlv(tag: int, *content: bytes) -> bytes:
    """One DER value."""
    body = b"".join(content)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body


def _object(
    *, content: bytes = b"", certificates: bytes = b"", signers: bytes = b"", algorithms: bytes = _SHA256
) -> bytes:
    signed = tlv(
        0x30,
        b"\x02\x01\x01",
        tlv(0x31, algorithms),
        tlv(0x30, _DATA, tlv(0xA0, tlv(0x04, content)) if content else b""),
        tlv(0xA0, certificates) if certificates else b"",
        tlv(0x31, signers),
    )
    return tlv(0x30, _SIGNED, tlv(0xA0, signed))


def _signer(*, attributes: bytes = b"", unsigned: bytes = b"") -> bytes:
    name = tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403"), tlv(0x0C, b"a"))))
    return tlv(
        0x30,
        b"\x02\x01\x01",
        tlv(0x30, name, b"\x02\x01\x01"),
        _SHA256,
        tlv(0xA0, attributes) if attributes else b"",
        bytes.fromhex("300d06092a864886f70d0101010500"),
        tlv(0x04, b"\0" * 256),
        tlv(0xA1, unsigned) if unsigned else b"",
    )


def _deep(tag: int, depth: int, core: bytes = b"\x05\x00") -> bytes:
    """Values in values, honest lengths; heads are computed from the inside."""
    heads, size = [], len(core)
    for _ in range(depth):
        head = tlv(tag, b"")[:1] + _length(size)
        heads.append(head)
        size += len(head)
    return b"".join(reversed(heads)) + core


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0x80 | len(length)]) + length


def _indefinite(depth: int, *, closed: bool) -> bytes:
    ends = b"\0\0" * (depth + 3) if closed else b""
    return b"\x30\x80" + _SIGNED + b"\xa0\x80\x30\x80" + b"\x24\x80" * depth + ends


def _pieces(count: int) -> bytes:
    """Content in constructed pieces of one byte each."""
    content = tlv(0x24, b"\x04\x01A" * count)
    signed = tlv(
        0x30, b"\x02\x01\x01", tlv(0x31, _SHA256), tlv(0x30, _DATA, tlv(0xA0, content)), tlv(0x31, _signer())
    )
    return tlv(0x30, _SIGNED, tlv(0xA0, signed))


def _compressed(size: int) -> bytes:
    """CompressedData (RFC 3274) where signed data should be."""
    packed = zlib.compress(b"\0" * size, 9)
    algorithm = tlv(0x30, bytes.fromhex("060b2a864886f70d0109100308"))
    inner = tlv(0x30, _DATA, tlv(0xA0, tlv(0x04, packed)))
    return tlv(
        0x30,
        bytes.fromhex("060b2a864886f70d0109100109"),
        tlv(0xA0, tlv(0x30, b"\x02\x01\0", algorithm, inner)),
    )


_ATTRIBUTE = tlv(0x30, bytes.fromhex("06032a0304"), tlv(0x31, b"\x02\x01\x01"))
_TOKEN = bytes.fromhex("060b2a864886f70d010910020e")
_COUNTER = bytes.fromhex("06092a864886f70d010906")


def _countersigned(depth: int) -> bytes:
    signer = _signer()
    for _ in range(depth):
        signer = _signer(unsigned=tlv(0x30, _COUNTER, tlv(0x31, signer)))
    return _object(signers=signer)


MADE: dict[str, Callable[[], bytes]] = {
    "values in values": lambda: tlv(0x30, _SIGNED, tlv(0xA0, _deep(0x30, 100_000))),
    "values in values, for certificates": lambda: _object(
        certificates=_deep(0x30, 50_000), signers=_signer()
    ),
    "values in values, for an attribute": lambda: _object(signers=_signer(attributes=_deep(0x30, 50_000))),
    "indefinite lengths": lambda: _indefinite(500_000, closed=True),
    "indefinite lengths, unclosed": lambda: _indefinite(500_000, closed=False),
    "content in a million pieces": lambda: _pieces(1_000_000),
    "digest algorithms by the hundred thousand": lambda: _object(
        algorithms=_SHA256 * 100_000, signers=_signer()
    ),
    "ten thousand certificates": lambda: _object(
        certificates=tlv(0x30, tlv(0x30, b"\x02\x01\x01"), _SHA256, b"\x03\x02\0\0") * 10_000,
        signers=_signer(),
    ),
    "a million tiny certificates": lambda: _object(certificates=b"\x30\x00" * 1_000_000, signers=_signer()),
    "ten thousand signers": lambda: _object(signers=_signer() * 10_000),
    "a million tiny signers": lambda: _object(signers=b"\x30\x00" * 1_000_000),
    "fifty signers of many attributes": lambda: _object(
        content=b"x", signers=_signer(attributes=_ATTRIBUTE * 20_000) * 50
    ),
    "attributes by the hundred thousand": lambda: _object(signers=_signer(attributes=_ATTRIBUTE * 200_000)),
    "timestamps by the thousand": lambda: _object(
        signers=_signer(unsigned=tlv(0x30, _TOKEN, tlv(0x31, _object(signers=_signer()) * 5000)))
    ),
    "countersignatures in countersignatures": lambda: _countersigned(2000),
    "a number of a million digits": lambda: _object(
        signers=tlv(0x30, tlv(0x02, b"\x7f" * 1_000_000), _SHA256)
    ),
    "an identifier of a megabyte": lambda: _object(
        algorithms=tlv(0x30, tlv(0x06, b"\x81" * 1_000_000 + b"\1"))
    ),
    "a length beyond the end": lambda: b"\x30\x84\xff\xff\xff\xff" + _SIGNED + b"\xa0\x80",
    "a length of a hundred bytes": lambda: b"\x30\xe4" + b"\xff" * 100,
    "compressed data": lambda: _compressed(40_000_000),
    "compressed data called signed": lambda: _compressed(40_000_000).replace(
        bytes.fromhex("060b2a864886f70d0109100109"), _SIGNED, 1
    ),
    "armour of thirty megabytes": lambda: b64encode(_object(content=b"\0" * 22_000_000, signers=_signer())),
    "armour in one-letter lines": lambda: b"\n".join(
        bytes([c]) for c in b64encode(_object(content=b"\0" * 2_000_000, signers=_signer()))
    ),
    "armour that never ends": lambda: b"-----BEGIN CMS-----\n" + b"MIIB" * 5_000_000,
    "a letter of headers": lambda: b"Content-Type: application/pkcs7-mime\n" * 300_000 + b"\n\nMIIB",
    "content of fifty megabytes": lambda: _object(content=b"\0" * 50_000_000, signers=_signer() * 50),
    "nothing": lambda: b"",
    "one byte": lambda: b"0",
    "zeros": lambda: b"\0" * 20_000_000,
    "noise": lambda: bytes(range(256)) * 40_000,
    "angle brackets": lambda: b"<" * 20_000_000,
    "line ends": lambda: b"\n" * 20_000_000,
    "letters": lambda: b"A" * 20_000_000,
    "JSON in JSON": lambda: b'{"a":' * 1_000_000,
}
"""How each is made, by what it is."""
