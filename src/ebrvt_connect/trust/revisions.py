"""The second structural gate: every revision of a PDF is listed by its own cross-reference, wholly.

PDF readers that find a cross-reference not to their taste search the file for `n g obj` and show what
they find. Whoever appends such an object and a table only some readers accept has made a file with two
faces. Hence: each section is canonical to the byte (ISO 32000-1, 7.5.4 and 7.5.8), and each object
token, each trailer and each member of an object stream is one a section lists.

All of it is read here before pyHanko sees the file, within bounds: counts that would cost minutes and
gigabytes to believe are refused for what they are.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from itertools import compress, pairwise, repeat
from struct import unpack
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils import generic

from ebrvt_connect.trust import findings, limit_findings
from ebrvt_connect.trust.pdf_extent import has_overlong_member
from ebrvt_connect.trust.pdf_heads import TooManyWords, heads_in
from ebrvt_connect.trust.pdf_spelling import SpellingOdd, check_members, check_object, value_end
from ebrvt_connect.trust.scanning import TRAILER, XREF

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ebrvt_connect.trust.scanning import Landmarks

_EOL = rb"(?:\r\n|\n|\r)"
_BLANKS = b"\0\t\n\x0b\f\r "
_SPACE = rb"[\0\t\n\f\r ]"
_TABLE = re.compile(rb"xref\r?\n")
_SUBSECTION = re.compile(rb"(0|[1-9]\d{0,9}) (0|[1-9]\d{0,9})" + rb" ?\r?\n")
_ENTRIES = re.compile(rb"(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*")
_ENTRY_BYTES = 20
_ENTRIES_AT_ONCE = 5000
"""An expression remembers each time it repeats."""
_HIGHEST_GENERATION = 65_535
_TRAILER = re.compile(rb"trailer" + _SPACE + rb"{0,4}(?=<<)")
_OBJECT = re.compile(rb"(0|[1-9]\d{0,9}) (0|[1-9]\d{0,4}) obj(?=[\0\t\n\f\r <\[(/%0-9tfn+.-])")
_STREAM = re.compile(rb">>" + _SPACE + rb"{0,8}stream(?:\r\n|\n)")
_STREAM_END = re.compile(_SPACE + rb"{0,4}endstream" + _SPACE + rb"{1,8}endobj")
_NOTES = _SPACE + rb"{0,16}+(?:%[^\r\n]{0,400}+[\r\n]" + _SPACE + rb"{0,17}+){0,8}"
_CLOSE = re.compile(_NOTES + rb"startxref" + _EOL + rb"(0|[1-9]\d{0,9})" + _EOL + rb"%%EOF(?:\r\n|\n|\r|\Z)")
_LAST_START = re.compile(rb"startxref[\0\t\n\f\r +]*(\d{1,12})")
_TRAILER_WORD = re.compile(rb"trailer")
_TABLE_WORD = re.compile(rb"xref(?=[\0\t\n\f\r 0-9])(?<![A-Za-z]xref)")

_END_WITHIN = 4096
_HEAD_BYTES = 64 * 1024
_USUAL_HEAD_BYTES = 1024
_MOST_ENDLESS = 1000
"""Objects with neither a stream nor an end in their first 64 kB: even one is seldom, each costs as much."""
_PACKED_PIECE_BYTES = 64 * 1024
_MOST_SECTIONS = 1000
_MOST_TOKENS = 1_000_000
_LEAST_ROOM = 100_000
"""Objects any file may claim; beyond that, one for every ten bytes it has."""
_MOST_UNPACKED = 64 * 1024 * 1024
_LEAST_UNPACKED = 16 * 1024 * 1024
_MOST_RATIO = 20
"""All object streams together, to the file: structure seldom packs to less than a tenth."""
_MOST_FIELD_BYTES = 8
_USUAL_FIELD_BYTES = 4


class LayoutRefused(Exception):
    """A cross-reference that is not canonical; `at` is where in the file."""

    def __init__(self, why: str, at: int = 0, code: str = findings.PDF_LAYOUT_UNCLEAR) -> None:
        """`why` in developer English; `code` is a finding."""
        super().__init__(why)
        self.at = at
        self.code = code


@dataclass(slots=True)
class Section:
    """One cross-reference section (bảng tham chiếu) and what it lists."""

    at: int
    """Where it stands."""
    keyword: int
    """Where `trailer` stands, else -1: a cross-reference stream."""
    body_end: int
    """Where its trailer dictionary or its stream object ends."""
    previous: int | None
    listed: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Object number -> (generation, offset)."""
    packed: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Object number -> (object stream, place in it)."""
    freed: list[tuple[int, int]] = field(default_factory=list)
    """Object numbers that are not in use, and the generation each would have next."""
    rows: bytes | None = None
    """The entries of a cross-reference stream, unpacked."""
    rooted: bool = True
    """It names the catalogue: the older half of a linearised file need not."""
    usual: bool = True
    """Its entries read in one way only: there are some, in order, none in use at 0, all within bounds."""
    companion: Section | None = None
    """The cross-reference stream a table names beside itself (hybrid, see `trust.pdf_hybrid`)."""


def sections_of(data: bytes) -> tuple[Section, ...]:
    """The chain of sections, newest first.

    Raises `LayoutRefused` when one is not canonical, claims more than the file has room for, or when
    there are more than anyone would make.
    """
    start = data.rfind(b"startxref", max(0, len(data) - _END_WITHIN))
    found = _LAST_START.match(data, start) if start >= 0 else None
    if found is None:
        raise LayoutRefused("no startxref at the end", code=findings.PDF_UNREADABLE)
    chain: list[Section] = []
    at: int | None = int(found[1])
    while at is not None:
        if any(at == s.at for s in chain):
            raise LayoutRefused("a chain in a circle", at, findings.PDF_UNREADABLE)
        if len(chain) == _MOST_SECTIONS:
            raise LayoutRefused("too many revisions", at, limit_findings.PDF_TOO_COMPLEX)
        chain.append(_section(data, at))
        at = chain[-1].previous
    if not chain[0].rooted:
        raise LayoutRefused("no /Root", chain[0].at)
    return tuple(chain)


def trouble_after(marks: Landmarks, chain: Sequence[Section], end: int) -> str:
    """Why the revisions behind the first signature (its bytes end at `end`) are not canonical, or "".

    They follow one another without a gap, each closed by its own startxref and end-of-file mark, and each
    lists every object that stands in it and nothing outside.
    """
    data = marks.data
    later = sorted((s for s in chain if s.at >= end), key=lambda s: s.at)
    begin = end
    try:
        for section in later:
            close = _CLOSE.match(data, section.body_end)
            if close is None or int(close[1]) != section.at or not section.rooted:
                return "startxref"
            if section.companion is not None:
                return "two tables for one revision"
            _check_range(marks, [section], begin, close.end(), members_of=[section])
            _check_spelling(data, section)
            if any(not begin <= offset < section.at for offset in _others(section)):
                return "an entry outside its revision"
            begin = close.end()
        if any(newer.previous != older.at for older, newer in pairwise(later)):
            return "order of revisions"
    except LayoutRefused as failure:
        return _told(failure)
    except SpellingOdd as failure:
        return str(failure)
    return "" if begin == len(data) else "bytes no revision accounts for"


def trouble_before(marks: Landmarks, chain: Sequence[Section], end: int) -> str:
    """The same for what a signature covers, where order does not matter (linearised files); or ""."""
    first = [s for s in chain if s.at < end]
    try:
        _check_range(marks, first, 0, end, members_of=first)
    except LayoutRefused as failure:
        return _told(failure)
    return ""


def _told(failure: LayoutRefused) -> str:
    """What is unclear is told beside the signatures; what is too much ends the examination."""
    if failure.code != findings.PDF_LAYOUT_UNCLEAR:
        raise failure
    return str(failure)


def _others(section: Section) -> Iterator[int]:
    """Where the objects stand that a section lists, a cross-reference stream itself aside."""
    return (offset for _, offset in section.listed.values() if offset != section.at)


def _check_spelling(data: bytes, section: Section) -> None:
    """Every object of a later revision, its trailer and the members of its object streams, to the letter.

    Raises `SpellingOdd`, and `LayoutRefused` as reading object streams does.
    """
    if section.keyword < 0:
        _check_spelled_object(data, section.at)
    elif value_end(data, section.keyword + len(b"trailer")) != section.body_end:
        raise SpellingOdd("a trailer that does not end")
    for offset in _others(section):
        _check_spelled_object(data, offset)
    for stream in sorted({stream for stream, _ in section.packed.values()}):
        if stream not in section.listed:
            raise SpellingOdd("a member of an object stream of another revision")
        _, offset = section.listed[stream]
        head = _head(data, offset)
        dictionary = _dictionary(head) or {}
        content = _unpacked(data, dictionary, offset + len(head), offset, _MOST_UNPACKED)
        first = _number(dictionary, "/First", offset)
        check_members(content, [first + int(n) for n in content[:first].split()[1::2]])


def _check_spelled_object(data: bytes, offset: int) -> None:
    head = _OBJECT.match(data, offset)
    if head is None:
        raise SpellingOdd("no object")
    check_object(data, head.end())


# --- what stands in a range, and what is listed ------------------------------------------------------


def _check_range(
    marks: Landmarks, sections: Sequence[Section], begin: int, end: int, *, members_of: Sequence[Section]
) -> None:
    """Every token of the range is listed, every listed object stands where it is said to stand."""
    data = marks.data
    words = {s.at for s in sections if s.keyword >= 0} | {s.keyword for s in sections if s.keyword >= 0}
    if any(at not in words for at in _keywords(marks, begin, end)):
        raise LayoutRefused("a table or trailer that is not in the chain")
    streams = [s if s.companion is None else s.companion for s in sections]
    known = {_token_of(data, s.at) for s in streams if s.keyword < 0}
    for section in sections:
        for number, (generation, offset) in section.listed.items():
            known.add(_check_object(data, number, generation, offset))
    try:
        for _ in heads_in(data, begin, end, but=known, most=_MOST_TOKENS):
            raise LayoutRefused("an object that no table lists")
    except TooManyWords as failure:
        why = "too many objects"
        raise LayoutRefused(why, failure.at, limit_findings.PDF_TOO_COMPLEX) from failure
    _check_members(data, members_of)


def _keywords(marks: Landmarks, begin: int, end: int) -> Iterator[int]:
    """Places where a table or a trailer may begin: `trailer`, and `xref` but for the end of `startxref`."""
    for word, expression in ((TRAILER, _TRAILER_WORD), (XREF, _TABLE_WORD)):
        yield from (match.start() for match in marks.matches_of(expression, word, begin, end))


def _check_object(data: bytes, number: int, generation: int, offset: int) -> int:
    """Where the word `obj` of the object stands that an entry points at."""
    match = _OBJECT.match(data, offset)
    if match is None or (int(match[1]), int(match[2])) != (number, generation):
        raise LayoutRefused("an entry that points at no object")
    if offset and data[offset - 1] not in _BLANKS and not data.endswith((b"endobj", b"%%EOF"), 0, offset):
        raise LayoutRefused("an entry that points into a number")
    return match.end() - len(b"obj")


def _token_of(data: bytes, offset: int) -> int:
    """Where the word `obj` of an object stands."""
    match = _OBJECT.match(data, offset)
    return -1 if match is None else match.end() - len(b"obj")


# --- object streams ----------------------------------------------------------------------------------


def _check_members(data: bytes, sections: Sequence[Section]) -> None:
    """Every object stream of these sections holds exactly objects they list as its members."""
    room = min(_MOST_UNPACKED, max(_LEAST_UNPACKED, _MOST_RATIO * len(data)))
    known: set[tuple[int, int, int]] = set()
    wanted = {stream for s in sections for stream, _ in s.packed.values()}
    endless = 0
    for section in sections:
        for number, (_, offset) in section.listed.items():
            head = _head(data, offset)
            endless += len(head) >= _HEAD_BYTES
            if endless > _MOST_ENDLESS:
                why = "objects that do not end"
                raise LayoutRefused(why, offset, limit_findings.PDF_TOO_COMPLEX)
            if number not in wanted and b"ObjStm" not in head and b"#" not in head:
                continue
            dictionary = _dictionary(head)
            if dictionary is None or dictionary.get("/Type") != "/ObjStm":
                continue
            numbers, size = _members(data, dictionary, offset + len(head), offset, room)
            room -= size
            own, here = section.packed, list(zip(repeat(number), range(len(numbers)), strict=False))
            if list(map(own.get, numbers)) == here:
                continue
            others = [(m, *place) for m, place in zip(numbers, here, strict=True) if own.get(m) != place]
            if others and not known:  # seldom: a table lists its own revision's members
                known = {(member, *place) for s in sections for member, place in s.packed.items()}
            if not known.issuperset(others):
                raise LayoutRefused("an object stream with members no table lists")


def _members(
    data: bytes, dictionary: dict[str, Any], at: int, offset: int, room: int
) -> tuple[list[int], int]:
    """The object numbers in an object stream, and the bytes it unpacks to."""
    content = _unpacked(data, dictionary, at, offset, room)
    count, first = _number(dictionary, "/N", offset), _number(dictionary, "/First", offset)
    if count > len(content) or first > len(content):
        raise LayoutRefused("an object stream that claims too much", offset)
    numbers = content[:first].split()
    if len(numbers) != 2 * count or not (b"".join(numbers) or b"0").isdigit():
        raise LayoutRefused("an object stream with an odd beginning", offset)
    if has_overlong_member(list(map(int, numbers[1::2])), first, len(content)):
        raise LayoutRefused("an object that goes on for too long", offset, limit_findings.PDF_CLAIMS_TOO_MUCH)
    return list(map(int, numbers[::2])), len(content)


def _head(data: bytes, offset: int) -> bytes:
    """An object up to where its stream begins; up to a bound when it has none.

    Looked for nearby first, and for the stream no further than the object's end: in a file of many small
    objects each would else be looked for through thousands of others.
    """
    for within in (_USUAL_HEAD_BYTES, _HEAD_BYTES):
        stop = data.find(b"endobj", offset, offset + within)
        match = _STREAM.search(data, offset, stop if stop >= 0 else offset + within)
        if match or stop >= 0:
            return data[offset : match.end() if match else stop]
    return data[offset : offset + _HEAD_BYTES]


class _Nobody:
    """Stands for the file while a dictionary is read by itself: nothing in it is looked up."""

    def get_pdf_handler(self) -> None:
        return None


def _dictionary(head: bytes) -> dict[str, Any] | None:
    """The dictionary a piece of the file holds, references unresolved; None when it does not read."""
    begin = head.find(b"<<")
    if begin < 0:
        return None
    match = _STREAM.search(head)
    try:
        stream = BytesIO(head[begin : match.start() + 2 if match else len(head)])
        value = generic.DictionaryObject.read_from_stream(stream, _Nobody())  # type: ignore[arg-type]
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - hostile input breaks a parser in every way there is
        return None
    found = {str(key): value.raw_get(key) for key in value}
    found["length"] = begin + stream.tell()
    return found


def _number(dictionary: dict[str, Any], key: str, at: int, default: int | None = None) -> int:
    value = dictionary.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise LayoutRefused(f"{key} is no count", at, findings.PDF_UNREADABLE)
    return int(value)


def _unpacked(data: bytes, dictionary: dict[str, Any], at: int, offset: int, room: int) -> bytes:
    """A stream's bytes, deflated or plain and nothing else, never more than `room`."""
    filters = dictionary.get("/Filter", [])
    names = [str(f) for f in filters] if isinstance(filters, list) else [str(filters)]
    if not names:
        end = at + _number(dictionary, "/Length", offset)
        content = data[at:end]
    elif names == ["/FlateDecode"]:
        content, end = _inflated(data, at, offset, room)
    else:
        why = "an unusual filter on a structural stream"
        raise LayoutRefused(why, offset, limit_findings.PDF_TOO_COMPLEX)
    if not _STREAM_END.match(data, end):
        raise LayoutRefused("a stream whose length lies", offset)
    return _unpredicted(content, dictionary, offset)


def _inflated(data: bytes, at: int, offset: int, room: int) -> tuple[bytes, int]:
    """A deflated stream's bytes and where it ends.

    Unpacked piece by piece: given all that follows, zlib would keep a copy of the rest of the file.
    """
    engine, content = zlib.decompressobj(), bytearray()
    view = memoryview(data)
    while not engine.eof and len(content) <= room and at < len(data):
        piece = view[at : at + _PACKED_PIECE_BYTES]
        try:
            content += engine.decompress(piece, room + 1 - len(content))
        except zlib.error as failure:
            raise LayoutRefused("a stream that does not unpack", offset) from failure
        at += len(piece)
    if len(content) > room:
        why = "a stream that unpacks to too much"
        raise LayoutRefused(why, offset, limit_findings.PDF_CLAIMS_TOO_MUCH)
    if not engine.eof:
        raise LayoutRefused("a stream that does not end", offset)
    return bytes(content), at - len(engine.unused_data)


def _unpredicted(content: bytes, dictionary: dict[str, Any], at: int) -> bytes:
    """PNG rows undone: none, left and up, which is what writers use."""
    given = dictionary.get("/DecodeParms")
    given = given[0] if isinstance(given, list) and len(given) == 1 else given
    parameters = (
        {str(k): given.raw_get(k) for k in given} if isinstance(given, generic.DictionaryObject) else {}
    )
    predictor = _number(parameters, "/Predictor", at, 1)
    if predictor == 1:
        return content
    width = _number(parameters, "/Columns", at, 1)
    if predictor < 10 or not 0 < width <= 1024 or len(content) % (width + 1):  # noqa: PLR2004 - PNG's are 10 to 15
        raise LayoutRefused("an unusual predictor", at, limit_findings.PDF_TOO_COMPLEX)
    above, rows = bytes(width), bytearray()
    for start in range(0, len(content), width + 1):
        kind, row = content[start], bytearray(content[start + 1 : start + 1 + width])
        if kind == 1:
            for n in range(1, width):
                row[n] = (row[n] + row[n - 1]) & 255
        elif kind == 2:  # noqa: PLR2004 - the row above
            row = bytearray((a + b) & 255 for a, b in zip(row, above, strict=True))
        elif kind:
            raise LayoutRefused("an unusual predictor", at, limit_findings.PDF_TOO_COMPLEX)
        above = bytes(row)
        rows += above
    return bytes(rows)


# --- one section -------------------------------------------------------------------------------------


def _section(data: bytes, at: int) -> Section:
    if match := _TABLE.match(data, at):
        return _table(data, at, match.end())
    if _OBJECT.match(data, at):
        return _stream(data, at)
    code = findings.PDF_LAYOUT_UNCLEAR if _LOOSE.match(data, at) else findings.PDF_UNREADABLE
    raise LayoutRefused("no table where one is said to be", at, code)


_LOOSE = re.compile(rb"[\0\t\n\f\r ]{0,64}(?:xref|\d{1,10}[\0\t\n\f\r ]+\d{1,5}[\0\t\n\f\r ]+obj)")


def _table(data: bytes, at: int, position: int) -> Section:
    """A classic table: its subsections, its trailer."""
    section = Section(at, -1, -1, None)
    highest = 0
    while head := _SUBSECTION.match(data, position):
        first, count = int(head[1]), int(head[2])
        position = head.end()
        if first + count > _room(data) or position + count * _ENTRY_BYTES > len(data):
            raise LayoutRefused("a table that claims too much", at, limit_findings.PDF_CLAIMS_TOO_MUCH)
        highest = max(highest, first + count)
        _take_entries(section, data[position : position + count * _ENTRY_BYTES], first, count)
        position += count * _ENTRY_BYTES
    keyword = _TRAILER.match(data, position)
    if keyword is None:
        raise LayoutRefused("a table that is not canonical", at)
    trailer = _dictionary(data[keyword.end() : keyword.end() + _HEAD_BYTES])
    if trailer is None:
        raise LayoutRefused("no trailer", at, findings.PDF_UNREADABLE)
    if "/XRefStm" in trailer:
        section.companion = _companion(data, _number(trailer, "/XRefStm", at), at)
    section.keyword, section.body_end = position, keyword.end() + trailer["length"]
    section.previous, section.rooted = _previous(trailer, at), _rooted(trailer)
    section.usual = section.usual and highest > 0
    _check_trailer(data, trailer, highest, at)
    return section


def _companion(data: bytes, where: int, at: int) -> Section:
    """The stream a table at `at` names beside itself: it stands before the table and goes no further back."""
    found = _stream(data, where) if where < at and _OBJECT.match(data, where) else None
    if found is None or found.body_end > at or found.previous is not None:
        raise LayoutRefused("hybrid", at, findings.PDF_HYBRID_XREF)
    return found


def _are_canonical(entries: bytes) -> bool:
    step = _ENTRIES_AT_ONCE * _ENTRY_BYTES
    return all(_ENTRIES.fullmatch(entries, at, at + step) for at in range(0, len(entries), step))


def _take_entries(section: Section, entries: bytes, first: int, count: int) -> None:
    """One subsection of a table, into its section."""
    numbers = range(first, first + count)
    if not _are_canonical(entries) or not section.listed.keys().isdisjoint(numbers):
        raise LayoutRefused("an entry that is not canonical", section.at)
    words = entries.split()
    generations = list(map(int, words[1::3]))
    places = zip(generations, map(int, words[::3]), strict=True)
    used = [word == b"n" for word in words[2::3]]
    section.listed.update(compress(zip(numbers, places, strict=True), used))
    if not all(used):
        free = [not one for one in used]
        section.freed += compress(zip(numbers, generations, strict=True), free)
    section.usual = section.usual and _is_usual(section, generations)


def _is_usual(section: Section, generations: Sequence[int]) -> bool:
    return 0 not in section.listed and max(generations, default=0) <= _HIGHEST_GENERATION


def _stream(data: bytes, at: int) -> Section:
    """A cross-reference stream: bounded before it is unpacked, and again before it is believed."""
    head = _head(data, at)
    trailer = _dictionary(head)
    if trailer is None or trailer.get("/Type") != "/XRef":
        raise LayoutRefused("no cross-reference stream", at, findings.PDF_UNREADABLE)
    _check_trailer(data, trailer, 0, at)
    widths = [w if isinstance(w, int) else -1 for w in trailer.get("/W", [])]
    if len(widths) != 3 or not all(0 <= w <= _MOST_FIELD_BYTES for w in widths) or not widths[1]:  # noqa: PLR2004
        raise LayoutRefused("field widths", at, limit_findings.PDF_CLAIMS_TOO_MUCH)
    index = list(trailer.get("/Index", [0, trailer["/Size"]]))
    if len(index) % 2 or not all(isinstance(n, int) and n >= 0 for n in index):
        raise LayoutRefused("index", at, limit_findings.PDF_CLAIMS_TOO_MUCH)
    ranges = list(zip(index[::2], index[1::2], strict=True))
    total, width = sum(count for _, count in ranges), sum(widths)
    if total > _room(data) or any(first + count > trailer["/Size"] for first, count in ranges):
        raise LayoutRefused("a table that claims too much", at, limit_findings.PDF_CLAIMS_TOO_MUCH)
    # A predictor adds a byte to each row.
    rows = _unpacked(data, trailer, at + len(head), at, total * (width + 1))
    if len(rows) != total * width:
        raise LayoutRefused("a table of another length than it claims", at)
    end = data.find(b"endobj", at + len(head))
    section = Section(
        at, -1, end + len(b"endobj"), _previous(trailer, at), rooted=_rooted(trailer), rows=rows
    )
    _take_rows(section, rows, widths, ranges)
    return section


def _take_rows(section: Section, rows: bytes, widths: list[int], ranges: Sequence[tuple[int, int]]) -> None:
    """The entries of a cross-reference stream, into its section."""
    numbers = [number for first, count in ranges for number in range(first, first + count)]
    kinds = _column(rows, widths, 0) if widths[0] else (1,) * len(numbers)
    places, details = _column(rows, widths, 1), _column(rows, widths, 2)
    if max(kinds, default=0) > 2:  # noqa: PLR2004 - ISO 32000-1, table 18
        raise LayoutRefused("an entry of an unknown kind", section.at)
    ordered = all(one[0] + one[1] <= two[0] for one, two in pairwise(ranges))
    if not ordered and _is_told_twice(numbers, kinds):
        raise LayoutRefused("an object listed twice", section.at)
    section.freed += compress(zip(numbers, details, strict=True), [kind == 0 for kind in kinds])
    plain = zip(numbers, zip(details, places, strict=True), strict=True)
    section.listed.update(compress(plain, [kind == 1 for kind in kinds]))
    packed = zip(numbers, zip(places, details, strict=True), strict=True)
    section.packed.update(compress(packed, [kind == 2 for kind in kinds]))  # noqa: PLR2004
    section.usual = (
        ordered
        and max(widths) <= _USUAL_FIELD_BYTES
        and 0 not in section.packed
        and _is_usual(section, details)
    )


def _column(rows: bytes, widths: Sequence[int], nth: int) -> tuple[int, ...]:
    """The numbers of one field of every row."""
    width, begin, step = widths[nth], sum(widths[:nth]), sum(widths)
    padded = bytearray(len(rows) // step * _MOST_FIELD_BYTES)
    for n in range(width):
        padded[_MOST_FIELD_BYTES - width + n :: _MOST_FIELD_BYTES] = rows[begin + n :: step]
    return unpack(f">{len(rows) // step}Q", padded)


def _is_told_twice(numbers: Sequence[int], kinds: Sequence[int]) -> bool:
    """Whether an object is listed that had been listed as in use."""
    used: set[int] = set()
    for number, kind in zip(numbers, kinds, strict=True):
        if number in used:
            return True
        if kind:
            used.add(number)
    return False


def _rooted(trailer: dict[str, Any]) -> bool:
    return isinstance(trailer.get("/Root"), generic.IndirectObject)


def _previous(trailer: dict[str, Any], at: int) -> int | None:
    return _number(trailer, "/Prev", at) if "/Prev" in trailer else None


def _check_trailer(data: bytes, trailer: dict[str, Any], highest: int, at: int) -> None:
    """/Size is there, and neither less than the table nor absurd."""
    size = _number(trailer, "/Size", at)
    if size > _room(data):
        raise LayoutRefused("a /Size that claims too much", at, limit_findings.PDF_CLAIMS_TOO_MUCH)
    if size < highest:
        raise LayoutRefused("a /Size smaller than the table", at)


def _room(data: bytes) -> int:
    return max(_LEAST_ROOM, len(data) // 10)
