"""Cross-reference tables as pyHanko wants them, made of those read already (bảng tham chiếu).

Reading a table entry by entry is most of the work in a file of many objects, and `trust.revisions` has done
it before pyHanko is asked. Here pyHanko finds the section it comes upon among those: it still reads each
trailer and unpacks each stream of entries itself, and reads on by itself wherever a table is not of the usual
form, or not the one we have.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import read_non_whitespace
from pyhanko.pdf_utils.xref import (
    ObjStreamRef,
    XRefBuilder,
    XRefSection,
    XRefSectionData,
    XRefSectionMetaInfo,
    XRefSectionType,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from pyhanko.pdf_utils.rw_common import PdfHandler

    from ebrvt_connect.trust.revisions import Section


class Tables(XRefBuilder):
    """PyHanko's reading of the chain of sections, spared the entries of those that are known."""

    def __init__(self, reader: PdfHandler, stream: BinaryIO, last: int, chain: Iterable[Section]) -> None:
        """`last` is where the newest section begins."""
        super().__init__(handler=reader, stream=stream, strict=True, last_startxref=last)
        self._known = {section.at: section for section in chain if section.usual}

    def _read_xref_table(self, declared_startxref: int) -> int | None:
        section = self._known.get(declared_startxref)
        if section is None or section.keyword < 0:
            before: int | None = super()._read_xref_table(declared_startxref)
            return before
        stream = self.stream
        begin = stream.tell()
        stream.seek(section.keyword + len(b"trailer"))
        read_non_whitespace(stream, seek_back=True)
        end = stream.tell()
        reference = generic.TrailerReference(self.handler)
        trailer = generic.DictionaryObject.read_from_stream(stream, reference)
        return self._add(section, trailer, begin, end)

    def _read_xref_stream(self, declared_startxref: int) -> int | None:
        section = self._known.get(declared_startxref)
        begin = self.stream.tell()
        if section is not None and section.rows is not None:
            reference, held = self._read_xref_stream_object()  # type: ignore[no-untyped-call]
            width = sum(held["/W"])
            # As pyHanko has it: a predictor adds a byte to each row.
            at_most = len(section.rows) // width * (width + 1)
            if held.read_data(DecodePurpose.XREF_STREAM, expected_size=at_most) == section.rows:
                return self._add(section, held, begin, self.stream.tell(), reference)
            self.stream.seek(begin)
        before: int | None = super()._read_xref_stream(declared_startxref)
        return before

    def _add(
        self,
        section: Section,
        trailer: generic.DictionaryObject,
        begin: int,
        end: int,
        stream: generic.Reference | None = None,
    ) -> int | None:
        """Take the section over; where the one before it begins."""
        about = XRefSectionMetaInfo(
            xref_section_type=XRefSectionType.STANDARD if stream is None else XRefSectionType.STREAM,
            size=int(trailer.raw_get("/Size")),
            declared_startxref=section.at,
            start_location=begin,
            end_location=end,
            stream_ref=stream,
        )
        self.sections.append(XRefSection(about, Listed(section)))
        self.trailer.add_trailer_revision(trailer)
        return cast("int | None", trailer.get("/Prev"))


class Listed(XRefSectionData):
    """A section we have read, answering as pyHanko's own would."""

    def __init__(self, section: Section) -> None:
        """Nothing is copied."""
        self.section = section
        self.standard_xrefs = section.listed
        # Told as pyHanko wants them in `try_resolve`; all else asks only which numbers there are.
        self.xrefs_in_objstm = cast("dict[int, ObjStreamRef]", section.packed)
        self.freed = {number: generation for number, generation in section.freed if number}
        self.hybrid = None

    def try_resolve(self, ref: generic.Reference | generic.IndirectObject) -> int | ObjStreamRef | None:
        """Where an object stands; None for a free one. Raises `KeyError` for one that is not listed here."""
        found: object = super().try_resolve(ref)
        return ObjStreamRef(*found) if isinstance(found, tuple) else cast("int | None", found)

    @cached_property
    def explicit_refs_in_revision(self) -> set[tuple[int, int]]:  # type: ignore[override]
        """Number and generation of whatever is defined or freed here."""
        defined = {(number, generation) for number, (generation, _) in self.standard_xrefs.items()}
        freed = {(number, generation - 1) for number, generation in self.section.freed if number}
        return defined | freed | {(number, 0) for number in self.xrefs_in_objstm}

    @cached_property
    def obj_streams_used(self) -> set[int]:  # type: ignore[override]
        """Numbers of the object streams it has members of."""
        return {stream for stream, _ in self.section.packed.values()}
