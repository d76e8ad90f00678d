"""PyHanko's reader of a PDF, held to ISO 32000-1 in one point and spared reading the same thing many times.

PyHanko reads the head of an object stream (luồng đối tượng) anew for each member it looks up, which in a
stream of a hundred is most of the work. Here it is read once, as far as it has been needed; what is odd in
it is refused at the same place and with the same words.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import (
    PdfReadError,
    PdfStreamError,
    PdfStrictReadError,
    read_non_whitespace,
)
from pyhanko.pdf_utils.reader import PdfFileReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from pyhanko.pdf_utils.xref import ObjStreamRef


class StrictReader(PdfFileReader):
    """Strict, but for a reference to nothing, which means null (ISO 32000-1, 7.3.10).

    That it stays nothing in later revisions is seen to by `trust.later_objects`.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """`stream` is the file, or a masked view of it. Raises what pyHanko raises."""
        self._opened: dict[int, _ObjectStream] = {}
        super().__init__(stream, strict=True)

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
        stream = generic.Reference(stmnum, 0, self).get_object()
        opened = self._opened.get(stmnum)
        if opened is None or opened.stream is not stream:
            opened = self._opened[stmnum] = _ObjectStream(stream)
        if not 0 <= idx < opened.stream["/N"]:
            raise PdfStrictReadError("Object stream does not contain index")
        nth, at = opened.place_of(idnum)
        if nth != idx:
            raise PdfStrictReadError("Object is in wrong index.")
        content = BytesIO(opened.content)
        content.seek(at)
        try:
            member = generic.read_object(content, generic.Reference(idnum, 0, self))
        except (PdfStreamError, PdfReadError) as failure:
            raise PdfStrictReadError(f"Can't read object stream: {failure}") from failure
        if isinstance(member, (generic.StreamObject, generic.IndirectObject)):
            raise PdfStrictReadError("Encountered forbidden object type in object stream")
        read_non_whitespace(content, seek_back=True, allow_eof=True)
        return member


class _ObjectStream:
    """An object stream unpacked, and where its members begin as far as its head has been read."""

    def __init__(self, stream: generic.PdfObject) -> None:
        if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
            raise AssertionError("not an object stream")  # as pyHanko has it
        self.stream = stream
        self.content: bytes = stream.read_data(DecodePurpose.OBJECT_STREAM)
        self._places: dict[int, tuple[int, int]] = {}
        self._unread = self._read_on()

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
