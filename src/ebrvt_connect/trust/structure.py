"""The structural gate ahead of pyHanko: where exactly a PDF's signatures stand, byte by byte.

A PDF signature covers the whole file but one gap, and everything depends on that gap being exactly the
hex string of /Contents and nothing else. Three things are done here with the raw bytes:

1. `gaps_in` finds every /ByteRange whose gap looks like a long hex string.
2. `masked` gives a view in which each such string is replaced by a label that nobody could have written
   beforehand (it is derived from the SHA-256 of the file). Reading it, pyHanko spends no time on tens of
   thousands of hex digits, and the label proves which gap a signature's /Contents really is.
3. `slot_of` judges one signature dictionary as pyHanko read it against the raw bytes.
"""

from __future__ import annotations

import hashlib
import re
from binascii import unhexlify
from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, BytesIO, RawIOBase
from itertools import islice, pairwise
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Buffer

_BYTE_RANGE = re.compile(
    rb"/ByteRange\s{0,16}\[\s{0,16}0\s{1,16}(\d{1,12})\s{1,16}(\d{1,12})\s{1,16}(\d{1,12})\s{0,80}\]"
)
_HEX_STRING = re.compile(rb"<[0-9A-Fa-f]*>")
_END_OF_FILE = re.compile(rb"%%EOF(\r\n|\r|\n)?\Z")
_LABEL_LETTERS = 32
"""Letters rather than raw bytes: pyHanko reads a PDF string as text and must give them back unchanged."""
_SHORTEST_MASKED = 512
_BUFFER_BYTES = 32 * 1024
_MOST_GAPS = 500
_MOST_DECLARED = 1000
_INTEGERS = 4


@dataclass(frozen=True, slots=True)
class Gap:
    """The bytes [start, end) a signature leaves out, angle brackets included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Slot:
    """One signature's place in the file (vị trí chữ ký)."""

    gap: Gap
    end: int
    """Where the covered bytes end."""
    contents: bytes
    """The CMS object with its padding."""

    def digest(self, data: bytes, algorithm: str) -> bytes:
        """The digest of the covered bytes; raises `ValueError` for an unknown algorithm."""
        view = memoryview(data)
        hashed = hashlib.new(algorithm)
        hashed.update(view[: self.gap.start])
        hashed.update(view[self.gap.end : self.end])
        return hashed.digest()


class SlotInvalid(Exception):
    """A /ByteRange that is not what it must be; `gap` tells whether it is the gap that lies."""

    def __init__(self, why: str, *, gap: bool = False) -> None:
        """`why` in developer English."""
        super().__init__(why)
        self.gap = gap


def gaps_in(data: bytes) -> tuple[Gap, ...]:
    """Every distinct gap declared in the file that is exactly one long hex string; bounded in number.

    Two of them cannot overlap: angle brackets stand only at their ends.
    """
    found = (gap for gap, _ in _declared(data) if gap.end - gap.start >= _SHORTEST_MASKED)
    return tuple(islice(dict.fromkeys(found), _MOST_GAPS))


def first_declared_end(data: bytes) -> int:
    """Where the bytes of the earliest declared signature end; the end of the file when there is none."""
    return min((end for _, end in _declared(data) if end <= len(data)), default=len(data))


def _declared(data: bytes) -> Iterator[tuple[Gap, int]]:
    """Gaps that are one hex string, each with the end of the bytes its /ByteRange covers; bounded in number.

    Where a string closes is looked up once for each start: many claims about one long string cost nothing.
    """
    closes: dict[int, int] = {}
    for match in islice(_BYTE_RANGE.finditer(data), _MOST_DECLARED):
        gap = Gap(int(match[1]), int(match[2]))
        if gap.start not in closes:
            string = _HEX_STRING.match(data, gap.start)
            closes[gap.start] = string.end() if string else -1
        if closes[gap.start] == gap.end:
            yield gap, gap.end + int(match[3])


def labels_of(data: bytes, gaps: Sequence[Gap]) -> dict[bytes, Gap]:
    """A label for each gap that whoever made the file could not foresee."""
    of_file = hashlib.sha256(data).digest()
    return {
        hashlib.sha256(of_file + b"%d" % gap.start).hexdigest()[:_LABEL_LETTERS].encode(): gap for gap in gaps
    }


def masked(data: bytes, labels: dict[bytes, Gap]) -> BinaryIO:
    """The file as a stream in which each gap holds only its label; nothing is copied."""
    if not labels:
        return BytesIO(data)
    # Buffered, since pyHanko reads byte by byte and a Python method for each of them would be slow.
    return BufferedReader(_Masked(data, labels), _BUFFER_BYTES)


class _Masked(RawIOBase):
    """Bytes read through a mask."""

    def __init__(self, data: bytes, labels: dict[bytes, Gap]) -> None:
        self._data = memoryview(data)
        self._patches = tuple((gap.start, _patch(label, gap)) for label, gap in labels.items())
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        base = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: len(self._data)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        into = memoryview(buffer).cast("B")
        start = self._at
        piece = self._data[start : start + len(into)]
        end = start + len(piece)
        into[: len(piece)] = piece
        for at, patch in self._patches:
            low, high = max(start, at), min(end, at + len(patch))
            if low < high:
                into[low - start : high - start] = patch[low - at : high - at]
        self._at = end
        return len(piece)


def _patch(label: bytes, gap: Gap) -> bytes:
    """What is read in place of a gap: a short hex string, and a comment up to the gap's end.

    PyHanko skips a comment three times as fast as blanks and ten times as fast as hex digits.
    """
    written = b"<" + label.hex().encode() + b">%"
    return written + b" " * (gap.end - gap.start - len(written) - 1) + b"\n"


def slot_of(data: bytes, byte_range: Sequence[object], read: bytes, labels: dict[bytes, Gap]) -> Slot:
    """The place of a signature, from its /ByteRange and its /Contents as read from the masked view.

    Raises `SlotInvalid` unless /ByteRange is four integers, starts at 0, increases, stays in the file,
    and leaves out exactly the hex string of /Contents.
    """
    numbers = [int(n) for n in byte_range if isinstance(n, int)]
    if len(byte_range) != _INTEGERS or len(numbers) != _INTEGERS:
        raise SlotInvalid("not four integers")
    first, before, start, length = numbers
    end = start + length
    if first != 0 or not 0 < before < start <= end <= len(data) or length <= 0:
        raise SlotInvalid("not increasing within the file from 0")
    gap = Gap(before, start)
    if not _HEX_STRING.fullmatch(data, gap.start, gap.end) or (gap.end - gap.start) % 2:
        raise SlotInvalid("the gap is not one hex string", gap=True)
    contents = unhexlify(memoryview(data)[gap.start + 1 : gap.end - 1])
    if labels.get(read, gap) != gap or (read not in labels and read != contents):
        raise SlotInvalid("the gap is not this signature's /Contents", gap=True)
    return Slot(gap, end, contents)


def overlapping(slots: Sequence[Slot]) -> bool:
    """Whether a later signature stands in bytes that an earlier one covers."""
    ordered = sorted(slots, key=lambda s: s.end)
    return any(one.end > two.gap.start for one, two in pairwise(ordered))


def ends_at_end_of_file(data: bytes, end: int) -> bool:
    """Whether the bytes up to `end` close with an end-of-file mark (and at most one line end)."""
    return _END_OF_FILE.search(data, max(0, end - 16), end) is not None
