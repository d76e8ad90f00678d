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
from bisect import bisect_right
from dataclasses import dataclass
from io import BytesIO
from itertools import islice, pairwise, takewhile
from typing import TYPE_CHECKING, BinaryIO, cast

from ebrvt_connect.trust.file_digests import FileDigests
from ebrvt_connect.trust.scanning import BYTE_RANGE, Landmarks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BYTE_RANGE = re.compile(
    rb"/ByteRange\s{0,16}\[\s{0,16}0\s{1,16}(\d{1,12})\s{1,16}(\d{1,12})\s{1,16}(\d{1,12})\s{0,80}\]"
)
_HEX_STRING = re.compile(rb"<[0-9A-Fa-f]*>")
_END_OF_FILE = re.compile(rb"%%EOF(\r\n|\r|\n)?\Z")
_LABEL_LETTERS = 32
"""Letters rather than raw bytes: pyHanko reads a PDF string as text and must give them back unchanged."""
_SHORTEST_MASKED = 512
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


@dataclass(frozen=True, slots=True)
class Declared:
    """What the /ByteRanges of a file say, before anything of it is believed."""

    gaps: tuple[Gap, ...]
    """Every distinct gap that is exactly one long hex string; bounded in number.

    Two of them cannot overlap: angle brackets stand only at their ends.
    """
    first_end: int
    """Where the bytes of the earliest declared signature end; the end of the file when there is none."""
    claims: tuple[tuple[Gap, int], ...]
    """Each gap with the end of the bytes that are said to be signed around it."""


def declared_in(marks: Landmarks) -> Declared:
    """Look through the whole file for what is declared."""
    data = marks.data
    found = tuple(_declared(marks))
    gaps = (gap for gap, _ in found if gap.end - gap.start >= _SHORTEST_MASKED)
    first = min((end for _, end in found if end <= len(data)), default=len(data))
    return Declared(tuple(islice(dict.fromkeys(gaps), _MOST_GAPS)), first, found)


def gaps_in(data: bytes) -> tuple[Gap, ...]:
    """The gaps declared in the file."""
    return declared_in(Landmarks(data)).gaps


def _declared(marks: Landmarks) -> Iterator[tuple[Gap, int]]:
    """Gaps that are one hex string, each with the end of the bytes its /ByteRange covers; bounded in number.

    Where a string closes is looked up once for each start: many claims about one long string cost nothing.
    """
    data = marks.data
    closes: dict[int, int] = {}
    for match in islice(marks.matches_of(_BYTE_RANGE, BYTE_RANGE), _MOST_DECLARED):
        gap = Gap(int(match[1]), int(match[2]))
        if gap.start not in closes:
            string = _HEX_STRING.match(data, gap.start)
            closes[gap.start] = string.end() if string else -1
        if closes[gap.start] == gap.end:
            yield gap, gap.end + int(match[3])


def labels_of(data: bytes, gaps: Sequence[Gap], digests: FileDigests | None = None) -> dict[bytes, Gap]:
    """A label for each gap that whoever made the file could not foresee."""
    of_file = (digests or FileDigests(data)).whole()
    return {
        hashlib.sha256(of_file + b"%d" % gap.start).hexdigest()[:_LABEL_LETTERS].encode(): gap for gap in gaps
    }


def masked(data: bytes, labels: dict[bytes, Gap]) -> BinaryIO:
    """The file as a stream in which each gap holds only its label; nothing is copied."""
    if not labels:
        return BytesIO(data)
    return cast("BinaryIO", _Masked(data, labels))


class _Masked:
    """Bytes read through a mask, one by one or many at once: what a PDF reader asks of a stream, and no more.

    In a gap stands its label as a short hex string, and then a comment up to the gap's end. Whoever skips
    the comment byte by byte is taken to its end at the first: PyHanko would ask tens of thousands of times.
    """

    def __init__(self, data: bytes, labels: dict[bytes, Gap]) -> None:
        file = BytesIO(data)
        self.seek, self.tell, self._plain = file.seek, file.tell, file.read
        self._size = len(data)
        self._masks = sorted((_Mask.of(label, gap) for label, gap in labels.items()), key=lambda m: m.start)
        self._reading_on = -1
        """Where the last reading of something masked ended."""
        self._clear = (0, 0)
        """Nothing is masked between these: most of what is asked lies there, and costs no search."""

    def read(self, size: int = -1, /) -> bytes:
        """As a file reads."""
        at = self.tell()
        low, high = self._clear
        if low <= at and 0 <= size <= high - at:
            return self._plain(size)
        end = min(at + size, self._size) if size >= 0 else self._size
        first = bisect_right(self._masks, at, key=lambda mask: mask.end)
        touched = list(takewhile(lambda mask: mask.start < end, self._masks[first:]))
        if not touched:
            before = self._masks[first - 1].end if first else 0
            after = self._masks[first].start if first < len(self._masks) else self._size
            self._clear = (before, after)
            return self._plain(size)
        # Only who comes from the front is taken to the end: whoever reads backwards would never get away.
        if size == 1 and at == touched[0].comment == self._reading_on:
            self.seek(touched[0].end)
            return b"\n"
        self._reading_on = end
        return self._through(touched, at, size)

    def _through(self, touched: Sequence[_Mask], at: int, size: int) -> bytes:
        """A piece of the file with what stands in place of each gap."""
        piece = bytearray(self._plain(size))
        for mask in touched:
            low, high = max(at, mask.start), min(at + len(piece), mask.end)
            piece[low - at : high - at] = mask.between(low, high)
        return bytes(piece)


@dataclass(frozen=True, slots=True)
class _Mask:
    """What is read in place of the bytes [start, end)."""

    start: int
    comment: int
    """Where the comment's text begins, behind its percent sign."""
    end: int
    label: bytes

    @classmethod
    def of(cls, label: bytes, gap: Gap) -> _Mask:
        written = b"<" + label.hex().encode() + b">%"
        return cls(gap.start, gap.start + len(written), gap.end, written)

    def between(self, low: int, high: int) -> bytes:
        """What stands in [low, high): of the label, of the blanks of a comment, of its line end."""
        blanks = max(0, min(high, self.end - 1) - max(low, self.comment))
        close = b"\n" if high == self.end else b""
        return self.label[low - self.start : high - self.start] + b" " * blanks + close


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
