"""ZIP archives from strangers, looked into under limits, and the one-entry archives a packet needs.

The directory is measured before `zipfile` loads it, names are told but never used as paths, and
unpacking counts what comes out: the sizes an archive states are only a claim. Archives inside
archives are never opened.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from ebrvt_connect.errors import InvalidValue, explain

ZIP_DAMAGED = explain(
    "ZIP_DAMAGED",
    "Tệp nén bị hỏng hoặc không đúng định dạng ZIP.",
    "Đề nghị bên gửi nén lại và gửi lại tệp.",
)
ZIP_TOO_LARGE = explain(
    "ZIP_TOO_LARGE",
    "Tệp nén bung ra lớn hơn giới hạn cho phép ({limit} byte).",
    "Đề nghị bên gửi chia nhỏ tệp, hoặc nâng giới hạn trong cấu hình nếu đúng quy định.",
)
ZIP_BOMB = explain(
    "ZIP_BOMB",
    "Tệp nén có tỷ lệ nén bất thường (hơn {limit} lần), có thể là tệp phá hoại.",
    "Không mở tệp; báo cán bộ an toàn thông tin và hỏi lại bên gửi.",
)
ZIP_TOO_MANY_ENTRIES = explain(
    "ZIP_TOO_MANY_ENTRIES",
    "Tệp nén chứa quá nhiều tệp (hơn {limit}).",
    "Đề nghị bên gửi chia nhỏ tệp nén.",
)
ZIP_NAME_UNSAFE = explain(
    "ZIP_NAME_UNSAFE",
    "Tệp nén có tên tệp bên trong không an toàn (“{name}”).",
    "Không mở tệp; báo cán bộ an toàn thông tin và đề nghị bên gửi nén lại.",
)
ZIP_NAME_REPEATED = explain(
    "ZIP_NAME_REPEATED",
    "Tệp nén có hai tệp trùng tên (“{name}”) nên không biết tệp nào là đúng.",
    "Đề nghị bên gửi nén lại.",
)
ZIP_ENCRYPTED = explain(
    "ZIP_ENCRYPTED",
    "Tệp nén được đặt mật khẩu nên không đọc được.",
    "Đề nghị bên gửi nén lại không đặt mật khẩu.",
)
ZIP_METHOD_UNSUPPORTED = explain(
    "ZIP_METHOD_UNSUPPORTED",
    "Tệp nén dùng kiểu nén lạ nên không đọc được.",
    "Đề nghị bên gửi nén lại theo định dạng ZIP thông thường.",
)
ZIP_NESTED = explain(
    "ZIP_NESTED",
    "Trong tệp nén lại có tệp nén khác (“{name}”); chương trình không mở tiếp.",
    "Đề nghị bên gửi gửi riêng từng tệp, không nén lồng nhau.",
)

_STORED, _DEFLATED = 0, 8
_END = struct.Struct("<4s4H2LH")
_LOCAL = struct.Struct("<4s5H3L2H")
_LISTED_BYTES = 46
_SIZES_FOLLOW = 0x8
_FOLLOWING_SIZES = (12, 16)
"""How long the sizes are that follow an entry's data, without and with a signature."""
_END_MAGIC = b"PK\x05\x06"
_LOCAL_MAGIC = b"PK\x03\x04"
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_LONGEST_COMMENT = 0xFFFF
_PIECE_BYTES = 64 * 1024
_RATIO_APPLIES_ABOVE_BYTES = 1024 * 1024
_ARCHIVE_SUFFIXES = (".zip", ".jar", ".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".tar")
_UNSAFE_NAME = re.compile(r"[\x00-\x1f\x7f]|^[A-Za-z]:")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipLimits:
    """How much of an archive is looked at before it is refused."""

    entries: int = 2_000
    directory_bytes: int = 1024 * 1024
    """Size of the list of entries, which has to be loaded whole."""
    total_bytes: int = 256 * 1024 * 1024
    """Everything unpacked together."""
    ratio: int = 200
    """Unpacked to packed, for what unpacks to more than 1 MiB."""
    archives_inside: bool = False
    """Whether an entry may be an archive itself; it is not opened either way."""


ZIP_LIMITS = ZipLimits()


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """What the archive claims about one file in it; `name` is never a path."""

    name: str
    size_bytes: int
    packed_bytes: int
    encrypted: bool
    method: int


class Archive:
    """An archive whose list of entries has been measured and loaded; nothing is unpacked yet.

    Making one raises `InvalidValue` `ZIP_DAMAGED` or `ZIP_TOO_MANY_ENTRIES`. The stream must be
    seekable and stay open.
    """

    def __init__(self, stream: BinaryIO, limits: ZipLimits = ZIP_LIMITS) -> None:
        self._limits = limits
        self._stream = stream
        self._size_bytes = _measure_directory(stream, limits)
        with _damage_named():
            self._zip = ZipFile(stream)
        self._infos = self._zip.infolist()
        if len(self._infos) > limits.entries:
            raise _too_many(limits)
        self.entries = tuple(_entry(info) for info in self._infos)

    def check(self) -> None:
        """Refuse what must not be unpacked: sizes, ratios, names, doubles, passwords, nesting.

        Raises `InvalidValue` `ZIP_…`.
        """
        names = set[str]()
        for entry in self.entries:
            _check_name(entry.name)
            if entry.name.casefold() in names:
                raise InvalidValue(ZIP_NAME_REPEATED, "two entries of one name", name=entry.name[:80])
            names.add(entry.name.casefold())
            _check_content(entry, self._limits)
            if entry.packed_bytes > self._size_bytes:
                raise InvalidValue(ZIP_DAMAGED, "an entry larger than its archive")
        if sum(entry.size_bytes for entry in self.entries) > self._limits.total_bytes:
            raise _too_large(self._limits)

    def check_alone(self) -> None:
        """Refuse an archive of one entry in which anything stands beside that entry.

        Some software reads what stands first instead of what the list of entries says. Call `check` before.
        Raises `InvalidValue` `ZIP_DAMAGED`, and `ValueError` when there is not one entry.
        """
        (info,) = self._infos
        if info.header_offset or info.comment or self._zip.comment or not self._is_tight(info):
            raise InvalidValue(ZIP_DAMAGED, "bytes beside the one entry of an archive")

    def _is_tight(self, info: ZipInfo) -> bool:
        """Whether what stands before the data says the same as the list, and nothing is in between."""
        self._stream.seek(0)
        magic, _, flags, method, _, _, *sums, name_bytes, extra_bytes = _LOCAL.unpack(
            self._stream.read(_LOCAL.size)
        )
        written = self._stream.read(name_bytes)
        self._stream.seek(self._zip.start_dir + _LISTED_BYTES)
        listed = self._stream.read(name_bytes)
        follow = bool(flags & _SIZES_FOLLOW)
        alike = (magic, written, flags, method) == (_LOCAL_MAGIC, listed, info.flag_bits, info.compress_type)
        if not alike or not (follow or sums == [info.CRC, info.compress_size, info.file_size]):
            return False
        between = self._zip.start_dir - _LOCAL.size - name_bytes - extra_bytes - info.compress_size
        ends_at = self._zip.start_dir + _LISTED_BYTES + name_bytes + len(info.extra) + _END.size
        return between in (_FOLLOWING_SIZES if follow else (0,)) and ends_at == self._size_bytes

    def unpack_only(self) -> Iterator[bytes]:
        """The content of an archive of exactly one entry, in pieces, counted as it comes out.

        Call `check` before. Raises `InvalidValue` `ZIP_…`, and `ValueError` when there is not one entry.
        """
        (info,) = self._infos
        seen = 0
        with _damage_named():
            content = self._zip.open(info)
        while True:
            with _damage_named():
                piece = content.read(_PIECE_BYTES)
            if not piece:
                return
            seen += len(piece)
            _check_growth(seen, info.compress_size, self._limits)
            yield piece


def pack_single(name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """An archive of one deflated entry, streamed, in the very form the vendor's library writes.

    The time stamp is fixed, so the same content gives the same bytes. Raises `InvalidValue`
    `ZIP_TOO_LARGE` past the 4 GiB a plain ZIP can state.
    """
    encoded = name.encode("utf-8")
    # Version 2.0, flags "sizes follow the data" and "UTF-8 name", deflate, 1 January 1980 00:00.
    what = struct.pack("<5H", 20, 0x0808, _DEFLATED, 0, 0x21)
    yield struct.pack("<4s", b"PK\x03\x04") + what + struct.pack("<3L2H", 0, 0, 0, len(encoded), 0) + encoded
    deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    crc = size = packed = 0
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        piece = deflate.compress(chunk)
        packed += len(piece)
        yield piece
    piece = deflate.flush()
    packed += len(piece)
    yield piece
    _check_plain_zip(max(size, packed))
    sizes = struct.pack("<3L", crc, packed, size)
    yield b"PK\x07\x08" + sizes
    directory = (
        struct.pack("<4sH", b"PK\x01\x02", 20)
        + what
        + sizes
        + struct.pack("<5H2L", len(encoded), 0, 0, 0, 0, 0, 0)
        + encoded
    )
    offset = 30 + len(encoded) + packed + 16
    yield directory + _END.pack(_END_MAGIC, 0, 0, 1, 1, len(directory), offset, 0)


def _check_plain_zip(size: int) -> None:
    limit = 0xFFFFFFFE
    if size > limit:
        raise InvalidValue(ZIP_TOO_LARGE, f"a plain ZIP cannot hold {size} bytes", limit=limit)


@contextmanager
def _damage_named() -> Iterator[None]:
    """What `zipfile` and zlib raise over bytes that are not what they claim, under one code."""
    try:
        yield
    except (BadZipFile, zlib.error, EOFError, struct.error, ValueError, NotImplementedError) as failure:
        raise InvalidValue(ZIP_DAMAGED, f"archive unreadable: {type(failure).__name__}") from failure


def _measure_directory(stream: BinaryIO, limits: ZipLimits) -> int:
    """The archive's size; refuses a list of entries too long to load, before anything loads it."""
    size = stream.seek(0, 2)
    tail_bytes = min(size, _END.size + _LONGEST_COMMENT + _ZIP64_LOCATOR_BYTES)
    stream.seek(size - tail_bytes)
    tail = stream.read(tail_bytes)
    stream.seek(0)
    at = tail.rfind(_END_MAGIC)
    if at < 0 or len(tail) - at < _END.size:
        raise InvalidValue(ZIP_DAMAGED, "archive without an end of directory")
    _, _, _, _, entries, directory_bytes, _, _ = _END.unpack_from(tail, at)
    if tail[max(0, at - _ZIP64_LOCATOR_BYTES) : at].startswith(_ZIP64_LOCATOR):
        raise InvalidValue(ZIP_METHOD_UNSUPPORTED, "ZIP64 archive")
    if entries > limits.entries or directory_bytes > limits.directory_bytes:
        raise _too_many(limits)
    return size


def _entry(info: ZipInfo) -> ZipEntry:
    encrypted = bool(info.flag_bits & 0x1)
    # orig_filename: zipfile cuts `filename` at a NUL, which is how a name hides its ending.
    return ZipEntry(info.orig_filename, info.file_size, info.compress_size, encrypted, info.compress_type)


def _check_name(name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or _UNSAFE_NAME.search(name):
        raise InvalidValue(ZIP_NAME_UNSAFE, f"entry name {name[:80]!r} leaves its folder", name=name[:80])


def _check_content(entry: ZipEntry, limits: ZipLimits) -> None:
    if entry.encrypted:
        raise InvalidValue(ZIP_ENCRYPTED, "entry encrypted")
    if entry.method not in (_STORED, _DEFLATED):
        raise InvalidValue(ZIP_METHOD_UNSUPPORTED, f"compression method {entry.method}, expected 0 or 8")
    if not limits.archives_inside and entry.name.casefold().endswith(_ARCHIVE_SUFFIXES):
        raise InvalidValue(ZIP_NESTED, "archive within an archive", name=entry.name[:80])
    _check_growth(entry.size_bytes, entry.packed_bytes, limits)


def _check_growth(size: int, packed: int, limits: ZipLimits) -> None:
    if size > limits.total_bytes:
        raise _too_large(limits)
    if size > _RATIO_APPLIES_ABOVE_BYTES and size > packed * limits.ratio:
        limit = limits.ratio
        raise InvalidValue(ZIP_BOMB, f"unpacks to more than {limit} times its size", limit=limit)


def _too_large(limits: ZipLimits) -> InvalidValue:
    limit = limits.total_bytes
    return InvalidValue(ZIP_TOO_LARGE, f"archive unpacks to more than {limit} bytes", limit=limit)


def _too_many(limits: ZipLimits) -> InvalidValue:
    limit = limits.entries
    return InvalidValue(ZIP_TOO_MANY_ENTRIES, f"archive lists more than {limit} entries", limit=limit)
