"""PyHanko's reader of a PDF, held to ISO 32000-1 in one point and spared reading the same thing many times.

PyHanko reads the head of an object stream (luồng đối tượng) anew for each member it looks up, which in a
stream of a hundred is most of the work. Here it is read once, as far as it has been needed; what is odd in
it is refused at the same place and with the same words.
"""

from __future__ import annotations

import re
from io import SEEK_END, BytesIO
from typing import TYPE_CHECKING

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodeContext, DecodeLimits, DecodePurpose
from pyhanko.pdf_utils.misc import (
    PdfReadError,
    PdfStreamError,
    PdfStrictReadError,
    read_non_whitespace,
)
from pyhanko.pdf_utils.reader import PdfFileReader, _read_header_version, process_data_at_eof
from pyhanko.pdf_utils.xref import ObjStreamRef, XRefCache

from ebrvt_connect.trust.pdf_spelled import member_entries, object_entries
from ebrvt_connect.trust.pdf_tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from ebrvt_connect.trust.pdf_spelled import Entries
    from ebrvt_connect.trust.revisions import Section


_USUAL_BYTES = 2048
"""Within which a small dictionary ends."""
_PLAIN_HEAD = re.compile(rb"(?:\d{1,10}[ \r\n\t]++)*")


class StrictReader(PdfFileReader):
    """Strict, but for a reference to nothing, which means null (ISO 32000-1, 7.3.10).

    That it stays nothing in later revisions is seen to by `trust.later_objects`.
    """

    def __init__(self, stream: BinaryIO, chain: Sequence[Section] = ()) -> None:
        """`stream` is the file, or a masked view of it; `chain` its tables as far as they are read already.

        Raises what pyHanko raises. What it does is what pyHanko's own does, which leaves no choice of tables.
        """
        self._opened: dict[int, _ObjectStream] = {}
        self._security_handler = None
        self.strict = True
        size = stream.seek(0, SEEK_END)
        self._decode_context = DecodeContext(DecodeLimits(), input_size=size)
        self.resolved_objects = {}
        self._input_version = None
        self._historical_resolver_cache = {}
        self.stream = stream
        self._header_version = _read_header_version(stream)
        stream.seek(-1, SEEK_END)
        self.last_startxref = process_data_at_eof(stream)
        tables = Tables(self, stream, self.last_startxref, chain)
        self.xrefs = XRefCache(self, tables.read_xrefs())  # type: ignore[no-untyped-call]
        self.trailer = tables.trailer
        self.has_xref_stream = tables.has_xref_stream
        self._embedded_signatures = None

    def _read_object(
        self,
        ref: generic.Reference,
        marker: int | ObjStreamRef | None,
        never_decrypt: bool = False,  # noqa: FBT001, FBT002 - as pyHanko has it
        as_metadata_stream: bool = False,  # noqa: FBT001, FBT002
    ) -> generic.PdfObject:
        if marker is None:
            nothing = generic.NullObject()
            nothing.container_ref = ref
            return nothing
        found: generic.PdfObject = super()._read_object(ref, marker, never_decrypt, as_metadata_stream)
        return found

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> generic.PdfObject:
        packed, at = self._member(idnum, stmnum, idx)
        content = BytesIO(packed)
        content.seek(at)
        try:
            member = generic.read_object(content, generic.Reference(idnum, 0, self))
        except (PdfStreamError, PdfReadError) as failure:
            raise PdfStrictReadError(f"Can't read object stream: {failure}") from failure
        if isinstance(member, (generic.StreamObject, generic.IndirectObject)):
            raise PdfStrictReadError("Encountered forbidden object type in object stream")
        read_non_whitespace(content, seek_back=True, allow_eof=True)
        return member

    def _member(self, idnum: int, stmnum: int, idx: int) -> tuple[bytes, int]:
        """What the object stream unpacks to, and where in it this object begins.

        Raises what pyHanko raises.
        """
        stream = generic.Reference(stmnum, 0, self).get_object()
        opened = self._opened.get(stmnum)
        if opened is None or opened.stream is not stream:
            opened = self._opened[stmnum] = _ObjectStream(stream)
        if not 0 <= idx < opened.stream["/N"]:
            raise PdfStrictReadError("Object stream does not contain index")
        nth, at = opened.place_of(idnum)
        if nth != idx:
            raise PdfStrictReadError("Object is in wrong index.")
        return opened.content, at

    def plain_entries(self, number: int, generation: int) -> Entries | None:
        """The entries of a dictionary that is spelled as nearly all are, as they are written; else None.

        What is told here, pyHanko reads without complaint. Raises what pyHanko raises where the object cannot
        be got at.
        """
        place = self.xrefs[generic.Reference(number, generation, self)]
        if place is None:
            return None
        if isinstance(place, ObjStreamRef):
            return member_entries(*self._member(number, place.obj_stream_id, place.ix_in_stream))
        self.stream.seek(place)
        return object_entries(self.stream.read(_USUAL_BYTES), number, generation)


class _ObjectStream:
    """An object stream unpacked, and where its members begin as far as its head has been read."""

    def __init__(self, stream: generic.PdfObject) -> None:
        if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
            raise AssertionError("not an object stream")  # as pyHanko has it
        self.stream = stream
        self.content: bytes = stream.read_data(DecodePurpose.OBJECT_STREAM)
        self._places: dict[int, tuple[int, int]] = {}
        self._unread = self._read_on()
        self._read_plainly()

    def place_of(self, number: int) -> tuple[int, int]:
        """Of the first member of this number: the how manieth it is, and where it begins.

        Raises what pyHanko raises.
        """
        while number not in self._places:
            member, place = next(self._unread, (None, (0, 0)))
            if member is None:
                raise PdfStrictReadError("Object not found in stream, this is a fatal error in strict mode")
            self._places.setdefault(member, place)
        return self._places[number]

    def _read_plainly(self) -> None:
        """The whole head at once, where it reads in one way only: numbers, as many as there should be."""
        first, count = self.stream.get("/First"), self.stream.get("/N")
        if not isinstance(first, int) or not isinstance(count, int) or first < 0:
            return
        head, behind = self.content[:first], self.content[first : first + 1]
        if _PLAIN_HEAD.fullmatch(head) and behind and behind not in b"\0\t\n\f\r %":
            words = head.split()
            if len(words) == 2 * count:
                offsets = map(first.__add__, map(int, words[1::2]))
                for number, place in zip(map(int, words[::2]), enumerate(offsets), strict=True):
                    self._places.setdefault(number, place)
                self._unread = iter(())

    def _read_on(self) -> Iterator[tuple[int, tuple[int, int]]]:
        head, first = BytesIO(self.content), self.stream["/First"]
        for nth in range(self.stream["/N"]):
            try:
                read_non_whitespace(head, seek_back=True)
                number = generic.NumberObject.read_from_stream(head)
                read_non_whitespace(head, seek_back=True)
                offset = generic.NumberObject.read_from_stream(head)
                read_non_whitespace(head, seek_back=True)
            except ValueError as failure:
                raise PdfStrictReadError("Object stream header possibly corrupted") from failure
            yield number, (nth, first + offset)
