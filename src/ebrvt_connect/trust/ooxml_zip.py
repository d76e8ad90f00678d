"""The ZIP archive of an Office package (OOXML), read so that no reader can find anything else in it.

Local headers and entries stand without a gap from the first byte to the directory, the directory to the
end of the file; both say the same of each entry, and no two names can be taken for one another. So there
is nothing before, between or behind the entries, and whoever walks local headers sees what the directory
lists. Sizes are a claim until unpacking has confirmed them.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ebrvt_connect.trust import ooxml_findings
from ebrvt_connect.trust.xml_reading import XmlRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ENTRIES = 5_000
MOST_BYTES = 200 * 1024 * 1024
"""Everything unpacked together."""
MOST_RATIO = 100
"""Unpacked to packed, for what unpacks to more than 1 MiB."""
_RATIO_APPLIES_ABOVE_BYTES = 1024 * 1024
_PIECE_BYTES = 256 * 1024

_END = struct.Struct("<4s4H2LH")
_LISTED = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_SUMS = struct.Struct("<3L")
_RECORD = struct.Struct("<2H")
_LOCATOR_BYTES = 20
_STORED, _DEFLATED = 0, 8
_NEWEST_VERSION = 63
"""6.3: what unpackers know; what entries are allowed here needs 2.0."""
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_SUMS_FOLLOW = 0x0008
_ALLOWED_FLAGS = 0x0006 | _SUMS_FOLLOW | 0x0800
"""How hard it was compressed, sums behind the data, name in UTF-8 (names are ASCII here)."""
_ZIP64_EXTRA, _AES_EXTRA, _NAME_EXTRA = 0x0001, 0x9901, 0x7075
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The head of a compound file, in which Office puts a package that has a password."""

CONTENT_TYPES = "[Content_Types].xml"
_TRASH = "[trash]/"
"""Where Office leaves the room of deleted parts; no part name begins like that."""
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
_NEEDLESSLY_ENCODED = re.compile(
    r"%(?:2[DdEeFf]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaCcFf]|6[1-9A-Fa-f]|7[0-9AaEeFf]|[01][0-9A-Fa-f])"
)
"""Letters, digits, `-._~` (another spelling of the same name), slashes and control characters."""
_SHOWN_CHARS = 60


class PackageRefused(XmlRefused):
    """A package that is not judged any further, or a signature in it."""


@dataclass(frozen=True, slots=True)
class ZipItem:
    """One entry: what directory and local header say of it in agreement."""

    name: str
    method: int
    crc: int
    packed: int
    """Bytes in the archive."""
    size: int
    """Bytes unpacked."""
    start: int
    """Where its data begin."""
    end: int
    """Where the next local header begins, or the directory."""


def read_items(data: bytes) -> tuple[ZipItem, ...]:
    """The entries in their order, folders left out; nothing is unpacked yet. Raises `PackageRefused`."""
    listed, directory = _directory(data)
    listed.sort(key=lambda entry: entry.offset)
    items: list[ZipItem] = []
    here = 0
    for entry in listed:
        if entry.offset != here:
            raise _structure("dữ liệu lạ giữa các thành phần")
        item = _local(data, entry, directory)
        here = item.end
        items.append(item)
    if here != directory:
        raise _structure("dữ liệu lạ trước danh mục nén")
    _check_sizes(items, len(data))
    _check_names(items)
    return tuple(item for item in items if not item.name.endswith("/"))


def unpacked(data: bytes, item: ZipItem) -> Iterator[bytes]:
    """An entry's content in pieces. Raises `PackageRefused` where it turns out not to be as claimed."""
    crc = seen = 0
    for piece in _pieces(data, item):
        crc = zlib.crc32(piece, crc)
        seen += len(piece)
        if seen > item.size:
            break
        yield piece
    if seen != item.size or crc != item.crc:
        raise _structure(f"{item.name[:_SHOWN_CHARS]}: sai kích thước hoặc mã kiểm tra")


def _pieces(data: bytes, item: ZipItem) -> Iterator[bytes]:
    view = memoryview(data)[item.start : item.start + item.packed]
    if item.method == _STORED:
        yield from (bytes(view[n : n + _PIECE_BYTES]) for n in range(0, len(view), _PIECE_BYTES))
        return
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for n in range(0, len(view), _PIECE_BYTES):
            waiting: bytes | memoryview = view[n : n + _PIECE_BYTES]
            while waiting and not inflate.eof:
                yield inflate.decompress(waiting, _PIECE_BYTES)
                waiting = inflate.unconsumed_tail
            if inflate.eof and (inflate.unused_data or n + _PIECE_BYTES < len(view)):
                raise _structure(f"{item.name[:_SHOWN_CHARS]}: dữ liệu thừa sau nội dung nén")
        while not inflate.eof and (rest := inflate.decompress(b"", _PIECE_BYTES)):
            yield rest
    except zlib.error as failure:
        raise _structure(f"{item.name[:_SHOWN_CHARS]}: không giải nén được") from failure
    if not inflate.eof:
        raise _structure(f"{item.name[:_SHOWN_CHARS]}: nội dung nén bị cắt cụt")


# --- the directory ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Listed:
    """An entry as the directory has it."""

    name: bytes
    flags: int
    method: int
    stamp: tuple[int, int]
    sums: tuple[int, int, int]
    """CRC, packed, unpacked."""
    offset: int


def _directory(data: bytes) -> tuple[list[_Listed], int]:
    """The directory's entries, and where it begins."""
    if data.startswith(_OLE):
        raise PackageRefused(ooxml_findings.OOXML_ENCRYPTED)
    at = len(data) - _END.size
    if at < 0 or data[at : at + 4] != b"PK\x05\x06":
        raise _structure("không kết thúc bằng danh mục nén, hoặc có dữ liệu ở cuối tệp")
    _, disk, first_disk, here, entries, length, start, comment = _END.unpack_from(data, at)
    if data[max(0, at - _LOCATOR_BYTES) :].startswith(b"PK\x06\x07") or _FULL_16 in (here, entries):
        raise PackageRefused(ooxml_findings.OOXML_ZIP64)
    if _FULL_32 in (length, start):
        raise PackageRefused(ooxml_findings.OOXML_ZIP64)
    if disk or first_disk or here != entries or comment or start + length != at:
        raise _structure("danh mục nén")
    if entries > MOST_ENTRIES:
        raise PackageRefused(ooxml_findings.OOXML_TOO_LARGE, reason=f"hơn {MOST_ENTRIES} thành phần")
    found: list[_Listed] = []
    here = start
    for _ in range(entries):
        entry, here = _listed(data, here, at)
        found.append(entry)
    if here != at:
        raise _structure("danh mục nén có dữ liệu thừa")
    return found, start


def _listed(data: bytes, at: int, end: int) -> tuple[_Listed, int]:
    """One entry of the directory, and where the next begins."""
    if at + _LISTED.size > end or data[at : at + 4] != b"PK\x01\x02":
        raise _structure("danh mục nén")
    fields = _LISTED.unpack_from(data, at)
    _, _, need, flags, method, time, date, crc, packed, size, name, extra, comment, disk, _, _, offset = (
        fields
    )
    name_end = at + _LISTED.size + name
    if name_end + extra + comment > end or disk or comment:
        raise _structure("danh mục nén")
    _check_extra(data[name_end : name_end + extra])
    if _FULL_32 in (packed, size, offset):
        raise PackageRefused(ooxml_findings.OOXML_ZIP64)
    _check_flags(need, flags, method)
    entry = _Listed(
        data[at + _LISTED.size : name_end], flags, method, (time, date), (crc, packed, size), offset
    )
    return entry, name_end + extra


def _local(data: bytes, entry: _Listed, directory: int) -> ZipItem:
    """The entry's local header compared with what the directory says."""
    at = entry.offset
    if at + _LOCAL.size > directory or data[at : at + 4] != b"PK\x03\x04":
        raise _structure("đầu mục của thành phần")
    _, need, flags, method, time, date, crc, packed, size, name, extra = _LOCAL.unpack_from(data, at)
    name_end = at + _LOCAL.size + name
    start = name_end + extra
    end = start + entry.sums[1]
    if end > directory:
        raise _structure("thành phần dài hơn tệp")
    _check_extra(data[name_end:start])
    _check_flags(need, flags, method)
    later = bool(flags & _SUMS_FOLLOW)
    said = (crc, packed, size)
    if (flags, method, (time, date)) != (entry.flags, entry.method, entry.stamp) or (
        said != entry.sums and not (later and said == (0, 0, 0))
    ):
        raise _structure("đầu mục của thành phần khác với danh mục nén")
    if data[at + _LOCAL.size : name_end] != entry.name:
        raise _structure("tên thành phần khác với danh mục nén")
    if later:
        end = _behind_sums(data, end, entry)
    return ZipItem(_name(entry.name), method, *entry.sums, start, end)


def _behind_sums(data: bytes, at: int, entry: _Listed) -> int:
    """Where the sums behind an entry's data end."""
    sums = _SUMS.pack(*entry.sums)
    for written in (b"PK\x07\x08" + sums, sums):
        if data[at : at + len(written)] == written:
            return at + len(written)
    raise _structure("mã kiểm tra sau thành phần khác với danh mục nén")


def _check_flags(need: int, flags: int, method: int) -> None:
    if flags & _ENCRYPTED:
        raise PackageRefused(ooxml_findings.OOXML_ENCRYPTED)
    if flags & ~_ALLOWED_FLAGS or method not in (_STORED, _DEFLATED) or need > _NEWEST_VERSION:
        raise _structure("kiểu nén lạ")
    if flags & _SUMS_FOLLOW and method == _STORED:
        raise _structure("thành phần không nén mà không ghi kích thước")  # readers guess where it ends


def _check_extra(extra: bytes) -> None:
    """Further records of a header: none that changes size, name or meaning of an entry."""
    at = 0
    while at < len(extra):
        if at + _RECORD.size > len(extra):
            raise _structure("trường mở rộng của thành phần")
        identifier, length = _RECORD.unpack_from(extra, at)
        at += _RECORD.size + length
        if identifier == _ZIP64_EXTRA:
            raise PackageRefused(ooxml_findings.OOXML_ZIP64)
        if identifier == _AES_EXTRA:
            raise PackageRefused(ooxml_findings.OOXML_ENCRYPTED)
        if identifier == _NAME_EXTRA or at > len(extra):
            raise _structure("trường mở rộng của thành phần")


def _check_sizes(items: list[ZipItem], archive_bytes: int) -> None:
    total = sum(item.size for item in items)
    if total > MOST_BYTES:
        raise PackageRefused(ooxml_findings.OOXML_TOO_LARGE, reason=f"hơn {MOST_BYTES} byte")
    each = [(item.size, item.packed) for item in items]
    for size, packed in (*each, (total, archive_bytes)):
        if size > _RATIO_APPLIES_ABOVE_BYTES and size > packed * MOST_RATIO:
            raise PackageRefused(ooxml_findings.OOXML_ZIP_BOMB, limit=MOST_RATIO)


# --- names -----------------------------------------------------------------------------------------


def key_of(name: str) -> str:
    """What two spellings of one part name have in common: letter case and percent-encoding aside."""
    return unquote(name).lower()


def is_part_name(name: str) -> bool:
    """Whether `/a/b.xml` is a part name as OPC has it: absolute, no dot segments, one spelling."""
    first, *segments = name.split("/")
    return (
        not first
        and bool(segments)
        and not _NEEDLESSLY_ENCODED.search(name)
        and all(_SEGMENT.fullmatch(s) and not s.endswith(".") for s in segments)
    )


def _name(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise PackageRefused(ooxml_findings.OOXML_NAME_UNSAFE, name=repr(raw[:_SHOWN_CHARS])) from None


def _check_names(items: list[ZipItem]) -> None:
    seen = set[str]()
    for item in items:
        bare = item.name.removesuffix("/")
        plain = item.name.removeprefix(_TRASH) if item.name.startswith(_TRASH) else bare
        if item.name != CONTENT_TYPES and not (
            is_part_name("/" + plain) and (item.name == bare or not item.size)
        ):
            shown = item.name[:_SHOWN_CHARS]
            raise PackageRefused(ooxml_findings.OOXML_NAME_UNSAFE, name=shown)
        key = key_of(bare)
        if key in seen:
            raise PackageRefused(ooxml_findings.OOXML_NAME_REPEATED, name=item.name[:_SHOWN_CHARS])
        seen.add(key)


def _structure(reason: str) -> PackageRefused:
    return PackageRefused(ooxml_findings.OOXML_ZIP_STRUCTURE, reason=reason)
