"""Opening a PDF for judgement: strictly, once, and with every signature found and placed.

PyHanko reads the masked view (see `trust.structure`); digests are always taken from the original bytes.
Nothing raised by a hostile file leaves this module but `PdfRefused`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from ebrvt_connect.trust import findings, limit_findings
from ebrvt_connect.trust.file_digests import FileDigests
from ebrvt_connect.trust.later_objects import LaterRevisions
from ebrvt_connect.trust.pdf_extent import has_overlong_object
from ebrvt_connect.trust.pdf_hybrid import join_companions
from ebrvt_connect.trust.pdf_pages import PagesRefused, PageTree
from ebrvt_connect.trust.pdf_reader import StrictReader
from ebrvt_connect.trust.pdf_tables import Listed
from ebrvt_connect.trust.revisions import LayoutRefused, sections_of, trouble_after, trouble_before
from ebrvt_connect.trust.scanning import Landmarks
from ebrvt_connect.trust.structure import (
    Slot,
    SlotInvalid,
    declared_in,
    labels_of,
    masked,
    slot_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyhanko.pdf_utils.reader import PdfFileReader

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revisions import Section
    from ebrvt_connect.trust.structure import Gap

_CONTENTS = generic.pdf_name("/Contents")
_DOCUMENT_TIMESTAMP = "/DocTimeStamp"


class PdfRefused(Exception):
    """A file that cannot be judged as a PDF; `code` is a finding."""

    def __init__(self, code: str, reason: str = "", count: int = 0) -> None:
        """`reason` is a class name or a word, never a text of the file; `count` of bytes, if any."""
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason
        self.count = count


@dataclass(frozen=True, slots=True)
class PlacedSignature:
    """A signature as it stands in the form (ô chữ ký): its dictionary, and its place if that is sound."""

    field_name: str
    field: generic.DictionaryObject
    dictionary: generic.DictionaryObject
    slot: Slot | None
    trouble: str = ""
    """A finding's code, when there is no sound place."""

    @property
    def subfilter(self) -> str:
        """The format it declares, without the slash."""
        return str(self.dictionary.get("/SubFilter", "")).lstrip("/")

    @property
    def is_document_timestamp(self) -> bool:
        """A timestamp over the whole file instead of a person's or agency's signature."""
        return bool(self.dictionary.get("/Type", "/Sig") == _DOCUMENT_TIMESTAMP)

    def widgets(self) -> Iterator[generic.DictionaryObject]:
        """The field and its kids: whatever of it may be painted on a page."""
        yield self.field
        kids = self.field["/Kids"] if "/Kids" in self.field else None  # noqa: SIM401 - `get` looks nothing up
        for kid in kids if isinstance(kids, generic.ArrayObject) else ():
            if isinstance(widget := kid.get_object(), generic.DictionaryObject):
                yield widget


@dataclass(frozen=True, slots=True)
class PdfReading:
    """A PDF opened for judgement."""

    data: bytes
    reader: PdfFileReader
    signatures: tuple[PlacedSignature, ...]
    """In signing order: by the end of what they cover, those without a sound place last."""
    smallest_page: float
    """The area of the smallest page, in square points."""
    traces: tuple[tuple[Gap, int], ...] = ()
    """Gaps that belong to no signature of the form, each with the end of what is said to be signed."""
    covered_trouble: str = ""
    """What is not canonical in the bytes the first signature covers, in developer English."""
    later_trouble: str = ""
    """What is not canonical in the bytes behind the first signature."""
    digests: FileDigests | None = None
    """What has been hashed of it already."""

    later: LaterRevisions | None = None
    """What the revisions after the first signature do."""

    def revisions_after(self, signature: PlacedSignature) -> int:
        """How many revisions were made after the one a signature stands in."""
        signed: int = self.reader.xrefs.get_last_change(signature.field.raw_get("/V").reference)
        total: int = self.reader.xrefs.total_revisions
        return total - 1 - signed


class MaskedSignature(EmbeddedPdfSignature):
    """PyHanko's view of a signature, with the CMS object and digests of the original bytes."""

    def __init__(self, reading: PdfReading, placed: PlacedSignature, slot: Slot) -> None:
        """Put back what was masked."""
        placed.dictionary[_CONTENTS] = generic.ByteStringObject(slot.contents)
        self._hashed = reading.digests or FileDigests(reading.data)
        self._slot = slot
        self._later = reading.later
        self.signature_fields = frozenset(p.field_name for p in reading.signatures)
        super().__init__(reading.reader, placed.field, placed.field_name)

    def trouble_after(self) -> str:
        """What a later revision does that may not follow a signature, in developer English; or ""."""
        return "" if self._later is None else self._later.trouble_after(self.signed_revision)

    def compute_digest(self, hash_algo: str | None = None) -> bytes:
        """The digest of the covered bytes, cached; never of the masked view."""
        algorithm = hash_algo or self.external_md_algorithm
        if algorithm not in self.external_digests:
            gap, end = self._slot.gap, self._slot.end
            self.external_digests[algorithm] = self._hashed.around(gap.start, gap.end, end, algorithm)
        digest: bytes = self.external_digests[algorithm]
        return digest


def open_pdf(data: bytes, policy: VerificationPolicy) -> PdfReading:
    """Open a PDF; raises `PdfRefused` for one that is broken, encrypted, ambiguous or excessive."""
    if not data.startswith(b"%PDF-"):
        raise PdfRefused(findings.PDF_HEADER_MISPLACED)
    marks = Landmarks(data)
    claims = declared_in(marks)
    declared, gaps = claims.first_end, claims.gaps
    digests = FileDigests(data, (gap.start for gap in gaps))
    chain = _chain(data, declared)
    trouble = _troubles(marks, chain, declared)
    if has_overlong_object(data, (at for s in chain for _, at in s.listed.values()), gaps):
        raise PdfRefused(limit_findings.PDF_CLAIMS_TOO_MUCH, "an object that goes on for too long")
    labels = labels_of(data, gaps, digests)
    reading = _fenced(data, labels, chain, policy)
    confirmed = {p.slot.gap for p in reading.signatures if p.slot is not None}
    if strangers := set(labels.values()) - confirmed:
        # What looked like a signature is none: pyHanko must see those bytes as they are.
        labels = {label: gap for label, gap in labels.items() if gap not in strangers}
        traces = tuple(dict.fromkeys(claim for claim in claims.claims if claim[0] in strangers))
        reading = replace(_fenced(data, labels, chain, policy), traces=traces)
    first = min((p.slot.end for p in reading.signatures if p.slot is not None), default=len(data))
    if first != declared:
        trouble = _troubles(marks, chain, first)
    return replace(reading, covered_trouble=trouble[0], later_trouble=trouble[1], digests=digests)


def _chain(data: bytes, declared: int) -> tuple[Section, ...]:
    """The cross-reference sections; what is wrong behind a signature counts as bytes nobody signed."""
    try:
        chain = sections_of(data)
        join_companions(chain)
        return chain
    except LayoutRefused as failure:
        if failure.at >= declared and failure.code == findings.PDF_LAYOUT_UNCLEAR:
            raise PdfRefused(findings.PDF_BYTES_AFTER_END, str(failure), len(data) - declared) from failure
        raise PdfRefused(failure.code, str(failure)) from failure


def _troubles(marks: Landmarks, chain: Sequence[Section], first: int) -> tuple[str, str]:
    try:
        return trouble_before(marks, chain, first), trouble_after(marks, chain, first)
    except LayoutRefused as failure:
        raise PdfRefused(failure.code, str(failure)) from failure


def _fenced(
    data: bytes, labels: dict[bytes, Gap], chain: Sequence[Section], policy: VerificationPolicy
) -> PdfReading:
    try:
        return _read(data, labels, chain, policy)
    except PdfRefused:
        raise
    except MemoryError:
        raise
    except Exception as failure:
        # Recursion limits, assertions, lookups: a hostile file breaks a parser in every way there is.
        raise PdfRefused(findings.PDF_UNREADABLE, type(failure).__name__) from failure


def _read(
    data: bytes, labels: dict[bytes, Gap], chain: Sequence[Section], policy: VerificationPolicy
) -> PdfReading:
    reader = StrictReader(masked(data, labels), chain)
    if "/Encrypt" in reader.trailer:
        raise PdfRefused(findings.PDF_ENCRYPTED)
    if reader.xrefs.hybrid_xrefs_present:
        raise PdfRefused(findings.PDF_HYBRID_XREF)
    _agree(reader, chain)
    objects = sum(len(s.listed) + len(s.packed) for s in chain)
    try:
        nodes, smallest = PageTree(reader, policy.most_pages, objects).measured()
    except PagesRefused as failure:
        raise PdfRefused(failure.code, failure.reason) from failure
    placed = []
    for name, value, field in enumerate_sig_fields(reader, filled_status=True):
        placed.append(_placed(data, labels, str(name), value, field))
        if len(placed) > policy.most_signatures:
            raise PdfRefused(limit_findings.PDF_TOO_MANY_SIGNATURES, str(policy.most_signatures))
    if nodes * len(placed) > policy.most_pages:
        raise PdfRefused(limit_findings.PDF_TOO_LARGE, str(policy.most_pages))
    placed.sort(key=lambda p: len(data) + 1 if p.slot is None else p.slot.end)
    later = LaterRevisions(reader, [p.field.raw_get("/V").reference for p in placed]) if placed else None
    return PdfReading(data, reader, tuple(placed), smallest_page=smallest, later=later)


def _agree(reader: PdfFileReader, chain: Sequence[Section]) -> None:
    """PyHanko must have read the very sections we have checked."""
    theirs = [reader.xrefs.get_xref_data(n) for n in range(reader.xrefs.total_revisions)]
    if len(theirs) != len(chain):
        raise PdfRefused(findings.PDF_UNREADABLE, "sections")
    for section, data in zip(reversed(chain), theirs, strict=True):
        if isinstance(data, Listed):
            agreed = data.section is section
        else:
            packed = {n: (r.obj_stream_id, r.ix_in_stream) for n, r in data.xrefs_in_objstm.items()}
            agreed = data.standard_xrefs == section.listed and packed == section.packed
        if not agreed:
            raise PdfRefused(findings.PDF_UNREADABLE, "entries")


def _placed(
    data: bytes,
    labels: dict[bytes, Gap],
    name: str,
    value: generic.PdfObject,
    field: generic.PdfObject,
) -> PlacedSignature:
    dictionary, at = value.get_object(), field.get_object()
    if not isinstance(dictionary, generic.DictionaryObject) or not isinstance(at, generic.DictionaryObject):
        raise PdfRefused(findings.PDF_UNREADABLE, "signature value")
    try:
        byte_range = [n.get_object() for n in dictionary["/ByteRange"]]
        contents = dictionary.raw_get("/Contents").original_bytes
    except (KeyError, TypeError, AttributeError):
        return PlacedSignature(name, at, dictionary, None, findings.BYTE_RANGE_INVALID)
    try:
        slot = slot_of(data, byte_range, contents, labels)
    except SlotInvalid as failure:
        code = findings.BYTE_RANGE_GAP if failure.gap else findings.BYTE_RANGE_INVALID
        return PlacedSignature(name, at, dictionary, None, code)
    return PlacedSignature(name, at, dictionary, slot)
