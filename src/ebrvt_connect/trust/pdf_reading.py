"""Opening a PDF for judgement: strictly, once, and with every signature found and placed.

PyHanko reads the masked view (see `trust.structure`); digests are always taken from the original bytes.
Nothing raised by a hostile file leaves this module but `PdfRefused`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.structure import Slot, SlotInvalid, gaps_in, labels_of, masked, slot_of

if TYPE_CHECKING:
    from ebrvt_connect.trust.structure import Gap

_CONTENTS = generic.pdf_name("/Contents")
_DOCUMENT_TIMESTAMP = "/DocTimeStamp"


class PdfRefused(Exception):
    """A file that cannot be judged as a PDF; `code` is a finding."""

    def __init__(self, code: str, reason: str = "") -> None:
        """`reason` is a class name or a word, never a text of the file."""
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


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


@dataclass(frozen=True, slots=True)
class PdfReading:
    """A PDF opened for judgement."""

    data: bytes
    reader: PdfFileReader
    signatures: tuple[PlacedSignature, ...]
    """In signing order: by the end of what they cover, those without a sound place last."""
    outside_form: bool
    """Some /ByteRange belongs to no signature of the form."""

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
        self._original = reading.data
        self._slot = slot
        self.signature_fields = frozenset(p.field_name for p in reading.signatures)
        super().__init__(reading.reader, placed.field, placed.field_name)

    def compute_digest(self, hash_algo: str | None = None) -> bytes:
        """The digest of the covered bytes, cached; never of the masked view."""
        algorithm = hash_algo or self.external_md_algorithm
        if algorithm not in self.external_digests:
            self.external_digests[algorithm] = self._slot.digest(self._original, algorithm)
        digest: bytes = self.external_digests[algorithm]
        return digest


def open_pdf(data: bytes, *, most_signatures: int) -> PdfReading:
    """Open a PDF; raises `PdfRefused` for one that is broken, encrypted, ambiguous or excessive."""
    if not data.startswith(b"%PDF-"):
        raise PdfRefused(findings.PDF_HEADER_MISPLACED)
    labels = labels_of(data, gaps_in(data))
    reading = _fenced(data, labels, most_signatures)
    confirmed = {p.slot.gap for p in reading.signatures if p.slot is not None}
    if strangers := set(labels.values()) - confirmed:
        # What looked like a signature is none: pyHanko must see those bytes as they are.
        labels = {label: gap for label, gap in labels.items() if gap not in strangers}
        reading = replace(_fenced(data, labels, most_signatures), outside_form=True)
    return reading


def _fenced(data: bytes, labels: dict[bytes, Gap], most_signatures: int) -> PdfReading:
    try:
        return _read(data, labels, most_signatures)
    except PdfRefused:
        raise
    except Exception as failure:
        # Recursion limits, assertions, lookups: a hostile file breaks a parser in every way there is.
        raise PdfRefused(findings.PDF_UNREADABLE, type(failure).__name__) from failure


def _read(data: bytes, labels: dict[bytes, Gap], most_signatures: int) -> PdfReading:
    reader = PdfFileReader(masked(data, labels), strict=True)
    if "/Encrypt" in reader.trailer:
        raise PdfRefused(findings.PDF_ENCRYPTED)
    if reader.xrefs.hybrid_xrefs_present:
        raise PdfRefused(findings.PDF_HYBRID_XREF)
    _walk_pages(reader)
    placed = []
    for name, value, field in enumerate_sig_fields(reader, filled_status=True):
        placed.append(_placed(data, labels, str(name), value, field))
        if len(placed) > most_signatures:
            raise PdfRefused(findings.PDF_TOO_MANY_SIGNATURES, str(most_signatures))
    placed.sort(key=lambda p: len(data) + 1 if p.slot is None else p.slot.end)
    return PdfReading(data, reader, tuple(placed), outside_form=False)


def _walk_pages(reader: PdfFileReader) -> None:
    """A file whose page tree does not read is broken, signed or not; raises whatever pyHanko raises."""
    pages = reader.root["/Pages"]
    if int(pages["/Count"]) > 0:
        reader.find_page_for_modification(0)


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
